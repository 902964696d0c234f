//! How much each piece of a line matters.

use super::line::{Line, Piece};
use super::{Planner, VALUES};
use crate::diagram::{Filter, Ref};
use crate::emit::{Profile, Target};
use crate::hash::FastMap;
use callgate_abi::{Action, Arch, SeccompData, Syscall, Word};

/// The weight that all the calls of a profile share out among the numbers of one architecture.
const WHOLE: u64 = 1 << 24;
/// What a call weighs beside that, so that those no profile knows are balanced, too.
const EACH: u64 = WHOLE >> 14;
/// Arguments are mostly small numbers: a stretch weighs as many as it holds below this.
const SMALL: u32 = 64;
/// Stretches of fewer values are taken apart.
const FEW: u32 = 3;
/// What one value seen in a profile weighs at least, beside guesses.
const SEEN: u64 = 1 << 12;
/// Where all numbers count alike, what pieces that begin below a number count instead; and where there are many.
const LOW: (u32, u64) = (2, 4);
const LOW_OF_MANY: (u32, u64) = (4, 12);
const MANY: usize = 32;
/// No call has a higher number: they are positive.
const HIGHEST: u32 = u32::MAX >> 1;
/// Up to this many values of an argument are then asked one after the other.
const ROW: usize = 8;

/// Values of a word, with how often they were met.
pub(super) type Seen = Vec<(u32, u64)>;

/// What the calls of the profile whose arguments are known hold in the words that the filter asks, by the
/// node that asks first.
pub(super) fn seen(filter: &Filter, profile: &Profile) -> FastMap<Ref, Seen> {
    let mut seen: FastMap<Ref, Seen> = FastMap::default();
    if profile.made().is_empty() {
        return seen;
    }
    let arches = told_apart(filter);
    for made in profile.made() {
        for &arch in &arches {
            let Some(nr) = made.call.number(arch) else { continue };
            let args = made.args.map(Option::unwrap_or_default);
            let data = SeccompData { nr, arch: arch.token(), ip: 0, args };
            let mut at = filter.root();
            let mut asked = None;
            while let Some(index) = at.node_index() {
                let node = filter.node(index);
                let Some(word) = Word::from_index((node.level / 32) as u8) else { break };
                let known = word
                    .arg()
                    .is_none_or(|(arg, _)| made.args.get(usize::from(arg)).is_some_and(Option::is_some));
                if !known {
                    break;
                }
                let value = word.of(&data);
                if asked != Some(word) && word.arg().is_some() {
                    seen.entry(at).or_default().push((value, made.count));
                }
                asked = Some(word);
                at = if value >> (31 - node.level % 32) & 1 == 1 { node.hi } else { node.lo };
            }
        }
    }
    seen
}

/// The architectures whose calls can come to an argument: all, unless the filter has one answer to all foreign ones.
fn told_apart(filter: &Filter) -> Vec<Arch> {
    let mut arches: Vec<Arch> = Arch::ALL.iter().copied().filter(|a| *a != Arch::X32).collect();
    let asks_arch = filter.root().node_index().is_some_and(|i| filter.node(i).level < 32);
    if asks_arch && let Some(segments) = filter.segments(filter.root(), Word::ARCH, super::MOST_SEGMENTS) {
        let target = |token: u32| segments[segments.partition_point(|s| s.0 <= token) - 1].1;
        arches.retain(|arch| !target(arch.token()).is_leaf());
    }
    arches
}

impl Planner<'_> {
    /// The pieces of the line that begins at `at`, with the weights of what leads there.
    pub(super) fn weigh(&self, at: Ref, word: Word, segments: &[(u32, Ref)]) -> Line<'static> {
        let mut pieces: Vec<Piece> = Vec::with_capacity(segments.len());
        pieces.extend(segments.iter().enumerate().map(|(i, &(start, target))| Piece {
            start,
            end: segments.get(i + 1).map_or(u32::MAX, |s| s.0 - 1),
            target,
            weight: 0,
            hot: true,
        }));
        match word {
            Word::ARCH => weigh_arches(&mut pieces, self.options.arches),
            _ if self.options.target == Target::Even => weigh_evenly(&mut pieces, word),
            Word::NR => self.weigh_numbers(&mut pieces),
            _ => {
                self.split_few(&mut pieces);
                self.weigh_values(at, &mut pieces);
            }
        }
        Line::new(pieces)
    }

    fn weigh_numbers(&self, pieces: &mut [Piece]) {
        let token = self.token;
        let bitmap = self.options.target == Target::Bitmap;
        // The kernel answers plain permissions from its cache and never runs the program for them.
        let runs = |piece: &Piece| {
            !(bitmap && piece.target.is_leaf() && *self.filter.leaf(piece.target) == Action::ALLOW)
        };
        // By piece: how many calls it has, and how often they are made that the program runs for.
        let mut counts: Vec<(u64, u64)> = vec![(0, 0); pieces.len()];
        for arch in Arch::ALL.iter().copied().filter(|a| Some(a.token()) == token) {
            // Hardly any program makes x32 calls.
            let is_made = arch != Arch::X32;
            let mut i = 0;
            let mut is_counted = is_made && runs(&pieces[0]);
            let mut calls = Syscall::of_arch(arch);
            while let Some((nr, call)) = calls.next() {
                while pieces[i].end < nr {
                    i += 1;
                    is_counted = is_made && runs(&pieces[i]);
                }
                // Whatever follows is here, too, and only counted.
                if !is_made && pieces[i].end >= HIGHEST {
                    counts[i].0 += calls.len() as u64 + 1;
                    break;
                }
                counts[i].0 += 1;
                if is_counted {
                    counts[i].1 = counts[i].1.saturating_add(self.options.profile.weight(call));
                }
            }
        }
        let whole: u128 = counts.iter().map(|c| u128::from(c.1)).sum();
        for (piece, &(calls, share)) in pieces.iter_mut().zip(&counts) {
            piece.weight += EACH * calls;
            if share > 0 {
                piece.weight += part(share, whole);
            }
        }
        if bitmap {
            pieces.iter_mut().zip(&counts).for_each(|(p, c)| p.hot = c.1 > 0);
            // Who is killed calls once: where the program runs for nothing else, short is better than fast.
            let killed = |p: &Piece| {
                p.target.is_leaf()
                    && matches!(self.filter.leaf(p.target), Action::KillProcess(_) | Action::KillThread(_))
            };
            if pieces.iter().all(|p| !p.hot || killed(p)) {
                pieces.iter_mut().for_each(|p| p.hot = false);
            }
        }
    }

    /// Takes apart stretches of few values that are not refused: one equality test may be enough for the most
    /// frequent of them, where the stretch takes two tests.
    fn split_few(&self, pieces: &mut Vec<Piece>) {
        let few = |p: &Piece| {
            let len = p.end - p.start;
            let refused = p.target.is_leaf() && !self.filter.leaf(p.target).permits();
            (1..FEW).contains(&len) && p.start > 0 && !refused
        };
        if pieces.len() > VALUES || !pieces.iter().any(few) {
            return;
        }
        let mut apart = Vec::with_capacity(VALUES);
        for piece in pieces.iter() {
            if few(piece) {
                apart.extend((piece.start..=piece.end).map(|v| Piece { start: v, end: v, ..*piece }));
            } else {
                apart.push(*piece);
            }
        }
        *pieces = apart;
    }

    /// What calls are known to hold; else single values, which are what a rule names, and what is small.
    fn weigh_values(&self, at: Ref, pieces: &mut [Piece]) {
        for piece in pieces.iter_mut() {
            let refused = piece.target.is_leaf() && !self.filter.leaf(piece.target).permits();
            let small = piece.end.min(SMALL - 1).checked_sub(piece.start).map_or(0, |n| n + 1);
            piece.weight = if refused { 0 } else { u64::from(small.max(1)) };
        }
        let Some(seen) = self.seen.get(&at) else { return };
        let whole: u128 = seen.iter().map(|s| u128::from(s.1)).sum();
        for &(value, count) in seen {
            let i = pieces.partition_point(|p| p.end < value);
            pieces[i].weight += SEEN + part(count, whole);
        }
    }
}

/// All alike, but that the calls every program makes, which have the lowest numbers, count more, and that few
/// values of an argument are asked one after the other, the largest first.
fn weigh_evenly(pieces: &mut [Piece], word: Word) {
    pieces.iter_mut().for_each(|p| p.weight = 1);
    if word == Word::NR {
        let (below, weight) = if pieces.len() > MANY { LOW_OF_MANY } else { LOW };
        pieces.iter_mut().filter(|p| p.start < below).for_each(|p| p.weight = weight);
        return;
    }
    let singles: Vec<usize> = (0..pieces.len()).rev().filter(|&i| pieces[i].start == pieces[i].end).collect();
    if singles.len() <= ROW {
        singles.iter().enumerate().for_each(|(place, &i)| pieces[i].weight = WHOLE >> place);
    }
}

/// The part of [`WHOLE`] that a count is of all counts, however large they are.
fn part(count: u64, whole: u128) -> u64 {
    (u128::from(count) * u128::from(WHOLE) / whole.max(1)) as u64
}

/// The machines there are most of come first, unless an order is asked for.
fn weigh_arches(pieces: &mut [Piece], order: &[Arch]) {
    for piece in pieces.iter_mut().filter(|p| p.start == p.end) {
        let place = order.iter().position(|a| a.token() == piece.start);
        piece.weight = match piece.start {
            // Each outweighs all that follow, so that they are asked one by one.
            _ if !order.is_empty() => place.map_or(0, |place| WHOLE << 32 >> place),
            token if token == Arch::X86_64.token() => 1000,
            token if token == Arch::Aarch64.token() => 900,
            token if Arch::ALL.iter().any(|a| a.token() == token && a.register_bits() == 64) => 20,
            _ => 10,
        };
    }
}
