//! Newer forms of the same call: `clock_gettime64`, `chown32`, `stat64`, `pipe2`.
//!
//! A policy that names one form says nothing about the others. On a 32-bit ABI a program uses whichever its C
//! library prefers, so a list that permits `stat` but not `stat64` breaks there.

use crate::arch::Arch;
use crate::syscall::Syscall;
use crate::tables::variant::VARIANTS;

/// How a newer form differs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// 64-bit times on a 32-bit ABI.
    Time64,
    /// 64-bit offsets, sizes and inode numbers on a 32-bit ABI.
    Size64,
    /// 32-bit user and group ids where the older form passes 16 bits.
    Id32,
    /// The same service with further arguments or another structure.
    Redesign,
}

/// Two forms of one call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Variant {
    /// The older form.
    pub older: Syscall,
    /// The newer form.
    pub newer: Syscall,
    /// How they differ.
    pub kind: Kind,
}

/// Every pair, by older and newer name.
pub fn all() -> impl ExactSizeIterator<Item = Variant> + Clone {
    VARIANTS.iter().map(|(older, newer, kind)| Variant {
        older: Syscall::from_index(*older),
        newer: Syscall::from_index(*newer),
        kind: *kind,
    })
}

/// The pairs that `call` is one half of.
///
/// ```
/// use callgate_abi::{Syscall, variant::{self, Kind}};
/// let futex = Syscall::from_name("futex").unwrap();
/// let pair = variant::of(futex).next().unwrap();
/// assert_eq!((pair.newer.name(), pair.kind), ("futex_time64", Kind::Time64));
/// ```
pub fn of(call: Syscall) -> impl Iterator<Item = Variant> + Clone {
    all().filter(move |v| v.older == call || v.newer == call)
}

/// Whether `call` cuts user and group ids to 16 bits on `arch`: its `*32` form is there beside it.
pub fn truncates_ids(call: Syscall, arch: Arch) -> bool {
    let has = |call: Syscall| call.number(arch).is_some();
    has(call) && of(call).any(|v| v.older == call && v.kind == Kind::Id32 && has(v.newer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str) -> Syscall {
        Syscall::from_name(name).unwrap()
    }

    #[test]
    fn sixteen_bit_ids() {
        assert!(truncates_ids(call("chown"), Arch::X86));
        assert!(truncates_ids(call("setgroups"), Arch::Arm));
        assert!(!truncates_ids(call("chown"), Arch::X86_64));
        assert!(!truncates_ids(call("chown"), Arch::Ppc));
        assert!(!truncates_ids(call("chown32"), Arch::X86));
        assert!(!truncates_ids(call("chown"), Arch::Riscv64));
    }

    #[test]
    fn only_abis_with_a_32_bit_long_have_64_bit_times_apart() {
        for variant in all().filter(|v| v.kind == Kind::Time64) {
            for arch in Arch::ALL.iter().copied() {
                let there = variant.newer.number(arch).is_some();
                assert!(!there || arch.pointer_bits() == 32, "{} on {arch:?}", variant.newer.name());
            }
        }
    }

    #[test]
    fn a_64_bit_time_is_not_older() {
        for variant in all().filter(|v| v.kind == Kind::Time64) {
            for arch in Arch::ALL.iter().copied().filter(|a| variant.newer.number(*a).is_some()) {
                let (old, new) = (variant.older.since(arch), variant.newer.since(arch));
                assert!(old.is_none() || old <= new, "{} on {arch:?}", variant.newer.name());
            }
        }
    }
}
