//! One question, one child.
//!
//! # Safety
//!
//! The child is made by the C library's `fork`, which leaves its allocator and threads usable, runs a closure
//! of this crate and ends by a raw `exit_group`; it never returns into the parent's code.
#![expect(unsafe_code, reason = "fork")]

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::raw::{errno, leave, prctl};
use crate::shared::{Shared, ZeroInit};

/// How long a child may take: long enough for a loaded machine, short enough for a person.
const PATIENCE: Duration = Duration::from_secs(2);

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trial {
    /// It worked, and gave this.
    Ok(i64),
    /// It failed.
    Failed(Error),
    /// The child died of a signal.
    Killed(i32),
    /// The child hung.
    TimedOut,
}

impl Trial {
    /// Turn an expected death by `SIGSYS` into success, and surviving into failure.
    pub(super) fn expect_sigsys(self, call: &'static str) -> Trial {
        match self {
            Trial::Killed(libc::SIGSYS) => Trial::Ok(0),
            Trial::Ok(_) => Trial::Failed(unexpected(call)),
            other => other,
        }
    }
}

/// The error of something that went through but had another effect than it should.
pub(super) fn unexpected(call: &'static str) -> Error {
    Error::Call { call, errno: libc::EINVAL, hint: "accepted, but without the effect it should have" }
}

#[derive(Default)]
struct Answer {
    given: AtomicU32,
    value: UnsafeCell<Option<Result<i64, Error>>>,
}

// SAFETY: `value` is written once, by the child, before `given` (release), and read by the parent after it
// has seen `given` (acquire).
unsafe impl Sync for Answer {}
// SAFETY: an integer may be zero; `value` is not read before it is written.
unsafe impl ZeroInit for Answer {}

/// Ask `question` in a child.
///
/// # Errors
///
/// When there can be no child.
pub(super) fn ask(question: impl FnOnce() -> Result<i64, Error>) -> Result<Trial, Error> {
    let answer: Shared<Answer> = Shared::new()?;
    // SAFETY: see the top of this file.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(Error::last("fork", "the limit on processes (ulimit -u, pids cgroup) may be reached"));
    }
    if pid == 0 {
        leave_no_core();
        let value = question();
        // SAFETY: only this child writes.
        unsafe { *answer.value.get() = Some(value) };
        answer.given.store(1, Ordering::Release);
        leave(0);
    }
    let Some(status) = reap(pid)? else { return Ok(Trial::TimedOut) };
    if answer.given.load(Ordering::Acquire) == 1 {
        // SAFETY: written before `given`, and the writer is gone.
        return Ok(match unsafe { *answer.value.get() } {
            Some(Ok(value)) => Trial::Ok(value),
            Some(Err(e)) => Trial::Failed(e),
            None => Trial::TimedOut,
        });
    }
    Ok(if libc::WIFSIGNALED(status) {
        Trial::Killed(libc::WTERMSIG(status))
    } else {
        Trial::Failed(Error::Refused { what: "the child ended without an answer" })
    })
}

/// A grandchild for questions that need one more process; what `body` returns is its exit status. It dies
/// with its parent.
pub(super) fn fork(body: impl FnOnce() -> u8) -> Result<libc::pid_t, Error> {
    // SAFETY: see the top of this file.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => Err(Error::last("fork", "")),
        0 => {
            // SAFETY: takes no pointers.
            unsafe { prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as usize, 0) };
            leave(body())
        }
        pid => Ok(pid),
    }
}

/// Deaths here are no accidents that somebody wants to look into.
fn leave_no_core() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid limit; without effect at worst.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
}

/// Wait for the child's end; `None` when it had to be ended.
fn reap(pid: libc::pid_t) -> Result<Option<i32>, Error> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_micros(50);
    let mut status = 0;
    loop {
        let late = Instant::now() > deadline;
        if late {
            // SAFETY: the child is not reaped yet.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        // SAFETY: a valid place for the status.
        match unsafe { libc::waitpid(pid, &raw mut status, if late { 0 } else { libc::WNOHANG }) } {
            0 => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(5));
            }
            -1 if errno() == libc::EINTR => {}
            -1 => return Err(Error::last("waitpid", "somebody else may have reaped the child")),
            _ => return Ok((!late).then_some(status)),
        }
    }
}
