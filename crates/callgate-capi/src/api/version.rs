//! Versions of the interface and of what the kernel offers through it.
//!
//! # Safety
//!
//! Only the attribute that exports the names.
#![expect(unsafe_code, reason = "exported to C")]

use super::guard::{guard, guarded};
use crate::kernel::Kernel;
use libc::{c_int, c_uint};

/// A version of the interface.
#[repr(C)]
#[derive(Debug)]
pub struct scmp_version {
    /// First number.
    pub major: c_uint,
    /// Second number.
    pub minor: c_uint,
    /// Third number.
    pub micro: c_uint,
}

static VERSION: scmp_version = scmp_version { major: 2, minor: 6, micro: 1 };

/// The version of the interface this library offers.
#[unsafe(no_mangle)]
pub extern "C" fn seccomp_version() -> *const scmp_version {
    &raw const VERSION
}

/// The level of what the kernel supports, 1–7.
#[unsafe(no_mangle)]
pub extern "C" fn seccomp_api_get() -> c_uint {
    guarded(Kernel::level).unwrap_or(1)
}

/// Takes a level for what the kernel supports.
#[unsafe(no_mangle)]
pub extern "C" fn seccomp_api_set(level: c_uint) -> c_int {
    guard(|| Kernel::set_level(level).map(|()| 0))
}
