//! The rules of one call as a tree of tests of 32-bit words, as libseccomp lists them.

use crate::chain::{Chain, Compare};
use callgate::Op;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Tests made one after the other.
pub(super) type Level = Vec<Node>;

/// A test of a word.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The argument.
    pub(super) arg: u8,
    /// Its high half; never on an architecture where only low halves count.
    pub(super) high: bool,
    pub(super) test: Test,
    pub(super) mask: u32,
    pub(super) value: u32,
    pub(super) yes: Branch,
    pub(super) no: Branch,
    /// The kind of the comparison this is part of: what is equal or masked comes first.
    rank: u8,
    /// Which test of which rule this is: a test may stand in several places.
    id: (usize, usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Test {
    Eq,
    Gt,
    Ge,
    Masked,
}

/// What follows a test.
#[derive(Clone, Default, Debug)]
pub(super) struct Branch {
    pub(super) action: Option<u32>,
    pub(super) next: Level,
}

/// The tree of some rules.
pub(super) fn build(chains: &[Chain], narrow: bool) -> Level {
    let mut level = Level::new();
    for (i, chain) in chains.iter().enumerate() {
        let branch = branch(i, chain, 0, narrow);
        branch.next.into_iter().for_each(|node| insert(&mut level, node));
    }
    level
}

/// How many tests the tree has, those in several places counted once.
pub(super) fn count(level: &Level) -> u32 {
    fn visit(level: &Level, seen: &mut BTreeSet<(usize, usize)>) {
        for node in level {
            seen.insert(node.id);
            visit(&node.yes.next, seen);
            visit(&node.no.next, seen);
        }
    }
    let mut seen = BTreeSet::new();
    visit(level, &mut seen);
    u32::try_from(seen.len()).unwrap_or(u32::MAX).min(0xffff)
}

/// A rule from its comparison `at` on.
fn branch(rule: usize, chain: &Chain, at: usize, narrow: bool) -> Branch {
    let Some(compare) = chain.compares.get(at) else {
        return Branch { action: Some(chain.action), next: Level::new() };
    };
    let next = branch(rule, chain, at + 1, narrow);
    let node = Maker { rule, at, compare };
    let negative = matches!(compare.op, Op::Ne(_) | Op::Lt(_) | Op::Le(_));
    let low = |next: Branch| {
        let (yes, no) = if negative { (Branch::default(), next) } else { (next, Branch::default()) };
        node.make(2, false, low_test(compare.op), yes, no)
    };
    if narrow {
        return one(low(next));
    }
    one(match compare.op {
        Op::Eq(_) | Op::MaskedEq { .. } => {
            node.make(0, true, low_test(compare.op), one(low(next)), Branch::default())
        }
        Op::Ne(_) => node.make(0, true, Test::Eq, one(low(next.clone())), next),
        Op::Gt(_) | Op::Ge(_) => {
            let equal = node.make(1, true, Test::Eq, one(low(next.clone())), Branch::default());
            node.make(0, true, Test::Gt, next, one(equal))
        }
        Op::Lt(_) | Op::Le(_) => {
            let equal = node.make(1, true, Test::Eq, one(low(next.clone())), next);
            node.make(0, true, Test::Gt, Branch::default(), one(equal))
        }
    })
}

fn one(node: Node) -> Branch {
    Branch { action: None, next: vec![node] }
}

fn low_test(op: Op) -> Test {
    match op {
        Op::Eq(_) | Op::Ne(_) => Test::Eq,
        Op::Gt(_) | Op::Le(_) => Test::Gt,
        Op::Ge(_) | Op::Lt(_) => Test::Ge,
        Op::MaskedEq { .. } => Test::Masked,
    }
}

struct Maker<'a> {
    rule: usize,
    at: usize,
    compare: &'a Compare,
}

impl Maker<'_> {
    fn make(&self, part: usize, high: bool, test: Test, yes: Branch, no: Branch) -> Node {
        let (mask, value, rank) = match self.compare.op {
            Op::Eq(v) | Op::Ne(v) => (u64::MAX, v, 3),
            Op::MaskedEq { mask, value } => (mask, value, 3),
            Op::Lt(v) | Op::Le(v) => (u64::MAX, v, 2),
            Op::Gt(v) | Op::Ge(v) => (u64::MAX, v, 1),
        };
        let half = |v: u64| if high { (v >> 32) as u32 } else { v as u32 };
        let id = (self.rule, 3 * self.at + part);
        Node { arg: self.compare.arg, high, test, mask: half(mask), value: half(value), yes, no, rank, id }
    }
}

/// Adds a rule's tests to a level: into an equal one, or where they belong.
fn insert(level: &mut Level, node: Node) {
    for (i, known) in level.iter_mut().enumerate() {
        if same(known, &node) {
            merge(&mut known.yes, node.yes);
            merge(&mut known.no, node.no);
            return;
        }
        if before(&node, known) {
            level.insert(i, node);
            return;
        }
    }
    level.push(node);
}

fn merge(known: &mut Branch, new: Branch) {
    if known.action.is_some() {
        return;
    }
    if new.action.is_some() {
        *known = new;
        return;
    }
    new.next.into_iter().for_each(|node| insert(&mut known.next, node));
}

fn same(a: &Node, b: &Node) -> bool {
    (a.arg, a.high, a.test, a.value, a.mask) == (b.arg, b.high, b.test, b.value, b.mask)
}

/// Whether a new test comes before a known one: higher words first, then by kind, then the tighter.
fn before(new: &Node, known: &Node) -> bool {
    let key = |n: &Node| (n.arg, n.high, n.rank);
    match key(new).cmp(&key(known)) {
        Ordering::Greater => true,
        Ordering::Less => false,
        Ordering::Equal if known.rank == 2 => new.value < known.value,
        Ordering::Equal => new.value > known.value,
    }
}
