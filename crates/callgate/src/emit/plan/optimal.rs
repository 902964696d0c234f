//! The tests that cost least on average, by dynamic programming over stretches of a line.
//!
//! A stretch is cut in two by an ordering test, or loses a single value to an equality test. Only the
//! heaviest single value left in a stretch is tried for equality, so that a state is a stretch and how many
//! of its heaviest single values are gone. That rule is proved where every value leads elsewhere; here many
//! lead to one place, so the tree is the best of this kind, not of all.
//!
//! What is never asked about need not be told apart well: neighbouring pieces that are not hot are one item
//! here, and [`Tree::Rest`] leaves them to the quick way.

use super::line::{Line, Piece};
use crate::diagram::Ref;
use std::ops::Range;

/// Lines of more pieces are cut by weight instead: the time grows with the third power.
pub(super) const MOST: usize = 192;
/// As many single values are picked out of one stretch at most.
pub(super) const GONE: usize = 12;
/// A test must save more than this share of the line's weight to be worth its place in the program.
const SHARE: u64 = 1024;
/// What is not hot counts for so much less: a guess must not outweigh what was seen.
const COLD: u64 = 16;
/// The rank of an item that no equality test picks out.
const UNRANKED: u8 = u8::MAX;

/// Tests in the order of asking.
pub(super) enum Tree {
    /// Nothing left to test.
    One(Ref),
    /// What is left is not hot.
    Rest(Line<'static>),
    /// `== value`: the value's target, and the tests for all others.
    Equal { value: u32, target: Ref, rest: Box<Tree> },
    /// `>= at`.
    Cut { at: u32, below: Box<Tree>, from: Box<Tree> },
}

#[derive(Clone, Copy)]
enum Choice {
    Done,
    Equal,
    Cut(u8),
}

/// A piece, or neighbouring pieces that are not hot.
struct Item {
    pieces: Range<usize>,
    weight: u64,
    /// The target, if there is but one.
    target: Option<Ref>,
    hot: bool,
    single: bool,
}

/// The best tree for the line, counting the `most` hottest pieces and with at most `gone` (up to [`GONE`])
/// single values picked out of one stretch; `None` where a quick look is as good, or
/// there are too many items.
pub(super) fn tree(line: &Line<'_>, most: usize, gone: usize) -> Option<Tree> {
    let pieces = line.pieces();
    let mut hot: Vec<usize> = (0..pieces.len()).filter(|&i| pieces[i].hot).collect();
    if hot.len() > most {
        hot.sort_unstable_by_key(|&i| (std::cmp::Reverse(pieces[i].weight), i));
        hot.truncate(most);
        hot.sort_unstable();
    }
    if hot.is_empty() || pieces.len() < 3 {
        return None;
    }
    let items = items(pieces, &hot);
    let len = items.len();
    if len > MOST {
        return None;
    }
    let mut order: Vec<u8> = (0..len).filter(|&i| items[i].single).map(|i| i as u8).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(items[usize::from(i)].weight));
    let mut table = Table {
        pieces,
        // One more than it weighs, so that no test is free.
        before: items
            .iter()
            .scan(0, |sum, item| Some(std::mem::replace(sum, *sum + item.weight + 1)))
            .collect(),
        place: items.iter().map(|i| i.weight).sum::<u64>() / SHARE,
        deep: order.len().min(gone) + 1,
        rank: vec![UNRANKED; len],
        order,
        states: Vec::new(),
        items,
    };
    table.states = vec![(0, Choice::Done); len * len * table.deep];
    for wide in 2..=len {
        for start in 0..=len - wide {
            table.fill(start, start + wide);
        }
    }
    Some(table.read(0, len, 0))
}

/// Every hot piece by itself, what lies between two as one.
fn items(pieces: &[Piece], hot: &[usize]) -> Vec<Item> {
    let mut items = Vec::with_capacity(hot.len() * 2 + 1);
    let mut push = |range: Range<usize>, hot: bool| {
        let Some(first) = pieces[range.clone()].first() else { return };
        let alone = range.len() == 1;
        let weight: u64 = pieces[range.clone()].iter().map(|p| p.weight).sum();
        items.push(Item {
            weight: if hot { weight } else { weight / COLD },
            target: alone.then_some(first.target),
            single: hot && first.start == first.end,
            hot,
            pieces: range,
        });
    };
    let mut next = 0;
    for &i in hot {
        push(next..i, false);
        push(i..i + 1, true);
        next = i + 1;
    }
    push(next..pieces.len(), false);
    items
}

struct Table<'a> {
    pieces: &'a [Piece],
    items: Vec<Item>,
    /// What lies before each item weighs.
    before: Vec<u64>,
    /// What a test costs whether it is reached or not.
    place: u64,
    /// The items that equality tests may pick out, heaviest first.
    order: Vec<u8>,
    /// How many states a stretch has.
    deep: usize,
    /// The place of each item in the order of the stretch in hand.
    rank: Vec<u8>,
    states: Vec<(u64, Choice)>,
}

impl Table<'_> {
    fn at(&self, start: usize, end: usize, gone: usize) -> usize {
        (start * self.items.len() + end - 1) * self.deep + gone
    }

    /// The single values of a stretch that may go, heaviest first.
    fn heaviest(&self, start: usize, end: usize) -> impl Iterator<Item = usize> {
        self.order
            .iter()
            .map(|&i| usize::from(i))
            .filter(move |i| (start..end).contains(i))
            .take(self.deep - 1)
    }

    fn weight(&self, start: usize, end: usize) -> u64 {
        let end = self.before.get(end).copied();
        end.unwrap_or_else(|| self.before.last().zip(self.items.last()).map_or(0, |(b, i)| b + i.weight + 1))
            - self.before[start]
    }

    fn fill(&mut self, start: usize, end: usize) {
        let mut singles = [0; GONE];
        let mut count = 0;
        self.rank[start..end].fill(UNRANKED);
        let found = self.order.iter().map(|&i| usize::from(i)).filter(|i| (start..end).contains(i));
        for (rank, item) in found.take(self.deep - 1).enumerate() {
            singles[rank] = item;
            self.rank[item] = rank as u8;
            count = rank + 1;
        }
        let mut weight = self.weight(start, end);
        weight -= singles[..count].iter().map(|&i| self.items[i].weight + 1).sum::<u64>();
        for gone in (0..=count).rev() {
            let state = self.at(start, end, gone);
            self.states[state] = self.best(start, end, gone, count, weight);
            if gone > 0 {
                weight += self.items[singles[gone - 1]].weight + 1;
            }
        }
    }

    fn best(&self, start: usize, end: usize, gone: usize, count: usize, weight: u64) -> (u64, Choice) {
        let out = |i: usize| usize::from(self.rank[i]) < gone;
        if self.is_done((start..end).filter(|i| !out(*i))) {
            return (0, Choice::Done);
        }
        let mut best = (u64::MAX, Choice::Done);
        if gone < count {
            best = (self.states[self.at(start, end, gone + 1)].0, Choice::Equal);
        }
        let mut below = 0;
        for at in start + 1..end {
            below += usize::from(out(at - 1));
            let cost =
                self.states[self.at(start, at, below)].0 + self.states[self.at(at, end, gone - below)].0;
            if cost < best.0 {
                best = (cost, Choice::Cut(at as u8));
            }
        }
        (best.0.saturating_add(weight + self.place), best.1)
    }

    /// Whether these items lead to one place, or none of them matters.
    fn is_done(&self, mut left: impl Iterator<Item = usize>) -> bool {
        let Some(first) = left.next() else { return true };
        let first = &self.items[first];
        let (mut same, mut cold) = (true, !first.hot);
        for i in left {
            let item = &self.items[i];
            same &= item.target.is_some() && item.target == first.target;
            cold &= !item.hot;
            if !same && !cold {
                return false;
            }
        }
        true
    }

    fn read(&self, start: usize, end: usize, gone: usize) -> Tree {
        let singles: Vec<usize> = self.heaviest(start, end).collect();
        let out = &singles[..gone];
        match self.states[self.at(start, end, gone)].1 {
            Choice::Done => self.rest(start, end, out),
            Choice::Equal => {
                let hot = self.pieces[self.items[singles[gone]].pieces.start];
                let rest = Box::new(self.read(start, end, gone + 1));
                Tree::Equal { value: hot.start, target: hot.target, rest }
            }
            Choice::Cut(at) => {
                let at = usize::from(at);
                let below = out.iter().filter(|i| **i < at).count();
                Tree::Cut {
                    at: self.pieces[self.items[at].pieces.start].start,
                    below: Box::new(self.read(start, at, below)),
                    from: Box::new(self.read(at, end, gone - below)),
                }
            }
        }
    }

    /// What is left of a stretch that needs no more tests of hot items.
    fn rest(&self, start: usize, end: usize, out: &[usize]) -> Tree {
        // A stretch with nothing left is never reached; it leads wherever its first value did.
        let Some(first) = (start..end).find(|i| !out.contains(i)) else {
            return Tree::One(self.pieces[self.items[start].pieces.start].target);
        };
        let mut left = (start..end).filter(|i| !out.contains(i));
        match self.items[first].target {
            Some(target) if left.all(|i| self.items[i].target == Some(target)) => Tree::One(target),
            _ => {
                let range = self.items[start].pieces.start..self.items[end - 1].pieces.end;
                let gone: Vec<usize> = out.iter().map(|i| self.items[*i].pieces.start).collect();
                Tree::Rest(Line::without(&self.pieces[range.clone()], range.start, &gone))
            }
        }
    }
}
