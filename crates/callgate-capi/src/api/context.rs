//! `seccomp_init`, `seccomp_reset`, `seccomp_release`, `seccomp_merge`.
//!
//! # Safety
//!
//! See [`crate::api`].
#![expect(unsafe_code, reason = "exported to C")]

use super::guard::{guard, guard_allocating, guarded};
use super::handle;
use crate::collection::Collection;
use crate::kernel::Kernel;
use crate::memory;
use libc::{c_int, c_void};
use std::ptr::null_mut;

/// A new context with the native architecture, whose calls get `def_action`; null if that is no action, or there is no memory.
#[unsafe(no_mangle)]
pub extern "C" fn seccomp_init(def_action: u32) -> *mut c_void {
    if !memory::is_there() {
        return null_mut();
    }
    guarded(|| Collection::new(def_action).map_or(null_mut(), handle::new)).unwrap_or(null_mut())
}

/// Empties a context: as new, with this default. With null: forgets the notification descriptor.
///
/// # Safety
/// `ctx` is null or a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_reset(ctx: *mut c_void, def_action: u32) -> c_int {
    if ctx.is_null() {
        return guard(|| {
            Kernel::reset();
            Ok(0)
        });
    }
    guard_allocating(|| {
        // SAFETY: the caller's contract.
        let collection = unsafe { handle::get_any(ctx) }?;
        *collection = Collection::new(def_action)?;
        Ok(0)
    })
}

/// Gives a context up; null is none.
///
/// # Safety
/// `ctx` is null or a context, which is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_release(ctx: *mut c_void) {
    // SAFETY: the caller's contract.
    guarded(|| unsafe { handle::release(ctx) });
}

/// Moves the architectures of `ctx_src` into `ctx_dst` and gives `ctx_src` up.
///
/// # Safety
/// Both are null or contexts; `ctx_src` is not used again after success.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_merge(ctx_dst: *mut c_void, ctx_src: *mut c_void) -> c_int {
    guard_allocating(|| {
        if ctx_dst == ctx_src {
            // SAFETY: the caller's contract.
            unsafe { handle::get(ctx_dst) }?;
            return Err(libc::EEXIST);
        }
        // SAFETY: the caller's contract; they are not the same.
        let (into, from) = unsafe { (handle::get(ctx_dst)?, handle::get(ctx_src)?) };
        into.can_merge(from)?;
        into.merge(from.clone())?;
        // SAFETY: the caller's contract.
        unsafe { handle::release(ctx_src) };
        Ok(0)
    })
}
