//! Why a tracee stopped.
//!
//! # Safety
//!
//! `waitpid` writes a status into a local variable.
#![expect(unsafe_code, reason = "waitpid")]

use crate::error::Error;
use crate::raw::errno;
use crate::spawn::Outcome;

/// Not in the libc crate for every C library; `include/uapi/linux/wait.h`.
const WNOTHREAD: i32 = 0x2000_0000;
/// `PTRACE_EVENT_STOP`, `include/uapi/linux/ptrace.h`.
const EVENT_STOP: i32 = 128;

/// Something happened to a tracee (or another child of this thread).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// The thread.
    pub tid: i32,
    /// What.
    pub stop: Stop,
}

/// Why a tracee stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// It did not stop, it is gone.
    Gone(Outcome),
    /// At the entry to or exit from a call.
    Syscall,
    /// A signal is about to be delivered: pass it on when resuming.
    Signal(i32),
    /// Job control stopped it with this signal: [`Tracee::listen`](super::Tracee::listen).
    Group(i32),
    /// It was interrupted, or has just been attached.
    Trap,
    /// It made a new process or thread, which is now a tracee too; the message is its number.
    Fork,
    /// It executed another program; the message is its former number. Its other threads are gone.
    Exec,
    /// A filter answered `SECCOMP_RET_TRACE`; the message is the answer's data.
    Seccomp,
    /// An event that was not asked for.
    Other(i32),
}

/// Wait for the next event of any tracee or child of the calling thread; `None` when there are none left,
/// or, with `block` false, when nothing has happened.
///
/// # Errors
///
/// None that a caller could cause.
pub fn wait_any(block: bool) -> Result<Option<Event>, Error> {
    let options = if block { WNOTHREAD } else { WNOTHREAD | libc::WNOHANG };
    wait(-1, options)
}

/// What came of waiting for anybody.
pub(super) enum Waited {
    Event(Event),
    /// A signal was handled.
    Interrupted,
    /// Nobody is left.
    Nobody,
}

/// Wait for the next event of any tracee or child of the calling thread, or for a signal.
pub(super) fn wait_or_signal() -> Result<Waited, Error> {
    let mut status = 0;
    // SAFETY: a valid place for the status.
    match unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | WNOTHREAD) } {
        tid if tid > 0 => Ok(Waited::Event(Event { tid, stop: stop_of(status) })),
        _ => match errno() {
            libc::EINTR => Ok(Waited::Interrupted),
            libc::ECHILD => Ok(Waited::Nobody),
            _ => Err(Error::last("waitpid", "")),
        },
    }
}

/// Wait for the next event of one tracee.
///
/// # Errors
///
/// `ECHILD` when it is neither tracee nor child of this thread.
pub fn wait_for(tid: i32) -> Result<Event, Error> {
    wait(tid, 0)?.ok_or(Error::Call {
        call: "waitpid",
        errno: libc::ECHILD,
        hint: "not traced by this thread",
    })
}

/// Wait for the next stop of one tracee; its end is left to be waited for.
///
/// # Errors
///
/// `ESRCH` when it has ended.
pub(super) fn wait_stopped(tid: i32) -> Result<Stop, Error> {
    let gone = Error::Call { call: "waitid", errno: libc::ESRCH, hint: "the thread has ended" };
    let id = libc::id_t::try_from(tid).map_err(|_| gone)?;
    let options = libc::WEXITED | libc::WSTOPPED | libc::WNOWAIT | libc::__WALL;
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: a valid place for the answer.
    while unsafe { libc::waitid(libc::P_PID, id, info.as_mut_ptr(), options) } != 0 {
        if errno() != libc::EINTR {
            return Err(Error::last("waitid", ""));
        }
    }
    // SAFETY: zeroed, and filled in by the kernel.
    match unsafe { info.assume_init() }.si_code {
        libc::CLD_EXITED | libc::CLD_KILLED | libc::CLD_DUMPED => Err(gone),
        _ => wait(tid, 0)?.map(|event| event.stop).ok_or(gone),
    }
}

fn wait(tid: i32, options: i32) -> Result<Option<Event>, Error> {
    let mut status = 0;
    loop {
        // SAFETY: a valid place for the status.
        match unsafe { libc::waitpid(tid, &raw mut status, libc::__WALL | options) } {
            0 => return Ok(None),
            tid if tid > 0 => return Ok(Some(Event { tid, stop: stop_of(status) })),
            _ => match errno() {
                libc::EINTR => {}
                libc::ECHILD => return Ok(None),
                _ => return Err(Error::last("waitpid", "")),
            },
        }
    }
}

fn stop_of(status: i32) -> Stop {
    if !libc::WIFSTOPPED(status) {
        return Stop::Gone(Outcome::from_status(status));
    }
    let signal = libc::WSTOPSIG(status);
    match status >> 16 {
        0 if signal == libc::SIGTRAP | 0x80 => Stop::Syscall,
        0 => Stop::Signal(signal),
        EVENT_STOP if signal == libc::SIGTRAP => Stop::Trap,
        EVENT_STOP => Stop::Group(signal),
        libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => Stop::Fork,
        libc::PTRACE_EVENT_EXEC => Stop::Exec,
        libc::PTRACE_EVENT_SECCOMP => Stop::Seccomp,
        other => Stop::Other(other),
    }
}
