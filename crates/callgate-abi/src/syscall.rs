//! System calls: one name, many numbers.

use crate::arch::Arch;
use crate::kernel::Kernel;
use crate::signature::Param;
use crate::tables::{slots, syscall as table};

/// A system call by name. Compare, hash and copy it freely; it is an index into the table.
///
/// ```
/// use callgate_abi::{Arch, Kernel, Syscall};
/// let openat2 = Syscall::from_name("openat2").unwrap();
/// assert_eq!(openat2.number(Arch::X86_64), Some(437));
/// assert_eq!(openat2.number(Arch::Mips), Some(4437));
/// assert_eq!(openat2.since(Arch::Arm), Some(Kernel::new(5, 6)));
/// assert_eq!(Syscall::from_number(Arch::Aarch64, 437), Some(openat2));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Syscall(u16);

impl Syscall {
    pub(crate) const fn from_index(index: u16) -> Syscall {
        Syscall(index)
    }

    /// How many calls there are.
    pub const COUNT: usize = table::NAMES.len();

    /// The position in [`Syscall::all`]. Another version of this library may number otherwise.
    pub const fn index(self) -> u16 {
        self.0
    }

    /// The call at this position of [`Syscall::all`].
    ///
    /// ```
    /// use callgate_abi::Syscall;
    /// let last = Syscall::from_position(Syscall::COUNT - 1);
    /// assert_eq!(last, Syscall::all().last());
    /// assert_eq!(Syscall::from_position(Syscall::COUNT), None);
    /// ```
    pub const fn from_position(position: usize) -> Option<Syscall> {
        // There are far fewer calls than 16 bits count.
        if position < Syscall::COUNT { Some(Syscall(position as u16)) } else { None }
    }

    /// The call with this name (the `__NR_` spelling of the kernel's headers).
    pub fn from_name(name: &str) -> Option<Syscall> {
        slots::find(table::SLOTS, name, |index| table::NAMES[usize::from(index)]).map(Syscall)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        table::NAMES[self.0 as usize]
    }

    /// The number on `arch`, with the x32 bit or MIPS offset included; `None` where there is none.
    ///
    /// A call the kernel has dropped, or only ever reserved a number for, still has that number.
    pub fn number(self, arch: Arch) -> Option<u32> {
        table::of(arch).number(self.0)
    }

    /// The call with this number on `arch`.
    pub fn from_number(arch: Arch, nr: u32) -> Option<Syscall> {
        let table = table::of(arch);
        let code = table.code(nr)?;
        let by_code = |index: &u16| table.codes[usize::from(*index)];
        table.order.binary_search_by_key(&code, by_code).ok().map(|i| Syscall(table.order[i]))
    }

    /// The first kernel with the call on `arch`: exact from 5.1 on, before that the earliest that fits what is
    /// known. `None` where it has no number, and for numbers that no kernel ever implemented (`afs_syscall`).
    pub fn since(self, arch: Arch) -> Option<Kernel> {
        let index = usize::from(table::of(arch).since[usize::from(self.0)]);
        let since = *table::KERNELS.get(index.checked_sub(1)?)?;
        Some(since.max(arch.since()))
    }

    /// The first kernel that answers the call with `ENOSYS` again on `arch`, if it was dropped.
    pub fn removed(self, arch: Arch) -> Option<Kernel> {
        let removed = table::of(arch).removed;
        let at = removed.binary_search_by_key(&self.0, |r| r.0).ok()?;
        let dropped = table::KERNELS.get(usize::from(removed[at].1)).copied();
        dropped.filter(|dropped| self.since(arch).is_some_and(|since| since < *dropped))
    }

    /// Whether `kernel` has the call on `arch` (compiled in or not).
    pub fn exists(self, arch: Arch, kernel: Kernel) -> bool {
        self.since(arch).is_some_and(|since| since <= kernel)
            && self.removed(arch).is_none_or(|removed| kernel < removed)
    }

    /// The largest regular number the table has for `arch`; numbers above it are "newer than the tables".
    /// Arm's private calls (from 0x0f0000) don't count.
    pub fn last_number(arch: Arch) -> Option<u32> {
        Some(table::of(arch).last)
    }

    /// Every call, by name.
    pub fn all() -> impl ExactSizeIterator<Item = Syscall> + Clone {
        (0..table::NAMES.len() as u16).map(Syscall)
    }

    /// The calls of `arch` with their numbers, ascending. Where two names share a number, the one that
    /// [`from_number`](Syscall::from_number) gives is there.
    pub fn of_arch(arch: Arch) -> impl ExactSizeIterator<Item = (u32, Syscall)> + Clone {
        let table = table::of(arch);
        table.order.iter().map(|index| (table.decode(table.codes[usize::from(*index)]), Syscall(*index)))
    }

    /// The parameters on `arch` as registers, if anybody knows them: a 64-bit value that a 32-bit ABI splits is
    /// two of them, and a register it skips is one called `_pad`. A seventh, which no filter sees, is left out.
    /// Where `arch` has no such call: those of most others.
    ///
    /// ```
    /// use callgate_abi::{Arch, Syscall};
    /// let names = |call, arch| {
    ///     let params = Syscall::from_name(call).and_then(|c| c.params(arch)).unwrap();
    ///     params.iter().map(|p| p.name).collect::<Vec<_>>()
    /// };
    /// assert_eq!(names("socket", Arch::X86_64), ["domain", "type", "protocol"]);
    /// assert_eq!(names("clone", Arch::S390x), ["stack", "flags", "parent_tid", "child_tid", "tls"]);
    /// assert_eq!(names("pread64", Arch::Arm), ["fd", "buf", "count", "_pad", "offset_low", "offset_high"]);
    /// ```
    pub fn params(self, arch: Arch) -> Option<&'static [Param]> {
        crate::signature::params(self.0, arch)
    }

    /// The position of the parameter that answers to `name` on `arch`.
    ///
    /// ```
    /// use callgate_abi::{Arch, Syscall};
    /// let clone = Syscall::from_name("clone").unwrap();
    /// assert_eq!(clone.param_index(Arch::X86_64, "flags"), Some(0));
    /// assert_eq!(clone.param_index(Arch::S390x, "clone_flags"), Some(1));
    /// ```
    pub fn param_index(self, arch: Arch, name: &str) -> Option<usize> {
        self.params(arch)?.iter().position(|p| p.answers_to(name))
    }
}
