//! libseccomp's rules: an unordered set whose meaning the library decides, as an ordered policy.
//!
//! The meaning of a rule set, whatever the order of its rules:
//! - a rule without conditions beats every conditional rule of the same call; of two rules without
//!   conditions the first stays;
//! - the conditions of one rule must all hold, each argument at most once;
//! - a call that matches conditional rules with different actions gets the action of the one that is
//!   first in the library's tree: higher first argument, then `==`/`!=`/masked before `<`/`<=` before
//!   `>`/`>=`, then the tighter test;
//! - on 32-bit conventions, x32 among them, only the low 32 bits of values and arguments count;
//! - where the kernel multiplexes calls (`socketcall`, `ipc`), a rule for `socket` also becomes a rule
//!   for `socketcall` with the selecting number as its first argument;
//! - foreign architectures, and x32 numbers where x32 is not in the set, get the bad-architecture
//!   action, except number 0xffffffff, which goes through the rules.

use callgate::abi::multiplex::Multiplexer;
use callgate::{Action, Arch, ArgCmp, ArgIndex, Call, Cond, Op, Origin, Policy, Rule, Syscall, Width};
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, btree_map};

mod overlap;

pub(crate) use overlap::Overlaps;

/// A rule set under construction.
pub(crate) struct RuleSet {
    default: Action,
    bad_arch: Action,
    arches: Vec<Arch>,
    entries: BTreeMap<Target, Entry>,
    sources: Vec<Origin>,
}

/// What a rule is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Target {
    /// A call, on every architecture of the set that has it.
    Call(Syscall),
    /// A number of the first architecture that is no known call there.
    Number(u32),
}

/// One condition of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Compare {
    /// Which argument, 0–5.
    pub(crate) arg: u8,
    /// The test.
    pub(crate) op: Op,
}

/// What became of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Added {
    /// It takes part.
    New,
    /// It adds nothing: another rule, with this source, already decides its calls the same way.
    Redundant(usize),
    /// It has no effect: a rule with this source and another action takes precedence.
    Overruled(usize),
    /// It takes part, and the conditional rule with this source and another action no longer does.
    Overrules(usize),
}

/// Why a rule cannot be added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    /// Its action is the default action (`EACCES`).
    Default,
    /// A rule with this source has the same conditions and another action (`EEXIST`).
    Conflict(usize),
    /// One argument is compared twice, or has an index above 5 (`EINVAL`).
    Arguments,
}

impl Refused {
    /// The reason, in words.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Refused::Default => "its action is the default action",
            Refused::Conflict(_) => "the same conditions have another action already",
            Refused::Arguments => "one argument is compared twice",
        }
    }
}

/// The rules of one call.
#[derive(Default)]
struct Entry {
    always: Option<(Action, usize)>,
    /// By their tests: what begins alike lies together. No chain begins another.
    chains: BTreeMap<Vec<Key>, Chain>,
    /// Conflicts met so far, with the source each is with: they stay, and are not looked for twice.
    conflicts: BTreeMap<(Vec<Key>, Action), usize>,
    /// How many chains were ever added.
    added: usize,
}

#[derive(Clone)]
struct Chain {
    /// Sorted by argument.
    compares: Vec<Compare>,
    action: Action,
    source: usize,
    /// Its place in the order of insertion.
    place: usize,
}

/// A test with an order: argument, kind, operands.
type Key = (u8, u8, u64, u64);

fn key(compare: &Compare) -> Key {
    let (kind, a, b) = match compare.op {
        Op::Eq(v) => (0, v, 0),
        Op::Ne(v) => (1, v, 0),
        Op::Lt(v) => (2, v, 0),
        Op::Le(v) => (3, v, 0),
        Op::Gt(v) => (4, v, 0),
        Op::Ge(v) => (5, v, 0),
        Op::MaskedEq { mask, value } => (6, mask, value),
    };
    (compare.arg, kind, a, b)
}

fn keys(chain: &[Compare]) -> Vec<Key> {
    chain.iter().map(key).collect()
}

impl RuleSet {
    /// A set with this default action for these architectures; the first is the native one. Foreign
    /// architectures kill the thread.
    pub(crate) fn new(default: Action, arches: Vec<Arch>) -> RuleSet {
        RuleSet {
            default,
            bad_arch: Action::KILL_THREAD,
            arches,
            entries: BTreeMap::new(),
            sources: Vec::new(),
        }
    }

    /// Declares a place rules come from, and returns its number. Rules of one source that differ only
    /// in the call are shown as one.
    pub(crate) fn source(&mut self, origin: Origin) -> usize {
        self.sources.push(origin);
        self.sources.len() - 1
    }

    /// The place of a source.
    pub(crate) fn origin(&self, source: usize) -> &Origin {
        &self.sources[source]
    }

    /// The places of all sources, by number.
    pub(crate) fn origins(&self) -> &[Origin] {
        &self.sources
    }

    /// Adds one rule: all of `compares` must hold.
    pub(crate) fn add(
        &mut self,
        target: Target,
        action: Action,
        compares: &[Compare],
        source: usize,
    ) -> Result<Added, Refused> {
        if action == self.default {
            return Err(Refused::Default);
        }
        let compares = canonical(compares)?;
        if let Target::Call(call) = target
            && let Some((multiplexer, number)) = multiplexed(call)
            && self.arches.iter().any(|a| multiplexer.number(*a).is_some())
        {
            let mut inner: Vec<Compare> = vec![Compare { arg: 0, op: Op::Eq(number) }];
            inner.extend(compares.iter().filter(|c| c.arg != 0));
            let entry = self.entries.entry(Target::Call(multiplexer)).or_default();
            if let Err(Refused::Conflict(other)) = entry.add(action, inner, source) {
                return Err(Refused::Conflict(other));
            }
        }
        self.entries.entry(target).or_default().add(action, compares, source)
    }

    /// The set as a policy: the first rule that matches decides. Beside it, the sources whose
    /// conditional rules overlap with different actions, where the library's own answer may depend on
    /// the order of insertion.
    pub(crate) fn finish(self) -> (Policy, Overlaps) {
        let mut rules = Vec::new();
        if self.arches.contains(&Arch::X86_64)
            && !self.arches.contains(&Arch::X32)
            && self.bad_arch != self.default
        {
            rules.push(Rule {
                calls: vec![Call::Numbers(u32::MAX..=u32::MAX)],
                arches: vec![Arch::X86_64],
                when: Cond::True,
                action: self.default,
                origin: Origin {
                    path: Some("libseccomp's exemption of number -1".into()),
                    ..Origin::default()
                },
            });
        }
        let mut overlaps = Overlaps::default();
        let mut pieces: Vec<Piece> = Vec::new();
        for (target, entry) in &self.entries {
            if let Some((action, source)) = entry.always {
                pieces.push(Piece { source, chain: &[], action, calls: vec![*target], ordered: false });
                continue;
            }
            let mut chains: Vec<&Chain> = entry.chains.values().collect();
            chains.sort_by_key(|c| c.place);
            let mixed = chains.iter().any(|c| c.action != chains[0].action);
            if mixed {
                chains.sort_by(|a, b| tree_order(&a.compares, &b.compares));
                overlaps.find(&chains);
            }
            for chain in chains {
                pieces.push(Piece {
                    source: chain.source,
                    chain: &chain.compares,
                    action: chain.action,
                    calls: vec![*target],
                    ordered: mixed,
                });
            }
        }
        for piece in join(pieces) {
            self.write(&piece, &mut rules);
        }
        let policy = Policy {
            arches: self.arches,
            rules,
            default: self.default,
            foreign: Vec::new(),
            bad_arch: self.bad_arch,
            x32: None,
            unknown: None,
        };
        (policy, overlaps)
    }

    /// One piece as rules: one for each way in which its values are compared.
    fn write(&self, piece: &Piece<'_>, rules: &mut Vec<Rule>) {
        let calls: Vec<Call> = piece
            .calls
            .iter()
            .map(|t| match t {
                Target::Call(call) => Call::Named(*call),
                Target::Number(n) => Call::Numbers(*n..=*n),
            })
            .collect();
        let numbers = piece.calls.iter().any(|t| matches!(t, Target::Number(_)));
        let mut push = |arches: Vec<Arch>, width| {
            rules.push(Rule {
                calls: calls.clone(),
                arches,
                when: condition(piece.chain, width),
                action: piece.action,
                origin: self.sources[piece.source].clone(),
            });
        };
        if numbers {
            let native = self.arches[0];
            let width = if narrow(native, piece.chain) { Width::W32 } else { Width::W64 };
            return push(vec![native], width);
        }
        let (low, full): (Vec<Arch>, Vec<Arch>) = self.arches.iter().partition(|a| narrow(**a, piece.chain));
        if low.is_empty() {
            push(Vec::new(), Width::W64);
        } else if full.is_empty() {
            push(Vec::new(), Width::W32);
        } else {
            push(full, Width::W64);
            push(low, Width::W32);
        }
    }
}

/// Whether comparisons must be cut to 32 bits for this architecture. On a true 32-bit one only values
/// above 32 bits make a difference, and x32's registers hold 64 bits though libseccomp looks at 32.
fn narrow(arch: Arch, chain: &[Compare]) -> bool {
    let large = |v: u64| v > u64::from(u32::MAX);
    match arch {
        Arch::X32 => !chain.is_empty(),
        _ if arch.register_bits() == 32 => chain.iter().any(|c| match c.op {
            Op::Eq(v) | Op::Ne(v) | Op::Lt(v) | Op::Le(v) | Op::Gt(v) | Op::Ge(v) => large(v),
            Op::MaskedEq { mask, value } => large(mask) || large(value),
        }),
        _ => false,
    }
}

/// Rules to be shown as one.
struct Piece<'a> {
    source: usize,
    chain: &'a [Compare],
    action: Action,
    calls: Vec<Target>,
    /// Whether its position among the others matters.
    ordered: bool,
}

/// Joins pieces that differ only in the call, in the order of their sources.
fn join(pieces: Vec<Piece<'_>>) -> Vec<Piece<'_>> {
    let mut joined: Vec<Piece<'_>> = Vec::new();
    let mut free: BTreeMap<(usize, Vec<Key>, Action), usize> = BTreeMap::new();
    for piece in pieces {
        let number = matches!(piece.calls[0], Target::Number(_));
        if !piece.ordered && !number {
            match free.entry((piece.source, keys(piece.chain), piece.action)) {
                btree_map::Entry::Occupied(same) => {
                    joined[*same.get()].calls.extend(piece.calls);
                    continue;
                }
                btree_map::Entry::Vacant(free) => {
                    free.insert(joined.len());
                }
            }
        }
        joined.push(piece);
    }
    // Pieces whose position matters keep it among themselves: they go last, in the order they have.
    joined.sort_by_key(|p| if p.ordered { usize::MAX } else { p.source });
    joined
}

impl Entry {
    fn add(&mut self, action: Action, compares: Vec<Compare>, source: usize) -> Result<Added, Refused> {
        if let Some((other, first)) = self.always {
            return Ok(if other == action { Added::Redundant(first) } else { Added::Overruled(first) });
        }
        if compares.is_empty() {
            let others = self.chains.values().filter(|c| c.action != action);
            let overruled = others.min_by_key(|c| c.place).map(|c| c.source);
            self.chains.clear();
            self.always = Some((action, source));
            return Ok(overruled.map_or(Added::New, Added::Overrules));
        }
        // A chain that continues another one is inside it; one that is continued by others of the
        // same action takes their place.
        let keys = keys(&compares);
        if let Some(outer) = (1..=keys.len()).find_map(|n| self.chains.get(&keys[..n])) {
            return if outer.action == action {
                Ok(Added::Redundant(outer.source))
            } else if outer.compares.len() == compares.len() {
                Err(Refused::Conflict(outer.source))
            } else {
                Ok(Added::Overruled(outer.source))
            };
        }
        let known = self.conflicts.get(&(keys.clone(), action)).copied();
        let inner = || {
            let inner = self.chains.range(keys.clone()..).take_while(|(k, _)| k.starts_with(&keys));
            inner.map(|(_, c)| c).filter(|c| c.action != action).min_by_key(|c| c.place).map(|c| c.source)
        };
        if let Some(source) = known.or_else(inner) {
            self.conflicts.insert((keys, action), source);
            return Err(Refused::Conflict(source));
        }
        while let Some((inner, _)) = self.chains.range(keys.clone()..).next()
            && inner.starts_with(&keys)
        {
            let inner = inner.clone();
            self.chains.remove(&inner);
        }
        self.chains.insert(keys, Chain { compares, action, source, place: self.added });
        self.added += 1;
        Ok(Added::New)
    }
}

/// The conditions in the library's form: sorted by argument, masked values inside their mask, tests
/// that always hold left out.
fn canonical(compares: &[Compare]) -> Result<Vec<Compare>, Refused> {
    let mut sorted = compares.to_vec();
    sorted.sort_by_key(|c| c.arg);
    if sorted.windows(2).any(|w| w[0].arg == w[1].arg) || sorted.last().is_some_and(|c| c.arg > 5) {
        return Err(Refused::Arguments);
    }
    for compare in &mut sorted {
        if let Op::MaskedEq { mask, value } = &mut compare.op {
            *value &= *mask;
        }
    }
    sorted.retain(|c| !matches!(c.op, Op::MaskedEq { mask: 0, .. }));
    Ok(sorted)
}

fn condition(chain: &[Compare], width: Width) -> Cond {
    let mut all: Vec<Cond> = chain
        .iter()
        .filter_map(|c| Some(Cond::Arg(ArgCmp { arg: ArgIndex::new(c.arg)?, width, op: c.op })))
        .collect();
    match all.len() {
        0 => Cond::True,
        1 => all.remove(0),
        _ => Cond::All(all),
    }
}

/// The order of two conjunctions in the library's decision tree.
fn tree_order(a: &[Compare], b: &[Compare]) -> Ordering {
    for (a, b) in a.iter().zip(b) {
        let order = Reverse(a.arg).cmp(&Reverse(b.arg)).then_with(|| rank(a.op).cmp(&rank(b.op)));
        if order != Ordering::Equal {
            return order;
        }
    }
    // What continues another chain is the tighter of the two.
    b.len().cmp(&a.len())
}

/// The position of a test among those of one argument: its kind, then the tighter first.
fn rank(op: Op) -> (u8, Reverse<u32>, u64) {
    match op {
        Op::Eq(v) => (0, Reverse(64), v),
        Op::MaskedEq { mask, value } => (0, Reverse(mask.count_ones()), value),
        Op::Ne(v) => (1, Reverse(0), v),
        // `<= v` is `< v + 1`: of equal bounds the strict one is tighter.
        Op::Lt(v) => (2, Reverse(1), v),
        Op::Le(v) => (2, Reverse(1), v.saturating_add(1)),
        Op::Gt(v) => (3, Reverse(1), !v),
        Op::Ge(v) => (3, Reverse(1), (!v).saturating_add(1)),
    }
}

/// The multiplexer through which a call can also be made, and the number that selects it there.
fn multiplexed(call: Syscall) -> Option<(Syscall, u64)> {
    Multiplexer::ALL.into_iter().find_map(|m| {
        let (number, _) = m.calls().find(|c| c.1 == call)?;
        Some((m.call(), u64::from(number)))
    })
}

#[cfg(test)]
mod tests;
