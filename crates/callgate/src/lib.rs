//! Linux system-call filters (seccomp-BPF): write, compile, prove, read back.

pub mod abbreviate;
pub mod answer;
mod build;
pub mod builtin;
pub mod compare;
pub mod diagnostic;
pub mod diagram;
pub mod emit;
mod hash;
#[cfg(feature = "install")]
pub mod install;
pub mod lift;
pub mod lint;
pub mod lower;
#[cfg(feature = "install")]
pub mod notify;
pub mod policy;
pub mod program;
pub mod render;
mod suggest;
pub mod survey;
pub mod syntax;

pub use build::{Operand, UnknownCall, arg32, arg64};
pub use callgate_abi as abi;
pub use callgate_abi::{Action, Arch, Errno, SeccompData, Syscall, Width};
pub use diagnostic::Diagnostic;
pub use diagram::{Diagram, Filter, Limits, TooLarge};
pub use emit::{CompileError, EmitError};
#[cfg(feature = "install")]
pub use install::{InstallError, report_sigsys};
pub use lift::LiftError;
pub use lower::LowerError;
pub use policy::{ArgCmp, ArgIndex, Call, Cond, Decided, Op, Origin, Policy, Rule};
pub use program::Program;
pub use render::{RenderError, Rendered};
pub use suggest::nearest;

/// The examples of the front page, run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
