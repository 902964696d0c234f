//! Calls that reach the same kernel code, or the same effect by another road.
//!
//! A filter that denies `openat` and permits `openat2` has denied nothing. Three lists say where that
//! can happen: [`families`] of calls that stand in for one another, [`routes`] by which one call does
//! another's work (`socketcall`, `ipc`, io_uring's operations), and [`blind_spots`], the arguments
//! whose meaning lies behind a pointer. The forms of one call for other word sizes and time widths are
//! in [`crate::variant`]; many are here too, where the kernel does the same for both.
//!
//! Source: `data/twins.txt`, `data/multiplex.txt`.

use crate::arch::Arch;
use crate::syscall::Syscall;
use crate::tables::twin as table;

/// How the members of a [`Family`] are related.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kinship {
    /// One kernel function does the work of all.
    Same,
    /// Different code, but whoever wants the effect gets it.
    Effect,
}

/// Calls that stand in for one another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Family {
    /// A short name (`open`, `new-task`).
    pub name: &'static str,
    /// How the members are related.
    pub kinship: Kinship,
    /// Why they belong together, a clause.
    pub reason: &'static str,
    pub(crate) members: &'static [(Syscall, &'static str)],
}

impl Family {
    /// The family with this name.
    pub fn from_name(name: &str) -> Option<&'static Family> {
        let families = families();
        families.binary_search_by(|f| f.name.cmp(name)).ok().map(|at| &families[at])
    }

    /// The member calls, by name.
    pub fn members(&self) -> impl ExactSizeIterator<Item = Syscall> + Clone + '_ {
        self.members.iter().map(|m| m.0)
    }

    /// The members that `arch` has, with their numbers, by name.
    pub fn on(&self, arch: Arch) -> impl Iterator<Item = (u32, Syscall)> + Clone + '_ {
        self.members().filter_map(move |call| Some((call.number(arch)?, call)))
    }

    /// Whether `call` is a member.
    pub fn has(&self, call: Syscall) -> bool {
        self.members.binary_search_by_key(&call, |m| m.0).is_ok()
    }

    /// What is special about a member: where it can do more or less than the others, or which of its
    /// arguments makes it one of them.
    pub fn note(&self, call: Syscall) -> Option<&'static str> {
        let at = self.members.binary_search_by_key(&call, |m| m.0).ok()?;
        Some(self.members[at].1).filter(|note| !note.is_empty())
    }
}

/// A way for one call to do another's work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// The call a filter sees: `socketcall`, `ipc`, `io_submit`, `io_uring_enter`.
    pub carrier: Syscall,
    /// What selects the work (`SYS_SOCKET`, `IORING_OP_OPENAT`).
    pub selector: &'static str,
    /// The selector's value: the first argument of `socketcall`, its low 16 bits for `ipc`, an
    /// operation in memory for the others.
    pub value: u16,
    /// Whose work is done.
    pub reaches: Syscall,
    /// Since which kernel, major and minor; `None` where it has been so for ever.
    pub since: Option<(u8, u8)>,
}

impl Route {
    /// Whether the selector is an argument, so that a filter can tell this route from the carrier's
    /// others.
    pub fn is_visible(&self) -> bool {
        matches!(self.carrier.name(), "socketcall" | "ipc")
    }
}

/// An argument whose meaning no filter can see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlindSpot {
    /// The call.
    pub call: Syscall,
    /// One of the argument's names; [`Syscall::param_index`] finds it.
    pub argument: &'static str,
    /// What stays unseen.
    pub hides: &'static str,
    /// Only on these architectures; empty means on all.
    pub arches: &'static [Arch],
}

/// Every family, by name.
///
/// ```
/// use callgate_abi::{Syscall, twin};
///
/// let openat = Syscall::from_name("openat").unwrap();
/// let family = twin::of(openat).next().unwrap();
/// assert_eq!(family.name, "open");
/// assert!(family.members().any(|call| call.name() == "openat2"));
/// ```
pub fn families() -> &'static [Family] {
    table::FAMILIES
}

/// The families `call` is a member of, by name.
pub fn of(call: Syscall) -> impl Iterator<Item = &'static Family> + Clone {
    families().iter().filter(move |f| f.has(call))
}

/// Every route, by the name of the call reached, then by carrier and value.
pub fn routes() -> &'static [Route] {
    table::ROUTES
}

/// The ways other calls do `call`'s work.
///
/// ```
/// use callgate_abi::{Syscall, twin};
///
/// let socket = Syscall::from_name("socket").unwrap();
/// let roads: Vec<_> = twin::routes_to(socket).iter().map(|r| r.selector).collect();
/// assert_eq!(roads, ["IORING_OP_SOCKET", "SYS_SOCKET"]);
/// ```
pub fn routes_to(call: Syscall) -> &'static [Route] {
    let routes = routes();
    let start = routes.partition_point(|r| r.reaches < call);
    let len = routes[start..].partition_point(|r| r.reaches == call);
    &routes[start..start + len]
}

/// What `carrier` can do in other calls' stead.
pub fn routes_through(carrier: Syscall) -> impl Iterator<Item = &'static Route> + Clone {
    routes().iter().filter(move |r| r.carrier == carrier)
}

/// Every argument whose meaning no filter can see, by call.
pub fn blind_spots() -> &'static [BlindSpot] {
    table::BLIND_SPOTS
}

/// What of `call` no filter can see on `arch`.
pub fn blind_spots_of(call: Syscall, arch: Arch) -> impl Iterator<Item = &'static BlindSpot> + Clone {
    let on = move |b: &&BlindSpot| b.call == call && (b.arches.is_empty() || b.arches.contains(&arch));
    blind_spots().iter().filter(on)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn call(name: &str) -> Syscall {
        Syscall::from_name(name).unwrap_or_else(|| panic!("no call {name}"))
    }

    fn together(names: &[&str]) -> bool {
        of(call(names[0])).any(|f| names.iter().all(|n| f.has(call(n))))
    }

    #[test]
    fn families_are_sorted_and_have_company() {
        assert!(families().is_sorted_by(|a, b| a.name < b.name));
        for f in families() {
            assert_eq!(Family::from_name(f.name), Some(f));
            assert!(f.members.len() >= 2, "{} has one member", f.name);
            assert!(f.members.is_sorted_by(|a, b| a.0 < b.0), "{}", f.name);
            assert!(!f.reason.is_empty() && !f.reason.ends_with('.'), "{}", f.name);
        }
        assert_eq!(Family::from_name("nobody"), None);
    }

    #[test]
    fn known_escapes_are_known() {
        for names in [
            &["open", "openat", "openat2", "creat", "open_by_handle_at"][..],
            &["execve", "execveat"],
            &["fork", "vfork", "clone", "clone3"],
            &["chmod", "fchmod", "fchmodat", "fchmodat2"],
            &["mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "move_mount", "mount_setattr"],
            &["ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "process_madvise", "kcmp"],
            &["kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"],
            &["mprotect", "pkey_mprotect"],
            &["unshare", "setns", "clone"],
            &["init_module", "finit_module"],
            &["kexec_load", "kexec_file_load"],
            &["settimeofday", "clock_settime", "clock_settime64", "adjtimex", "clock_adjtime"],
            &["futex", "futex_wait", "futex_wake", "futex_requeue", "futex_waitv"],
            &["mmap", "shmat", "memfd_create", "personality", "mremap", "remap_file_pages", "uselib"],
        ] {
            assert!(together(names), "{names:?}");
        }
        assert!(!together(&["read", "openat"]));
    }

    #[test]
    fn sixty_four_bit_and_time64_variants_are_related_to_their_plain_calls() {
        let mut lonely = Vec::new();
        for variant in Syscall::all() {
            let name = variant.name();
            let plain = ["_time64", "64", "32"].iter().find_map(|end| name.strip_suffix(end));
            let Some(plain) = plain.and_then(Syscall::from_name) else { continue };
            let known = crate::variant::of(plain).any(|v| v.older == variant || v.newer == variant);
            if !known && !of(plain).any(|f| f.has(variant)) {
                lonely.push(name);
            }
        }
        assert!(lonely.is_empty(), "{lonely:?}");
    }

    #[test]
    fn routes_are_sorted_and_found() {
        let key = |r: &Route| (r.reaches, r.carrier, r.value);
        assert!(routes().is_sorted_by(|a, b| key(a) < key(b)));
        assert_eq!(routes_to(call("mount")), &[]);
        let through: usize = ["socketcall", "ipc", "io_submit", "io_uring_enter"]
            .map(|carrier| routes_through(call(carrier)).count())
            .iter()
            .sum();
        assert_eq!(through, routes().len());
        let openat2 = routes_to(call("openat2"));
        assert_eq!(openat2.len(), 1);
        assert_eq!(
            (openat2[0].selector, openat2[0].value, openat2[0].since),
            ("IORING_OP_OPENAT2", 28, Some((5, 6)))
        );
        assert!(!openat2[0].is_visible());
        assert!(routes_to(call("shmat"))[0].is_visible());
    }

    #[test]
    fn blind_spots_depend_on_the_architecture() {
        let of = |name, arch| blind_spots_of(call(name), arch).count();
        assert_eq!(of("clone3", Arch::X86_64), 1);
        assert_eq!(of("mmap", Arch::X86_64), 0);
        assert_eq!(of("mmap", Arch::S390x), 1);
        assert_eq!(of("read", Arch::X86_64), 0);
        for b in blind_spots() {
            let on = if b.arches.is_empty() { Arch::ALL } else { b.arches };
            let having = on.iter().filter(|a| b.call.number(**a).is_some());
            let known = having.filter(|a| b.call.param_index(**a, b.argument).is_some()).count();
            assert!(known > 0, "{} {}", b.call.name(), b.argument);
        }
        assert!(blind_spots().is_sorted_by(|a, b| (a.call, a.argument) < (b.call, b.argument)));
    }
}
