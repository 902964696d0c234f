//! Notifications: calls handed to a supervisor.
//!
//! # Safety
//!
//! See [`crate::api`]. Buffers come from [`seccomp_notify_alloc`] and are freed as C frees memory.
#![expect(unsafe_code, reason = "exported to C")]

use super::guard::guard;
use super::handle;
use crate::kernel::Kernel;
use libc::{EFAULT, EINVAL, ENOMEM, c_int, c_void};
use std::ptr::null_mut;

/// Makes zeroed buffers of the kernel's sizes for a notification and its answer; either may be null.
///
/// # Safety
/// Both are null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_notify_alloc(req: *mut *mut c_void, resp: *mut *mut c_void) -> c_int {
    guard(|| {
        let (request, response) = Kernel::notification_sizes()?;
        let mut made = [null_mut(); 2];
        for (slot, place, size) in [(0, req, request), (1, resp, response)] {
            if place.is_null() {
                continue;
            }
            // SAFETY: any size will do.
            made[slot] = unsafe { libc::calloc(1, size) };
            if made[slot].is_null() {
                // SAFETY: null or just made, and handed to nobody.
                unsafe { libc::free(made[0]) };
                return Err(ENOMEM);
            }
        }
        for (slot, place) in [(0, req), (1, resp)] {
            if !place.is_null() {
                // SAFETY: the caller's contract.
                unsafe { place.write(made[slot]) };
            }
        }
        Ok(0)
    })
}

/// Frees both buffers.
///
/// # Safety
/// Both are null or come from [`seccomp_notify_alloc`] and are not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_notify_free(req: *mut c_void, resp: *mut c_void) {
    // SAFETY: the caller's contract.
    unsafe {
        libc::free(req);
        libc::free(resp);
    }
}

/// Waits for a notification.
///
/// # Safety
/// `req` is null, which is an error of the kernel's, or comes from [`seccomp_notify_alloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_notify_receive(fd: c_int, req: *mut c_void) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        unsafe { Kernel::receive(fd, req) }.map(|()| 0)
    })
}

/// Answers a notification.
///
/// # Safety
/// `resp` is null, which is an error of the kernel's, or comes from [`seccomp_notify_alloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_notify_respond(fd: c_int, resp: *mut c_void) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        unsafe { Kernel::respond(fd, resp) }.map(|()| 0)
    })
}

/// Gives the caller behind a notification a copy of a descriptor, as the interface after 2.6 does; the copy's number.
///
/// # Safety
/// `addfd` is null or points to a `struct seccomp_notif_addfd`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_notify_addfd(fd: c_int, addfd: *mut c_void) -> c_int {
    guard(|| {
        if addfd.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: the caller's contract.
        unsafe { Kernel::add_descriptor(fd, addfd) }
    })
}

/// 0 while the call behind a notification still waits.
#[unsafe(no_mangle)]
pub extern "C" fn seccomp_notify_id_valid(fd: c_int, id: u64) -> c_int {
    guard(|| Kernel::is_waiting(fd, id).map(|()| 0))
}

/// The descriptor notifications arrive on; there is one in a process, whatever the context.
///
/// # Safety
/// `ctx` is null or a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_notify_fd(ctx: *const c_void) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        unsafe { handle::get(ctx.cast_mut()) }?;
        Kernel::listener().ok_or(EFAULT)
    })
}
