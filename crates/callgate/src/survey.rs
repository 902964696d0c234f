//! A diagram read call by call: which calls behave alike, and how.

use crate::diagram::{Diagram, Mix, Ref};
use crate::policy::Cond;
use crate::render::condition::{Conditions, LONGEST, length};
use crate::render::{RenderError, whole_slots};
use callgate_abi::{Arch, Syscall, Word};
use std::collections::BTreeMap;
use std::hash::Hash;
use std::ops::RangeInclusive;

/// What one architecture's calls do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Survey<L> {
    /// The architecture; `None` for audit tokens the diagram does not tell apart from a made-up one.
    pub arch: Option<Arch>,
    /// Groups of calls that behave alike, those with most calls first.
    pub behaviours: Vec<Behaviour<L>>,
}

/// Calls that behave alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Behaviour<L> {
    /// The calls with a name, by name.
    pub calls: Vec<Syscall>,
    /// The numbers without a name, ascending.
    pub numbers: Vec<RangeInclusive<u32>>,
    /// The outcomes with the condition under which each occurs; the conditions exclude each other. A
    /// single outcome has the condition [`Cond::True`].
    pub outcomes: Vec<(Cond, L)>,
    /// Whether the conditions are spelled out. Those that would be longer than asked for are not: all
    /// outcomes then have the condition [`Cond::True`].
    pub spelled: bool,
    /// Where conditions are not spelled out because two words are added up: the sum, and which of the two
    /// outcomes it decides for where it holds.
    pub mix: Option<(Mix, L)>,
}

/// The most ranges of numbers one architecture may have.
const MOST_NUMBERS: usize = 8192;

impl<L: Copy + Ord + Hash> Diagram<L> {
    /// What the calls of `arch` do; for `None`, what those of an architecture nobody named do. The
    /// condition of the outcome for which `usual` is largest is not spelled out where several outcomes
    /// exist: it is [`Cond::True`], and comes last. Of several such outcomes it is the one whose
    /// condition is longest.
    ///
    /// # Errors
    ///
    /// There are too many numbers to tell apart, or a condition is longer than anybody could want.
    pub fn survey(&self, arch: Option<Arch>, usual: impl Fn(&L) -> i64) -> Result<Survey<L>, RenderError> {
        let survey = self.survey_within(arch, usual, LONGEST)?;
        match survey.behaviours.iter().all(|b| b.spelled) {
            true => Ok(survey),
            false => Err(RenderError::LongCondition(LONGEST)),
        }
    }

    /// As [`survey`](Self::survey), but conditions of more than `longest` comparisons are not
    /// [spelled out](Behaviour::spelled).
    ///
    /// # Errors
    ///
    /// There are too many numbers to tell apart.
    pub fn survey_within(
        &self,
        arch: Option<Arch>,
        usual: impl Fn(&L) -> i64,
        longest: usize,
    ) -> Result<Survey<L>, RenderError> {
        let at = match arch {
            Some(arch) => self.at_token(arch.token()),
            None => self.at_token(self.foreign_token()),
        };
        let numbers = self.segments(at, Word::NR, MOST_NUMBERS).ok_or(RenderError::ManyNumbers)?;
        let (from, to) = match arch {
            Some(Arch::X86_64) => (0, Arch::X32_BIT - 1),
            Some(Arch::X32) => (Arch::X32_BIT, u32::MAX),
            _ => (0, u32::MAX),
        };
        let mut groups: BTreeMap<Ref, (Vec<Syscall>, Vec<RangeInclusive<u32>>)> = BTreeMap::new();
        let mut next = from;
        for (i, &(start, sub)) in numbers.iter().enumerate() {
            let end = numbers.get(i + 1).map_or(u32::MAX, |n| n.0 - 1).min(to);
            if end < from || start > to {
                continue;
            }
            let group = groups.entry(sub).or_default();
            next = next.max(start);
            if let Some(arch) = arch {
                for (nr, call) in Syscall::of_arch(arch).filter(|c| (start.max(from)..=end).contains(&c.0)) {
                    if nr > next {
                        group.1.push(next..=nr - 1);
                    }
                    group.0.push(call);
                    next = nr.saturating_add(1);
                }
            }
            if next <= end {
                group.1.push(next..=end);
            }
            next = end.saturating_add(1);
        }
        let mut conditions = Conditions::within(self, longest);
        let mut behaviours = Vec::new();
        for (sub, (mut calls, numbers)) in groups {
            calls.sort_unstable();
            let leaves = conditions.leaves(sub);
            let single = leaves.len() == 1;
            let narrow = arch.is_some_and(|a| a.register_bits() == 32);
            let when = |leaf: L| match conditions.when(sub, leaf) {
                _ if single => Ok(Cond::True),
                Ok(when) if narrow => Ok(whole_slots(when)),
                made => made,
            };
            let mix = self.mix(sub);
            let mix = mix
                .filter(|(_, pass, fail)| pass.is_leaf() && fail.is_leaf())
                .map(|(mix, pass, _)| (mix, *self.leaf(pass)));
            // A comparison for each value of the sum is not begun if there are too many values.
            let conds: Result<Vec<Cond>, RenderError> = match &mix {
                Some((mix, _)) if mix.mask as usize >= longest => Err(RenderError::LongCondition(longest)),
                _ => leaves.iter().copied().map(when).collect(),
            };
            let (mut outcomes, spelled): (Vec<(Cond, L)>, bool) = match conds {
                Ok(conds) => (conds.into_iter().zip(leaves).collect(), true),
                Err(RenderError::LongCondition(_)) => {
                    (leaves.into_iter().map(|leaf| (Cond::True, leaf)).collect(), false)
                }
                Err(e) => return Err(e),
            };
            outcomes.sort_by_key(|(when, leaf)| (usual(leaf), length(when)));
            if let Some(last) = outcomes.last_mut() {
                last.0 = Cond::True;
            }
            let mix = mix.filter(|_| !spelled);
            behaviours.push(Behaviour { calls, numbers: merge(numbers), outcomes, spelled, mix });
        }
        behaviours.sort_by_key(|b| (std::cmp::Reverse(b.calls.len()), b.numbers.first().map(|n| *n.start())));
        Ok(Survey { arch, behaviours })
    }

    /// The architectures that are treated otherwise than an unknown one.
    pub fn arches(&self) -> Vec<Arch> {
        let unknown = self.unknown_token().map(|t| self.at_token(t));
        Arch::ALL.iter().copied().filter(|a| Some(self.at_token(a.token())) != unknown).collect()
    }

    /// An audit token that stands for every architecture nobody named.
    pub fn foreign_token(&self) -> u32 {
        self.unknown_token().unwrap_or(0)
    }

    /// An audit token that belongs to no known architecture and that the diagram does not single out.
    pub(crate) fn unknown_token(&self) -> Option<u32> {
        let tokens = self.segments(self.root(), Word::ARCH, 4096)?;
        // The widest stretch of tokens is the one no program names.
        let wide = (0..tokens.len()).max_by_key(|&i| {
            tokens.get(i + 1).map_or(1 << 32, |t| u64::from(t.0)) - u64::from(tokens[i].0)
        })?;
        let end = tokens.get(wide + 1).map_or(u32::MAX, |t| t.0 - 1);
        (tokens[wide].0..=end).find(|t| Arch::ALL.iter().all(|a| a.token() != *t))
    }

    /// What is left to ask once the audit token is known.
    pub(crate) fn at_token(&self, token: u32) -> Ref {
        let mut at = self.root();
        while let Some(node) = at.node_index().map(|i| self.node(i)) {
            if node.level >= 32 {
                break;
            }
            at = if token >> (31 - node.level) & 1 == 1 { node.hi } else { node.lo };
        }
        at
    }
}

/// Neighbouring ranges as one.
fn merge(ranges: Vec<RangeInclusive<u32>>) -> Vec<RangeInclusive<u32>> {
    let mut out: Vec<RangeInclusive<u32>> = Vec::new();
    for range in ranges {
        match out.last_mut() {
            Some(last) if last.end().checked_add(1) == Some(*range.start()) => {
                *last = *last.start()..=*range.end()
            }
            _ => out.push(range),
        }
    }
    out
}
