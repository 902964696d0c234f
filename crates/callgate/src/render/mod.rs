//! Filter → Policy: rules a person can read, proved to mean the filter.
//!
//! Numbers become names, calls that behave alike become one rule, and the decision nodes below each
//! become a condition on whole arguments. What comes out is lowered again and compared.

pub(crate) mod condition;

use crate::diagram::{Filter, Ref, TooLarge};
use crate::lower::LowerError;
use crate::policy::{ArgCmp, Call, Cond, Origin, Policy, Rule};
use callgate_abi::{Action, Arch, Errno, Syscall, Width, Word};
use condition::Conditions;
use std::collections::BTreeMap;
use std::fmt;

/// Why a filter has no policy.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RenderError {
    /// The filter singles out an audit token that is no architecture we know.
    UnknownArch(u32),
    /// The filter tells so many numbers apart that they cannot be listed.
    ManyNumbers,
    /// A condition would be longer than this many comparisons.
    LongCondition(usize),
    /// The policy could not be lowered again, so nothing is proved.
    Unread(LowerError),
    /// The policy does not mean what the filter means: a defect of the renderer, caught.
    Unproved,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RenderError::UnknownArch(token) => {
                write!(
                    f,
                    "the filter treats the audit token {token:#010x} apart, which is no known architecture's"
                )
            }
            RenderError::ManyNumbers => {
                f.write_str("the filter tells too many call numbers apart to list them")
            }
            RenderError::LongCondition(n) => write!(f, "a condition needs more than {n} comparisons"),
            RenderError::Unread(e) => write!(f, "the rendered policy could not be lowered: {e}"),
            RenderError::Unproved => {
                f.write_str("the rendered policy differs from the filter (a defect of the renderer)")
            }
        }
    }
}

impl std::error::Error for RenderError {}

/// A filter as a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rendered {
    /// The policy: it is the filter on every input.
    pub policy: Policy,
}

/// The most ranges of numbers one architecture may have.
const MOST_NUMBERS: usize = 8192;

impl Filter {
    /// A policy that means this filter: its lowering has been compared with it.
    pub fn render(&self) -> Result<Rendered, RenderError> {
        let conditions = Conditions::new(self);
        let policy = Renderer { filter: self, conditions, narrow: Vec::new() }.policy()?;
        let again = policy.lower().map_err(RenderError::Unread)?;
        if again == *self { Ok(Rendered { policy }) } else { Err(RenderError::Unproved) }
    }

    /// The filter with the inputs put out of account that no 32-bit program makes: under a 32-bit
    /// architecture the upper half of every argument is zero. A 64-bit program on x86 can make others, by
    /// `int $0x80`; the kernel's calls ignore what they add.
    pub fn on_real_calls(&self) -> Result<Filter, TooLarge> {
        let mut narrow = self.clone();
        for i in 0..6 {
            narrow = narrow.restrict(Word::arg_hi(i), 0);
        }
        let token_is_narrow = crate::diagram::arch_set(|a| a.register_bits() == 32)?;
        let picked = token_is_narrow.zip(&narrow, |&is, &action| (is, action))?;
        picked.zip(self, |&(is, narrow), &wide| if is { narrow } else { wide })
    }
}

/// What one architecture does with its numbers: ascending starts.
type Numbers = Vec<(u32, Ref)>;

struct Renderer<'a> {
    filter: &'a Filter,
    conditions: Conditions<'a, Action>,
    /// The architectures listed whose registers have 32 bits.
    narrow: Vec<Arch>,
}

impl Renderer<'_> {
    fn policy(&mut self) -> Result<Policy, RenderError> {
        let tokens =
            self.filter.segments(self.filter.root(), Word::ARCH, 256).ok_or(RenderError::ManyNumbers)?;
        // What holds for the tokens that are nobody's holds for every unlisted one.
        let foreign = tokens.iter().find(|t| is_nobody(&tokens, t.0)).map_or(tokens[0].1, |t| t.1);
        let mut arches: Vec<(Arch, Numbers)> = Vec::new();
        for (i, &(token, at)) in tokens.iter().enumerate().filter(|(_, t)| t.1 != foreign) {
            let end = tokens.get(i + 1).map_or(u32::MAX, |t| t.0 - 1);
            let known: Vec<Arch> =
                Arch::ALL.iter().copied().filter(|a| (token..=end).contains(&a.token())).collect();
            let mut distinct: Vec<u32> = known.iter().map(|a| a.token()).collect();
            distinct.dedup();
            if distinct.len() as u64 != u64::from(end - token) + 1 {
                return Err(RenderError::UnknownArch(token));
            }
            for arch in known {
                arches.push((arch, self.numbers(at)?));
            }
        }
        self.narrow = arches.iter().map(|a| a.0).filter(|a| a.register_bits() == 32).collect();
        let x32 = self.split_x32(&mut arches);
        let foreign_numbers = self.numbers(foreign)?;

        let default = self.default_action(&arches);
        let unknown = self.unknown_action(&arches);
        let mut policy = Policy {
            arches: arches.iter().map(|a| a.0).collect(),
            rules: Vec::new(),
            default,
            foreign: Vec::new(),
            bad_arch: self
                .leaf(None, foreign_numbers[foreign_numbers.len() - 1].1)
                .unwrap_or(Action::KILL_PROCESS),
            x32: None,
            unknown: unknown.filter(|u| *u != default),
        };
        if let Some((action, _)) = &x32 {
            policy.x32 = Some(*action).filter(|a| *a != policy.bad_arch);
        }
        self.foreign_rules(&mut policy, &foreign_numbers)?;
        self.call_rules(&mut policy, &arches)?;
        if let Some((action, numbers)) = x32 {
            let rules = self.number_rules(&numbers, action, Arch::X32_BIT, u32::MAX, vec![Arch::X86_64])?;
            policy.rules.extend(rules);
        }
        Ok(policy)
    }

    fn numbers(&self, at: Ref) -> Result<Numbers, RenderError> {
        self.filter.segments(at, Word::NR, MOST_NUMBERS).ok_or(RenderError::ManyNumbers)
    }

    /// The action at a leaf, its error number as policies count.
    fn leaf(&self, arch: Option<Arch>, at: Ref) -> Option<Action> {
        at.is_leaf().then(|| generic(*self.filter.leaf(at), arch))
    }

    /// x86_64 and x32 share a token. x32 stays an architecture of its own where its numbers are
    /// treated call by call; otherwise its half of the line is one action with few exceptions.
    fn split_x32(&self, arches: &mut Vec<(Arch, Numbers)>) -> Option<(Action, Numbers)> {
        let i = arches.iter().position(|a| a.0 == Arch::X32)?;
        let half: Numbers = piece(&arches[i].1, Arch::X32_BIT, u32::MAX);
        if let Some(native) = arches.iter_mut().find(|a| a.0 == Arch::X86_64) {
            native.1 = piece(&native.1, 0, Arch::X32_BIT - 1);
        }
        match half.iter().find_map(|h| self.leaf(None, h.1)) {
            Some(usual) if half.len() <= 4 => {
                arches.remove(i);
                Some((usual, half))
            }
            _ => {
                arches[i].1 = half;
                None
            }
        }
    }

    /// The action that leaves the fewest rules to write; of two such, the stricter.
    fn default_action(&self, arches: &[(Arch, Numbers)]) -> Action {
        let mut tally: BTreeMap<(i32, Action), usize> = BTreeMap::new();
        for (arch, numbers) in arches {
            for (i, &(start, at)) in numbers.iter().enumerate() {
                let Some(action) = self.leaf(Some(*arch), at) else { continue };
                let end = numbers.get(i + 1).map_or(u32::MAX, |n| n.0 - 1);
                // A stretch without a name costs a rule of raw numbers, so it weighs like many names.
                let named = Syscall::of_arch(*arch).filter(|c| (start..=end).contains(&c.0)).count();
                let unnamed = u64::from(end - start) + 1 > named as u64;
                *tally.entry((action.precedence(), action)).or_default() +=
                    named + if unnamed { 8 } else { 0 };
            }
        }
        tally
            .iter()
            .max_by_key(|((precedence, _), count)| (**count, -i64::from(*precedence)))
            .map_or(Action::KILL_PROCESS, |((_, action), _)| *action)
    }

    /// The action of every number newer than the tables, where all architectures agree on one.
    fn unknown_action(&self, arches: &[(Arch, Numbers)]) -> Option<Action> {
        let mut common = None;
        for (arch, numbers) in arches {
            let from = Syscall::last_number(*arch)?.checked_add(1)?;
            let to = if *arch == Arch::X86_64 { Arch::X32_BIT - 1 } else { u32::MAX };
            let tail = piece(numbers, from, to);
            let action = self.leaf(Some(*arch), tail.last()?.1)?;
            if common.replace(action).is_some_and(|c| c != action) {
                return None;
            }
        }
        common
    }

    fn foreign_rules(&mut self, policy: &mut Policy, numbers: &Numbers) -> Result<(), RenderError> {
        let rules = self.number_rules(numbers, policy.bad_arch, 0, u32::MAX, Vec::new())?;
        policy.foreign = rules;
        Ok(())
    }

    /// Rules for raw numbers that do not get `usual`, within `from..=to`.
    fn number_rules(
        &mut self,
        numbers: &Numbers,
        usual: Action,
        from: u32,
        to: u32,
        arches: Vec<Arch>,
    ) -> Result<Vec<Rule>, RenderError> {
        let mut rules = Vec::new();
        let numbers = piece(numbers, from, to);
        for (i, &(start, at)) in numbers.iter().enumerate() {
            let end = numbers.get(i + 1).map_or(to, |n| n.0 - 1);
            let calls =
                vec![if (start, end) == (0, u32::MAX) { Call::Any } else { Call::Numbers(start..=end) }];
            rules.extend(self.rules_for(&calls, &arches, arches.first().copied(), at, usual)?);
        }
        Ok(rules)
    }

    /// Rules for the named calls, those that behave alike together; and for numbers without a name.
    fn call_rules(&mut self, policy: &mut Policy, arches: &[(Arch, Numbers)]) -> Result<(), RenderError> {
        // Behaviour of each call on each architecture that has it.
        let mut calls: BTreeMap<Syscall, Vec<(Arch, Ref)>> = BTreeMap::new();
        let mut raw: Vec<Rule> = Vec::new();
        for (arch, numbers) in arches {
            let (from, to) = match arch {
                Arch::X86_64 => (0, Arch::X32_BIT - 1),
                Arch::X32 => (Arch::X32_BIT, u32::MAX),
                _ => (0, u32::MAX),
            };
            let mut next = from;
            let last = Syscall::last_number(*arch).unwrap_or(0);
            let mut gaps: Vec<(u32, u32)> = Vec::new();
            for (nr, call) in Syscall::of_arch(*arch) {
                if nr > next {
                    gaps.push((next, nr - 1));
                }
                next = nr + 1;
                calls.entry(call).or_default().push((*arch, at_number(numbers, nr)));
            }
            gaps.push((next, to));
            for (lo, hi) in gaps {
                // The numbers of a gap that lie above the last regular one get the `unknown` action.
                for (lo, hi, usual) in [
                    (lo, hi.min(last), policy.default),
                    (lo.max(last.saturating_add(1)), hi, policy.unknown.unwrap_or(policy.default)),
                ] {
                    if lo <= hi {
                        raw.extend(self.number_rules(numbers, usual, lo, hi, vec![*arch])?);
                    }
                }
            }
        }
        // One behaviour with an error number is two where architectures count errors differently.
        type Group = (Ref, Vec<Action>, Vec<Arch>);
        let mut groups: BTreeMap<Group, (Arch, Vec<Call>)> = BTreeMap::new();
        for (call, places) in calls {
            let mut behaviours: BTreeMap<(Ref, Vec<Action>), Vec<Arch>> = BTreeMap::new();
            for (arch, at) in places {
                let leaves = self.conditions.leaves(at).iter().map(|&a| generic(a, Some(arch))).collect();
                behaviours.entry((at, leaves)).or_default().push(arch);
            }
            // A second name for a number that has another name there must not speak for it.
            let elsewhere = arches.iter().filter(|(arch, _)| call.number(*arch).is_some()).count();
            let only = behaviours.len() == 1 && behaviours.values().all(|here| here.len() == elsewhere);
            for ((at, leaves), here) in behaviours {
                let arch = here[0];
                let arches = if only { Vec::new() } else { here };
                let group = groups.entry((at, leaves, arches)).or_insert((arch, Vec::new()));
                group.1.push(Call::Named(call));
            }
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        // Whole actions first, then conditions; larger groups before smaller ones.
        groups.sort_by_key(|((at, _, arches), (_, calls))| {
            (!at.is_leaf(), !arches.is_empty(), std::cmp::Reverse(calls.len()))
        });
        for ((at, _, arches), (arch, calls)) in groups {
            let rules = self.rules_for(&calls, &arches, Some(arch), at, policy.default)?;
            policy.rules.extend(rules);
        }
        policy.rules.extend(raw);
        Ok(())
    }

    /// The rules that give these calls this behaviour, where `usual` needs no rule; `arch` says how its
    /// error numbers count.
    fn rules_for(
        &mut self,
        calls: &[Call],
        arches: &[Arch],
        arch: Option<Arch>,
        at: Ref,
        usual: Action,
    ) -> Result<Vec<Rule>, RenderError> {
        let rule = |when: Cond, action: Action| Rule {
            calls: calls.to_vec(),
            arches: arches.to_vec(),
            when,
            action: generic(action, arch),
            origin: Origin::default(),
        };
        let is_usual = |action: Action| generic(action, arch) == usual;
        let mut actions = self.conditions.leaves(at);
        // The last action needs no condition; the usual one needs no rule.
        actions.sort_by_key(|&a| (is_usual(a), a.permits(), std::cmp::Reverse(a)));
        let Some((&last, others)) = actions.split_last() else { return Ok(Vec::new()) };
        let mut rules = Vec::new();
        let concerns = |arch: &Arch| {
            (arches.is_empty() || arches.contains(arch))
                && calls.iter().any(|c| match c {
                    Call::Named(call) => call.number(*arch).is_some(),
                    Call::Any | Call::Numbers(_) => true,
                })
        };
        let narrow = arch.is_some() && self.narrow.iter().any(concerns);
        for &action in others {
            let when = self.conditions.when(at, action)?;
            rules.push(rule(if narrow { whole_slots(when) } else { when }, action));
        }
        if !is_usual(last) {
            rules.push(rule(Cond::True, last));
        }
        Ok(rules)
    }
}

/// The condition with whole arguments looked at as the filter sees them, also where registers have 32 bits.
pub(crate) fn whole_slots(cond: Cond) -> Cond {
    match cond {
        Cond::Arg(cmp) if cmp.width == Width::W64 => Cond::Arg(ArgCmp { width: Width::Slot, ..cmp }),
        Cond::True | Cond::Arg(_) => cond,
        Cond::Not(inner) => Cond::Not(Box::new(whole_slots(*inner))),
        Cond::All(all) => Cond::All(all.into_iter().map(whole_slots).collect()),
        Cond::Any(any) => Cond::Any(any.into_iter().map(whole_slots).collect()),
    }
}

/// An action of this architecture with its error number as policies count: generically.
fn generic(action: Action, arch: Option<Arch>) -> Action {
    match (action, arch) {
        (Action::Errno(raw), Some(arch)) => Action::Errno(Errno::from_raw_on(raw.0, arch).unwrap_or(raw)),
        _ => action,
    }
}

/// Whether some value of this segment of tokens belongs to no known architecture.
fn is_nobody(tokens: &[(u32, Ref)], start: u32) -> bool {
    let i = tokens.partition_point(|t| t.0 < start);
    let end = tokens.get(i + 1).map_or(u32::MAX, |t| t.0 - 1);
    let mut known: Vec<u32> =
        Arch::ALL.iter().map(|a| a.token()).filter(|t| (start..=end).contains(t)).collect();
    known.sort_unstable();
    known.dedup();
    u64::from(end - start) + 1 > known.len() as u64
}

/// The part of a line of numbers between `from` and `to`, starting at `from`.
fn piece(numbers: &Numbers, from: u32, to: u32) -> Numbers {
    let first = numbers.partition_point(|n| n.0 <= from) - 1;
    let last = numbers.partition_point(|n| n.0 <= to);
    let mut part = numbers[first..last].to_vec();
    part[0].0 = from;
    part
}

fn at_number(numbers: &Numbers, nr: u32) -> Ref {
    numbers[numbers.partition_point(|n| n.0 <= nr) - 1].1
}
