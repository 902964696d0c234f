//! Promises, as the Linux port of OpenBSD's `pledge` takes them: `stdio rpath inet`.
//!
//! Source: jart/pledge (cosmopolitan, `libc/calls/pledge-linux.c`).

mod read;
mod restrict;
mod table;

pub(crate) use read::read;
