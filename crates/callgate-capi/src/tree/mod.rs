//! The rules of one call as libseccomp keeps them: tests of 32-bit words, sharing what they have in common.
//!
//! What a program does is not decided here. This tree decides what is observed of libseccomp beside its programs:
//! which rules it refuses because others stand in their way, what its text lists, and the priorities it prints,
//! which count tests. Callers see all three depend on the order of rules and on which tests have been given up,
//! so tests are counted by reference here, too, and the observed oddities kept: a level of tests lives as long as
//! anything points into it, and some links are cut without being counted.

mod add;
mod chain;
mod prune;

/// A place in [`Tree::nodes`].
pub(crate) type Id = usize;

/// Steps one rule may take, a fraction of a second: libseccomp never returns from some.
const MOST: u32 = 5_000_000;

/// The tests of one call.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    root: Option<Id>,
    /// How many tests libseccomp counts.
    count: u32,
    steps: u32,
    /// Whether it has come to something that libseccomp does not survive; nothing is known from then on.
    lost: bool,
}

/// A test of a word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Node {
    /// The argument.
    pub(crate) arg: u8,
    /// Its high half; never on an architecture where only low halves count.
    pub(crate) high: bool,
    pub(crate) test: Test,
    pub(crate) mask: u32,
    pub(crate) value: u32,
    /// Where the test holds, and where it does not.
    pub(crate) yes: Branch,
    pub(crate) no: Branch,
    /// The whole value of which this test compares a half.
    whole: u64,
    /// The kind of the comparison this is part of: what is equal or masked comes first.
    rank: u8,
    /// The neighbours on the level.
    before: Option<Id>,
    after: Option<Id>,
    /// How many links lead here.
    links: u32,
    gone: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Test {
    Eq,
    Gt,
    Ge,
    Masked,
}

/// What follows a test.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Branch {
    /// The action, where `acts`.
    action: u32,
    acts: bool,
    next: Option<Id>,
}

impl Branch {
    /// The action that ends the branch.
    pub(crate) fn action(&self) -> Option<u32> {
        self.acts.then_some(self.action)
    }

    /// A test on the level that follows.
    pub(crate) fn next(&self) -> Option<Id> {
        self.next
    }

    fn is_open(&self) -> bool {
        self.acts || self.next.is_some()
    }
}

/// A link that may be made to lead elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Link {
    Root,
    /// From a test, where it holds or where it does not.
    Branch(Id, bool),
}

impl Tree {
    /// The test a level begins with, given any on it; the root's level without one.
    pub(crate) fn first(&self, of: Option<Id>) -> Option<Id> {
        let mut at = of.or(self.root)?;
        while let Some(before) = self.nodes[at].before {
            at = before;
        }
        Some(at)
    }

    /// The test after this one on its level.
    pub(crate) fn after(&self, at: Id) -> Option<Id> {
        self.nodes[at].after
    }

    /// A test.
    pub(crate) fn node(&self, at: Id) -> &Node {
        &self.nodes[at]
    }

    /// How many tests libseccomp counts.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Whether this is what libseccomp would have.
    pub(crate) fn is_known(&self) -> bool {
        !self.lost
    }

    fn link(&self, link: Link) -> Option<Id> {
        match link {
            Link::Root => self.root,
            Link::Branch(id, yes) => self.branch(id, yes).next,
        }
    }

    fn set(&mut self, link: Link, to: Option<Id>) {
        match link {
            Link::Root => self.root = to,
            Link::Branch(id, yes) => self.branch_mut(id, yes).next = to,
        }
    }

    fn branch(&self, id: Id, yes: bool) -> Branch {
        let node = &self.nodes[id];
        if yes { node.yes } else { node.no }
    }

    fn branch_mut(&mut self, id: Id, yes: bool) -> &mut Branch {
        let node = &mut self.nodes[id];
        if yes { &mut node.yes } else { &mut node.no }
    }

    /// One step more; `false` when it has been too many or the tree is lost.
    fn step(&mut self) -> bool {
        self.steps += 1;
        self.lost |= self.steps > MOST;
        !self.lost
    }

    fn is_leaf(&self, at: Id) -> bool {
        self.nodes[at].yes.next.is_none() && self.nodes[at].no.next.is_none()
    }

    fn take_link(&mut self, at: Option<Id>) -> Option<Id> {
        if let Some(at) = at {
            self.nodes[at].links += 1;
        }
        at
    }

    /// Gives a link to one test up; with its last link a test goes, and what only it led to. Returns how many
    /// tests went, and a neighbour where this one did.
    fn give_up(&mut self, at: Option<Id>) -> (u32, Option<Id>) {
        let Some(id) = at else { return (0, None) };
        if !self.step() {
            return (0, at);
        }
        let node = &mut self.nodes[id];
        if node.gone || node.links == 0 {
            self.lost = true;
            return (0, at);
        }
        node.links -= 1;
        if node.links > 0 {
            return (0, at);
        }
        let (before, after) = (node.before, node.after);
        let (yes, no) = (node.yes.next, node.no.next);
        if let Some(before) = before {
            self.nodes[before].after = None;
        }
        if let Some(after) = after {
            self.nodes[after].before = None;
        }
        let (a, before) = self.give_up(before);
        let (b, after) = self.give_up(after);
        if let Some(before) = before {
            self.nodes[before].after = self.take_link(after);
        }
        if let Some(after) = after {
            self.nodes[after].before = self.take_link(before);
        }
        let below = self.give_up_level(yes) + self.give_up_level(no);
        self.nodes[id].gone = true;
        (a + b + below + 1, before.or(after))
    }

    /// Gives a link up, and the whole level where nothing else leads to it.
    fn give_up_level(&mut self, at: Option<Id>) -> u32 {
        let (mut count, left) = self.give_up(at);
        let Some(mut first) = left else { return count };
        while let Some(before) = self.nodes[first].before {
            first = before;
            if !self.step() {
                return count;
            }
        }
        let mut at = Some(first);
        while let Some(id) = at {
            let node = &self.nodes[id];
            let beside = u32::from(node.before.is_some()) + u32::from(node.after.is_some());
            if node.links > beside || !self.step() {
                return count;
            }
            at = self.nodes[id].after;
        }
        let mut at = Some(first);
        while at.is_some() && self.step() {
            let (gone, left) = self.give_up(at);
            count += gone;
            at = left;
        }
        count
    }

    /// Whether two tests are the same.
    fn same(&self, a: Id, b: Id) -> bool {
        let key = |id: Id| {
            let n = &self.nodes[id];
            (n.arg, n.high, n.test, n.value, n.mask)
        };
        key(a) == key(b)
    }

    /// Whether test `a` comes after `b` on a level: lower words, then what is compared by order, then the looser.
    fn follows(&self, a: Id, b: Id) -> bool {
        let (a, b) = (&self.nodes[a], &self.nodes[b]);
        let key = |n: &Node| (n.arg, n.high, n.rank);
        match key(a).cmp(&key(b)) {
            std::cmp::Ordering::Equal if a.rank == 2 => a.value > b.value,
            std::cmp::Ordering::Equal => a.value < b.value,
            order => order.is_lt(),
        }
    }

    /// Whether every action from this level down is this one.
    fn only_acts(&mut self, level: Option<Id>, action: u32) -> bool {
        if level.is_none() {
            return true;
        }
        let mut at = self.first(level);
        while let Some(id) = at {
            if !self.step() {
                return false;
            }
            let Node { yes, no, .. } = self.nodes[id];
            let other = |b: Branch| b.acts && b.action != action;
            if other(yes)
                || other(no)
                || !self.only_acts(yes.next, action)
                || !self.only_acts(no.next, action)
            {
                return false;
            }
            at = self.nodes[id].after;
        }
        true
    }
}
