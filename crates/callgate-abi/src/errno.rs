//! Error numbers.

/// An error number: the data of `SECCOMP_RET_ERRNO`. The kernel clamps values above 4095.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Errno(pub u16);

impl Errno {
    /// Operation not permitted.
    pub const EPERM: Errno = Errno(1);
    /// Function not implemented.
    pub const ENOSYS: Errno = Errno(38);

    /// The number with this name in the generic (x86) numbering.
    pub fn from_name(name: &str) -> Option<Errno> {
        crate::tables::errno::ERRNOS.iter().find(|e| e.0 == name).map(|e| Errno(e.1))
    }

    /// The preferred name in the generic (x86) numbering.
    pub fn name(self) -> Option<&'static str> {
        crate::tables::errno::ERRNOS.iter().find(|e| e.1 == self.0).map(|e| e.0)
    }
}
