//! Where the kernel's structures keep what: its own description of its types.
//!
//! Source: `Documentation/bpf/btf.rst`.
//!
//! # Safety
//!
//! The description is mapped to be read only; the kernel never changes it, and it lives as long as [`Bytes`].
#![expect(unsafe_code, reason = "mmap")]

use std::fs::File;
use std::io::Read;
use std::ops::Deref;
use std::os::fd::AsRawFd;

/// The description of the kernel's types.
pub(super) struct Btf {
    bytes: Bytes,
    types: (usize, usize),
    strings: usize,
}

/// The description itself.
enum Bytes {
    Mapped(*const u8, usize),
    Read(Vec<u8>),
}

impl Bytes {
    fn of_kernel() -> Option<Bytes> {
        let mut file = File::open("/sys/kernel/btf/vmlinux").ok()?;
        let len = usize::try_from(file.metadata().ok()?.len()).ok()?;
        // Linux 6.16; read, it takes a call for every page.
        // SAFETY: a new mapping, placed by the kernel, disturbs nothing.
        let at = unsafe {
            libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ, libc::MAP_PRIVATE, file.as_raw_fd(), 0)
        };
        if at != libc::MAP_FAILED {
            return Some(Bytes::Mapped(at.cast(), len));
        }
        let mut bytes = Vec::with_capacity(len + 1);
        file.read_to_end(&mut bytes).ok()?;
        Some(Bytes::Read(bytes))
    }
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            // SAFETY: mapped until drop, and never changed.
            Bytes::Mapped(at, len) => unsafe { std::slice::from_raw_parts(*at, *len) },
            Bytes::Read(bytes) => bytes,
        }
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        if let Bytes::Mapped(at, len) = self {
            // SAFETY: mapped by `of_kernel` with this size; nobody can borrow from it any more.
            unsafe { libc::munmap(at.cast_mut().cast(), *len) };
        }
    }
}

/// A structure, among the kinds of types.
const STRUCT: u32 = 4;

/// A structure that was found.
#[derive(Clone, Copy)]
pub(super) struct Structure {
    at: usize,
}

impl Btf {
    /// Of the running kernel; `None` where it has none.
    pub(super) fn of_kernel() -> Option<Btf> {
        Btf::parse(Bytes::of_kernel()?)
    }

    fn parse(bytes: Bytes) -> Option<Btf> {
        let word = |at: usize| number(&bytes, at).map(|n| n as usize);
        // Magic, version, flags.
        if word(0)? & 0xffff != 0xeb9f {
            return None;
        }
        let header = word(4)?;
        let types = header.checked_add(word(8)?)?;
        let end = types.checked_add(word(12)?)?;
        let strings = header.checked_add(word(16)?)?;
        Some(Btf { bytes, types: (types, end), strings })
    }

    /// The first structures of these names, in one walk: there are more than a hundred thousand types.
    pub(super) fn structures(&self, wanted: &[&str]) -> Vec<Option<Structure>> {
        let mut found = vec![None; wanted.len()];
        let mut at = self.types.0;
        while at < self.types.1 {
            let (Some(name), Some(info)) = (self.number(at), self.number(at + 4)) else { break };
            let (kind, count) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
            if kind == STRUCT {
                for (found, of) in found.iter_mut().zip(wanted) {
                    if found.is_none() && self.is(name, of) {
                        *found = Some(Structure { at });
                    }
                }
                if found.iter().all(Option::is_some) {
                    break;
                }
            }
            at += 12
                + match kind {
                    // Integer, variable, tag of a declaration.
                    1 | 14 | 17 => 4,
                    // Array.
                    3 => 12,
                    // Structure, union, section, enumeration of 64 bits.
                    4 | 5 | 15 | 19 => count * 12,
                    // Enumeration, function's prototype.
                    6 | 13 => count * 8,
                    _ => 0,
                };
        }
        found
    }

    /// The place of a member in a structure, in bytes.
    pub(super) fn offset(&self, structure: Structure, member: &str) -> Option<u32> {
        let info = self.number(structure.at + 4)?;
        let members = (0..(info & 0xffff) as usize).map(|i| structure.at + 12 + i * 12);
        let mut found = members.filter(|at| self.number(*at).is_some_and(|name| self.is(name, member)));
        let bits = self.number(found.next()? + 8)?;
        // With bit fields, their sizes stand in the upper byte.
        let bits = if info >> 31 == 1 { bits & 0xff_ffff } else { bits };
        Some(bits / 8)
    }

    fn is(&self, name: u32, wanted: &str) -> bool {
        let start = self.strings.saturating_add(name as usize);
        let bytes = self.bytes.get(start..).unwrap_or_default();
        bytes.strip_prefix(wanted.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
    }

    fn number(&self, at: usize) -> Option<u32> {
        number(&self.bytes, at)
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|b| u32::from_ne_bytes(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(btf: &Btf, structure: &str, member: &str) -> Option<u32> {
        let found = btf.structures(&[structure]);
        btf.offset(found[0]?, member)
    }

    #[test]
    fn the_kernels_own() {
        let Some(btf) = Btf::of_kernel() else {
            eprintln!("skipped: no /sys/kernel/btf/vmlinux here");
            return;
        };
        let (pid, tgid) = (offset(&btf, "task_struct", "pid"), offset(&btf, "task_struct", "tgid"));
        assert_eq!(tgid, pid.map(|p| p + 4));
        assert_eq!(offset(&btf, "list_head", "prev"), Some(size_of::<usize>() as u32));
        assert_eq!(offset(&btf, "task_struct", "no such member"), None);
        assert_eq!(offset(&btf, "no such structure", "pid"), None);
        let found = btf.structures(&["no such structure", "list_head", "u32"]);
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn damaged() {
        let bytes = std::fs::read("/sys/kernel/btf/vmlinux").unwrap_or_default();
        for len in [0, 3, 20, 24, 100, 10_000.min(bytes.len())] {
            let cut = bytes.get(..len).unwrap_or_default().to_vec();
            assert_eq!(Btf::parse(Bytes::Read(cut)).and_then(|b| offset(&b, "task_struct", "pid")), None);
        }
    }
}
