//! System calls: one name, many numbers.

use crate::arch::Arch;
use crate::signature::Param;
use crate::tables::syscall as table;

/// A system call by name. Compare, hash and copy it freely; it is an index into the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Syscall(u16);

impl Syscall {
    pub(crate) const fn from_index(index: u16) -> Syscall {
        Syscall(index)
    }

    /// The position in the table, the inverse of `from_index`.
    pub(crate) const fn index(self) -> u16 {
        self.0
    }

    /// The call with this name (the `__NR_` spelling of the kernel's headers).
    pub fn from_name(name: &str) -> Option<Syscall> {
        table::NAMES.binary_search(&name).ok().map(|i| Syscall(i as u16))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        table::NAMES[self.0 as usize]
    }

    /// The number on `arch`, with the x32 bit or MIPS offset included; `None` where there is none.
    pub fn number(self, arch: Arch) -> Option<u32> {
        table::numbers(arch).iter().find(|e| e.1 == self.0).map(|e| e.0)
    }

    /// The call with this number on `arch`.
    pub fn from_number(arch: Arch, nr: u32) -> Option<Syscall> {
        let numbers = table::numbers(arch);
        numbers.binary_search_by_key(&nr, |e| e.0).ok().map(|i| Syscall(numbers[i].1))
    }

    /// The largest number the table has for `arch`; numbers above it are "newer than the tables".
    pub fn last_number(arch: Arch) -> Option<u32> {
        table::numbers(arch).last().map(|e| e.0)
    }

    /// Every call, by name.
    pub fn all() -> impl ExactSizeIterator<Item = Syscall> + Clone {
        (0..table::NAMES.len() as u16).map(Syscall)
    }

    /// The calls of `arch` with their numbers, ascending.
    pub fn of_arch(arch: Arch) -> impl ExactSizeIterator<Item = (u32, Syscall)> + Clone {
        table::numbers(arch).iter().map(|e| (e.0, Syscall(e.1)))
    }

    /// The parameters on `arch`, if the signature is known.
    pub fn params(self, _arch: Arch) -> Option<&'static [Param]> {
        None
    }
}
