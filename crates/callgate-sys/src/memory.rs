//! Another process's memory.
//!
//! # Safety
//!
//! The kernel copies between a borrowed buffer here and an address there; an address that is not mapped is
//! an error, and nothing in this process is ever touched but the buffer.
#![expect(unsafe_code, reason = "process_vm_readv")]

use crate::error::Error;

const HINT: &str = "needs the right to trace the process";

/// Read from `address` in the process or thread `tid` until `buffer` is full or the mapping ends; how many
/// bytes were read.
///
/// # Errors
///
/// `EFAULT` when nothing is mapped there, `ESRCH`, `EPERM` without the right to trace it.
pub fn read(tid: i32, address: u64, buffer: &mut [u8]) -> Result<usize, Error> {
    const CALL: &str = "process_vm_readv";
    let remote = remote(CALL, address, buffer.len())?;
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: the kernel writes into the borrowed buffer only.
    let ret = unsafe { libc::process_vm_readv(tid, &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(ret).map_err(|_| Error::last(CALL, HINT))
}

/// Read exactly `buffer.len()` bytes.
///
/// # Errors
///
/// As [`read`]; `EFAULT` when the mapping ends before.
pub fn read_exact(tid: i32, address: u64, buffer: &mut [u8]) -> Result<(), Error> {
    if read(tid, address, buffer)? == buffer.len() {
        return Ok(());
    }
    Err(Error::Call { call: "process_vm_readv", errno: libc::EFAULT, hint: "the mapping ends within" })
}

/// Write `bytes` at `address` in the process or thread `tid`; how many bytes were written.
///
/// # Errors
///
/// `EFAULT` when nothing writable is mapped there, `ESRCH`, `EPERM` without the right to trace it.
pub fn write(tid: i32, address: u64, bytes: &[u8]) -> Result<usize, Error> {
    const CALL: &str = "process_vm_writev";
    let remote = remote(CALL, address, bytes.len())?;
    let local = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: the kernel reads the borrowed bytes only.
    let ret = unsafe { libc::process_vm_writev(tid, &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(ret).map_err(|_| Error::last(CALL, HINT))
}

fn remote(call: &'static str, address: u64, iov_len: usize) -> Result<libc::iovec, Error> {
    let Ok(address) = usize::try_from(address) else {
        return Err(Error::Call { call, errno: libc::EFAULT, hint: "beyond this machine's addresses" });
    };
    Ok(libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len })
}
