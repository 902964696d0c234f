//! What a new rule makes superfluous.

use super::{Id, Link, Tree};

/// What a search has come upon.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    /// The tests in hand are the same; some have been.
    matched: bool,
    once: bool,
    /// Nothing follows the tests of the tree, or the new ones.
    known_ends: bool,
    new_ends: bool,
    /// Tests of the tree have been passed over, or new ones.
    known_before: bool,
    new_before: bool,
}

impl Seen {
    /// Whether the tree asks for less than the new rule.
    pub(super) fn is_redundant(self) -> bool {
        self.matched && self.known_ends && self.new_before
    }

    fn or(&mut self, other: Seen) {
        self.matched |= other.matched;
        self.once |= other.once;
        self.known_ends |= other.known_ends;
        self.new_ends |= other.new_ends;
        self.known_before |= other.known_before;
        self.new_before |= other.new_before;
    }
}

/// Whether the rest of a level is looked at, too.
#[derive(PartialEq, Eq)]
enum Then {
    Next,
    Decided,
}

/// The search for what a rule of one action makes superfluous.
pub(super) struct Pruning<'a> {
    pub(super) tree: &'a mut Tree,
    pub(super) action: u32,
    /// How many tests have gone.
    pub(super) gone: u32,
}

impl Pruning<'_> {
    /// Removes from a level, and those below, what the tests from `new` on make superfluous.
    pub(super) fn level(&mut self, level: Option<Id>, new: Id, seen: &mut Seen) {
        let mut here = *seen;
        let broken = seen.once && !seen.matched;
        if level.is_some() && !broken && self.through(level, new, seen, &mut here) {
            // Every test has been looked at, and none has decided.
            here.matched = false;
        }
        if here.matched {
            seen.or(here);
        } else {
            seen.matched = false;
        }
    }

    fn through(&mut self, level: Option<Id>, new: Id, seen: &Seen, here: &mut Seen) -> bool {
        let mut next = self.tree.first(level);
        while let Some(at) = next {
            if !self.tree.step() {
                return false;
            }
            // The test may go.
            next = self.tree.nodes[at].after;
            let then = if self.tree.same(at, new) {
                self.both(at, new, seen, here)
            } else if self.tree.follows(at, new) {
                self.below_known(at, new, seen, here)
            } else {
                self.below_new(at, new, seen, here)
            };
            if then == Then::Decided {
                return false;
            }
        }
        true
    }

    /// Looks for the new tests below one of the tree's.
    fn below_known(&mut self, mut at: Id, new: Id, seen: &Seen, here: &mut Seen) -> Then {
        if seen.new_before {
            return Then::Decided;
        }
        for yes in [true, false] {
            let Some(level) = self.tree.branch(at, yes).next else { continue };
            let below = Seen { matched: false, known_before: true, ..*seen };
            match self.look(at, Some(level), new, below, here) {
                (true, _) => return Then::Decided,
                (false, None) => break,
                (false, Some(left)) => at = left,
            }
        }
        Then::Next
    }

    /// Looks for what follows a new test on the tree's level.
    fn below_new(&mut self, mut at: Id, new: Id, seen: &Seen, here: &mut Seen) -> Then {
        if seen.known_before {
            return Then::Decided;
        }
        for yes in [true, false] {
            let Some(next) = self.tree.branch(new, yes).next else { continue };
            let below = Seen { matched: false, new_before: true, ..*seen };
            match self.look(at, Some(at), next, below, here) {
                (true, _) => return Then::Decided,
                (false, None) => break,
                (false, Some(left)) => at = left,
            }
        }
        Then::Next
    }

    /// One search further down, while `at` is held; whether it has matched, and what is left of `at`.
    fn look(
        &mut self,
        at: Id,
        level: Option<Id>,
        new: Id,
        mut below: Seen,
        here: &mut Seen,
    ) -> (bool, Option<Id>) {
        self.tree.take_link(Some(at));
        self.level(level, new, &mut below);
        let (gone, left) = self.tree.give_up(Some(at));
        self.gone = self.gone.wrapping_add(gone);
        if below.matched {
            here.or(below);
        }
        (below.matched, left)
    }

    /// Both have this test.
    fn both(&mut self, mut at: Id, new: Id, seen: &Seen, here: &mut Seen) -> Then {
        (here.matched, here.once) = (true, true);
        here.new_ends |= self.tree.is_leaf(new);
        here.known_ends |= self.tree.is_leaf(at);
        let sides = |tree: &Tree| [true, false].map(|yes| (tree.branch(at, yes), tree.branch(new, yes)));
        // More hangs on the tree's test than on the new one.
        if sides(self.tree).iter().any(|(known, added)| known.is_open() && !added.is_open()) {
            return Then::Decided;
        }
        let differ = sides(self.tree).iter().any(|(a, b)| (a.acts, a.action) != (b.acts, b.action));
        if here.new_ends && here.known_ends && differ {
            return Then::Decided;
        }
        for yes in [true, false] {
            let Some(next) = self.tree.branch(new, yes).next else { continue };
            let below = Seen { matched: true, once: true, ..*seen };
            match self.look(at, self.tree.branch(at, yes).next, next, below, here).1 {
                None => return Then::Next,
                Some(left) => at = left,
            }
        }
        if here.matched && self.tree.only_acts(Some(at), self.action) {
            if here.new_ends && here.known_before {
                // The new rule asks for less.
                let gone = self.tree.remove(Link::Root, at);
                self.gone = self.gone.wrapping_add(gone);
                if self.tree.root.is_none() {
                    return Then::Decided;
                }
            } else if here.known_ends && here.new_before {
                return Then::Decided;
            }
        }
        Then::Next
    }
}

impl Tree {
    /// Looks for a test and cuts it off with what follows it, or on the way one that leads nowhere.
    fn remove(&mut self, level: Link, wanted: Id) -> u32 {
        let Some(start) = self.link(level) else { return 0 };
        let mut at = self.first(Some(start));
        while let Some(id) = at {
            if !self.step() {
                return 0;
            }
            if id == wanted {
                return self.cut_off(level, id);
            }
            let gone =
                self.remove(Link::Branch(id, true), wanted) + self.remove(Link::Branch(id, false), wanted);
            if !self.branch(id, true).is_open() && !self.branch(id, false).is_open() {
                return gone + self.cut_off(level, id);
            }
            if gone > 0 {
                return gone;
            }
            at = self.nodes[id].after;
        }
        0
    }

    /// The neighbours' links are not counted anew: what is left of the level may outlive all that leads to it.
    fn cut_off(&mut self, level: Link, at: Id) -> u32 {
        let (before, after) = (self.nodes[at].before, self.nodes[at].after);
        if self.link(level) == Some(at) {
            self.set(level, before.or(after));
        }
        if let Some(before) = before {
            self.nodes[before].after = after;
        }
        if let Some(after) = after {
            self.nodes[after].before = before;
        }
        (self.nodes[at].before, self.nodes[at].after) = (None, None);
        self.give_up(Some(at)).0
    }
}
