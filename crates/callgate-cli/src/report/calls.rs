//! A set of calls, said short: groups where whole ones are in it, names for the rest.

use callgate::abi::group::Group;
use callgate::{Arch, Syscall};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Below this many members a group is no shorter than its members.
const FEW: usize = 4;

/// The words for these calls of one architecture.
pub(crate) fn words(arch: Option<Arch>, calls: &[Syscall], numbers: &[RangeInclusive<u32>]) -> Vec<String> {
    let mut left: BTreeSet<Syscall> = calls.iter().copied().collect();
    let mut words = Vec::new();
    if let Some(arch) = arch {
        // The largest groups first, so that few words say much.
        let mut groups: Vec<(&Group, Vec<Syscall>)> = Group::all()
            .iter()
            .filter(|g| !g.name.contains([':', '.']) && g.conditions().is_empty())
            .map(|g| (g, g.members().filter(|c| c.number(arch).is_some()).collect::<Vec<_>>()))
            .filter(|(_, members)| members.len() >= FEW && members.iter().all(|c| left.contains(c)))
            .collect();
        groups.sort_by_key(|(group, members)| (std::cmp::Reverse(members.len()), group.name));
        for (group, members) in groups {
            if members.iter().filter(|c| left.contains(c)).count() >= FEW {
                for member in members {
                    left.remove(&member);
                }
                words.push(format!("@{}", group.name));
            }
        }
    }
    words.extend(left.into_iter().map(|c| c.name().to_owned()));
    words.extend(numbers.iter().map(|r| range(arch, r)));
    words
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

/// Words in lines of at most `width` columns, each after `indent`.
pub(crate) fn wrap(words: &[String], indent: &str, width: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for (i, word) in words.iter().enumerate() {
        let comma = if i + 1 < words.len() { "," } else { "" };
        if column == 0 || column + 1 + word.len() + comma.len() > width {
            if column != 0 {
                out.push('\n');
            }
            out.push_str(indent);
            column = indent.len();
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        out.push_str(comma);
        column += word.len() + comma.len();
    }
    out
}
