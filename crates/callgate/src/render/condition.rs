//! Decision nodes as conditions on whole 64-bit arguments.

use super::RenderError;
use crate::diagram::{Diagram, Node, Ref};
use crate::hash::FastMap;
use crate::policy::{ArgCmp, ArgIndex, Cond, Op};
use callgate_abi::Width;
use std::hash::Hash;

/// The longest condition worth printing, in comparisons.
pub(crate) const LONGEST: usize = 20_000;
/// Beyond this many ranges of one argument, its bits are tested instead.
const MOST_RANGES: usize = 1024;

/// Puts the sub-diagrams of one diagram into words.
pub(crate) struct Conditions<'a, L> {
    diagram: &'a Diagram<L>,
    longest: usize,
    done: FastMap<(Ref, L), (Cond, usize)>,
}

/// The bits of an argument that decide together: all of `mask` equal to `value`, or else `fail`.
struct Cube {
    mask: u64,
    value: u64,
    pass: Ref,
    fail: Ref,
}

impl<'a, L: Copy + Ord + Hash> Conditions<'a, L> {
    pub(crate) fn new(diagram: &'a Diagram<L>) -> Conditions<'a, L> {
        Conditions::within(diagram, LONGEST)
    }

    /// With another limit on the number of comparisons.
    pub(crate) fn within(diagram: &'a Diagram<L>, longest: usize) -> Conditions<'a, L> {
        Conditions { diagram, longest, done: FastMap::default() }
    }

    /// The distinct leaves `at` can end in.
    pub(crate) fn leaves(&self, at: Ref) -> Vec<L> {
        let mut seen = FastMap::default();
        let mut leaves = Vec::new();
        let mut todo = vec![at];
        while let Some(at) = todo.pop() {
            if seen.insert(at, ()).is_some() {
                continue;
            }
            match at.node_index() {
                None => leaves.push(*self.diagram.leaf(at)),
                Some(i) => {
                    let node = self.diagram.node(i);
                    todo.extend([node.hi, node.lo]);
                }
            }
        }
        leaves.sort_unstable();
        leaves.dedup();
        leaves
    }

    /// The condition under which `at` ends in `leaf`.
    pub(crate) fn when(&mut self, at: Ref, leaf: L) -> Result<Cond, RenderError> {
        Ok(self.build(at, leaf)?.0)
    }

    fn node(&self, at: Ref) -> Option<Node> {
        at.node_index().map(|i| self.diagram.node(i))
    }

    /// The argument `at` asks first.
    fn arg(&self, at: Ref) -> Option<u8> {
        self.node(at).map(|n| ((n.level / 32) as u8 - 2) / 2)
    }

    /// The condition with its length in comparisons.
    fn build(&mut self, at: Ref, leaf: L) -> Result<(Cond, usize), RenderError> {
        let Some(arg) = self.arg(at) else {
            let holds = *self.diagram.leaf(at) == leaf;
            return Ok((if holds { Cond::True } else { Cond::Any(Vec::new()) }, 0));
        };
        if let Some(done) = self.done.get(&(at, leaf)) {
            return Ok(done.clone());
        }
        let made = match self.ranges(at, arg) {
            Some((ranges, width)) if ranges.len() <= 12.max(2 + 2 * self.cubes(at, arg, 64)) => {
                self.by_ranges(arg, width, &ranges, leaf)?
            }
            _ => self.by_bits(at, arg, leaf)?,
        };
        let length = length(&made);
        if length > self.longest {
            return Err(RenderError::LongCondition(self.longest));
        }
        self.done.insert((at, leaf), (made.clone(), length));
        Ok((made, length))
    }

    /// `at` as sorted ranges of its argument, and whether only the low half counts. `None` where bits
    /// of the upper half matter in another way than as part of the number.
    fn ranges(&self, at: Ref, arg: u8) -> Option<(Vec<(u64, Ref)>, Width)> {
        use callgate_abi::Word;
        let (hi, lo) = (Word::arg_hi(arg), Word::arg_lo(arg));
        if self.node(at)?.level / 32 == u16::from(lo.index()) {
            let low = self.diagram.segments(at, lo, MOST_RANGES)?;
            return Some((low.into_iter().map(|(n, r)| (u64::from(n), r)).collect(), Width::W32));
        }
        let high = self.diagram.segments(at, hi, MOST_RANGES)?;
        let mut out: Vec<(u64, Ref)> = Vec::new();
        for (i, &(start, sub)) in high.iter().enumerate() {
            let base = u64::from(start) << 32;
            let asks_low = self.node(sub).is_some_and(|n| n.level / 32 == u16::from(lo.index()));
            if !asks_low {
                out.push((base, sub));
                continue;
            }
            let end = high.get(i + 1).map_or(u32::MAX, |n| n.0 - 1);
            if start != end {
                return None;
            }
            out.extend(
                self.diagram
                    .segments(sub, lo, MOST_RANGES)?
                    .into_iter()
                    .map(|(n, r)| (base | u64::from(n), r)),
            );
        }
        out.dedup_by_key(|r| r.1);
        Some((out, Width::W64))
    }

    fn by_ranges(
        &mut self,
        arg: u8,
        width: Width,
        ranges: &[(u64, Ref)],
        leaf: L,
    ) -> Result<Cond, RenderError> {
        let mut targets: Vec<Ref> = ranges.iter().map(|r| r.1).collect();
        targets.sort_unstable();
        targets.dedup();
        let mut parts = Vec::new();
        let mut always: Vec<Ref> = Vec::new();
        for &target in &targets {
            let (cond, _) = self.build(target, leaf)?;
            match cond {
                Cond::Any(none) if none.is_empty() => {}
                Cond::True => always.push(target),
                cond => parts.push((vec![target], cond)),
            }
        }
        if !always.is_empty() {
            parts.insert(0, (always, Cond::True));
        }
        let limit = if width == Width::W32 { u64::from(u32::MAX) } else { u64::MAX };
        let any = parts
            .into_iter()
            .map(|(targets, cond)| both(member(arg, width, ranges, limit, |r| targets.contains(&r)), cond))
            .collect();
        Ok(one_of(any))
    }

    /// How many cubes testing by bits would take, up to `most`.
    fn cubes(&self, at: Ref, arg: u8, most: usize) -> usize {
        let mut seen = FastMap::default();
        let mut todo = vec![at];
        while let Some(at) = todo.pop() {
            if self.arg(at) == Some(arg) && seen.insert(at, ()).is_none() {
                if seen.len() >= most {
                    break;
                }
                let cube = self.cube(at, arg);
                todo.extend([cube.pass, cube.fail]);
            }
        }
        seen.len()
    }

    fn by_bits(&mut self, at: Ref, arg: u8, leaf: L) -> Result<Cond, RenderError> {
        let cube = self.cube(at, arg);
        let (pass, _) = self.build(cube.pass, leaf)?;
        let (fail, _) = self.build(cube.fail, leaf)?;
        let width = if cube.mask >> 32 == 0 { Width::W32 } else { Width::W64 };
        let op = Op::MaskedEq { mask: cube.mask, value: cube.value };
        let test = compare(arg, width, if cube.mask == u64::MAX { Op::Eq(cube.value) } else { op });
        Ok(choose(test, pass, fail))
    }

    /// The longest run of bits of the argument from `at` on that all fail to the same place.
    fn cube(&self, at: Ref, arg: u8) -> Cube {
        let sides = self.node(at).map_or([at, at], |n| [n.lo, n.hi]);
        let [a, b] = sides.map(|fail| {
            let (mut mask, mut value, mut pass) = (0, 0, at);
            while let Some(node) = self.node(pass).filter(|_| self.arg(pass) == Some(arg)) {
                let bit = 1u64 << (63 - (node.level - 64) % 64);
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
}

fn compare(arg: u8, width: Width, op: Op) -> Cond {
    let arg = ArgIndex::new(arg).unwrap_or(ArgIndex::IP);
    Cond::Arg(ArgCmp { arg, width, op })
}

fn never() -> Cond {
    Cond::Any(Vec::new())
}

fn is_never(cond: &Cond) -> bool {
    matches!(cond, Cond::Any(any) if any.is_empty())
}

fn not(cond: Cond) -> Cond {
    match cond {
        Cond::Not(inner) => *inner,
        Cond::True => never(),
        cond if is_never(&cond) => Cond::True,
        Cond::Arg(ArgCmp { arg, width, op: Op::Eq(v) }) => Cond::Arg(ArgCmp { arg, width, op: Op::Ne(v) }),
        cond => Cond::Not(Box::new(cond)),
    }
}

/// `a && b`, flat.
fn both(a: Cond, b: Cond) -> Cond {
    match (a, b) {
        (Cond::True, other) | (other, Cond::True) => other,
        (a, b) if is_never(&a) || is_never(&b) => never(),
        (a, b) => {
            let mut all = Vec::new();
            for cond in [a, b] {
                match cond {
                    Cond::All(more) => all.extend(more),
                    cond => all.push(cond),
                }
            }
            Cond::All(all)
        }
    }
}

/// Any of these, flat.
fn one_of(conds: Vec<Cond>) -> Cond {
    let mut any = Vec::new();
    for cond in conds {
        match cond {
            Cond::True => return Cond::True,
            Cond::Any(more) => any.extend(more),
            cond => any.push(cond),
        }
    }
    if any.len() == 1 { any.remove(0) } else { Cond::Any(any) }
}

/// `test ? pass : fail`.
fn choose(test: Cond, pass: Cond, fail: Cond) -> Cond {
    if pass == fail {
        return pass;
    }
    match (&pass, &fail) {
        (Cond::True, _) => one_of(vec![test, fail]),
        (_, Cond::True) => one_of(vec![not(test), pass]),
        _ if is_never(&fail) => both(test, pass),
        _ if is_never(&pass) => both(not(test), fail),
        _ => one_of(vec![both(test.clone(), pass), both(not(test), fail)]),
    }
}

/// "The argument lies in one of the ranges that lead to a wanted place", said the shorter way.
fn member(arg: u8, width: Width, ranges: &[(u64, Ref)], limit: u64, wanted: impl Fn(Ref) -> bool) -> Cond {
    let mut inside: Vec<(u64, u64)> = Vec::new();
    let mut outside: Vec<(u64, u64)> = Vec::new();
    for (i, &(start, at)) in ranges.iter().enumerate() {
        let end = ranges.get(i + 1).map_or(limit, |r| r.0 - 1);
        let side = if wanted(at) { &mut inside } else { &mut outside };
        match side.last_mut() {
            Some(last) if last.1.checked_add(1) == Some(start) => last.1 = end,
            _ => side.push((start, end)),
        }
    }
    let cost = |side: &[(u64, u64)]| -> usize {
        side.iter().map(|&(lo, hi)| if lo == hi || lo == 0 || hi == limit { 1 } else { 2 }).sum()
    };
    let say = |side: &[(u64, u64)]| {
        let ranges = side.iter().map(|&(lo, hi)| match (lo, hi) {
            (lo, hi) if lo == hi => compare(arg, width, Op::Eq(lo)),
            (0, hi) if hi == limit => Cond::True,
            (0, hi) => compare(arg, width, Op::Le(hi)),
            (lo, hi) if hi == limit => compare(arg, width, Op::Ge(lo)),
            (lo, hi) => both(compare(arg, width, Op::Ge(lo)), compare(arg, width, Op::Le(hi))),
        });
        one_of(ranges.collect())
    };
    if cost(&outside) < cost(&inside) { not(say(&outside)) } else { say(&inside) }
}

/// The number of comparisons.
pub(crate) fn length(cond: &Cond) -> usize {
    match cond {
        Cond::True => 0,
        Cond::Arg(_) => 1,
        Cond::Not(inner) => length(inner),
        Cond::All(conds) | Cond::Any(conds) => conds.iter().map(length).sum(),
    }
}
