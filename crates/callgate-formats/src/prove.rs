//! What a written file says is compared with what the policy says, call by call: losses are found,
//! not guessed.

use crate::import::{Effect, Loss, Witness};
use crate::place::{Error, Place};
use callgate::abi::Word;
use callgate::syntax::action_text;
use callgate::{Action, Arch, Decided, Diagram, Filter, Policy, SeccompData, Syscall};
use std::collections::BTreeMap;

/// How many calls of one kind of difference are named.
const NAMED: usize = 8;

/// The number -1. The kernel executes nothing for it, whatever filters say: it stands for a call that was skipped
/// (`arch/x86/entry/syscall_64.c`, `do_syscall_64`). libseccomp's filters look it up like any other number even
/// where they refuse those of x32.
const NO_CALL: u32 = u32::MAX;

/// What decides a call, what it gets, and what it gets in the written file.
type Change = (Decided, Action, Action);

/// Every way in which `written` decides calls differently from `policy`: rule by rule, in the policy's order.
pub(crate) fn losses(policy: &Policy, written: &Filter) -> Result<Vec<Loss>, Error> {
    let mut found = Found::default();
    found.compare(policy, written, None)?;
    Ok(found.losses(policy))
}

/// The calls a difference is about.
enum Who {
    Calls(Vec<Syscall>, Vec<Arch>),
    /// Numbers without a name.
    Numbers(Vec<Arch>),
    Other(String),
}

/// The differences found so far, in whatever order.
#[derive(Default)]
pub(crate) struct Found {
    /// Each with a call that shows it.
    differences: Vec<(Change, Who, SeccompData)>,
}

fn differing(changes: &Diagram<Change>) -> Vec<Change> {
    let mut found: Vec<_> = changes.leaves().iter().filter(|c| c.1 != c.2).copied().collect();
    found.sort_unstable();
    found
}

/// A call under an architecture that is not listed with this change.
fn foreign(
    changes: &Diagram<Change>,
    tokens: &[u32],
    reach: Option<&[u32]>,
    wanted: Change,
) -> Option<SeccompData> {
    let known: Vec<u32> = match reach {
        Some(reach) => reach.to_vec(),
        None => Arch::ALL.iter().map(|a| a.token()).chain([0]).collect(),
    };
    for token in known.into_iter().filter(|t| !tokens.contains(t)) {
        let here = changes.restrict(Word::ARCH, token);
        if let Some(call) = here.witness(|c| *c == wanted) {
            return Some(SeccompData { arch: token, ..call });
        }
    }
    None
}

impl Found {
    /// Compares a policy with what was written; `reach` are the audit tokens that matter, where not all do.
    pub(crate) fn compare(
        &mut self,
        policy: &Policy,
        written: &Filter,
        reach: Option<&[u32]>,
    ) -> Result<(), Error> {
        let refuse =
            |e: &dyn std::fmt::Display| Error::new(Place::default(), format!("cannot be compared: {e}"));
        let wanted = policy.lower().map_err(|e| refuse(&e))?;
        if wanted == *written {
            return Ok(());
        }
        let pairs = wanted.zip(written, |a, b| (*a, *b)).map_err(|e| refuse(&e))?;
        let settled = |decided: Decided| match decided {
            Decided::Unknown if policy.unknown.is_none() => Decided::Default,
            decided => decided,
        };
        // Where rules are too many to be told apart, the actions alone are compared.
        let decided =
            policy.decisions().ok().and_then(|d| d.zip(&pairs, |d, (a, b)| (settled(*d), *a, *b)).ok());
        let changes = decided.unwrap_or_else(|| pairs.map(|(a, b)| (Decided::Default, *a, *b)));
        let mut tokens: Vec<u32> = policy.arches.iter().map(|a| a.token()).collect();
        tokens.sort_unstable();
        tokens.dedup();
        for token in &tokens {
            self.of_token(policy, &changes, *token);
        }
        for change in differing(&changes) {
            if let Some(call) = foreign(&changes, &tokens, reach, change) {
                let who = match Arch::of_call(call.arch, 0) {
                    Some(arch) => format!("calls under architectures not listed, {} for one", arch.name()),
                    None => "calls under architectures not listed".into(),
                };
                self.add(change, Who::Other(who), call);
            }
        }
        Ok(())
    }

    /// The differences under one listed token: named calls, numbers without a name, x32 numbers.
    fn of_token(&mut self, policy: &Policy, changes: &Diagram<Change>, token: u32) {
        let here = changes.restrict(Word::ARCH, token);
        if here.leaves().iter().all(|c| c.1 == c.2) {
            return;
        }
        for change in differing(&here.restrict(Word::NR, NO_CALL)) {
            let of_number = here.restrict(Word::NR, NO_CALL);
            if let Some(call) = of_number.witness(|c| *c == change) {
                let call = SeccompData { arch: token, nr: NO_CALL, ..call };
                self.add(change, Who::Other("number -1, which is no call".into()), call);
            }
        }
        let mut rest = here.clone();
        for arch in policy.arches.iter().copied().filter(|a| a.token() == token) {
            let mut named: BTreeMap<Change, Vec<(Syscall, SeccompData)>> = BTreeMap::new();
            for (nr, call) in Syscall::of_arch(arch) {
                let of_call = here.restrict(Word::NR, nr);
                for change in differing(&of_call) {
                    if let Some(witness) = of_call.witness(|c| *c == change) {
                        let witness = SeccompData { arch: token, nr, ..witness };
                        named.entry(change).or_default().push((call, witness));
                    }
                }
            }
            for (change, calls) in named {
                let names = calls.iter().map(|c| c.0).collect();
                self.add(change, Who::Calls(names, vec![arch]), calls[0].1);
            }
            rest = without_names(&rest, arch);
        }
        for change in differing(&rest) {
            let Some(call) = rest.witness(|c| *c == change) else { continue };
            let call = SeccompData { arch: token, ..call };
            let who = match Arch::of_call(token, call.nr) {
                Some(arch) if policy.arches.contains(&arch) => Who::Numbers(vec![arch]),
                Some(arch) => Who::Other(format!("{} numbers, {:#x} for one", arch.name(), call.nr)),
                None => Who::Other(format!("number {:#x}", call.nr)),
            };
            self.add(change, who, call);
        }
    }

    /// Adds a difference, to one that is the same on other architectures if there is one.
    fn add(&mut self, change: Change, who: Who, call: SeccompData) {
        for (other, there, _) in &mut self.differences {
            match (&who, there) {
                _ if *other != change => {}
                (Who::Calls(calls, on), Who::Calls(names, arches))
                    if on.iter().all(|a| same(calls, *a, names, arches)) =>
                {
                    names.extend(calls.iter().filter(|c| !names.contains(c)).copied().collect::<Vec<_>>());
                    arches.extend(on);
                    return;
                }
                (Who::Numbers(more), Who::Numbers(arches)) => {
                    arches.extend(more);
                    return;
                }
                _ => {}
            }
        }
        self.differences.push((change, who, call));
    }

    /// The losses there are, in the policy's order.
    pub(crate) fn losses(mut self, policy: &Policy) -> Vec<Loss> {
        self.differences.sort_by_key(|(change, ..)| change.0);
        self.differences.iter().map(|(change, who, call)| loss(policy, *change, who, call)).collect()
    }
}

/// Whether the same calls are meant, as far as either architecture has them.
fn same(calls: &[Syscall], arch: Arch, names: &[Syscall], arches: &[Arch]) -> bool {
    calls.iter().all(|c| names.contains(c) || arches.iter().all(|a| c.number(*a).is_none()))
        && names.iter().all(|c| calls.contains(c) || c.number(arch).is_none())
}

/// The effect of a change for a call. Nothing is executed for one that is none.
fn effect(call: &SeccompData, before: Action, now: Action) -> Effect {
    match Effect::of(before, now) {
        Effect::Weaker | Effect::Stricter if call.nr == NO_CALL => Effect::Different,
        effect => effect,
    }
}

fn loss(policy: &Policy, (decided, before, now): Change, who: &Who, call: &SeccompData) -> Loss {
    let rule = match decided {
        Decided::Rule(i) => policy.rules.get(i as usize),
        Decided::Foreign(i) => policy.foreign.get(i as usize),
        Decided::Default | Decided::Unknown | Decided::X32 | Decided::BadArch => None,
    };
    let origin = rule.map(|r| r.origin.clone()).unwrap_or_default();
    let on = |arches: &[Arch]| arches.iter().map(|a| a.name()).collect::<Vec<_>>().join(", ");
    let who = match who {
        Who::Calls(calls, arches) => {
            let mut names: Vec<&str> = calls.iter().map(|c| c.name()).take(NAMED).collect();
            let more = format!("{} more", calls.len().saturating_sub(NAMED));
            if calls.len() > NAMED {
                names.push(&more);
            }
            format!("{} on {}", names.join(", "), on(arches))
        }
        Who::Numbers(arches) => {
            format!("numbers without a name on {}, {:#x} for one", on(arches), call.nr)
        }
        Who::Other(who) => who.clone(),
    };
    Loss {
        file: origin.file,
        place: Place { line: origin.line, column: 0, path: origin.path },
        what: format!("{who}: {} becomes {}", action_text(before), action_text(now)),
        effect: effect(call, before, now),
        witness: Some(Witness { call: *call, before, now }),
    }
}

/// The differences without those at numbers that have a name on `arch`, and at the one that is no call.
fn without_names(changes: &Diagram<Change>, arch: Arch) -> Diagram<Change> {
    let same = (Decided::Default, Action::ALLOW, Action::ALLOW);
    let names = Policy {
        arches: vec![arch],
        rules: vec![callgate::Rule {
            calls: Syscall::of_arch(arch)
                .map(|(nr, _)| nr)
                .chain([NO_CALL])
                .map(|nr| callgate::Call::Numbers(nr..=nr))
                .collect(),
            arches: vec![arch],
            when: callgate::Cond::True,
            action: Action::ALLOW,
            origin: callgate::Origin::default(),
        }],
        default: Action::KILL_PROCESS,
        foreign: Vec::new(),
        bad_arch: Action::KILL_PROCESS,
        x32: None,
        unknown: None,
    };
    let masked = names.lower().ok().and_then(|names| {
        let joined =
            changes.zip(&names, |change, named| if *named == Action::ALLOW { same } else { *change });
        joined.ok()
    });
    masked.map_or_else(|| changes.clone(), |m| m.restrict(Word::ARCH, arch.token()))
}
