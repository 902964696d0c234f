//! LXC's seccomp profiles, versions 1 and 2 (Incus and LXD generate them).
//!
//! Source: LXC 6, `src/lxc/seccomp.c`.

mod read;
mod rule;
mod write;

pub(crate) use read::read;
pub(crate) use write::write;
