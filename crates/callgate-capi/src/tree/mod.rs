//! The tests that are listed for one call, and what may stand in a rule's way there.
//!
//! What a program does is not decided here. This decides what people see of libseccomp beside its programs: which
//! rules are refused because of others, what the text lists, and the priorities in it, which count tests. All three
//! hang on the order in which rules come. Tests of a word lie side by side on a level, sorted, each with what
//! follows where it holds and where it does not; rules share a test where they ask the same after the same.
//! A new rule goes through three stages: its own tests ([`ladder`]), what it makes superfluous or is made
//! superfluous by ([`overlap`]), and joining the others ([`join`]).
//!
//! Counts are of more than what is listed: a test that is taken from among others stays counted, as it does in the
//! library this stands in for ([`drop`]).

mod drop;
mod join;
mod ladder;
mod overlap;

/// A test's number in its [`Tree`].
pub(crate) type Id = usize;

/// Looks at tests that one rule may take: a fraction of a second, and far beyond what rules of people take.
const MOST: u32 = 1_000_000;

/// The tests of one call.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Tree {
    tests: Vec<Test>,
    /// Tests side by side, in the order in which they are asked; each is on one level.
    levels: Vec<Vec<Id>>,
    /// A test on the first level.
    root: Option<Id>,
    /// Tests that count though nothing leads to them.
    kept: Vec<Id>,
    looks: u32,
    /// Whether rules have come together in a way that cannot be listed: nothing is known from then on.
    unknown: bool,
}

/// What is asked of a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Question {
    /// The argument.
    pub(crate) arg: u8,
    /// Its high half; never on an architecture where only low halves count.
    pub(crate) high: bool,
    pub(crate) relation: Relation,
    pub(crate) mask: u32,
    pub(crate) value: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Relation {
    Eq,
    Gt,
    Ge,
    Masked,
}

/// The kind of comparison a test is part of, in the order in which they are asked of one word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Equality,
    AtMost,
    AtLeast,
}

/// A question with what follows its answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Test {
    pub(crate) question: Question,
    /// Where it holds, and where it does not.
    pub(crate) yes: Branch,
    pub(crate) no: Branch,
    kind: Kind,
    /// The whole value that is compared; the question may be about a half of it.
    whole: u64,
    level: usize,
}

/// What follows an answer.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) enum Branch {
    #[default]
    Nothing,
    Acts(u32),
    /// The level that this test is on.
    Leads(Id),
}

/// Where a branch begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Root,
    /// Where a test holds, or where it does not.
    Side(Id, bool),
}

/// Both sides of a test.
const SIDES: [bool; 2] = [true, false];

impl Tree {
    /// The tests asked first.
    pub(crate) fn top(&self) -> &[Id] {
        self.root.map_or(&[], |root| self.beside(root))
    }

    /// The tests on the level of this one, in order.
    pub(crate) fn beside(&self, at: Id) -> &[Id] {
        &self.levels[self.tests[at].level]
    }

    /// A test.
    pub(crate) fn test(&self, at: Id) -> &Test {
        &self.tests[at]
    }

    /// How many tests count.
    pub(crate) fn count(&self) -> u32 {
        self.there()
    }

    /// Whether this can be listed.
    pub(crate) fn is_known(&self) -> bool {
        !self.unknown
    }

    /// The test a branch leads to.
    fn target(&self, place: Place) -> Option<Id> {
        match place {
            Place::Root => self.root,
            Place::Side(at, side) => self.below(at, side),
        }
    }

    fn below(&self, at: Id, side: bool) -> Option<Id> {
        match self.tests[at].side(side) {
            Branch::Leads(to) => Some(to),
            Branch::Nothing | Branch::Acts(_) => None,
        }
    }

    fn side_mut(&mut self, at: Id, side: bool) -> &mut Branch {
        let test = &mut self.tests[at];
        if side { &mut test.yes } else { &mut test.no }
    }

    fn lead(&mut self, place: Place, to: Option<Id>) {
        match place {
            Place::Root => self.root = to,
            Place::Side(at, side) => *self.side_mut(at, side) = to.map_or(Branch::Nothing, Branch::Leads),
        }
    }

    /// Whether nothing is asked after this test.
    fn is_last(&self, at: Id) -> bool {
        SIDES.iter().all(|side| self.below(at, *side).is_none())
    }

    /// One look more; `false` when it has been too many.
    fn look(&mut self) -> bool {
        self.looks += 1;
        self.unknown |= self.looks > MOST;
        !self.unknown
    }

    /// Whether no action on a level, or below it, is another one.
    fn only_acts(&mut self, level: Id, action: u32) -> bool {
        for at in self.beside(level).to_vec() {
            for side in SIDES {
                let fits = match self.tests[at].side(side) {
                    Branch::Nothing => true,
                    Branch::Acts(other) => other == action,
                    Branch::Leads(below) => self.look() && self.only_acts(below, action),
                };
                if !fits {
                    return false;
                }
            }
        }
        true
    }
}

impl Test {
    fn side(&self, side: bool) -> Branch {
        if side { self.yes } else { self.no }
    }

    /// Whether this is asked later than another test of its level: higher words first, then by kind, then the
    /// larger value, or the smaller where that is the tighter bound.
    fn is_after(&self, other: &Test) -> bool {
        let place = |t: &Test| (std::cmp::Reverse((t.question.arg, t.question.high)), t.kind);
        let values = (self.question.value, other.question.value);
        place(self).cmp(&place(other)).then_with(|| match self.kind {
            Kind::AtMost => values.0.cmp(&values.1),
            Kind::Equality | Kind::AtLeast => values.1.cmp(&values.0),
        }) == std::cmp::Ordering::Greater
    }
}
