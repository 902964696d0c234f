//! Rules on which libseccomp's answer is the only right one.

use super::support::Rng;
use crate::files::Result;
use crate::libseccomp::{Comparison, Library, Spec, SpecRule};
use callgate::abi::multiplex;
use callgate::{Action, Arch, ArgIndex, Errno, Op, Syscall};
use std::fmt;

/// What the rules may compare with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// One rule a call, or several that compare one argument, all by `SCMP_CMP_EQ` and
    /// `SCMP_CMP_MASKED_EQ`: what profiles are made of.
    Plain,
    /// Any rules of `SCMP_CMP_EQ` and `SCMP_CMP_MASKED_EQ`.
    Equalities,
    /// Every comparison.
    Orderings,
}

impl Kind {
    /// Keeps the kinds' cases apart under one seed.
    pub(super) fn salt(self) -> u64 {
        match self {
            Kind::Plain => 0,
            Kind::Equalities => 0x0e9a_0000_0000,
            Kind::Orderings => 0x0ade_0000_0000,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Plain => "plain rules",
            Kind::Equalities => "equalities and masks",
            Kind::Orderings => "orderings",
        })
    }
}

const SETS: &[&[Arch]] = &[
    &[Arch::X86_64],
    &[Arch::X86_64, Arch::X86, Arch::X32],
    &[Arch::X86_64, Arch::X86],
    &[Arch::X86_64, Arch::X32],
    &[Arch::X86],
    &[Arch::X32],
    &[Arch::Aarch64],
    &[Arch::Aarch64, Arch::Arm],
    &[Arch::X86_64, Arch::Aarch64, Arch::Riscv64],
    &[Arch::Ppc64le],
    &[Arch::S390x, Arch::S390],
    &[Arch::Mips64, Arch::Mips64n32, Arch::Mips],
    &[Arch::Mipsel64, Arch::Mipsel],
    &[Arch::Parisc64, Arch::Parisc],
];

/// The calls both sides know by the same numbers, per set of architectures.
pub(super) struct Names {
    sets: Vec<(&'static [Arch], Vec<Syscall>)>,
    /// Pairs of a call and an architecture that were left out.
    apart: usize,
}

impl Names {
    /// Asks the library. Calls newer than it are left out, and those that an architecture
    /// multiplexes: it rewrites rules about them.
    pub(super) fn both_know(library: &mut Library) -> Result<Names> {
        let mut names = Names { sets: Vec::new(), apart: 0 };
        let mut nameable = Vec::new();
        for call in Syscall::all() {
            if library.can_name(call)? {
                nameable.push(call);
            }
        }
        for &arches in SETS {
            let mut calls = Vec::new();
            for &call in &nameable {
                let mut same = true;
                for &arch in arches {
                    same &= library.number(arch, call)? == call.number(arch)
                        && multiplex::of_call_on(call, arch).is_none();
                }
                if !same {
                    names.apart += 1;
                } else if arches.iter().any(|a| call.number(*a).is_some()) {
                    calls.push(call);
                }
            }
            if !calls.is_empty() {
                names.sets.push((arches, calls));
            }
        }
        Ok(names)
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: usize = self.sets.iter().map(|(_, calls)| calls.len()).sum();
        let sets = self.sets.len();
        write!(
            f,
            "{sets} sets of architectures, {known} calls in common, {} only known to one side or multiplexed",
            self.apart
        )
    }
}

/// Rules of one kind.
pub(super) fn spec(rng: &mut Rng, names: &Names, kind: Kind) -> Spec {
    // Half of all policies are for the machines most people have.
    let set = if rng.chance(2) { rng.below(2) } else { rng.below(names.sets.len() as u64) };
    let (arches, calls) = &names.sets[set as usize];
    let wide = arches.iter().all(|a| a.pointer_bits() == 64);
    let default = action(rng);
    let mut rules: Vec<SpecRule> = Vec::new();
    let few = rng.chance(3);
    for _ in 0..=rng.below(if few { 3 } else { 40 }) {
        let call = rng.pick(calls);
        if rules.iter().any(|r| r.call == call) {
            continue;
        }
        rules.extend(about(rng, call, default, kind, wide));
    }
    Spec { arches: arches.to_vec(), default, bad_arch: action(rng), rules }
}

/// The rules about one call: several of one action, or several that no call can match two of.
fn about(rng: &mut Rng, call: Syscall, default: Action, kind: Kind, wide: bool) -> Vec<SpecRule> {
    let action = other_than(rng, default);
    match rng.below(3) {
        0 => vec![SpecRule { call, action, when: Vec::new() }],
        1 if kind == Kind::Plain => vec![SpecRule { call, action, when: comparisons(rng, kind, wide, None) }],
        1 => (0..=rng.below(4))
            .map(|_| SpecRule { call, action, when: comparisons(rng, kind, wide, None) })
            .collect(),
        _ => {
            let key = ArgIndex::new(rng.below(6) as u8).unwrap_or(ArgIndex::IP);
            let mut values: Vec<u64> = (0..=rng.below(4)).map(|_| value(rng, wide)).collect();
            values.sort_unstable();
            values.dedup();
            let mut rules = Vec::new();
            for value in values {
                let mut when = vec![Comparison { arg: key, op: Op::Eq(value) }];
                if kind != Kind::Plain && rng.chance(2) {
                    when.extend(comparisons(rng, kind, wide, Some(key)));
                }
                rules.push(SpecRule { call, action: other_than(rng, default), when });
            }
            rules
        }
    }
}

/// One to three comparisons of different arguments, `taken` not among them.
fn comparisons(rng: &mut Rng, kind: Kind, wide: bool, taken: Option<ArgIndex>) -> Vec<Comparison> {
    let mut out: Vec<Comparison> = Vec::new();
    for _ in 0..=rng.below(3) {
        let Some(arg) = ArgIndex::new(rng.below(6) as u8) else { continue };
        if Some(arg) == taken || out.iter().any(|c| c.arg == arg) {
            continue;
        }
        let v = value(rng, wide);
        let op = match rng.below(if kind == Kind::Orderings { 8 } else { 3 }) {
            0 | 1 => Op::Eq(v),
            2 => {
                let mask = value(rng, wide);
                Op::MaskedEq { mask, value: v & mask }
            }
            3 => Op::Ne(v),
            4 => Op::Lt(v),
            5 => Op::Le(v),
            6 => Op::Gt(v),
            _ => Op::Ge(v),
        };
        out.push(Comparison { arg, op });
    }
    out
}

/// Where only the low half is compared, values stay in it.
fn value(rng: &mut Rng, wide: bool) -> u64 {
    let value = rng.number();
    if wide { value } else { value & 0xffff_ffff }
}

fn action(rng: &mut Rng) -> Action {
    match rng.below(9) {
        0 => Action::KILL_PROCESS,
        1 => Action::KILL_THREAD,
        2 => Action::Trap(0),
        // Numbers below 35 mean the same error everywhere.
        3 | 4 => Action::Errno(Errno(rng.below(35) as u16)),
        5 => Action::Notify(0),
        6 => Action::Trace(rng.below(0x1_0000) as u16),
        7 => Action::Log(0),
        _ => Action::ALLOW,
    }
}

/// libseccomp takes no rule that says what its default says.
fn other_than(rng: &mut Rng, default: Action) -> Action {
    loop {
        let action = action(rng);
        if action != default {
            return action;
        }
    }
}
