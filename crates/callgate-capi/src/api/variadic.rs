//! The variadic functions, without C.
//!
//! Rust cannot define a function with variable arguments, but the calling conventions say where these lie:
//! each is a 24-byte structure, passed by value.
//!
//! # Safety
//!
//! Each function here makes a pointer to the comparisons its caller has passed and continues in the function
//! that takes an array, with the other arguments as they came.
#![expect(unsafe_code, reason = "exported to C, in assembly")]
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

use super::rule::{seccomp_rule_add_array, seccomp_rule_add_exact_array};
use libc::{c_int, c_uint, c_void};
use std::arch::naked_asm;

/// As [`seccomp_rule_add_array`], with the comparisons as further arguments.
///
/// # Safety
/// `ctx` is null or a context; `arg_cnt` comparisons follow.
#[unsafe(no_mangle)]
#[unsafe(naked)]
#[cfg(target_arch = "x86_64")]
pub unsafe extern "C" fn seccomp_rule_add(
    ctx: *mut c_void,
    action: u32,
    syscall: c_int,
    arg_cnt: c_uint,
) -> c_int {
    // Structures larger than 16 bytes lie on the stack one after the other, after the return address.
    naked_asm!("lea r8, [rsp + 8]", "jmp {array}", array = sym seccomp_rule_add_array)
}

/// As [`seccomp_rule_add_exact_array`], with the comparisons as further arguments.
///
/// # Safety
/// `ctx` is null or a context; `arg_cnt` comparisons follow.
#[unsafe(no_mangle)]
#[unsafe(naked)]
#[cfg(target_arch = "x86_64")]
pub unsafe extern "C" fn seccomp_rule_add_exact(
    ctx: *mut c_void,
    action: u32,
    syscall: c_int,
    arg_cnt: c_uint,
) -> c_int {
    naked_asm!("lea r8, [rsp + 8]", "jmp {array}", array = sym seccomp_rule_add_exact_array)
}

#[cfg(target_arch = "aarch64")]
mod by_pointer {
    use super::*;
    use crate::api::rule::scmp_arg_cmp;

    /// As [`seccomp_rule_add_array`], with the comparisons as further arguments.
    ///
    /// # Safety
    /// `ctx` is null or a context; `arg_cnt` comparisons follow.
    #[unsafe(no_mangle)]
    #[unsafe(naked)]
    pub unsafe extern "C" fn seccomp_rule_add(
        ctx: *mut c_void,
        action: u32,
        syscall: c_int,
        arg_cnt: c_uint,
    ) -> c_int {
        // Structures larger than 16 bytes are passed by pointers: four in registers, the others on the
        // stack. The four are put right below those, which makes one array of pointers.
        naked_asm!(
            "sub sp, sp, #48",
            "stp x29, x30, [sp]",
            "mov x29, sp",
            "stp x4, x5, [sp, #16]",
            "stp x6, x7, [sp, #32]",
            "add x4, sp, #16",
            "bl {add}",
            "ldp x29, x30, [sp]",
            "add sp, sp, #48",
            "ret",
            add = sym add,
        )
    }

    /// As [`seccomp_rule_add_exact_array`], with the comparisons as further arguments.
    ///
    /// # Safety
    /// `ctx` is null or a context; `arg_cnt` comparisons follow.
    #[unsafe(no_mangle)]
    #[unsafe(naked)]
    pub unsafe extern "C" fn seccomp_rule_add_exact(
        ctx: *mut c_void,
        action: u32,
        syscall: c_int,
        arg_cnt: c_uint,
    ) -> c_int {
        naked_asm!(
            "sub sp, sp, #48",
            "stp x29, x30, [sp]",
            "mov x29, sp",
            "stp x4, x5, [sp, #16]",
            "stp x6, x7, [sp, #32]",
            "add x4, sp, #16",
            "bl {add}",
            "ldp x29, x30, [sp]",
            "add sp, sp, #48",
            "ret",
            add = sym add_exact,
        )
    }

    type Array = unsafe extern "C" fn(*mut c_void, u32, c_int, c_uint, *const scmp_arg_cmp) -> c_int;

    unsafe extern "C" fn add(
        ctx: *mut c_void,
        action: u32,
        syscall: c_int,
        count: c_uint,
        compares: *const *const scmp_arg_cmp,
    ) -> c_int {
        // SAFETY: the variadic functions' contract.
        unsafe { gather(seccomp_rule_add_array, ctx, action, syscall, count, compares) }
    }

    unsafe extern "C" fn add_exact(
        ctx: *mut c_void,
        action: u32,
        syscall: c_int,
        count: c_uint,
        compares: *const *const scmp_arg_cmp,
    ) -> c_int {
        // SAFETY: the variadic functions' contract.
        unsafe { gather(seccomp_rule_add_exact_array, ctx, action, syscall, count, compares) }
    }

    unsafe fn gather(
        array: Array,
        ctx: *mut c_void,
        action: u32,
        syscall: c_int,
        count: c_uint,
        compares: *const *const scmp_arg_cmp,
    ) -> c_int {
        let mut gathered = [scmp_arg_cmp { arg: 0, op: 0, datum_a: 0, datum_b: 0 }; 6];
        if count as usize <= gathered.len() {
            for (i, slot) in gathered.iter_mut().enumerate().take(count as usize) {
                // SAFETY: the caller has passed this many.
                *slot = unsafe { compares.add(i).read().read() };
            }
        }
        // SAFETY: too large a count is refused before anything is read.
        unsafe { array(ctx, action, syscall, count, gathered.as_ptr()) }
    }
}
#[cfg(target_arch = "aarch64")]
pub use by_pointer::*;
