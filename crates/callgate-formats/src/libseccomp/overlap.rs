//! Conditional rules of one call that overlap with different actions.

use super::{Chain, Compare};
use callgate::{Action, Op};
use std::collections::{BTreeMap, BTreeSet};

/// The most pairs that are listed, and the most that are looked at: a file of nothing but overlaps has
/// more of them than anybody reads.
const MOST_PAIRS: usize = 1000;
const MOST_TESTS: usize = 1_000_000;

/// Pairs of sources whose rules overlap with different actions, the rule that decides first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Overlaps {
    /// The pairs, sorted.
    pub(crate) pairs: BTreeSet<(usize, usize)>,
    /// Whether there may be more.
    pub(crate) more: bool,
    tests: usize,
}

impl Overlaps {
    /// How many pairs were looked at.
    #[cfg(test)]
    pub(super) fn tests(&self) -> usize {
        self.tests
    }

    /// Adds those of one call; the chains are in the order in which they decide.
    ///
    /// Rules whose tests of one argument are apart are never compared: a line is swept over the values of
    /// the argument that keeps most of them apart.
    pub(super) fn find(&mut self, chains: &[&Chain]) {
        let spans = |arg: u8| chains.iter().map(|c| span(&c.compares, arg)).collect::<Vec<_>>();
        let Some(spans) = (0..6).map(spans).min_by_key(|s| meetings(s)) else { return };
        let mut order: Vec<usize> = (0..chains.len()).collect();
        order.sort_by_key(|i| spans[*i].0);
        // The rules that reach the line, by action, then by where they end.
        let mut open: BTreeMap<Action, BTreeSet<(u64, usize)>> = BTreeMap::new();
        for i in order {
            let (low, high) = spans[i];
            for (action, reaching) in &mut open {
                while let Some(first) = reaching.first().copied()
                    && first.0 < low
                {
                    reaching.remove(&first);
                }
                if *action == chains[i].action {
                    continue;
                }
                for &(_, other) in reaching.iter() {
                    if self.pairs.len() >= MOST_PAIRS || self.tests >= MOST_TESTS {
                        self.more = true;
                        return;
                    }
                    self.tests += 1;
                    let (a, b) = (chains[i.min(other)], chains[i.max(other)]);
                    if may_overlap(&a.compares, &b.compares) {
                        self.pairs.insert((a.source, b.source));
                    }
                }
            }
            open.entry(chains[i].action).or_default().insert((high, i));
        }
    }
}

/// The values of one argument a rule can match; all of them where its tests do not say.
fn span(chain: &[Compare], arg: u8) -> (u64, u64) {
    let of = chain.iter().find(|c| c.arg == arg).and_then(|c| interval(c.op));
    of.filter(|(low, high)| low <= high).unwrap_or((0, u64::MAX))
}

/// How many pairs of intervals meet.
fn meetings(spans: &[(u64, u64)]) -> usize {
    let mut starts: Vec<u64> = spans.iter().map(|s| s.0).collect();
    let mut ends: Vec<u64> = spans.iter().map(|s| s.1).collect();
    starts.sort_unstable();
    ends.sort_unstable();
    starts.iter().enumerate().map(|(i, start)| i - ends.partition_point(|end| end < start)).sum()
}

/// Whether one call may match both. Only what is certain counts as apart: two tests of one argument
/// that exclude each other.
pub(super) fn may_overlap(a: &[Compare], b: &[Compare]) -> bool {
    !a.iter().any(|x| b.iter().any(|y| x.arg == y.arg && exclude(x.op, y.op)))
}

fn exclude(a: Op, b: Op) -> bool {
    let (Some(x), Some(y)) = (interval(a), interval(b)) else {
        return match (a, b) {
            (Op::Ne(v), Op::Eq(w)) | (Op::Eq(w), Op::Ne(v)) => v == w,
            (Op::MaskedEq { mask, value }, Op::Eq(v)) | (Op::Eq(v), Op::MaskedEq { mask, value }) => {
                v & mask != value
            }
            (Op::MaskedEq { mask, value }, Op::MaskedEq { mask: m, value: v }) => {
                value & mask & m != v & mask & m
            }
            _ => false,
        };
    };
    x.0.max(y.0) > x.1.min(y.1)
}

/// The interval a test holds on, if it is one; an empty one is (1, 0).
fn interval(op: Op) -> Option<(u64, u64)> {
    Some(match op {
        Op::Eq(v) => (v, v),
        Op::Lt(0) | Op::Gt(u64::MAX) => (1, 0),
        Op::Lt(v) => (0, v - 1),
        Op::Le(v) => (0, v),
        Op::Gt(v) => (v + 1, u64::MAX),
        Op::Ge(v) => (v, u64::MAX),
        Op::Ne(_) | Op::MaskedEq { .. } => return None,
    })
}
