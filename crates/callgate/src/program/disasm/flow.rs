//! One forward pass over a program: what is known when each instruction is reached.
//!
//! Jumps only go forward, so a single pass is complete, and so that the assembler can run it too, while it is
//! still deciding what the next instruction is. Every step costs a bounded amount; what waits for
//! a later instruction is bounded by the number of jumps that cross the present one.

use super::value::{Field, Value};
use crate::program::check::is_conditional;
use callgate_abi::insn::{MEM_WORDS, op};
use callgate_abi::{Arch, Endian, Insn, Syscall, Word};
use std::collections::BTreeMap;

/// What is known at one point of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::program) struct State {
    /// The accumulator.
    pub(in crate::program) a: Value,
    /// The index register.
    pub(in crate::program) x: Value,
    mem: [Value; MEM_WORDS],
    arches: Arches,
    nr: (u32, u32),
}

/// Which audit tokens the call may carry: a bit for each of [`Arch::ALL`] (x32 under x86_64's), and
/// one for every other token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Arches(u32);

impl Arches {
    const OTHER: u32 = 1 << 31;

    fn every() -> Arches {
        let known = Arch::ALL.iter().fold(0, |bits, a| bits | Arches::bit(*a));
        Arches(known | Arches::OTHER)
    }

    fn bit(arch: Arch) -> u32 {
        let first = Arch::ALL.iter().position(|a| a.token() == arch.token());
        first.map_or(Arches::OTHER, |i| 1 << i)
    }

    fn only(self) -> Option<Arch> {
        let one = self.0.is_power_of_two() && self.0 != Arches::OTHER;
        if one { Arch::ALL.get(self.0.trailing_zeros() as usize).copied() } else { None }
    }

    fn filter(self, keep_other: bool, keep: impl Fn(u32) -> bool) -> Arches {
        let mut left = if keep_other { self.0 & Arches::OTHER } else { 0 };
        for (i, arch) in Arch::ALL.iter().enumerate() {
            if self.0 & 1 << i != 0 && keep(arch.token()) {
                left |= 1 << i;
            }
        }
        Arches(left)
    }
}

impl State {
    fn start() -> State {
        State {
            a: Value::Const(0),
            x: Value::Const(0),
            mem: [Value::Unknown; MEM_WORDS],
            arches: Arches::every(),
            nr: (0, u32::MAX),
        }
    }

    /// The architecture, where tests have left just one.
    pub(in crate::program) fn only_arch(&self) -> Option<Arch> {
        self.arches.only()
    }

    /// Whether the call may be one of this architecture.
    pub(in crate::program) fn may_be(&self, arch: Arch) -> bool {
        self.arches.0 & Arches::bit(arch) != 0
    }

    /// The number of the call, where tests have left just one.
    pub(in crate::program) fn only_nr(&self) -> Option<u32> {
        if self.nr.0 == self.nr.1 { Some(self.nr.0) } else { None }
    }

    /// The call, where tests have left just one under the architecture whose names apply.
    pub(in crate::program) fn call(&self, hint: Option<Arch>) -> Option<(Arch, Syscall)> {
        let arch = Arch::of_call(self.naming_arch(hint)?.token(), self.only_nr()?)?;
        Some((arch, Syscall::from_number(arch, self.only_nr()?)?))
    }

    /// The architecture whose names apply: the one that is left, or else the hint if it is possible.
    pub(in crate::program) fn naming_arch(&self, hint: Option<Arch>) -> Option<Arch> {
        self.only_arch().or(hint.filter(|h| self.may_be(*h)))
    }

    fn join(&mut self, other: &State) {
        self.a = self.a.join(other.a);
        self.x = self.x.join(other.x);
        for (mine, theirs) in self.mem.iter_mut().zip(&other.mem) {
            *mine = mine.join(*theirs);
        }
        self.arches.0 |= other.arches.0;
        self.nr = (self.nr.0.min(other.nr.0), self.nr.1.max(other.nr.1));
    }

    /// The state behind a conditional jump, or nothing if the test cannot end that way.
    fn after_test(&self, code: u16, operand: Value, outcome: bool) -> Option<State> {
        let Value::Const(k) = operand else { return Some(self.clone()) };
        match self.a {
            Value::Const(a) if test(code, a, k) != outcome => None,
            Value::Field(f) if f.word == Word::ARCH => {
                let exact = f.is_whole() && code & !0x08 == op::JEQ_K;
                let known = Arch::ALL.iter().any(|a| a.token() == k);
                let keep_other = !(exact && outcome && known);
                let arches = self.arches.filter(keep_other, |t| test(code, f.of(t), k) == outcome);
                if arches.0 == 0 { None } else { Some(State { arches, ..self.clone() }) }
            }
            Value::Field(f) if f.word == Word::NR && f.is_whole() => {
                let nr = narrow(self.nr, code, k, outcome)?;
                Some(State { nr, ..self.clone() })
            }
            _ => Some(self.clone()),
        }
    }
}

/// The outcome of a conditional jump on two numbers.
pub(in crate::program) fn test(code: u16, a: u32, b: u32) -> bool {
    match code & !0x08 {
        op::JEQ_K => a == b,
        op::JGT_K => a > b,
        op::JGE_K => a >= b,
        _ => a & b != 0,
    }
}

/// The part of an interval on which a test ends one way, rounded up to an interval.
fn narrow((low, high): (u32, u32), code: u16, k: u32, outcome: bool) -> Option<(u32, u32)> {
    let (low, high) = match (code & !0x08, outcome) {
        (op::JEQ_K, true) => (low.max(k), high.min(k)),
        (op::JEQ_K, false) if low == k && high == k => return None,
        (op::JEQ_K, false) if low == k => (low + 1, high),
        (op::JEQ_K, false) if high == k => (low, high - 1),
        (op::JGT_K, true) => (low.max(k.checked_add(1)?), high),
        (op::JGT_K, false) => (low, high.min(k)),
        (op::JGE_K, true) => (low.max(k), high),
        (op::JGE_K, false) => (low, high.min(k.checked_sub(1)?)),
        (op::JSET_K, _) if low == high && (low & k != 0) != outcome => return None,
        _ => (low, high),
    };
    if low <= high { Some((low, high)) } else { None }
}

/// The pass. Alternate [`Flow::arrive`] and [`Flow::step`] for each instruction in order.
pub(in crate::program) struct Flow {
    endian: Endian,
    pc: usize,
    falling: Option<State>,
    waiting: BTreeMap<u64, State>,
}

impl Flow {
    /// Before the first instruction: both registers 0, nothing known of the call.
    pub(in crate::program) fn new(endian: Endian) -> Flow {
        Flow { endian, pc: 0, falling: Some(State::start()), waiting: BTreeMap::new() }
    }

    /// What is known at the next instruction; `None` if it is never reached.
    pub(in crate::program) fn arrive(&mut self) -> Option<&State> {
        if let Some(other) = self.waiting.remove(&(self.pc as u64)) {
            match &mut self.falling {
                Some(state) => state.join(&other),
                none => *none = Some(other),
            }
        }
        self.falling.as_ref()
    }

    /// Takes the next instruction.
    pub(in crate::program) fn step(&mut self, insn: &Insn) {
        self.arrive();
        let here = self.pc as u64;
        self.pc += 1;
        let Some(mut state) = self.falling.take() else { return };
        if is_conditional(insn.code) {
            let operand = if insn.code & 0x08 != 0 { state.x } else { Value::Const(insn.k) };
            for (outcome, offset) in [(true, insn.jt), (false, insn.jf)] {
                if let Some(after) = state.after_test(insn.code, operand, outcome) {
                    self.send(here + 1 + u64::from(offset), after);
                }
            }
            return;
        }
        match insn.code {
            op::RET_K | op::RET_A => return,
            op::JA => return self.send(here + 1 + u64::from(insn.k), state),
            _ => apply(&mut state, insn, self.endian),
        }
        self.falling = Some(state);
    }

    /// Takes an instruction that could not be made out. If it may have written a register, nothing
    /// contradicts any claim from here on.
    pub(in crate::program) fn step_unreadable(&mut self, writes: bool) {
        self.arrive();
        self.pc += 1;
        let state = self.falling.get_or_insert_with(State::start);
        if writes {
            (state.a, state.x) = (Value::Poison, Value::Poison);
            state.mem = [Value::Poison; MEM_WORDS];
        }
    }

    fn send(&mut self, to: u64, state: State) {
        if to == self.pc as u64 {
            match &mut self.falling {
                Some(present) => present.join(&state),
                none => *none = Some(state),
            }
            return;
        }
        match self.waiting.get_mut(&to) {
            Some(present) => present.join(&state),
            None => drop(self.waiting.insert(to, state)),
        }
    }
}

/// What an instruction that does not jump leaves behind.
fn apply(state: &mut State, insn: &Insn, endian: Endian) {
    let slot = insn.k as usize;
    let read = |mem: &[Value; MEM_WORDS]| mem.get(slot).copied().unwrap_or(Value::Unknown);
    match insn.code {
        op::LD_ABS => {
            state.a = Word::from_offset(insn.k, endian).map_or(Value::Unknown, Value::word);
        }
        op::LD_LEN => state.a = Value::Const(64),
        op::LD_IMM => state.a = Value::Const(insn.k),
        op::LD_MEM => state.a = read(&state.mem),
        op::LDX_LEN => state.x = Value::Const(64),
        op::LDX_IMM => state.x = Value::Const(insn.k),
        op::LDX_MEM => state.x = read(&state.mem),
        op::ST | op::STX => {
            let value = if insn.code == op::ST { state.a } else { state.x };
            if let Some(word) = state.mem.get_mut(slot) {
                *word = value;
            }
        }
        op::TAX => state.x = state.a,
        op::TXA => state.a = state.x,
        code if is_arithmetic(code) => {
            let operand = if code & 0x08 != 0 { state.x } else { Value::Const(insn.k) };
            state.a = state.a.alu(code, operand);
        }
        // Nothing the kernel would run; whatever it might mean, it may write either register.
        _ => (state.a, state.x) = (Value::Unknown, Value::Unknown),
    }
}

/// Whether this is one of the arithmetic instructions seccomp admits.
pub(in crate::program) fn is_arithmetic(code: u16) -> bool {
    let operation = code & !0x08;
    code == op::NEG
        || matches!(operation, op::ADD_K | op::SUB_K | op::MUL_K | op::DIV_K | op::OR_K)
        || matches!(operation, op::AND_K | op::LSH_K | op::RSH_K | op::XOR_K)
}

/// How the content of a field is spelt, given the word's own name.
pub(in crate::program) fn spell(field: Field, word: &str) -> String {
    match (field.mask, field.shift) {
        (u32::MAX, 0) => word.to_string(),
        (u32::MAX, s) => format!("({word} >> {s})"),
        (m, 0) => format!("({word} & {m:#x})"),
        (m, s) => format!("(({word} & {m:#x}) >> {s})"),
    }
}
