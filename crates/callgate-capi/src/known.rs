//! Kernels as the interface after 2.6 numbers them, and the calls each of them has.
//!
//! `enum scmp_kver` counts every version from 3.0 on, in order, and begins with two values that are none.

use callgate::abi::Kernel;
use callgate::{Arch, Syscall};
use std::ops::RangeInclusive;

/// `SCMP_KV_UNDEF`: no kernel has been named.
pub(crate) const ANY: u32 = 1;

/// The number of Linux 3.0.
const FIRST: u32 = 2;

/// How many versions the series before the present one have, from 3 on: 3.19, 4.20, 5.19 and 6.19 were the last.
const SERIES: [u16; 4] = [20, 21, 20, 20];

/// The kernels that can be named, with their numbers: those that the tables know.
pub const KERNELS: RangeInclusive<u32> = FIRST..=last();

const fn last() -> u32 {
    let mut versions = Kernel::OF_TABLES.minor + 1;
    let mut i = 0;
    while i < SERIES.len() {
        versions += SERIES[i];
        i += 1;
    }
    // A seventh series has been the present one when this was written; an eighth needs its entry.
    assert!(Kernel::OF_TABLES.major as usize == 3 + SERIES.len());
    FIRST + versions as u32 - 1
}

/// The kernel with this number; `None` where it is outside [`KERNELS`].
pub fn kernel(number: u32) -> Option<Kernel> {
    if !KERNELS.contains(&number) {
        return None;
    }
    let (mut major, mut minor) = (3, u16::try_from(number - FIRST).ok()?);
    for versions in SERIES {
        if minor < versions {
            break;
        }
        (major, minor) = (major + 1, minor - versions);
    }
    Some(Kernel::new(major, minor))
}

/// The numbers of the calls that came with this kernel or before it, ascending: those it has dropped are no news
/// to anybody, nor are numbers that were only ever reserved.
pub(crate) fn numbers(arch: Arch, kernel: Kernel) -> impl Iterator<Item = u32> {
    let is_known = move |call: Syscall| call.since(arch).is_none_or(|since| since <= kernel);
    Syscall::of_arch(arch).filter(move |call| is_known(call.1)).map(|call| call.0)
}

/// The same, as ranges.
pub(crate) fn ranges(arch: Arch, kernel: Kernel) -> Vec<RangeInclusive<u32>> {
    let mut ranges: Vec<RangeInclusive<u32>> = Vec::new();
    for number in numbers(arch, kernel) {
        match ranges.last_mut() {
            Some(range) if number.checked_sub(1) == Some(*range.end()) => *range = *range.start()..=number,
            _ => ranges.push(number..=number),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_follow_each_other() {
        let of = |number| kernel(number).map(|k| (k.major, k.minor));
        assert_eq!(of(ANY), None);
        assert_eq!(of(2), Some((3, 0)));
        assert_eq!(of(21), Some((3, 19)));
        assert_eq!(of(22), Some((4, 0)));
        assert_eq!(of(42), Some((4, 20)));
        assert_eq!(of(43), Some((5, 0)));
        assert_eq!(of(68), Some((6, 5)));
        assert_eq!(of(80), Some((6, 17)));
        assert_eq!(kernel(*KERNELS.end()), Some(Kernel::OF_TABLES));
        assert_eq!(of(KERNELS.end() + 1), None);
    }

    #[test]
    fn a_kernel_has_what_came_before_it() {
        let kernel = Kernel::new(6, 5);
        let has = |nr| numbers(Arch::X86_64, kernel).any(|known| known == nr);
        // cachestat is of 6.5, fchmodat2 of 6.6; uselib was dropped, afs_syscall never there; 400 is no call.
        assert!(has(451) && !has(452) && has(134) && has(183) && !has(400));
        for arch in Arch::ALL {
            let flat: Vec<u32> = ranges(*arch, kernel).into_iter().flatten().collect();
            assert_eq!(flat, numbers(*arch, kernel).collect::<Vec<_>>(), "{}", arch.name());
        }
    }
}
