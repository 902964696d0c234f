//! The files a process executes, and where.

use callgate_sys::maps::{self, Mapping};

/// All mappings of files, by address, and what is mapped at all.
#[derive(Clone)]
pub(super) struct Maps {
    files: Vec<Mapping>,
    pub(super) mapped: Mapped,
}

/// What is mapped: starts and ends.
#[derive(Clone, Default)]
pub(super) struct Mapped(Vec<(u64, u64)>);

/// Addresses from here on are the kernel's, which nothing on a stack is meant to point to.
const KERNEL: u64 = 1 << 63;

impl Maps {
    pub(super) fn of(pid: i32) -> Option<Maps> {
        maps::of(pid).map(Maps::new)
    }

    pub(super) fn new(mut all: Vec<Mapping>) -> Maps {
        let mut mapped: Vec<(u64, u64)> = Vec::new();
        for (start, end) in all.iter().map(|m| (m.start, m.end)).filter(|(start, _)| *start < KERNEL) {
            match mapped.last_mut() {
                Some(last) if last.1 == start => last.1 = end,
                _ => mapped.push((start, end)),
            }
        }
        all.retain(|m| m.path.is_absolute());
        Maps { files: all, mapped: Mapped(mapped) }
    }

    /// A process that has ended has none.
    pub(super) fn is_empty(&self) -> bool {
        self.mapped.0.is_empty()
    }

    pub(super) fn at(&self, address: u64) -> Option<&Mapping> {
        self.files.iter().find(|m| m.start <= address && address < m.end)
    }

    /// Those that are executed.
    pub(super) fn executed(&self) -> impl Iterator<Item = &Mapping> {
        self.files.iter().filter(|m| m.is_executable())
    }

    /// Those that are executed, and where their files begin.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&Mapping, u64)> {
        self.executed().map(|text| {
            let same = |m: &Mapping| m.path.as_os_str() == text.path.as_os_str();
            let first = |m: &&Mapping| m.offset == 0 && m.start <= text.start && same(m);
            let base = self.files.iter().rfind(first);
            (text, base.map_or(text.start.wrapping_sub(text.offset), |m| m.start))
        })
    }
}

impl Mapped {
    /// Whether something is mapped where a number points to, if it may be an address: the kernel maps what is new beside
    /// what there is, and numbers that are far from all of it are numbers.
    pub(super) fn explains(&self, number: u64) -> bool {
        const NEAR: u64 = 1 << 32;
        // Most are: nothing, small, or negative.
        let lowest = self.0.first().map_or(u64::MAX, |(start, _)| start.saturating_sub(NEAR));
        if number <= lowest || number >= KERNEL {
            return true;
        }
        let after = self.0.partition_point(|(start, _)| *start <= number);
        let above = self.0.get(after).is_some_and(|(start, _)| start - number < NEAR);
        match self.0[..after].last() {
            Some((_, end)) => number < *end || !(above || number - end < NEAR),
            None => !above,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn what_is_mapped_is_explained() {
        let maps = Maps::new(maps::parse(
            b"555500000000-555500001000 r-xp 00000000 00:00 1 /p\n\
              555500001000-555500003000 rw-p 00000000 00:00 0 [heap]\n\
              7f0000000000-7f0000001000 r--p 00000000 00:00 2 /lib with spaces\n\
              ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n",
        ));
        for number in [
            0x5555_0000_0000,
            0x5555_0000_2fff,
            0x7f00_0000_0fff,
            0,
            1 << 33,
            0x6000_0000_0000,
            u64::MAX,
            u64::MAX - 0x7f_ffff,
        ] {
            assert!(maps.mapped.explains(number), "{number:#x}");
        }
        for number in [0x5554_ffff_ffff, 0x5555_0000_3000, 0x7f00_0000_1000, 0x7eff_ffff_0000] {
            assert!(!maps.mapped.explains(number), "{number:#x}");
        }
        assert_eq!(maps.at(0x7f00_0000_0800).map(|m| &*m.path), Some(Path::new("/lib with spaces")));
        assert!(maps.at(0x5555_0000_2000).is_none() && maps.texts().count() == 1);
    }
}
