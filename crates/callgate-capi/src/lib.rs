//! `libseccomp.so.2`: the C interface of libseccomp 2.6, on callgate.
//!
//! * `api/`: the exported functions, a file a topic; the only code that sees C's pointers. Each one hands
//!   plain values to the rest and turns a panic into an error.
//! * `collection`: what a `scmp_filter_ctx` points to; `rules`: the rules of one architecture; `chain`:
//!   the rules of one call and how they combine.
//! * `tree`: the tests that are listed for a call, and which rules stand in the way of others.
//! * `meaning`: which rule of a call decides.
//! * `compile`: a collection as a policy, and its program.
//! * `order`: in which order calls are listed and asked for.
//! * `pfc`: a collection as text, the way libseccomp words it.
//! * `name`, `pseudo`, `token`: names, numbers and architectures as the interface counts them.
//! * `known`: which calls a kernel has, by the interface's numbers of kernels.
//! * `memory`: what happens where there is none.
//! * `kernel`: what the kernel supports; loading; notifications.
//!
//! # Safety
//!
//! Unsafe code is in `api/`, `kernel` and `memory`. A `scmp_filter_ctx` is a pointer that `seccomp_init` returned and
//! `seccomp_release` or `seccomp_merge` has not yet taken back; a stamp at its beginning tells most other
//! pointers to readable memory apart, as it always has in this interface.

pub mod api;
mod attribute;
mod chain;
mod collection;
mod compile;
mod kernel;
mod known;
mod meaning;
mod memory;
mod name;
mod order;
mod pfc;
mod rules;
mod token;
mod tree;

pub use callgate::abi::pseudo::PSEUDO;
pub use known::{KERNELS, kernel};
