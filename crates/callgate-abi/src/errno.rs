//! Error numbers.
//!
//! Source: `include/uapi/asm-generic/errno.h` and the `asm/errno.h` of mips, parisc and powerpc.

use crate::arch::Arch;
use crate::tables::{errno as table, slots};

/// An error number in the generic (x86) numbering: the data of `SECCOMP_RET_ERRNO` on every architecture but
/// mips and parisc, where [`Errno::on`] translates. The kernel clamps values above 4095.
///
/// ```
/// use callgate_abi::{Arch, Errno};
/// assert_eq!(Errno::ENOSYS.on(Arch::X86_64), 38);
/// assert_eq!(Errno::ENOSYS.on(Arch::Mips), 89);
/// assert_eq!(Errno::name_on(89, Arch::Mips), Some("ENOSYS"));
/// assert_eq!(Errno::from_name("EWOULDBLOCK"), Errno::from_name("EAGAIN"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Errno(pub u16);

impl Errno {
    /// Operation not permitted.
    pub const EPERM: Errno = Errno(1);
    /// Permission denied.
    pub const EACCES: Errno = Errno(13);
    /// Function not implemented.
    pub const ENOSYS: Errno = Errno(38);

    /// The largest value a filter can return: `MAX_ERRNO` in the kernel, which clamps to it.
    pub const MAX: Errno = Errno(4095);

    /// The number with this name in the generic (x86) numbering; `EWOULDBLOCK`, `EDEADLOCK` and `ENOTSUP` are
    /// names too.
    pub fn from_name(name: &str) -> Option<Errno> {
        let at = slots::find(table::SLOTS, name, |index| table::BY_NAME[usize::from(index)].0)?;
        Some(Errno(table::BY_NAME[usize::from(at)].1))
    }

    /// The preferred name in the generic (x86) numbering.
    pub fn name(self) -> Option<&'static str> {
        let at = table::BY_NUMBER.binary_search_by_key(&self.0, |e| e.0).ok()?;
        Some(table::BY_NUMBER[at].1)
    }

    /// The number a program on `arch` must see to read this error; numbers without a name stay as they are.
    pub fn on(self, arch: Arch) -> u16 {
        let Some(own) = own(arch) else { return self.0 };
        match own.numbers.binary_search_by_key(&self.0, |n| n.0) {
            Ok(at) => own.numbers[at].1,
            Err(_) => self.0,
        }
    }

    /// The error that a program on `arch` sees as `raw`; the inverse of [`Errno::on`] for named errors.
    pub fn from_raw_on(raw: u16, arch: Arch) -> Option<Errno> {
        Errno::from_name(Errno::name_on(raw, arch)?)
    }

    /// The preferred name of the number `raw` as programs on `arch` read it.
    pub fn name_on(raw: u16, arch: Arch) -> Option<&'static str> {
        let names = own(arch).map_or(table::BY_NUMBER, |own| own.names);
        names.binary_search_by_key(&raw, |n| n.0).ok().map(|at| names[at].1)
    }

    /// Every named error with its preferred name, ascending by generic number.
    pub fn all() -> impl ExactSizeIterator<Item = (Errno, &'static str)> + Clone {
        table::BY_NUMBER.iter().map(|e| (Errno(e.0), e.1))
    }

    /// Every name, aliases included, sorted.
    pub fn names() -> impl ExactSizeIterator<Item = (&'static str, Errno)> + Clone {
        table::BY_NAME.iter().map(|e| (e.0, Errno(e.1)))
    }
}

fn own(arch: Arch) -> Option<&'static table::Own> {
    match arch {
        Arch::Mips | Arch::Mipsel | Arch::Mips64 | Arch::Mipsel64 | Arch::Mips64n32 | Arch::Mipsel64n32 => {
            Some(&table::MIPS)
        }
        Arch::Parisc | Arch::Parisc64 => Some(&table::PARISC),
        Arch::Ppc | Arch::Ppc64 | Arch::Ppc64le => Some(&table::PPC),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn every_name_comes_back_on_every_arch() {
        for (errno, name) in Errno::all() {
            assert_eq!(errno.name(), Some(name));
            assert_eq!(Errno::from_name(name), Some(errno));
            for arch in Arch::ALL.iter().copied() {
                let raw = errno.on(arch);
                assert!(raw <= Errno::MAX.0);
                assert_eq!(Errno::from_raw_on(raw, arch), Some(errno), "{name} on {arch:?}");
            }
        }
    }

    #[test]
    fn own_numbers() {
        let on = |name: &str, arch| Errno::from_name(name).unwrap().on(arch);
        assert_eq!(on("EDQUOT", Arch::Mipsel64n32), 1133);
        assert_eq!(on("ENOSYS", Arch::Parisc64), 251);
        assert_eq!(on("EHWPOISON", Arch::X86), 133);
        assert_eq!(Errno::name_on(58, Arch::Ppc64le), Some("EDEADLOCK"));
        assert_eq!(Errno::name_on(141, Arch::Mips), Some("EINIT"));
        assert_eq!(Errno::name_on(58, Arch::X86_64), None);
    }

    #[test]
    fn what_has_no_name() {
        assert_eq!(Errno(200).name(), None);
        assert_eq!(Errno(200).on(Arch::Mips), 200);
        assert_eq!(Errno::from_name("ENOTSUPP"), None);
        assert_eq!(Errno::from_name("eperm"), None);
    }
}
