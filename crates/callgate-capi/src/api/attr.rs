//! The attributes of a context.
//!
//! # Safety
//!
//! See [`crate::api`].
#![expect(unsafe_code, reason = "exported to C")]

use super::guard::guard;
use super::handle;
use libc::{EINVAL, c_int, c_uint, c_void};

/// Reads an attribute (`enum scmp_filter_attr`).
///
/// # Safety
/// `ctx` is null or a context, `value` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_attr_get(ctx: *const c_void, attr: c_uint, value: *mut u32) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        let collection = unsafe { handle::get(ctx.cast_mut()) }?;
        let got = collection.attributes.get(attr)?;
        if value.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: the caller's contract.
        unsafe { value.write(got) };
        Ok(0)
    })
}

/// Sets an attribute (`enum scmp_filter_attr`).
///
/// # Safety
/// `ctx` is null or a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_attr_set(ctx: *mut c_void, attr: c_uint, value: u32) -> c_int {
    // SAFETY: the caller's contract.
    guard(|| unsafe { handle::get(ctx) }?.set_attribute(attr, value).map(|()| 0))
}
