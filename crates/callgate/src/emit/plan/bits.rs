//! Tests of some bits of a word at once.

use super::Planner;
use crate::diagram::{Ref, words::Test};
use crate::emit::graph::Id;
use callgate_abi::Word;

/// A test of some bits at once: all of `mask` equal to `value`, or else `fail`.
struct Cube {
    mask: u32,
    value: u32,
    pass: Ref,
    fail: Ref,
}

impl Planner<'_> {
    /// Tests of bits, as many at once as the diagram allows.
    pub(super) fn bits(&mut self, at: Ref, word: Word) -> Id {
        if self.word(at) != Some(word) {
            return self.block(at);
        }
        let cube = self.cube(at, word);
        let pass = self.bits_below(cube.pass, word);
        let fail = self.bits_below(cube.fail, word);
        match () {
            () if !self.options.bit_tests => {
                self.graph.test(word, cube.mask, Test::Eq(cube.value), pass, fail)
            }
            () if cube.value == 0 => self.graph.test(word, u32::MAX, Test::Set(cube.mask), fail, pass),
            () if cube.mask == u32::MAX => self.graph.test(word, u32::MAX, Test::Eq(cube.value), pass, fail),
            () if cube.mask.count_ones() == 1 => {
                self.graph.test(word, u32::MAX, Test::Set(cube.mask), pass, fail)
            }
            () => self.graph.test(word, cube.mask, Test::Eq(cube.value), pass, fail),
        }
    }

    fn bits_below(&mut self, at: Ref, word: Word) -> Id {
        let Some(index) = at.node_index() else { return self.block(at) };
        if let Some(id) = self.done[index] {
            return id;
        }
        let id = self.bits(at, word);
        self.done[index] = Some(id);
        id
    }

    /// The longest run of bits from `at` on that all fail to the same place.
    fn cube(&self, at: Ref, word: Word) -> Cube {
        let node = self.filter.node(at.node_index().unwrap_or_default());
        let [a, b] = [node.lo, node.hi].map(|fail| {
            let (mut mask, mut value, mut pass) = (0, 0, at);
            while self.word(pass) == Some(word) {
                let node = self.filter.node(pass.node_index().unwrap_or_default());
                let bit = 1 << (31 - node.level % 32);
                (mask, value, pass) = match fail {
                    _ if node.lo == fail => (mask | bit, value | bit, node.hi),
                    _ if node.hi == fail => (mask | bit, value, node.lo),
                    _ => break,
                };
            }
            Cube { mask, value, pass, fail }
        });
        if b.mask.count_ones() > a.mask.count_ones() { b } else { a }
    }

    /// How many instructions testing by bits takes, or `most` if it is no fewer.
    pub(super) fn bit_cost(&self, at: Ref, word: Word, most: usize) -> usize {
        let mut cost = 0;
        let mut todo = vec![at];
        while let Some(at) = todo.pop().filter(|_| cost < most) {
            if self.word(at) != Some(word) {
                continue;
            }
            let cube = self.cube(at, word);
            let jset = self.options.bit_tests && (cube.value == 0 || cube.mask.count_ones() == 1);
            let masks = cube.mask != u32::MAX && !jset;
            // A mask destroys the loaded word, so whatever follows loads it again.
            cost += if masks { 2 } else { 1 };
            todo.extend([cube.pass, cube.fail]);
        }
        cost.min(most)
    }
}
