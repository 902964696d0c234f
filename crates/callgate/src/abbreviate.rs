//! A set of calls in few words: groups by name, and the calls that no group holds.

use callgate_abi::{Arch, Syscall, group::Group};
use std::collections::BTreeSet;

/// A set of calls, said with groups.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Abbreviation {
    /// Groups wholly within the set, those that say most first. They may overlap.
    pub groups: Vec<&'static Group>,
    /// The calls of the set that are in none of `groups`, by name.
    pub calls: Vec<Syscall>,
}

/// A group that says fewer calls than this is no shorter than their names.
const WORTH: usize = 4;

/// Says `calls`, which are calls of `arch`, with as few names as a greedy choice finds.
///
/// Only groups whose every member on `arch` is among `calls`, whatever its arguments, are used: what
/// is said of them holds for all their members. Of releases the newest.
///
/// ```
/// use callgate::abbreviate::abbreviate;
/// use callgate_abi::{Arch, Syscall, group::Group};
///
/// let timers = Group::from_name("timer").unwrap().members().chain(Syscall::from_name("read"));
/// let said = abbreviate(timers, Arch::X86_64);
/// assert_eq!(said.groups[0].name, "timer");
/// assert_eq!(said.calls.len(), 1);
/// ```
pub fn abbreviate(calls: impl IntoIterator<Item = Syscall>, arch: Arch) -> Abbreviation {
    let here = |call: &Syscall| call.number(arch).is_some();
    let all: BTreeSet<Syscall> = calls.into_iter().filter(here).collect();
    let mut rest = all.clone();
    let usable = |g: &&Group| {
        g.is_current() && g.conditions().is_empty() && g.members().filter(here).all(|c| all.contains(&c))
    };
    let mut candidates: Vec<&'static Group> = Group::all().iter().filter(usable).collect();
    let mut groups = Vec::new();
    loop {
        let says = |g: &Group| g.members().filter(|c| rest.contains(c)).count();
        // Of equals the first by name: the choice must not depend on anything else.
        let best = candidates.iter().enumerate().max_by_key(|(i, g)| (says(g), usize::MAX - i));
        let Some((at, _)) = best.filter(|(_, group)| says(group) >= WORTH) else { break };
        let group = candidates.swap_remove(at);
        rest.retain(|call| !group.has(*call));
        groups.push(group);
        candidates.sort_by_key(|g| g.name);
    }
    Abbreviation { groups, calls: rest.into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(said: &Abbreviation) -> (Vec<&str>, Vec<&str>) {
        (said.groups.iter().map(|g| g.name).collect(), said.calls.iter().map(|c| c.name()).collect())
    }

    #[test]
    fn a_nested_set_is_one_word() {
        let service = Group::from_name("system-service").unwrap();
        let said = abbreviate(service.members(), Arch::X86_64);
        assert_eq!(names(&said), (vec!["system-service"], vec![]));
    }

    #[test]
    fn what_is_said_is_the_set() {
        for arch in [Arch::X86_64, Arch::Aarch64, Arch::X86] {
            // Every second call, and every call but one.
            let all: Vec<Syscall> = Syscall::of_arch(arch).map(|c| c.1).collect();
            let half: Vec<Syscall> = all.iter().copied().step_by(2).collect();
            for set in [&half[..], &all[1..], &[]] {
                let said = abbreviate(set.iter().copied(), arch);
                let mut back: BTreeSet<Syscall> = said.calls.iter().copied().collect();
                let members = said.groups.iter().flat_map(|g| g.members());
                back.extend(members.filter(|c| c.number(arch).is_some()));
                assert_eq!(back, set.iter().copied().collect());
                for group in &said.groups {
                    assert!(said.calls.iter().all(|c| !group.has(*c)), "{}", group.name);
                }
            }
        }
    }

    #[test]
    fn one_missing_member_spoils_a_group() {
        let timer = Group::from_name("timer").unwrap();
        let alarm = Syscall::from_name("alarm").unwrap();
        let said = abbreviate(timer.members().filter(|c| *c != alarm), Arch::X86_64);
        assert!(!said.groups.contains(&timer) && !said.calls.is_empty());
    }
}
