//! The few raw calls every file needs.
//!
//! # Safety
//!
//! `errno` is thread-local and always readable; `fork_raw` is sound because its callers do nothing in the
//! child but make system calls and touch memory that existed before (see its own contract).
#![expect(unsafe_code, reason = "system calls")]

use crate::error::Error;

/// The calling thread's `errno`.
pub(crate) fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// `fork` without the C library's handlers; with `share_files` the child and the caller have one table of
/// descriptors until the child executes a program. Returns 0 in the child.
///
/// # Safety
///
/// In the child, the caller may only use async-signal-safe functions, must not allocate, must not return
/// past its own frame's borrowed state, and must not close descriptors if `share_files`.
pub(crate) unsafe fn fork_raw(share_files: bool) -> Result<libc::pid_t, Error> {
    let flags = libc::c_long::from(libc::SIGCHLD)
        | if share_files { libc::c_long::from(libc::CLONE_FILES) } else { 0 };
    let zero: libc::c_long = 0;
    // SAFETY: a null stack without CLONE_VM gives the child a copy of this stack, as fork does; what may
    // be done with it is the caller's contract.
    let ret = unsafe {
        if cfg!(target_arch = "s390x") {
            libc::syscall(libc::SYS_clone, zero, flags, zero, zero, zero)
        } else {
            libc::syscall(libc::SYS_clone, flags, zero, zero, zero, zero)
        }
    };
    match libc::pid_t::try_from(ret) {
        Ok(pid) if pid >= 0 => Ok(pid),
        _ => Err(Error::last("clone", "the limit on processes (ulimit -u, pids cgroup) may be reached")),
    }
}

/// `prctl` with every argument a full register, the last two 0: the kernel compares unused ones with 0.
///
/// # Safety
///
/// Where the operation takes a pointer, `a` and `b` must be valid for it.
pub(crate) unsafe fn prctl(op: libc::c_int, a: usize, b: usize) -> libc::c_int {
    // SAFETY: the caller's contract.
    unsafe { libc::prctl(op, a, b, 0usize, 0usize) }
}

/// End this process whatever its filters forbid: by `exit_group`, by `exit`, or by a fault. Runs no destructor.
pub(crate) fn leave(status: u8) -> ! {
    let status = usize::from(status);
    // SAFETY: neither call takes pointers.
    unsafe {
        libc::syscall(libc::SYS_exit_group, status);
        libc::syscall(libc::SYS_exit, status);
    }
    // SAFETY: an instruction that cannot be executed; no filter is asked.
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    unsafe {
        std::arch::asm!("ud2", options(noreturn))
    }
    // SAFETY: ends in such an instruction too, after calls that a filter may fail.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "x86")))]
    unsafe {
        libc::abort()
    }
}
