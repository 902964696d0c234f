//! Watching a command for the calls it makes, one stop a call.

use std::collections::BTreeMap;

use callgate_abi::{Insn, SeccompData};

use super::event::Stop;
use super::follow::{Watcher, follow};
use super::tracee::{Options, SyscallInfo, Tracee};
use crate::calls::{Caller, Calls, name};
use crate::error::Error;
use crate::install::Flags;
use crate::spawn::{Command, Failure, Outcome};

/// Run `command` under `program`, which answers `SECCOMP_RET_TRACE` to the calls in question, to the end of it
/// and of all its descendants, and report each such call that begins after the command was executed. The filter stops each once, where
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
    program: &[Insn],
    calls: &mut dyn Calls,
) -> Result<Outcome, Failure> {
    let flags = Flags { no_new_privs: true, ..Flags::default() };
    let options = Options { seccomp: true, exit_kill: true, ..Options::default() };
    follow(command.filter(program, flags), options, &mut Watch { callers: BTreeMap::new(), calls })
}

struct Watch<'a> {
    callers: BTreeMap<i32, Caller>,
    calls: &'a mut dyn Calls,
}

impl Watcher for Watch<'_> {
    fn stopped(&mut self, tracee: &Tracee, stop: Stop, executed: bool) -> Result<(), Error> {
        if stop != Stop::Seccomp || !executed {
            return Ok(());
        }
        let SyscallInfo::Seccomp { arch, nr, args, ip, .. } = tracee.syscall_info()? else { return Ok(()) };
        let tid = tracee.tid();
        let caller = self.callers.entry(tid).or_insert_with(|| Caller::of(tid));
        let call = SeccompData { nr: nr as u32, arch, ip, args };
        self.calls.called(caller, &call);
        if name(&call) == "prctl" {
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

    fn idle(&mut self) {
        self.calls.idle();
    }
}
