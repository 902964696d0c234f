//! Sums of two words, which as tests of single words would take an instruction for every value.

use super::{Diagram, Ref};
use callgate_abi::Word;

/// A test of the low bits of two words added up: `(second + first) & mask == value`, or the difference.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Mix {
    /// The word a diagram asks first.
    pub first: Word,
    /// The other one.
    pub second: Word,
    /// Whether the first is taken from the second, not added to it.
    pub minus: bool,
    /// Some bits from the lowest on.
    pub mask: u32,
    /// What they must be.
    pub value: u32,
}

/// How many bits a sum is worth looking for: fewer are as short otherwise, more are no diagram's.
const BITS: std::ops::RangeInclusive<u32> = 4..=16;

impl<L> Diagram<L> {
    /// The test of a sum or difference of two words that the node is, with where it leads. Every value of the
    /// first word is tried, so what is found is so.
    pub(crate) fn mix(&self, at: Ref) -> Option<(Mix, Ref, Ref)> {
        let level = u32::from(self.node(at.node_index()?).level);
        let first = Word::from_index((level / 32) as u8)?;
        first.arg()?;
        let bits = 32 - level % 32;
        if !BITS.contains(&bits) {
            return None;
        }
        let mask = (1 << bits) - 1;
        let mut search = Search { diagram: self, first, bits, ends: None };
        let start = search.second(at, 0)?;
        let one = search.second(at, 1)?;
        let minus = match (one.1.wrapping_sub(start.1)) & mask {
            1 => true,
            step if step == mask => false,
            _ => return None,
        };
        for n in 2..=mask {
            let moved = if minus { start.1.wrapping_add(n) } else { start.1.wrapping_sub(n) };
            if search.second(at, n)? != (start.0, moved & mask) {
                return None;
            }
        }
        let (pass, fail) = search.ends?;
        Some((Mix { first, second: start.0, minus, mask, value: start.1 }, pass, fail))
    }
}

struct Search<'a, L> {
    diagram: &'a Diagram<L>,
    first: Word,
    bits: u32,
    /// Where the test leads, as far as it is known.
    ends: Option<(Ref, Ref)>,
}

impl<L> Search<'_, L> {
    /// The other word, and the one value it must have where the low bits of the first are `n`.
    fn second(&mut self, at: Ref, n: u32) -> Option<(Word, u32)> {
        let mut at = at;
        for bit in (0..self.bits).rev() {
            let (lo, hi) = self.children(at, self.first, bit)?;
            at = if n >> bit & 1 == 1 { hi } else { lo };
        }
        let second = Word::from_index((self.diagram.node(at.node_index()?).level / 32) as u8)?;
        second.arg()?;
        let mut value = 0;
        let mut failed: Option<Ref> = None;
        for bit in (0..self.bits).rev() {
            let (lo, hi) = self.children(at, second, bit)?;
            // The way on is the one that goes on asking; at the end, the one that is not the usual failure.
            let goes_on = |to: Ref| {
                if bit == 0 { failed != Some(to) } else { self.children(to, second, bit - 1).is_some() }
            };
            let (on, fail) = match (goes_on(lo), goes_on(hi)) {
                (true, false) => (lo, hi),
                (false, true) => {
                    value |= 1 << bit;
                    (hi, lo)
                }
                _ => return None,
            };
            if failed.is_some_and(|known| known != fail) {
                return None;
            }
            (at, failed) = (on, Some(fail));
        }
        let ends = (at, failed?);
        match self.ends {
            Some(known) if known != ends => None,
            _ => {
                self.ends = Some(ends);
                Some((second, value))
            }
        }
    }

    /// The children of the node that asks this bit of this word.
    fn children(&self, at: Ref, word: Word, bit: u32) -> Option<(Ref, Ref)> {
        let node = self.diagram.node(at.node_index()?);
        let level = u32::from(word.index()) * 32 + 31 - bit;
        (u32::from(node.level) == level).then_some((node.lo, node.hi))
    }
}
