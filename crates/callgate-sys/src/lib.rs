//! The door to the kernel.
//!
//! Every system call this project makes on seccomp's behalf is here, behind functions that are safe to
//! call, take and return owned descriptors, and name the call that failed.
//!
//! * [`mod@install`]: put a filter on this thread or on all threads;
//! * [`spawn`]: start a command under filters and stay out of its way;
//! * [`listener`], [`receiving`]: receive and answer the calls a filter hands over;
//! * [`behalf`]: opening, connecting and binding for the caller of such a call;
//! * [`descriptor`], [`scm`], [`pidfd`], [`memory`]: descriptors and bytes from one process to another;
//! * [`calls`], [`bpf`]: every call a command makes;
//! * [`ptrace`], [`process`]: read the filters of running threads, watch filters being loaded;
//! * [`trial`]: see what the kernel does with calls under a program;
//! * [`confine`]: a piece of a program under a filter, for tests;
//! * [`sigsys`]: say which call a filter trapped, from inside the program;
//! * [`probe`]: find out what this kernel lets this process do;
//! * [`error`]: how every failure is told.
//!
//! ```
//! use callgate_abi::{Action, Insn, insn::op};
//! use callgate_sys::{Command, Flags, Outcome};
//!
//! // A filter that lets everything through.
//! let program = [Insn::stmt(op::RET_K, Action::ALLOW.to_ret())];
//! let outcome = Command::new(&["sh", "-c", "exit 7"])?.filter(&program, Flags::NEW).spawn()?.wait()?;
//! assert_eq!(outcome, Outcome::Exited(7));
//! # Ok::<(), callgate_sys::Failure>(())
//! ```
//!
//! # Safety
//!
//! Each file that contains `unsafe` says at its top what makes it sound; each block says it again for
//! itself. Nothing here is callable with a value that could break memory. One thing no type can promise:
//! a filter that answers `mmap` with a made-up success breaks the program it is loaded into.

pub mod behalf;
pub mod bpf;
pub mod calls;
pub mod confine;
pub mod descriptor;
pub mod error;
pub mod install;
pub mod listener;
pub mod maps;
pub mod memory;
pub mod pidfd;
pub mod probe;
pub mod process;
pub mod ptrace;
mod raw;
pub mod receiving;
pub mod scm;
mod shared;
mod signal;
pub mod sigsys;
pub mod spawn;
pub mod trial;

pub use callgate_abi::Insn;
pub use error::Error;
pub use install::{Flags, install, install_strict, no_new_privs, set_no_new_privs};
pub use listener::{Delivery, Listener, Notification, NotifyId, Readiness, Slot};
pub use spawn::{Child, Command, Failure, Outcome};

/// Takes in the program of a policy that the build script compiled with `callgate-build`: a `static` array,
/// ready for [`install()`](crate::install()). The argument is the policy's file without folder and extension.
///
/// ```ignore
/// callgate_sys::include_policy!("web");
/// callgate_sys::install(&WEB, callgate_sys::Flags::NEW)?;
/// ```
#[macro_export]
macro_rules! include_policy {
    ($name:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $name, ".rs"));
    };
}

/// The examples of the front page, run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
