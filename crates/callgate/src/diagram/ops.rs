//! Sentences about diagrams: map, zip, restrict, witness.

use super::{Diagram, Leaves, Limits, Ref, Store, TooLarge};
use crate::hash::FastMap;
use callgate_abi::{Arch, SeccompData, Word};
use std::hash::Hash;

impl<L> Diagram<L> {
    /// The function with every leaf replaced.
    pub fn map<M: Clone + Eq + Hash>(&self, mut f: impl FnMut(&L) -> M) -> Diagram<M> {
        let mut leaves = Leaves::new();
        let renamed: Vec<Ref> = self.leaves.iter().map(|l| leaves.intern(f(l))).collect();
        if leaves.list().len() == self.leaves.len() {
            // Nothing became equal, so the shape stays.
            return Diagram { nodes: self.nodes.clone(), leaves: leaves.into_list(), root: self.root };
        }
        self.rebuild(&leaves, |at| renamed[at.leaf_index()], |_, lo, hi| (lo, hi))
    }

    /// The function with `word` fixed to `value`; it no longer depends on the word.
    pub fn restrict(&self, word: Word, value: u32) -> Diagram<L>
    where
        L: Clone + Eq + Hash,
    {
        let mut leaves = Leaves::new();
        let same: Vec<Ref> = self.leaves.iter().map(|l| leaves.intern(l.clone())).collect();
        self.rebuild(
            &leaves,
            |at| same[at.leaf_index()],
            |level, lo, hi| {
                if level / 32 != u16::from(word.index()) {
                    (lo, hi)
                } else if value >> (31 - level % 32) & 1 == 1 {
                    (hi, hi)
                } else {
                    (lo, lo)
                }
            },
        )
    }

    /// What is left to ask at a node, as a function of its own.
    pub(crate) fn part(&self, at: Ref) -> Diagram<L>
    where
        L: Clone + Eq + Hash,
    {
        struct Copy<'a, L> {
            from: &'a Diagram<L>,
            to: Diagram<L>,
            leaves: FastMap<Ref, Ref>,
            nodes: FastMap<Ref, Ref>,
        }
        impl<L: Clone> Copy<'_, L> {
            fn visit(&mut self, at: Ref) -> Ref {
                let Some(index) = at.node_index() else {
                    let next = Ref::leaf(self.to.leaves.len() as u32);
                    let known = *self.leaves.entry(at).or_insert(next);
                    if known == next {
                        self.to.leaves.push(self.from.leaf(at).clone());
                    }
                    return known;
                };
                if let Some(&made) = self.nodes.get(&at) {
                    return made;
                }
                let node = self.from.nodes[index];
                let (lo, hi) = (self.visit(node.lo), self.visit(node.hi));
                let made = Ref::node(self.to.nodes.len() as u32);
                self.to.nodes.push(super::Node { level: node.level, lo, hi });
                self.nodes.insert(at, made);
                made
            }
        }
        let to = Diagram { nodes: Vec::new(), leaves: Vec::new(), root: at };
        let mut copy = Copy { from: self, to, leaves: FastMap::default(), nodes: FastMap::default() };
        let root = copy.visit(at);
        Diagram { root, ..copy.to }
    }

    /// Copies the diagram bottom-up with other leaves or other children. It can only shrink, so no
    /// budget applies.
    fn rebuild<M: Clone + Eq + Hash>(
        &self,
        leaves: &Leaves<M>,
        leaf: impl Fn(Ref) -> Ref,
        children: impl Fn(u16, Ref, Ref) -> (Ref, Ref),
    ) -> Diagram<M> {
        let mut store = Store::new(Limits { nodes: usize::MAX, steps: u64::MAX });
        let mut made: Vec<Ref> = Vec::with_capacity(self.nodes.len());
        let copy = |made: &[Ref], at: Ref| at.node_index().map_or_else(|| leaf(at), |i| made[i]);
        for node in &self.nodes {
            let (lo, hi) = children(node.level, copy(&made, node.lo), copy(&made, node.hi));
            made.push(store.mk(node.level, lo, hi).expect("a rebuilt diagram has no budget"));
        }
        store.finish(copy(&made, self.root), leaves.list())
    }

    /// Both functions side by side: the leaf of each call is `f` of the two leaves.
    pub fn zip<R, M: Clone + Eq + Hash>(
        &self,
        other: &Diagram<R>,
        f: impl FnMut(&L, &R) -> M,
    ) -> Result<Diagram<M>, TooLarge> {
        self.zip_within(other, Limits::default(), f)
    }

    /// As [`Diagram::zip`], within the given budget.
    pub fn zip_within<R, M: Clone + Eq + Hash>(
        &self,
        other: &Diagram<R>,
        limits: Limits,
        f: impl FnMut(&L, &R) -> M,
    ) -> Result<Diagram<M>, TooLarge> {
        struct Zip<'a, L, R, M, F> {
            a: &'a Diagram<L>,
            b: &'a Diagram<R>,
            f: F,
            store: Store,
            leaves: Leaves<M>,
            done: FastMap<(Ref, Ref), Ref>,
        }
        impl<L, R, M: Clone + Eq + Hash, F: FnMut(&L, &R) -> M> Zip<'_, L, R, M, F> {
            fn pair(&mut self, a: Ref, b: Ref) -> Result<Ref, TooLarge> {
                if a.is_leaf() && b.is_leaf() {
                    return Ok(self.leaves.intern((self.f)(self.a.leaf(a), self.b.leaf(b))));
                }
                if let Some(&done) = self.done.get(&(a, b)) {
                    return Ok(done);
                }
                self.store.spend(1)?;
                let node_a = a.node_index().map(|i| self.a.nodes[i]);
                let node_b = b.node_index().map(|i| self.b.nodes[i]);
                let level = node_a.map_or(u16::MAX, |n| n.level).min(node_b.map_or(u16::MAX, |n| n.level));
                let split = |at: Ref, node: Option<super::Node>| match node {
                    Some(node) if node.level == level => (node.lo, node.hi),
                    _ => (at, at),
                };
                let ((a0, a1), (b0, b1)) = (split(a, node_a), split(b, node_b));
                let lo = self.pair(a0, b0)?;
                let hi = self.pair(a1, b1)?;
                let made = self.store.mk(level, lo, hi)?;
                self.done.insert((a, b), made);
                Ok(made)
            }
        }
        let mut zip = Zip {
            a: self,
            b: other,
            f,
            store: Store::new(limits),
            leaves: Leaves::new(),
            done: FastMap::default(),
        };
        let root = zip.pair(self.root, other.root)?;
        Ok(zip.store.finish(root, zip.leaves.list()))
    }

    /// A call whose leaf satisfies `wanted`, if there is one: the one that is smallest, word by word,
    /// in the order of [`Word`].
    pub fn witness(&self, mut wanted: impl FnMut(&L) -> bool) -> Option<SeccompData> {
        let wanted: Vec<bool> = self.leaves.iter().map(&mut wanted).collect();
        // Children come before parents, so one pass tells which nodes reach a wanted leaf.
        let mut reaches = vec![false; self.nodes.len()];
        let is = |reaches: &[bool], at: Ref| {
            at.node_index().map_or_else(|| wanted[at.leaf_index()], |i| reaches[i])
        };
        for (i, node) in self.nodes.iter().enumerate() {
            reaches[i] = is(&reaches, node.lo) || is(&reaches, node.hi);
        }
        if !is(&reaches, self.root) {
            return None;
        }
        let mut data = SeccompData::default();
        let mut at = self.root;
        while let Some(i) = at.node_index() {
            let node = self.nodes[i];
            if is(&reaches, node.lo) {
                at = node.lo;
            } else {
                let word = Word::from_index((node.level / 32) as u8)?;
                let value = word.of(&data) | 1 << (31 - node.level % 32);
                word.set(&mut data, value);
                at = node.hi;
            }
        }
        Some(data)
    }
}

/// The set of calls whose audit token belongs to an architecture that satisfies `wanted`.
pub(crate) fn arch_set(wanted: impl Fn(Arch) -> bool) -> Result<Diagram<bool>, TooLarge> {
    let mut store = Store::new(Limits::default());
    let mut tokens: Vec<u32> = Arch::ALL.iter().filter(|a| wanted(**a)).map(|a| a.token()).collect();
    tokens.sort_unstable();
    tokens.dedup();
    let mut segments = vec![(0, Ref::FALSE)];
    for token in tokens {
        segments.push((token, Ref::TRUE));
        segments.push((token + 1, Ref::FALSE));
    }
    let root = store.layer(Word::ARCH, &segments)?;
    Ok(store.finish(root, &[false, true]))
}
