//! Descriptors across Unix domain sockets (`SCM_RIGHTS`), and the `SOCK_SEQPACKET` sockets the standard
//! library lacks.
//!
//! # Safety
//!
//! Control messages are built in and parsed from a buffer aligned for `cmsghdr` with the C library's own
//! arithmetic (`CMSG_*`), within the length the kernel reports. Every descriptor found is wrapped at once,
//! exactly once.
#![expect(unsafe_code, reason = "sendmsg and recvmsg")]

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::error::Error;
use crate::raw::errno;

/// The most descriptors of one message (the kernel's `SCM_MAX_FD`).
pub const MAX_FDS: usize = 253;

/// Room for one control message of [`MAX_FDS`] descriptors, aligned as `cmsghdr` wants.
#[repr(C, align(16))]
struct Control([u8; 1056]);

const _: () = {
    // SAFETY: arithmetic only.
    let space = unsafe { libc::CMSG_SPACE((MAX_FDS * size_of::<i32>()) as u32) };
    assert!(space as usize <= size_of::<Control>());
    assert!(align_of::<Control>() >= align_of::<libc::cmsghdr>());
};

/// Send `bytes` with copies of `fds`; how many bytes went. `bytes` must not be empty on a stream, where
/// descriptors travel with a byte.
///
/// # Errors
///
/// [`Error::Refused`] for too many descriptors or no bytes; `EPIPE` (without the signal) when the other
/// side is gone.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<usize, Error> {
    if fds.len() > MAX_FDS {
        return Err(Error::Refused { what: "one message carries at most 253 descriptors" });
    }
    if bytes.is_empty() {
        return Err(Error::Refused { what: "descriptors travel with at least one byte" });
    }
    let mut control = Control([0; 1056]);
    let mut iov = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut message = empty_message(&mut iov);
    if !fds.is_empty() {
        let len = size_of_val(fds) as u32;
        message.msg_control = (&raw mut control).cast();
        // SAFETY: the space for at most MAX_FDS fits, asserted above; a BorrowedFd is an int in memory.
        unsafe {
            message.msg_controllen = libc::CMSG_SPACE(len) as _;
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(len) as _;
            std::ptr::copy_nonoverlapping(
                fds.as_ptr().cast::<u8>(),
                libc::CMSG_DATA(header),
                size_of_val(fds),
            );
        }
    }
    loop {
        // SAFETY: everything the message points to is alive; the kernel only reads it.
        let ret = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) };
        if let Ok(sent) = usize::try_from(ret) {
            return Ok(sent);
        }
        if errno() != libc::EINTR {
            return Err(Error::last("sendmsg(SCM_RIGHTS)", ""));
        }
    }
}

/// Receive into `buffer`: how many bytes, and the descriptors that came with them (close-on-exec). Zero
/// bytes mean that the other side has closed.
///
/// # Errors
///
/// A datagram longer than `buffer`, or descriptors the kernel had to drop (`EMFILE` here), are errors;
/// what did arrive with them is closed.
pub fn recv(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<(usize, Vec<OwnedFd>), Error> {
    const CALL: &str = "recvmsg(SCM_RIGHTS)";
    let mut control = Control([0; 1056]);
    let mut iov = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut message = empty_message(&mut iov);
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of::<Control>() as _;
    let received = loop {
        // SAFETY: the kernel writes into the two borrowed buffers only.
        let ret = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
        if let Ok(received) = usize::try_from(ret) {
            break received;
        }
        if errno() != libc::EINTR {
            return Err(Error::last(CALL, ""));
        }
    };
    let fds = take_fds(&message);
    if message.msg_flags & libc::MSG_CTRUNC != 0 {
        let hint = "descriptors were dropped: the limit on open files (RLIMIT_NOFILE) may be reached";
        return Err(Error::Call { call: CALL, errno: libc::EMFILE, hint });
    }
    if message.msg_flags & libc::MSG_TRUNC != 0 {
        return Err(Error::Call { call: CALL, errno: libc::EMSGSIZE, hint: "the buffer is too small" });
    }
    Ok((received, fds))
}

/// A connected pair of `SOCK_SEQPACKET` sockets.
///
/// # Errors
///
/// `EMFILE`, `ENFILE`.
pub fn seqpacket_pair() -> Result<(OwnedFd, OwnedFd), Error> {
    let mut fds = [0; 2];
    // SAFETY: room for two descriptors, which nobody else owns.
    unsafe {
        if libc::socketpair(libc::AF_UNIX, SEQPACKET, 0, fds.as_mut_ptr()) != 0 {
            return Err(Error::last("socketpair", ""));
        }
        Ok((OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])))
    }
}

/// Connect to the `SOCK_SEQPACKET` socket at `path`.
///
/// # Errors
///
/// [`Error::Refused`] for a path of more than 107 bytes; `ECONNREFUSED`, `ENOENT`, `EPROTOTYPE` (it is a
/// stream socket).
pub fn seqpacket_connect(path: &Path) -> Result<OwnedFd, Error> {
    let (address, len) = address_of(path)?;
    let socket = seqpacket()?;
    // SAFETY: a complete address of this length.
    if unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), len) } == 0 {
        return Ok(socket);
    }
    Err(Error::last("connect", ""))
}

/// Listen on a new `SOCK_SEQPACKET` socket at `path`.
///
/// # Errors
///
/// [`Error::Refused`] for a path of more than 107 bytes; `EADDRINUSE` when the file exists.
pub fn seqpacket_listen(path: &Path) -> Result<OwnedFd, Error> {
    let (address, len) = address_of(path)?;
    let socket = seqpacket()?;
    // SAFETY: a complete address of this length.
    if unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) } != 0 {
        return Err(Error::last("bind", "remove a stale socket file first"));
    }
    // SAFETY: takes no pointers.
    if unsafe { libc::listen(socket.as_raw_fd(), 128) } != 0 {
        return Err(Error::last("listen", ""));
    }
    Ok(socket)
}

/// Accept a connection (close-on-exec).
///
/// # Errors
///
/// `EMFILE`, `EAGAIN` for a non-blocking socket.
pub fn accept(socket: BorrowedFd<'_>) -> Result<OwnedFd, Error> {
    let null = std::ptr::null_mut();
    loop {
        // SAFETY: no address is asked for.
        let fd = unsafe { libc::accept4(socket.as_raw_fd(), null, std::ptr::null_mut(), libc::SOCK_CLOEXEC) };
        if fd >= 0 {
            // SAFETY: a new descriptor.
            return Ok(unsafe { OwnedFd::from_raw_fd(fd) });
        }
        if errno() != libc::EINTR {
            return Err(Error::last("accept4", ""));
        }
    }
}

/// Who is on the other side: the process, user and group that connected or listened (`SO_PEERCRED`).
///
/// # Errors
///
/// `ENOTSOCK`, `EBADF`.
pub fn peer(socket: BorrowedFd<'_>) -> Result<(i32, u32, u32), Error> {
    let mut cred = MaybeUninit::<libc::ucred>::uninit();
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: room for the structure, whose size is passed along.
    let ret = unsafe {
        let place = cred.as_mut_ptr().cast();
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, place, &raw mut len)
    };
    if ret != 0 {
        return Err(Error::last("getsockopt(SO_PEERCRED)", ""));
    }
    // SAFETY: filled in.
    let cred = unsafe { cred.assume_init() };
    Ok((cred.pid, cred.uid, cred.gid))
}

const SEQPACKET: i32 = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;

fn seqpacket() -> Result<OwnedFd, Error> {
    // SAFETY: takes no pointers; the result is a new descriptor.
    unsafe {
        let fd = libc::socket(libc::AF_UNIX, SEQPACKET, 0);
        if fd < 0 { Err(Error::last("socket", "")) } else { Ok(OwnedFd::from_raw_fd(fd)) }
    }
}

fn address_of(path: &Path) -> Result<(libc::sockaddr_un, libc::socklen_t), Error> {
    // SAFETY: a sockaddr_un is plain numbers.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    let bytes = path.as_os_str().as_bytes();
    // One byte is left for the terminator.
    if bytes.is_empty() || bytes.len() >= address.sun_path.len() || bytes.contains(&0) {
        return Err(Error::Refused { what: "a socket's path has 1 to 107 bytes" });
    }
    for (to, from) in address.sun_path.iter_mut().zip(bytes) {
        *to = from.cast_signed() as libc::c_char;
    }
    Ok((address, size_of::<libc::sockaddr_un>() as libc::socklen_t))
}

fn empty_message(iov: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: a msghdr is plain numbers and null pointers.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = iov;
    message.msg_iovlen = 1;
    message
}

fn take_fds(message: &libc::msghdr) -> Vec<OwnedFd> {
    let mut fds = Vec::new();
    // SAFETY: the message was filled in by recvmsg; CMSG_* stay within msg_controllen. Descriptors are read
    // unaligned and owned from here on.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let data = libc::CMSG_DATA(header).cast::<i32>();
                let bytes = (*header).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                for index in 0..bytes / size_of::<i32>() {
                    fds.push(OwnedFd::from_raw_fd(data.add(index).read_unaligned()));
                }
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    fds
}
