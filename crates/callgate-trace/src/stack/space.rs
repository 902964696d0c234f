//! Where a process has its text at a moment, for when it has ended.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::maps::Maps;

/// What a process executes, and where: what it takes to find callers by a copy of a stack, once it is gone.
pub struct Space {
    pub(super) maps: Maps,
    /// Its root directory, where that is not ours: kept open.
    root: Option<File>,
}

impl Space {
    /// That of a process as of now; `None` where it executes the same files at the same addresses as in `known`, once it has
    /// ended, and without the right to look. It takes some ten microseconds. Our own root directory and mounts are taken to
    /// stay what they were when this was called first.
    pub fn new_of(pid: i32, known: Option<&Space>) -> Option<Space> {
        let maps = Maps::of(pid).filter(|maps| !maps.is_empty())?;
        if known.is_some_and(|known| known.maps.texts().eq(maps.texts())) {
            return None;
        }
        let root = format!("/proc/{pid}/root");
        let root = if is_ours(pid, &root) { None } else { File::open(root).ok() };
        Some(Space { maps, root })
    }

    /// Whether something was mapped then wherever the numbers on a stack may point to: what is executed is still the same, as
    /// far as that stack shows. Small numbers, and those that no address is, point nowhere.
    pub fn explains(&self, stack: &[u8]) -> bool {
        let numbers = stack.chunks_exact(8).filter_map(|bytes| bytes.first_chunk());
        numbers.map(|bytes| u64::from_ne_bytes(*bytes)).all(|number| self.maps.explains(number))
    }

    /// Where its files are found.
    pub(super) fn root(&self) -> PathBuf {
        match &self.root {
            None => PathBuf::from("/"),
            Some(root) => PathBuf::from(format!("/proc/self/fd/{}", root.as_raw_fd())),
        }
    }
}

/// Whether a process has our root directory, with the same mounted below it.
fn is_ours(pid: i32, root: &str) -> bool {
    /// Ours do not change.
    static OWN: OnceLock<[Option<(u64, u64)>; 2]> = OnceLock::new();
    let id = |path: &str| fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
    let [namespace, directory] = OWN.get_or_init(|| [id("/proc/self/ns/mnt"), id("/")]);
    let same = |theirs: &str, ours: &Option<_>| ours.is_some() && id(theirs) == *ours;
    same(&format!("/proc/{pid}/ns/mnt"), namespace) && same(root, directory)
}
