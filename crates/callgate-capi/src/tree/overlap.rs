//! Which rules say no more than a new one, and whether the new one says anything new.
//!
//! Of two rules of one action the one that asks for more is superfluous. That is only seen where the tests
//! they share lie in a row, behind tests that one of them alone asks first.

use super::{Branch, Id, SIDES, Tree};

/// What a look at the tree before a rule joins it has shown.
#[derive(Default)]
pub(super) struct Overlap {
    /// Tests that lead to nothing but what the new rule does.
    pub(super) superfluous: Vec<Id>,
    /// Whether a rule that is there asks for less.
    pub(super) says_nothing_new: bool,
}

/// Tests that have been passed over on one side only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passed {
    None,
    /// Tests that are there and the new rule does not ask.
    Known,
    /// Tests of the new rule.
    New,
}

/// How the search has come to a level.
#[derive(Clone, Copy)]
struct So {
    passed: Passed,
    /// The test above is one that both ask.
    shared: bool,
}

/// What was met on the way to the end of a match.
#[derive(Clone, Copy, Default)]
struct Met {
    /// The end of what is there, and of the new rule.
    known_end: bool,
    new_end: bool,
    passed_known: bool,
    passed_new: bool,
}

impl Met {
    fn with(self, other: Met) -> Met {
        Met {
            known_end: self.known_end | other.known_end,
            new_end: self.new_end | other.new_end,
            passed_known: self.passed_known | other.passed_known,
            passed_new: self.passed_new | other.passed_new,
        }
    }
}

impl Tree {
    /// Compares a new rule with what is there.
    pub(super) fn overlap(&mut self, root: Id, new: Id, action: u32) -> Overlap {
        let mut search = Search { tree: self, action, superfluous: Vec::new() };
        let met = search.level(root, new, So { passed: Passed::None, shared: false });
        let says_nothing_new = met.is_some_and(|met| met.known_end && met.passed_new);
        Overlap { superfluous: search.superfluous, says_nothing_new }
    }
}

struct Search<'a> {
    tree: &'a mut Tree,
    action: u32,
    superfluous: Vec<Id>,
}

impl Search<'_> {
    /// Looks for the new tests from `new` on along a level; what was met, if it has come to a match.
    fn level(&mut self, level: Id, new: Id, so: So) -> Option<Met> {
        let mut met = Met {
            passed_known: so.passed == Passed::Known,
            passed_new: so.passed == Passed::New,
            ..Met::default()
        };
        let mut matched = so.shared;
        for at in self.tree.beside(level).to_vec() {
            if !self.tree.look() {
                return None;
            }
            let (known, added) = (&self.tree.tests[at], &self.tree.tests[new]);
            if known.question == added.question {
                matched = true;
                if self.shared(at, new, so.passed, &mut met) {
                    return Some(met);
                }
                continue;
            }
            // One of the two is passed over, which it may be before anything is shared, and on one side only.
            let passed = if known.is_after(added) { Passed::Known } else { Passed::New };
            if so.passed != Passed::None && so.passed != passed {
                return matched.then_some(met);
            }
            if so.shared {
                continue;
            }
            let below = So { passed, shared: false };
            let found = SIDES.into_iter().find_map(|side| match passed {
                Passed::Known => self.level(self.tree.below(at, side)?, new, below),
                _ => self.level(level, self.tree.below(new, side)?, below),
            });
            if let Some(found) = found {
                return Some(met.with(found));
            }
        }
        None
    }

    /// Both ask this; whether the search ends with it.
    fn shared(&mut self, at: Id, new: Id, passed: Passed, met: &mut Met) -> bool {
        met.new_end |= self.tree.is_last(new);
        met.known_end |= self.tree.is_last(at);
        let sides = SIDES.map(|side| (self.tree.tests[at].side(side), self.tree.tests[new].side(side)));
        // More hangs on what is there.
        if sides.iter().any(|(known, new)| *known != Branch::Nothing && *new == Branch::Nothing) {
            return true;
        }
        if met.new_end && met.known_end && sides.iter().any(|(known, new)| act(*known) != act(*new)) {
            return true;
        }
        for side in SIDES {
            let Some(next) = self.tree.below(new, side) else { continue };
            let so = So { passed, shared: true };
            let found = match self.tree.below(at, side) {
                Some(level) => self.level(level, next, so),
                None => Some(Met::default()),
            };
            *met = met.with(found.unwrap_or_default());
        }
        if !self.tree.only_acts(at, self.action) {
            return false;
        }
        if met.new_end && met.passed_known {
            if !self.superfluous.contains(&at) {
                self.superfluous.push(at);
            }
            return false;
        }
        met.known_end && met.passed_new
    }
}

fn act(branch: Branch) -> Option<u32> {
    match branch {
        Branch::Acts(action) => Some(action),
        Branch::Nothing | Branch::Leads(_) => None,
    }
}
