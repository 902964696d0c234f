//! Symbolic execution from one instruction on, where `arch` and `nr` may be known.

use super::value::{State, Value, mentions};
use super::{LiftError, LiftErrorKind, Lifter, liveness};
use crate::diagram::{Ref, TooLarge};
use crate::program::is_conditional;
use callgate_abi::insn::op;
use callgate_abi::{Insn, Word};

/// Where execution stands, reduced to what still matters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key {
    pub(super) pc: usize,
    pub(super) state: State,
    pub(super) known: Known,
}

/// What is known of the two words that select a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Known {
    pub(super) arch: Option<u32>,
    pub(super) nr: Option<u32>,
}

/// What an instruction does once its inputs are known as well as they will be.
pub(super) enum Step {
    /// On to this instruction.
    Next(usize),
    /// The end, with this diagram of return values.
    Return(Ref),
    /// A jump on `a ? b`.
    Jump { code: u16, a: Value, b: Value, then: usize, other: usize },
    /// A division by a register not known to be other than 0.
    Divide,
}

/// What a stretch of instructions comes to.
enum Block {
    Done(Ref),
    Branch { condition: Ref, then: Next, other: Key },
    Test { word: Word, mask: u32, code: u16, k: u32, then: Key, other: Key },
}

#[derive(Clone, Copy)]
enum Next {
    Go(Key),
    End(Ref),
}

/// How many different values a `ret A` may compute.
const MOST_RETURNS: usize = 256;

impl Lifter<'_> {
    /// The key with everything dropped that no path from there looks at.
    pub(super) fn key(&mut self, pc: usize, mut state: State, mut known: Known) -> Key {
        let live = self.live[pc];
        if live & liveness::A == 0 {
            state.a = Value::Const(0);
        }
        if live & liveness::X == 0 {
            state.x = Value::Const(0);
        }
        if state.mem != 0 {
            let mut mem = *self.scratch.mem(state.mem);
            for (i, cell) in mem.iter_mut().enumerate() {
                if live >> i & 1 == 0 {
                    *cell = Value::Const(0);
                }
            }
            state.mem = self.scratch.intern_mem(mem);
        }
        if !self.reads(pc, Word::ARCH) {
            known.arch = None;
        }
        if !self.reads(pc, Word::NR) {
            known.nr = None;
        }
        Key { pc, state, known }
    }

    /// The diagram of what the program returns from `key` on.
    pub(super) fn solve(&mut self, key: Key) -> Result<Ref, LiftError> {
        if let Some(made) = self.solved.get(&key) {
            return Ok(made);
        }
        let mut todo: Vec<(Key, Option<Block>)> = vec![(key, None)];
        let mut waiting: Vec<Key> = Vec::with_capacity(2);
        // The key that is asked for is solved last.
        let mut last = Ref::FALSE;
        while let Some((key, block)) = todo.pop() {
            if self.solved.get(&key).is_some() {
                continue;
            }
            let block = match block {
                Some(block) => block,
                None => self.block(key)?,
            };
            // What the key waits for is worked on first; it is looked at again then.
            let mut wait = |next: Key| {
                let known = self.solved.get(&next);
                if known.is_none() {
                    waiting.push(next);
                }
                known
            };
            let (then, other) = match &block {
                Block::Done(made) => (Some(*made), Some(*made)),
                Block::Branch { then: Next::End(made), other, .. } => (Some(*made), wait(*other)),
                Block::Branch { then: Next::Go(then), other, .. } | Block::Test { then, other, .. } => {
                    (wait(*then), wait(*other))
                }
            };
            let (Some(then), Some(other)) = (then, other) else {
                todo.push((key, Some(block)));
                todo.extend(waiting.drain(..).map(|k| (k, None)));
                continue;
            };
            let made = match block {
                Block::Done(made) => Ok(made),
                Block::Branch { condition, .. } => self.store.ite(condition, then, other),
                Block::Test { word, mask, code, k, .. } => {
                    self.store.branch(word, mask, super::value::test(code, k), then, other)
                }
            };
            let made = made.map_err(Self::too_large(key.pc))?;
            self.solved.insert(key, made);
            last = made;
        }
        Ok(last)
    }

    /// Executes from `key` to the next instruction whose outcome depends on an unknown.
    fn block(&mut self, key: Key) -> Result<Block, LiftError> {
        let (mut pc, mut state, known) = (key.pc, key.state, key.known);
        loop {
            let at = pc;
            match self.step(pc, &mut state, known)? {
                Step::Next(next) => pc = next,
                Step::Return(made) => return Ok(Block::Done(made)),
                Step::Jump { code, a: Value::Field(word, mask), b: Value::Const(k), then, other } => {
                    let (then, other) = (self.key(then, state, known), self.key(other, state, known));
                    return Ok(Block::Test { word, mask, code, k, then, other });
                }
                Step::Jump { code, a, b, then, other } => {
                    let condition =
                        self.scratch.condition(&mut self.store, code, a, b).map_err(Self::too_large(at))?;
                    match condition {
                        Ref::TRUE => pc = then,
                        Ref::FALSE => pc = other,
                        _ => {
                            let then = Next::Go(self.key(then, state, known));
                            let other = self.key(other, state, known);
                            return Ok(Block::Branch { condition, then, other });
                        }
                    }
                }
                Step::Divide => {
                    let (a, x) = (state.a, state.x);
                    let made = (|| {
                        let zero = self.scratch.condition(&mut self.store, op::JEQ_K, x, Value::Const(0))?;
                        Ok((zero, self.scratch.alu(&mut self.store, op::DIV_X, a, x, u32::MAX)?))
                    })();
                    let (condition, quotient) = made.map_err(Self::too_large(at))?;
                    state.a = quotient;
                    let then = Next::End(self.leaves.intern(0));
                    let other = self.key(at + 1, state, known);
                    return Ok(Block::Branch { condition, then, other });
                }
            }
        }
    }

    /// Executes one instruction as far as its inputs are known.
    pub(super) fn step(&mut self, pc: usize, state: &mut State, known: Known) -> Result<Step, LiftError> {
        self.store.spend(1).map_err(Self::too_large(pc))?;
        // A program that shuffles scratch memory may reach one instruction in any number of states.
        let kept = self.scratch.kept() + self.solved.len() * 3;
        self.store.room_for(kept).map_err(Self::too_large(pc))?;
        let insn = self.insns[pc];
        let k = insn.k;
        let too_large = Self::too_large(pc);
        let need = self.demand[pc + 1];
        match insn.code {
            op::LD_ABS => state.a = self.load(insn, known),
            op::LD_LEN => state.a = Value::Const(64),
            op::LDX_LEN => state.x = Value::Const(64),
            op::LD_IMM => state.a = Value::Const(k),
            op::LDX_IMM => state.x = Value::Const(k),
            op::LD_MEM => state.a = self.scratch.mem(state.mem)[k as usize],
            op::LDX_MEM => state.x = self.scratch.mem(state.mem)[k as usize],
            op::ST | op::STX => {
                let mut mem = *self.scratch.mem(state.mem);
                mem[k as usize] = if insn.code == op::ST { state.a } else { state.x };
                state.mem = self.scratch.intern_mem(mem);
            }
            op::TAX => state.x = state.a,
            op::TXA => state.a = state.x,
            op::NEG => state.a = self.scratch.negate(&mut self.store, state.a, need).map_err(too_large)?,
            op::JA => return Ok(Step::Next(pc + 1 + k as usize)),
            op::RET_K => return Ok(Step::Return(self.leaves.intern(k))),
            op::RET_A => return Ok(Step::Return(self.returned(pc, state.a)?)),
            op::DIV_X => match state.x {
                Value::Const(0) => return Ok(Step::Return(self.leaves.intern(0))),
                Value::Const(_) => {
                    let quotient = self.scratch.alu(&mut self.store, insn.code, state.a, state.x, need);
                    state.a = quotient.map_err(too_large)?;
                }
                _ => return Ok(Step::Divide),
            },
            code if is_conditional(code) => {
                let (a, b) = (state.a, if code & 0x08 != 0 { state.x } else { Value::Const(k) });
                let (then, other) = (pc + 1 + usize::from(insn.jt), pc + 1 + usize::from(insn.jf));
                return Ok(match (a, b) {
                    _ if then == other => Step::Next(then),
                    (Value::Const(a), Value::Const(b)) => {
                        Step::Next(if super::value::test(code, b).holds(a) { then } else { other })
                    }
                    _ => Step::Jump { code, a, b, then, other },
                });
            }
            code => {
                let b = if code & 0x08 != 0 { state.x } else { Value::Const(k) };
                state.a = self.scratch.alu(&mut self.store, code, state.a, b, need).map_err(too_large)?;
            }
        }
        Ok(Step::Next(pc + 1))
    }

    fn load(&self, insn: Insn, known: Known) -> Value {
        match Word::from_offset(insn.k, self.endian) {
            Some(Word::ARCH) if known.arch.is_some() => Value::Const(known.arch.unwrap_or_default()),
            Some(Word::NR) if known.nr.is_some() => Value::Const(known.nr.unwrap_or_default()),
            Some(word) => Value::Field(word, u32::MAX),
            None => Value::Const(0),
        }
    }

    /// The diagram that returns a computed value.
    fn returned(&mut self, pc: usize, value: Value) -> Result<Ref, LiftError> {
        if let Value::Const(n) = value {
            return Ok(self.leaves.intern(n));
        }
        let too_large = Self::too_large(pc);
        let bits = self.scratch.bits(&mut self.store, value).map_err(&too_large)?;
        // From the top bit down, every prefix that can occur, with the condition under which it does.
        let mut prefixes = vec![(0u32, Ref::TRUE)];
        for i in (0..32).rev() {
            let mut longer = Vec::with_capacity(prefixes.len() * 2);
            for (prefix, when) in prefixes {
                for (bit, one) in [(0, false), (1, true)] {
                    let (then, other) = if one { (when, Ref::FALSE) } else { (Ref::FALSE, when) };
                    let both = self.store.ite(bits[i], then, other).map_err(&too_large)?;
                    if both != Ref::FALSE {
                        longer.push((prefix | bit << i, both));
                    }
                }
            }
            if longer.len() > MOST_RETURNS {
                return Err(LiftError { at: pc, kind: LiftErrorKind::ManyReturns(MOST_RETURNS) });
            }
            prefixes = longer;
        }
        let mut made = self.leaves.intern(prefixes[0].0);
        for (n, when) in prefixes {
            let leaf = self.leaves.intern(n);
            made = self.store.ite(when, leaf, made).map_err(&too_large)?;
        }
        Ok(made)
    }

    /// Whether anything from `key` on depends on `word`.
    pub(super) fn depends(&self, key: &Key, word: Word) -> bool {
        let mention = |v| mentions(&self.store, &self.scratch, v, word);
        self.reads(key.pc, word)
            || mention(key.state.a)
            || mention(key.state.x)
            || (key.state.mem != 0 && self.scratch.mem(key.state.mem).iter().any(|&v| mention(v)))
    }

    /// The key once `nr` is known.
    pub(super) fn fix_number(&mut self, key: Key, nr: u32) -> Result<Key, TooLarge> {
        let mut state = key.state;
        state.a = self.scratch.fix(&mut self.store, state.a, Word::NR, nr)?;
        state.x = self.scratch.fix(&mut self.store, state.x, Word::NR, nr)?;
        if state.mem != 0 {
            let mut mem = *self.scratch.mem(state.mem);
            for cell in &mut mem {
                *cell = self.scratch.fix(&mut self.store, *cell, Word::NR, nr)?;
            }
            state.mem = self.scratch.intern_mem(mem);
        }
        Ok(self.key(key.pc, state, Known { nr: Some(nr), ..key.known }))
    }
}
