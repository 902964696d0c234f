//! The tests that cost least on average, by dynamic programming over stretches of a line.
//!
//! A stretch is cut in two by an ordering test, or loses a single value to an equality test. Only the
//! heaviest single value left in a stretch is tried for equality, so that a state is a stretch and how many
//! of its heaviest single values are gone. That rule is proved where every value leads elsewhere; here many
//! lead to one place, so the tree is the best of this kind, not of all.

use super::line::Piece;
use crate::diagram::Ref;

/// Lines of more pieces are cut by weight instead: the time grows with the third power.
const MOST: usize = 192;
/// As many single values are picked out of one stretch at most.
const GONE: usize = 12;
/// A test must save more than this share of the line's weight to be worth its place in the program.
const SHARE: u64 = 1024;

/// Tests in the order of asking.
pub(super) enum Tree {
    /// Nothing left to test.
    One(Ref),
    /// `== value`: the value's target, and the tests for all others.
    Equal { value: u32, target: Ref, rest: Box<Tree> },
    /// `>= at`.
    Cut { at: u32, below: Box<Tree>, from: Box<Tree> },
}

#[derive(Clone, Copy)]
enum Choice {
    Done,
    Equal,
    Cut(usize),
}

/// The best tree for the line; `None` if the line is too long to look for it.
pub(super) fn tree(pieces: &[Piece]) -> Option<Tree> {
    if pieces.len() > MOST {
        return None;
    }
    let whole: u64 = pieces.iter().map(|p| p.weight).sum();
    let mut table = Table {
        pieces,
        place: whole / SHARE,
        states: vec![(0, Choice::Done); pieces.len() * pieces.len() * (GONE + 1)],
    };
    for len in 2..=pieces.len() {
        for start in 0..=pieces.len() - len {
            table.fill(start, start + len);
        }
    }
    Some(table.read(0, pieces.len(), 0))
}

struct Table<'a> {
    pieces: &'a [Piece],
    /// What a test costs whether it is reached or not.
    place: u64,
    states: Vec<(u64, Choice)>,
}

impl Table<'_> {
    fn at(&self, start: usize, end: usize, gone: usize) -> usize {
        (start * self.pieces.len() + end - 1) * (GONE + 1) + gone
    }

    /// The heaviest single values of a stretch, the heaviest in front.
    fn heaviest(&self, start: usize, end: usize) -> Vec<usize> {
        let mut singles: Vec<usize> =
            (start..end).filter(|&i| self.pieces[i].start == self.pieces[i].end).collect();
        singles.sort_unstable_by_key(|&i| (std::cmp::Reverse(self.pieces[i].weight), i));
        singles.truncate(GONE);
        singles
    }

    fn fill(&mut self, start: usize, end: usize) {
        let singles = self.heaviest(start, end);
        for gone in (0..=singles.len()).rev() {
            let best = self.best(start, end, &singles, gone);
            let state = self.at(start, end, gone);
            self.states[state] = best;
        }
    }

    fn best(&self, start: usize, end: usize, singles: &[usize], gone: usize) -> (u64, Choice) {
        let out = &singles[..gone];
        let mut left = (start..end).filter(|i| !out.contains(i));
        let first = left.next().map(|i| self.pieces[i].target);
        if left.all(|i| Some(self.pieces[i].target) == first) {
            return (0, Choice::Done);
        }
        // One more than it weighs, so that no test is free.
        let weight: u64 = (start..end).filter(|i| !out.contains(i)).map(|i| self.pieces[i].weight + 1).sum();
        let mut best = (u64::MAX, Choice::Done);
        if gone < singles.len() {
            best = (self.states[self.at(start, end, gone + 1)].0, Choice::Equal);
        }
        let mut below = 0;
        for at in start + 1..end {
            below += usize::from(out.contains(&(at - 1)));
            let cost =
                self.states[self.at(start, at, below)].0 + self.states[self.at(at, end, gone - below)].0;
            if cost < best.0 {
                best = (cost, Choice::Cut(at));
            }
        }
        (best.0.saturating_add(weight + self.place), best.1)
    }

    fn read(&self, start: usize, end: usize, gone: usize) -> Tree {
        let singles = self.heaviest(start, end);
        let out = &singles[..gone];
        match self.states[self.at(start, end, gone)].1 {
            Choice::Done => {
                // A stretch with nothing left is never reached; it leads wherever its first value did.
                let left = (start..end).find(|i| !out.contains(i)).unwrap_or(start);
                Tree::One(self.pieces[left].target)
            }
            Choice::Equal => {
                let hot = self.pieces[singles[gone]];
                let rest = Box::new(self.read(start, end, gone + 1));
                Tree::Equal { value: hot.start, target: hot.target, rest }
            }
            Choice::Cut(at) => {
                let below = out.iter().filter(|i| **i < at).count();
                Tree::Cut {
                    at: self.pieces[at].start,
                    below: Box::new(self.read(start, at, below)),
                    from: Box::new(self.read(at, end, gone - below)),
                }
            }
        }
    }
}
