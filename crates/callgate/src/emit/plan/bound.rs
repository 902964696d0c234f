//! Ways that may be no longer than in another program.

use super::line::{Ask, Line};
use super::{Bound, Planner};
use crate::diagram::words::Test;
use crate::emit::graph::{Block, Id};
use callgate_abi::Word;

/// Up to this many values of an argument are asked for one after the other, the largest first.
const ROW: usize = 16;

impl Planner<'_> {
    /// The tests of call numbers, as many more than [`Bound`] says being free.
    pub(super) fn bound(&mut self, word: Word, line: &Line<'_>, free: usize) -> Id {
        let (calls, leaf) = match self.options.bound {
            Bound::None => return self.line(word, line),
            Bound::Row(calls) => (calls, usize::MAX),
            Bound::Leaves(calls, leaf) => (calls, leaf.max(1)),
        };
        let of_token = calls.iter().filter(|call| Some(call.0) == self.token);
        let mut numbers: Vec<u32> = of_token.map(|call| call.1).filter(|nr| line.holds(*nr)).collect();
        if numbers.is_empty() {
            return self.line(word, line);
        }
        let mut whole = leaf;
        if leaf < usize::MAX {
            numbers.sort_unstable_by_key(|nr| std::cmp::Reverse(*nr));
            while whole < numbers.len() {
                whole *= 2;
            }
        }
        self.within(word, line, &numbers, (leaf, whole), free)
    }

    /// The usual tests if none of them makes a way longer than those of the bound, else those, at least at the top.
    fn within(
        &mut self,
        word: Word,
        line: &Line<'_>,
        numbers: &[u32],
        shape: (usize, usize),
        free: usize,
    ) -> Id {
        let own = self.line(word, line);
        let bound = self.shaped(word, line, numbers, shape);
        if self.is_within(own, bound, word, line, numbers, free) {
            return own;
        }
        let (leaf, whole) = shape;
        if whole <= leaf || numbers.len() <= whole / 2 {
            return if whole <= leaf {
                bound
            } else {
                self.within(word, line, numbers, (leaf, whole / 2), free)
            };
        }
        let (above, upto) = numbers.split_at(whole / 2);
        let (below, from) = line.at(upto[0]);
        let then = self.within(word, &from, above, (leaf, whole / 2), free);
        let other = self.within(word, &below, upto, (leaf, whole / 2), free);
        self.graph.test(word, u32::MAX, Test::Gt(upto[0]), then, other)
    }

    /// The tests of the bound: halves of `whole` numbers, down to rows of `leaf`.
    fn shaped(&mut self, word: Word, line: &Line<'_>, numbers: &[u32], (leaf, whole): (usize, usize)) -> Id {
        if whole <= leaf {
            return self.row(word, line, numbers, &mut Vec::new());
        }
        if numbers.len() <= whole / 2 {
            return self.shaped(word, line, numbers, (leaf, whole / 2));
        }
        let (above, upto) = numbers.split_at(whole / 2);
        let (below, from) = line.at(upto[0]);
        let then = self.shaped(word, &from, above, (leaf, whole / 2));
        let other = self.shaped(word, &below, upto, (leaf, whole / 2));
        self.graph.test(word, u32::MAX, Test::Gt(upto[0]), then, other)
    }

    /// Whether no value of a line takes more tests in one graph than in another.
    fn is_within(
        &self,
        own: Id,
        bound: Id,
        word: Word,
        line: &Line<'_>,
        numbers: &[u32],
        free: usize,
    ) -> bool {
        let ends = line.pieces().iter().flat_map(|piece| [piece.start, piece.end]);
        let inside = |value: &u32| line.holds(*value);
        let around = numbers.iter().flat_map(|nr| [nr.saturating_sub(1), *nr, nr.saturating_add(1)]);
        ends.chain(around.filter(inside))
            .all(|value| self.tests(own, word, value) <= self.tests(bound, word, value) + free)
    }

    /// How many tests of a word a value takes.
    fn tests(&self, mut at: Id, word: Word, value: u32) -> usize {
        let mut count = 0;
        while let Block::Test { word: asked, mask, test, then, other } = self.graph.get(at)
            && asked == word
        {
            count += 1;
            let value = value & mask;
            let holds = match test {
                Test::Eq(k) => value == k,
                Test::Gt(k) => value > k,
                Test::Ge(k) => value >= k,
                Test::Set(k) => value & k != 0,
            };
            at = if holds { then } else { other };
        }
        count
    }

    /// The tests of a line in which these values are asked for first, one after the other; some have been found.
    fn row(&mut self, word: Word, line: &Line<'_>, values: &[u32], found: &mut Vec<u32>) -> Id {
        let Some((&value, later)) = values.split_first() else { return self.line(word, line) };
        let ask = if found.contains(&value) { None } else { line.ask(value, found) };
        let Some(Ask { test, target, values: here, is_other, rest }) = ask else {
            return self.row(word, line, later, found);
        };
        found.extend(here);
        let (target, others) = (self.block(target), self.row(word, &rest, later, found));
        let (then, other) = if is_other { (others, target) } else { (target, others) };
        self.graph.test(word, u32::MAX, test, then, other)
    }

    /// The tests of an argument's values where all count alike: few of them one after the other.
    pub(super) fn values(&mut self, word: Word, line: &Line<'_>) -> Id {
        match line.few(ROW) {
            Some(values) => self.row(word, line, &values, &mut Vec::new()),
            None => self.line(word, line),
        }
    }
}
