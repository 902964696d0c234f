//! A context written out, as text or as a program.
//!
//! # Safety
//!
//! See [`crate::api`].
#![expect(unsafe_code, reason = "exported to C")]

use super::guard::guard_allocating;
use super::handle;
use crate::collection::Collection;
use crate::compile::Uncompiled;
use crate::pfc;
use libc::{ECANCELED, EINVAL, ERANGE, c_int, c_void};

/// Writes the context as text.
///
/// # Safety
/// `ctx` is null or a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_export_pfc(ctx: *const c_void, fd: c_int) -> c_int {
    guard_allocating(|| {
        // SAFETY: the caller's contract.
        let collection = unsafe { handle::get(ctx.cast_mut()) }?;
        appending(fd).map_err(|errno| own(collection, errno))?;
        let text = pfc::text(collection);
        write_all(collection, fd, text.as_bytes())
    })
}

/// Writes the program, as `struct sock_filter` records in the byte order of its architectures.
///
/// # Safety
/// `ctx` is null or a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_export_bpf(ctx: *const c_void, fd: c_int) -> c_int {
    guard_allocating(|| {
        // SAFETY: the caller's contract.
        let collection = unsafe { handle::get(ctx.cast_mut()) }?;
        let bytes = collection.program().map_err(Uncompiled::code)?.to_bytes();
        write_all(collection, fd, &bytes)
    })
}

/// Copies the program to `buf`, which holds `*len` bytes; `*len` becomes what it needs. Without a buffer only
/// that.
///
/// # Safety
/// `ctx` is null or a context, `len` null or writable, `buf` null or `*len` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_export_bpf_mem(
    ctx: *const c_void,
    buf: *mut c_void,
    len: *mut usize,
) -> c_int {
    guard_allocating(|| {
        // SAFETY: the caller's contract.
        let collection = unsafe { handle::get(ctx.cast_mut()) }?;
        if len.is_null() {
            return Err(EINVAL);
        }
        let bytes = collection.program().map_err(Uncompiled::code)?.to_bytes();
        // SAFETY: the caller's contract.
        let room = unsafe { len.replace(bytes.len()) };
        if buf.is_null() {
            return Ok(0);
        }
        if room < bytes.len() {
            return Err(ERANGE);
        }
        // SAFETY: the caller's contract; there is room.
        unsafe { buf.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(0)
    })
}

/// The error that a call returns for one of the system's.
fn own(collection: &Collection, errno: c_int) -> c_int {
    if collection.attributes.raw_errors { errno } else { ECANCELED }
}

/// Text has always been appended, and a descriptor that is not for writing is an error of its own.
fn appending(fd: c_int) -> Result<(), c_int> {
    let error = || std::io::Error::last_os_error().raw_os_error().unwrap_or(ECANCELED);
    // SAFETY: takes no pointers.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    if flags < 0 {
        return Err(error());
    }
    if flags & libc::O_ACCMODE == libc::O_RDONLY {
        return Err(EINVAL);
    }
    // SAFETY: as above.
    if flags & libc::O_APPEND == 0 && unsafe { libc::fcntl(fd, libc::F_SETFL, flags | libc::O_APPEND) } < 0 {
        return Err(error());
    }
    Ok(())
}

fn write_all(collection: &Collection, fd: c_int, mut bytes: &[u8]) -> Result<c_int, c_int> {
    while !bytes.is_empty() {
        // SAFETY: the bytes are readable.
        let done = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(done) {
            Ok(0) => return Err(ECANCELED),
            Ok(done) => bytes = &bytes[done..],
            Err(_) => {
                let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(ECANCELED);
                if errno != libc::EINTR {
                    return Err(own(collection, errno));
                }
            }
        }
    }
    Ok(0)
}
