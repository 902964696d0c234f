//! A set of calls, said short: groups where whole ones are in it, names for the rest.

use callgate::abi::group::Group;
use callgate::{Arch, Syscall};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Below this many members a group is no shorter than its members.
const FEW: usize = 4;
/// The most exceptions a group may have, and how many more members for each.
const EXCEPTIONS: usize = 24;
const MEMBERS_EACH: usize = 8;

/// The words for these calls of one architecture.
pub(crate) fn words(arch: Option<Arch>, calls: &[Syscall], numbers: &[RangeInclusive<u32>]) -> Vec<String> {
    let all: BTreeSet<Syscall> = calls.iter().copied().collect();
    let mut left = all.clone();
    let mut words = Vec::new();
    if let Some(arch) = arch {
        let mut groups: Vec<Candidate> = Group::all()
            .iter()
            .filter(|g| g.is_current() && g.conditions().is_empty())
            .map(|g| Candidate::new(g, arch, &all))
            .filter(|c| c.without.len() <= EXCEPTIONS)
            .collect();
        // The one that says most first; of equals the first by name.
        while let Some((at, _)) = groups
            .iter()
            .enumerate()
            .map(|(at, group)| (at, group.says(&left)))
            .filter(|(_, says)| *says >= FEW)
            .max_by_key(|(at, says)| (*says, usize::MAX - at))
        {
            let group = groups.swap_remove(at);
            left.retain(|call| !group.with.contains(call));
            words.push(group.word());
            groups.sort_by_key(|g| g.group.name);
        }
    }
    words.extend(left.into_iter().map(|c| c.name().to_owned()));
    words.extend(numbers.iter().map(|r| range(arch, r)));
    words
}

/// A group that may stand for some of the calls.
struct Candidate {
    group: &'static Group,
    /// Its members that are among the calls.
    with: Vec<Syscall>,
    /// Those that are not.
    without: Vec<Syscall>,
}

impl Candidate {
    fn new(group: &'static Group, arch: Arch, calls: &BTreeSet<Syscall>) -> Candidate {
        let here = group.members().filter(|c| c.number(arch).is_some());
        let (with, without) = here.partition(|c| calls.contains(c));
        Candidate { group, with, without }
    }

    /// How many words it spares: 0 where its exceptions are too many for what it says.
    fn says(&self, left: &BTreeSet<Syscall>) -> usize {
        let says = self.with.iter().filter(|c| left.contains(c)).count();
        if says < self.without.len() * MEMBERS_EACH { 0 } else { says - self.without.len() }
    }

    /// `@system-service (not kcmp, keyctl)`.
    fn word(&self) -> String {
        if self.without.is_empty() {
            return format!("@{}", self.group.name);
        }
        let without: Vec<_> = self.without.iter().map(|c| c.name()).collect();
        format!("@{} (not {})", self.group.name, without.join(", "))
    }
}

/// A range of numbers without names.
fn range(arch: Option<Arch>, range: &RangeInclusive<u32>) -> String {
    let (start, end) = (*range.start(), *range.end());
    let show = |n: u32| if n < 0x1_0000 { n.to_string() } else { format!("{n:#x}") };
    let last = arch.and_then(Syscall::last_number);
    let top = if arch == Some(Arch::X86_64) { Arch::X32_BIT - 1 } else { u32::MAX };
    match () {
        () if (start, end) == (0, u32::MAX) => "every number".into(),
        () if start == end => show(start),
        () if end == top && last.is_some_and(|l| start > l) => format!("{} and above", show(start)),
        () if end == u32::MAX => format!("{}..", show(start)),
        () => format!("{}..{}", show(start), show(end)),
    }
}

/// Words in lines of at most `width` columns, each after `indent`. A word with spaces may be cut at them.
pub(crate) fn wrap(words: &[String], indent: &str, width: usize) -> String {
    let text = words.join(", ");
    let mut out = indent.to_owned();
    let mut column = indent.len();
    for (i, piece) in text.split(' ').enumerate() {
        if i > 0 && column + 1 + piece.len() > width {
            out.push('\n');
            out.push_str(indent);
            column = indent.len();
        } else if i > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(piece);
        column += piece.len();
    }
    out
}
