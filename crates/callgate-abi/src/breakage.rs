//! Which release of which component began to use a call: what an upgrade breaks.
//!
//! A policy that was complete for one C library is not for the next. Each row says what a release
//! began to call, what happens when the filter refuses it, and where that can be checked.
//!
//! Source: `data/breakages.txt`; each row names its own.

use crate::arch::Arch;
use crate::syscall::Syscall;
use crate::tables::breakage as table;
use core::cmp::Ordering;
use core::fmt;

/// A release, up to three numbers: `2.36`, `1.58.1`, `258`.
///
/// ```
/// use callgate_abi::breakage::Version;
///
/// let version = |text| Version::parse(text).unwrap();
/// assert!(version("2.9") < version("2.36"));
/// assert_eq!(version("2.36"), version("2.36.0"));
/// assert_eq!(Version::parse("2.x"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version(pub u16, pub u16, pub u16);

impl Version {
    /// Reads one to three numbers parted by dots; missing ones are 0.
    pub fn parse(text: &str) -> Option<Version> {
        let mut parts = [0; 3];
        for (i, part) in text.split('.').enumerate() {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            *parts.get_mut(i)? = part.parse().ok().filter(|_| digits)?;
        }
        Some(Version(parts[0], parts[1], parts[2]))
    }
}

impl fmt::Display for Version {
    /// Writes at most as many numbers as are needed, but the second one always unless both are 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Version(major, 0, 0) => write!(f, "{major}"),
            Version(major, minor, 0) => write!(f, "{major}.{minor}"),
            Version(major, minor, patch) => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}

/// How a component takes a refusal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// Another way gives the same.
    Works,
    /// It goes on with less.
    Degrades,
    /// What was asked for does not happen.
    Fails,
}

/// One thing that a release began to call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Breakage {
    /// The component: `glibc`, `musl`, `rust`, `go`, `cpython`, …
    pub component: &'static str,
    /// The first release that does it.
    pub since: Version,
    /// The first release that no longer does.
    pub until: Option<Version>,
    /// The call.
    pub call: Syscall,
    /// The argument (by the kernel's name, for [`Syscall::param_index`]) and the constant in it that is new; `None` where the call
    /// itself is.
    pub constant: Option<(&'static str, &'static str)>,
    /// Only on these architectures; empty means on all.
    pub arches: &'static [Arch],
    /// Who calls it and for what, a clause.
    pub what: &'static str,
    /// What happens where the filter answers `ENOSYS`, and how; `None` where that is not known.
    pub on_enosys: Option<(Outcome, &'static str)>,
    /// What happens where the filter answers `EPERM`, and how; `None` where that is not known.
    pub on_eperm: Option<(Outcome, &'static str)>,
    /// Where this can be checked: addresses of reports, or files of the component's source.
    pub sources: &'static [&'static str],
}

impl Breakage {
    /// Whether release `version` of the component does it.
    pub fn affects(&self, version: Version) -> bool {
        self.since <= version && self.until.is_none_or(|until| version < until)
    }

    /// Whether `arch` has the call and the component uses it there.
    pub fn is_on(&self, arch: Arch) -> bool {
        let listed = self.arches.is_empty() || self.arches.contains(&arch);
        listed && self.call.number(arch).is_some()
    }

    /// Whether refusing with `ENOSYS` is gentler than with `EPERM`.
    pub fn wants_enosys(&self) -> bool {
        match (self.on_enosys, self.on_eperm) {
            (Some((enosys, _)), Some((eperm, _))) => enosys.cmp(&eperm) == Ordering::Less,
            _ => false,
        }
    }
}

/// Every row, by component, release and call.
pub fn all() -> &'static [Breakage] {
    table::BREAKAGES
}

/// The components there are rows of, by name.
pub fn components() -> impl Iterator<Item = &'static str> + Clone {
    let starts = |(i, b): &(usize, &Breakage)| *i == 0 || all()[i - 1].component != b.component;
    all().iter().enumerate().filter(starts).map(|(_, b)| b.component)
}

/// The rows of a component, by release and call; none for a component that is not known.
pub fn of_component(component: &str) -> &'static [Breakage] {
    let start = all().partition_point(|b| b.component < component);
    let len = all()[start..].partition_point(|b| b.component == component);
    &all()[start..start + len]
}

/// What a program that ran with release `from` of the component may begin to do with one of the
/// releases after it up to `to`.
///
/// ```
/// use callgate_abi::breakage::{Version, between};
///
/// let rows = between("glibc", Version(2, 36, 0), Version(2, 43, 0));
/// let calls: Vec<_> = rows.map(|b| (b.call.name(), b.constant.map(|c| c.1))).collect();
/// assert!(calls.contains(&("fchmodat2", None)));
/// assert!(calls.contains(&("ioctl", Some("TCGETS2"))));
/// assert!(!calls.contains(&("clone3", None)), "2.34 had it already");
/// ```
pub fn between(
    component: &str,
    from: Version,
    to: Version,
) -> impl Iterator<Item = &'static Breakage> + Clone {
    of_component(component).iter().filter(move |b| from < b.since && b.since <= to)
}

/// What release `version` of the component does that some release before it did not.
pub fn at(component: &str, version: Version) -> impl Iterator<Item = &'static Breakage> + Clone {
    of_component(component).iter().filter(move |b| b.affects(version))
}

/// Who began to use `call`.
pub fn of_call(call: Syscall) -> impl Iterator<Item = &'static Breakage> + Clone {
    all().iter().filter(move |b| b.call == call)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;
    use std::vec::Vec;

    #[test]
    fn sorted_sourced_and_explained() {
        let key = |b: &Breakage| (b.component, b.since, b.call, b.constant);
        assert!(all().is_sorted_by(|a, b| key(a) < key(b)));
        for b in all() {
            let name = (b.component, b.since, b.call.name());
            assert!(!b.sources.is_empty() && b.sources.iter().all(|s| !s.is_empty()), "{name:?}");
            assert!(!b.what.is_empty() && !b.what.ends_with('.'), "{name:?}");
            assert!(b.until.is_none_or(|until| b.since < until), "{name:?}");
            assert!(b.arches.iter().all(|a| b.is_on(*a)), "{name:?} is on an architecture without it");
            if let Some((argument, constant)) = b.constant {
                let mut on = Arch::ALL.iter().copied().filter(|a| b.is_on(*a));
                let known =
                    |a| b.call.param_index(a, argument).and(crate::constant::value(constant, a)).is_some();
                assert!(on.any(known), "{name:?} {argument} {constant}");
            }
        }
    }

    #[test]
    fn versions_read_and_write() {
        for text in ["258", "2.36", "1.58.1", "3.10"] {
            assert_eq!(Version::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", ".", "2.", "2..1", "1.2.3.4", "+2", "2.36rc1", "99999"] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn rows_end_where_a_release_went_back() {
        let newfstatat = |version| at("glibc", version).any(|b| b.call.name() == "newfstatat");
        assert!(
            !newfstatat(Version(2, 32, 0)) && newfstatat(Version(2, 36, 0)) && !newfstatat(Version(2, 39, 0))
        );
        assert_eq!(at("no-such-libc", Version(1, 0, 0)).count(), 0);
    }

    #[test]
    fn components_partition_the_rows() {
        let names: Vec<_> = components().collect();
        assert!(names.is_sorted_by(|a, b| a < b));
        for name in ["cpython", "glibc", "go", "musl", "rust", "systemd"] {
            assert!(names.contains(&name), "{name}");
        }
        assert_eq!(names.iter().map(|c| of_component(c).len()).sum::<usize>(), all().len());
    }

    #[test]
    fn what_must_be_answered_enosys() {
        let clone3 = Syscall::from_name("clone3").unwrap();
        assert!(of_call(clone3).any(Breakage::wants_enosys));
        let rows = all().iter().filter(|b| b.wants_enosys());
        for name in ["faccessat2", "fchmodat2", "clock_gettime64", "statx"] {
            assert!(rows.clone().any(|b| b.call.name() == name), "{name}");
        }
        let time64 = of_call(Syscall::from_name("clock_gettime64").unwrap()).next().unwrap();
        assert!(time64.is_on(Arch::Arm) && !time64.is_on(Arch::X86_64));
    }
}
