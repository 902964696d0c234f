//! What can be counted about a program, the same on every machine.

use super::cases::alternatives;
use super::mix::Event;
use callgate::abi::Word;
use callgate::{Action, Arch, Filter, Policy, Program, SeccompData, Syscall};

/// The counts of one program over one mix.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Counts {
    /// Instructions.
    pub(super) len: usize,
    /// Instructions executed a call, over all calls of the mix.
    pub(super) mean: f64,
    /// The same over the calls the kernel does not answer from its cache; `None` if it answers all.
    pub(super) uncached: Option<f64>,
    /// The most instructions any call executes, of those tried.
    pub(super) worst: u32,
    /// Numbers allowed whatever the arguments, on the ABIs with a cache, and how many of them it holds.
    pub(super) allowed: usize,
    pub(super) cached: usize,
    /// Instructions the kernel emulates to fill its cache when the filter is loaded.
    pub(super) emulated: u64,
}

impl Counts {
    /// Microseconds that loading takes, by the model measured on Linux 6.18.
    pub(super) fn load(&self) -> f64 {
        load(self.len, self.emulated)
    }
}

/// Microseconds that loading takes however short the program is, by that model.
pub(super) const FIXED: f64 = 17.3;

/// That model: for so many instructions, of which so many are emulated.
pub(super) fn load(len: usize, emulated: u64) -> f64 {
    FIXED + 0.237 * len as f64 + 0.0023 * emulated as f64
}

/// The ABIs whose numbers the kernel's cache holds.
pub(super) const CACHED: [Arch; 2] = [Arch::X86_64, Arch::X86];

/// Counts a program that is to do what `filter` says. `policy` says which calls are worth trying.
pub(super) fn counts(program: &Program, filter: &Filter, policy: &Policy, events: &[Event]) -> Counts {
    let mut all = Mean::default();
    let mut uncached = Mean::default();
    for event in events {
        let steps = program.run(&event.data).steps;
        all.add(steps, event.weight);
        if !program.always_allows(event.data.arch, event.data.nr) {
            uncached.add(steps, event.weight);
        }
    }
    let (mut allowed, mut cached, mut emulated) = (0, 0, 0);
    for arch in CACHED {
        let here = filter.restrict(Word::ARCH, arch.token());
        for nr in numbers(arch) {
            let emulation = program.emulate(arch.token(), nr);
            emulated += u64::from(emulation.steps);
            if here.restrict(Word::NR, nr).leaves() == [Action::ALLOW] {
                allowed += 1;
                cached += usize::from(emulation.allows);
            }
        }
    }
    Counts {
        len: program.len(),
        mean: all.value().unwrap_or(0.0),
        uncached: uncached.value(),
        worst: worst(program, policy),
        allowed,
        cached,
        emulated,
    }
}

/// Every number the kernel has a place for.
pub(super) fn numbers(arch: Arch) -> std::ops::RangeInclusive<u32> {
    0..=Syscall::last_number(arch).unwrap_or(0)
}

/// The longest path of the calls the policy distinguishes, with arguments of all zeros and all ones beside
/// those of its rules.
fn worst(program: &Program, policy: &Policy) -> u32 {
    let mut worst = 0;
    let mut arches = policy.arches.clone();
    arches.extend([Arch::X86_64, Arch::X86, Arch::X32].iter().filter(|a| !policy.arches.contains(a)));
    for arch in arches {
        let first = if arch == Arch::X32 { Arch::X32_BIT } else { 0 };
        for nr in first..=Syscall::last_number(arch).unwrap_or(first) + 1 {
            let mut tried = alternatives(policy, arch, nr);
            tried.extend([[0; 6], [u64::MAX; 6], [0xffff_ffff; 6]]);
            for args in tried {
                let data = SeccompData { nr, arch: arch.token(), ip: 0, args };
                worst = worst.max(program.run(&data).steps);
            }
        }
    }
    worst
}

/// A mean of weighted counts.
#[derive(Default)]
pub(super) struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    pub(super) fn add(&mut self, steps: u32, weight: f64) {
        self.sum += f64::from(steps) * weight;
        self.weight += weight;
    }

    /// `None` if nothing was counted.
    pub(super) fn value(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}
