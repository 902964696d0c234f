//! Where paths mean what the policy's author meant.

use callgate::notify::Call;
use std::io;
use std::os::unix::fs::MetadataExt;

/// A root directory and the mounts around it. Who may make namespaces of its own can mount anything below a directory
/// that a line names, or change its root; for such a caller the paths of `on` lines would be paths of its own choice, read
/// with the supervisor's rights. Lines with paths are for callers at home only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Home {
    /// Device and inode of the root directory.
    root: (u64, u64),
    /// Of the mount namespace.
    mounts: (u64, u64),
}

impl Home {
    /// This process's: for commands that it started.
    ///
    /// # Errors
    ///
    /// `/proc` is not mounted.
    pub fn own() -> io::Result<Home> {
        Home::at("self")
    }

    /// Another process's: for one that sent its listener. To be asked for before it runs what is not trusted.
    ///
    /// # Errors
    ///
    /// There is no such process, or its number is another one here.
    pub fn of(pid: i32) -> io::Result<Home> {
        Home::at(&pid.to_string())
    }

    fn at(pid: &str) -> io::Result<Home> {
        let identity =
            |what: &str| std::fs::metadata(format!("/proc/{pid}/{what}")).map(|m| (m.dev(), m.ino()));
        Ok(Home { root: identity("root")?, mounts: identity("ns/mnt")? })
    }

    /// Whether a call's caller is at home.
    pub(super) fn has(&self, call: &Call<'_>) -> bool {
        let there = Home::at(&call.tid().to_string());
        // If it no longer waits, what was looked at may be another's.
        there.is_ok_and(|there| there == *self) && call.is_waiting().unwrap_or(false)
    }
}
