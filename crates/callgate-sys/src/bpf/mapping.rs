//! Maps of the kernel's in our memory.
//!
//! # Safety
//!
//! A mapping lives as long as its [`Mapping`] and has the length it was made with. What others change meanwhile is
//! accessed atomically, and nothing is stored to what is mapped to be read only.
#![expect(unsafe_code, reason = "mmap")]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::error::Error;

/// Whether a mapping may be written to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// A map, or a part of one.
pub(super) struct Mapping {
    at: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to no thread; what is shared is accessed atomically.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// `len` bytes of a map, from `offset` on, both whole pages.
    pub(super) fn new(map: i32, len: usize, access: Access, offset: usize) -> Result<Mapping, Error> {
        let offset = libc::off_t::try_from(offset).unwrap_or(0);
        let write = if access == Access::Write { libc::PROT_WRITE } else { 0 };
        let protection = libc::PROT_READ | write;
        // SAFETY: a new mapping, placed by the kernel, disturbs nothing.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, libc::MAP_SHARED, map, offset) };
        let at = NonNull::new(at.cast()).filter(|_| at != libc::MAP_FAILED);
        at.map(|at| Mapping { at, len }).ok_or_else(|| Error::last("mmap", "of a BPF map"))
    }

    /// A place of so many bytes, if it lies within and is aligned.
    fn place(&self, at: usize, size: usize) -> Option<NonNull<u8>> {
        let fits = at.is_multiple_of(size) && at.checked_add(size)? <= self.len;
        // SAFETY: within the mapping.
        fits.then(|| unsafe { self.at.add(at) })
    }

    /// A word of 32 bits.
    pub(super) fn word(&self, at: usize) -> Option<&AtomicU32> {
        // SAFETY: aligned, as mappings begin at a page, and there as long as `self` is.
        self.place(at, size_of::<u32>()).map(|place| unsafe { place.cast().as_ref() })
    }

    /// A word of 64 bits.
    pub(super) fn double(&self, at: usize) -> Option<&AtomicU64> {
        // SAFETY: as above.
        self.place(at, size_of::<u64>()).map(|place| unsafe { place.cast().as_ref() })
    }

    /// Bytes.
    ///
    /// # Safety
    ///
    /// Nobody may write to them as long as they are borrowed.
    pub(super) unsafe fn bytes(&self, at: usize, len: usize) -> Option<&[u8]> {
        let fits = at.checked_add(len)? <= self.len;
        // SAFETY: within the mapping, which lives as long as `self`; the caller sees to the rest.
        fits.then(|| unsafe { std::slice::from_raw_parts(self.at.as_ptr().add(at), len) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this size, and nobody can borrow from it any more.
        unsafe { libc::munmap(self.at.as_ptr().cast(), self.len) };
    }
}
