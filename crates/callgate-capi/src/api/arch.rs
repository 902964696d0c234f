//! The architectures of a context.
//!
//! # Safety
//!
//! See [`crate::api`].
#![expect(unsafe_code, reason = "exported to C")]

use super::guard::{guard, guarded};
use super::handle;
use crate::token;
use callgate::Arch;
use libc::{EEXIST, EINVAL, c_char, c_int, c_void};
use std::ffi::CStr;

/// The token of the architecture with this name; 0 if there is none.
///
/// # Safety
/// `arch_name` is null or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_arch_resolve_name(arch_name: *const c_char) -> u32 {
    if arch_name.is_null() {
        return 0;
    }
    // SAFETY: the caller's contract.
    let name = unsafe { CStr::from_ptr(arch_name) };
    guarded(|| name.to_str().ok().and_then(Arch::from_name).map_or(0, token::of)).unwrap_or(0)
}

/// The token of the architecture this library was built for.
#[unsafe(no_mangle)]
pub extern "C" fn seccomp_arch_native() -> u32 {
    Arch::NATIVE.map_or(0, token::of)
}

/// 0 if the context has the architecture, `-EEXIST` if not.
///
/// # Safety
/// `ctx` is null or a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_arch_exist(ctx: *const c_void, arch_token: u32) -> c_int {
    guard(|| {
        let arch = token::parse(arch_token).ok_or(EINVAL)?;
        // SAFETY: the caller's contract.
        let collection = unsafe { handle::get_any(ctx.cast_mut()) }?;
        if collection.has_arch(arch) { Ok(0) } else { Err(EEXIST) }
    })
}

/// Adds an architecture, without rules.
///
/// # Safety
/// `ctx` is null or a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_arch_add(ctx: *mut c_void, arch_token: u32) -> c_int {
    guard(|| {
        let arch = token::parse(arch_token).ok_or(EINVAL)?;
        // SAFETY: the caller's contract.
        unsafe { handle::get_any(ctx) }?.add_arch(arch).map(|()| 0)
    })
}

/// Removes an architecture with its rules.
///
/// # Safety
/// `ctx` is null or a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_arch_remove(ctx: *mut c_void, arch_token: u32) -> c_int {
    guard(|| {
        let arch = token::parse(arch_token).ok_or(EINVAL)?;
        // SAFETY: the caller's contract.
        unsafe { handle::get_any(ctx) }?.remove_arch(arch).map(|()| 0)
    })
}
