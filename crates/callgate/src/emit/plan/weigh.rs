//! How much each piece of a line matters.

use super::Planner;
use super::line::{Line, Piece};
use crate::diagram::Ref;
use crate::emit::Target;
use callgate_abi::{Action, Arch, Syscall, Word};

/// The weight that all the calls of a profile share out among the numbers of one architecture.
const WHOLE: u64 = 1 << 24;
/// What a call weighs beside that, so that those no profile knows are balanced, too.
const EACH: u64 = WHOLE >> 14;

impl Planner<'_> {
    /// The pieces of a line with the weights of what leads there.
    pub(super) fn weigh(&self, word: Word, segments: &[(u32, Ref)]) -> Line {
        let mut pieces: Vec<Piece> = segments
            .iter()
            .enumerate()
            .map(|(i, &(start, target))| Piece {
                start,
                end: segments.get(i + 1).map_or(u32::MAX, |s| s.0 - 1),
                target,
                weight: 0,
            })
            .collect();
        match word {
            Word::ARCH => weigh_arches(&mut pieces),
            Word::NR => self.weigh_numbers(&mut pieces),
            // Single values are what a rule names; the rest of the line is everything else.
            _ => pieces.iter_mut().filter(|p| p.start == p.end).for_each(|p| p.weight = 1),
        }
        Line::new(pieces)
    }

    fn weigh_numbers(&self, pieces: &mut [Piece]) {
        let token = self.token;
        let arches = Arch::ALL.iter().copied().filter(|a| Some(a.token()) == token);
        let mut counts: Vec<(usize, u64)> = Vec::new();
        for arch in arches {
            let mut i = 0;
            for (nr, call) in Syscall::of_arch(arch) {
                while pieces[i].end < nr {
                    i += 1;
                }
                // Hardly any program makes x32 calls.
                let share = if arch == Arch::X32 { 0 } else { self.options.profile.weight(call) };
                counts.push((i, share));
            }
        }
        // The kernel answers plain permissions from its cache and never runs the program for them.
        let cached = |i: usize| {
            self.options.target == Target::Bitmap
                && pieces[i].target.is_leaf()
                && *self.filter.leaf(pieces[i].target) == Action::ALLOW
        };
        let whole: u64 = counts.iter().filter(|(i, _)| !cached(*i)).map(|c| c.1).sum::<u64>().max(1);
        let weights: Vec<(usize, u64)> = counts
            .iter()
            .map(|&(i, share)| (i, EACH + if cached(i) { 0 } else { share.saturating_mul(WHOLE) / whole }))
            .collect();
        for (i, weight) in weights {
            pieces[i].weight += weight;
        }
    }
}

/// The machines there are most of come first.
fn weigh_arches(pieces: &mut [Piece]) {
    for piece in pieces.iter_mut().filter(|p| p.start == p.end) {
        piece.weight = match piece.start {
            token if token == Arch::X86_64.token() => 1000,
            token if token == Arch::Aarch64.token() => 900,
            token if Arch::ALL.iter().any(|a| a.token() == token && a.register_bits() == 64) => 20,
            _ => 10,
        };
    }
}
