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

/// One test, or the end of testing. The tests that follow are given by their place in the [`Tree`].
pub(super) enum Test {
    /// Nothing left to test.
    One(Ref),
    /// What is left is not hot.
    Rest(Line<'static>),
    /// `== value`: the value's target, and the tests for all others.
    Equal { value: u32, target: Ref, rest: usize },
    /// `>= at`.
    Cut { at: u32, below: usize, from: usize },
}

/// Tests, each behind those that follow it: the last one is the first to ask.
pub(super) type Tree = Vec<Test>;

#[derive(Clone, Copy)]
enum Choice {
    Done,
    Equal,
    Cut(u8),
}

/// What the tables of one line are written to, kept for the next line.
#[derive(Default)]
pub(super) struct Space {
    from: Vec<u64>,
    upto: Vec<u64>,
    choices: Vec<Choice>,
}

impl Space {
    /// Room for so many cells in each table. What stands in them is of no account: a cell is read after it was written.
    fn reserve(&mut self, cells: usize) {
        if self.from.len() < cells {
            self.from.resize(cells, 0);
            self.upto.resize(cells, 0);
            self.choices.resize(cells, Choice::Done);
        }
    }
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

impl Item {
    /// Whether all tests cost the same with the one as with the other.
    fn is_like(&self, other: &Item) -> bool {
        let facts = |item: &Item| (item.weight, item.target, item.before, item.hot, item.single);
        facts(self) == facts(other)
    }
}

/// The best tree for the line, counting the `most` hottest pieces and with at most `gone` (up to [`GONE`])
/// single values picked out of one stretch; `None` where a quick look is as good, or
/// there are too many items.
pub(super) fn tree(line: &Line<'_>, most: usize, gone: usize, space: &mut Space) -> Option<Tree> {
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
    let singles = items.iter().filter(|item| item.single).count();
    let deep = singles.min(gone) + 1;
    space.reserve((len + 1) * deep * (len + 1));
    let mut table = Table {
        pieces,
        // One more than it weighs, so that no test is free.
        before: items
            .iter()
            .map(|item| item.weight + 1)
            .chain([0])
            .scan(0, |sum, weight| Some(std::mem::replace(sum, *sum + weight)))
            .collect(),
        place: items.iter().map(|i| i.weight).sum::<u64>() / SHARE,
        deep,
        space,
        items,
    };
    // The end of the row of items that are each like the next one.
    let mut alike = len;
    for start in (0..len).rev() {
        if table.items.get(start + 1).is_none_or(|next| !table.items[start].is_like(next)) {
            alike = start;
        }
        table.fill(start, alike);
    }
    let mut tree = Tree::with_capacity(len * 2);
    table.read(0, len, 0, &mut tree);
    Some(tree)
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
    /// What lies before each item weighs, and at the end what all weigh.
    before: Vec<u64>,
    /// What a test costs whether it is reached or not.
    place: u64,
    /// How many states a stretch has.
    deep: usize,
    /// What the tests of a state cost, by start, end, and single values gone, and the same by end, start, and gone: the
    /// halves of one cut stand side by side, however many are gone. What to ask first stands as in `from`.
    space: &'a mut Space,
}

/// The best cuts of a stretch, by how many single values are gone: what the halves cost, and where.
struct Cuts {
    costs: [u64; GONE + 1],
    at: [u8; GONE + 1],
}

/// The single values of a stretch that may go.
#[derive(Clone, Copy, Default)]
struct Singles {
    /// Heaviest first, of equal ones the first.
    heavy: [u8; GONE],
    /// The same in the order of the stretch.
    ascending: [u8; GONE],
    len: usize,
}

impl Singles {
    /// The stretch grows by a single value at its end; no more than `most` are kept.
    fn push(&mut self, items: &[Item], item: usize, most: usize) {
        let weight = items[item].weight;
        let heavier = |i: &u8| items[usize::from(*i)].weight >= weight;
        let at = self.heavy[..self.len].iter().rposition(heavier).map_or(0, |i| i + 1);
        if at == most {
            return;
        }
        if self.len == most {
            let lightest = self.heavy[most - 1];
            let gone = self.ascending[..most].iter().position(|i| *i == lightest).unwrap_or(most - 1);
            self.ascending.copy_within(gone + 1..most, gone);
            self.len -= 1;
        }
        self.heavy.copy_within(at..self.len, at + 1);
        self.heavy[at] = item as u8;
        self.ascending[self.len] = item as u8;
        self.len += 1;
    }

    fn heavy(&self) -> impl Iterator<Item = usize> {
        self.heavy[..self.len].iter().map(|i| usize::from(*i))
    }
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
    /// Where the states of a stretch stand, by start.
    fn at(&self, start: usize, end: usize) -> usize {
        (start * (self.items.len() + 1) + end) * self.deep
    }

    /// The same by end.
    fn at_end(&self, start: usize, end: usize) -> usize {
        (end * self.items.len() + start) * self.deep
    }

    /// All stretches from an item on, shorter ones first; those from later items on are there. Up to `alike` the items
    /// are like those that follow them.
    fn fill(&mut self, start: usize, alike: usize) {
        let mut singles = Singles::default();
        for end in start + 1..=self.items.len() {
            if self.items[end - 1].single {
                singles.push(&self.items, end - 1, self.deep - 1);
            }
            if end <= alike {
                self.repeat(start, end, singles.len);
            } else {
                self.states(start, end, &singles);
            }
        }
    }

    /// The states of a stretch whose items, so many single values among them, are like those one further on.
    fn repeat(&mut self, start: usize, end: usize, singles: usize) {
        let (known, from, upto) = (self.at(start + 1, end + 1), self.at(start, end), self.at_end(start, end));
        for gone in 0..=singles {
            let cost = self.space.from[known + gone];
            self.space.from[from + gone] = cost;
            self.space.upto[upto + gone] = cost;
            self.space.choices[from + gone] = match self.space.choices[known + gone] {
                Choice::Cut(at) => Choice::Cut(at - 1),
                same => same,
            };
        }
    }

    /// The states of one stretch.
    fn states(&mut self, start: usize, end: usize, singles: &Singles) {
        let undone = self.undone(start, end, singles);
        let cuts = self.cuts(start, end, singles, undone);
        let (from, upto) = (self.at(start, end), self.at_end(start, end));
        let mut weight = self.before[end] - self.before[start];
        weight -= singles.heavy().map(|i| self.items[i].weight + 1).sum::<u64>();
        let mut equal = None;
        for gone in (0..=singles.len).rev() {
            let (cut, at) = (cuts.costs[gone], cuts.at[gone]);
            let (cost, choice) = match equal {
                _ if gone >= undone => (0, Choice::Done),
                Some(equal) if equal <= cut => (equal, Choice::Equal),
                _ => (cut, Choice::Cut(at)),
            };
            let cost = if gone < undone { cost.saturating_add(weight + self.place) } else { cost };
            self.space.from[from + gone] = cost;
            self.space.choices[from + gone] = choice;
            self.space.upto[upto + gone] = cost;
            equal = Some(cost);
            if let Some(last) = gone.checked_sub(1) {
                weight += self.items[usize::from(singles.heavy[last])].weight + 1;
            }
        }
    }

    /// How many single values of a stretch must be gone for the rest to need no more tests; one more than there are if
    /// that is not enough.
    fn undone(&self, start: usize, end: usize, singles: &Singles) -> usize {
        let mut left = Left { target: None, same: true, cold: true };
        let mut out = singles.ascending[..singles.len].iter().map(|i| usize::from(*i)).peekable();
        for (i, item) in self.items[start..end].iter().enumerate() {
            if out.next_if_eq(&(start + i)).is_some() {
                left.add_without_value(item);
            } else {
                left.add(item);
            }
            if !left.is_done() {
                return singles.len + 1;
            }
        }
        for gone in (0..singles.len).rev() {
            left.add(&self.items[usize::from(singles.heavy[gone])]);
            if !left.is_done() {
                return gone + 1;
            }
        }
        0
    }

    /// The best cut of each state that needs tests, with what its halves cost, by how many single values are gone.
    fn cuts(&self, start: usize, end: usize, singles: &Singles, undone: usize) -> Cuts {
        let mut best = Cuts { costs: [u64::MAX; GONE + 1], at: [0; GONE + 1] };
        // The halves of the cuts from left to right.
        let below = self.space.from[self.at(start, start + 1)..].chunks_exact(self.deep);
        let from = self.space.upto[self.at_end(start + 1, end)..].chunks_exact(self.deep);
        for ((cut, below), from) in (start + 1..end).zip(below).zip(from) {
            let mut sum = below[0] + from[0];
            // How many are gone from either half: each one more is missing in one of them.
            let (mut less_below, mut less_from) = (0, 0);
            for (gone, (cost, at)) in best.costs[..undone].iter_mut().zip(&mut best.at).enumerate() {
                if gone > 0 {
                    let is_below = usize::from(singles.heavy[gone - 1]) < cut;
                    less_below += usize::from(is_below);
                    less_from += usize::from(!is_below);
                    sum = below[less_below] + from[less_from];
                }
                if sum < *cost {
                    (*cost, *at) = (sum, cut as u8);
                }
            }
        }
        best
    }

    /// Writes the tests of a state; where its first one stands.
    fn read(&self, start: usize, end: usize, gone: usize, tree: &mut Tree) -> usize {
        let mut singles = Singles::default();
        for item in (start..end).filter(|i| self.items[*i].single) {
            singles.push(&self.items, item, self.deep - 1);
        }
        let out = &singles.heavy[..gone];
        let test = match self.space.choices[self.at(start, end) + gone] {
            Choice::Done => self.rest(start, end, out),
            Choice::Equal => {
                let hot = self.pieces[self.items[usize::from(singles.heavy[gone])].pieces.end - 1];
                let rest = self.read(start, end, gone + 1, tree);
                Test::Equal { value: hot.start, target: hot.target, rest }
            }
            Choice::Cut(at) => {
                let below = out.iter().filter(|i| **i < at).count();
                let at = usize::from(at);
                Test::Cut {
                    at: self.pieces[self.items[at].pieces.start].start,
                    below: self.read(start, at, below, tree),
                    from: self.read(at, end, gone - below, tree),
                }
            }
        };
        tree.push(test);
        tree.len() - 1
    }

    /// What is left of a stretch that needs no more tests of hot items.
    fn rest(&self, start: usize, end: usize, out: &[u8]) -> Test {
        let range = self.items[start].pieces.start..self.items[end - 1].pieces.end;
        let gone = out.iter().map(|i| self.items[usize::from(*i)].pieces.end - 1);
        let mut left = range
            .clone()
            .filter(|piece| !gone.clone().any(|g| g == *piece))
            .map(|piece| self.pieces[piece].target);
        // A stretch with nothing left is never reached; it leads wherever its first value did.
        let first = left.next().unwrap_or(self.pieces[range.start].target);
        if left.all(|target| target == first) {
            return Test::One(first);
        }
        let gone: Vec<usize> = gone.collect();
        Test::Rest(Line::without(&self.pieces[range.clone()], range.start, &gone))
    }
}
