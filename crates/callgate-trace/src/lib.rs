//! Watching live processes: which system calls a program makes, and why one was denied.
//!
//! * [`decode`]: a call in words, with what its pointers point to;
//! * [`evidence`]: calls found in audit records and core dumps;
//! * [`remedy`]: the rule that would allow a call, and a policy with it.

pub mod decode;
pub mod evidence;
mod observed;
pub mod remedy;

pub use observed::Observed;
