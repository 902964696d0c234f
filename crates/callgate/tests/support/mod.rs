//! Generated policies and calls, the same from the same seed.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use callgate::abi::{Endian, Word};
use callgate::{
    Action, Arch, ArgCmp, ArgIndex, Call, Cond, Errno, Op, Origin, Policy, Rule, SeccompData, Syscall, Width,
};
use std::path::PathBuf;

/// The directory of measuring material: `CALLGATE_CORPUS`, or beside the workspace.
pub fn corpus() -> Option<PathBuf> {
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let candidates = match std::env::var_os("CALLGATE_CORPUS") {
        Some(path) => vec![PathBuf::from(path)],
        None => ["../shared/corpus", "../../shared/corpus"].map(|p| PathBuf::from(workspace).join(p)).into(),
    };
    candidates.into_iter().find(|p| p.is_dir())
}

/// A small generator of pseudo-random numbers.
pub struct Rng(pub u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }

    pub fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize].clone()
    }

    /// A number of the kind found in filters: small, a single bit, an edge, or anything.
    pub fn number(&mut self) -> u64 {
        match self.below(8) {
            0 => 0,
            1 | 2 => self.below(16),
            3 => 1 << self.below(64),
            4 => self.pick(&[u64::MAX, 0xffff_ffff, 0x8000_0000, 0x1_0000_0000, 0x7fff_ffff_ffff_ffff]),
            5 => self.next() & 0xffff_ffff,
            6 => 1 << self.below(32) | 1 << self.below(32),
            _ => self.next(),
        }
    }
}

pub fn arches(rng: &mut Rng, endian: Endian) -> Vec<Arch> {
    let fitting: Vec<Arch> = Arch::ALL.iter().copied().filter(|a| a.endian() == endian).collect();
    let mut arches: Vec<Arch> = match rng.below(4) {
        0 if endian == Endian::Little => vec![Arch::X86_64],
        1 if endian == Endian::Little => vec![Arch::X86_64, Arch::X86, Arch::X32],
        _ => (0..=rng.below(3)).map(|_| rng.pick(&fitting)).collect(),
    };
    let mut seen = Vec::new();
    arches.retain(|a| {
        !seen.contains(a) && {
            seen.push(*a);
            true
        }
    });
    arches
}

pub fn any_action(rng: &mut Rng) -> Action {
    let data = if rng.chance(3) { rng.below(0x1_0000) as u16 } else { 0 };
    match rng.below(9) {
        0 => Action::KillProcess(data),
        1 => Action::KillThread(data),
        2 => Action::Trap(data),
        3 | 4 => Action::Errno(Errno(rng.pick(&[1, 2, 13, 38, 133]))),
        5 => Action::Notify(data),
        6 => Action::Trace(data),
        7 => Action::Log(data),
        _ => Action::ALLOW,
    }
}

pub fn condition(rng: &mut Rng, depth: u32) -> Cond {
    match rng.below(if depth == 0 { 2 } else { 6 }) {
        0 => Cond::True,
        3 => Cond::All((0..=rng.below(3)).map(|_| condition(rng, depth - 1)).collect()),
        4 => Cond::Any((0..=rng.below(3)).map(|_| condition(rng, depth - 1)).collect()),
        5 => Cond::Not(Box::new(condition(rng, depth - 1))),
        _ => {
            let op = match rng.below(7) {
                0 => Op::Eq(rng.number()),
                1 => Op::Ne(rng.number()),
                2 => Op::Lt(rng.number()),
                3 => Op::Le(rng.number()),
                4 => Op::Gt(rng.number()),
                5 => Op::Ge(rng.number()),
                _ => {
                    let mask = rng.number();
                    Op::MaskedEq { mask, value: rng.number() & mask }
                }
            };
            let arg = ArgIndex::new(rng.below(3) as u8).unwrap();
            Cond::Arg(ArgCmp {
                arg,
                width: rng.pick(&[Width::W32, Width::W32, Width::W64, Width::W64, Width::Slot]),
                op,
            })
        }
    }
}

pub fn calls(rng: &mut Rng, arches: &[Arch]) -> Vec<Call> {
    (0..=rng.below(4))
        .map(|_| match rng.below(12) {
            0 => {
                let start = rng.below(0x1_0000_0000) as u32;
                Call::Numbers(start..=start.saturating_add(rng.below(1000) as u32))
            }
            1 => {
                let start = rng.below(500) as u32 | if rng.chance(4) { Arch::X32_BIT } else { 0 };
                Call::Numbers(start..=start + rng.below(40) as u32)
            }
            2 if rng.chance(4) => Call::Any,
            _ => {
                let all: Vec<_> = Syscall::of_arch(rng.pick(arches)).collect();
                Call::Named(rng.pick(&all).1)
            }
        })
        .collect()
}

/// A policy with everything the model has.
pub fn policy(rng: &mut Rng, endian: Endian, action: &mut dyn FnMut(&mut Rng) -> Action) -> Policy {
    let arches = arches(rng, endian);
    let rules = (0..rng.below(20))
        .map(|_| Rule {
            calls: calls(rng, &arches),
            arches: if rng.chance(4) { vec![rng.pick(&arches)] } else { Vec::new() },
            when: condition(rng, 2),
            action: action(rng),
            origin: Origin::default(),
        })
        .collect();
    let foreign = (0..if rng.chance(4) { 2 } else { 0 })
        .map(|_| Rule {
            calls: vec![rng.pick(&[Call::Any, Call::Numbers(3..=9), Call::Numbers(0x4000_0000..=u32::MAX)])],
            arches: Vec::new(),
            when: condition(rng, 1),
            action: action(rng),
            origin: Origin::default(),
        })
        .collect();
    Policy {
        arches,
        rules,
        default: action(rng),
        foreign,
        bad_arch: action(rng),
        x32: rng.chance(3).then(|| action(rng)),
        unknown: rng.chance(3).then(|| action(rng)),
    }
}

/// The numbers a condition compares with.
fn edges(cond: &Cond, out: &mut Vec<u64>) {
    match cond {
        Cond::True => {}
        Cond::Arg(cmp) => match cmp.op {
            Op::Eq(v) | Op::Ne(v) | Op::Lt(v) | Op::Le(v) | Op::Gt(v) | Op::Ge(v) => out.push(v),
            Op::MaskedEq { mask, value } => out.extend([value, value | !mask, mask]),
        },
        Cond::All(c) | Cond::Any(c) => c.iter().for_each(|c| edges(c, out)),
        Cond::Not(c) => edges(c, out),
    }
}

/// A call the policy has something to say about.
pub fn call(rng: &mut Rng, policy: &Policy) -> SeccompData {
    let arch = if rng.chance(10) { rng.pick(Arch::ALL) } else { rng.pick(&policy.arches) };
    let mut data = SeccompData { arch: arch.token(), ..SeccompData::default() };
    if rng.chance(20) {
        data.arch = rng.next() as u32;
    }
    let mut near = vec![0u64];
    let rules: Vec<&Rule> = policy.rules.iter().chain(&policy.foreign).collect();
    if !rules.is_empty() {
        let rule = rng.pick(&rules);
        edges(&rule.when, &mut near);
        data.nr = match rng.pick(&rule.calls) {
            Call::Any => rng.below(600) as u32,
            Call::Named(call) => call.number(arch).unwrap_or(rng.below(600) as u32),
            Call::Numbers(range) => rng.pick(&[*range.start(), *range.end(), range.end().wrapping_add(1)]),
        };
    }
    match rng.below(8) {
        0 => data.nr = rng.below(600) as u32,
        1 => data.nr = rng.next() as u32,
        2 => data.nr ^= Arch::X32_BIT,
        _ => {}
    }
    for i in 0..6 {
        let value = match rng.below(4) {
            0 => rng.number(),
            1 => rng.pick(&near).wrapping_add(rng.below(3)).wrapping_sub(1),
            2 => rng.pick(&near) ^ 1 << rng.below(64),
            _ => rng.pick(&near),
        };
        data.args[i] = value;
    }
    data.ip = rng.next();
    data
}

/// The action as the filter of that architecture holds it.
pub fn localized(policy: &Policy, data: &SeccompData) -> Action {
    let arch =
        Arch::of_call(data.arch, data.nr).filter(|_| policy.arches.iter().any(|a| a.token() == data.arch));
    match (policy.eval(data), arch) {
        (Action::Errno(errno), Some(arch)) => Action::Errno(Errno(errno.on(arch))),
        (action, _) => action,
    }
}

/// Every word of a call, for messages.
pub fn show(data: &SeccompData) -> String {
    (0..Word::COUNT).map(|i| format!("{:x} ", Word::from_index(i).unwrap().of(data))).collect()
}
