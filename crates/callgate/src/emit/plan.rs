//! Which tests to make: a diagram's bits gathered into comparisons of whole words.

use super::graph::{Graph, Id};
use crate::diagram::{Filter, Ref, words::Test};
use crate::hash::FastMap;
use callgate_abi::Word;

/// Beyond this many ranges of one word, only its bits are tested.
const MOST_SEGMENTS: usize = 4096;
/// Up to this many single values are asked one after the other.
const CHAIN: usize = 3;

/// The graph of the filter and its entry.
pub(super) fn plan(filter: &Filter) -> (Graph, Id) {
    let mut planner =
        Planner { filter, graph: Graph::default(), done: FastMap::default(), costs: FastMap::default() };
    let root = planner.block(filter.root());
    (planner.graph, root)
}

struct Planner<'a> {
    filter: &'a Filter,
    graph: Graph,
    done: FastMap<Ref, Id>,
    /// What testing a node's word bit by bit costs, in instructions.
    costs: FastMap<Ref, usize>,
}

/// A test of some bits at once: all of `mask` equal to `value`, or else `fail`.
struct Cube {
    mask: u32,
    value: u32,
    pass: Ref,
    fail: Ref,
}

impl Planner<'_> {
    fn block(&mut self, at: Ref) -> Id {
        let Some(word) = self.word(at) else {
            return self.graph.ret(self.filter.leaf(at).to_ret());
        };
        if let Some(&id) = self.done.get(&at) {
            return id;
        }
        let id = match self.filter.segments(at, word, MOST_SEGMENTS) {
            Some(segments) if range_cost(&segments) <= self.bit_cost(at, word) => {
                self.ranges(word, &segments)
            }
            _ => self.bits(at, word),
        };
        self.done.insert(at, id);
        id
    }

    fn word(&self, at: Ref) -> Option<Word> {
        let node = self.filter.node(at.node_index()?);
        Word::from_index((node.level / 32) as u8)
    }

    /// A search tree over the starts of the segments, with single values picked out by equality.
    fn ranges(&mut self, word: Word, segments: &[(u32, Ref)]) -> Id {
        if let [only] = segments {
            return self.block(only.1);
        }
        if let Some((rest, singles)) = singles(segments) {
            let mut id = self.block(rest);
            for &(value, target) in singles.iter().rev() {
                let then = self.block(target);
                id = self.graph.test(word, u32::MAX, Test::Eq(value), then, id);
            }
            return id;
        }
        let at = cut(segments);
        let (below, from) = segments.split_at(at);
        let other = self.ranges(word, below);
        let then = self.ranges(word, from);
        self.graph.test(word, u32::MAX, Test::Ge(from[0].0), then, other)
    }

    /// Tests of bits, as many at once as the diagram allows.
    fn bits(&mut self, at: Ref, word: Word) -> Id {
        if self.word(at) != Some(word) {
            return self.block(at);
        }
        let cube = self.cube(at, word);
        let pass = self.bits_or_block(cube.pass, word);
        let fail = self.bits_or_block(cube.fail, word);
        match () {
            () if cube.value == 0 => self.graph.test(word, u32::MAX, Test::Set(cube.mask), fail, pass),
            () if cube.mask == u32::MAX => self.graph.test(word, u32::MAX, Test::Eq(cube.value), pass, fail),
            () if cube.mask.count_ones() == 1 => {
                self.graph.test(word, u32::MAX, Test::Set(cube.mask), pass, fail)
            }
            () => self.graph.test(word, cube.mask, Test::Eq(cube.value), pass, fail),
        }
    }

    /// Within a word, the cheaper of both ways for the part below a test.
    fn bits_or_block(&mut self, at: Ref, word: Word) -> Id {
        if let Some(&id) = self.done.get(&at) {
            return id;
        }
        let id = self.bits(at, word);
        self.done.insert(at, id);
        id
    }

    /// The longest run of bits from `at` on that all fail to the same place.
    fn cube(&self, at: Ref, word: Word) -> Cube {
        let node = self.filter.node(at.node_index().unwrap_or_default());
        let [a, b] = [node.lo, node.hi].map(|fail| {
            let (mut mask, mut value, mut pass) = (0, 0, at);
            while self.word(pass) == Some(word) {
                let node = self.filter.node(pass.node_index().unwrap_or_default());
                let bit = 1 << (31 - node.level % 32);
                (mask, value, pass) = match fail {
                    _ if node.lo == fail => (mask | bit, value | bit, node.hi),
                    _ if node.hi == fail => (mask | bit, value, node.lo),
                    _ => break,
                };
            }
            Cube { mask, value, pass, fail }
        });
        if b.mask.count_ones() > a.mask.count_ones() { b } else { a }
    }

    /// How many instructions testing by bits takes, shared parts counted once.
    fn bit_cost(&mut self, at: Ref, word: Word) -> usize {
        if self.word(at) != Some(word) {
            return 0;
        }
        if let Some(&cost) = self.costs.get(&at) {
            return cost;
        }
        let cube = self.cube(at, word);
        let masks = cube.value != 0 && cube.mask != u32::MAX && cube.mask.count_ones() != 1;
        // A mask destroys the loaded word, so whatever follows loads it again.
        let own = if masks { 2 } else { 1 };
        let cost =
            own + self.bit_cost(cube.pass, word).saturating_add(self.bit_cost(cube.fail, word)).min(1 << 20);
        self.costs.insert(at, cost);
        cost
    }
}

/// Whether segment `i` is one value.
fn is_single(segments: &[(u32, Ref)], i: usize) -> bool {
    let end = segments.get(i + 1).map_or(1 << 32, |s| u64::from(s.0));
    end - u64::from(segments[i].0) == 1
}

/// A few single values in a line that is otherwise one: the rest, and each value with its target.
fn singles(segments: &[(u32, Ref)]) -> Option<(Ref, Vec<(u32, Ref)>)> {
    let rest = (0..segments.len()).find(|&i| !is_single(segments, i)).map(|i| segments[i].1)?;
    let mut singles = Vec::new();
    for (i, segment) in segments.iter().enumerate().filter(|(_, s)| s.1 != rest) {
        if singles.len() == CHAIN || !is_single(segments, i) {
            return None;
        }
        singles.push(*segment);
    }
    Some((rest, singles))
}

/// How many tests a search tree takes.
fn range_cost(segments: &[(u32, Ref)]) -> usize {
    let boundaries = segments.len() - 1;
    let mut saved = 0;
    let mut i = 1;
    while i + 1 < segments.len() {
        if is_single(segments, i) && segments[i - 1].1 == segments[i + 1].1 {
            saved += 1;
            i += 2;
        } else {
            i += 1;
        }
    }
    boundaries - saved
}

/// Where to cut a run of segments in two: near the middle by cost, not through a single value's hole.
fn cut(segments: &[(u32, Ref)]) -> usize {
    let total = range_cost(segments);
    (1..segments.len())
        .min_by_key(|&at| {
            let (below, from) = (range_cost(&segments[..at]), range_cost_from(segments, at));
            let extra = (below + from + 1).saturating_sub(total);
            (below.max(from) + 2 * extra, below.abs_diff(from))
        })
        .unwrap_or(1)
}

fn range_cost_from(segments: &[(u32, Ref)], at: usize) -> usize {
    range_cost(&segments[at..])
}
