//! Transactions, and compiling ahead of time.
//!
//! # Safety
//!
//! See [`crate::api`].
#![expect(unsafe_code, reason = "exported to C")]

use super::guard::{guard, guard_allocating, guarded};
use super::handle;
use crate::compile::Uncompiled;
use libc::{c_int, c_void};

/// Remembers the rules. Transactions nest.
///
/// # Safety
/// `ctx` is null or a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_transaction_start(ctx: *const c_void) -> c_int {
    guard_allocating(|| {
        // SAFETY: the caller's contract.
        unsafe { handle::get(ctx.cast_mut()) }?.start();
        Ok(0)
    })
}

/// Returns to the rules of the latest start.
///
/// # Safety
/// `ctx` is null or a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_transaction_reject(ctx: *const c_void) {
    guarded(|| {
        // SAFETY: the caller's contract.
        if let Ok(collection) = unsafe { handle::get(ctx.cast_mut()) } {
            collection.reject();
        }
    });
}

/// Keeps the rules added since the latest start.
///
/// # Safety
/// `ctx` is null or a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_transaction_commit(ctx: *const c_void) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        unsafe { handle::get(ctx.cast_mut()) }?.commit();
        Ok(0)
    })
}

/// Compiles now what loading and exporting would compile.
///
/// # Safety
/// `ctx` is null or a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_precompute(ctx: *const c_void) -> c_int {
    guard_allocating(|| {
        // SAFETY: the caller's contract.
        unsafe { handle::get(ctx.cast_mut()) }?.program().map(|_| 0).map_err(Uncompiled::code)
    })
}
