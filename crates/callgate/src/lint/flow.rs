//! Which instructions a call can reach, and which way each jump can go: exactly, for the programs seen
//! in practice.
//!
//! The program is walked forwards with, for every state of the registers that can arrive at an
//! instruction, the set of calls that arrive with it. Jumps go only forwards, so one pass does.

use super::ranges::{self, Ranges};
use crate::diagram::{Limits, Ref, Store, TooLarge, words::Test};
use crate::program::{Program, alu, is_conditional};
use callgate_abi::Word;
use callgate_abi::insn::{MEM_WORDS, op};

/// What is known of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Value {
    Known(u32),
    /// A word of the call under a mask.
    Word(Word, u32),
    /// Anything: both ways of a test are taken to be possible.
    Any,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct State {
    a: Value,
    x: Value,
    mem: [Value; MEM_WORDS],
}

/// What can happen at an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Seen {
    /// Some call reaches it.
    pub(super) reached: bool,
    /// The jump is taken for some call.
    pub(super) taken: bool,
    /// The jump is not taken for some call.
    pub(super) passed: bool,
}

/// Calls that arrive with the same registers.
#[derive(Clone)]
struct Arrival {
    state: State,
    /// What each word may be, for those that are limited and not in `mixed`.
    words: Vec<(Word, Ranges)>,
    /// The words that `rest` is about, a bit each.
    mixed: u16,
    /// What holds of them.
    rest: Ref,
}

impl Arrival {
    fn is_mixed(&self, word: Word) -> bool {
        self.mixed >> word.index() & 1 == 1
    }

    /// The same calls with a word limited to these values; `None` if there are none.
    fn with(&self, word: Word, values: Ranges) -> Option<Arrival> {
        if values.is_empty() {
            return None;
        }
        let mut new = self.clone();
        match new.words.binary_search_by_key(&word, |w| w.0) {
            Ok(at) => new.words[at].1 = values,
            Err(at) => new.words.insert(at, (word, values)),
        }
        Some(new)
    }

    /// Takes in `other`, if both differ in the values of one word at most.
    fn absorb(&mut self, other: &Arrival) -> bool {
        let alike = self.state == other.state
            && (self.mixed, self.rest) == (other.mixed, other.rest)
            && self.words.len() == other.words.len()
            && self.words.iter().zip(&other.words).all(|(a, b)| a.0 == b.0);
        let mut differ = self.words.iter_mut().zip(&other.words).filter(|(a, b)| a.1 != b.1);
        let (first, second) = if alike { (differ.next(), differ.next().is_some()) } else { return false };
        match first {
            _ if second => return false,
            Some((mine, theirs)) => mine.1 = ranges::union(&mine.1, &theirs.1),
            None => {}
        }
        true
    }

    /// Puts the limits of a word into `rest`.
    fn mix(&mut self, store: &mut Store, word: Word) -> Result<(), TooLarge> {
        self.mixed |= 1 << word.index();
        let Ok(at) = self.words.binary_search_by_key(&word, |w| w.0) else { return Ok(()) };
        let (_, values) = self.words.remove(at);
        let mut segments = vec![(0, Ref::FALSE)];
        for (start, end) in values {
            if segments.last().is_some_and(|s| s.0 == start) {
                segments.pop();
            }
            segments.push((start, Ref::TRUE));
            segments.extend(end.checked_add(1).map(|after| (after, Ref::FALSE)));
        }
        let condition = store.layer(word, &segments)?;
        self.rest = store.ite(condition, self.rest, Ref::FALSE)?;
        Ok(())
    }
}

/// More than this at one instruction are gathered into fewer.
const MOST: usize = 32;

/// What happens at each instruction. What is not seen does not happen; within the budget.
pub(super) fn seen(program: &Program) -> Result<Vec<Seen>, TooLarge> {
    let insns = program.insns();
    let mut seen = vec![Seen::default(); insns.len()];
    let mut store = Store::new(Limits { nodes: 1 << 19, steps: 20_000_000 });
    let mut arriving: Vec<Vec<Arrival>> = vec![Vec::new(); insns.len()];
    let state = State { a: Value::Known(0), x: Value::Known(0), mem: [Value::Known(0); MEM_WORDS] };
    arriving[0].push(Arrival { state, words: Vec::new(), mixed: 0, rest: Ref::TRUE });
    for pc in 0..insns.len() {
        let insn = insns[pc];
        let arrivals = std::mem::take(&mut arriving[pc]);
        seen[pc].reached |= !arrivals.is_empty();
        // Who arrives at a return is nobody's question.
        let mut go = |store: &mut Store, seen: &mut [Seen], to: usize, arrival: Arrival| {
            seen[to].reached = true;
            match insns[to].code {
                op::RET_K | op::RET_A => Ok(()),
                _ => arrive(store, &mut arriving[to], arrival),
            }
        };
        for mut arrival in arrivals {
            let k = insn.k;
            let next = pc + 1;
            let state = &mut arrival.state;
            match insn.code {
                op::RET_K | op::RET_A => continue,
                op::JA => {
                    go(&mut store, &mut seen, next + k as usize, arrival)?;
                    continue;
                }
                code if is_conditional(code) => {
                    let (taken, passed) = branch(&mut store, code, k, arrival)?;
                    if let Some(taken) = taken {
                        seen[pc].taken = true;
                        go(&mut store, &mut seen, next + usize::from(insn.jt), taken)?;
                    }
                    if let Some(passed) = passed {
                        seen[pc].passed = true;
                        go(&mut store, &mut seen, next + usize::from(insn.jf), passed)?;
                    }
                    continue;
                }
                op::LD_ABS => {
                    let word = Word::from_offset(k, program.endian());
                    state.a = word.map_or(Value::Any, |w| Value::Word(w, u32::MAX));
                }
                op::LD_LEN => state.a = Value::Known(64),
                op::LDX_LEN => state.x = Value::Known(64),
                op::LD_IMM => state.a = Value::Known(k),
                op::LDX_IMM => state.x = Value::Known(k),
                op::LD_MEM => state.a = state.mem[k as usize],
                op::LDX_MEM => state.x = state.mem[k as usize],
                op::ST => state.mem[k as usize] = state.a,
                op::STX => state.mem[k as usize] = state.x,
                op::TAX => state.x = state.a,
                op::TXA => state.a = state.x,
                code => {
                    let operand = if code & 0x08 != 0 { state.x } else { Value::Known(k) };
                    state.a = compute(code, state.a, operand);
                }
            }
            go(&mut store, &mut seen, next, arrival)?;
        }
    }
    Ok(seen)
}

fn arrive(store: &mut Store, at: &mut Vec<Arrival>, new: Arrival) -> Result<(), TooLarge> {
    if at.iter_mut().any(|known| known.absorb(&new)) {
        return Ok(());
    }
    at.push(new);
    if at.len() <= MOST {
        return Ok(());
    }
    // One for each state, or one that knows nothing.
    let all = std::mem::take(at);
    let mut states: Vec<State> = Vec::new();
    for arrival in &all {
        if !states.contains(&arrival.state) {
            states.push(arrival.state);
        }
    }
    let nothing = State { a: Value::Any, x: Value::Any, mem: [Value::Any; MEM_WORDS] };
    for mut arrival in all {
        if states.len() > MOST / 2 {
            arrival.state = nothing;
        }
        let limited: Vec<Word> = arrival.words.iter().map(|w| w.0).collect();
        for word in limited {
            arrival.mix(store, word)?;
        }
        arrival.mixed = u16::MAX;
        match at.iter_mut().find(|known| known.state == arrival.state) {
            Some(known) => known.rest = store.ite(known.rest, Ref::TRUE, arrival.rest)?,
            None => at.push(arrival),
        }
    }
    Ok(())
}

/// The calls that take the jump, and those that do not.
fn branch(
    store: &mut Store,
    code: u16,
    k: u32,
    mut arrival: Arrival,
) -> Result<(Option<Arrival>, Option<Arrival>), TooLarge> {
    let operand = match code {
        op::JEQ_X | op::JGT_X | op::JGE_X | op::JSET_X => arrival.state.x,
        _ => Value::Known(k),
    };
    let both = |arrival: Arrival| Ok((Some(arrival.clone()), Some(arrival)));
    let Value::Known(k) = operand else { return both(arrival) };
    let test = match code {
        op::JEQ_K | op::JEQ_X => Test::Eq(k),
        op::JGT_K | op::JGT_X => Test::Gt(k),
        op::JGE_K | op::JGE_X => Test::Ge(k),
        _ => Test::Set(k),
    };
    match arrival.state.a {
        Value::Known(a) => Ok(if test.holds(a) { (Some(arrival), None) } else { (None, Some(arrival)) }),
        Value::Any => both(arrival),
        Value::Word(word, mask) => {
            if !arrival.is_mixed(word) {
                if let Some(passing) = ranges::of_test(test, mask) {
                    let known =
                        arrival.words.iter().find(|w| w.0 == word).map_or_else(ranges::all, |w| w.1.clone());
                    let taken = ranges::intersection(&known, &passing);
                    let passed = ranges::intersection(&known, &ranges::complement(&passing));
                    return Ok((arrival.with(word, taken), arrival.with(word, passed)));
                }
                // A test that cuts the line of values to pieces.
                arrival.mix(store, word)?;
            }
            let condition = store.branch(word, mask, test, Ref::TRUE, Ref::FALSE)?;
            let taken = store.ite(condition, arrival.rest, Ref::FALSE)?;
            let passed = store.ite(condition, Ref::FALSE, arrival.rest)?;
            let part = |rest| (rest != Ref::FALSE).then(|| Arrival { rest, ..arrival.clone() });
            Ok((part(taken), part(passed)))
        }
    }
}

fn compute(code: u16, a: Value, b: Value) -> Value {
    match (code, a, b) {
        (op::NEG, Value::Known(a), _) => Value::Known(a.wrapping_neg()),
        (op::NEG, ..) => Value::Any,
        (_, Value::Known(a), Value::Known(b)) => Value::Known(alu(code, a, b)),
        (op::AND_K | op::AND_X, Value::Word(_, mask), Value::Known(b)) if mask & b == 0 => Value::Known(0),
        (op::AND_K | op::AND_X, Value::Word(word, mask), Value::Known(b)) => Value::Word(word, mask & b),
        _ => Value::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate_abi::{Endian, Insn, SeccompData};

    struct Rng(u64);

    impl Rng {
        fn below(&mut self, n: u32) -> u32 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 20) as u32 % n
        }
    }

    /// A program over two words and few constants, so that paths meet and tests repeat.
    fn program(rng: &mut Rng) -> Program {
        loop {
            let len = 6 + rng.below(14);
            let mut insns = Vec::new();
            for at in 0..len {
                let room = len - at - 1;
                let k = rng.below(4);
                insns.push(match rng.below(12) {
                    0..=3 => Insn::stmt(op::LD_ABS, [0, 16][k as usize % 2]),
                    4 => Insn::stmt(op::AND_K, k),
                    5 => Insn::stmt([op::TAX, op::TXA, op::ST, op::LD_MEM][k as usize], 1),
                    6 => Insn::stmt([op::ADD_K, op::LDX_IMM, op::LD_IMM, op::RSH_K][k as usize], k),
                    _ => {
                        let code =
                            [op::JEQ_K, op::JGT_K, op::JGE_K, op::JSET_K, op::JEQ_X][rng.below(5) as usize];
                        Insn::jump(code, k, rng.below(room.max(1)) as u8, rng.below(room.max(1)) as u8)
                    }
                });
            }
            insns.push(Insn::stmt(op::RET_K, 0));
            if let Ok(program) = Program::with_endian(insns, Endian::Little) {
                return program;
            }
        }
    }

    /// Everything that happens is seen; where nothing is computed, everything seen happens.
    #[test]
    fn what_is_seen_is_what_happens() {
        let mut rng = Rng(0x2545_f491_4f6c_dd1d);
        let mut exact = 0;
        for _ in 0..3000 {
            let program = program(&mut rng);
            let seen = seen(&program).unwrap();
            let mut happens = vec![Seen::default(); program.len()];
            for nr in 0..8 {
                for arg in 0..8 {
                    let call = SeccompData { nr, args: [arg, 0, 0, 0, 0, 0], ..SeccompData::default() };
                    let mut path = Vec::new();
                    program.run_with(&call, |pc| path.push(pc));
                    for (i, &pc) in path.iter().enumerate() {
                        happens[pc].reached = true;
                        let insn = program.insns()[pc];
                        if let Some(&next) = path.get(i + 1).filter(|_| is_conditional(insn.code)) {
                            // Equal targets: one cannot tell, and nobody asks.
                            happens[pc].taken |= next == pc + 1 + usize::from(insn.jt);
                            happens[pc].passed |= next == pc + 1 + usize::from(insn.jf);
                        }
                    }
                }
            }
            let plain = [op::ADD_K, op::RSH_K, op::JEQ_X];
            let computes = program.insns().iter().any(|i| plain.contains(&i.code));
            for (pc, insn) in program.insns().iter().enumerate() {
                let (s, h) = (seen[pc], happens[pc]);
                assert!(s.reached || !h.reached, "{pc} of {program:?}");
                let tells = is_conditional(insn.code) && insn.jt != insn.jf;
                assert!(!tells || ((s.taken || !h.taken) && (s.passed || !h.passed)), "{pc} of {program:?}");
                if !computes {
                    assert_eq!(s.reached, h.reached, "{pc} of {program:?}");
                    assert!(!tells || (s.taken, s.passed) == (h.taken, h.passed), "{pc} of {program:?}");
                    exact += 1;
                }
            }
        }
        assert!(exact > 1000);
    }
}
