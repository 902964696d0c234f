//! Who makes a call, and who is told.

use std::path::{Path, PathBuf};

use callgate_abi::{Arch, SeccompData, Syscall};

use crate::process;

/// Who makes a call.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The process.
    pub pid: i32,
    /// The thread.
    pub tid: i32,
    /// The thread's name, as it was when it was first seen, when it last executed a program, or after its
    /// last `prctl`.
    pub comm: String,
    /// The program it executes; `None` where that cannot be read.
    pub program: Option<PathBuf>,
}

impl PartialEq for Caller {
    fn eq(&self, other: &Caller) -> bool {
        // Paths byte by byte: for each call they would take longest.
        let (own, others) = (self.program.as_deref(), other.program.as_deref());
        (self.pid, self.tid, &self.comm) == (other.pid, other.tid, &other.comm)
            && own.map(Path::as_os_str) == others.map(Path::as_os_str)
    }
}

impl Eq for Caller {}

impl Caller {
    /// What `/proc` tells of a thread that stands still.
    pub(crate) fn of(tid: i32) -> Caller {
        let task = process::task(tid).ok();
        let pid = task.as_ref().map_or(tid, |t| t.pid);
        let comm = task.map_or_else(String::new, |t| t.comm);
        Caller { pid, tid, comm, program: process::executable(tid) }
    }
}

/// Who is told.
pub trait Calls {
    /// A call is about to be made.
    fn called(&mut self, caller: &Caller, call: &SeccompData);

    /// A call waits until it is let go on, and is told by [`Calls::called`] after that: the time to look at the thread,
    /// which is not traced ([`notify_calls`](super::notify_calls) alone).
    fn waits(&mut self, _caller: &Caller, _call: &SeccompData) {}

    /// So many calls were made without being told one by one, after one that was; arguments that do not matter
    /// are 0.
    fn counted(&mut self, caller: &Caller, call: &SeccompData, times: u64);

    /// A moment has passed, about a fifth of a second, or less.
    fn idle(&mut self) {}
}

/// The name of a call.
pub(super) fn name(call: &SeccompData) -> &'static str {
    let arch = Arch::of_call(call.arch, call.nr);
    arch.and_then(|arch| Syscall::from_number(arch, call.nr)).map_or("", Syscall::name)
}
