//! A command under way.
//!
//! # Safety
//!
//! The child's number stays its own until [`Child::wait`] reaps it, and `wait` consumes the child.
#![expect(unsafe_code, reason = "system calls")]

use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use super::forward::{self, Signals};
use super::launch::{AtExec, Report};
use super::outcome::{Failure, Outcome};
use crate::error::Error;
use crate::listener::Listener;
use crate::raw::errno;
use crate::shared::Shared;

/// A command that was started. Dropping it neither kills nor reaps it.
pub struct Child {
    pid: libc::pid_t,
    report: Shared<Report>,
    program: PathBuf,
    /// Put back when this is dropped.
    _signals: Signals,
    forward: bool,
    shares_files: bool,
}

/// What has become of the child since one last looked.
enum Change {
    Nothing,
    Stopped(i32),
    Continued,
    /// Dead, not yet reaped.
    Ended(Outcome),
}

impl Child {
    pub(super) fn new(
        pid: libc::pid_t,
        report: Shared<Report>,
        program: PathBuf,
        signals: Signals,
        forward: bool,
        shares_files: bool,
    ) -> Child {
        signals.forked(forward);
        Child { pid, report, program, _signals: signals, forward, shares_files }
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Let a child that was started by [`Command::hold`](super::Command::hold) go on.
    pub fn release(&self) {
        self.report.release();
    }

    /// The listener of the filter that asked for one; `None` if none did or it was taken before. Waits until
    /// the child has loaded all its filters; a held child must have been released.
    ///
    /// # Errors
    ///
    /// Why the child did not get there.
    pub fn listener(&mut self) -> Result<Option<Listener>, Failure> {
        if !self.shares_files {
            return Ok(None);
        }
        let mut pause = Duration::from_micros(20);
        while !self.report.loaded() {
            // The child cannot wake anybody: its filter may forbid every call.
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(2));
            if let Change::Ended(outcome) = look(self.pid, libc::WEXITED)? {
                return match self.judge(outcome, false) {
                    Err(failure) => Err(failure),
                    Ok(_) if self.report.loaded() => break,
                    Ok(Outcome::Signaled { signal, .. }) => Err(Failure::KilledBeforeExec {
                        program: self.program.clone(),
                        signal,
                        at_exec: false,
                    }),
                    Ok(Outcome::Exited(_)) => Ok(None),
                };
            }
        }
        if let Some(failure) = self.report.failure(&self.program) {
            return Err(failure);
        }
        self.take_listener().map(Listener::new).transpose().map_err(Failure::Setup)
    }

    fn take_listener(&self) -> Option<OwnedFd> {
        // SAFETY: the child made the descriptor in the table it shares with this process, and reports
        // each number once; nobody else knows it.
        self.report.take_listener().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Wait for the end of the command, passing on signals meanwhile if that was asked for.
    ///
    /// # Errors
    ///
    /// Why the program was never executed; [`Failure::Setup`] when waiting itself fails.
    pub fn wait(self) -> Result<Outcome, Failure> {
        let outcome = if self.forward { self.wait_in_between()? } else { wait_until_ended(self.pid)? };
        let executed = has_executed(self.pid);
        reap(self.pid)?;
        self.judge(outcome, executed)
    }

    /// For whoever waits for the child by other means (a tracer): turn its end into the truth about it.
    /// `executed` says whether its `execve` has succeeded.
    ///
    /// # Errors
    ///
    /// Why the program was never executed.
    pub fn judge(&self, outcome: Outcome, executed: bool) -> Result<Outcome, Failure> {
        if executed {
            return Ok(outcome);
        }
        if let Some(failure) = self.report.failure(&self.program) {
            return Err(failure);
        }
        match (outcome, self.report.under_filter()) {
            (Outcome::Signaled { signal: libc::SIGSYS, .. }, Some(AtExec(at_exec))) => {
                Err(Failure::KilledBeforeExec {
                    program: self.program.clone(),
                    signal: libc::SIGSYS,
                    at_exec,
                })
            }
            _ => Ok(outcome),
        }
    }

    /// Kill the command with `SIGKILL`, and reap it.
    pub fn kill(self) {
        // SAFETY: the child is not reaped.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        // Fails when there is nothing to reap, which is what is wanted.
        let _ = reap(self.pid);
    }

    /// Stand between the command and whoever started this process, unnoticed.
    fn wait_in_between(&self) -> Result<Outcome, Error> {
        loop {
            match look(self.pid, libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED)? {
                Change::Ended(outcome) => return Ok(outcome),
                Change::Continued => {}
                Change::Stopped(signal) => {
                    forward::stop_self(signal);
                    forward::pass_on_continuation(self.pid);
                }
                Change::Nothing => forward::next(Some(self.pid)),
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Closed if nobody wanted it.
        drop(self.take_listener());
        if self.forward {
            forward::discard();
        }
    }
}

/// What has happened to `pid`; an end is left to be reaped, other news are consumed.
fn look(pid: libc::pid_t, events: i32) -> Result<Change, Error> {
    let ended = events & libc::WEXITED;
    if ended != 0
        && let Some((code, status)) = waitid(pid, ended | libc::WNOHANG | libc::WNOWAIT)?
    {
        return Ok(Change::Ended(Outcome::from_siginfo(code, status)));
    }
    let others = events & !libc::WEXITED;
    if others == 0 {
        return Ok(Change::Nothing);
    }
    let other = match waitid(pid, others | libc::WNOHANG) {
        // It has ended since it was looked at, and who ended is no child to whoever asks for other news only.
        Err(Error::Call { errno: libc::ECHILD, .. }) => None,
        found => found?,
    };
    Ok(match other {
        None => Change::Nothing,
        Some((libc::CLD_CONTINUED, _)) => Change::Continued,
        Some((_, signal)) => Change::Stopped(signal),
    })
}

fn wait_until_ended(pid: libc::pid_t) -> Result<Outcome, Error> {
    loop {
        if let Some((code, status)) = waitid(pid, libc::WEXITED | libc::WNOWAIT)? {
            return Ok(Outcome::from_siginfo(code, status));
        }
    }
}

fn reap(pid: libc::pid_t) -> Result<(), Error> {
    waitid(pid, libc::WEXITED).map(drop)
}

/// `waitid` on one child: what and how, or `None` when nothing has happened.
fn waitid(pid: libc::pid_t, options: i32) -> Result<Option<(i32, i32)>, Error> {
    let id = libc::id_t::try_from(pid).unwrap_or(0);
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    loop {
        // SAFETY: a valid place for the answer, zeroed because WNOHANG may leave it alone.
        if unsafe { libc::waitid(libc::P_PID, id, info.as_mut_ptr(), options) } == 0 {
            // SAFETY: zeroed or filled in; the fields read are those of SIGCHLD.
            return Ok(unsafe {
                let info = info.assume_init();
                (info.si_pid() != 0).then(|| (info.si_code, info.si_status()))
            });
        }
        if errno() != libc::EINTR {
            return Err(Error::last("waitid", "somebody else may have reaped the child"));
        }
    }
}

/// Whether this child of ours, alive or a zombie, has executed a program: then, and only then, its process
/// group is no longer ours to set (`EACCES`, or `EPERM` once it left our session).
pub(crate) fn has_executed(pid: libc::pid_t) -> bool {
    // SAFETY: takes no pointers; the group it is put into is the one it is in.
    unsafe { libc::setpgid(pid, libc::getpgid(pid)) != 0 }
}
