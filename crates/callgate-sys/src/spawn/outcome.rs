//! How a command ended, or why it never began.
//!
//! # Safety
//!
//! [`Outcome::pass_on`] only makes system calls on plain values.
#![expect(unsafe_code, reason = "system calls")]

use std::fmt;
use std::path::PathBuf;

use crate::error::Error;
use crate::signal::{Disposition, Mask};

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// It exited with this status.
    Exited(u8),
    /// A signal killed it.
    Signaled {
        /// The signal.
        signal: i32,
        /// Whether it left a core dump.
        core: bool,
    },
}

impl Outcome {
    /// What a shell puts into `$?`: the status, or 128 plus the signal (159 for `SIGSYS`).
    pub fn exit_code(self) -> u8 {
        match self {
            Outcome::Exited(code) => code,
            Outcome::Signaled { signal, .. } => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }

    /// Whether it died of `SIGSYS`, the mark of a filter's kill or of an uncaught trap.
    pub fn is_sigsys(self) -> bool {
        matches!(self, Outcome::Signaled { signal: libc::SIGSYS, .. })
    }

    /// From what `waitid` reports.
    pub(crate) fn from_siginfo(code: i32, status: i32) -> Outcome {
        if code == libc::CLD_EXITED {
            Outcome::Exited((status & 0xff) as u8)
        } else {
            Outcome::Signaled { signal: status, core: code == libc::CLD_DUMPED }
        }
    }

    /// From what `waitpid` reports of a process that is gone.
    pub(crate) fn from_status(status: i32) -> Outcome {
        if libc::WIFSIGNALED(status) {
            Outcome::Signaled { signal: libc::WTERMSIG(status), core: libc::WCOREDUMP(status) }
        } else {
            Outcome::Exited((libc::WEXITSTATUS(status) & 0xff) as u8)
        }
    }

    /// End this process the same way, so that whoever waits for it sees what it would have seen of the
    /// command: the same status, or death by the same signal (without writing a second core dump).
    pub fn pass_on(self) -> ! {
        if let Outcome::Signaled { signal, .. } = self {
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            // SAFETY: plain values; failure only means a core dump too many.
            unsafe {
                libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
                crate::raw::prctl(libc::PR_SET_DUMPABLE, 0, 0);
            }
            // Fails for SIGKILL, which needs no help.
            let _ = Disposition::set_default(signal);
            // SAFETY: signals this process, which is what was asked for.
            unsafe { libc::kill(libc::getpid(), signal) };
            Mask::all().without(signal).set();
        }
        std::process::exit(i32::from(self.exit_code()))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Outcome::Exited(code) => write!(f, "exited with status {code}"),
            Outcome::Signaled { signal, core } => {
                write!(f, "killed by signal {signal}")?;
                if signal == libc::SIGSYS {
                    f.write_str(" (SIGSYS)")?;
                }
                if core { f.write_str(", core dumped") } else { Ok(()) }
            }
        }
    }
}

/// Why a command did not begin. Whatever the variant, the program was not executed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Something before `execve` failed: forking, `no_new_privs`, a filter.
    Setup(Error),
    /// The setup, or `execve` itself, was killed by a filter loaded just before.
    KilledBeforeExec {
        /// The program that was to run.
        program: PathBuf,
        /// The signal, usually `SIGSYS`.
        signal: i32,
        /// Whether all filters were loaded, so that it was `execve` that got killed.
        at_exec: bool,
    },
    /// `execve` failed.
    Exec {
        /// The program that was to run.
        program: PathBuf,
        /// The error number `execve` left.
        errno: i32,
        /// Whether the filter gave that answer, rather than the kernel: found by calling `execve` with
        /// null pointers, which fails with `EFAULT` unless a filter answers first.
        by_filter: bool,
    },
}

impl Failure {
    /// The exit code by the convention of `env(1)` and `nohup(1)`: 125 when the command could not be
    /// prepared, 126 when it was found but could not be executed, 127 when it was not found.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Setup(_) => 125,
            Failure::KilledBeforeExec { at_exec: false, .. } => 125,
            Failure::KilledBeforeExec { at_exec: true, .. } => 126,
            Failure::Exec { errno: libc::ENOENT | libc::ENOTDIR, by_filter: false, .. } => 127,
            Failure::Exec { .. } => 126,
        }
    }
}

impl From<Error> for Failure {
    fn from(e: Error) -> Failure {
        Failure::Setup(e)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Setup(e) => e.fmt(f),
            Failure::KilledBeforeExec { program, signal, at_exec } => {
                let step = if *at_exec { "execve" } else { "loading the next filter" };
                write!(
                    f,
                    "{}: {step} was killed by the filter (signal {signal}); the policy must allow it",
                    program.display()
                )
            }
            Failure::Exec { program, errno, by_filter } => {
                write!(f, "{}: execve: {}", program.display(), std::io::Error::from_raw_os_error(*errno))?;
                if *by_filter {
                    f.write_str(": the filter denies execve; the policy must allow it")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Failure {}
