//! The edge to C: results become return codes, panics become errors.

use crate::memory;
use libc::{EFAULT, ENOMEM, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs what stands behind an exported function; no panic leaves it.
pub(super) fn guard(body: impl FnOnce() -> Result<c_int, c_int>) -> c_int {
    match guarded(body) {
        Some(Ok(value)) => value,
        Some(Err(errno)) => -errno,
        None => -EFAULT,
    }
}

/// As [`guard`], for what needs memory: `-ENOMEM`, and nothing else, where there is none.
pub(super) fn guard_allocating(body: impl FnOnce() -> Result<c_int, c_int>) -> c_int {
    if memory::is_there() { guard(body) } else { -ENOMEM }
}

/// As [`guard`], for functions with other results; `None` after a panic.
pub(super) fn guarded<T>(body: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(body)).ok()
}
