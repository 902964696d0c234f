//! `struct seccomp_data`: what a filter sees of a call.
//!
//! Source: `include/uapi/linux/seccomp.h`.

use crate::arch::Endian;

/// The 64 bytes a filter may read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct SeccompData {
    /// The system-call number (x32 calls carry bit 30).
    pub nr: u32,
    /// The `AUDIT_ARCH_*` token of the convention the call was made under.
    pub arch: u32,
    /// The caller's instruction pointer at the time of the call.
    pub ip: u64,
    /// The six arguments, zero-extended where the ABI has 32-bit registers.
    pub args: [u64; 6],
}

/// One of the sixteen 32-bit words of [`SeccompData`], numbered in the order in which a decision
/// diagram asks for them: `arch`, `nr`, each argument's high then low word, then `ip` high and low.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Word(u8);

impl Word {
    /// The audit token.
    pub const ARCH: Word = Word(0);
    /// The system-call number.
    pub const NR: Word = Word(1);
    /// High half of the instruction pointer.
    pub const IP_HI: Word = Word(14);
    /// Low half of the instruction pointer.
    pub const IP_LO: Word = Word(15);
    /// How many words there are.
    pub const COUNT: u8 = 16;

    /// The high half of argument `index` (0–5; 6 means the instruction pointer).
    pub const fn arg_hi(index: u8) -> Word {
        assert!(index <= 6);
        Word(2 + 2 * index)
    }

    /// The low half of argument `index` (0–5; 6 means the instruction pointer).
    pub const fn arg_lo(index: u8) -> Word {
        assert!(index <= 6);
        Word(3 + 2 * index)
    }

    /// The word with this position in the diagram's order, if below [`Word::COUNT`].
    pub const fn from_index(index: u8) -> Option<Word> {
        if index < Self::COUNT { Some(Word(index)) } else { None }
    }

    /// The position in the diagram's order, 0–15.
    pub const fn index(self) -> u8 {
        self.0
    }

    /// For a word of an argument (or of the instruction pointer, index 6): its index and whether it
    /// is the high half.
    pub const fn arg(self) -> Option<(u8, bool)> {
        if self.0 < 2 { None } else { Some(((self.0 - 2) / 2, self.0.is_multiple_of(2))) }
    }

    /// The byte offset a `LD W ABS` instruction names to load this word.
    pub const fn offset(self, endian: Endian) -> u32 {
        let swap = match endian {
            Endian::Little => 0,
            Endian::Big => 4,
        };
        match self.0 {
            0 => 4,
            1 => 0,
            14 => 8 + (4 - swap),
            15 => 8 + swap,
            n => {
                let index = (n as u32 - 2) / 2;
                let high = n.is_multiple_of(2);
                16 + 8 * index + if high { 4 - swap } else { swap }
            }
        }
    }

    /// The word at a byte offset; `None` if it is not 4-aligned or beyond 60.
    pub const fn from_offset(offset: u32, endian: Endian) -> Option<Word> {
        let place = offset / 4;
        if !offset.is_multiple_of(4) || place >= Self::COUNT as u32 {
            return None;
        }
        // Which half of a 64-bit value comes first: the low one on little-endian machines.
        let second = match endian {
            Endian::Little => place % 2,
            Endian::Big => 1 - place % 2,
        };
        Some(match place {
            0 => Word::NR,
            1 => Word::ARCH,
            2 | 3 => Word(15 - second as u8),
            _ => Word((place / 2 * 2 - 1 - second) as u8),
        })
    }

    /// This word of `data`.
    pub const fn of(self, data: &SeccompData) -> u32 {
        match self.0 {
            0 => data.arch,
            1 => data.nr,
            n => {
                let value = if n >= 14 { data.ip } else { data.args[((n - 2) / 2) as usize] };
                if n.is_multiple_of(2) { (value >> 32) as u32 } else { value as u32 }
            }
        }
    }

    /// Replaces this word of `data`.
    pub const fn set(self, data: &mut SeccompData, word: u32) {
        match self.0 {
            0 => data.arch = word,
            1 => data.nr = word,
            n => {
                let value = if n >= 14 { &mut data.ip } else { &mut data.args[((n - 2) / 2) as usize] };
                *value = if n.is_multiple_of(2) {
                    (*value & 0xffff_ffff) | (word as u64) << 32
                } else {
                    (*value & !0xffff_ffff) | word as u64
                };
            }
        }
    }
}
