//! One file a verb.

pub(crate) mod asm;
pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod disasm;
pub(crate) mod emu;
pub(crate) mod fmt;
pub(crate) mod help;
pub(crate) mod run;
pub(crate) mod test;
