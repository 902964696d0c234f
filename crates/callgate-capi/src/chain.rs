//! The rules of one call on one architecture, and how they combine.
//!
//! A rule without comparisons beats every rule with some, before or after it; of two without, the first
//! stays. Where rules with different actions match one call, `meaning` says which decides.

use crate::tree::Tree;
use callgate::Op;
use std::cmp::{Ordering, Reverse};

/// One comparison of an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Compare {
    /// Which argument, 0–5.
    pub(crate) arg: u8,
    /// The test.
    pub(crate) op: Op,
}

/// A rule with comparisons, all of which must hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Chain {
    /// Sorted by argument, each at most once.
    pub(crate) compares: Vec<Compare>,
    pub(crate) action: u32,
}

/// The rules of one call.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Rules {
    /// The rule without comparisons.
    always: Option<u32>,
    /// The others, in the order they came.
    chains: Vec<Chain>,
    /// The others as libseccomp keeps them.
    tree: Tree,
}

/// Another action stands in a rule's way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Conflict;

impl Rules {
    /// One rule, without comparisons.
    pub(crate) fn only(action: u32) -> Rules {
        Rules { always: Some(action), ..Rules::default() }
    }

    /// The action of the rule without comparisons.
    pub(crate) fn always(&self) -> Option<u32> {
        self.always
    }

    /// The rules with comparisons, in the order they came.
    pub(crate) fn chains(&self) -> &[Chain] {
        &self.chains
    }

    /// Those rules as libseccomp keeps them.
    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Adds a rule. `narrow` says that only low halves of arguments count.
    ///
    /// # Errors
    /// Another action stands in its way; these rules are then of no use.
    pub(crate) fn add(&mut self, action: u32, compares: Vec<Compare>, narrow: bool) -> Result<(), Conflict> {
        if self.always.is_some() {
            return Ok(());
        }
        if compares.is_empty() {
            *self = Rules::only(action);
            return Ok(());
        }
        self.tree.add(&compares, action, narrow)?;
        if self.chains.iter().any(|c| c.compares == compares && c.action != action) {
            return Err(Conflict);
        }
        // A rule that continues another one is inside it; one that others continue takes their place.
        if self.chains.iter().any(|c| compares.starts_with(&c.compares)) {
            return Ok(());
        }
        self.chains.retain(|c| c.action != action || !c.compares.starts_with(&compares));
        self.chains.push(Chain { compares, action });
        Ok(())
    }

    /// The rules with comparisons, the one that decides first.
    pub(crate) fn ordered(&self) -> Vec<&Chain> {
        let mut chains: Vec<&Chain> = self.chains.iter().collect();
        if chains.iter().any(|c| c.action != chains[0].action) {
            chains.sort_by(|a, b| order(&a.compares, &b.compares));
        }
        chains
    }
}

/// Comparisons as they are kept: sorted by argument, cut to what the architecture can hold, masked values
/// inside their mask, tests that always hold left out. `narrow` says that only low halves count.
pub(crate) fn canonical(compares: &[Compare], narrow: bool) -> Vec<Compare> {
    let cut = |v: u64| if narrow { v & 0xffff_ffff } else { v };
    let mut sorted: Vec<Compare> = compares
        .iter()
        .map(|c| {
            let op = match c.op {
                Op::Eq(v) => Op::Eq(cut(v)),
                Op::Ne(v) => Op::Ne(cut(v)),
                Op::Lt(v) => Op::Lt(cut(v)),
                Op::Le(v) => Op::Le(cut(v)),
                Op::Gt(v) => Op::Gt(cut(v)),
                Op::Ge(v) => Op::Ge(cut(v)),
                Op::MaskedEq { mask, value } => {
                    Op::MaskedEq { mask: cut(mask), value: cut(value) & cut(mask) }
                }
            };
            Compare { arg: c.arg, op }
        })
        .filter(|c| !matches!(c.op, Op::MaskedEq { mask: 0, .. }))
        .collect();
    sorted.sort_by_key(|c| c.arg);
    sorted
}

/// Which of two rules decides where both match: the one whose first different argument is higher, then
/// `==`, `!=` and masks before `<` and `<=` before `>` and `>=`, then the tighter bound.
fn order(a: &[Compare], b: &[Compare]) -> Ordering {
    for (a, b) in a.iter().zip(b) {
        let order = Reverse(a.arg).cmp(&Reverse(b.arg)).then_with(|| rank(a.op).cmp(&rank(b.op)));
        if order != Ordering::Equal {
            return order;
        }
    }
    // What continues another rule is the tighter of the two.
    b.len().cmp(&a.len())
}

/// The position of a test among those of one argument: its kind, then the tighter first.
fn rank(op: Op) -> (u8, Reverse<u32>, u64) {
    match op {
        Op::Eq(v) => (0, Reverse(64), v),
        Op::MaskedEq { mask, value } => (0, Reverse(mask.count_ones()), value),
        Op::Ne(v) => (1, Reverse(0), v),
        // `<= v` is `< v + 1`: of equal bounds the strict one is tighter.
        Op::Lt(v) => (2, Reverse(1), v),
        Op::Le(v) => (2, Reverse(1), v.saturating_add(1)),
        Op::Gt(v) => (3, Reverse(1), !v),
        Op::Ge(v) => (3, Reverse(1), (!v).saturating_add(1)),
    }
}
