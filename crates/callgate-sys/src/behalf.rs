//! Work done for the caller of a notified call, with descriptors and copies of this process's own: what is
//! looked at and what is used are one, so that nobody can change it in between.
//!
//! # Safety
//!
//! Paths are C strings, addresses are byte slices passed with their length, descriptors are borrowed for the
//! call or new; the kernel only reads what it is given.
#![expect(unsafe_code, reason = "openat2, connect, bind, fcntl")]

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::error::Error;
use crate::raw::errno;

/// How far a path may lead (`openat2(2)`, Linux 5.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Resolve {
    /// Nowhere outside the directory (`RESOLVE_BENEATH`).
    pub beneath: bool,
    /// As if the directory were `/` (`RESOLVE_IN_ROOT`).
    pub in_root: bool,
    /// Not through symbolic links (`RESOLVE_NO_SYMLINKS`).
    pub no_symlinks: bool,
}

impl Resolve {
    /// Never through `/proc/*/fd` and its like (`RESOLVE_NO_MAGICLINKS`): they lead anywhere.
    fn bits(self) -> u64 {
        libc::RESOLVE_NO_MAGICLINKS
            | if self.beneath { libc::RESOLVE_BENEATH } else { 0 }
            | if self.in_root { libc::RESOLVE_IN_ROOT } else { 0 }
            | if self.no_symlinks { libc::RESOLVE_NO_SYMLINKS } else { 0 }
    }
}

/// What kind of file a descriptor stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, found with `O_NOFOLLOW`.
    Link,
    /// A character device that does nothing but give or take bytes: `null`, `zero`, `full`, `random`, `urandom`.
    Harmless,
    /// Another character device.
    Device,
    /// A socket's name.
    Socket,
    /// A pipe's name, a block device.
    Other,
}

/// Find `path` from `directory` without opening what is there (`O_PATH`): no device notices, no pipe waits.
///
/// # Errors
///
/// As `openat2(2)`: `EXDEV` for a path that leads out, `ELOOP` for a link that must not be followed.
pub fn find(
    directory: BorrowedFd<'_>,
    path: &CStr,
    resolve: Resolve,
    follow: bool,
) -> Result<OwnedFd, Error> {
    let flags = libc::O_PATH | libc::O_CLOEXEC | if follow { 0 } else { libc::O_NOFOLLOW };
    // SAFETY: an open_how is plain numbers.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = u64::from(flags.cast_unsigned());
    how.resolve = resolve.bits();
    loop {
        // SAFETY: a C string and a structure whose size is passed along.
        let ret = unsafe {
            let how = &raw const how;
            libc::syscall(
                libc::SYS_openat2,
                directory.as_raw_fd(),
                path.as_ptr(),
                how,
                size_of::<libc::open_how>(),
            )
        };
        match i32::try_from(ret) {
            // SAFETY: a new descriptor.
            Ok(fd) if fd >= 0 => return Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            // A rename elsewhere made the kernel unsure; it asks to try again.
            _ if matches!(errno(), libc::EAGAIN | libc::EINTR) => {}
            _ => return Err(Error::last("openat2", "needs Linux 5.6")),
        }
    }
}

/// Open, for reading, what [`find`] found. It does not wait, and gets no controlling terminal. The new
/// descriptor reads without waiting (`O_NONBLOCK`) only if `nonblocking`.
///
/// # Errors
///
/// As `open(2)`; `ENOENT` too where `/proc` is not mounted.
pub fn open_found(found: BorrowedFd<'_>, nonblocking: bool) -> Result<OwnedFd, Error> {
    let path = self_path(found)?;
    let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: a C string.
    let fd = unsafe { libc::open(path.as_ptr(), flags) };
    if fd < 0 {
        return Err(Error::last("open", ""));
    }
    // SAFETY: a new descriptor.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    if !nonblocking {
        // SAFETY: takes no pointers.
        let set = unsafe {
            let flags = libc::fcntl(fd.as_raw_fd(), libc::F_GETFL);
            libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags & !libc::O_NONBLOCK)
        };
        if set < 0 {
            return Err(Error::last("fcntl(F_SETFL)", ""));
        }
    }
    Ok(fd)
}

/// What kind of file it is.
///
/// # Errors
///
/// `EBADF`.
pub fn kind(fd: BorrowedFd<'_>) -> Result<Kind, Error> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: room for the structure.
    if unsafe { libc::fstat(fd.as_raw_fd(), stat.as_mut_ptr()) } != 0 {
        return Err(Error::last("fstat", ""));
    }
    // SAFETY: filled in.
    let stat = unsafe { stat.assume_init() };
    // `Documentation/admin-guide/devices.txt`.
    let harmless = libc::major(stat.st_rdev) == 1 && matches!(libc::minor(stat.st_rdev), 3 | 5 | 7 | 8 | 9);
    Ok(match stat.st_mode & libc::S_IFMT {
        libc::S_IFREG => Kind::File,
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFLNK => Kind::Link,
        libc::S_IFCHR if harmless => Kind::Harmless,
        libc::S_IFCHR => Kind::Device,
        libc::S_IFSOCK => Kind::Socket,
        _ => Kind::Other,
    })
}

/// Whether the file is one of `/proc`, where `self` is whoever looks.
///
/// # Errors
///
/// `EBADF`.
pub fn is_proc(fd: BorrowedFd<'_>) -> Result<bool, Error> {
    let mut stat = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: room for the structure.
    if unsafe { libc::fstatfs(fd.as_raw_fd(), stat.as_mut_ptr()) } != 0 {
        return Err(Error::last("fstatfs", ""));
    }
    // SAFETY: filled in.
    Ok(unsafe { stat.assume_init() }.f_type == libc::PROC_SUPER_MAGIC)
}

/// What `/proc/TID/WHAT` (`root`, `cwd`, `fd/3`) leads to, as a place to look from (`O_PATH`). Whether the
/// number was still the thread's must be asked afterwards.
///
/// # Errors
///
/// `ENOENT` when the thread is gone, `EACCES` without the right to trace it.
pub fn place(tid: i32, what: &str) -> Result<OwnedFd, Error> {
    let path = CString::new(format!("/proc/{tid}/{what}"))
        .map_err(|_| Error::Refused { what: "a NUL byte in a path" })?;
    // SAFETY: a C string; the result is a new descriptor.
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_PATH | libc::O_CLOEXEC);
        if fd < 0 { Err(Error::last("open", "")) } else { Ok(OwnedFd::from_raw_fd(fd)) }
    }
}

/// Connect a socket to the address whose bytes (`struct sockaddr`) these are.
///
/// # Errors
///
/// As `connect(2)`; `EINPROGRESS` for a socket that does not wait.
pub fn connect(socket: BorrowedFd<'_>, address: &[u8]) -> Result<(), Error> {
    let len = length(address)?;
    // SAFETY: as many bytes as are told, read only.
    if unsafe { libc::connect(socket.as_raw_fd(), address.as_ptr().cast(), len) } == 0 {
        return Ok(());
    }
    Err(Error::last("connect", ""))
}

/// Connect a socket to the Unix domain socket that [`find`] found.
///
/// # Errors
///
/// As `connect(2)`; `ENOENT` too where `/proc` is not mounted.
pub fn connect_found(socket: BorrowedFd<'_>, found: BorrowedFd<'_>) -> Result<(), Error> {
    let path = self_path(found)?;
    let mut address = u16::try_from(libc::AF_UNIX).unwrap_or(1).to_ne_bytes().to_vec();
    address.extend(path.as_bytes_with_nul());
    connect(socket, &address)
}

/// Bind a socket to the address whose bytes (`struct sockaddr`) these are.
///
/// # Errors
///
/// As `bind(2)`.
pub fn bind(socket: BorrowedFd<'_>, address: &[u8]) -> Result<(), Error> {
    let len = length(address)?;
    // SAFETY: as many bytes as are told, read only.
    if unsafe { libc::bind(socket.as_raw_fd(), address.as_ptr().cast(), len) } == 0 {
        return Ok(());
    }
    Err(Error::last("bind", ""))
}

fn length(address: &[u8]) -> Result<libc::socklen_t, Error> {
    // `struct sockaddr_storage` is as long as an address can be.
    if address.len() > size_of::<libc::sockaddr_storage>() {
        return Err(Error::Call { call: "connect", errno: libc::EINVAL, hint: "the address is too long" });
    }
    Ok(address.len() as libc::socklen_t)
}

fn self_path(fd: BorrowedFd<'_>) -> Result<CString, Error> {
    CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd()))
        .map_err(|_| Error::Refused { what: "a NUL byte in a path" })
}
