//! Rules come together: a new rule's tests into the levels they belong to.

use super::{Branch, Id, Place, SIDES, Tree};
use crate::chain::{Compare, Conflict};

impl Tree {
    /// Adds a rule with comparisons.
    ///
    /// # Errors
    /// Another action stands in its way; the tree is then of no use.
    pub(crate) fn add(&mut self, compares: &[Compare], action: u32, narrow: bool) -> Result<(), Conflict> {
        self.looks = 0;
        if self.unknown {
            return Ok(());
        }
        let Some(new) = self.ladder(compares, action, narrow) else { return Ok(()) };
        let mut is_new = true;
        if let Some(root) = self.root {
            let overlap = self.overlap(root, new, action);
            let gone = overlap.superfluous.iter().fold(false, |gone, at| self.cut(Place::Root, *at) | gone);
            self.sweep(Some(new));
            is_new = gone || !overlap.says_nothing_new;
        }
        if self.root.is_none() {
            // What has been left behind until now is forgotten.
            self.kept.clear();
            self.root = Some(new);
        } else if is_new {
            self.join(Place::Root, new)?;
        }
        self.sweep(None);
        Ok(())
    }

    /// The tree of one rule.
    pub(crate) fn of(compares: &[Compare], action: u32, narrow: bool) -> Tree {
        let mut tree = Tree::default();
        tree.root = tree.ladder(compares, action, narrow);
        tree
    }

    /// Brings a test with all that follows it into the level that a branch leads to.
    fn join(&mut self, place: Place, new: Id) -> Result<(), Conflict> {
        let Some(from) = self.target(place).filter(|_| self.look()) else { return Ok(()) };
        let level = self.tests[from].level;
        // Where several branches lead here, one may begin behind what others have brought.
        let first = self.levels[level].iter().position(|at| *at == from).unwrap_or_default();
        let stops = |at: &Id| {
            let (at, new) = (&self.tests[*at], &self.tests[new]);
            at.question == new.question || at.is_after(new)
        };
        let stop = self.levels[level][first..].iter().position(stops).map(|i| first + i);
        let there = stop.map(|i| self.levels[level][i]);
        if let Some(there) = there.filter(|at| self.tests[*at].question == self.tests[new].question) {
            return self.unite(there, new);
        }
        if self.beside(new).len() > 1 {
            // It has found its place in one level, and would have to be in another, too.
            self.unknown = true;
            return Ok(());
        }
        let own = std::mem::replace(&mut self.tests[new].level, level);
        self.levels[own].clear();
        let place_in = stop.unwrap_or(self.levels[level].len());
        self.levels[level].insert(place_in, new);
        if there == Some(from) {
            self.lead(place, Some(new));
        }
        Ok(())
    }

    /// One test of two that ask the same.
    fn unite(&mut self, known: Id, new: Id) -> Result<(), Conflict> {
        for side in SIDES {
            if let Branch::Acts(action) = self.tests[new].side(side) {
                self.act(known, new, side, action)?;
            }
        }
        for side in SIDES {
            let Some(below) = self.below(new, side) else { continue };
            match self.tests[known].side(side) {
                Branch::Leads(_) => self.join(Place::Side(known, side), below)?,
                // What is there asks for less.
                Branch::Acts(_) => return Ok(()),
                Branch::Nothing => self.lead(Place::Side(known, side), Some(below)),
            }
        }
        Ok(())
    }

    /// A new rule ends where another one asks the same.
    fn act(&mut self, known: Id, new: Id, side: bool, action: u32) -> Result<(), Conflict> {
        match self.tests[known].side(side) {
            Branch::Acts(there) if there == action => {}
            Branch::Acts(_) => {
                // Of two bounds with one high half the tighter decides.
                let (new_test, known_test) = (&self.tests[new], &self.tests[known]);
                let tighter =
                    if side { new_test.whole > known_test.whole } else { new_test.whole < known_test.whole };
                if new_test.question.high && tighter {
                    *self.side_mut(known, side) = Branch::Acts(action);
                }
                if self.is_last(known) || self.is_last(new) {
                    return Err(Conflict);
                }
            }
            Branch::Nothing => *self.side_mut(known, side) = Branch::Acts(action),
            Branch::Leads(below) => {
                if !self.only_acts(below, action) {
                    return Err(Conflict);
                }
                *self.side_mut(known, side) = Branch::Acts(action);
                self.leave(below);
            }
        }
        Ok(())
    }
}
