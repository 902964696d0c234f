//! What a filter means: a total function from the words of `struct seccomp_data` to leaves, in
//! canonical form.
//!
//! A [`Diagram`] is a reduced, ordered, hash-consed multi-terminal decision diagram with one node a
//! *bit*, most significant first, words in the order of [`Word`]. Two diagrams are the same function
//! exactly when they are `==`.

mod cube;
mod leaves;
mod mark;
mod mix;
mod ops;
mod stack;
mod store;
pub(crate) mod words;

pub use mix::Mix;

pub(crate) use cube::Cube;
pub(crate) use leaves::Leaves;
pub(crate) use ops::arch_set;
pub(crate) use store::{Node, Ref, Store};

use crate::hash::FastMap;
use callgate_abi::{Action, SeccompData, Word};
use std::fmt;

/// A total function from calls to leaves. Plain owned data; equal exactly when the functions are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Diagram<L> {
    /// Children before parents, in the order of a depth-first walk: the numbering is canonical.
    nodes: Vec<Node>,
    leaves: Vec<L>,
    root: Ref,
}

/// A filter: what the kernel does with each call.
pub type Filter = Diagram<Action>;

/// A diagram outgrew its budget of nodes or steps. Nothing is known about the function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLarge {
    /// The budget that was exceeded, in nodes.
    pub nodes: usize,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the decision diagram outgrew its budget of {} nodes", self.nodes)
    }
}

impl std::error::Error for TooLarge {}

/// How much work building a diagram may take before it gives up with [`TooLarge`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The most nodes alive in one builder, what else it keeps counted as nodes. A node costs about 40 bytes
    /// while building.
    pub nodes: usize,
    /// The most recursion steps of one builder.
    pub steps: u64,
}

impl Default for Limits {
    /// Two million nodes (80 MB) and a hundred million steps (a few seconds): real filters need less
    /// than a hundredth.
    fn default() -> Limits {
        Limits { nodes: 1 << 21, steps: 100_000_000 }
    }
}

impl<L> Diagram<L> {
    /// The leaf of one call.
    pub fn eval(&self, data: &SeccompData) -> &L {
        let mut at = self.root;
        while let Some(index) = at.node_index() {
            let node = self.nodes[index];
            let word = Word::from_index((node.level / 32) as u8).map_or(0, |w| w.of(data));
            at = if word >> (31 - node.level % 32) & 1 == 1 { node.hi } else { node.lo };
        }
        &self.leaves[at.leaf_index()]
    }

    /// Whether `wanted` holds for every leaf that calls with these `words` in common with `data` can get.
    pub(crate) fn always(&self, data: &SeccompData, words: &[Word], wanted: impl Fn(&L) -> bool) -> bool {
        let mut seen = FastMap::default();
        let mut todo = vec![self.root];
        while let Some(at) = todo.pop() {
            let Some(index) = at.node_index() else {
                if !wanted(self.leaf(at)) {
                    return false;
                }
                continue;
            };
            if seen.insert(at, ()).is_some() {
                continue;
            }
            let node = self.nodes[index];
            match Word::from_index((node.level / 32) as u8).filter(|word| words.contains(word)) {
                Some(word) if word.of(data) >> (31 - node.level % 32) & 1 == 1 => todo.push(node.hi),
                Some(_) => todo.push(node.lo),
                None => todo.extend([node.lo, node.hi]),
            }
        }
        true
    }

    /// The distinct leaves, in canonical order.
    pub fn leaves(&self) -> &[L] {
        &self.leaves
    }

    /// How many inner nodes it has.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Whether the function looks at this word at all.
    pub fn depends_on(&self, word: Word) -> bool {
        self.nodes.iter().any(|n| n.level / 32 == u16::from(word.index()))
    }

    pub(crate) fn root(&self) -> Ref {
        self.root
    }

    pub(crate) fn node(&self, index: usize) -> Node {
        self.nodes[index]
    }

    pub(crate) fn leaf(&self, at: Ref) -> &L {
        &self.leaves[at.leaf_index()]
    }
}

impl<L: fmt::Debug> fmt::Debug for Diagram<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Diagram({} nodes, leaves {:?})", self.nodes.len(), self.leaves)
    }
}
