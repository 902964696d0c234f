//! Where a process has its text at a moment, for when it has ended.

use std::collections::HashSet;
use std::fs::{self, File};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::maps::{Mapped, Maps};

/// What a process executes, and where: what it takes to find callers by a copy of a stack, once it is gone.
pub struct Space {
    pub(super) maps: Maps,
    /// Its root directory, where that is not ours: kept open.
    root: Option<File>,
}

impl Space {
    fn new(pid: i32, maps: Maps) -> Space {
        let root = format!("/proc/{pid}/root");
        let root = if is_ours(pid, &root) { None } else { File::open(root).ok() };
        Space { maps, root }
    }

    /// Where its files are found.
    pub(super) fn root(&self) -> PathBuf {
        match &self.root {
            None => PathBuf::from("/"),
            Some(root) => PathBuf::from(format!("/proc/self/fd/{}", root.as_raw_fd())),
        }
    }
}

/// A process whose calls are looked at one after the other, and what it executes, as of the last.
///
/// To ask the kernel takes some ten microseconds. It is not asked again as long as numbers on the stacks point to what was
/// mapped when it was asked last, or to what was nothing then either.
pub struct Followed {
    space: Arc<Space>,
    mapped: Mapped,
    /// All that was executed at any time.
    texts: Vec<Range<u64>>,
    /// Numbers that pointed nowhere, and to none of those.
    nowhere: HashSet<u64>,
}

/// How many numbers that point nowhere are remembered.
const NOWHERE: usize = 1 << 12;

impl Followed {
    /// A process as of now; `None` once it has ended, and without the right to look. Our own root directory and mounts are
    /// taken to stay what they were when this was called first.
    pub fn new(pid: i32) -> Option<Followed> {
        let maps = Maps::of(pid).filter(|maps| !maps.is_empty())?;
        Some(Followed::with(pid, maps))
    }

    fn with(pid: i32, maps: Maps) -> Followed {
        let texts = maps.executed().map(|text| text.start..text.end).collect();
        let mapped = maps.mapped.clone();
        Followed { space: Arc::new(Space::new(pid, maps)), mapped, texts, nowhere: HashSet::new() }
    }

    /// What it executes at a call that it makes, by an instruction pointer and a stack.
    pub fn space(&mut self, pid: i32, ip: u64, stack: &[u8]) -> Arc<Space> {
        self.look(ip, stack, || Maps::of(pid).filter(|maps| !maps.is_empty()), |maps| Space::new(pid, maps));
        self.space.clone()
    }

    fn look(
        &mut self,
        ip: u64,
        stack: &[u8],
        ask: impl FnOnce() -> Option<Maps>,
        new: impl FnOnce(Maps) -> Space,
    ) {
        let numbers = stack.chunks_exact(8).filter_map(|bytes| bytes.first_chunk());
        let numbers = numbers.map(|bytes| u64::from_ne_bytes(*bytes)).chain([ip]);
        let unknown = numbers.filter(|n| !self.mapped.explains(*n) && !self.nowhere.contains(n));
        let unknown: Vec<u64> = unknown.collect();
        if unknown.is_empty() {
            return;
        }
        let Some(maps) = ask() else { return };
        self.mapped = maps.mapped.clone();
        if !self.space.maps.texts().eq(maps.texts()) {
            self.texts.extend(maps.executed().map(|text| text.start..text.end));
            self.space = Arc::new(new(maps));
        }
        if self.nowhere.len() + unknown.len() > NOWHERE {
            self.nowhere.clear();
        }
        // What was text once may be so again at the same place.
        let was_text = |n: &u64| self.texts.iter().any(|text| text.contains(n));
        self.nowhere.extend(unknown.into_iter().filter(|n| !self.mapped.explains(*n) && !was_text(n)));
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

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "10000000000-10000001000 r-xp 00000000 00:00 1 /p\n";
    const HEAP: &str = "10000010000-10000011000 rw-p 00000000 00:00 0 \n";
    const LIBRARY: &str = "10000020000-10000021000 r-xp 00000000 00:00 2 /l\n";

    /// Whether the kernel is asked about a number, and whether what is executed is another then.
    fn asked(followed: &mut Followed, number: u64, lines: &[&str]) -> (bool, bool) {
        let (mut asked, before) = (false, followed.space.clone());
        let maps = || {
            asked = true;
            Some(Maps::new(callgate_sys::maps::parse(lines.concat().as_bytes())))
        };
        followed.look(0x100_0000_0000, &number.to_ne_bytes(), maps, |maps| Space { maps, root: None });
        (asked, !Arc::ptr_eq(&before, &followed.space))
    }

    #[test]
    fn the_kernel_is_asked_about_what_is_new() {
        let maps = Maps::new(callgate_sys::maps::parse(BEFORE.as_bytes()));
        let mut followed = Followed::with(std::process::id().cast_signed(), maps);
        let (text, heap, nothing, library) =
            (0x100_0000_0800, 0x100_0001_0800, 0x100_0005_0000, 0x100_0002_0800);
        assert_eq!(asked(&mut followed, text, &[]), (false, false));
        // What is mapped and not executed is no news after the first time, nor is what is nothing.
        assert_eq!(asked(&mut followed, heap, &[BEFORE, HEAP]), (true, false));
        assert_eq!(asked(&mut followed, heap + 8, &[]), (false, false));
        assert_eq!(asked(&mut followed, nothing, &[BEFORE, HEAP]), (true, false));
        assert_eq!(asked(&mut followed, nothing, &[]), (false, false));
        assert_eq!(asked(&mut followed, nothing + 8, &[BEFORE, HEAP]), (true, false));
        assert_eq!(asked(&mut followed, library, &[BEFORE, HEAP, LIBRARY]), (true, true));
        assert_eq!(asked(&mut followed, library + 8, &[]), (false, false));
        // It is unloaded, which shows when something else is asked about, and loaded again.
        assert_eq!(asked(&mut followed, nothing + 16, &[BEFORE, HEAP]), (true, true));
        assert_eq!(asked(&mut followed, library, &[BEFORE, HEAP]), (true, false));
        assert_eq!(asked(&mut followed, library, &[BEFORE, HEAP, LIBRARY]), (true, true));
    }
}
