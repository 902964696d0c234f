//! Running a command whose filter asks before it denies.
//!
//! The filter answers `SECCOMP_RET_TRACE` to the calls in question. Where that stops a thread, whoever watches
//! sees the call and says what becomes of it. Without the tracer the kernel answers such calls with `ENOSYS`
//! and executes none; and the tracer's end is the end of all it traces.

use callgate_abi::SeccompData;

use super::event::Stop;
use super::follow::{Watcher, follow};
use super::kills::{Kill, call_of, kill_at};
use super::tracee::{Options, SyscallInfo, Tracee};
use crate::error::Error;
use crate::process;
use crate::spawn::{Command, Failure, Outcome};

/// `si_code` of a filter's trap, `include/uapi/asm-generic/siginfo.h`.
const SYS_SECCOMP: i32 = 1;

/// A call a filter asks about, in a thread that stands still.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The process.
    pub pid: i32,
    /// The thread.
    pub tid: i32,
    /// The thread's name.
    pub comm: String,
    /// The call.
    pub call: SeccompData,
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The kernel executes it.
    Execute,
    /// It is not executed; the program gets this error number, of its architecture (0: success).
    Errno(u16),
}

/// Who answers, and is told of what needs no answer. A thread's memory may be read while it is asked about.
pub trait Answers {
    /// A filter answered `SECCOMP_RET_TRACE`.
    fn asked(&mut self, asked: &Asked) -> Answer;

    /// A filter answered `SECCOMP_RET_TRAP`: `SIGSYS` is about to be delivered.
    fn trapped(&mut self, asked: &Asked);

    /// A thread dies of `SIGSYS`.
    fn killed(&mut self, kill: &Kill);
}

/// Run `command` to the end of it and of all its descendants, as [`trace_kills`](super::trace_kills) does,
/// and let `answers` decide the calls its filters answer `SECCOMP_RET_TRACE` to. A process cloned with
/// `CLONE_UNTRACED` is not traced, so that the kernel denies it those calls with `ENOSYS`.
///
/// # Errors
///
/// As [`trace_kills`](super::trace_kills); also where a call cannot be kept from being executed on this
/// machine (see [`Tracee::skip_call`]). The caller should then end, which ends the command.
pub fn trace_answers(command: Command<'_>, answers: &mut dyn Answers) -> Result<Outcome, Failure> {
    let options = Options { seccomp: true, exit: true, exit_kill: true, ..Options::default() };
    follow(command, options, &mut Watch { answers })
}

struct Watch<'a> {
    answers: &'a mut dyn Answers,
}

impl Watcher for Watch<'_> {
    fn stopped(&mut self, tracee: &Tracee, stop: Stop, _: bool) -> Result<(), Error> {
        match stop {
            Stop::Seccomp => {
                let SyscallInfo::Seccomp { arch, nr, args, ip, .. } = tracee.syscall_info()? else {
                    return Err(Error::Refused {
                        what: "the kernel does not tell which call a filter asks about",
                    });
                };
                let call = SeccompData { nr: nr as u32, arch, ip, args };
                match self.answers.asked(&asked(tracee, call)) {
                    Answer::Execute => {}
                    Answer::Errno(errno) => tracee.skip_call(-i64::from(errno))?,
                }
            }
            Stop::Signal(libc::SIGSYS) => {
                if tracee.signal_info()?.si_code == SYS_SECCOMP
                    && let Some(call) = call_of(tracee)?
                {
                    self.answers.trapped(&asked(tracee, call));
                }
            }
            _ => {
                if let Some(kill) = kill_at(tracee, stop)? {
                    self.answers.killed(&kill);
                }
            }
        }
        Ok(())
    }

    fn resume(&self, tracee: &Tracee, signal: i32) -> Result<(), Error> {
        tracee.cont(signal)
    }

    fn forget(&mut self, _: i32) {}
}

fn asked(tracee: &Tracee, call: SeccompData) -> Asked {
    let task = process::task(tracee.tid()).ok();
    Asked {
        pid: task.as_ref().map_or(tracee.tid(), |t| t.pid),
        tid: tracee.tid(),
        comm: task.map_or_else(String::new, |t| t.comm),
        call,
    }
}
