//! Named sets of calls: systemd's, OpenBSD-style promises, and a few portable intents.
//!
//! A name says where a set comes from: systemd's keep their plain names (`system-service`), with the
//! newest release under the plain name and older ones behind a colon (`system-service:252`); promises
//! begin with `pledge-` (`pledge-rpath`); the intents are this project's own (`file-read`).
//!
//! Source: `data/groups`.

use crate::arch::Arch;
use crate::syscall::Syscall;
use crate::tables::group as table;

/// A named set of calls, written `@name` in policies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Group {
    /// The name without the `@`, as [`Group::from_name`] takes it.
    pub name: &'static str,
    /// What it is for, one line.
    pub summary: &'static str,
    /// Where the set comes from: `systemd 262`, `pledge`, `callgate`.
    pub source: &'static str,
    pub(crate) members: &'static [u16],
    pub(crate) conditions: &'static [(Syscall, &'static str)],
    pub(crate) except: &'static [(Syscall, &'static [Arch])],
    pub(crate) absent: &'static [u16],
}

impl Group {
    /// The group with this name (without `@`).
    ///
    /// `system-service` is the newest release's set, `system-service:252` an older release's; the
    /// newest may be named with its version too.
    ///
    /// ```
    /// use callgate_abi::group::Group;
    ///
    /// let newest = Group::from_name("system-service").unwrap();
    /// let old = Group::from_name("system-service:252").unwrap();
    /// assert_eq!(old.source, "systemd 252");
    /// assert!(newest.contains("mseal") && !old.contains("mseal"));
    /// ```
    pub fn from_name(name: &str) -> Option<&'static Group> {
        let groups = Group::all();
        if let Ok(at) = groups.binary_search_by(|g| g.name.cmp(name)) {
            return Some(&groups[at]);
        }
        let (plain, version) = name.split_once(':')?;
        let group = Group::from_name(plain)?;
        (group.version() == Some(version)).then_some(group)
    }

    /// The group that `source` (`systemd 252`) calls `name` (without `@` and version).
    pub fn of(source: &str, name: &str) -> Option<&'static Group> {
        Group::all().iter().find(|g| g.source == source && g.base_name() == name)
    }

    /// Every group, by name.
    pub fn all() -> &'static [Group] {
        table::GROUPS
    }

    /// The groups that have `call` as a member, with or without a condition, by name.
    pub fn containing(call: Syscall) -> impl Iterator<Item = &'static Group> + Clone {
        Group::all().iter().filter(move |g| g.has(call))
    }

    /// The name without the `:version` of an older release.
    pub fn base_name(&self) -> &'static str {
        self.name.split_once(':').map_or(self.name, |(base, _)| base)
    }

    /// The release of the source, where it has releases (`262`).
    pub fn version(&self) -> Option<&'static str> {
        self.source.split_once(' ').map(|(_, version)| version)
    }

    /// Whether this is the set its plain name stands for, not an older release's.
    pub fn is_current(&self) -> bool {
        !self.name.contains(':')
    }

    /// The member calls, nested groups included, by name.
    ///
    /// Some members come with a condition on their arguments; see [`Group::entries`].
    pub fn members(&self) -> impl ExactSizeIterator<Item = Syscall> + Clone + '_ {
        self.members.iter().map(|i| Syscall::from_index(*i))
    }

    /// The members that belong to the group only for some arguments, by name, each with its condition
    /// in the policy language (what follows `if`).
    pub fn conditions(&self) -> &'static [(Syscall, &'static str)] {
        self.conditions
    }

    /// The condition under which `call` belongs to the group; `None` where it always does or is no
    /// member at all.
    pub fn condition(&self, call: Syscall) -> Option<&'static str> {
        self.conditions.binary_search_by_key(&call, |c| c.0).ok().map(|at| self.conditions[at].1)
    }

    /// Every member with its condition, by name: what `allow @name` means.
    ///
    /// ```
    /// use callgate_abi::{Syscall, group::Group};
    ///
    /// let inet = Group::from_name("pledge-inet").unwrap();
    /// let socket = Syscall::from_name("socket").unwrap();
    /// let (_, condition) = inet.entries().find(|e| e.0 == socket).unwrap();
    /// assert!(condition.unwrap().contains("AF_INET6"));
    /// ```
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (Syscall, Option<&'static str>)> + Clone + '_ {
        self.members().map(|call| (call, self.condition(call)))
    }

    /// Whether `call` is a member on `arch`: the architecture has the call, and where there is a
    /// condition, it has the arguments the condition asks about.
    ///
    /// The old `mmap` of x86 and s390x takes one pointer to its six arguments; no filter sees the
    /// protection, so `@memory` does not hold that call there (on x86 it holds `mmap2`).
    ///
    /// ```
    /// use callgate_abi::{Arch, Syscall, group::Group};
    ///
    /// let memory = Group::from_name("memory").unwrap();
    /// let mmap = Syscall::from_name("mmap").unwrap();
    /// assert!(memory.has_on(mmap, Arch::X86_64) && !memory.has_on(mmap, Arch::X86));
    /// ```
    pub fn has_on(&self, call: Syscall, arch: Arch) -> bool {
        let except = self.except.iter().find(|e| e.0 == call).is_some_and(|e| e.1.contains(&arch));
        self.has(call) && !except && call.number(arch).is_some()
    }

    /// The members on `arch` with their conditions, by name: what `allow @name` means there.
    pub fn entries_on(
        &self,
        arch: Arch,
    ) -> impl Iterator<Item = (Syscall, Option<&'static str>)> + Clone + '_ {
        self.entries().filter(move |e| self.has_on(e.0, arch))
    }

    /// The names that the source lists and that are no call of any architecture here, each with the
    /// reason, by name.
    pub fn absent(&self) -> impl ExactSizeIterator<Item = (&'static str, &'static str)> + Clone + '_ {
        self.absent.iter().map(|i| table::ABSENT[usize::from(*i)])
    }

    /// Whether `call` is a member, with or without a condition.
    pub fn has(&self, call: Syscall) -> bool {
        self.members.binary_search(&call.index()).is_ok()
    }

    /// Whether the call with this name is a member, with or without a condition.
    pub fn contains(&self, name: &str) -> bool {
        Syscall::from_name(name).is_some_and(|call| self.has(call))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str) -> &'static Group {
        Group::from_name(name).unwrap_or_else(|| panic!("no group {name}"))
    }

    #[test]
    fn names_are_sorted_and_found() {
        assert!(Group::all().is_sorted_by(|a, b| a.name < b.name));
        for g in Group::all() {
            assert_eq!(Group::from_name(g.name), Some(g));
            assert_eq!(Group::of(g.source, g.base_name()), Some(g));
            assert!(!g.members.is_empty(), "{} is empty", g.name);
            assert!(!g.summary.is_empty() && !g.summary.ends_with('.'), "{}", g.name);
        }
        assert_eq!(Group::from_name("no-such-group"), None);
    }

    #[test]
    fn members_are_sorted_and_conditions_are_of_members() {
        for g in Group::all() {
            assert!(g.members.is_sorted_by(|a, b| a < b), "{}", g.name);
            assert!(g.conditions.is_sorted_by(|a, b| a.0 < b.0), "{}", g.name);
            assert!(g.conditions.iter().all(|c| g.has(c.0)), "{}", g.name);
            assert!(g.except.iter().all(|e| g.condition(e.0).is_some() && !e.1.is_empty()), "{}", g.name);
            assert_eq!(g.entries().filter(|e| e.1.is_some()).count(), g.conditions.len(), "{}", g.name);
        }
    }

    #[test]
    fn a_version_is_part_of_the_name() {
        assert_eq!(group("system-service").source, "systemd 262");
        assert_eq!(group("system-service:262"), group("system-service"));
        assert_eq!(group("system-service:252").source, "systemd 252");
        assert_eq!(Group::from_name("system-service:1"), None);
        assert_eq!(Group::from_name("pledge-stdio:1"), None);
        assert!(group("system-service").is_current() && !group("system-service:257").is_current());
    }

    #[test]
    fn nesting_is_expanded_within_a_release() {
        // @system-service holds @default, which in 252 knew no mseal.
        for name in ["brk", "openat", "socket", "kill", "epoll_wait"] {
            assert!(group("system-service").contains(name), "{name}");
        }
        assert!(!group("system-service").contains("mount"));
        assert!(group("default").contains("mseal") && !group("default:252").contains("mseal"));
        assert!(group("privileged").contains("init_module"), "nested two deep");
    }

    #[test]
    fn groups_of_a_call() {
        let mount = Syscall::from_name("mount").unwrap();
        let names = || Group::containing(mount).map(|g| g.name);
        assert!(names().any(|n| n == "mount") && names().any(|n| n == "mount:252"));
        assert!(!names().any(|n| n == "system-service"));
        assert_eq!(
            Group::containing(mount).count(),
            Group::all().iter().filter(|g| g.contains("mount")).count()
        );
    }

    #[test]
    fn what_a_source_lists_and_no_table_has_is_explained() {
        let osf = group("known").absent().find(|a| a.0.starts_with("osf_")).expect("Alpha's calls");
        assert!(osf.1.contains("Alpha"));
        assert!(group("known").absent().all(|a| Syscall::from_name(a.0).is_none() && !a.1.is_empty()));
    }
}
