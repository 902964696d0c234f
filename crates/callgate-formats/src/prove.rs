//! What a written file says is compared with what the policy says, call by call: losses are found,
//! not guessed.

use crate::import::{Effect, Loss};
use crate::place::{Error, Place};
use callgate::abi::Word;
use callgate::{Action, Arch, Decided, Diagram, Filter, Policy, SeccompData, Syscall};
use std::collections::BTreeMap;

/// How many calls of one kind of difference are named.
const NAMED: usize = 8;

/// Every way in which `written` decides calls differently from `policy`.
pub(crate) fn losses(policy: &Policy, written: &Filter) -> Result<Vec<Loss>, Error> {
    let refuse = |e: &dyn std::fmt::Display| Error::new(Place::default(), format!("cannot be compared: {e}"));
    let wanted = policy.lower().map_err(|e| refuse(&e))?;
    if wanted == *written {
        return Ok(Vec::new());
    }
    let pairs = wanted.zip(written, |a, b| (*a, *b)).map_err(|e| refuse(&e))?;
    let mut losses = Vec::new();
    let mut tokens: Vec<u32> = policy.arches.iter().map(|a| a.token()).collect();
    tokens.sort_unstable();
    tokens.dedup();
    for token in &tokens {
        of_token(policy, &pairs, *token, &mut losses);
    }
    for (before, now) in differing(&pairs) {
        if let Some(call) = foreign(&pairs, &tokens, (before, now)) {
            let who = match Arch::of_call(call.arch, 0) {
                Some(arch) => format!("calls under architectures not listed, {} for one", arch.name()),
                None => "calls under architectures not listed".into(),
            };
            losses.push(loss(policy, &call, who, before, now));
        }
    }
    Ok(losses)
}

fn differing(pairs: &Diagram<(Action, Action)>) -> Vec<(Action, Action)> {
    let mut found: Vec<_> = pairs.leaves().iter().filter(|p| p.0 != p.1).copied().collect();
    found.sort_unstable();
    found
}

/// A call under an architecture that is not listed with this pair of actions.
fn foreign(
    pairs: &Diagram<(Action, Action)>,
    tokens: &[u32],
    wanted: (Action, Action),
) -> Option<SeccompData> {
    let known = Arch::ALL.iter().map(|a| a.token()).chain([0]);
    for token in known.filter(|t| !tokens.contains(t)) {
        let here = pairs.restrict(Word::ARCH, token);
        if let Some(call) = here.witness(|p| *p == wanted) {
            return Some(SeccompData { arch: token, ..call });
        }
    }
    None
}

/// The differences under one listed token: named calls, numbers without a name, x32 numbers.
fn of_token(policy: &Policy, pairs: &Diagram<(Action, Action)>, token: u32, losses: &mut Vec<Loss>) {
    let here = pairs.restrict(Word::ARCH, token);
    if here.leaves().iter().all(|p| p.0 == p.1) {
        return;
    }
    let mut rest = here.clone();
    for arch in policy.arches.iter().copied().filter(|a| a.token() == token) {
        let mut named: BTreeMap<(Action, Action), Vec<(Syscall, SeccompData)>> = BTreeMap::new();
        for (nr, call) in Syscall::of_arch(arch) {
            let of_call = here.restrict(Word::NR, nr);
            for pair in differing(&of_call) {
                if let Some(witness) = of_call.witness(|p| *p == pair) {
                    named.entry(pair).or_default().push((call, SeccompData { arch: token, nr, ..witness }));
                }
            }
        }
        for ((before, now), calls) in named {
            let mut who: Vec<&str> = calls.iter().map(|c| c.0.name()).take(NAMED).collect();
            let more = format!("{} more", calls.len().saturating_sub(NAMED));
            if calls.len() > NAMED {
                who.push(&more);
            }
            let who = format!("{} on {}", who.join(", "), arch.name());
            losses.push(loss(policy, &calls[0].1, who, before, now));
        }
        rest = without_names(&rest, arch);
    }
    for (before, now) in differing(&rest) {
        if let Some(call) = rest.witness(|p| *p == (before, now)) {
            let call = SeccompData { arch: token, ..call };
            let arch = Arch::of_call(token, call.nr);
            let who = match arch {
                Some(arch) if !policy.arches.contains(&arch) => {
                    format!("{} numbers, {:#x} for one", arch.name(), call.nr)
                }
                Some(arch) => format!("numbers without a name on {}, {:#x} for one", arch.name(), call.nr),
                None => format!("number {:#x}", call.nr),
            };
            losses.push(loss(policy, &call, who, before, now));
        }
    }
}

/// The differences without those at numbers that have a name on `arch`.
fn without_names(pairs: &Diagram<(Action, Action)>, arch: Arch) -> Diagram<(Action, Action)> {
    let same = Action::ALLOW;
    let names = Policy {
        arches: vec![arch],
        rules: vec![callgate::Rule {
            calls: Syscall::of_arch(arch).map(|(nr, _)| callgate::Call::Numbers(nr..=nr)).collect(),
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
        // Two flags in one leaf: the pair, and whether the number has a name.
        let joined =
            pairs.zip(&names, |pair, named| if *named == Action::ALLOW { (same, same) } else { *pair });
        joined.ok()
    });
    masked.map_or_else(|| pairs.clone(), |m| m.restrict(Word::ARCH, arch.token()))
}

fn loss(policy: &Policy, call: &SeccompData, who: String, before: Action, now: Action) -> Loss {
    let rule = match policy.decide(call) {
        Decided::Rule(i) => policy.rules.get(i as usize),
        Decided::Foreign(i) => policy.foreign.get(i as usize),
        Decided::Default | Decided::Unknown | Decided::X32 | Decided::BadArch => None,
    };
    let place = rule.map_or_else(Place::default, |r| Place {
        line: r.origin.line,
        column: 0,
        path: r.origin.path.clone(),
    });
    Loss {
        place,
        what: format!("{who}: {} becomes {}", word(before), word(now)),
        effect: Effect::of(before, now),
    }
}

/// An action in the words of the policy language.
fn word(action: Action) -> String {
    let with = |word: &str, data: u16| if data == 0 { word.to_string() } else { format!("{word}({data})") };
    match action {
        Action::KillProcess(d) => with("kill", d),
        Action::KillThread(d) => with("kill-thread", d),
        Action::Trap(d) => with("trap", d),
        Action::Errno(e) => match e.name() {
            Some(name) => format!("errno({name})"),
            None => format!("errno({})", e.0),
        },
        Action::Notify(d) => with("notify", d),
        Action::Trace(d) => with("trace", d),
        Action::Log(d) => with("log", d),
        Action::Allow(d) => with("allow", d),
        Action::Unknown(raw) => format!("{raw:#x}"),
    }
}
