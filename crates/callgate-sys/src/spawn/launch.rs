//! The way from the fork to the new program.
//!
//! # Safety
//!
//! Everything here runs in a forked copy of a possibly threaded process, or in one that borrows its memory while the
//! forking thread sleeps (or in place, just before it is replaced): it makes system calls, reads what [`Command`] prepared and stores into the shared report. It
//! allocates nothing, takes no lock and closes no descriptor.
#![expect(unsafe_code, reason = "system calls after fork")]

use std::cell::UnsafeCell;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::path::Path;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use super::command::Command;
use super::forward::Signals;
use super::outcome::Failure;
use crate::error::Error;
use crate::install::{install, set_no_new_privs};
use crate::raw::{errno, leave, prctl};
use crate::shared::ZeroInit;

/// How far the child has come; 0 while nothing is loaded.
mod stage {
    /// Filters are being loaded.
    pub(super) const LOADING: u32 = 1;
    /// All filters are loaded; what follows is `execve`.
    pub(super) const EXEC: u32 = 2;
    /// A step before `execve` failed; the error is in the report.
    pub(super) const SETUP_FAILED: u32 = 3;
    /// `execve` failed; the numbers are in the report.
    pub(super) const EXEC_FAILED: u32 = 4;
}

/// What the child tells, and the parent's permission to go on.
#[derive(Default)]
pub(super) struct Report {
    /// 1 once the parent lets a held child go on; also the futex it sleeps on.
    go: AtomicU32,
    stage: AtomicU32,
    /// One more than the listener's descriptor.
    listener: AtomicI32,
    exec_errno: AtomicI32,
    /// What `execve` answered to null pointers.
    null_exec_errno: AtomicI32,
    error: UnsafeCell<Option<Error>>,
}

// SAFETY: `error` is written once, by the child, before `stage` says so (release), and read by the parent
// only after (acquire).
unsafe impl Sync for Report {}
// SAFETY: integers may be zero; an Option<Error> of zeroes is never read, as stage 0 says there is none.
unsafe impl ZeroInit for Report {}

impl Report {
    /// Let a held child go on.
    pub(super) fn release(&self) {
        self.go.store(1, Ordering::Release);
        // SAFETY: wakes sleepers on a word that stays mapped.
        unsafe { libc::syscall(libc::SYS_futex, self.go.as_ptr(), libc::FUTEX_WAKE, 1) };
    }

    /// What went wrong, if the child said so.
    pub(super) fn failure(&self, program: &Path) -> Option<Failure> {
        match self.stage.load(Ordering::Acquire) {
            stage::SETUP_FAILED => {
                // SAFETY: written before the stage was stored; the child writes no more.
                unsafe { *self.error.get() }.map(Failure::Setup)
            }
            stage::EXEC_FAILED => Some(Failure::Exec {
                program: program.to_path_buf(),
                errno: self.exec_errno.load(Ordering::Relaxed),
                by_filter: self.null_exec_errno.load(Ordering::Relaxed) != libc::EFAULT,
            }),
            _ => None,
        }
    }

    /// Whether filters were being loaded, or all were, when the child was last heard of.
    pub(super) fn under_filter(&self) -> Option<AtExec> {
        match self.stage.load(Ordering::Acquire) {
            stage::LOADING => Some(AtExec(false)),
            stage::EXEC => Some(AtExec(true)),
            _ => None,
        }
    }

    /// Whether the listener's number is final.
    pub(super) fn loaded(&self) -> bool {
        self.stage.load(Ordering::Acquire) >= stage::EXEC
    }

    /// The listener's descriptor; handed out once.
    pub(super) fn take_listener(&self) -> Option<i32> {
        match self.listener.swap(0, Ordering::AcqRel) {
            0 => None,
            n => Some(n - 1),
        }
    }

    fn fail(&self, error: Error) {
        // SAFETY: only the child writes, and the parent does not read before the stage changes.
        unsafe { *self.error.get() = Some(error) };
        self.stage.store(stage::SETUP_FAILED, Ordering::Release);
    }
}

/// Whether every filter was loaded.
pub(super) struct AtExec(pub(super) bool);

/// The child's whole life until it is another program. With `hold` it waits for `parent` first.
pub(super) fn child(
    command: &Command<'_>,
    report: &Report,
    signals: &Signals,
    parent: libc::pid_t,
    hold: bool,
) -> ! {
    if hold {
        wait_for(report, parent);
    }
    // A signal that arrives from here on has its default effect, not one of the parent's handlers.
    signals.put_back_in_child();
    if let Err(e) = prepare(command, report, Some(parent)) {
        report.fail(e);
    } else {
        execute(command, report);
    }
    leave(125)
}

/// The same in place; returns when it failed.
pub(super) fn here(command: &Command<'_>, report: &Report) {
    Signals::default_sigpipe();
    match prepare(command, report, None) {
        Err(e) => report.fail(e),
        Ok(()) => execute(command, report),
    }
}

fn wait_for(report: &Report, parent: libc::pid_t) {
    let pause = libc::timespec { tv_sec: 1, tv_nsec: 0 };
    while report.go.load(Ordering::Acquire) == 0 {
        // SAFETY: sleeps while the word is 0, a second at most; all pointers are valid.
        unsafe {
            let op = libc::FUTEX_WAIT;
            libc::syscall(libc::SYS_futex, report.go.as_ptr(), op, 0, &raw const pause);
        }
        // SAFETY: takes no pointers.
        if unsafe { libc::getppid() } != parent {
            leave(125);
        }
    }
}

fn prepare(command: &Command<'_>, report: &Report, parent: Option<libc::pid_t>) -> Result<(), Error> {
    if command.die_with_parent {
        // SAFETY: takes no pointers.
        if unsafe { prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as usize, 0) } != 0 {
            return Err(Error::last("prctl(PR_SET_PDEATHSIG)", ""));
        }
        // It may have ended before that call, and nobody would answer what the filter hands over.
        // SAFETY: takes no pointers.
        if parent.is_some_and(|parent| unsafe { libc::getppid() } != parent) {
            leave(125);
        }
    }
    if let Some(ruleset) = command.landlock {
        if command.filters.iter().any(|(_, flags)| flags.no_new_privs) {
            set_no_new_privs()?;
        }
        // SAFETY: takes no pointers.
        if unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) } != 0 {
            let hint = "needs no_new_privs or CAP_SYS_ADMIN";
            return Err(Error::last("landlock_restrict_self", hint));
        }
    }
    for (index, (program, flags)) in command.filters.iter().enumerate() {
        let mut flags = *flags;
        // Once is enough, and an earlier filter may forbid the second call.
        flags.no_new_privs &= !command.filters[..index].iter().any(|(_, earlier)| earlier.no_new_privs);
        let listener = install(program, flags)?;
        if let Some(listener) = listener {
            report.listener.store(listener.into_raw_fd() + 1, Ordering::Release);
        }
        report.stage.store(stage::LOADING, Ordering::Release);
    }
    report.stage.store(stage::EXEC, Ordering::Release);
    Ok(())
}

fn execute(command: &Command<'_>, report: &Report) {
    // The kernel reads three arguments of `execve`; a filter sees six, and may ask for the mark in the last.
    let mark = command.mark as libc::c_long;
    let zero: libc::c_long = 0;
    // SAFETY: null-terminated vectors of C strings that `command` keeps alive.
    let failed = unsafe {
        let (path, env) = (command.program.as_ptr(), command.envp());
        libc::syscall(libc::SYS_execve, path, command.argv(), env, zero, zero, mark);
        let failed = errno();
        if failed == libc::ENOEXEC {
            let shell = c"/bin/sh".as_ptr();
            libc::syscall(libc::SYS_execve, shell, command.shell_argv(), env, zero, zero, mark);
        }
        failed
    };
    // SAFETY: null pointers are what this asks the kernel about: it answers EFAULT, a filter something else.
    let null = unsafe {
        libc::syscall(libc::SYS_execve, zero, zero, zero, zero, zero, mark);
        errno()
    };
    report.exec_errno.store(failed, Ordering::Relaxed);
    report.null_exec_errno.store(null, Ordering::Relaxed);
    report.stage.store(stage::EXEC_FAILED, Ordering::Release);
}
