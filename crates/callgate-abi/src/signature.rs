//! What a call's arguments are.

use crate::constant::Set;

/// How much of an argument register the kernel reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Width {
    /// The low 32 bits (`int`, `unsigned int`, `pid_t`, …); the rest is ignored by the kernel.
    W32,
    /// All 64 bits on a 64-bit ABI (`long`, `size_t`, pointers).
    W64,
}

/// What an argument is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// A plain number.
    Value,
    /// A file descriptor.
    Fd,
    /// A pointer to a path name.
    Path,
    /// A pointer to anything else.
    Pointer,
    /// A set of flag bits.
    Flags,
    /// File mode bits.
    Mode,
    /// A process or thread id.
    Pid,
    /// A user or group id.
    Id,
    /// A size or count in bytes or elements.
    Size,
    /// A file offset, or one half of it.
    Offset,
    /// A command or option that selects what the call does.
    Command,
    /// A signal number.
    Signal,
}

/// One parameter of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Param {
    /// The name in the kernel's `SYSCALL_DEFINE`.
    pub name: &'static str,
    /// The C type there.
    pub ctype: &'static str,
    /// How much of the register is read on a 64-bit ABI. Every argument is 32 bits wide on a 32-bit one.
    pub width: Width,
    /// Whether the type is signed.
    pub signed: bool,
    /// What it is for.
    pub role: Role,
    /// The constants it takes, where they are a known set.
    pub set: Option<Set>,
}
