//! The files a process executes, and where.
//!
//! Source: `proc_pid_maps(5)`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// A mapping of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mapping {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) path: PathBuf,
    offset: u64,
    executable: bool,
}

/// All mappings of files, by address.
#[derive(Clone)]
pub(super) struct Maps(Vec<Mapping>);

impl Maps {
    pub(super) fn of(pid: i32) -> Option<Maps> {
        Some(Maps::parse(&std::fs::read(format!("/proc/{pid}/maps")).ok()?))
    }

    /// What the kernel's text says; lines that are not about files are left out.
    pub(super) fn parse(text: &[u8]) -> Maps {
        Maps(text.split(|byte| *byte == b'\n').filter_map(mapping).collect())
    }

    /// A process that has ended has none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn at(&self, address: u64) -> Option<&Mapping> {
        self.0.iter().find(|m| m.start <= address && address < m.end)
    }

    /// Those that are executed, and where their files begin.
    pub(super) fn texts(&self) -> impl Iterator<Item = (Mapping, u64)> {
        self.0.iter().filter(|m| m.executable).map(|text| {
            let first = |m: &&Mapping| m.path == text.path && m.offset == 0 && m.start <= text.start;
            let base = self.0.iter().rfind(first).map_or(text.start.wrapping_sub(text.offset), |m| m.start);
            (text.clone(), base)
        })
    }
}

fn mapping(line: &[u8]) -> Option<Mapping> {
    let mut words = line.splitn(6, |byte| *byte == b' ');
    let mut word = || std::str::from_utf8(words.next()?).ok();
    let (start, end) = word()?.split_once('-')?;
    let (protection, offset) = (word()?, word()?);
    let (_device, _inode) = (word()?, word()?);
    let path = words.next()?.trim_ascii_start();
    let hexadecimal = |word| u64::from_str_radix(word, 16).ok();
    path.starts_with(b"/").then_some(Mapping {
        start: hexadecimal(start)?,
        end: hexadecimal(end)?,
        path: PathBuf::from(OsStr::from_bytes(path)),
        offset: hexadecimal(offset)?,
        executable: protection.contains('x'),
    })
}
