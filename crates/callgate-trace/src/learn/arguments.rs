//! Which arguments are worth recording, and what is asked of them.

/// How the values seen of an argument become a condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// One of the values seen.
    Listed,
    /// These bits of it have one of the values seen.
    Masked(&'static str, u64),
    /// None of these bits is set, if none was.
    Without(&'static str, u64),
    /// No memory is made executable, if none was; or else none that can be written, if none was both.
    Protection,
    /// Recorded, but no condition: which value is used depends on the moment, not on the program.
    Noted,
}

/// The namespaces of `include/uapi/linux/sched.h`, without `CLONE_NEWTIME`: in `clone` its bit belongs to the
/// signal.
const NAMESPACES: (&str, u64) = (
    "(CLONE_NEWNS|CLONE_NEWCGROUP|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWUSER|CLONE_NEWPID|CLONE_NEWNET)",
    0x0002_0000 | 0x7e00_0000,
);

/// The arguments of a call that matter: position, and shape.
pub(super) fn of(call: &str) -> &'static [(usize, Shape)] {
    use Shape::{Listed, Masked, Noted, Protection, Without};
    match call {
        "socket" | "socketpair" => &[(0, Listed), (1, Masked("SOCK_TYPE_MASK", 0xf))],
        "ioctl" | "fcntl" | "fcntl64" => &[(1, Listed)],
        "futex" | "futex_time64" => &[(1, Noted)],
        "prctl" | "arch_prctl" | "personality" | "ptrace" | "keyctl" | "bpf" | "socketcall" | "ipc" => {
            &[(0, Listed)]
        }
        "madvise" => &[(2, Noted)],
        "mmap" | "mmap2" | "mprotect" => &[(2, Protection)],
        "clone" => &[(0, Without(NAMESPACES.0, NAMESPACES.1))],
        _ => &[],
    }
}
