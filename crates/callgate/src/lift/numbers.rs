//! The layer of `nr`: which numbers reach which stretch of argument code.

use super::solve::{Known, Step};
use super::value::{State, Value, test};
use super::{LiftError, Lifter};
use crate::diagram::{Ref, words::Test};
use callgate_abi::Word;

/// Sorted, disjoint, inclusive ranges of numbers.
type Set = Vec<(u32, u32)>;

/// Beyond this many ranges the numbers are handled as bits.
const MOST_RANGES: usize = 1 << 14;
/// Up to this many numbers that share a path are followed one by one when it looks at them again.
const FEW: u64 = 16;

impl Lifter<'_> {
    /// The diagram over `nr` and the arguments of what the program returns from `pc` on.
    pub(super) fn number_layer(
        &mut self,
        pc: usize,
        state: State,
        arch: Option<u32>,
    ) -> Result<Ref, LiftError> {
        let mut ends: Vec<(u32, u32, Ref)> = Vec::new();
        let mut mixed: Vec<(Set, Ref, usize)> = Vec::new();
        let mut todo: Vec<(usize, State, Set)> = vec![(pc, state, vec![(0, u32::MAX)])];
        // How many ranges have been put aside.
        let mut aside = 0;
        'paths: while let Some((mut pc, mut state, mut set)) = todo.pop() {
            self.store.room_for(ends.len() + aside).map_err(Self::too_large(pc))?;
            let known = Known { arch, nr: None };
            loop {
                let before = state;
                if let [(only, last)] = set[..]
                    && only == last
                {
                    let key = self.key(pc, state, known);
                    let key = self.fix_number(key, only).map_err(Self::too_large(pc))?;
                    let made = self.solve(key)?;
                    if self.store.is_below(made, Word::NR) {
                        ends.push((only, only, made));
                    } else {
                        mixed.push((set, made, pc));
                    }
                    continue 'paths;
                }
                match self.step(pc, &mut state, known)? {
                    Step::Next(next) => {
                        pc = next;
                        continue;
                    }
                    Step::Return(made) if self.store.is_below(made, Word::NR) => {
                        ends.extend(set.iter().map(|&(lo, hi)| (lo, hi, made)));
                        continue 'paths;
                    }
                    Step::Jump { code, a: Value::Field(Word::NR, mask), b: Value::Const(k), then, other } => {
                        self.store.spend(set.len() as u64).map_err(Self::too_large(pc))?;
                        if let Some((yes, no)) = split(&mut set, mask, test(code, k)) {
                            if !yes.is_empty() {
                                if no.is_empty() {
                                    (pc, set) = (then, yes);
                                    continue;
                                }
                                aside += yes.len();
                                todo.push((then, state, yes));
                            }
                            (pc, set) = (other, no);
                            continue;
                        }
                    }
                    Step::Return(_) | Step::Jump { .. } | Step::Divide => {}
                }
                state = before;
                break;
            }
            let key = self.key(pc, state, known);
            let count: u64 = set.iter().map(|&(lo, hi)| u64::from(hi - lo) + 1).sum();
            if !self.depends(&key, Word::NR) {
                let made = self.solve(key)?;
                if self.store.is_below(made, Word::NR) {
                    ends.extend(set.iter().map(|&(lo, hi)| (lo, hi, made)));
                } else {
                    mixed.push((set, made, pc));
                }
            } else if count <= FEW {
                for nr in set.iter().flat_map(|&(lo, hi)| lo..=hi) {
                    let key = self.fix_number(key, nr).map_err(Self::too_large(pc))?;
                    let made = self.solve(key)?;
                    if self.store.is_below(made, Word::NR) {
                        ends.push((nr, nr, made));
                    } else {
                        mixed.push((vec![(nr, nr)], made, pc));
                    }
                }
            } else {
                let made = self.solve(key)?;
                mixed.push((set, made, pc));
            }
        }
        self.assemble(ends, mixed)
    }

    /// Puts the pieces together: whole ranges in one sweep, the rest by if-then-else.
    fn assemble(
        &mut self,
        mut ends: Vec<(u32, u32, Ref)>,
        mixed: Vec<(Set, Ref, usize)>,
    ) -> Result<Ref, LiftError> {
        // A tree leaves long ascending runs, which the stable sort merges.
        ends.sort_by_key(|e| e.0);
        let mut segments: Vec<(u32, Ref)> = Vec::with_capacity(ends.len() + 1);
        let mut next = 0u64;
        for (lo, hi, made) in ends {
            if u64::from(lo) > next {
                // A gap belongs to a mixed piece, which is laid over it below.
                segments.push((next as u32, Ref::FALSE));
            }
            if segments.last().is_none_or(|last| last.1 != made) {
                segments.push((lo, made));
            }
            next = u64::from(hi) + 1;
        }
        if next <= u64::from(u32::MAX) {
            segments.push((next as u32, Ref::FALSE));
        }
        segments.dedup_by_key(|s| s.0);
        let at = mixed.first().map_or(0, |m| m.2);
        if mixed.is_empty() {
            return self.store.layer(Word::NR, &segments).map_err(Self::too_large(at));
        }
        let mut build = || {
            // Ends that ask `arch` cannot stand here, so the layer is sound even if arch is unknown.
            let mut all = self.store.layer(Word::NR, &segments)?;
            for (set, made, _) in &mixed {
                for &(lo, hi) in set {
                    let from = self.store.branch(Word::NR, u32::MAX, Test::Ge(lo), Ref::TRUE, Ref::FALSE)?;
                    let upto = self.store.branch(Word::NR, u32::MAX, Test::Gt(hi), Ref::FALSE, Ref::TRUE)?;
                    let inside = self.store.ite(from, upto, Ref::FALSE)?;
                    all = self.store.ite(inside, *made, all)?;
                }
            }
            Ok(all)
        };
        build().map_err(Self::too_large(at))
    }
}

/// Cuts `set` into the numbers whose masked value passes the test and the others; `None` if that
/// takes too many ranges (the set is untouched then).
fn split(set: &mut Set, mask: u32, test: Test) -> Option<(Set, Set)> {
    if mask == u32::MAX {
        match test {
            Test::Eq(k) => {
                let i = set.partition_point(|r| r.1 < k);
                let mut no = std::mem::take(set);
                let Some(&(lo, hi)) = no.get(i).filter(|r| r.0 <= k) else { return Some((Vec::new(), no)) };
                let left = (lo < k).then(|| (lo, k - 1));
                let right = (k < hi).then(|| (k + 1, hi));
                no.splice(i..=i, left.into_iter().chain(right));
                return Some((vec![(k, k)], no));
            }
            Test::Ge(k) => return Some(split_at(set, k.into())),
            Test::Gt(k) => return Some(split_at(set, u64::from(k) + 1)),
            Test::Set(_) => {}
        }
    }
    let (mut yes, mut no) = (Vec::new(), Vec::new());
    for &(lo, hi) in set.iter() {
        cut((lo, hi), 0, 32, mask, test, &mut yes, &mut no)?;
    }
    Some((yes, no))
}

/// The part of the set from `k` on, and the part below.
fn split_at(set: &mut Set, k: u64) -> (Set, Set) {
    let mut below = std::mem::take(set);
    let i = below.partition_point(|r| u64::from(r.1) < k);
    let mut from = below.split_off(i);
    if let Some(first) = from.first_mut()
        && u64::from(first.0) < k
    {
        // k lies inside this range, so it fits 32 bits.
        below.push((first.0, (k - 1) as u32));
        first.0 = k as u32;
    }
    (from, below)
}

/// Cuts the part of `range` inside the aligned block of `bits` free bits at `base`.
fn cut(
    range: (u32, u32),
    base: u32,
    bits: u32,
    mask: u32,
    test: Test,
    yes: &mut Set,
    no: &mut Set,
) -> Option<()> {
    let free = if bits == 32 { u32::MAX } else { (1 << bits) - 1 };
    let (lo, hi) = (range.0.max(base), range.1.min(base | free));
    if lo > hi {
        return Some(());
    }
    let (least, most) = (base & mask, (base | free) & mask);
    let outcome = match test {
        Test::Eq(k) if least == most => Some(k == least),
        Test::Eq(k) => ((k ^ base) & !free & mask != 0 || k & !mask != 0).then_some(false),
        Test::Ge(k) => {
            if least >= k {
                Some(true)
            } else {
                (most < k).then_some(false)
            }
        }
        Test::Gt(k) => {
            if least > k {
                Some(true)
            } else {
                (most <= k).then_some(false)
            }
        }
        Test::Set(k) => {
            if least & k != 0 {
                Some(true)
            } else {
                (most & k == 0).then_some(false)
            }
        }
    };
    let Some(outcome) = outcome else {
        let half = bits - 1;
        cut(range, base, half, mask, test, yes, no)?;
        return cut(range, base | 1 << half, half, mask, test, yes, no);
    };
    let side = if outcome { yes } else { no };
    match side.last_mut() {
        Some(last) if last.1.checked_add(1) == Some(lo) => last.1 = hi,
        _ => side.push((lo, hi)),
    }
    (side.len() <= MOST_RANGES).then_some(())
}
