//! Watching a command for the calls it makes, one stop a call.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use callgate_abi::{Arch, Insn, SeccompData, Syscall};

use super::event::Stop;
use super::fast::{self, Fast};
use super::follow::{Watcher, follow};
use super::tracee::{Options, SyscallInfo, Tracee};
use crate::bpf::Wanted;
use crate::calls::{Caller, Calls};
use crate::error::Error;
use crate::install::Flags;
use crate::spawn::{Command, Failure, Outcome};

/// How old counts may be.
const PERIOD: Duration = Duration::from_millis(250);

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
    follow(command.filter(program, flags), options, &mut Watch::new(calls))
}

/// The same, with `program` replaced by one that only stops calls which have not been told before, by number and by
/// the arguments in `wanted`, and are made from places that have made few: others are led around the filter by
/// changing the program's text in memory (copies of its own), and only counted: [`Calls::counted`].
///
/// A count is that of whoever first made such a call in the program. Signals, children, and executions behave as
/// without it; what differs is that a program can read its own text. Programs whose memory is not ours to attach
/// to, that filter themselves, or have text that is not a file's, are stopped for each call as by [`trace_calls`].
///
/// # Errors
///
/// As [`trace_calls`]; [`Error::Refused`] on other machines than x86_64.
pub fn trace_calls_fast(
    command: Command<'_>,
    ask: u32,
    wanted: Wanted<'_>,
    calls: &mut dyn Calls,
) -> Result<Outcome, Failure> {
    if !fast::POSSIBLE {
        return Err(Error::Refused { what: "calls can be led around a filter on x86_64 only" }.into());
    }
    let flags = Flags { no_new_privs: true, ..Flags::default() };
    let options = Options { seccomp: true, exit_kill: true, ..Options::default() };
    let program = fast::filter(ask);
    let mut watch = Watch { fast: Some(Fast::new(wanted)), ..Watch::new(calls) };
    let outcome = follow(command.filter(&program, flags), options, &mut watch);
    watch.collect();
    outcome
}

struct Watch<'a> {
    /// The call that may change a thread's name, by token and number.
    renaming: Vec<(u32, u32)>,
    callers: HashMap<i32, Caller>,
    calls: &'a mut dyn Calls,
    fast: Option<Fast<'a>>,
    keeps_signal: bool,
    /// When counts were told last.
    told: Instant,
}

impl<'a> Watch<'a> {
    fn new(calls: &'a mut dyn Calls) -> Watch<'a> {
        let (callers, told) = (HashMap::new(), Instant::now());
        let prctl = |arch: &Arch| Some((arch.token(), Syscall::from_name("prctl")?.number(*arch)?));
        let renaming = Arch::ALL.iter().filter_map(prctl).collect();
        Watch { renaming, callers, calls, fast: None, keeps_signal: false, told }
    }

    fn collect(&mut self) {
        self.told = Instant::now();
        if let Some(fast) = &mut self.fast {
            fast.collect(self.calls);
        }
    }
}

impl Watcher for Watch<'_> {
    fn stopped(&mut self, tracee: &Tracee, stop: Stop, executed: bool) -> Result<(), Error> {
        self.keeps_signal = false;
        if !executed {
            return Ok(());
        }
        let fast = self.fast.as_mut();
        match stop {
            Stop::Signal(signal) => {
                if let Some(fast) = fast {
                    self.keeps_signal = fast.signal(tracee, signal)?;
                }
                return Ok(());
            }
            Stop::Seccomp => {}
            _ => return Ok(()),
        }
        let SyscallInfo::Seccomp { arch, nr, args, ip, .. } = tracee.syscall_info()? else { return Ok(()) };
        let tid = tracee.tid();
        let caller = self.callers.entry(tid).or_insert_with(|| Caller::of(tid));
        let mut call = SeccompData { nr: nr as u32, arch, ip, args };
        match fast {
            None => self.calls.called(caller, &call),
            Some(fast) => {
                call.ip = fast.put_back(tracee, ip)?;
                self.calls.called(caller, &call);
                fast.stopped(tracee, caller, &SeccompData { ip, ..call })?;
            }
        }
        if self.renaming.contains(&(call.arch, call.nr)) {
            self.callers.remove(&tid);
        }
        if self.fast.is_some() && self.told.elapsed() >= PERIOD {
            self.collect();
        }
        Ok(())
    }

    fn keeps_signal(&mut self) -> bool {
        self.keeps_signal
    }

    fn resume(&self, tracee: &Tracee, signal: i32) -> Result<(), Error> {
        tracee.cont(signal)
    }

    fn forget(&mut self, tid: i32) {
        self.callers.remove(&tid);
        if let Some(fast) = &mut self.fast {
            fast.forget(tid);
        }
    }

    fn idle(&mut self) {
        if self.told.elapsed() >= PERIOD {
            self.collect();
        }
        self.calls.idle();
    }
}
