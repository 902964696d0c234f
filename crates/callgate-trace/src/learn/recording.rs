//! What was seen.

use std::collections::{BTreeMap, BTreeSet};

use callgate::emit::Profile;
use callgate_abi::{Arch, SeccompData, Syscall};

use super::arguments;

/// How many combinations of argument values of one call by one thread are kept apart.
const MOST_VALUES: usize = 256;

/// What calls are counted by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Key {
    /// The architecture whose convention the call followed.
    pub arch: Arch,
    /// The call's number.
    pub nr: u32,
    /// The path of the program; empty where it is not known.
    pub program: String,
    /// The thread's name.
    pub thread: String,
    /// Whether a filter answered the call, so that it was not executed.
    pub denied: bool,
    /// The values of the arguments that matter, in their order; `None` where there were too many to keep.
    pub args: Option<Vec<u64>>,
}

/// Calls of one kind, as they are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event<'a> {
    /// The path of the program; empty where it is not known.
    pub program: &'a str,
    /// The thread's name.
    pub thread: &'a str,
    /// The call.
    pub call: &'a SeccompData,
    /// Whether a filter answered it.
    pub denied: bool,
    /// How often it was made.
    pub times: u64,
}

/// Calls and how often each was made in which run.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Recording {
    /// The names of the runs.
    pub(super) runs: BTreeSet<String>,
    calls: BTreeMap<Key, BTreeMap<String, u64>>,
    /// How many combinations of values there are of what is otherwise one key.
    values: BTreeMap<Key, usize>,
}

impl Recording {
    /// An empty recording of one run. The name must be different for every run.
    pub fn new(run: &str) -> Recording {
        Recording { runs: BTreeSet::from([run.to_owned()]), ..Recording::default() }
    }

    /// Count one call of run `run`. A call of an unknown architecture is not counted: `false`.
    pub fn count(&mut self, run: &str, program: &str, thread: &str, call: &SeccompData) -> bool {
        self.note(run, &Event { program, thread, call, denied: false, times: 1 }).is_some()
    }

    /// The same for several calls; returns what they were counted by and whether they are the first such of that
    /// run.
    pub(super) fn note(&mut self, run: &str, event: &Event<'_>) -> Option<(Key, bool)> {
        let Event { program, thread, call, denied, times } = *event;
        let arch = Arch::of_call(call.arch, call.nr)?;
        let name = Syscall::from_number(arch, call.nr);
        let wanted = name.map_or(&[][..], |c| arguments::of(c.name()));
        let value = |index: usize| {
            let bits = name.map_or(64, |c| bits(c, arch, index));
            call.args.get(index).copied().unwrap_or(0) & u64::MAX.checked_shr(64 - bits).unwrap_or(0)
        };
        let args = Some(wanted.iter().map(|(index, _)| value(*index)).collect());
        let (program, thread) = (program.to_owned(), thread.to_owned());
        let mut key = Key { arch, nr: call.nr, program, thread, denied, args };
        if !self.calls.contains_key(&key) {
            let any = Key { args: None, ..key.clone() };
            if self.values.get(&any).is_some_and(|n| *n >= MOST_VALUES) {
                key = any;
            }
        }
        let counts = self.counts(&key);
        if let Some(n) = counts.get_mut(run) {
            *n = n.saturating_add(times);
            return Some((key, false));
        }
        counts.insert(run.to_owned(), times);
        self.runs.insert(run.to_owned());
        Some((key, true))
    }

    /// The counts of a key, which there is afterwards.
    fn counts(&mut self, key: &Key) -> &mut BTreeMap<String, u64> {
        if !self.calls.contains_key(key) {
            if key.args.is_some() {
                *self.values.entry(Key { args: None, ..key.clone() }).or_default() += 1;
            }
            self.calls.insert(key.clone(), BTreeMap::new());
        }
        self.calls.entry(key.clone()).or_default()
    }

    /// Take in counts of a key, of which the larger win.
    pub(super) fn raise(&mut self, key: &Key, counts: &BTreeMap<String, u64>) {
        let own = self.counts(key);
        for (run, n) in counts {
            let count = own.entry(run.clone()).or_default();
            *count = (*count).max(*n);
        }
    }

    /// Take in another recording. The order does not matter, and what is taken in twice counts once.
    pub fn merge(&mut self, other: &Recording) {
        self.runs.extend(other.runs.iter().cloned());
        for (key, counts) in &other.calls {
            self.raise(key, counts);
        }
    }

    /// How many runs there were.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// What was called, with the counts by run.
    pub fn calls(&self) -> impl Iterator<Item = (&Key, &BTreeMap<String, u64>)> {
        self.calls.iter()
    }

    /// How often each call was made, and with which values of the arguments that matter: what the compiler
    /// weighs paths with. Calls of no name are left out.
    pub fn profile(&self) -> Profile {
        let mut profile = Profile::empty();
        for (key, counts) in &self.calls {
            let Some(call) = Syscall::from_number(key.arch, key.nr) else { continue };
            let mut args = [None; 6];
            for ((index, _), value) in arguments::of(call.name()).iter().zip(key.args.iter().flatten()) {
                args[*index] = Some(*value);
            }
            profile.add(call, &args, counts.values().fold(0, |sum, n| sum.saturating_add(*n)));
        }
        profile
    }
}

/// The arguments of a call that are recorded, by position, with the bits of each that the kernel reads.
pub fn arguments_of(call: Syscall, arch: Arch) -> Vec<(usize, u32)> {
    arguments::of(call.name()).iter().map(|(index, _)| (*index, bits(call, arch, *index))).collect()
}

/// How many bits of an argument the kernel reads.
pub(super) fn bits(call: Syscall, arch: Arch, index: usize) -> u32 {
    let param = call.params(arch).and_then(|params| params.get(index));
    param.map_or(64, |p| u32::from(p.bits)).min(arch.register_bits())
}
