//! Which tests to make: a diagram's bits gathered into comparisons of whole words.

mod bits;
mod line;
mod optimal;
mod weigh;

use super::graph::{Graph, Id};
use super::{Options, Target};
use crate::diagram::{Filter, Ref, words::Test};
use crate::hash::FastMap;
use callgate_abi::Word;
use line::{Line, Step};
use optimal::Tree;

/// Beyond this many ranges of one word, only its bits are tested.
const MOST_SEGMENTS: usize = 4096;

/// The graph of the filter and its entry.
pub(super) fn plan(filter: &Filter, options: &Options<'_>) -> (Graph, Id) {
    let mut planner = Planner {
        filter,
        options,
        token: None,
        graph: Graph::default(),
        done: FastMap::default(),
        costs: FastMap::default(),
    };
    let root = planner.block(filter.root());
    (planner.graph, root)
}

struct Planner<'a> {
    filter: &'a Filter,
    options: &'a Options<'a>,
    /// The audit token whose numbers are being planned.
    token: Option<u32>,
    graph: Graph,
    done: FastMap<Ref, Id>,
    /// What testing a node's word bit by bit costs, in instructions.
    costs: FastMap<Ref, usize>,
}

impl Planner<'_> {
    fn block(&mut self, at: Ref) -> Id {
        let Some(word) = self.word(at) else {
            return self.graph.ret(self.filter.leaf(at).to_ret());
        };
        if let Some(&id) = self.done.get(&at) {
            return id;
        }
        if let Some((mix, pass, fail)) = self.filter.mix(at) {
            let (then, other) = (self.block(pass), self.block(fail));
            let id = self.graph.mixed(mix, then, other);
            self.done.insert(at, id);
            return id;
        }
        let id = match self.filter.segments(at, word, MOST_SEGMENTS) {
            Some(segments) if line::cost(&segments) <= self.bit_cost(at, word) => {
                let line = self.weigh(word, &segments);
                let best = (word == Word::NR && self.options.target == Target::Raw)
                    .then(|| optimal::tree(line.pieces()));
                match best.flatten() {
                    Some(tree) => self.tree(word, &tree),
                    None => self.line(word, line),
                }
            }
            _ => self.bits(at, word),
        };
        self.done.insert(at, id);
        id
    }

    fn word(&self, at: Ref) -> Option<Word> {
        let node = self.filter.node(at.node_index()?);
        Word::from_index((node.level / 32) as u8)
    }

    /// The tests that tell the pieces of a line apart.
    fn line(&mut self, word: Word, line: Line) -> Id {
        match line.step() {
            Step::One(target) => self.target(word, &line, target),
            Step::Equal { value, target, rest } => {
                let then = self.target(word, &Line::only(value), target);
                let other = self.line(word, rest);
                self.graph.test(word, u32::MAX, Test::Eq(value), then, other)
            }
            Step::Cut { at, below, from } => {
                let other = self.line(word, below);
                let then = self.line(word, from);
                self.graph.test(word, u32::MAX, Test::Ge(at), then, other)
            }
        }
    }

    /// The tests of a tree. Only `arch` needs to know which value led where, and has no tree.
    fn tree(&mut self, word: Word, tree: &Tree) -> Id {
        match tree {
            Tree::One(target) => self.block(*target),
            Tree::Equal { value, target, rest } => {
                let then = self.block(*target);
                let other = self.tree(word, rest);
                self.graph.test(word, u32::MAX, Test::Eq(*value), then, other)
            }
            Tree::Cut { at, below, from } => {
                let other = self.tree(word, below);
                let then = self.tree(word, from);
                self.graph.test(word, u32::MAX, Test::Ge(*at), then, other)
            }
        }
    }

    fn target(&mut self, word: Word, line: &Line, target: Ref) -> Id {
        if word == Word::ARCH {
            self.token = line.single();
        }
        self.block(target)
    }
}
