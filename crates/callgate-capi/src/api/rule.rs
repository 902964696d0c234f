//! Rules and priorities.
//!
//! # Safety
//!
//! See [`crate::api`].
#![expect(unsafe_code, reason = "exported to C")]

use super::guard::guard_allocating;
use super::handle;
use crate::chain::Compare;
use crate::rules::Asked;
use callgate::Op;
use libc::{EINVAL, c_int, c_uint, c_void};

/// One comparison of an argument, as C passes it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct scmp_arg_cmp {
    /// Which argument, 0–5.
    pub arg: c_uint,
    /// `enum scmp_compare`.
    pub op: c_uint,
    /// The value, or the mask.
    pub datum_a: u64,
    /// The value under a mask.
    pub datum_b: u64,
}

const _: () = assert!(size_of::<scmp_arg_cmp>() == 24);

/// Sets how early a call is tested.
///
/// # Safety
/// `ctx` is null or a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_syscall_priority(ctx: *mut c_void, syscall: c_int, priority: u8) -> c_int {
    // SAFETY: the caller's contract.
    guard_allocating(|| unsafe { handle::get(ctx) }?.set_priority(syscall, priority).map(|()| 0))
}

/// Adds a rule: this action for this call if all comparisons hold.
///
/// # Safety
/// `ctx` is null or a context, `arg_array` null or `arg_cnt` comparisons.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_rule_add_array(
    ctx: *mut c_void,
    action: u32,
    syscall: c_int,
    arg_cnt: c_uint,
    arg_array: *const scmp_arg_cmp,
) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { add(ctx, action, syscall, arg_cnt, arg_array, false) }
}

/// Adds a rule, or fails if it could only be added differently than asked.
///
/// # Safety
/// As [`seccomp_rule_add_array`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_rule_add_exact_array(
    ctx: *mut c_void,
    action: u32,
    syscall: c_int,
    arg_cnt: c_uint,
    arg_array: *const scmp_arg_cmp,
) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { add(ctx, action, syscall, arg_cnt, arg_array, true) }
}

/// # Safety
/// As [`seccomp_rule_add_array`].
unsafe fn add(
    ctx: *mut c_void,
    action: u32,
    number: c_int,
    count: c_uint,
    compares: *const scmp_arg_cmp,
    exact: bool,
) -> c_int {
    guard_allocating(|| {
        let count = count as usize;
        if count > 6 || (count > 0 && compares.is_null()) {
            return Err(EINVAL);
        }
        // SAFETY: the caller's contract.
        let collection = unsafe { handle::get(ctx) }?;
        collection.check_rule(action, number, exact)?;
        let mut read = [Compare { arg: 0, op: Op::Eq(0) }; 6];
        for (i, slot) in read.iter_mut().enumerate().take(count) {
            // SAFETY: the caller's contract.
            *slot = compare(unsafe { compares.add(i).read_unaligned() })?;
        }
        collection.add_rule(&Asked { action, number, compares: &read[..count], exact }).map(|()| 0)
    })
}

/// The comparison C's record stands for.
fn compare(raw: scmp_arg_cmp) -> Result<Compare, c_int> {
    let (a, b) = (raw.datum_a, raw.datum_b);
    let op = match raw.op {
        1 => Op::Ne(a),
        2 => Op::Lt(a),
        3 => Op::Le(a),
        4 => Op::Eq(a),
        5 => Op::Ge(a),
        6 => Op::Gt(a),
        7 => Op::MaskedEq { mask: a, value: b },
        _ => return Err(EINVAL),
    };
    Ok(Compare { arg: u8::try_from(raw.arg).map_err(|_| EINVAL)?, op })
}
