//! Which rules make a policy too large.

use callgate::abi::insn::MAX_INSNS;
use callgate::abi::{Endian, Word};
use callgate::emit::EmitError;
use callgate::{Call, CompileError, Cond, Filter, LowerError, Policy, Rule, Syscall};

/// The calls worth naming.
const MOST: usize = 3;

/// Why a policy could not be compiled; where it is too large, with the calls whose rules weigh most.
pub(super) fn explained(policy: &Policy, e: &CompileError) -> String {
    match e {
        CompileError::Emit(EmitError::TooLong { .. }) => match policy.lower() {
            Ok(filter) => format!("{e}: {}", heaviest(policy, &filter)),
            Err(_) => e.to_string(),
        },
        CompileError::Lower(e) => unlowered(policy, e),
        _ => e.to_string(),
    }
}

/// Why a policy has no filter; where it is too large, with a call whose rules alone are.
pub(super) fn unlowered(policy: &Policy, e: &LowerError) -> String {
    if !matches!(e, LowerError::TooLarge(_)) {
        return e.to_string();
    }
    let alone = |call: Syscall| {
        let rules = policy.rules.iter().filter(|r| names(r, call)).cloned().collect();
        Policy { rules, ..policy.clone() }
    };
    let culprit = conditional(policy).into_iter().find(|call| alone(*call).lower().is_err());
    culprit.map_or_else(
        || e.to_string(),
        |call| format!("{e}: {} alone does, with {}", call.name(), rules(policy, call)),
    )
}

/// `ioctl takes 2431 of them (600 rules, from web.cg:3 to web.cg:602)`.
fn heaviest(policy: &Policy, filter: &Filter) -> String {
    let mut weights: Vec<(usize, Syscall)> = conditional(policy)
        .into_iter()
        .map(|call| {
            let on = policy.arches.iter().filter_map(|a| Some((*a, call.number(*a)?)));
            let weight = |(arch, nr): (callgate::Arch, u32)| {
                let here = filter.restrict(Word::ARCH, arch.token()).restrict(Word::NR, nr);
                instructions(&here)
            };
            (on.map(weight).sum(), call)
        })
        .collect();
    weights.sort_by_key(|w| (std::cmp::Reverse(w.0), w.1));
    let named: Vec<String> = weights
        .iter()
        .take(MOST)
        .map(|(weight, call)| format!("{} takes {weight} ({})", call.name(), rules(policy, *call)))
        .collect();
    if named.is_empty() { format!("no call alone takes many of the {MAX_INSNS}") } else { named.join(", ") }
}

/// How many instructions a filter takes, whether it is too long or not.
fn instructions(filter: &Filter) -> usize {
    match filter.emit_for(Endian::Little) {
        Ok(program) => program.len(),
        Err(EmitError::TooLong { len }) => len,
        Err(_) => 0,
    }
}

/// `600 rules, from web.cg:3 to web.cg:602`.
fn rules(policy: &Policy, call: Syscall) -> String {
    let rules: Vec<&Rule> = policy.rules.iter().filter(|r| names(r, call)).collect();
    match &rules[..] {
        [] => format!("no rule names {}", call.name()),
        [one] => format!("the rule at {}", one.origin),
        [first, .., last] => {
            format!("{} rules, from {} to {}", rules.len(), first.origin, last.origin)
        }
    }
}

/// The calls that rules with conditions name, by name.
fn conditional(policy: &Policy) -> Vec<Syscall> {
    let rules = policy.rules.iter().filter(|r| r.when != Cond::True);
    let named = rules.flat_map(|r| &r.calls).filter_map(|c| match c {
        Call::Named(call) => Some(*call),
        Call::Any | Call::Numbers(_) => None,
    });
    let mut calls: Vec<Syscall> = named.collect();
    calls.sort_unstable();
    calls.dedup();
    calls
}

fn names(rule: &Rule, call: Syscall) -> bool {
    rule.calls.iter().any(|c| match c {
        Call::Named(named) => *named == call,
        Call::Any => true,
        Call::Numbers(_) => false,
    })
}
