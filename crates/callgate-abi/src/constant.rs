//! The named constants that arguments take.

use crate::arch::Arch;

/// A family of constants that belong to one kind of argument (`open_flags`, `socket_family`, …).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Set(pub(crate) u16);

/// The value of a constant on `arch`, whatever set it belongs to.
pub fn value(name: &str, _arch: Arch) -> Option<u64> {
    crate::tables::constant::CONSTANTS.iter().find(|c| c.0 == name).map(|c| c.1)
}

impl Set {
    /// The set with this name.
    pub fn from_name(_name: &str) -> Option<Set> {
        None
    }

    /// The set's name.
    pub fn name(self) -> &'static str {
        ""
    }

    /// Whether the members are bits to be or-ed together (or a field below a mask), not alternatives.
    pub fn is_flags(self) -> bool {
        false
    }

    /// The members with their values on `arch`.
    pub fn members(self, _arch: Arch) -> impl Iterator<Item = (&'static str, u64)> {
        core::iter::empty()
    }

    /// The preferred name of a value on `arch`.
    pub fn name_of(self, _value: u64, _arch: Arch) -> Option<&'static str> {
        None
    }
}
