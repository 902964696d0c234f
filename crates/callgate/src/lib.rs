//! Linux system-call filters (seccomp-BPF): write, compile, prove, read back.

pub mod policy;
pub mod program;

pub use callgate_abi as abi;
pub use callgate_abi::{Action, Arch, Errno, SeccompData, Syscall, Width};
pub use policy::{ArgCmp, ArgIndex, Call, Cond, Decided, Op, Origin, Policy, Rule};
pub use program::Program;
