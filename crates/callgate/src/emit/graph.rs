//! The control-flow graph between a diagram and its code.

use crate::diagram::{Mix, words::Test};
use crate::hash::FastMap;
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
#[derive(Default)]
pub(super) struct Graph {
    blocks: Vec<Block>,
    index: FastMap<Block, Id>,
}

impl Graph {
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
        let next = Id(self.blocks.len() as u32);
        *self.index.entry(block).or_insert_with(|| {
            self.blocks.push(block);
            next
        })
    }
}
