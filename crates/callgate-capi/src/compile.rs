//! A collection as a policy, and the program for it.

use crate::attribute::Attributes;
use crate::collection::Collection;
use crate::known;
use crate::meaning;
use crate::order;
use crate::rules::ArchRules;
use crate::token;
use callgate::abi::Endian;
use callgate::emit::{Bound, EmitError, Options, Target};
use callgate::{
    Action, Arch, ArgCmp, ArgIndex, Call, CompileError, Cond, Filter, Origin, Policy, Program, Rule, Syscall,
    Width,
};
use libc::{EFAULT, c_int};
use std::collections::BTreeMap;

/// The program: proved to mean what the rules mean, of no other instructions than libseccomp uses, and no call
/// takes more of them than there.
pub(crate) fn program(collection: &Collection) -> Result<Program, Uncompiled> {
    let policy = policy(collection);
    let endian = collection.endian().unwrap_or(Endian::Little);
    let calls = order::calls(collection);
    let bound = match collection.attributes.optimize {
        2 => Bound::Leaves(&calls, order::LEAF),
        _ => Bound::Row(&calls),
    };
    let options = Options {
        endian,
        target: Target::Even,
        bit_tests: false,
        arches: &policy.arches,
        bound,
        ..Options::default()
    };
    let made = filter(&policy).and_then(|filter| filter.emit_with(&options).map_err(CompileError::Emit));
    made.map_err(|error| match error {
        CompileError::Emit(EmitError::TooLong { .. }) => Uncompiled::TooLong,
        _ => Uncompiled::Failed,
    })
}

/// Why there is no program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Uncompiled {
    /// It would be longer than any kernel takes.
    TooLong,
    /// Nothing is known, or nothing proved.
    Failed,
}

impl Uncompiled {
    /// The error that calls other than `seccomp_load` return.
    pub(crate) fn code(self) -> c_int {
        EFAULT
    }
}

/// What the policy means. Error numbers are the caller's own, not to be translated for any architecture.
fn filter(policy: &Policy) -> Result<Filter, CompileError> {
    if policy.arches.iter().all(|a| counts_errors_as_usual(*a)) {
        return policy.lower().map_err(CompileError::Lower);
    }
    let decisions = policy.decisions().map_err(CompileError::Lower)?;
    Ok(decisions.map(|decided| policy.action_of(*decided)))
}

fn counts_errors_as_usual(arch: Arch) -> bool {
    matches!(
        arch,
        Arch::X86
            | Arch::X86_64
            | Arch::X32
            | Arch::Arm
            | Arch::Aarch64
            | Arch::Loongarch64
            | Arch::Riscv64
            | Arch::S390
            | Arch::S390x
    )
}

/// The collection as an ordered policy.
fn policy(collection: &Collection) -> Policy {
    let attributes = &collection.attributes;
    let default = Action::from_ret(attributes.default);
    let bad_arch = Action::from_ret(attributes.bad_arch);
    let arches: Vec<Arch> = collection.filters.iter().map(|f| f.arch).collect();
    let mut rules = Vec::new();
    for filter in &collection.filters {
        of_arch(filter, &arches, attributes, &mut rules);
    }
    if let Some(newest) = known::kernel(attributes.newest) {
        let unknown = Action::from_ret(attributes.unknown);
        for arch in &arches {
            let known = known::ranges(*arch, newest).into_iter().map(Call::Numbers).collect();
            rules.push(rule(*arch, known, Cond::True, default));
            rules.push(rule(*arch, vec![Call::Any], Cond::True, unknown));
            if *arch == Arch::X86_64 && !arches.contains(&Arch::X32) {
                rules.push(rule(*arch, vec![Call::Numbers(u32::MAX..=u32::MAX)], Cond::True, unknown));
            }
        }
    }
    if arches.contains(&Arch::X86_64) && !arches.contains(&Arch::X32) && bad_arch != default {
        // Number -1 is no x32 number: a tracer sets it to skip a call.
        rules.push(rule(Arch::X86_64, vec![Call::Numbers(u32::MAX..=u32::MAX)], Cond::True, default));
    }
    Policy { arches, rules, default, foreign: Vec::new(), bad_arch, x32: None, unknown: None }
}

/// The rules of one architecture. Their order matters only within a call.
fn of_arch(filter: &ArchRules, arches: &[Arch], attributes: &Attributes, out: &mut Vec<Rule>) {
    let (skip, default) = (attributes.skip, attributes.default);
    let mut plain: BTreeMap<u32, Vec<Call>> = BTreeMap::new();
    for (number, rules) in &filter.calls {
        let Some(call) = call(filter.arch, arches, *number, skip) else { continue };
        match rules.always() {
            Some(action) => plain.entry(action).or_default().push(call),
            None => {
                for (when, action) in meaning::decisions(rules, filter.arch, default) {
                    out.push(rule(filter.arch, vec![call.clone()], when, Action::from_ret(action)));
                }
            }
        }
    }
    for (action, calls) in plain {
        out.push(rule(filter.arch, calls, Cond::True, Action::from_ret(action)));
    }
}

/// How a policy names this number; `None` where it can match no call.
fn call(arch: Arch, arches: &[Arch], number: i32, skip: bool) -> Option<Call> {
    let nr = number.cast_unsigned();
    if number == -1 {
        return skip.then_some(Call::Numbers(nr..=nr));
    }
    if number < 0 {
        return None;
    }
    let is_x32 = nr >= Arch::X32_BIT;
    match arch {
        Arch::X86_64 if is_x32 && !arches.contains(&Arch::X32) => return None,
        Arch::X32 if !is_x32 && !arches.contains(&Arch::X86_64) => return None,
        _ => {}
    }
    Some(match Syscall::from_number(arch, nr) {
        Some(call) if call.number(arch) == Some(nr) => Call::Named(call),
        _ => Call::Numbers(nr..=nr),
    })
}

fn rule(arch: Arch, calls: Vec<Call>, when: Cond, action: Action) -> Rule {
    Rule { calls, arches: vec![arch], when, action, origin: Origin::default() }
}

/// The condition under which all of these hold.
pub(crate) fn condition(arch: Arch, compares: &[crate::chain::Compare]) -> Cond {
    let width = if token::is_narrow(arch) { Width::W32 } else { Width::W64 };
    let all = compares
        .iter()
        .filter_map(|c| Some(Cond::Arg(ArgCmp { arg: ArgIndex::new(c.arg)?, width, op: c.op })));
    Cond::All(all.collect())
}
