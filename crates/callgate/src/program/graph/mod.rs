//! The flow of a program, as basic blocks; drawn as Graphviz `dot` text or as an SVG image.

mod dot;
mod layout;
mod nodes;
mod svg;

use super::Code;
use super::check::is_conditional;
use super::disasm::{Line, Mark, Options, disasm};
use callgate_abi::insn::op;
use std::collections::BTreeSet;

/// The blocks of a program, in the order of their instructions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Graph {
    /// The blocks; the first one is where the program begins.
    pub blocks: Vec<Block>,
}

/// Instructions that are only ever executed one after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// The instructions, as a listing shows them.
    pub lines: Vec<Line>,
    /// Where it can go on; nowhere after a return.
    pub edges: Vec<Edge>,
    /// Whether some call can get here.
    pub reached: bool,
}

/// A way from one block to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    /// When it is taken.
    pub when: When,
    /// The index of the block it leads to; `None` beyond the end of the program.
    pub to: Option<usize>,
}

/// When an edge is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// The test at the block's end holds, as the listing writes it (`!=` where the instruction is a
    /// `JEQ` that jumps on "false").
    True,
    /// That test does not hold.
    False,
    /// Always.
    Always,
}

impl Block {
    /// The index of the first instruction.
    pub fn start(&self) -> usize {
        self.lines.first().and_then(|l| l.at).unwrap_or(0)
    }

    /// Whether the block is nothing but a return.
    pub fn is_return(&self) -> bool {
        self.lines.len() == 1 && self.edges.is_empty()
    }

    /// How the returned action treats the call, for a block that ends with a named one.
    fn verdict(&self) -> Option<Mark> {
        let last = self.lines.last()?;
        last.code.iter().map(|s| s.mark).find(|m| matches!(m, Mark::Permit | Mark::Ask | Mark::Refuse))
    }
}

/// Splits a program into blocks. `options` are those of its listing.
///
/// ```
/// use callgate::program::asm::{self, assemble};
/// use callgate::program::disasm::Options;
/// use callgate::program::graph::graph;
///
/// let text = "A = arch\nif arch != x86_64 goto +1\nreturn allow\nreturn kill-process";
/// let code = assemble(text, &asm::Options::default()).unwrap();
/// let graph = graph(&code, &Options::default());
/// assert_eq!(graph.blocks.len(), 3);
/// assert!(graph.to_dot().contains("b0 -> b3 [label=\"true\""));
/// ```
pub fn graph(code: &Code, options: &Options) -> Graph {
    let listing = disasm(code, options);
    let lines: Vec<&Line> = listing.instructions().collect();
    let starts: Vec<usize> = starts(code).into_iter().collect();
    let block_at = |at: u64| starts.binary_search(&usize::try_from(at).ok()?).ok();
    let mut blocks = Vec::with_capacity(starts.len());
    for (i, start) in starts.iter().enumerate() {
        let end = starts.get(i + 1).copied().unwrap_or(code.insns.len());
        let last = end - 1;
        let edges = exits(code, last).map(|(when, to)| Edge { when, to: block_at(to) }).collect();
        let never = |l: &&Line| l.remarks.iter().any(|r| r.text == super::disasm::NEVER);
        let reached = !never(&lines[*start]);
        blocks.push(Block {
            lines: lines[*start..end].iter().map(|l| (*l).clone()).collect(),
            edges,
            reached,
        });
    }
    Graph { blocks }
}

/// The first instruction, every target, and whatever follows a jump or return.
fn starts(code: &Code) -> BTreeSet<usize> {
    let len = code.insns.len();
    let mut starts = BTreeSet::new();
    if len > 0 {
        starts.insert(0);
    }
    for (at, insn) in code.insns.iter().enumerate() {
        let ends = is_conditional(insn.code) || matches!(insn.code, op::JA | op::RET_K | op::RET_A);
        if ends {
            starts.extend(exits(code, at).filter_map(|(_, to)| usize::try_from(to).ok()));
            starts.insert(at + 1);
        }
    }
    starts.retain(|s| *s < len);
    starts
}

/// Where an instruction leads.
fn exits(code: &Code, at: usize) -> impl Iterator<Item = (When, u64)> {
    let insn = code.insns[at];
    let over = |n: u64| at as u64 + 1 + n;
    let (first, second) = match insn.code {
        op::RET_K | op::RET_A => (None, None),
        op::JA => (Some((When::Always, over(insn.k.into()))), None),
        code if is_conditional(code) && insn.jt == insn.jf => {
            (Some((When::Always, over(insn.jt.into()))), None)
        }
        code if is_conditional(code) => {
            // A listing writes a test that only leaves on "false" the other way round.
            let (then, otherwise) = if insn.jt == 0 { (insn.jf, insn.jt) } else { (insn.jt, insn.jf) };
            (Some((When::True, over(then.into()))), Some((When::False, over(otherwise.into()))))
        }
        _ => (Some((When::Always, over(0))), None),
    };
    first.into_iter().chain(second)
}
