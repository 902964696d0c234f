//! Files opened for a caller.

use super::errno_of;
use callgate::abi::constant;
use callgate::answer::Place;
use callgate::notify::{Call, CallError};
use callgate::{Arch, Errno};
use callgate_sys::behalf::{self, Kind, Resolve};
use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// `PATH_MAX` without the end of the string.
const LONGEST: usize = 4095;
/// `AT_FDCWD`.
const CWD: i32 = -100;
/// These are numbered alike everywhere.
const ENOENT: Errno = Errno(2);
const EACCES: Errno = Errno(13);
const EINVAL: Errno = Errno(22);
const ENOTDIR: Errno = Errno(20);
/// By its number on x86, as all errors are told here.
const ELOOP: Errno = Errno(40);
const ENAMETOOLONG: Errno = Errno(36);

/// What a call asks to open: the one copy of its path, and its flags.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    directory: i32,
    path: Vec<u8>,
    /// Whether it neither writes, creates nor needs anything that is not done here.
    pub(super) only_reads: bool,
    directory_only: bool,
    follow: bool,
    nonblocking: bool,
    close_on_exec: bool,
}

impl Asked {
    pub(super) fn read(call: &Call<'_>) -> Result<Asked, Errno> {
        let args = call.data().args;
        let arch = call.arch().ok_or(EINVAL)?;
        let name = call.syscall().map_or("", |c| c.name());
        let (directory, path, flags, plain) = match name {
            "open" => (CWD, args[0], args[1], true),
            "openat" => (args[0] as i32, args[1], args[2], true),
            "openat2" => {
                // `struct open_how`: flags, mode, resolve.
                if args[3] < 24 {
                    return Err(EINVAL);
                }
                let how: [u8; 24] = call.memory().array(args[2]).map_err(|e| errno_of(&e))?;
                let word = |i: usize| {
                    let mut word = [0; 8];
                    word.copy_from_slice(&how[i * 8..i * 8 + 8]);
                    u64::from_ne_bytes(word)
                };
                // A smaller world that the caller wants for itself is not made here.
                (args[0] as i32, args[1], word(0), word(2) == 0 && args[3] == 24)
            }
            _ => return Err(EINVAL),
        };
        let path = call.memory().c_string(path, LONGEST).map_err(|e| errno_of(&e))?.ok_or(ENAMETOOLONG)?;
        let flag =
            |name: &str| constant::value(name, arch).is_some_and(|bits| bits != 0 && flags & bits == bits);
        let writes = flags & constant::value("O_ACCMODE", arch).unwrap_or(3) != 0
            || ["O_CREAT", "O_TRUNC", "O_TMPFILE", "O_PATH"].iter().any(|f| flag(f));
        Ok(Asked {
            directory,
            path,
            only_reads: plain && !writes,
            directory_only: flag("O_DIRECTORY"),
            follow: !flag("O_NOFOLLOW"),
            nonblocking: flag("O_NONBLOCK"),
            close_on_exec: flag("O_CLOEXEC"),
        })
    }

    /// The file, if it is one of the places or below one. What is found is held by a descriptor, and the decision is
    /// about that very file, whatever happens to its name.
    pub(super) fn find(&self, call: &Call<'_>, places: &[Place]) -> Result<Option<Found>, Errno> {
        if self.path.is_empty() {
            return Err(ENOENT);
        }
        let root = call.root().map_err(|e| errno_of(&e))?;
        let root_path = path_of(&root)?;
        let whole = absolute(call, self.directory, &self.path, &root_path)?;
        let file = match find(&root, &whole, self.follow) {
            Ok(file) => file,
            Err(errno) if written_below(&whole, places) => return Err(errno),
            // What is missing elsewhere, and why, is nothing the caller is told.
            Err(_) => return Ok(None),
        };
        let file_path = path_of(&file)?;
        let mut is_there = false;
        for place in places {
            let Ok(place_fd) = find(&root, Path::new(&place.path), true) else { continue };
            let place_path = path_of(&place_fd)?;
            is_there |= if place.below {
                // Whole components are compared: `/srv` is not above `/srvx`.
                behalf::kind(place_fd.as_fd()).map_err(kernel)? == Kind::Directory
                    && file_path.starts_with(&place_path)
            } else {
                file_path == place_path
            };
        }
        if !is_there {
            return Ok(None);
        }
        let shown = inside(&file_path, &root_path).ok_or(EACCES)?;
        if behalf::is_proc(file.as_fd()).map_err(kernel)? {
            // `self` would be the supervisor.
            return Err(EACCES);
        }
        match behalf::kind(file.as_fd()).map_err(kernel)? {
            Kind::Directory => {}
            _ if self.directory_only => return Err(ENOTDIR),
            Kind::File | Kind::Harmless => {}
            Kind::Link => return Err(ELOOP),
            // A pipe could make the supervisor wait, a device could do anything.
            Kind::Device | Kind::Socket | Kind::Other => return Err(EACCES),
        }
        let path = shown.to_string_lossy().into_owned();
        Ok(Some(Found { file, path, nonblocking: self.nonblocking, close_on_exec: self.close_on_exec }))
    }
}

/// A file that a caller may have.
#[derive(Debug)]
pub(super) struct Found {
    file: OwnedFd,
    /// Its path, in the caller's root directory.
    pub(super) path: String,
    nonblocking: bool,
    close_on_exec: bool,
}

impl Found {
    /// The file for reading, and whether it is closed on execution.
    pub(super) fn open(&self) -> Result<(OwnedFd, bool), Errno> {
        let fd = behalf::open_found(self.file.as_fd(), self.nonblocking).map_err(kernel)?;
        Ok((fd, self.close_on_exec))
    }
}

/// A caller's path from its root directory on.
pub(super) fn absolute(call: &Call<'_>, directory: i32, path: &[u8], root: &Path) -> Result<PathBuf, Errno> {
    let path = Path::new(OsStr::from_bytes(path));
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    let base = if directory == CWD { call.current_dir() } else { call.directory(directory) };
    let base = base.map_err(|e| match e {
        // `/proc` tells of a descriptor that is not open in its own way.
        CallError::Kernel(e) if e.errno() == Some(2) => Errno(9),
        e => errno_of(&e),
    })?;
    if behalf::kind(base.as_fd()).map_err(kernel)? != Kind::Directory {
        return Err(ENOTDIR);
    }
    let base = path_of(&base)?;
    Ok(Path::new("/").join(inside(&base, root).ok_or(ENOENT)?).join(path))
}

/// Whether a path is, as it is written, one of the places or below one.
fn written_below(path: &Path, places: &[Place]) -> bool {
    let climbs = path.components().any(|part| part == Component::ParentDir);
    !climbs
        && places.iter().any(|p| if p.below { path.starts_with(&p.path) } else { path == Path::new(&p.path) })
}

/// Finds a path of the caller's from its root directory on.
fn find(root: &OwnedFd, path: &Path, follow: bool) -> Result<OwnedFd, Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| EINVAL)?;
    behalf::find(root.as_fd(), &path, Resolve { in_root: true, ..Resolve::default() }, follow).map_err(kernel)
}

/// Where a descriptor's file is now, by its own name in its own mount namespace.
pub(super) fn path_of(fd: &OwnedFd) -> Result<PathBuf, Errno> {
    std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).map_err(|_| EACCES)
}

/// The path as seen from a root directory.
fn inside(path: &Path, root: &Path) -> Option<PathBuf> {
    Some(Path::new("/").join(path.strip_prefix(root).ok()?))
}

pub(super) fn kernel(e: callgate_sys::Error) -> Errno {
    let raw = e.errno().and_then(|e| u16::try_from(e).ok());
    match (raw, Arch::NATIVE) {
        (Some(raw), Some(arch)) => Errno::from_raw_on(raw, arch).unwrap_or(Errno(raw)),
        _ => EACCES,
    }
}
