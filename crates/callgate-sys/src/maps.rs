//! What a process has where in its memory.
//!
//! Reads a file only; there is nothing unsafe here. Source: `proc_pid_maps(5)`.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// A mapping.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// Where it begins.
    pub start: u64,
    /// Where it ends: the first address behind it.
    pub end: u64,
    /// Whether it may be read, written to and executed, and is this process's own (`p`) or shared (`s`), as the kernel
    /// writes it: `r-xp`.
    pub protection: [u8; 4],
    /// Where in its file it begins, in bytes.
    pub offset: u64,
    /// The numbers of the file's device, major and minor, and of its inode; `None` where it is of no file.
    pub file: Option<(u32, u32, u64)>,
    /// The file's path, or what the kernel calls the mapping (`[stack]`); empty where it has no name.
    pub path: PathBuf,
}

impl Mapping {
    /// Whether it may be executed.
    pub fn is_executable(&self) -> bool {
        self.protection[2] == b'x'
    }
}

/// Every mapping of a process or thread, by address; none of one that has ended. `None` without the right to look, and
/// where there is no such process.
pub fn of(pid: i32) -> Option<Vec<Mapping>> {
    let file = File::open(format!("/proc/{pid}/maps")).ok()?;
    // The kernel tells a page at a time.
    let mut text = Vec::with_capacity(8 << 10);
    file.take(u64::MAX).read_to_end(&mut text).ok()?;
    Some(parse(&text))
}

/// What the kernel's text says; lines that say nothing are left out.
pub fn parse(text: &[u8]) -> Vec<Mapping> {
    text.split(|byte| *byte == b'\n').filter_map(mapping).collect()
}

fn mapping(line: &[u8]) -> Option<Mapping> {
    let mut words = line.splitn(6, |byte| *byte == b' ');
    let (start, end) = pair(words.next()?, b'-')?;
    let (protection, offset) = (words.next()?.try_into().ok()?, hexadecimal(words.next()?)?);
    let (major, minor) = pair(words.next()?, b':')?;
    let inode: u64 = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let file = (inode != 0).then_some((u32::try_from(major).ok()?, u32::try_from(minor).ok()?, inode));
    let path = words.next().unwrap_or_default().trim_ascii_start();
    let path = PathBuf::from(OsStr::from_bytes(path));
    Some(Mapping { start, end, protection, offset, file, path })
}

fn pair(word: &[u8], between: u8) -> Option<(u64, u64)> {
    let at = word.iter().position(|byte| *byte == between)?;
    Some((hexadecimal(&word[..at])?, hexadecimal(&word[at + 1..])?))
}

/// A number of at most 64 bits.
fn hexadecimal(word: &[u8]) -> Option<u64> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(u64::from);
    let is_number = !word.is_empty() && word.len() <= 16;
    word.iter().map(digit).try_fold(0, |number, digit| Some(number << 4 | digit?)).filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_line_is_read() {
        let text = b"00400000-00401000 r--p 00000000 fe:01 12                    /bin/a b\n\
            7f0000000000-7f0000001000 rw-s 0001f000 00:10 18446744073709551615 /\xff (deleted)\n\
            7f0000002000-7f0000003000 rwxp 00000000 00:00 0 \n\
            ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0          [vsyscall]\n";
        let maps = parse(text);
        let file = maps.iter().map(|m| (m.start, m.file, m.is_executable())).collect::<Vec<_>>();
        assert_eq!(
            file,
            [
                (0x40_0000, Some((0xfe, 1, 12)), false),
                (0x7f00_0000_0000, Some((0, 0x10, u64::MAX)), false),
                (0x7f00_0000_2000, None, true),
                (0xffff_ffff_ff60_0000, None, true),
            ]
        );
        assert_eq!((maps[1].offset, maps[1].end, &maps[1].protection), (0x1f000, 0x7f00_0000_1000, b"rw-s"));
        let paths: Vec<&[u8]> = maps.iter().map(|m| m.path.as_os_str().as_bytes()).collect();
        assert_eq!(paths, [&b"/bin/a b"[..], b"/\xff (deleted)", b"", b"[vsyscall]"]);
    }

    #[test]
    fn what_is_no_line_is_left_out() {
        for line in [
            "",
            "x",
            "1-2",
            "1-2 r-xp",
            "1-2 r-xp 0",
            "1-2 r-xp 0 1:2",
            "1-2 r-xp 0 1:2 x",
            "-2 r-xp 0 1:2 3",
            "1-2 r-xpp 0 1:2 3",
            "1-10000000000000000 r-xp 0 1:2 3",
            "1 r-xp 0 1:2 3",
        ] {
            assert_eq!(parse(line.as_bytes()), [], "{line}");
        }
        assert_eq!(parse(b"1-2 r-xp 0 1:2 3").len(), 1);
    }

    #[test]
    fn our_own() {
        let pid = std::process::id().cast_signed();
        let maps = of(pid).unwrap();
        let here = our_own as fn() as usize as u64;
        let text = maps.iter().find(|m| m.start <= here && here < m.end).unwrap();
        assert!(text.is_executable() && text.file.is_some(), "{text:?}");
        assert_eq!(std::env::current_exe().as_deref().ok(), Some(Path::new(&text.path)));
        assert_eq!(of(i32::MAX), None);
    }
}
