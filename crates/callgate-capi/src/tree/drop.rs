//! Tests that are no longer wanted, and which of them stop counting.
//!
//! What can be reached from the first level is wanted, with all that lies beside it. A test taken from among others
//! stays counted, and so does what comes to have nobody lead to it in a way that leaves it behind: [`Tree::kept`]
//! names those.

use super::{Branch, Id, Place, SIDES, Tree};

impl Tree {
    /// Forgets what can be reached neither from the first level, nor from what is kept, nor from `also`.
    pub(super) fn sweep(&mut self, also: Option<Id>) {
        let mut wanted = vec![false; self.levels.len()];
        let mut open: Vec<Id> = self.root.into_iter().chain(also).chain(self.kept.iter().copied()).collect();
        while let Some(at) = open.pop() {
            let level = self.tests[at].level;
            if !std::mem::replace(&mut wanted[level], true) {
                let branches =
                    self.levels[level].iter().flat_map(|at| SIDES.map(|side| self.below(*at, side)));
                open.extend(branches.flatten());
            }
        }
        for (level, _) in wanted.into_iter().enumerate().filter(|level| !level.1) {
            for at in std::mem::take(&mut self.levels[level]) {
                (self.tests[at].yes, self.tests[at].no) = (Branch::Nothing, Branch::Nothing);
            }
        }
    }

    /// How many tests there are.
    pub(super) fn there(&self) -> u32 {
        self.levels.iter().map(Vec::len).sum::<usize>() as u32
    }

    /// Whether some branch leads to one of these.
    fn is_led_to(&self, tests: &[Id]) -> bool {
        let all = self.levels.iter().flatten().flat_map(|at| SIDES.map(|side| self.below(*at, side)));
        all.chain([self.root]).flatten().any(|to| tests.contains(&to))
    }

    /// Nobody leads to a level any more from one place. Several tests are left behind where it was the last.
    pub(super) fn leave(&mut self, level: Id) {
        if self.beside(level).len() > 1 && !self.is_led_to(self.beside(level)) {
            self.kept.push(level);
        }
    }

    /// Cuts a test off wherever a branch below `place` leads to it, and every test that then leads nowhere; whether
    /// any stops counting. On each level that ends with the first test behind which one has.
    pub(super) fn cut(&mut self, place: Place, wanted: Id) -> bool {
        let Some(start) = self.target(place) else { return false };
        for at in self.beside(start).to_vec() {
            if !self.look() {
                break;
            }
            let gone = at != wanted
                && SIDES.into_iter().fold(false, |gone, side| self.cut(Place::Side(at, side), wanted) | gone);
            if at == wanted || SIDES.iter().all(|side| self.tests[at].side(*side) == Branch::Nothing) {
                return self.take_out(place, at) | gone;
            }
            if gone {
                return true;
            }
        }
        false
    }

    /// Takes a test out of the level behind a branch; whether it stops counting. One from among others is forgotten
    /// and stays counted, at an end only if this branch led to it; if not, its neighbour there stays counted.
    fn take_out(&mut self, place: Place, at: Id) -> bool {
        let level = self.tests[at].level;
        let Some(i) = self.levels[level].iter().position(|other| *other == at) else { return false };
        let before = i.checked_sub(1).map(|i| self.levels[level][i]);
        let after = self.levels[level].get(i + 1).copied();
        let leads_here = self.target(place) == Some(at);
        if leads_here {
            self.lead(place, before.or(after));
        }
        self.levels[level].remove(i);
        self.tests[at].level = self.levels.len();
        self.levels.push(vec![at]);
        match (before, after) {
            (None, None) => {}
            (Some(neighbour), None) | (None, Some(neighbour)) if !leads_here => self.kept.push(neighbour),
            _ => self.kept.push(at),
        }
        !self.kept.contains(&at) && !self.is_led_to(&[at])
    }
}
