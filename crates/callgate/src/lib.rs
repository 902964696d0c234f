//! Linux system-call filters (seccomp-BPF): write, compile, prove, read back.

pub mod builtin;
pub mod diagnostic;
pub mod diagram;
pub mod emit;
mod hash;
pub mod lift;
pub mod lint;
pub mod lower;
pub mod policy;
pub mod program;
pub mod render;
pub mod survey;
pub mod syntax;

pub use callgate_abi as abi;
pub use callgate_abi::{Action, Arch, Errno, SeccompData, Syscall, Width};
pub use diagnostic::Diagnostic;
pub use diagram::{Diagram, Filter, Limits, TooLarge};
pub use emit::{CompileError, EmitError};
pub use lift::LiftError;
pub use lower::LowerError;
pub use policy::{ArgCmp, ArgIndex, Call, Cond, Decided, Op, Origin, Policy, Rule};
pub use program::Program;
pub use render::{RenderError, Rendered};
