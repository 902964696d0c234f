//! The kernel's ring buffer: who made a call first, with the stack.
//!
//! # Safety
//!
//! The mappings have the sizes that the buffer was made with; records are mapped twice in a row, so that none is
//! ever cut. A record is not written to any more once it is not marked as busy, until it is told to be read.
//!
//! Source: `Documentation/bpf/ringbuf.rst`, `kernel/bpf/ringbuf.c`.
#![expect(unsafe_code, reason = "records in shared memory, poll")]

use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::Ordering;

use super::kernel::Map;
use super::mapping::{Access, Mapping};
use crate::error::Error;

const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
const HEADER: usize = 8;

/// A ring buffer, of which there must be one reader.
pub(super) struct Ring {
    map: Map,
    /// Room for records: a power of two.
    len: usize,
    page: usize,
    /// How far it has been read: ours to write.
    read: Mapping,
    /// How far it has been written, and behind that page the records.
    written: Mapping,
}

impl Ring {
    /// One of so many bytes, a power of two and whole pages.
    pub(super) fn new(len: usize) -> Result<Ring, Error> {
        let map = Map::ring(len as u32)?;
        // SAFETY: takes no pointers.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        let read = Mapping::new(map.fd(), page, Access::Write, 0)?;
        let written = Mapping::new(map.fd(), page + 2 * len, Access::Read, page)?;
        Ok(Ring { map, len, page, read, written })
    }

    pub(super) fn fd(&self) -> i32 {
        self.map.fd()
    }

    /// Takes every record there is.
    pub(super) fn drain(&self, take: &mut dyn FnMut(&[u8])) {
        let (Some(read), Some(written)) = (self.read.double(0), self.written.double(0)) else { return };
        loop {
            let at = read.load(Ordering::Acquire);
            if at >= written.load(Ordering::Acquire) {
                return;
            }
            let place = self.page + (at as usize & (self.len - 1));
            let Some(header) = self.written.word(place).map(|header| header.load(Ordering::Acquire)) else {
                return;
            };
            if header & BUSY != 0 {
                return;
            }
            let len = (header & !(BUSY | DISCARDED)) as usize;
            // SAFETY: the record is complete, and stays as it is until it is told below that it has been read.
            let record = unsafe { self.written.bytes(place + HEADER, len) };
            if header & DISCARDED == 0 {
                record.into_iter().for_each(&mut *take);
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
