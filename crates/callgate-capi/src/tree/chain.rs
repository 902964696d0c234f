//! One rule's comparisons as tests.

use super::{Branch, Id, Node, Test, Tree};
use crate::chain::Compare;
use callgate::Op;

/// Where a test holds, or where it does not.
type End = (Id, bool);

impl Tree {
    /// Makes the tests of a rule, beside the tree; the first test, and how many there are.
    pub(super) fn chain(&mut self, compares: &[Compare], action: u32, narrow: bool) -> (Option<Id>, u32) {
        let mut made = 0;
        // The ends of what has been made so far: each leads on where the rule's comparisons hold.
        let mut ends: Vec<End> = Vec::new();
        let mut head = None;
        for compare in compares {
            let (first, all, next) = self.compare(compare, narrow);
            made += all;
            match head {
                None => head = self.take_link(Some(first)),
                Some(_) => self.lead(&ends, first),
            }
            ends = next;
        }
        for (id, yes) in ends {
            let branch = self.branch_mut(id, yes);
            (branch.acts, branch.action) = (true, action);
        }
        (head, made)
    }

    fn lead(&mut self, ends: &[End], to: Id) {
        for &(id, yes) in ends {
            self.branch_mut(id, yes).next = Some(to);
            self.nodes[to].links += 1;
        }
    }

    /// The tests of one comparison: the first, how many, and where it holds.
    fn compare(&mut self, compare: &Compare, narrow: bool) -> (Id, u32, Vec<End>) {
        let (low_test, holds) = match compare.op {
            Op::Eq(_) => (Test::Eq, true),
            Op::MaskedEq { .. } => (Test::Masked, true),
            Op::Ne(_) => (Test::Eq, false),
            Op::Lt(_) => (Test::Ge, false),
            Op::Le(_) => (Test::Gt, false),
            Op::Gt(_) => (Test::Gt, true),
            Op::Ge(_) => (Test::Ge, true),
        };
        if narrow {
            let low = self.make(compare, false, low_test);
            return (low, 1, vec![(low, holds)]);
        }
        match compare.op {
            Op::Eq(_) | Op::MaskedEq { .. } | Op::Ne(_) => {
                let (high, low) = (self.make(compare, true, low_test), self.make(compare, false, low_test));
                self.lead(&[(high, true)], low);
                let ends = if matches!(compare.op, Op::Ne(_)) {
                    vec![(high, false), (low, false)]
                } else {
                    vec![(low, true)]
                };
                (high, 2, ends)
            }
            Op::Lt(_) | Op::Le(_) | Op::Gt(_) | Op::Ge(_) => {
                let above = self.make(compare, true, Test::Gt);
                let equal = self.make(compare, true, Test::Eq);
                let low = self.make(compare, false, low_test);
                self.lead(&[(above, false)], equal);
                self.lead(&[(equal, true)], low);
                let other = match compare.op {
                    Op::Lt(_) | Op::Le(_) => (equal, false),
                    _ => (above, true),
                };
                (above, 3, vec![other, (low, holds)])
            }
        }
    }

    fn make(&mut self, compare: &Compare, high: bool, test: Test) -> Id {
        let (mask, whole, rank) = match compare.op {
            Op::Eq(v) | Op::Ne(v) => (u64::MAX, v, 3),
            Op::MaskedEq { mask, value } => (mask, value, 3),
            Op::Lt(v) | Op::Le(v) => (u64::MAX, v, 2),
            Op::Gt(v) | Op::Ge(v) => (u64::MAX, v, 1),
        };
        let half = |v: u64| if high { (v >> 32) as u32 } else { v as u32 };
        self.nodes.push(Node {
            arg: compare.arg,
            high,
            test,
            mask: half(mask),
            value: half(whole) & half(mask),
            yes: Branch::default(),
            no: Branch::default(),
            whole,
            rank,
            before: None,
            after: None,
            links: 0,
            gone: false,
        });
        self.nodes.len() - 1
    }
}
