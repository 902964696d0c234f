//! The control-flow graph between a diagram and its code.

use crate::diagram::{Mix, words::Test};
use callgate_abi::Word;

/// A block's number in its [`Graph`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Id(pub(super) u32);

/// A return, or one test with two successors.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Block {
    Ret(u32),
    Test {
        word: Word,
        mask: u32,
        test: Test,
        then: Id,
        other: Id,
    },
    /// `(second + first) & mask == value`, or the difference.
    Mixed {
        mix: Mix,
        then: Id,
        other: Id,
    },
}

/// Blocks without cycles, each at most once: equal tails are one.
pub(super) struct Graph {
    blocks: Vec<Block>,
    /// Open addressing: a block's number + 1, 0 where free. A power of two, twice as large as `blocks` at least.
    index: Vec<u32>,
}

impl Graph {
    /// With room for so many blocks at first.
    pub(super) fn with_capacity(blocks: usize) -> Graph {
        Graph { blocks: Vec::with_capacity(blocks), index: vec![0; (blocks.max(1) * 2).next_power_of_two()] }
    }

    pub(super) fn get(&self, id: Id) -> Block {
        self.blocks[id.0 as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    pub(super) fn ret(&mut self, value: u32) -> Id {
        self.intern(Block::Ret(value))
    }

    /// `test(word & mask) ? then : other`; no test where both are the same.
    pub(super) fn test(&mut self, word: Word, mask: u32, test: Test, then: Id, other: Id) -> Id {
        if then == other {
            return then;
        }
        self.intern(Block::Test { word, mask, test, then, other })
    }

    /// The test of a mix of words.
    pub(super) fn mixed(&mut self, mix: Mix, then: Id, other: Id) -> Id {
        self.intern(Block::Mixed { mix, then, other })
    }

    fn intern(&mut self, block: Block) -> Id {
        let mut slot = self.slot(&block);
        loop {
            match self.index[slot] {
                0 => break,
                entry if self.blocks[entry as usize - 1] == block => return Id(entry - 1),
                _ => slot = (slot + 1) & (self.index.len() - 1),
            }
        }
        self.blocks.push(block);
        let number = self.blocks.len() as u32;
        self.index[slot] = number;
        if self.blocks.len() * 2 > self.index.len() {
            self.grow();
        }
        Id(number - 1)
    }

    fn grow(&mut self) {
        self.index = vec![0; self.index.len() * 2];
        for (i, block) in self.blocks.iter().enumerate() {
            let mut slot = self.slot(block);
            while self.index[slot] != 0 {
                slot = (slot + 1) & (self.index.len() - 1);
            }
            self.index[slot] = i as u32 + 1;
        }
    }

    /// Where the search for a block begins.
    fn slot(&self, block: &Block) -> usize {
        let (what, value, then, other) = match *block {
            Block::Ret(value) => (0, value, Id(0), Id(0)),
            Block::Test { word, mask, test, then, other } => {
                let (kind, value) = match test {
                    Test::Eq(k) => (1, k),
                    Test::Gt(k) => (2, k),
                    Test::Ge(k) => (3, k),
                    Test::Set(k) => (4, k),
                };
                (u32::from(word.index()) << 3 | kind, value ^ mask.rotate_left(16), then, other)
            }
            Block::Mixed { mix, then, other } => (5, mix.value, then, other),
        };
        let hash = (u64::from(what) << 32 | u64::from(value)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ (u64::from(then.0) << 32 | u64::from(other.0)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & (self.index.len() - 1)
    }
}
