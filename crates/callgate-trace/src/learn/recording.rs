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
    /// By whom, the innermost function first; empty where that is not known. Kept if it is the first such call.
    pub stack: &'a [String],
}

/// Calls and how often each was made in which run.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Recording {
    /// The names of the runs.
    pub(super) runs: BTreeSet<String>,
    calls: BTreeMap<Key, BTreeMap<String, u64>>,
    /// Whose functions made the first of them.
    stacks: BTreeMap<Key, Vec<String>>,
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
        self.note(run, &Event { program, thread, call, denied: false, times: 1, stack: &[] }).is_some()
    }

    /// The same for several calls; returns what they were counted by and whether they are the first such of that
    /// run.
    pub(super) fn note(&mut self, run: &str, event: &Event<'_>) -> Option<(Key, bool)> {
        let Event { program, thread, call, denied, times, stack } = *event;
        let key = self.key(program, thread, call, denied)?;
        if !stack.is_empty() && !self.stacks.contains_key(&key) {
            self.stacks.insert(key.clone(), stack.to_vec());
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

    /// What a call is counted by; `None` for an unknown architecture.
    fn key(&self, program: &str, thread: &str, call: &SeccompData, denied: bool) -> Option<Key> {
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
        Some(key)
    }

    /// Whether such a call has been counted.
    pub fn knows(&self, event: &Event<'_>) -> bool {
        let key = self.key(event.program, event.thread, event.call, event.denied);
        key.is_none_or(|key| self.calls.contains_key(&key))
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

    /// Take in who made the first call of a key. Of two recordings, nobody knows which was the first: one is kept,
    /// the same in any order.
    pub(super) fn note_stack(&mut self, key: &Key, stack: &[String]) {
        if !stack.is_empty() && self.stacks.get(key).is_none_or(|known| *stack < **known) {
            self.stacks.insert(key.clone(), stack.to_vec());
        }
    }

    /// Whose functions made the first call of a key, the innermost first; empty where that is not known.
    pub fn stack(&self, key: &Key) -> &[String] {
        self.stacks.get(key).map_or(&[], |stack| stack)
    }

    /// Take in another recording. The order does not matter, and what is taken in twice counts once.
    pub fn merge(&mut self, other: &Recording) {
        self.runs.extend(other.runs.iter().cloned());
        for (key, counts) in &other.calls {
            self.raise(key, counts);
        }
        for (key, stack) in &other.stacks {
            self.note_stack(key, stack);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_called_first_is_merged_in_any_order() {
        let call = SeccompData { nr: 1, arch: Arch::X86_64.token(), ..SeccompData::default() };
        let recording = |run: &str, stack: &[&str]| {
            let stack: Vec<String> = stack.iter().map(|s| (*s).to_owned()).collect();
            let mut recording = Recording::new(run);
            for (times, stack) in [(2, &*stack), (3, &["later".to_owned()][..])] {
                let event = Event { program: "/p", thread: "t", call: &call, denied: false, times, stack };
                recording.note(run, &event);
            }
            recording
        };
        let all = [
            recording("a", &["write (libc)", "main"]),
            recording("b", &["puts (libc)", "main"]),
            recording("c", &["later"]),
        ];
        let merged = |order: [usize; 3]| {
            let mut merged = Recording::default();
            order.iter().for_each(|i| merged.merge(&all[*i]));
            merged
        };
        let one = merged([0, 1, 2]);
        assert_eq!(one, merged([2, 1, 0]));
        assert_eq!(one, merged([1, 0, 2]));
        let (key, counts) = one.calls().next().unwrap();
        assert_eq!((one.stack(key), counts.len()), (&["later".to_owned()][..], 3));
        assert_eq!(all[0].stack(key), ["write (libc)", "main"]);
        let lines = one.to_lines();
        assert_eq!(Recording::from_lines(&lines), Ok((one, false)));
    }
}
