//! Watching live processes: which system calls a program makes, and why one was denied.
//!
//! * [`callers`]: functions that called one another, in words;
//! * [`decode`]: a call in words, with what its pointers point to;
//! * [`evidence`]: calls found in audit records and core dumps;
//! * [`learn`]: what was called, recorded, and the policy that permits it;
//! * [`remedy`]: the rule that would allow a call, and a policy with it;
//! * `stack`: who called, function by function (feature `stacks`, on x86_64 and aarch64);
//! * [`supervise`]: notified calls, answered by a policy's `on` lines.

pub mod callers;
pub mod decode;
pub mod evidence;
pub mod learn;
mod observed;
pub mod remedy;
#[cfg(all(feature = "stacks", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub mod stack;
pub mod supervise;

pub use observed::Observed;

/// The examples of the front page, run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
