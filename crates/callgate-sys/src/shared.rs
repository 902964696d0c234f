//! A page a process shares with its child, written by plain stores: the one way to report from behind a
//! filter that forbids every system call.
//!
//! # Safety
//!
//! The mapping lives as long as the [`Shared`] that owns it, is aligned to a page and starts out as
//! zeroes. Only types whose every byte pattern of zeroes is a value, and which are `Sync`, may live there.
#![expect(unsafe_code, reason = "mmap")]

use std::ops::Deref;
use std::ptr::NonNull;

use crate::error::Error;

/// A type that may live in fresh shared memory.
///
/// # Safety
///
/// All-zero bytes must be a valid value, the type must fit a page, and need no more than its alignment.
pub(crate) unsafe trait ZeroInit: Sync {}

/// A `T` in memory that children share.
pub(crate) struct Shared<T: ZeroInit> {
    at: NonNull<T>,
}

// SAFETY: the mapping belongs to no thread, and `T` is `Sync`.
unsafe impl<T: ZeroInit> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: ZeroInit> Sync for Shared<T> {}

impl<T: ZeroInit> Shared<T> {
    /// Map a fresh one.
    pub(crate) fn new() -> Result<Shared<T>, Error> {
        const { assert!(size_of::<T>() <= 4096 && align_of::<T>() <= 4096) };
        // SAFETY: a new anonymous mapping, placed by the kernel, disturbs nothing.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size_of::<T>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if at == libc::MAP_FAILED {
            return Err(Error::last("mmap", ""));
        }
        NonNull::new(at.cast()).map(|at| Shared { at }).ok_or(Error::Refused { what: "mmap returned null" })
    }
}

impl<T: ZeroInit> Deref for Shared<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: mapped, aligned and initialised (by `ZeroInit`) until drop.
        unsafe { self.at.as_ref() }
    }
}

impl<T: ZeroInit> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this size; nobody can borrow from it any more.
        unsafe { libc::munmap(self.at.as_ptr().cast(), size_of::<T>()) };
    }
}
