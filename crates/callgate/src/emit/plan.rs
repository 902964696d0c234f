//! Which tests to make: a diagram's bits gathered into comparisons of whole words.

mod bits;
mod bound;
mod line;
mod optimal;
mod weigh;

use super::graph::{Graph, Id};
use super::{Bound, Options, Target};
use crate::diagram::{Filter, Ref, words::Test};
use crate::hash::FastMap;
use callgate_abi::{Arch, Word};
use line::{Line, Step};
use optimal::{Space, Tree};

/// Beyond this many ranges of one word, only its bits are tested.
const MOST_SEGMENTS: usize = 4096;
/// The pieces of a line from which one value is picked out.
const ONE_VALUE: usize = 3;
/// As many tests of bits are counted at first, and where they are more, so many pieces looked for.
const FEWEST_TESTS: usize = 4;
const FEW_TESTS: usize = 32;
/// As many numbers that the kernel's cache does not answer for are told apart in the best order.
const HOT: usize = 8;
/// As many of them are picked out of one stretch.
const HOT_GONE: usize = 8;
/// Lines of arguments of up to this many pieces are told apart in the best order.
const VALUES: usize = 24;
/// As many values are picked out of one stretch of such a line.
const FEW_GONE: usize = 4;
/// Where x32 has no calls, so many pieces lie in its range of numbers: the number -1 has one of its own.
const FEW_BEYOND: usize = 2;

/// The most ranges that may be told apart in no more tests than testing bits takes: one test in two
/// neighbours at least.
fn most_segments(bits: usize) -> usize {
    (bits * 2 + 1).min(MOST_SEGMENTS)
}

/// The value that leads elsewhere than all others, where it leads, and where they do. Not of `arch`, whose tests have to
/// know which value led where.
fn only_value(word: Word, segments: &[(u32, Ref)]) -> Option<(u32, Ref, Ref)> {
    match *segments {
        [(0, rest), (value, target), (behind, other)]
            if other == rest && behind == value + 1 && word != Word::ARCH =>
        {
            Some((value, target, rest))
        }
        _ => None,
    }
}

/// The graph of the filter and its entry.
pub(super) fn plan(filter: &Filter, options: &Options<'_>) -> (Graph, Id) {
    let mut planner = Planner {
        filter,
        options,
        token: None,
        // A test for every few bits.
        graph: Graph::with_capacity((filter.node_count() / 8).clamp(16, 256)),
        done: vec![None; filter.node_count()],
        seen: weigh::seen(filter, options.profile),
        space: Space::default(),
        found: None,
    };
    let root = planner.block(filter.root());
    (planner.graph, root)
}

struct Planner<'a> {
    filter: &'a Filter,
    options: &'a Options<'a>,
    /// The audit token whose numbers are being planned.
    token: Option<u32>,
    graph: Graph,
    /// By node.
    done: Vec<Option<Id>>,
    /// What the profile's calls hold in the word a node asks.
    seen: FastMap<Ref, weigh::Seen>,
    space: Space,
    /// A node's pieces that were looked for too early.
    found: Option<(Ref, Vec<(u32, Ref)>)>,
}

impl Planner<'_> {
    fn block(&mut self, at: Ref) -> Id {
        let Some((index, word)) = at.node_index().zip(self.word(at)) else {
            return self.graph.ret(self.filter.leaf(at).to_ret());
        };
        if let Some(id) = self.done[index] {
            return id;
        }
        if let Some((mix, pass, fail)) = self.filter.mix(at) {
            let (then, other) = (self.block(pass), self.block(fail));
            let id = self.graph.mixed(mix, then, other);
            self.done[index] = Some(id);
            return id;
        }
        let id = match self.segments(at, word) {
            Some(segments) => match self.low_first(at, word, &segments) {
                Some(id) => id,
                None => match only_value(word, &segments).filter(|_| self.options.target != Target::Even) {
                    Some((value, target, rest)) => self.equal(word, value, target, rest),
                    None => {
                        let line = self.weigh(at, word, &segments);
                        self.best(word, &line)
                    }
                },
            },
            None => self.bits(at, word),
        };
        self.done[index] = Some(id);
        id
    }

    /// The pieces of the node's word, where to tell them apart takes no more tests than testing bits does.
    fn segments(&mut self, at: Ref, word: Word) -> Option<Vec<(u32, Ref)>> {
        if let Some((_, segments)) = self.found.take_if(|found| found.0 == at) {
            return Some(segments);
        }
        // To test bits takes one test at least.
        if let Some(segments) = self.filter.segments(at, word, ONE_VALUE)
            && line::cost(&segments) <= 1
        {
            return Some(segments);
        }
        // How many tests they take is found out only as far as it matters.
        let mut most = FEWEST_TESTS;
        loop {
            let bits = self.bit_cost(at, word, most);
            let limit = if bits < most { most_segments(bits) } else { most_segments(most.max(FEW_TESTS)) };
            match self.filter.segments(at, word, limit) {
                Some(segments) => {
                    let cost = line::cost(&segments);
                    let is_less = cost <= bits || bits == most && cost <= self.bit_cost(at, word, cost);
                    return is_less.then_some(segments);
                }
                None if bits < most || most * 2 >= MOST_SEGMENTS => return None,
                None => most = most.max(FEW_TESTS) * 4,
            }
        }
    }

    /// The tests that tell the pieces of a line apart, in the best order that can be found in little time.
    fn best(&mut self, word: Word, line: &Line<'_>) -> Id {
        // The time grows with the third power of this, and is spent on every compilation.
        let (most, gone) = match (word, self.options.target) {
            (Word::ARCH, _) => (0, 0),
            (Word::NR, Target::Even) => return self.even(word, line),
            (_, Target::Even) => return self.values(word, line),
            (Word::NR, Target::Raw) => (optimal::MOST, optimal::GONE),
            (Word::NR, Target::Bitmap) => (HOT, HOT_GONE),
            _ => (VALUES, FEW_GONE),
        };
        // One value among all others takes one test.
        if let [before, value, behind] = line.pieces()
            && word != Word::ARCH
            && value.start == value.end
            && before.target == behind.target
        {
            return self.equal(word, value.start, value.target, before.target);
        }
        match optimal::tree(line, most, gone, &mut self.space) {
            Some(tree) => self.tree(word, &tree),
            None => self.line(word, line),
        }
    }

    /// One value apart from the rest.
    fn equal(&mut self, word: Word, value: u32, target: Ref, rest: Ref) -> Id {
        let other = self.block(rest);
        let then = self.block(target);
        self.graph.test(word, u32::MAX, Test::Eq(value), then, other)
    }

    /// The tests of call numbers where all count alike: whoever asks for a number of x32's where that has no
    /// calls is refused first.
    fn even(&mut self, word: Word, line: &Line<'_>) -> Id {
        let refused = line.from(Arch::X32_BIT).filter(|at| line.pieces().len() - at <= FEW_BEYOND);
        match refused.filter(|_| self.token == Some(Arch::X86_64.token())) {
            Some(at) if at > 0 => {
                let (below, from) = line.split(at);
                let start = from.pieces()[0].start;
                let other = self.bound(word, &below, 1);
                let then = self.line(word, &from);
                self.graph.test(word, u32::MAX, Test::Ge(start), then, other)
            }
            _ => self.bound(word, line, 0),
        }
    }

    /// The low half of an argument before its high half, where that decides most calls: if all but one value
    /// of the high half lead where most values of the low half lead anyway.
    fn low_first(&mut self, at: Ref, high: Word, segments: &[(u32, Ref)]) -> Option<Id> {
        if self.options.target == Target::Even {
            return None;
        }
        let low = high.arg().and_then(|(arg, is_high)| is_high.then(|| Word::arg_lo(arg)))?;
        let (value, inner, outer) = match *segments {
            [(0, inner), (1, outer)] => (0, inner, outer),
            [(0, outer), (value, inner), (next, other)] if other == outer && next == value + 1 => {
                (value, inner, outer)
            }
            _ => return None,
        };
        if !outer.is_leaf() || self.word(inner) != Some(low) {
            return None;
        }
        let segments = self.segments(inner, low)?;
        let line = self.weigh(inner, low, &segments);
        let decides = |piece: &&line::Piece| piece.target == outer;
        let decided: u64 = line.pieces().iter().filter(decides).map(|p| p.weight).sum();
        let whole: u64 = line.pieces().iter().map(|p| p.weight).sum();
        // The other calls pay for the low half twice.
        if decided < (whole - decided) * 2 || decided == 0 {
            self.found = Some((inner, segments));
            return None;
        }
        let leads: Vec<usize> =
            line.pieces().iter().enumerate().filter(|(_, p)| decides(p)).map(|(i, _)| i).collect();
        let undecided = Line::without(line.pieces(), 0, &leads);
        let inside = self.best(low, &undecided);
        let outside = self.block(outer);
        let asked = self.graph.test(high, u32::MAX, Test::Eq(value), inside, outside);
        // While the low half is planned, this node stands for what is asked after it.
        if let Some(index) = at.node_index() {
            self.done[index] = Some(asked);
        }
        Some(self.best(low, &line.elsewhere(outer, at)))
    }

    fn word(&self, at: Ref) -> Option<Word> {
        let node = self.filter.node(at.node_index()?);
        Word::from_index((node.level / 32) as u8)
    }

    /// The tests that tell the pieces of a line apart.
    fn line(&mut self, word: Word, line: &Line<'_>) -> Id {
        match line.step() {
            Step::One(target) => self.target(word, line, target),
            Step::Equal { value, target, rest } => {
                let then = self.target(word, &Line::only(value), target);
                let other = self.line(word, &rest);
                self.graph.test(word, u32::MAX, Test::Eq(value), then, other)
            }
            Step::Cut { at, below, from } => {
                let other = self.line(word, &below);
                let then = self.line(word, &from);
                self.graph.test(word, u32::MAX, Test::Ge(at), then, other)
            }
        }
    }

    /// The tests of a tree. Only `arch` needs to know which value led where, and has no tree.
    fn tree(&mut self, word: Word, tree: &Tree) -> Id {
        let mut made: Vec<Id> = Vec::with_capacity(tree.len());
        for test in tree {
            made.push(match test {
                optimal::Test::One(target) => self.block(*target),
                optimal::Test::Rest(line) => self.line(word, line),
                optimal::Test::Equal { value, target, rest } => {
                    let then = self.block(*target);
                    self.graph.test(word, u32::MAX, Test::Eq(*value), then, made[*rest])
                }
                optimal::Test::Cut { at, below, from } => {
                    self.graph.test(word, u32::MAX, Test::Ge(*at), made[*from], made[*below])
                }
            });
        }
        made.pop().expect("a tree ends with the test that is asked first")
    }

    fn target(&mut self, word: Word, line: &Line<'_>, target: Ref) -> Id {
        if word == Word::ARCH {
            self.token = line.single();
        }
        self.block(target)
    }
}
