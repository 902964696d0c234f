//! What becomes of notified calls when the supervisor dies.
//!
//! The kernel answers them with `ENOSYS` then, even `exit_group`: the programs would go on, and wrongly. So a
//! process that does nothing else holds the listener as well, and once the supervisor is gone kills whoever
//! calls.
//!
//! # Safety
//!
//! The forked child makes system calls only and never returns; it has a table of descriptors of its own, of
//! which it keeps the two it needs. A process is killed while a call of it waits for an answer, so that its
//! number is its own.
#![expect(unsafe_code, reason = "system calls after fork")]

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::error::Error;
use crate::listener::{Listener, NotifyId, Readiness};
use crate::raw::{errno, fork_raw, leave};
use crate::shared::{Shared, ZeroInit};

/// How many numbers may lie between two notifications that are received: of calls that signals interrupted.
const SKIPPED: u64 = 1 << 14;

/// The process that waits for this one's death; dropped when there is nothing left to guard.
pub(super) struct Guard {
    pid: libc::pid_t,
    /// The other end of what it waits on; closed by dying.
    alive: Option<OwnedFd>,
    last: Shared<Last>,
}

/// The notification received last.
#[derive(Default)]
struct Last(AtomicU64);

// SAFETY: an integer may be zero.
unsafe impl ZeroInit for Last {}

impl Guard {
    /// Start it. Signals should be blocked, so that those from the terminal do not reach it.
    pub(super) fn start(listener: &Listener) -> Result<Guard, Error> {
        let mut ends = [-1; 2];
        // SAFETY: room for two descriptors, which are new and nobody else's.
        let (watched, alive) = unsafe {
            if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
                return Err(Error::last("pipe2", ""));
            }
            (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
        };
        let last: Shared<Last> = Shared::new()?;
        // SAFETY: the child keeps the contract, see `guard`.
        let pid = unsafe { fork_raw(false) }?;
        if pid == 0 {
            guard(listener, &watched, &last);
        }
        Ok(Guard { pid, alive: Some(alive), last })
    }

    /// To be told of every notification that was received, before it is answered.
    pub(super) fn received(&self, id: NotifyId) {
        self.last.0.store(id.get(), Ordering::Release);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.alive = None;
        // SAFETY: a child of ours that is not reaped yet; it ends by itself, as the listener has ended or will.
        unsafe {
            while libc::waitpid(self.pid, std::ptr::null_mut(), libc::__WALL) < 0 && errno() == libc::EINTR {}
        }
    }
}

/// The guard's whole life.
fn guard(listener: &Listener, watched: &OwnedFd, last: &Last) -> ! {
    keep_only(listener.as_fd().as_raw_fd(), watched.as_raw_fd());
    let mut poll = libc::pollfd { fd: watched.as_raw_fd(), events: 0, revents: 0 };
    // SAFETY: one valid entry; its other end is closed when the supervisor is gone.
    while unsafe { libc::poll(&raw mut poll, 1, -1) } < 1 {}
    // The supervisor is done, or dead: then calls wait, or will come.
    if listener.wait(Some(Duration::ZERO)) == Ok(Readiness::Ended) {
        leave(0);
    }
    // One it may have received and not answered:
    // nobody receives that again. Its number is the last we know of or soon after, as the kernel counts them up
    // (`kernel/seccomp.c`, `seccomp_next_notify_id`); others refuse an answer, being gone or not received.
    let known = last.0.load(Ordering::Acquire);
    if known != 0 {
        for number in 0..=SKIPPED {
            let _ = listener.respond_continue(NotifyId(known.wrapping_add(number)));
        }
    }
    while let Ok(Some(call)) = listener.recv() {
        let pid = i32::try_from(call.tid).unwrap_or(0);
        // SAFETY: takes no pointers. The call waits, unless its process is dead already.
        let killed = pid > 0 && unsafe { libc::kill(pid, libc::SIGKILL) } == 0;
        if !killed && listener.respond_continue(call.id).is_err() {
            break;
        }
    }
    leave(0)
}

/// Close all other descriptors: pipes of the supervisor must not seem open because of us.
fn keep_only(a: RawFd, b: RawFd) {
    let (low, high) = (a.min(b).cast_unsigned(), a.max(b).cast_unsigned());
    for (first, end) in [(0, low), (low + 1, high), (high + 1, u32::MAX)] {
        if first < end {
            // SAFETY: this process uses no others. Where the call is missing, they stay open.
            unsafe { libc::syscall(libc::SYS_close_range, first, end - 1, 0u32) };
        }
    }
}
