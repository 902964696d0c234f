//! The tests that cost least on average, by dynamic programming over stretches of a line.
//!
//! A stretch is cut in two by an ordering test, or loses a single value to an equality test. Only the
//! heaviest single value left in a stretch is tried for equality, so that a state is a stretch and how many
//! of its heaviest single values are gone. That rule is proved where every value leads elsewhere; here many
//! lead to one place, so the tree is the best of this kind, not of all.
//!
//! What is never asked about need not be told apart well: neighbouring pieces that are not hot are one item
//! here, and [`Tree::Rest`] leaves them to the quick way. A stretch without any weight is one item with the single
//! value that follows it.

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

/// A piece, or neighbouring pieces that are not hot, or a single value with the stretch without weight before it.
struct Item {
    pieces: Range<usize>,
    weight: u64,
    /// The target, if there is but one.
    target: Option<Ref>,
    /// Where the stretch before a single value leads, which is there when the value is gone.
    before: Option<Ref>,
    hot: bool,
    single: bool,
}

/// The best tree for the line, counting the `most` hottest pieces and with at most `gone` (up to [`GONE`])
/// single values picked out of one stretch; `None` where a quick look is as good, or
/// there are too many items.
pub(super) fn tree(line: &Line<'_>, most: usize, gone: usize) -> Option<Tree> {
    let pieces = line.pieces();
    let mut hot: Vec<usize> = (0..pieces.len()).filter(|&i| pieces[i].hot && pieces[i].weight > 0).collect();
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
        order,
        from: Vec::new(),
        upto: Vec::new(),
        choices: Vec::new(),
        items,
    };
    table.from = vec![0; len * table.deep * (len + 1)];
    table.upto = vec![0; (len + 1) * table.deep * len];
    table.choices = vec![Choice::Done; len * table.deep * (len + 1)];
    for wide in 1..=len {
        for start in 0..=len - wide {
            table.fill(start, start + wide);
        }
    }
    Some(table.read(0, len, 0))
}

/// Every hot piece by itself, what lies between two as one.
fn items(pieces: &[Piece], hot: &[usize]) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::with_capacity(hot.len() * 2 + 1);
    let mut push = |range: Range<usize>, hot: bool| {
        let Some(first) = pieces[range.clone()].first() else { return };
        let alone = range.len() == 1;
        let weight: u64 = pieces[range.clone()].iter().map(|p| p.weight).sum();
        let single = hot && first.start == first.end;
        match items.last_mut() {
            // Its other side is as good a place for a cut.
            Some(last) if single && !last.hot && last.weight == 0 && last.target.is_some() => {
                let pieces = last.pieces.start..range.end;
                *last = Item { pieces, weight, target: None, before: last.target, hot, single };
            }
            _ => items.push(Item {
                weight: if hot { weight } else { weight / COLD },
                target: alone.then_some(first.target),
                before: None,
                single,
                hot,
                pieces: range,
            }),
        }
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
    /// What the tests of a state cost, by start, single values gone, and end; and the same by end, gone, and start:
    /// what a stretch costs that is cut anywhere stands in a row in both.
    from: Vec<u64>,
    upto: Vec<u64>,
    /// As `from`.
    choices: Vec<Choice>,
}

/// What is left of a stretch, as far as it matters whether tests are needed.
struct Left {
    /// Where all of it leads; `None` if to several places.
    target: Option<Ref>,
    same: bool,
    cold: bool,
}

impl Left {
    fn add(&mut self, item: &Item) {
        self.add_target(item.target);
        self.cold &= !item.hot;
    }

    /// What an item leaves whose value is gone.
    fn add_without_value(&mut self, item: &Item) {
        if item.before.is_some() {
            self.add_target(item.before);
        }
    }

    fn add_target(&mut self, target: Option<Ref>) {
        self.same &= target.is_some() && (self.target.is_none() || self.target == target);
        self.target = target;
    }

    /// Whether it leads to one place, or does not matter.
    fn is_done(&self) -> bool {
        self.same || self.cold
    }
}

impl Table<'_> {
    fn at(&self, start: usize, end: usize, gone: usize) -> usize {
        (start * self.deep + gone) * (self.items.len() + 1) + end
    }

    fn at_end(&self, start: usize, end: usize, gone: usize) -> usize {
        (end * self.deep + gone) * self.items.len() + start
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
        for item in self.heaviest(start, end) {
            singles[count] = item;
            count += 1;
        }
        let mut weight = self.weight(start, end);
        weight -= singles[..count].iter().map(|&i| self.items[i].weight + 1).sum::<u64>();
        // The same in the order of the stretch.
        let mut out = singles;
        out[..count].sort_unstable();
        let mut left = Left { target: None, same: true, cold: true };
        for i in start..end {
            if out[..count].contains(&i) {
                left.add_without_value(&self.items[i]);
            } else {
                left.add(&self.items[i]);
            }
        }
        for gone in (0..=count).rev() {
            let (cost, choice) = if left.is_done() {
                (0, Choice::Done)
            } else {
                let (cost, choice) = self.best(start, end, count, &out[..gone]);
                (cost.saturating_add(weight + self.place), choice)
            };
            let (from, upto) = (self.at(start, end, gone), self.at_end(start, end, gone));
            self.from[from] = cost;
            self.choices[from] = choice;
            self.upto[upto] = cost;
            if let Some(back) = gone.checked_sub(1).map(|last| singles[last]) {
                weight += self.items[back].weight + 1;
                left.add(&self.items[back]);
                if let Some(at) = out[..gone].iter().position(|i| *i == back) {
                    out.copy_within(at + 1..gone, at);
                }
            }
        }
    }

    /// The best first test of a stretch without the items that are `out`, what comes after it counted.
    fn best(&self, start: usize, end: usize, count: usize, out: &[usize]) -> (u64, Choice) {
        let gone = out.len();
        let mut best = (u64::MAX, Choice::Done);
        if gone < count {
            best = (self.from[self.at(start, end, gone + 1)], Choice::Equal);
        }
        // Between two items that are out, the halves of every cut lack as many.
        let mut first = start + 1;
        for below in 0..=gone {
            let next = out.get(below).map_or(end, |item| item + 1).min(end);
            if first >= next {
                continue;
            }
            let halves = self.at(start, first, below);
            let others = self.at_end(first, end, gone - below);
            let halves = &self.from[halves..halves + next - first];
            let others = &self.upto[others..others + next - first];
            for (i, (below, from)) in halves.iter().zip(others).enumerate() {
                if below + from < best.0 {
                    best = (below + from, Choice::Cut((first + i) as u8));
                }
            }
            first = next;
        }
        best
    }

    fn read(&self, start: usize, end: usize, gone: usize) -> Tree {
        let singles: Vec<usize> = self.heaviest(start, end).collect();
        let out = &singles[..gone];
        match self.choices[self.at(start, end, gone)] {
            Choice::Done => self.rest(start, end, out),
            Choice::Equal => {
                let hot = self.pieces[self.items[singles[gone]].pieces.end - 1];
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
        let range = self.items[start].pieces.start..self.items[end - 1].pieces.end;
        let gone: Vec<usize> = out.iter().map(|i| self.items[*i].pieces.end - 1).collect();
        let mut left =
            range.clone().filter(|piece| !gone.contains(piece)).map(|piece| self.pieces[piece].target);
        // A stretch with nothing left is never reached; it leads wherever its first value did.
        let first = left.next().unwrap_or(self.pieces[range.start].target);
        if left.all(|target| target == first) {
            return Tree::One(first);
        }
        Tree::Rest(Line::without(&self.pieces[range.clone()], range.start, &gone))
    }
}
