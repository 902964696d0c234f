//! Calls without which programs die in odd places.
//!
//! A policy that lists what it permits is easily tried on the paths that work; these are the calls of
//! the start, of signal handlers and of the way out, which a trial misses.
//!
//! Source: `data/essentials.txt`.

use crate::arch::Arch;
use crate::syscall::Syscall;
use crate::tables::essential as table;

/// Who cannot do without a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Need {
    /// Every process, whatever its language.
    Always,
    /// Programs that are executed after the filter was loaded.
    Exec,
    /// Programs with a C library.
    Libc,
    /// Programs with threads.
    Threads,
    /// Programs in trouble: abort, failed assertions, panics.
    Trouble,
}

/// A call, or one of a few, that must be permitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Essential {
    /// Who needs it.
    pub need: Need,
    /// The call; where there are several, one that the architecture has is enough, and the first such
    /// is the usual one.
    pub calls: &'static [Syscall],
    /// What for, a clause.
    pub reason: &'static str,
}

impl Essential {
    /// The calls of which `arch` needs one; none where it needs none.
    ///
    /// ```
    /// use callgate_abi::{Arch, Syscall, essential};
    ///
    /// let mmap = Syscall::from_name("mmap").unwrap();
    /// let row = essential::of(mmap).next().unwrap();
    /// let on = |arch| row.on(arch).map(Syscall::name).next();
    /// assert_eq!((on(Arch::X86), on(Arch::X86_64)), (Some("mmap2"), Some("mmap")));
    /// ```
    pub fn on(&self, arch: Arch) -> impl Iterator<Item = Syscall> + Clone + '_ {
        self.calls.iter().copied().filter(move |call| call.number(arch).is_some())
    }
}

/// Every essential, by need.
pub fn all() -> &'static [Essential] {
    table::ESSENTIALS
}

/// What `call` is essential for.
pub fn of(call: Syscall) -> impl Iterator<Item = &'static Essential> + Clone {
    all().iter().filter(move |e| e.calls.contains(&call))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_and_explained() {
        assert!(all().is_sorted_by_key(|e| e.need));
        for e in all() {
            assert!(!e.calls.is_empty() && !e.reason.is_empty(), "{e:?}");
        }
    }

    #[test]
    fn exit_is_possible_everywhere() {
        for arch in Arch::ALL {
            for e in all().iter().filter(|e| e.need == Need::Always) {
                assert!(e.on(*arch).next().is_some(), "{} has none of {:?}", arch.name(), e.calls);
            }
        }
    }
}
