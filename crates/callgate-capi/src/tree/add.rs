//! A rule into the tree.

use super::prune::{Pruning, Seen};
use super::{Branch, Id, Link, Tree};
use crate::chain::{Compare, Conflict};

impl Tree {
    /// Adds a rule with comparisons.
    ///
    /// # Errors
    /// Another action stands in its way; the tree is then of no use.
    pub(crate) fn add(&mut self, compares: &[Compare], action: u32, narrow: bool) -> Result<(), Conflict> {
        self.steps = 0;
        if self.lost {
            return Ok(());
        }
        let (new, made) = self.chain(compares, action, narrow);
        let Some(head) = new else { return Ok(()) };
        if self.root.is_some() {
            let mut seen = Seen::default();
            let root = self.root;
            let mut pruning = Pruning { tree: self, action, gone: 0 };
            pruning.level(root, head, &mut seen);
            let pruned = pruning.gone;
            self.count = self.count.wrapping_sub(pruned);
            if self.lost {
                return Ok(());
            }
            if pruned == 0 && seen.is_redundant() {
                self.give_up_level(new);
                return Ok(());
            }
        }
        if self.root.is_none() {
            (self.root, self.count) = (new, made);
            return Ok(());
        }
        self.insert(Link::Root, head)?;
        let unused = self.give_up_level(new);
        self.count = self.count.wrapping_add(made).wrapping_sub(unused);
        Ok(())
    }

    /// The tree of one rule.
    pub(crate) fn of(compares: &[Compare], action: u32, narrow: bool) -> Tree {
        let mut tree = Tree::default();
        (tree.root, tree.count) = tree.chain(compares, action, narrow);
        tree
    }

    /// Puts the tests of a new rule, from `new` on, into the level a link leads to.
    fn insert(&mut self, level: Link, new: Id) -> Result<(), Conflict> {
        let Some(mut at) = self.link(level) else { return Ok(()) };
        while self.step() {
            if self.same(at, new) {
                self.act(at, new, true)?;
                self.act(at, new, false)?;
                return self.descend(at, new);
            }
            if !self.follows(at, new) {
                match self.nodes[at].after {
                    Some(after) => at = after,
                    None => {
                        self.nodes[new].before = self.take_link(Some(at));
                        self.nodes[at].after = self.take_link(Some(new));
                        return Ok(());
                    }
                }
                continue;
            }
            self.put_before(at, new);
            if self.link(level) == Some(at) {
                let new = self.take_link(Some(new));
                self.set(level, new);
                self.give_up(Some(at));
            }
            return Ok(());
        }
        Ok(())
    }

    fn put_before(&mut self, at: Id, new: Id) {
        match self.nodes[at].before {
            Some(before) => {
                // The two links between the neighbours become the new test's to them.
                self.nodes[before].after = self.take_link(Some(new));
                self.nodes[new].before = Some(before);
                self.nodes[at].before = self.take_link(Some(new));
                self.nodes[new].after = Some(at);
            }
            None => {
                self.nodes[at].before = self.take_link(Some(new));
                self.nodes[new].after = self.take_link(Some(at));
            }
        }
    }

    /// The action of one side of a test that both have.
    fn act(&mut self, at: Id, new: Id, yes: bool) -> Result<(), Conflict> {
        let (known, added) = (self.branch(at, yes), self.branch(new, yes));
        if !added.acts {
            return Ok(());
        }
        if !known.acts {
            if !self.only_acts(known.next, added.action) {
                return Err(Conflict);
            }
            let (gone, _) = self.give_up(known.next);
            self.count = self.count.wrapping_sub(gone);
            *self.branch_mut(at, yes) = Branch { next: None, action: added.action, acts: true };
        } else if added.action != known.action {
            let (new_test, known_test) = (&self.nodes[new], &self.nodes[at]);
            let tighter =
                if yes { new_test.whole > known_test.whole } else { new_test.whole < known_test.whole };
            // Of two bounds with one upper half the tighter decides there, by what the new rule does where the test
            // holds, on whichever side it acts.
            if new_test.high && tighter {
                self.nodes[at].yes.action = self.nodes[new].yes.action;
            }
            if self.is_leaf(at) || self.is_leaf(new) {
                return Err(Conflict);
            }
        }
        Ok(())
    }

    fn descend(&mut self, at: Id, new: Id) -> Result<(), Conflict> {
        for yes in [true, false] {
            let Some(below) = self.branch(new, yes).next else { continue };
            let known = self.branch(at, yes);
            if known.next.is_some() {
                self.insert(Link::Branch(at, yes), below)?;
            } else if known.acts {
                // What is there asks for less.
                return Ok(());
            } else {
                self.branch_mut(at, yes).next = Some(below);
                self.nodes[below].links += 1;
            }
        }
        Ok(())
    }
}
