//! The memory of a caller that waits.

use super::call::{Call, CallError};
use callgate_sys::{Error, memory};
use std::os::unix::fs::FileExt;

/// The memory of a call's caller. Everything read is a copy that was confirmed: the caller was still waiting
/// after it was made, so it is the caller's and no one else's. It may have changed since; a decision about
/// it holds for the copy only.
#[derive(Clone, Copy, Debug)]
pub struct Memory<'c, 'l> {
    pub(super) call: &'c Call<'l>,
}

/// Pages are read one by one, as the next one may not be mapped.
const PAGE: usize = 4096;

impl Memory<'_, '_> {
    fn tid(&self) -> i32 {
        self.call.tid().cast_signed()
    }

    /// Up to `len` bytes from `address` on: fewer where the mapping ends before.
    ///
    /// # Errors
    ///
    /// `EFAULT` where nothing is mapped, `EPERM` without the right to trace the caller.
    pub fn read(&self, address: u64, len: usize) -> Result<Vec<u8>, CallError> {
        let mut bytes = vec![0; len];
        let read = match len {
            0 => Ok(0),
            _ => memory::read(self.tid(), address, &mut bytes),
        };
        let read = self.call.confirmed(read)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Exactly `N` bytes.
    ///
    /// # Errors
    ///
    /// As [`Memory::read`]; `EFAULT` too where the mapping ends before.
    pub fn array<const N: usize>(&self, address: u64) -> Result<[u8; N], CallError> {
        let mut bytes = [0; N];
        let read = memory::read_exact(self.tid(), address, &mut bytes);
        self.call.confirmed(read)?;
        Ok(bytes)
    }

    /// The bytes of a C string, without its end; `None` if it has more than `most` of them.
    ///
    /// # Errors
    ///
    /// `EFAULT` where the mapping ends before the string does.
    pub fn c_string(&self, address: u64, most: usize) -> Result<Option<Vec<u8>>, CallError> {
        let mut string = Vec::new();
        let mut page = [0; PAGE];
        loop {
            let at = address.wrapping_add(string.len() as u64);
            let to_page_end = PAGE - (at % PAGE as u64) as usize;
            let read = memory::read(self.tid(), at, &mut page[..to_page_end]);
            let read = self.call.confirmed(read)?;
            if let Some(end) = page[..read].iter().position(|b| *b == 0) {
                string.extend(&page[..end]);
                return Ok((string.len() <= most).then_some(string));
            }
            string.extend(&page[..read]);
            if string.len() > most {
                return Ok(None);
            }
        }
    }

    /// Writes all of `bytes`: what a call that is answered by a made-up result would have written. The
    /// memory is held open before the caller is asked for again, so nothing is ever written to another process.
    ///
    /// # Errors
    ///
    /// `EFAULT` where nothing writable is mapped (some of the bytes may have been written), `EACCES`
    /// without the right to trace the caller, `ENOENT` where `/proc` is not mounted.
    pub fn write(&self, address: u64, bytes: &[u8]) -> Result<(), CallError> {
        let path = format!("/proc/{}/mem", self.call.tid());
        let failed = |call, e: std::io::Error| {
            // Writing where nothing is mapped is an input/output error of the file.
            let errno = match e.raw_os_error() {
                Some(IO) | None => FAULT,
                Some(errno) => errno,
            };
            Error::Call { call, errno, hint: "writing to the caller's memory" }
        };
        let file = std::fs::OpenOptions::new().write(true).open(path);
        let file = self.call.confirmed(file.map_err(|e| failed("open", e)))?;
        file.write_all_at(bytes, address).map_err(|e| failed("write", e))?;
        Ok(())
    }
}

/// `EIO`, the same everywhere.
const IO: i32 = 5;
/// `EFAULT`, the same everywhere.
const FAULT: i32 = 14;
