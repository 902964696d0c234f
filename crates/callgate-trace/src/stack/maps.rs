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

/// All mappings of files, by address, and what is mapped at all.
#[derive(Clone)]
pub(super) struct Maps(Vec<Mapping>, Vec<(u64, u64)>);

impl Maps {
    pub(super) fn of(pid: i32) -> Option<Maps> {
        Some(Maps::parse(&std::fs::read(format!("/proc/{pid}/maps")).ok()?))
    }

    /// What the kernel's text says.
    pub(super) fn parse(text: &[u8]) -> Maps {
        let lines = || text.split(|byte| *byte == b'\n');
        let mut mapped: Vec<(u64, u64)> = Vec::new();
        for (start, end) in lines().filter_map(range) {
            match mapped.last_mut() {
                Some(last) if last.1 == start => last.1 = end,
                _ => mapped.push((start, end)),
            }
        }
        Maps(lines().filter_map(mapping).collect(), mapped)
    }

    /// Whether something is mapped where a number points to, if it may be an address: the kernel maps what is new beside
    /// what there is, and numbers that are far from all of it are numbers.
    pub(super) fn explains(&self, number: u64) -> bool {
        const NEAR: u64 = 1 << 32;
        let after = self.1.partition_point(|(start, _)| *start <= number);
        let above = self.1.get(after).is_some_and(|(start, _)| start - number < NEAR);
        match self.1[..after].last() {
            Some((_, end)) => number < *end || !(above || number - end < NEAR),
            None => !above,
        }
    }

    /// A process that has ended has none.
    pub(super) fn is_empty(&self) -> bool {
        self.1.is_empty()
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

fn range(line: &[u8]) -> Option<(u64, u64)> {
    let word = line.split(|byte| *byte == b' ').next()?;
    let (start, end) = std::str::from_utf8(word).ok()?.split_once('-')?;
    Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mapped_is_explained() {
        let maps = Maps::parse(
            b"555500000000-555500001000 r-xp 00000000 00:00 1 /p\n\
              555500001000-555500003000 rw-p 00000000 00:00 0 [heap]\n\
              7f0000000000-7f0000001000 r--p 00000000 00:00 2 /lib with spaces\n",
        );
        for number in
            [0x5555_0000_0000, 0x5555_0000_2fff, 0x7f00_0000_0fff, 0, 1 << 33, 0x6000_0000_0000, u64::MAX]
        {
            assert!(maps.explains(number), "{number:#x}");
        }
        for number in [0x5554_ffff_ffff, 0x5555_0000_3000, 0x7f00_0000_1000, 0x7eff_ffff_0000] {
            assert!(!maps.explains(number), "{number:#x}");
        }
        assert_eq!(
            maps.at(0x7f00_0000_0800).map(|m| &*m.path),
            Some(std::path::Path::new("/lib with spaces"))
        );
        assert!(maps.at(0x5555_0000_2000).is_none() && maps.texts().count() == 1);
    }
}
