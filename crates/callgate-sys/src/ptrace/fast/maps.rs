//! Where there is text to change, and room for more.

use crate::maps::{self, Mapping};

/// The addresses that programs use, 47 bits.
const TOP: u64 = 0x7fff_ffff_f000;

/// All mappings, by address.
pub(super) struct Maps(Vec<Mapping>);

impl Maps {
    pub(super) fn of(tid: i32) -> Option<Maps> {
        maps::of(tid).map(Maps)
    }

    /// What holds an address.
    pub(super) fn at(&self, address: u64) -> Option<&Mapping> {
        self.0.iter().find(|m| m.start <= address && address < m.end)
    }

    /// Where the file that a mapping is of begins.
    pub(super) fn base(&self, of: &Mapping) -> Option<u64> {
        self.0
            .iter()
            .filter(|m| m.file == of.file && m.offset == 0 && m.start <= of.start)
            .map(|m| m.start)
            .next_back()
    }

    /// A free place for `len` bytes about a gigabyte from an address, so that it is in nobody's way: neither that of
    /// what grows behind a program nor that of what comes in front of a library.
    pub(super) fn room_near(&self, address: u64, len: u64) -> Option<u64> {
        const FAR: u64 = 1 << 30;
        const STEP: u64 = 1 << 24;
        const TRIES: u64 = 50;
        const LOWEST: u64 = 1 << 24;
        let page = address & !0xfff;
        let below = (0..TRIES).filter_map(|n| page.checked_sub(FAR)?.checked_add(n * STEP));
        let above = (0..TRIES).filter_map(|n| page.checked_add(FAR - n * STEP));
        below.chain(above).find(|start| {
            let end = start + len;
            *start >= LOWEST && end < TOP && !self.0.iter().any(|m| m.start < end && *start < m.end)
        })
    }
}

/// Whether a mapping is text of a file: to be read and executed, its changes this process's own.
pub(super) fn is_text(mapping: &Mapping) -> bool {
    mapping.protection == *b"r-xp" && mapping.file.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read() {
        let maps = Maps(maps::parse(
            b"00400000-00401000 r--p 00000000 fe:01 12   /bin/a b\n00401000-00402000 r-xp 00001000 fe:01 12   /bin/a b\n\
             7f0000000000-7f0000001000 r-xp 00000000 00:00 0 [vdso]\n7f0000002000-7f0000003000 rwxp 00000000 fe:01 12 /bin/a b\n",
        ));
        let text = maps.at(0x40_1fff).unwrap();
        assert!(is_text(text) && maps.base(text) == Some(0x40_0000));
        assert!(maps.at(0x40_2000).is_none());
        assert!(!is_text(maps.at(0x7f00_0000_0000).unwrap()) && !is_text(maps.at(0x7f00_0000_2000).unwrap()));
        assert_eq!(maps.room_near(0x7f00_0000_0000, 0x1000), Some(0x7eff_c000_0000));
        // Nothing is below.
        assert_eq!(maps.room_near(0x40_1000, 0x1000), Some(0x4040_1000));
    }
}
