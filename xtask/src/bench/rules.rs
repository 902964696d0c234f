//! A policy in the words of the compilers it is compared with, where they have words for it.

use super::cases::{Case, cases};
use crate::libseccomp::{Comparison, Spec, SpecRule};
use callgate::{Action, Arch, Call, Op, Policy, Syscall, Width};
use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// The policy as libseccomp's callers would hand it over; `None` if it takes order, ranges of numbers, or
/// two tests of one argument. Where the library cannot compare 32 bits of a 64-bit register, it compares 64.
pub(super) fn libseccomp(policy: &Policy) -> Option<Spec> {
    let mut spec = Spec {
        arches: policy.arches.clone(),
        default: policy.default,
        bad_arch: policy.bad_arch,
        rules: Vec::new(),
    };
    for (call, action, when) in flat(policy)? {
        let mut comparisons: Vec<Comparison> = Vec::new();
        for cmp in when {
            let op = match (cmp.width, cmp.op) {
                (Width::W32, Op::Eq(v)) => Op::MaskedEq { mask: 0xffff_ffff, value: v & 0xffff_ffff },
                (_, op) => op,
            };
            match (comparisons.iter_mut().find(|c| c.arg == cmp.arg).map(|c| &mut c.op), op) {
                (None, op) => comparisons.push(Comparison { arg: cmp.arg, op }),
                (Some(Op::MaskedEq { mask, value }), Op::MaskedEq { mask: more, value: its }) => {
                    *mask |= more;
                    *value |= its;
                }
                (Some(_), _) => return None,
            }
        }
        if action != policy.default {
            spec.rules.push(SpecRule { call, action, when: comparisons });
        }
    }
    Some(spec)
}

/// The policy as the `seccompiler` crate takes it: x86_64 alone, one action for everything that matches.
pub(super) fn seccompiler(policy: &Policy) -> Option<SeccompFilter> {
    if policy.arches != [Arch::X86_64] {
        return None;
    }
    let flat = flat(policy)?;
    // Refusals among permissions are left out: it has one action for all.
    let matched = if policy.default == Action::ALLOW { flat.first()?.1 } else { Action::ALLOW };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for (call, action, when) in flat {
        if action != matched {
            continue;
        }
        let chain = rules.entry(i64::from(call.number(Arch::X86_64)?)).or_default();
        if when.is_empty() {
            chain.clear();
            continue;
        }
        let conditions: Option<Vec<SeccompCondition>> = when.iter().map(condition).collect();
        chain.push(SeccompRule::new(conditions?).ok()?);
    }
    SeccompFilter::new(rules, action_of(policy.default)?, action_of(matched)?, TargetArch::x86_64).ok()
}

/// Every case of every rule of a policy, call by call; `None` unless the order of the rules is without
/// meaning: whatever is said about one call is one action.
fn flat(policy: &Policy) -> Option<Vec<(Syscall, Action, Case)>> {
    let mut out: Vec<(Syscall, Action, Case)> = Vec::new();
    let mut actions: BTreeMap<Syscall, Action> = BTreeMap::new();
    for rule in &policy.rules {
        let cases = cases(&rule.when)?;
        for call in &rule.calls {
            let Call::Named(call) = call else { return None };
            if *actions.entry(*call).or_insert(rule.action) != rule.action {
                return None;
            }
            out.extend(cases.iter().map(|case| (*call, rule.action, case.clone())));
        }
    }
    Some(out)
}

fn condition(cmp: &callgate::ArgCmp) -> Option<SeccompCondition> {
    let (op, value) = match cmp.op {
        Op::Eq(v) => (SeccompCmpOp::Eq, v),
        Op::Ne(v) => (SeccompCmpOp::Ne, v),
        Op::Lt(v) => (SeccompCmpOp::Lt, v),
        Op::Le(v) => (SeccompCmpOp::Le, v),
        Op::Gt(v) => (SeccompCmpOp::Gt, v),
        Op::Ge(v) => (SeccompCmpOp::Ge, v),
        Op::MaskedEq { mask, value } => (SeccompCmpOp::MaskedEq(mask), value),
    };
    let len = match cmp.width {
        Width::W32 => SeccompCmpArgLen::Dword,
        Width::W64 => SeccompCmpArgLen::Qword,
    };
    SeccompCondition::new(cmp.arg.get(), len, op, value).ok()
}

fn action_of(action: Action) -> Option<SeccompAction> {
    Some(match action {
        Action::Allow(0) => SeccompAction::Allow,
        Action::Errno(e) => SeccompAction::Errno(u32::from(e.0)),
        Action::KillProcess(0) => SeccompAction::KillProcess,
        Action::KillThread(0) => SeccompAction::KillThread,
        Action::Log(0) => SeccompAction::Log,
        Action::Trap(0) => SeccompAction::Trap,
        Action::Trace(data) => SeccompAction::Trace(u32::from(data)),
        _ => return None,
    })
}
