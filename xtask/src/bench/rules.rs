//! A policy in the words of the compilers it is compared with, where they have words for it.

use super::cases::{Case, cases};
use super::subject::Subject;
use crate::files::Result;
use crate::libseccomp::{Comparison, Library, Optimize, Spec, SpecRule};
use callgate::abi::Endian;
use callgate::abi::insn::Insn;
use callgate::emit::Target;
use callgate::program::CheckError;
use callgate::{Action, Arch, Call, Op, Policy, Program, Syscall, Width};
use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// The policy as libseccomp's callers would hand it over; `None` if it takes order, ranges of numbers, or
/// two tests of one argument. Where the library cannot compare 32 bits of a 64-bit register, it compares 64.
fn libseccomp(policy: &Policy) -> Option<Spec> {
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

/// The same without the calls that this library does not know, which can only make it faster.
pub(super) fn known(policy: &Policy, library: &mut Library) -> Result<Option<Spec>> {
    let Some(mut spec) = libseccomp(policy) else { return Ok(None) };
    let mut rules = Vec::new();
    for rule in spec.rules {
        if library.can_name(rule.call)? {
            rules.push(rule);
        }
    }
    spec.rules = rules;
    Ok(Some(spec))
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

/// The compilers whose programs are set side by side, in the order of [`programs`].
pub(super) const COMPILERS: [&str; 4] = ["callgate", "libseccomp1", "libseccomp2", "seccompiler"];

/// The policy as each compiler makes it a program; `None` where one is absent or has no words for it.
pub(super) fn programs(subject: &Subject, library: Option<&mut Library>) -> Result<[Option<Program>; 4]> {
    let mut out = [Some(subject.program(Target::Bitmap)?), None, None, None];
    let checked =
        |made: std::result::Result<Program, CheckError>| made.map_err(|e| format!("{}: {e}", subject.name));
    if let Some(library) = library
        && let Some(spec) = known(&subject.policy, library)?
    {
        for (slot, optimize) in [(1, Optimize::Linear), (2, Optimize::Tree)] {
            if let Ok(bytes) = library.build(&spec, optimize)? {
                out[slot] = Some(checked(Program::from_bytes(&bytes, Endian::Little))?);
            }
        }
    }
    if let Some(filter) = seccompiler(&subject.policy) {
        let program: ::seccompiler::BpfProgram =
            filter.try_into().map_err(|e| format!("seccompiler: {e}"))?;
        let insns = program.iter().map(|i| Insn { code: i.code, jt: i.jt, jf: i.jf, k: i.k }).collect();
        out[3] = Some(checked(Program::new(insns))?);
    }
    Ok(out)
}

/// Every case of every rule of a policy, call by call; `None` unless the order of the rules is without
/// meaning: whatever is said about one call is one action.
fn flat(policy: &Policy) -> Option<Vec<(Syscall, Action, Case)>> {
    let mut out: Vec<(Syscall, Action, Case)> = Vec::new();
    let mut actions: BTreeMap<Syscall, Action> = BTreeMap::new();
    for rule in &policy.rules {
        // The others take a rule for every architecture that has the call.
        let elsewhere = |call: &Syscall| {
            let skipped = |a: &&Arch| !rule.arches.is_empty() && !rule.arches.contains(a);
            policy.arches.iter().filter(skipped).any(|a| call.number(*a).is_some())
        };
        let cases = cases(&rule.when)?;
        for call in &rule.calls {
            let Call::Named(call) = call else { return None };
            if elsewhere(call) {
                return None;
            }
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
        Width::W64 | Width::Slot => SeccompCmpArgLen::Qword,
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
