//! A word's values in a row, cut into pieces: which test to make next.

use crate::diagram::{Ref, words::Test};
use std::borrow::Cow;

/// Values that lead to the same place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) start: u32,
    /// Inclusive.
    pub(super) end: u32,
    pub(super) target: Ref,
    pub(super) weight: u64,
    /// Whether some call is known to come here that the kernel cannot answer without the program.
    pub(super) hot: bool,
}

/// Neighbouring pieces; targets of neighbours differ.
pub(super) struct Line<'a>(Cow<'a, [Piece]>);

/// The test to make, and what is left on either side.
pub(super) enum Step<'a> {
    /// Nothing left to test.
    One(Ref),
    /// `== value`: the value's target, and the line without it.
    Equal { value: u32, target: Ref, rest: Line<'a> },
    /// `>= at`.
    Cut { at: u32, below: Line<'a>, from: Line<'a> },
}

/// One test that finds out whether it is a certain value.
pub(super) struct Ask<'a> {
    pub(super) test: Test,
    /// Where the values found lead.
    pub(super) target: Ref,
    pub(super) values: Vec<u32>,
    /// Whether they are found where the test does not hold.
    pub(super) is_other: bool,
    /// What is left.
    pub(super) rest: Line<'a>,
}

/// A single value with at least this share of the weight is asked first, in percent: the extra test for
/// everything else is then repaid.
const HOT: u64 = 32;
/// A stretch of no more values than this and one is taken apart.
const SMALL: u32 = 7;
/// A value among so many that lead to one place is not asked for by itself.
const MANY: u32 = 64;
/// Up to this many single values in an otherwise even line are asked one after the other.
const CHAIN: usize = 3;

impl Line<'_> {
    /// A line of these pieces.
    pub(super) fn new(pieces: Vec<Piece>) -> Line<'static> {
        Line(pieces.into())
    }

    /// The pieces, in order.
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// The line of one value, to say which it is.
    pub(super) fn only(value: u32) -> Line<'static> {
        Line(vec![Piece { start: value, end: value, target: Ref::FALSE, weight: 0, hot: false }].into())
    }

    /// The line's value, if it has just one.
    pub(super) fn single(&self) -> Option<u32> {
        match self.0[..] {
            [piece] if piece.start == piece.end => Some(piece.start),
            _ => None,
        }
    }

    /// The best next test.
    pub(super) fn step(&self) -> Step<'_> {
        let pieces = &self.0;
        if let [piece] = pieces[..] {
            return Step::One(piece.target);
        }
        let mut whole = 0;
        let mut hot: Option<usize> = None;
        for (i, piece) in pieces.iter().enumerate() {
            whole += piece.weight;
            if piece.start == piece.end && hot.is_none_or(|hot| pieces[hot].weight < piece.weight) {
                hot = Some(i);
            }
        }
        if let Some(hot) = hot
            && (pieces[hot].weight * 100 >= whole * HOT && pieces[hot].weight > 0 || self.is_chain())
        {
            return Step::Equal {
                value: pieces[hot].start,
                target: pieces[hot].target,
                rest: Line::without(pieces, 0, &[hot]),
            };
        }
        let at = self.cut(whole);
        let (below, from) = pieces.split_at(at);
        Step::Cut { at: from[0].start, below: Line(below.into()), from: Line(from.into()) }
    }

    /// The test that finds a value, and with it others that lead to the same place where that takes no test more;
    /// `None` if there is nothing to tell apart, or the value is one of many. Those in `found` are not asked about
    /// any more.
    pub(super) fn ask(&self, value: u32, found: &[u32]) -> Option<Ask<'_>> {
        let pieces = &self.0;
        let at = self.from(value).filter(|_| pieces.len() > 1)?;
        let Piece { start, end, target, .. } = pieces[at];
        if end - start > MANY {
            return None;
        }
        let left: Vec<u32> = (start..=end).filter(|v| !found.contains(v)).collect();
        let (test, is_other) = match () {
            () if left == [value] => (Test::Eq(value), false),
            () if at == 0 => (Test::Ge(end + 1), true),
            () if at == pieces.len() - 1 => (Test::Ge(start), false),
            () => {
                let values = vec![value];
                return Some(Ask {
                    test: Test::Eq(value),
                    target,
                    values,
                    is_other: false,
                    rest: Line(pieces[..].into()),
                });
            }
        };
        Some(Ask { test, target, values: left, is_other, rest: Line::without(pieces, 0, &[at]) })
    }

    /// Whether all that is left are a few single values in one place, and perhaps a stretch at an end.
    fn is_chain(&self) -> bool {
        let pieces = &self.0;
        // What lies between so many stretches are no more than one in addition.
        if pieces.len() > (CHAIN + 1) * 2 + 1 {
            return false;
        }
        let single = |p: &Piece| p.start == p.end;
        let inner = pieces.len().checked_sub(1).and_then(|last| pieces.get(1..last)).unwrap_or_default();
        let Some(rest) = inner.iter().find(|p| !single(p)).or_else(|| pieces.iter().find(|p| !single(p)))
        else {
            return false;
        };
        let singles = pieces.iter().filter(|p| p.target != rest.target && single(p)).count();
        let ends = [pieces.first(), pieces.last()];
        let stretches = ends.iter().flatten().filter(|p| p.target != rest.target && !single(p)).count();
        singles <= CHAIN && stretches <= 1 && inner.iter().all(|p| p.target == rest.target || single(p))
    }

    /// The pieces, the first being number `first` of its line, without those that have been dealt with:
    /// their values may then lead anywhere.
    pub(super) fn without(pieces: &[Piece], first: usize, gone: &[usize]) -> Line<'static> {
        let mut left: Vec<Piece> = Vec::with_capacity(pieces.len());
        let mut start = None;
        for (i, piece) in pieces.iter().enumerate() {
            if gone.contains(&(first + i)) {
                match left.last_mut() {
                    Some(last) => last.end = piece.end,
                    None => start = start.or(Some(piece.start)),
                }
                continue;
            }
            match left.last_mut() {
                Some(last) if last.target == piece.target => {
                    last.end = piece.end;
                    last.weight += piece.weight;
                }
                _ => left.push(Piece { start: start.take().unwrap_or(piece.start), ..*piece }),
            }
        }
        Line(left.into())
    }

    /// The line with everything that does not lead to `target` leading to `other`.
    pub(super) fn elsewhere(&self, target: Ref, other: Ref) -> Line<'static> {
        let mut pieces: Vec<Piece> = Vec::with_capacity(self.0.len());
        for piece in self.0.iter() {
            let to = if piece.target == target { target } else { other };
            match pieces.last_mut() {
                Some(last) if last.target == to => {
                    last.end = piece.end;
                    last.weight += piece.weight;
                }
                _ => pieces.push(Piece { target: to, ..*piece }),
            }
        }
        Line(pieces.into())
    }

    /// Whether a value is on the line.
    pub(super) fn holds(&self, value: u32) -> bool {
        let ends = self.0.first().zip(self.0.last());
        ends.is_some_and(|(first, last)| (first.start..=last.end).contains(&value))
    }

    /// The piece that a value lies in.
    pub(super) fn from(&self, value: u32) -> Option<usize> {
        self.0.iter().position(|p| (p.start..=p.end).contains(&value))
    }

    /// The values up to one, and those above it.
    pub(super) fn at(&self, value: u32) -> (Line<'_>, Line<'_>) {
        let pieces = &self.0;
        let above = pieces.partition_point(|p| p.end <= value);
        match pieces.get(above) {
            Some(piece) if piece.start <= value => {
                let mut below = pieces[..=above].to_vec();
                let mut from = pieces[above..].to_vec();
                below[above].end = value;
                from[0].start = value + 1;
                (Line::new(below), Line::new(from))
            }
            _ => self.split(above),
        }
    }

    /// The values that are asked for one by one, the largest first, if there are no more than `most`: all that do not
    /// lead where most values lead, but for stretches at an end.
    pub(super) fn few(&self, most: usize) -> Option<Vec<u32>> {
        let wide = |p: &&Piece| p.end - p.start > SMALL;
        let rest = self.0.iter().filter(wide).map(|p| p.target).next()?;
        let mut values = Vec::new();
        for piece in self.0.iter().rev().filter(|p| p.target != rest) {
            if wide(&piece) || values.len() > most {
                return None;
            }
            values.extend((piece.start..=piece.end).rev());
        }
        (values.len() <= most).then_some(values)
    }

    /// The pieces before one, and those from it on.
    pub(super) fn split(&self, at: usize) -> (Line<'_>, Line<'_>) {
        let (below, from) = self.0.split_at(at);
        (Line(below.into()), Line(from.into()))
    }

    /// Where to cut in two: near the middle by weight, and not through a value that one equality test
    /// could pick out of its surroundings.
    fn cut(&self, whole: u64) -> usize {
        let pieces = &self.0;
        let is_hole = |i: usize, before: bool| {
            !before
                && pieces[i].start == pieces[i].end
                && pieces.get(i + 1).is_some_and(|next| next.target == pieces[i - 1].target)
        };
        let mut hole = false;
        let mut best = (u64::MAX, usize::MAX, 1);
        let mut below = 0;
        // What an extra test costs, against imbalance: it lengthens the program and some path.
        let penalty = whole / 8 + 1;
        for at in 1..pieces.len() {
            below += pieces[at - 1].weight;
            let before = hole;
            hole = is_hole(at, before);
            let broken = u64::from(before) + u64::from(hole);
            let skew = below.abs_diff(whole - below);
            let middle = at.abs_diff(pieces.len() / 2);
            best = best.min((skew + broken * penalty, middle, at));
        }
        best.2
    }
}

/// How many tests a line takes: those between its pieces, less one for each single value that an equality test picks
/// out of a stretch that is otherwise one, no two adjacent.
pub(super) fn cost(segments: &[(u32, Ref)]) -> usize {
    let mut cost = segments.len() - 1;
    let mut hole = false;
    for around in segments.windows(3) {
        hole = !hole && around[2].0 - around[1].0 == 1 && around[0].1 == around[2].1;
        cost -= usize::from(hole);
    }
    cost
}
