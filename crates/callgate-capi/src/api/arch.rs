//! The architectures of a context.
//!
//! # Safety
//!
//! See [`crate::api`].
#![expect(unsafe_code, reason = "exported to C")]

use super::guard::{guard, guard_allocating, guarded};
use super::handle;
use crate::token;
use callgate::Arch;
use libc::{EEXIST, EINVAL, c_char, c_int, c_void};
use std::ffi::CStr;
use std::ptr::null;

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

/// The name of the architecture with this token, 0 being the native one, as the interface after 2.6 tells it; null if
/// there is none. It is not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn seccomp_arch_name(arch_token: u32) -> *const c_char {
    let place = token::parse(arch_token).and_then(|arch| Arch::ALL.iter().position(|a| *a == arch));
    place.map_or(null(), |place| NAMES[place].as_ptr().cast())
}

/// The names of [`Arch::ALL`], each ended by a zero.
static NAMES: [[u8; 16]; Arch::ALL.len()] = {
    let mut names = [[0; 16]; Arch::ALL.len()];
    let mut i = 0;
    while i < names.len() {
        let name = Arch::ALL[i].name().as_bytes();
        assert!(name.len() < 16);
        names[i].split_at_mut(name.len()).0.copy_from_slice(name);
        i += 1;
    }
    names
};

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
    guard_allocating(|| {
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
