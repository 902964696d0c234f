//! A container's supervisor that makes device nodes and mounts for it: those that are harmless, as a container
//! manager does for containers without privileges.
//!
//! `mknod` and `mount` need privileges that the command does not have. The supervisor has them, receives the calls,
//! and does the work itself, where the command asked for it, if it is one of those it knows:
//!
//! * character devices that do nothing but give or take bytes: `null`, `zero`, `full`, `random`, `urandom`;
//! * a fresh `tmpfs`, no larger than 16 MiB, without set-user-id programs and devices.
//!
//! Everything else fails with `EPERM`, as it would without a supervisor.
//!
//! Try, as root: `emulate_mknod setpriv --reuid 65534 --clear-groups mknod /tmp/my-null c 1 3`.

use callgate::notify::{self, Call, Options};
use callgate::{Errno, Policy};
use callgate_sys::behalf::{self, Resolve};
use rustix::fs::{FileType, Mode, mknodat};
use rustix::io::Errno as Raw;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsconfig_set_string, fsmount,
    fsopen, move_mount,
};
use std::error::Error;
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

const POLICY: &str = "default allow\nnotify mknod?, mknodat, mount\n";
const EPERM: Errno = Errno(1);
const EINVAL: Errno = Errno(22);
const ENAMETOOLONG: Errno = Errno(36);

/// Major and minor numbers (`Documentation/admin-guide/devices.txt`).
const DEVICES: [(u32, u32); 5] = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9)];

fn main() -> Result<(), Box<dyn Error>> {
    let command: Vec<String> = std::env::args().skip(1).collect();
    let spawned = notify::spawn(&Policy::parse(POLICY)?, &command, Options::default())?;
    // The caller's is what counts.
    rustix::process::umask(Mode::empty());
    spawned.listener.serve(8, |call| {
        let done = match call.syscall().map_or("", |c| c.name()) {
            "mknod" => make_node(&call, -100, call.data().args[0], call.data().args[1], call.data().args[2]),
            "mknodat" => {
                let [directory, path, mode, device, ..] = call.data().args;
                make_node(&call, directory as i32, path, mode, device)
            }
            "mount" => mount(&call),
            _ => Err(EPERM),
        };
        let name = call.syscall().map_or("", |c| c.name());
        // Gone or not: there is nothing more to do for the caller.
        let _ = match done {
            Ok(what) => {
                eprintln!("supervisor: {what}");
                call.return_value(0)
            }
            Err(errno) => {
                eprintln!("supervisor: {name} refused: {}", errno.name().unwrap_or("unknown"));
                call.fail(errno)
            }
        };
    })?;
    std::process::exit(spawned.child.wait()?.exit_code().into())
}

/// The caller's path as one copy of our own, from the caller's own place on.
fn path(call: &Call<'_>, directory: i32, address: u64) -> Result<(OwnedFd, PathBuf), Errno> {
    let bytes = call.memory().c_string(address, 4095).map_err(|e| e.errno().unwrap_or(EPERM))?;
    let path = PathBuf::from(String::from_utf8(bytes.ok_or(ENAMETOOLONG)?).map_err(|_| EINVAL)?);
    let from = match (path.is_absolute(), directory) {
        (true, _) => call.root(),
        (false, -100) => call.current_dir(),
        (false, directory) => call.directory(directory),
    };
    Ok((from.map_err(|e| e.errno().unwrap_or(EPERM))?, path))
}

/// A directory of the caller's. It is held, so that it stays what was looked at.
fn find(from: &OwnedFd, path: &Path) -> Result<OwnedFd, Errno> {
    let path = CString::new(path.to_str().filter(|p| !p.is_empty()).unwrap_or(".")).map_err(|_| EINVAL)?;
    // The caller's `/` is not ours, and links are followed as it would see them.
    let inside = Resolve { in_root: true, ..Resolve::default() };
    behalf::find(from.as_fd(), &path, inside, true).map_err(|e| kernel(e.errno().unwrap_or(1)))
}

fn make_node(call: &Call<'_>, directory: i32, address: u64, mode: u64, device: u64) -> Result<String, Errno> {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let mode = mode as u32;
    if FileType::from_raw_mode(mode) != FileType::CharacterDevice || !DEVICES.contains(&(major, minor)) {
        return Err(EPERM);
    }
    let (from, path) = path(call, directory, address)?;
    let name = path.file_name().ok_or(EINVAL)?;
    let parent = find(&from, path.parent().unwrap_or(Path::new("")))?;
    // What the caller may not write to, it gets no devices in.
    let umask = writable_by(call, &parent)?;
    let mode = Mode::from_raw_mode(mode & 0o777 & !umask);
    mknodat(&parent, name, FileType::CharacterDevice, mode, device).map_err(|e| kernel(e.raw_os_error()))?;
    Ok(format!("made {} as {major}:{minor}", path.display()))
}

/// The caller's umask, if its user could have made an entry there. Its groups are not looked at: fewer may, never more.
fn writable_by(call: &Call<'_>, directory: &OwnedFd) -> Result<u32, Errno> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", call.tid())).map_err(|_| EPERM)?;
    // The number may be another task's by now; then nothing waits, and what was read is nobody's.
    if !call.is_waiting().unwrap_or(false) {
        return Err(EPERM);
    }
    let umask = status.lines().find_map(|l| u32::from_str_radix(l.strip_prefix("Umask:")?.trim(), 8).ok());
    let umask = umask.unwrap_or(0o777);
    let user =
        status.lines().find_map(|l| l.strip_prefix("Uid:")?.split_whitespace().nth(1)?.parse::<u32>().ok());
    let stat = rustix::fs::fstat(directory).map_err(|e| kernel(e.raw_os_error()))?;
    let bit = if user == Some(stat.st_uid) { 0o200 } else { 0o002 };
    match user {
        Some(0) => Ok(umask),
        Some(_) if stat.st_mode & bit != 0 => Ok(umask),
        _ => Err(Errno(13)),
    }
}

fn mount(call: &Call<'_>) -> Result<String, Errno> {
    let [_, target, kind, flags, data, _] = call.data().args;
    let kind = call.memory().c_string(kind, 64).map_err(|e| e.errno().unwrap_or(EPERM))?;
    if kind.as_deref() != Some(b"tmpfs") || flags != 0 || data != 0 {
        return Err(EPERM);
    }
    let (from, path) = path(call, -100, target)?;
    let target = find(&from, &path)?;
    writable_by(call, &target)?;
    let tmpfs = || {
        let fs = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(fs.as_fd(), "size", "16m")?;
        fsconfig_set_string(fs.as_fd(), "mode", "1777")?;
        fsconfig_create(fs.as_fd())?;
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
        let mounted = fsmount(fs.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        move_mount(mounted.as_fd(), "", target.as_fd(), "", flags)
    };
    tmpfs().map_err(|e: Raw| kernel(e.raw_os_error()))?;
    Ok(format!("mounted a tmpfs on {}", path.display()))
}

/// This machine's error numbers are this example's: it is for x86 and those that number alike.
fn kernel(raw: i32) -> Errno {
    u16::try_from(raw).map_or(EPERM, Errno)
}
