//! The table that numbers leaves while a diagram is built.

use crate::hash::FastMap;
use std::hash::Hash;

use super::Ref;

/// Numbers distinct leaves in the order in which they are met.
pub(crate) struct Leaves<L> {
    list: Vec<L>,
    index: FastMap<L, u32>,
}

impl<L: Clone + Eq + Hash> Leaves<L> {
    pub(crate) fn new() -> Leaves<L> {
        Leaves { list: Vec::new(), index: FastMap::default() }
    }

    /// The reference that stands for this leaf.
    pub(crate) fn intern(&mut self, leaf: L) -> Ref {
        // Filters have a handful of leaves; a map pays only beyond that.
        const SCAN: usize = 8;
        if let Some(i) = self.list.iter().take(SCAN).position(|l| *l == leaf) {
            return Ref::leaf(i as u32);
        }
        if self.list.len() >= SCAN
            && let Some(&i) = self.index.get(&leaf)
        {
            return Ref::leaf(i);
        }
        let i = self.list.len() as u32;
        if self.list.len() >= SCAN {
            self.index.insert(leaf.clone(), i);
        }
        self.list.push(leaf);
        Ref::leaf(i)
    }

    pub(crate) fn list(&self) -> &[L] {
        &self.list
    }

    pub(crate) fn into_list(self) -> Vec<L> {
        self.list
    }
}
