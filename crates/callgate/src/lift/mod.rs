//! Program → Filter: what a program means, exactly.
//!
//! The program is executed once for every class of `arch` values and, within it, once for every
//! class of `nr` values: the constants the program compares them with cut both into few intervals,
//! and each path carries the set of numbers that reach it. What remains — tests of arguments — becomes
//! decision nodes by symbolic execution, each register being a word, a masked word, or 32 conditions.

mod classes;
mod liveness;
mod numbers;
mod solve;
mod solved;
mod value;

use crate::diagram::{Diagram, Filter, Leaves, Limits, Ref, Store, TooLarge};
use crate::program::Program;
use callgate_abi::{Action, Endian, Insn, Word};
use solved::Solved;
use std::fmt;
use value::Scratch;

/// Why a program could not be read back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiftError {
    /// The instruction that could not be modelled.
    pub at: usize,
    /// What stood in the way.
    pub kind: LiftErrorKind,
}

/// What stood in the way of reading a program back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LiftErrorKind {
    /// The function needs more nodes or steps than the budget.
    TooLarge(TooLarge),
    /// `ret A` with more than this many possible values.
    ManyReturns(usize),
}

impl fmt::Display for LiftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instruction {}: ", self.at)?;
        match self.kind {
            LiftErrorKind::TooLarge(e) => write!(f, "{e}"),
            LiftErrorKind::ManyReturns(n) => write!(f, "returns one of more than {n} computed values"),
        }
    }
}

impl std::error::Error for LiftError {}

impl Program {
    /// What the program means.
    ///
    /// ```
    /// use callgate::abi::insn::{op, Insn};
    /// use callgate::{Action, Program};
    ///
    /// // The same filter, written twice.
    /// let ret = |action: Action| Insn::stmt(op::RET_K, action.to_ret());
    /// let a = Program::new(vec![
    ///     Insn::stmt(op::LD_ABS, 0),
    ///     Insn::jump(op::JEQ_K, 1, 0, 1),
    ///     ret(Action::ALLOW),
    ///     ret(Action::KILL_PROCESS),
    /// ])?;
    /// let b = Program::new(vec![
    ///     Insn::stmt(op::LD_ABS, 0),
    ///     Insn::jump(op::JGT_K, 1, 2, 0),
    ///     Insn::jump(op::JGE_K, 1, 0, 1),
    ///     ret(Action::ALLOW),
    ///     ret(Action::KILL_PROCESS),
    /// ])?;
    /// assert_eq!(a.lift()?, b.lift()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lift(&self) -> Result<Filter, LiftError> {
        self.lift_within(Limits::default())
    }

    /// As [`Program::lift`], within the given budget.
    pub fn lift_within(&self, limits: Limits) -> Result<Filter, LiftError> {
        let rets = self.lift_rets(limits)?;
        Ok(rets.map(|&ret| Action::from_ret(ret)))
    }

    /// Whether the program means this filter. It is read into the filter's own nodes, of which no two are the same
    /// function: it means the filter exactly if it comes to the filter's root.
    pub(crate) fn means(&self, filter: &Filter, limits: Limits) -> Result<bool, LiftError> {
        let mut leaves = Leaves::new();
        for (i, leaf) in filter.leaves().iter().enumerate() {
            let ret = leaf.to_ret();
            // An action of another name for what the kernel does has no return value of its own.
            if Action::from_ret(ret) != *leaf || leaves.intern(ret) != Ref::leaf(i as u32) {
                return Ok(self.lift_within(limits)? == *filter);
            }
        }
        let mut lifter = Lifter::new(self, Store::holding(filter, limits), leaves);
        Ok(lifter.program()? == filter.root())
    }

    /// The raw return values, which tell `ALLOW` with data from `ALLOW`, as actions do too.
    fn lift_rets(&self, limits: Limits) -> Result<Diagram<u32>, LiftError> {
        let mut lifter = Lifter::new(self, Store::new(limits), Leaves::new());
        let root = lifter.program()?;
        Ok(lifter.store.finish(root, lifter.leaves.list()))
    }
}

/// Everything the parts of this module share while one program is read.
struct Lifter<'a> {
    insns: &'a [Insn],
    endian: Endian,
    store: Store,
    leaves: Leaves<u32>,
    /// Per instruction: which registers some path from here reads before writing.
    live: Vec<u32>,
    /// Per instruction: which bits of the accumulator can matter.
    demand: Vec<u32>,
    /// Per instruction: which words some path from here loads.
    reads: Vec<u16>,
    scratch: Scratch,
    solved: Solved,
}

impl<'a> Lifter<'a> {
    fn new(program: &'a Program, store: Store, mut leaves: Leaves<u32>) -> Lifter<'a> {
        let insns = program.insns();
        let (live, reads) = liveness::scan(insns, program.endian());
        // Conditions use leaves 0 and 1 for no and yes; any two values may stand there.
        for some in [Action::KILL_THREAD, Action::ALLOW] {
            if leaves.list().len() < 2 {
                leaves.intern(some.to_ret());
            }
        }
        Lifter {
            insns,
            endian: program.endian(),
            store,
            leaves,
            live,
            demand: liveness::demanded_bits(insns),
            reads,
            scratch: Scratch::new(),
            solved: Solved::new(insns.len()),
        }
    }

    fn too_large(at: usize) -> impl Fn(TooLarge) -> LiftError {
        move |e| LiftError { at, kind: LiftErrorKind::TooLarge(e) }
    }

    fn reads(&self, pc: usize, word: Word) -> bool {
        self.reads[pc] >> word.index() & 1 == 1
    }
}
