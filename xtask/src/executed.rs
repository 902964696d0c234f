//! What two programs execute, call by call: every call number with every class of arguments that either
//! program tells apart.

use callgate::abi::Word;
use callgate::abi::insn::op;
use callgate::{Arch, Program, SeccompData, Syscall};
use std::collections::{BTreeMap, BTreeSet};

/// Runs a call number may take; no program of people comes near it.
const MOST: usize = 200_000;

/// The outcome over all calls.
#[derive(Clone, Default, Debug)]
pub(crate) struct Outcome {
    /// Classes of calls tried.
    pub(crate) classes: u64,
    /// Those for which ours executes more instructions.
    pub(crate) more: u64,
    /// The sums of what both execute over all classes.
    pub(crate) ours: u64,
    pub(crate) theirs: u64,
    /// The call with the largest excess, what ours executes for it and what theirs.
    pub(crate) worst: Option<(SeccompData, u32, u32)>,
    /// Numbers with so many classes that not all were tried.
    pub(crate) unfinished: u64,
}

impl Outcome {
    /// Takes another outcome in.
    pub(crate) fn add(&mut self, other: Outcome) {
        self.classes += other.classes;
        self.more += other.more;
        self.ours += other.ours;
        self.theirs += other.theirs;
        self.unfinished += other.unfinished;
        let excess = |o: &Option<(SeccompData, u32, u32)>| o.map_or(0, |w| w.1 - w.2);
        if excess(&other.worst) > excess(&self.worst) {
            self.worst = other.worst;
        }
    }
}

/// Compares two programs over the numbers of these architectures, those around them, and a foreign one.
pub(crate) fn compare(ours: &Program, theirs: &Program, arches: &[Arch]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut pair = Pair { programs: [ours, theirs], values: BTreeMap::new(), runs: 0 };
    for &arch in arches {
        let first = if arch == Arch::X32 { Arch::X32_BIT } else { 0 };
        let last = Syscall::last_number(arch).unwrap_or(first);
        let beyond = [first.wrapping_sub(1), last + 2, 0x3fff_ffff, 0x4000_0000, u32::MAX - 1, u32::MAX];
        for nr in (first..=last + 1).chain(beyond) {
            outcome.add(pair.number(arch.token(), nr));
        }
    }
    let foreign = Arch::ALL.iter().find(|a| arches.iter().all(|b| b.token() != a.token()));
    if let Some(foreign) = foreign {
        outcome.add(pair.number(foreign.token(), 0));
    }
    outcome
}

struct Pair<'a> {
    /// Ours, theirs.
    programs: [&'a Program; 2],
    /// The values of each word between which a program may tell.
    values: BTreeMap<Word, BTreeSet<u32>>,
    runs: usize,
}

impl Pair<'_> {
    fn number(&mut self, token: u32, nr: u32) -> Outcome {
        self.values.clear();
        loop {
            self.runs = 0;
            let known: usize = self.values.values().map(BTreeSet::len).sum();
            let mut outcome = Outcome::default();
            let mut words = BTreeMap::from([(Word::NR, nr), (Word::ARCH, token)]);
            self.explore(&mut words, &mut outcome);
            // What was compared on the way may tell more values apart.
            if self.values.values().map(BTreeSet::len).sum::<usize>() == known || self.runs >= MOST {
                outcome.unfinished = u64::from(self.runs >= MOST);
                return outcome;
            }
        }
    }

    /// Tries every value of the first word that is loaded and not yet given.
    fn explore(&mut self, words: &mut BTreeMap<Word, u32>, outcome: &mut Outcome) {
        self.runs += 1;
        if self.runs >= MOST {
            return;
        }
        let data = data(words);
        let programs = self.programs;
        let mut open = None;
        let steps = programs.map(|program| {
            let (mut at, mut mask) = (None, u32::MAX);
            let execution = program.run_with(&data, |pc| {
                let insn = program.insns()[pc];
                match insn.code {
                    op::LD_ABS => {
                        (at, mask) = (Word::from_offset(insn.k, program.endian()), u32::MAX);
                        if let Some(word) = at.filter(|w| !words.contains_key(w)) {
                            open.get_or_insert(word);
                        }
                    }
                    op::AND_K => mask &= insn.k,
                    op::JEQ_K | op::JGT_K | op::JGE_K | op::JSET_K => {
                        if let Some(word) = at {
                            tell_apart(self.values.entry(word).or_default(), mask, insn.k);
                        }
                    }
                    _ => {}
                }
            });
            execution.steps
        });
        if let Some(word) = open {
            for value in self.values.entry(word).or_insert_with(|| BTreeSet::from([0])).clone() {
                words.insert(word, value);
                self.explore(words, outcome);
            }
            words.remove(&word);
            return;
        }
        let [ours, theirs] = steps;
        outcome.classes += 1;
        outcome.ours += u64::from(ours);
        outcome.theirs += u64::from(theirs);
        if ours > theirs {
            outcome.more += 1;
            if outcome.worst.is_none_or(|w| ours - theirs > w.1 - w.2) {
                outcome.worst = Some((data, ours, theirs));
            }
        }
    }
}

/// Adds the values that comparing with `k` under a mask tells apart.
fn tell_apart(values: &mut BTreeSet<u32>, mask: u32, k: u32) {
    let lowest = mask & mask.wrapping_neg();
    values.extend([0, u32::MAX, k, k | !mask, (k ^ lowest) & mask, k.wrapping_sub(1), k.wrapping_add(1)]);
}

/// The call with these words; the others are zero.
fn data(words: &BTreeMap<Word, u32>) -> SeccompData {
    let mut data = SeccompData::default();
    for (&word, &value) in words {
        match word.arg() {
            None if word == Word::NR => data.nr = value,
            None => data.arch = value,
            Some((index, high)) => {
                let whole = data.args.get_mut(usize::from(index)).unwrap_or(&mut data.ip);
                *whole |= u64::from(value) << if high { 32 } else { 0 };
            }
        }
    }
    data
}
