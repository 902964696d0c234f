//! The builder: hash-consed nodes and if-then-else.

use super::{Diagram, Limits, TooLarge};
use std::hash::Hash;

/// A node or a leaf, by number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Ref(u32);

impl Ref {
    const LEAF: u32 = 1 << 31;
    /// As a condition: never.
    pub(crate) const FALSE: Ref = Ref::leaf(0);
    /// As a condition: always.
    pub(crate) const TRUE: Ref = Ref::leaf(1);

    pub(crate) const fn leaf(index: u32) -> Ref {
        Ref(index | Self::LEAF)
    }

    pub(crate) const fn node(index: u32) -> Ref {
        Ref(index)
    }

    pub(crate) const fn is_leaf(self) -> bool {
        self.0 & Self::LEAF != 0
    }

    pub(crate) const fn node_index(self) -> Option<usize> {
        if self.is_leaf() { None } else { Some(self.0 as usize) }
    }

    /// The leaf's number; meaningless for a node.
    pub(crate) const fn leaf_index(self) -> usize {
        (self.0 & !Self::LEAF) as usize
    }
}

/// One bit asked: `level / 32` is the word, `31 - level % 32` the bit in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Node {
    pub(crate) level: u16,
    pub(crate) lo: Ref,
    pub(crate) hi: Ref,
}

impl Node {
    fn hash(&self) -> usize {
        mix(self.lo.0, self.hi.0, self.level.into())
    }
}

/// The level of a leaf, below every node's.
const BOTTOM: u16 = u16::MAX;

/// Makes nodes, each at most once, within a budget. Leaves are numbers here; what they stand for is
/// the caller's business, except that conditions use 0 for "no" and 1 for "yes".
pub(crate) struct Store {
    nodes: Vec<Node>,
    /// Open addressing: node number + 1, 0 where free. Twice as large as `nodes` at least.
    unique: Vec<u32>,
    /// Direct-mapped results of [`Store::ite`]; a lost entry costs time only.
    cache: Vec<[u32; 4]>,
    /// How often that had no result.
    missed: usize,
    limits: Limits,
    steps: u64,
}

const NO_ENTRY: [u32; 4] = [u32::MAX; 4];

fn mix(a: u32, b: u32, c: u32) -> usize {
    let x = (u64::from(a) << 32 | u64::from(b)) ^ u64::from(c).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let x = (x ^ x >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (x >> 32) as usize
}

impl Store {
    pub(crate) fn new(limits: Limits) -> Store {
        Store::with_room(limits, 512)
    }

    /// With room for so many nodes before anything is moved.
    pub(crate) fn with_room(limits: Limits, nodes: usize) -> Store {
        let nodes = nodes.next_power_of_two();
        let unique = vec![0; nodes * 2];
        Store { nodes: Vec::with_capacity(nodes), unique, cache: Vec::new(), missed: 0, limits, steps: 0 }
    }

    /// The nodes of a diagram under the numbers they have there, for another function to be built among them.
    pub(crate) fn holding<L>(diagram: &Diagram<L>, limits: Limits) -> Store {
        // What is built passes through functions that are not in the diagram, about as many.
        let mut store = Store::with_room(limits, diagram.nodes.len() * 2);
        let mask = store.unique.len() - 1;
        for (i, node) in diagram.nodes.iter().enumerate() {
            let mut slot = node.hash() & mask;
            while store.unique[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            store.unique[slot] = i as u32 + 1;
        }
        store.nodes.extend_from_slice(&diagram.nodes);
        store
    }

    pub(crate) fn level(&self, at: Ref) -> u16 {
        at.node_index().map_or(BOTTOM, |i| self.nodes[i].level)
    }

    pub(crate) fn get(&self, at: Ref) -> Option<Node> {
        at.node_index().map(|i| self.nodes[i])
    }

    pub(crate) fn too_large(&self) -> TooLarge {
        TooLarge { nodes: self.limits.nodes }
    }

    /// Counts work that makes no node, so that no loop escapes the budget.
    pub(crate) fn spend(&mut self, steps: u64) -> Result<(), TooLarge> {
        self.steps += steps;
        if self.steps > self.limits.steps { Err(self.too_large()) } else { Ok(()) }
    }

    /// Whether `kept`, in nodes, of what whoever builds keeps beside the nodes is within the budget, too.
    pub(crate) fn room_for(&self, kept: usize) -> Result<(), TooLarge> {
        if self.nodes.len() + kept > self.limits.nodes { Err(self.too_large()) } else { Ok(()) }
    }

    /// The node that asks the bit at `level`; its children must lie below.
    #[inline(always)]
    pub(crate) fn mk(&mut self, level: u16, lo: Ref, hi: Ref) -> Result<Ref, TooLarge> {
        if lo == hi {
            return Ok(lo);
        }
        debug_assert!(level < self.level(lo) && level < self.level(hi));
        let made = Node { level, lo, hi };
        let mask = self.unique.len() - 1;
        let mut slot = made.hash() & mask;
        loop {
            match self.unique[slot] {
                0 => return self.add(made, slot),
                entry if self.nodes[entry as usize - 1] == made => return Ok(Ref::node(entry - 1)),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    /// A new node, whose place in the table is free.
    #[inline(never)]
    fn add(&mut self, made: Node, slot: usize) -> Result<Ref, TooLarge> {
        if self.nodes.len() >= self.limits.nodes {
            return Err(self.too_large());
        }
        let index = self.nodes.len() as u32;
        self.nodes.push(made);
        self.unique[slot] = index + 1;
        if self.nodes.len() * 2 > self.unique.len() {
            self.grow();
        }
        Ok(Ref::node(index))
    }

    #[cold]
    fn grow(&mut self) {
        let mask = self.unique.len() * 2 - 1;
        let mut table = vec![0; mask + 1];
        for (i, node) in self.nodes.iter().enumerate() {
            let mut slot = node.hash() & mask;
            while table[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            table[slot] = i as u32 + 1;
        }
        self.unique = table;
    }

    /// `condition ? then : otherwise`, for any three diagrams; the condition's leaves are no and yes.
    pub(crate) fn ite(&mut self, condition: Ref, then: Ref, otherwise: Ref) -> Result<Ref, TooLarge> {
        if condition == Ref::TRUE || then == otherwise {
            return Ok(then);
        }
        if condition == Ref::FALSE {
            return Ok(otherwise);
        }
        if then == Ref::TRUE && otherwise == Ref::FALSE {
            return Ok(condition);
        }
        // Few programs need many; for those it grows with what is asked, and forgets.
        if self.missed >= self.cache.len() && self.cache.len() < (1 << 20) {
            self.cache = vec![NO_ENTRY; (self.cache.len() * 4).max(256)];
        }
        let hit = self.cache[mix(condition.0, then.0, otherwise.0) & (self.cache.len() - 1)];
        if hit[..3] == [condition.0, then.0, otherwise.0] {
            return Ok(Ref(hit[3]));
        }
        self.missed += 1;
        self.spend(1)?;
        let level = self.level(condition).min(self.level(then)).min(self.level(otherwise));
        let (c, t, o) = (self.split(condition, level), self.split(then, level), self.split(otherwise, level));
        let lo = self.ite(c.0, t.0, o.0)?;
        let hi = self.ite(c.1, t.1, o.1)?;
        let result = self.mk(level, lo, hi)?;
        let slot = mix(condition.0, then.0, otherwise.0) & (self.cache.len() - 1);
        self.cache[slot] = [condition.0, then.0, otherwise.0, result.0];
        Ok(result)
    }

    /// The two halves of `at` at this level, or twice itself where it does not ask this bit.
    pub(super) fn split(&self, at: Ref, level: u16) -> (Ref, Ref) {
        match self.get(at) {
            Some(node) if node.level == level => (node.lo, node.hi),
            _ => (at, at),
        }
    }

    /// Copies what `root` reaches into a diagram with canonical numbering.
    pub(crate) fn finish<L: Clone + Eq + Hash>(&self, root: Ref, leaves: &[L]) -> Diagram<L> {
        const UNSEEN: u32 = u32::MAX;
        struct Walk<'a> {
            store: &'a Store,
            node_number: Vec<u32>,
            leaf_number: Vec<u32>,
            nodes: Vec<Node>,
            order: Vec<usize>,
        }
        impl Walk<'_> {
            /// What `at` is called, for whose sake a node is visited only the first time.
            #[inline(always)]
            fn name(&mut self, at: Ref) -> Ref {
                match at.node_index() {
                    None => self.leaf(at),
                    Some(index) if self.node_number[index] != UNSEEN => Ref::node(self.node_number[index]),
                    Some(index) => self.visit(index),
                }
            }
            fn leaf(&mut self, at: Ref) -> Ref {
                let number = &mut self.leaf_number[at.leaf_index()];
                if *number == UNSEEN {
                    *number = self.order.len() as u32;
                    self.order.push(at.leaf_index());
                }
                Ref::leaf(*number)
            }
            #[inline(never)]
            fn visit(&mut self, index: usize) -> Ref {
                let node = self.store.nodes[index];
                let lo = self.name(node.lo);
                let hi = self.name(node.hi);
                let number = self.nodes.len() as u32;
                self.node_number[index] = number;
                self.nodes.push(Node { level: node.level, lo, hi });
                Ref::node(number)
            }
        }
        let mut walk = Walk {
            store: self,
            node_number: vec![UNSEEN; self.nodes.len()],
            leaf_number: vec![UNSEEN; leaves.len()],
            nodes: Vec::with_capacity(self.nodes.len()),
            order: Vec::new(),
        };
        let root = walk.name(root);
        walk.nodes.shrink_to_fit();
        Diagram { leaves: walk.order.iter().map(|&i| leaves[i].clone()).collect(), nodes: walk.nodes, root }
    }
}
