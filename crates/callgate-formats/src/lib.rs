//! Other people's seccomp notations, in and out: lossless, or loud about what was lost.
//!
//! [`read`] turns a file into an [`Import`]: one or more policies, what the file says beside them,
//! and a list of everything that could not be carried over. [`write`] turns a policy into an
//! [`Export`] the same way. [`detect`] says what a file is, and why.
//!
//! Every reader follows the *reference implementation* of its format, oddities included; where
//! implementations disagree about the same file, [`Options::runtime`] picks whose reading is meant.

mod amend;
mod android;
mod code;
mod container;
mod containers;
mod detect;
mod docker;
mod easyseccomp;
mod export;
mod firejail;
mod flat;
mod go_seccomp;
mod host;
mod import;
mod json;
mod kafel;
mod libseccomp;
mod lxc;
mod minijail;
mod names;
mod nsjail;
mod oci;
mod options;
mod pfc;
mod place;
mod pledge;
mod profile;
mod prologue;
mod prove;
mod runtime;
mod scan;
mod seccompiler;
mod snapd;
mod spo;
mod stack;
mod suggest;
mod systemd;
mod threads;
mod tree;
mod yaml;

pub use amend::{Amended, Permit, Unamended, amend, is_amended};
pub use callgate::abi::Kernel;
pub use detect::{Detected, Format, detect};
pub use export::{Accept, Export, main_arch, write, write_program};
pub use host::Capabilities;
pub use import::{Collect, Effect, Flags, Import, Listener, Loss, Named, Note, Witness, fuzz_read, read};
pub use minijail::Constants;
pub use options::{List, Open, Options, Runtime};
pub use place::{Error, Place, Problem};

/// The examples of the front page, run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
