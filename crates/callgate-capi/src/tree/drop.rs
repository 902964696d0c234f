//! Tests that are no longer wanted, and which of them stop counting.

use super::{Branch, Id, Place, SIDES, Tree};

impl Tree {
    /// Gives up one hold on a test; how many tests go with it. One of several on a level never goes by itself.
    pub(super) fn let_go(&mut self, at: Id) -> u32 {
        self.tests[at].held -= 1;
        if self.beside(at).len() == 1 && self.tests[at].held <= 0 { self.vanish(at) } else { 0 }
    }

    /// Gives up one hold on a test, and the whole level where nothing else holds any of it.
    pub(super) fn let_go_level(&mut self, at: Id) -> u32 {
        let level = self.tests[at].level;
        let gone = self.let_go(at);
        let left = self.levels[level].clone();
        if !self.look() || left.iter().any(|at| self.tests[*at].held > 0) {
            return gone;
        }
        gone + left.into_iter().map(|at| self.vanish(at)).sum::<u32>()
    }

    /// Takes a test from its level for good, with what only it leads to.
    fn vanish(&mut self, at: Id) -> u32 {
        let level = self.tests[at].level;
        self.levels[level].retain(|other| *other != at);
        let below = SIDES.map(|side| self.below(at, side));
        (self.tests[at].yes, self.tests[at].no) = (Branch::Nothing, Branch::Nothing);
        1 + below.into_iter().flatten().map(|to| self.let_go_level(to)).sum::<u32>()
    }

    /// Cuts a test off wherever a branch below `place` leads to it, and every test that then leads nowhere; how
    /// many stop counting. On each level that ends with the first test behind which something has gone.
    pub(super) fn cut(&mut self, place: Place, wanted: Id) -> u32 {
        let Some(start) = self.target(place) else { return 0 };
        for at in self.beside(start).to_vec() {
            if !self.look() {
                break;
            }
            let mut gone = 0;
            let mut goes = at == wanted;
            if !goes {
                gone += SIDES.map(|side| self.cut(Place::Side(at, side), wanted)).iter().sum::<u32>();
                goes = SIDES.iter().all(|side| self.tests[at].side(*side) == Branch::Nothing);
            }
            if goes {
                return gone + self.take_out(place, at);
            }
            if gone > 0 {
                return gone;
            }
        }
        0
    }

    /// Takes a test out of the level behind a branch. Among others it is forgotten and not let go: it stays
    /// counted, and holds its neighbour if it was at an end.
    fn take_out(&mut self, place: Place, at: Id) -> u32 {
        let level = self.tests[at].level;
        let Some(i) = self.levels[level].iter().position(|other| *other == at) else { return 0 };
        let before = i.checked_sub(1).map(|i| self.levels[level][i]);
        let after = self.levels[level].get(i + 1).copied();
        if self.target(place) == Some(at) {
            self.lead(place, before.or(after));
        }
        self.levels[level].remove(i);
        self.tests[at].level = self.levels.len();
        self.levels.push(vec![at]);
        for neighbour in [before, after].into_iter().flatten() {
            self.tests[at].held += 1;
            if before.is_none() || after.is_none() {
                self.tests[neighbour].held += 1;
            }
        }
        self.let_go(at)
    }
}
