//! What a process has where in its memory.
//!
//! Source: `proc_pid_maps(5)`.

/// The addresses that programs use, 47 bits.
const TOP: u64 = 0x7fff_ffff_f000;

/// A mapping.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mapping {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Whether it is text of a file: to be read and executed, its changes this process's own.
    pub(super) is_text: bool,
    offset: u64,
    /// The file, by device and inode as they are written.
    file: Option<String>,
}

/// All mappings, by address.
pub(super) struct Maps(Vec<Mapping>);

impl Maps {
    pub(super) fn of(tid: i32) -> Option<Maps> {
        let text = std::fs::read(format!("/proc/{tid}/maps")).ok()?;
        Some(Maps::parse(&String::from_utf8_lossy(&text)))
    }

    fn parse(text: &str) -> Maps {
        Maps(text.lines().filter_map(mapping).collect())
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

fn mapping(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ').map(str::trim);
    let (start, end) = words.next()?.split_once('-')?;
    let (protection, offset, device, rest) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let hexadecimal = |word| u64::from_str_radix(word, 16).ok();
    let inode = rest.split(' ').next()?;
    let file = (inode != "0").then(|| format!("{device} {inode}"));
    Some(Mapping {
        start: hexadecimal(start)?,
        end: hexadecimal(end)?,
        is_text: protection == "r-xp" && file.is_some(),
        offset: hexadecimal(offset)?,
        file,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read() {
        let maps = Maps::parse(
            "00400000-00401000 r--p 00000000 fe:01 12   /bin/a b\n00401000-00402000 r-xp 00001000 fe:01 12   /bin/a b\n\
             7f0000000000-7f0000001000 r-xp 00000000 00:00 0 [vdso]\n7f0000002000-7f0000003000 rwxp 00000000 fe:01 12 /bin/a b\n",
        );
        let text = maps.at(0x40_1fff).unwrap();
        assert!(text.is_text && maps.base(text) == Some(0x40_0000));
        assert!(maps.at(0x40_2000).is_none());
        assert!(!maps.at(0x7f00_0000_0000).unwrap().is_text && !maps.at(0x7f00_0000_2000).unwrap().is_text);
        assert_eq!(maps.room_near(0x7f00_0000_0000, 0x1000), Some(0x7eff_c000_0000));
        // Nothing is below.
        assert_eq!(maps.room_near(0x40_1000, 0x1000), Some(0x4040_1000));
    }
}
