//! A descriptor that whoever started this process left open for it.
//!
//! # Safety
//!
//! The number is only handed to `fcntl`, which refuses one that is not open; what is returned is a new
//! descriptor that nobody else knows.
#![expect(unsafe_code, reason = "fcntl")]

use std::os::fd::{FromRawFd, OwnedFd};

use crate::error::Error;

/// A copy of the inherited descriptor `number`, and from now on neither is passed on to a program this process
/// executes.
///
/// # Errors
///
/// `EBADF` when it is not open.
pub fn inherited(number: i32) -> Result<OwnedFd, Error> {
    const HINT: &str = "no such descriptor was passed to this process";
    // SAFETY: takes no pointers.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(Error::last("fcntl(F_DUPFD_CLOEXEC)", HINT));
    }
    // SAFETY: `fcntl` just made it, and nobody else knows it.
    let copy = unsafe { OwnedFd::from_raw_fd(copy) };
    // The standard streams are the command's.
    // SAFETY: takes no pointers.
    if number > 2 && unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(Error::last("fcntl(F_SETFD)", HINT));
    }
    Ok(copy)
}
