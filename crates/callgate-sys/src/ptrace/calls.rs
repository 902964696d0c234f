//! Watching a command for the calls it makes, one stop a call.

use std::collections::BTreeMap;
use std::path::PathBuf;

use callgate_abi::{Action, Insn, SeccompData, insn::op};

use super::event::Stop;
use super::follow::{Watcher, follow};
use super::tracee::{Options, SyscallInfo, Tracee};
use crate::error::Error;
use crate::install::Flags;
use crate::process;
use crate::spawn::{Command, Failure, Outcome};

/// Who makes a call.
#[derive(Clone, PartialEq, Eq, Debug)]
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

/// Run `command` to the end of it and of all its descendants, and report every call that begins after the
/// command was executed. A filter that answers `SECCOMP_RET_TRACE` stops each call once, where
/// `PTRACE_SYSCALL` would stop it twice (`seccomp(2)`, `ptrace(2)`).
///
/// Signals and job control work as with [`Command::forward_signals`]. All children of the calling thread are
/// waited for, so it should have no others. While it is traced, a program cannot be traced by another. When
/// the tracer dies, so do its tracees (`PTRACE_O_EXITKILL`). Calls that a filter of the command's own refuses
/// with more precedence than tracing (an error, a trap, a kill) are not seen.
///
/// # Errors
///
/// [`Failure`] when the command could not be executed or tracing is not permitted; the command is then
/// killed.
pub fn trace_calls(
    command: Command<'_>,
    on_call: &mut dyn FnMut(&Caller, &SeccompData),
) -> Result<Outcome, Failure> {
    let filter = [Insn::stmt(op::RET_K, Action::Trace(0).to_ret())];
    let flags = Flags { no_new_privs: true, ..Flags::default() };
    let options = Options { seccomp: true, exit_kill: true, ..Options::default() };
    follow(command.filter(&filter, flags), options, &mut Watch { callers: BTreeMap::new(), on_call })
}

struct Watch<'a> {
    callers: BTreeMap<i32, Caller>,
    on_call: &'a mut dyn FnMut(&Caller, &SeccompData),
}

impl Watcher for Watch<'_> {
    fn stopped(&mut self, tracee: &Tracee, stop: Stop, executed: bool) -> Result<(), Error> {
        if stop != Stop::Seccomp || !executed {
            return Ok(());
        }
        let SyscallInfo::Seccomp { arch, nr, args, ip, .. } = tracee.syscall_info()? else { return Ok(()) };
        let tid = tracee.tid();
        let caller = self.callers.entry(tid).or_insert_with(|| caller(tid));
        let call = SeccompData { nr: nr as u32, arch, ip, args };
        (self.on_call)(caller, &call);
        let prctl = callgate_abi::Arch::of_call(arch, call.nr)
            .and_then(|a| callgate_abi::Syscall::from_number(a, call.nr))
            .is_some_and(|c| c.name() == "prctl");
        if prctl {
            // It may change the thread's name.
            self.callers.remove(&tid);
        }
        Ok(())
    }

    fn resume(&self, tracee: &Tracee, signal: i32) -> Result<(), Error> {
        tracee.cont(signal)
    }

    fn forget(&mut self, tid: i32) {
        self.callers.remove(&tid);
    }
}

fn caller(tid: i32) -> Caller {
    let task = process::task(tid).ok();
    let pid = task.as_ref().map_or(tid, |t| t.pid);
    Caller { pid, tid, comm: task.map_or_else(String::new, |t| t.comm), program: process::executable(tid) }
}
