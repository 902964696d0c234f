//! Processes held by descriptor, so that their numbers cannot be reused meanwhile.
//!
//! # Safety
//!
//! The calls take numbers and return new descriptors, owned by nobody else.
#![expect(unsafe_code, reason = "system calls")]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::error::Error;

/// Hold a process by its id (`pidfd_open(2)`, Linux 5.3). The descriptor becomes readable when it ends, and
/// is closed on execution.
///
/// # Errors
///
/// `ESRCH` when there is none, `EINVAL` for the id of a thread that does not lead its process.
pub fn open(pid: i32) -> Result<OwnedFd, Error> {
    // SAFETY: takes no pointers.
    let ret = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0usize) };
    new_fd(ret, "pidfd_open", "needs Linux 5.3 and a running process")
}

/// Hold a thread by its id (`PIDFD_THREAD`, Linux 6.9); before that kernel, the process it belongs to.
///
/// # Errors
///
/// `ESRCH` when there is none, `EINVAL` when it is none and cannot be looked up in `/proc`.
pub fn open_thread(tid: i32) -> Result<OwnedFd, Error> {
    const PIDFD_THREAD: usize = libc::O_EXCL as usize;
    // SAFETY: takes no pointers.
    let ret = unsafe { libc::syscall(libc::SYS_pidfd_open, tid, PIDFD_THREAD) };
    if ret >= 0 || crate::raw::errno() != libc::EINVAL {
        return new_fd(ret, "pidfd_open", "needs Linux 5.3 and a running thread");
    }
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    let leader = status.lines().find_map(|l| l.strip_prefix("Tgid:")?.trim().parse().ok());
    open(leader.unwrap_or(tid))
}

/// A copy of descriptor `number` of the process (`pidfd_getfd(2)`, Linux 5.6), closed on execution.
///
/// # Errors
///
/// `EBADF` when it has no such descriptor, `EPERM` without the right to trace it.
pub fn get_fd(process: BorrowedFd<'_>, number: u32) -> Result<OwnedFd, Error> {
    // SAFETY: takes no pointers.
    let ret = unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0usize) };
    new_fd(ret, "pidfd_getfd", "needs Linux 5.6 and the right to trace the process")
}

/// Signal the process (`pidfd_send_signal(2)`, Linux 5.1).
///
/// # Errors
///
/// `ESRCH` when it has ended and was reaped, `EPERM` when it is not this user's to signal.
pub fn send_signal(process: BorrowedFd<'_>, signal: i32) -> Result<(), Error> {
    // SAFETY: a null siginfo lets the kernel make one up.
    let ret =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal, 0usize, 0usize) };
    if ret == 0 { Ok(()) } else { Err(Error::last("pidfd_send_signal", "")) }
}

fn new_fd(ret: libc::c_long, call: &'static str, hint: &'static str) -> Result<OwnedFd, Error> {
    match i32::try_from(ret) {
        // SAFETY: a descriptor just made for us.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(Error::last(call, hint)),
    }
}
