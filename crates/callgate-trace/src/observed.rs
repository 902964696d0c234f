//! A system call that was seen.

use callgate_abi::SeccompData;

/// A system call seen in a live process, as a filter would see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observed {
    /// The process (thread group).
    pub pid: i32,
    /// The thread that made the call.
    pub tid: i32,
    /// The thread's name, at most 15 bytes (`proc_pid_comm(5)`).
    pub comm: String,
    /// The call: number, audit token, instruction pointer and the six argument registers.
    pub call: SeccompData,
}
