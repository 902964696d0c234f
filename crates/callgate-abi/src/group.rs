//! Named sets of calls.

use crate::syscall::Syscall;

/// A named set of calls, written `@name` in policies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Group {
    /// The name without the `@`.
    pub name: &'static str,
    /// What it is for, one line.
    pub summary: &'static str,
    /// Where the set comes from (`systemd 262`, `callgate`, …).
    pub source: &'static str,
    pub(crate) members: &'static [u16],
}

impl Group {
    /// The group with this name (without `@`).
    pub fn from_name(_name: &str) -> Option<&'static Group> {
        None
    }

    /// Every group, by name.
    pub fn all() -> &'static [Group] {
        &[]
    }

    /// The member calls, nested groups included, by name.
    pub fn members(&self) -> impl ExactSizeIterator<Item = Syscall> + '_ {
        self.members.iter().map(|i| Syscall::from_index(*i))
    }
}
