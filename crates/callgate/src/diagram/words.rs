//! Tests of whole words, and the layer of one word built at once from sorted intervals.

use super::{Diagram, Ref, Store, TooLarge};
use crate::hash::FastMap;
use callgate_abi::Word;

/// A test of `word & mask` against a constant, as the BPF jumps make it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Test {
    Eq(u32),
    Gt(u32),
    Ge(u32),
    Set(u32),
}

impl Test {
    pub(crate) fn holds(self, value: u32) -> bool {
        match self {
            Test::Eq(k) => value == k,
            Test::Gt(k) => value > k,
            Test::Ge(k) => value >= k,
            Test::Set(k) => value & k != 0,
        }
    }
}

fn level_of(word: Word, bit: u32) -> u16 {
    u16::from(word.index()) * 32 + (31 - bit) as u16
}

impl Store {
    /// Whether `at` asks nothing up to and including `word`.
    pub(crate) fn is_below(&self, at: Ref, word: Word) -> bool {
        self.level(at) >= (u16::from(word.index()) + 1) * 32
    }

    /// `test(word & mask) ? then : otherwise`.
    pub(crate) fn branch(
        &mut self,
        word: Word,
        mask: u32,
        test: Test,
        then: Ref,
        otherwise: Ref,
    ) -> Result<Ref, TooLarge> {
        if then == otherwise {
            return Ok(then);
        }
        if self.is_below(then, word) && self.is_below(otherwise, word) {
            return self.compare(word, mask, test, then, otherwise);
        }
        let first = u16::from(word.index()) * 32;
        if mask == u32::MAX && self.level(then) >= first && self.level(otherwise) >= first {
            match test {
                Test::Eq(k) => return self.part_at(word, k, false, then, otherwise),
                Test::Ge(k) => return self.part_at(word, k, true, then, otherwise),
                Test::Gt(u32::MAX) => return Ok(otherwise),
                Test::Gt(k) => return self.part_at(word, k + 1, true, then, otherwise),
                Test::Set(_) => {}
            }
        }
        let condition = self.compare(word, mask, test, Ref::TRUE, Ref::FALSE)?;
        self.ite(condition, then, otherwise)
    }

    /// `then` where the word is `k` (or above, with `from`) and `otherwise` elsewhere, for outcomes that ask nothing
    /// before the word.
    fn part_at(
        &mut self,
        word: Word,
        k: u32,
        from: bool,
        then: Ref,
        otherwise: Ref,
    ) -> Result<Ref, TooLarge> {
        self.bits_at(level_of(word, 31), 32, k.into(), from, then, otherwise)
    }

    /// The same for both halves of an argument at once; `None` where an outcome asks something before it.
    pub(crate) fn argument_at(
        &mut self,
        arg: u8,
        k: u64,
        from: bool,
        then: Ref,
        otherwise: Ref,
    ) -> Option<Result<Ref, TooLarge>> {
        let first = level_of(Word::arg_hi(arg), 31);
        let before = self.level(then) < first || self.level(otherwise) < first;
        (!before).then(|| self.bits_at(first, 64, k, from, then, otherwise))
    }

    /// `then` where an argument (both halves of it, or the low one) is in one of these ranges, `otherwise` elsewhere;
    /// `None` where an outcome asks something before it. The ranges ascend and do not meet.
    pub(crate) fn lay(
        &mut self,
        arg: u8,
        wide: bool,
        ranges: &[(u64, u64)],
        then: Ref,
        otherwise: Ref,
    ) -> Option<Result<Ref, TooLarge>> {
        let (word, bits) = if wide { (Word::arg_hi(arg), 64) } else { (Word::arg_lo(arg), 32) };
        let first = level_of(word, 31);
        let before = self.level(then) < first || self.level(otherwise) < first;
        (!before).then(|| self.lay_part(first + bits, bits, 0, ranges, then, otherwise))
    }

    /// The same for the values that begin with `base` and have so many more bits, `end` being the level behind the last
    /// one. The ranges are those that reach into these values.
    fn lay_part(
        &mut self,
        end: u16,
        bits: u16,
        base: u64,
        ranges: &[(u64, u64)],
        then: Ref,
        otherwise: Ref,
    ) -> Result<Ref, TooLarge> {
        if then == otherwise {
            return Ok(then);
        }
        let last = base | u64::MAX.checked_shr(64 - u32::from(bits)).unwrap_or(0);
        match *ranges {
            [] => return Ok(otherwise),
            [(from, upto)] => match (from <= base, upto >= last) {
                (true, true) => return Ok(then),
                (true, false) => return self.bits_at(end - bits, bits, upto + 1, true, otherwise, then),
                (false, true) => return self.bits_at(end - bits, bits, from, true, then, otherwise),
                (false, false) if from == upto => {
                    return self.bits_at(end - bits, bits, from, false, then, otherwise);
                }
                (false, false) => {}
            },
            _ => {}
        }
        self.spend(1)?;
        let bits = bits - 1;
        let (level, middle) = (end - 1 - bits, base | 1 << bits);
        let (below, from) = (
            &ranges[..ranges.partition_point(|r| r.0 < middle)],
            &ranges[ranges.partition_point(|r| r.1 < middle)..],
        );
        let (t, o) = (self.split(then, level), self.split(otherwise, level));
        let lo = self.lay_part(end, bits, base, below, t.0, o.0)?;
        let hi = self.lay_part(end, bits, middle, from, t.1, o.1)?;
        self.mk(level, lo, hi)
    }

    /// The same for so many bits, of which `first` is the level of the most significant one: only what lies beside the
    /// path to `k` is put together anew.
    fn bits_at(
        &mut self,
        first: u16,
        bits: u16,
        k: u64,
        from: bool,
        then: Ref,
        otherwise: Ref,
    ) -> Result<Ref, TooLarge> {
        self.spend(u64::from(bits))?;
        let (mut then, mut otherwise) = (then, otherwise);
        let mut beside = [Ref::FALSE; 64];
        let mut bit = bits;
        while bit > 0 && then != otherwise {
            bit -= 1;
            let level = first + (bits - 1 - bit);
            let (t, o) = (self.split(then, level), self.split(otherwise, level));
            let above = k >> bit & 1 == 0;
            beside[usize::from(bit)] = match (above, from) {
                (true, true) => t.1,
                (true, false) => o.1,
                (false, _) => o.0,
            };
            (then, otherwise) = if above { (t.0, o.0) } else { (t.1, o.1) };
        }
        let mut at = then;
        for bit in bit..bits {
            let (level, beside) = (first + (bits - 1 - bit), beside[usize::from(bit)]);
            at = if k >> bit & 1 == 0 { self.mk(level, at, beside)? } else { self.mk(level, beside, at)? };
        }
        Ok(at)
    }

    /// As [`Store::branch`], for outcomes below the word: a chain of at most 32 nodes.
    fn compare(&mut self, word: Word, mask: u32, test: Test, yes: Ref, no: Ref) -> Result<Ref, TooLarge> {
        self.spend(32)?;
        let (k, mut at) = match test {
            Test::Eq(k) | Test::Ge(k) => (k, yes),
            Test::Gt(k) | Test::Set(k) => (k, no),
        };
        for bit in 0..32 {
            let level = level_of(word, bit);
            let (masked, wanted) = (mask >> bit & 1 == 1, k >> bit & 1 == 1);
            at = match (test, masked, wanted) {
                (Test::Set(_), true, true) => self.mk(level, at, yes)?,
                (Test::Set(_), ..) | (_, false, false) => at,
                (_, false, true) => no,
                (_, true, true) => self.mk(level, no, at)?,
                (Test::Eq(_), true, false) => self.mk(level, at, no)?,
                (_, true, false) => self.mk(level, at, yes)?,
            };
        }
        Ok(at)
    }

    /// The function of `word` that is `segments[i].1` from `segments[i].0` up to the next start.
    /// Starts ascend from 0; every sub-diagram lies below the word.
    pub(crate) fn layer(&mut self, word: Word, segments: &[(u32, Ref)]) -> Result<Ref, TooLarge> {
        debug_assert!(segments.first().is_some_and(|s| s.0 == 0));
        debug_assert!(segments.windows(2).all(|w| w[0].0 < w[1].0));
        debug_assert!(segments.iter().all(|s| self.is_below(s.1, word)));
        self.layer_part(word, 32, 0, segments)
    }

    /// `at` with `word` fixed to `value`.
    pub(crate) fn fix(&mut self, at: Ref, word: Word, value: u32) -> Result<Ref, TooLarge> {
        self.fix_part(at, word, value, &mut FastMap::default())
    }

    fn fix_part(
        &mut self,
        at: Ref,
        word: Word,
        value: u32,
        done: &mut FastMap<Ref, Ref>,
    ) -> Result<Ref, TooLarge> {
        let Some(node) = self.get(at) else { return Ok(at) };
        if node.level / 32 > u16::from(word.index()) {
            return Ok(at);
        }
        if let Some(&fixed) = done.get(&at) {
            return Ok(fixed);
        }
        self.spend(1)?;
        let fixed = if node.level / 32 == u16::from(word.index()) {
            let bit = value >> (31 - node.level % 32) & 1 == 1;
            self.fix_part(if bit { node.hi } else { node.lo }, word, value, done)?
        } else {
            let lo = self.fix_part(node.lo, word, value, done)?;
            let hi = self.fix_part(node.hi, word, value, done)?;
            self.mk(node.level, lo, hi)?
        };
        done.insert(at, fixed);
        Ok(fixed)
    }

    /// Whether `at` asks any bit of `word`.
    pub(crate) fn asks(&self, at: Ref, word: Word) -> bool {
        let mut seen = FastMap::default();
        let mut todo = vec![at];
        while let Some(at) = todo.pop() {
            if let Some(node) = self.get(at)
                && node.level / 32 <= u16::from(word.index())
                && seen.insert(at, ()).is_none()
            {
                if node.level / 32 == u16::from(word.index()) {
                    return true;
                }
                todo.extend([node.lo, node.hi]);
            }
        }
        false
    }

    fn layer_part(
        &mut self,
        word: Word,
        bits: u32,
        base: u32,
        segments: &[(u32, Ref)],
    ) -> Result<Ref, TooLarge> {
        if segments.len() == 1 {
            return Ok(segments[0].1);
        }
        let bit = bits - 1;
        let middle = base | 1 << bit;
        let split = segments.partition_point(|s| s.0 < middle);
        let right = if segments.get(split).is_some_and(|s| s.0 == middle) { split } else { split - 1 };
        let lo = self.layer_part(word, bit, base, &segments[..split])?;
        let hi = self.layer_part(word, bit, middle, &segments[right..])?;
        self.mk(level_of(word, bit), lo, hi)
    }
}

impl<L> Diagram<L> {
    /// The node `at` as a function of `word`: sorted starts with what holds from there, neighbours
    /// different. `None` beyond `limit` segments. `at` must ask nothing before `word`.
    pub(crate) fn segments(&self, at: Ref, word: Word, limit: usize) -> Option<Vec<(u32, Ref)>> {
        let last = level_of(word, 0);
        let mut pieces = Pieces { diagram: self, last, limit, out: Vec::with_capacity(limit.min(8)) };
        pieces.collect(at, 32, 0).then_some(pieces.out)
    }
}

/// The pieces of a word while they are found.
struct Pieces<'a, L> {
    diagram: &'a Diagram<L>,
    /// The level of the word's last bit.
    last: u16,
    limit: usize,
    out: Vec<(u32, Ref)>,
}

impl<L> Pieces<'_, L> {
    /// Those of the values that begin with `base` and have so many more bits; whether there are not too many.
    fn collect(&mut self, mut at: Ref, mut bits: u16, mut base: u32) -> bool {
        // Only the lower half of a block is looked at by another call.
        while let Some(index) = at.node_index()
            && let node = self.diagram.node(index)
            && node.level <= self.last
        {
            bits -= 1;
            let (lo, hi) = if node.level + bits == self.last { (node.lo, node.hi) } else { (at, at) };
            // What goes on with the piece before is no piece of its own.
            if self.out.last().is_none_or(|last| last.1 != lo) && !self.collect(lo, bits, base) {
                return false;
            }
            (at, base) = (hi, base | 1 << bits);
        }
        if self.out.last().is_none_or(|last| last.1 != at) {
            self.out.push((base, at));
        }
        self.out.len() <= self.limit
    }
}
