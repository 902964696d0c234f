//! The kernel's ring buffer: who made a call first, with the stack.
//!
//! # Safety
//!
//! The mappings live as long as the [`Ring`], and have the sizes that the buffer was made with; records are mapped
//! twice in a row, so that none is ever cut. Positions are only ever accessed atomically, and a record is not written
//! to any more once it is not marked as busy.
//!
//! Source: `Documentation/bpf/ringbuf.rst`, `kernel/bpf/ringbuf.c`.
#![expect(unsafe_code, reason = "mmap, poll")]

use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::kernel::Map;
use crate::error::Error;

/// Room for records: a power of two.
const LEN: usize = 1 << 21;
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
const HEADER: usize = 8;

/// A ring buffer, of which there must be one reader.
pub(super) struct Ring {
    map: Map,
    page: usize,
    /// How far it has been read: ours to write.
    read: NonNull<u8>,
    /// How far it has been written, and behind that page the records.
    written: NonNull<u8>,
}

// SAFETY: the mappings belong to no thread; what is shared is accessed atomically.
unsafe impl Send for Ring {}
// SAFETY: as above; there is one reader, which the counter sees to.
unsafe impl Sync for Ring {}

impl Ring {
    pub(super) fn new() -> Result<Ring, Error> {
        let map = Map::ring(LEN as u32)?;
        // SAFETY: takes no pointers.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        let read = mapped(map.fd(), page, libc::PROT_READ | libc::PROT_WRITE, 0)?;
        match mapped(map.fd(), page + 2 * LEN, libc::PROT_READ, page) {
            Ok(written) => Ok(Ring { map, page, read, written }),
            Err(e) => {
                unmap(read, page);
                Err(e)
            }
        }
    }

    pub(super) fn fd(&self) -> i32 {
        self.map.fd()
    }

    /// Takes every record there is.
    pub(super) fn drain(&self, take: &mut dyn FnMut(&[u8])) {
        // SAFETY: both are aligned words at the start of mapped pages.
        let (read, written) = unsafe {
            (&*self.read.as_ptr().cast::<AtomicU64>(), &*self.written.as_ptr().cast::<AtomicU64>())
        };
        loop {
            let at = read.load(Ordering::Acquire);
            if at >= written.load(Ordering::Acquire) {
                return;
            }
            let offset = at as usize & (LEN - 1);
            // SAFETY: a record's header lies within the first of the two mappings of the records, aligned.
            let record = unsafe { self.written.as_ptr().add(self.page + offset) };
            // SAFETY: as above.
            let header = unsafe { &*record.cast::<AtomicU32>() }.load(Ordering::Acquire);
            if header & BUSY != 0 {
                return;
            }
            let len = (header & !(BUSY | DISCARDED)) as usize;
            if header & DISCARDED == 0 && len <= LEN {
                // SAFETY: the record is complete, and reaches into the second mapping at most.
                take(unsafe { std::slice::from_raw_parts(record.add(HEADER), len) });
            }
            let next = (len + HEADER).next_multiple_of(8) as u64;
            read.store(at + next, Ordering::Release);
        }
    }

    /// Waits for a record, or for the end of what the other descriptor is one end of; whether that has come.
    pub(super) fn wait(&self, end: BorrowedFd<'_>) -> bool {
        let entry = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut entries = [entry(self.fd()), entry(end.as_raw_fd())];
        // SAFETY: two valid entries.
        unsafe { libc::poll(entries.as_mut_ptr(), 2, 200) };
        entries[1].revents != 0
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        unmap(self.read, self.page);
        unmap(self.written, self.page + 2 * LEN);
    }
}

fn mapped(fd: i32, len: usize, protection: i32, offset: usize) -> Result<NonNull<u8>, Error> {
    let offset = libc::off_t::try_from(offset).unwrap_or(0);
    // SAFETY: a new mapping, placed by the kernel, disturbs nothing.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, libc::MAP_SHARED, fd, offset) };
    let failed = at == libc::MAP_FAILED;
    NonNull::new(at.cast()).filter(|_| !failed).ok_or_else(|| Error::last("mmap", "of a BPF ring buffer"))
}

fn unmap(at: NonNull<u8>, len: usize) {
    // SAFETY: mapped with this size, and nobody borrows from it any more.
    unsafe { libc::munmap(at.as_ptr().cast(), len) };
}
