//! Call names to numbers and back.
//!
//! # Safety
//!
//! See [`crate::api`]. Names that are returned are freed as C frees memory.
#![expect(unsafe_code, reason = "exported to C")]

use super::guard::guarded;
use crate::name::{self, ERROR};
use crate::token;
use callgate::Arch;
use libc::{c_char, c_int};
use std::ffi::CStr;
use std::ptr::null_mut;

/// The name of a call, to be freed by the caller; null if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn seccomp_syscall_resolve_num_arch(arch_token: u32, num: c_int) -> *mut c_char {
    let name = guarded(|| {
        let arch = token::parse(arch_token)?;
        // Numbers of x32 have always been taken with and without its bit.
        let is_bare = arch == Arch::X32 && num >= 0;
        name::of_number(arch, if is_bare { num | Arch::X32_BIT.cast_signed() } else { num })
    });
    let name = name.flatten();
    let Some(name) = name else { return null_mut() };
    // SAFETY: one byte more than the name, all of it zero; then the name is put into it.
    unsafe {
        let copy = libc::calloc(name.len() + 1, 1).cast::<u8>();
        if !copy.is_null() {
            copy.copy_from_nonoverlapping(name.as_ptr(), name.len());
        }
        copy.cast()
    }
}

/// The number of a call on an architecture: negative where it is reached through another call or missing,
/// -1 if no architecture has it.
///
/// # Safety
/// `name` is null or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_syscall_resolve_name_arch(arch_token: u32, name: *const c_char) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { resolve(arch_token, name, |_, number| number) }
}

/// As [`seccomp_syscall_resolve_name_arch`], with the number of the call through which it is reached.
///
/// # Safety
/// `name` is null or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_syscall_resolve_name_rewrite(arch_token: u32, name: *const c_char) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { resolve(arch_token, name, name::rewrite) }
}

/// The number of a call on the native architecture.
///
/// # Safety
/// `name` is null or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_syscall_resolve_name(name: *const c_char) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { resolve(0, name, |_, number| number) }
}

/// # Safety
/// `name` is null or a C string.
unsafe fn resolve(token: u32, name: *const c_char, then: impl FnOnce(Arch, i32) -> i32) -> c_int {
    if name.is_null() {
        return ERROR;
    }
    // SAFETY: the caller's contract.
    let name = unsafe { CStr::from_ptr(name) };
    let number = guarded(|| {
        let arch = token::parse(token)?;
        Some(then(arch, name::number(arch, name.to_str().ok()?)))
    });
    number.flatten().unwrap_or(ERROR)
}
