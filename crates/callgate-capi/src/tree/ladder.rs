//! A rule's own tests: one rung a word, climbed while it stays open whether a comparison holds.

use super::{Branch, Id, Kind, Question, Relation, Test, Tree};
use crate::chain::Compare;
use callgate::Op;

/// A test with where it leads.
struct Rung {
    high: bool,
    relation: Relation,
    /// The answer after which it is still open, or on the last rung the one with which the comparison holds.
    onward: bool,
    /// Whether the other answer decides that it holds.
    settles: bool,
}

/// The rungs of one comparison.
fn rungs(op: Op, narrow: bool) -> Vec<Rung> {
    let (relation, onward) = match op {
        Op::Eq(_) => (Relation::Eq, true),
        Op::Ne(_) => (Relation::Eq, false),
        Op::MaskedEq { .. } => (Relation::Masked, true),
        Op::Gt(_) => (Relation::Gt, true),
        Op::Le(_) => (Relation::Gt, false),
        Op::Ge(_) => (Relation::Ge, true),
        Op::Lt(_) => (Relation::Ge, false),
    };
    let high = |relation, onward, settles| Rung { high: true, relation, onward, settles };
    let mut rungs = match op {
        _ if narrow => Vec::new(),
        Op::Eq(_) | Op::MaskedEq { .. } => vec![high(relation, true, false)],
        Op::Ne(_) => vec![high(relation, true, true)],
        // Above, below, or down to the low half.
        Op::Gt(_) | Op::Ge(_) => vec![high(Relation::Gt, false, true), high(Relation::Eq, true, false)],
        Op::Lt(_) | Op::Le(_) => vec![high(Relation::Gt, false, false), high(Relation::Eq, true, true)],
    };
    rungs.push(Rung { high: false, relation, onward, settles: false });
    rungs
}

impl Tree {
    /// Makes the tests of a rule, beside the others; the first, if there is one.
    pub(super) fn ladder(&mut self, compares: &[Compare], action: u32, narrow: bool) -> Option<Id> {
        // From the last comparison to the first, so that what follows is there already.
        let mut then = Branch::Acts(action);
        for compare in compares.iter().rev() {
            let mut open = then;
            for rung in rungs(compare.op, narrow).iter().rev() {
                let other = if rung.settles { then } else { Branch::Nothing };
                let (yes, no) = if rung.onward { (open, other) } else { (other, open) };
                open = Branch::Leads(self.make(compare, rung, yes, no));
            }
            then = open;
        }
        match then {
            Branch::Leads(first) => Some(first),
            Branch::Nothing | Branch::Acts(_) => None,
        }
    }

    fn make(&mut self, compare: &Compare, rung: &Rung, yes: Branch, no: Branch) -> Id {
        let (mask, whole, kind) = match compare.op {
            Op::Eq(v) | Op::Ne(v) => (u64::MAX, v, Kind::Equality),
            Op::MaskedEq { mask, value } => (mask, value & mask, Kind::Equality),
            Op::Lt(v) | Op::Le(v) => (u64::MAX, v, Kind::AtMost),
            Op::Gt(v) | Op::Ge(v) => (u64::MAX, v, Kind::AtLeast),
        };
        let half = |v: u64| if rung.high { (v >> 32) as u32 } else { v as u32 };
        let Rung { high, relation, .. } = *rung;
        let question = Question { arg: compare.arg, high, relation, mask: half(mask), value: half(whole) };
        let (id, level) = (self.tests.len(), self.levels.len());
        self.levels.push(vec![id]);
        self.tests.push(Test { question, yes, no, kind, whole, level });
        id
    }
}
