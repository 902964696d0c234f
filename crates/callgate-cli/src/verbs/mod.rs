//! One file a verb.

pub(crate) mod asm;
pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod complete;
pub(crate) mod convert;
pub(crate) mod diff;
pub(crate) mod disasm;
pub(crate) mod doctor;
pub(crate) mod dump;
pub(crate) mod emu;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod help;
pub(crate) mod learn;
pub(crate) mod merge;
pub(crate) mod optimize;
pub(crate) mod prove;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod supervise;
pub(crate) mod syscalls;
pub(crate) mod test;
pub(crate) mod why;
