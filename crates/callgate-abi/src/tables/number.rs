//! The form of one architecture's generated table of numbers.

/// Numbers, ages and order of the calls of one architecture. A number is stored as a 16-bit code.
pub(crate) struct Table {
    /// Added to every regular code: the x32 bit, or 0.
    pub(crate) base: u32,
    /// The largest regular number.
    pub(crate) last: u32,
    /// By call: the code of its number, or [`Table::NONE`].
    pub(crate) codes: &'static [u16],
    /// By call: one more than the index of the kernel it came with, or 0.
    pub(crate) since: &'static [u8],
    /// The dropped calls, ascending, each with the index of the first kernel without it.
    pub(crate) removed: &'static [(u16, u8)],
    /// The calls that have a number, ascending by it.
    pub(crate) order: &'static [u16],
}

impl Table {
    /// The code of a call without a number.
    pub(crate) const NONE: u16 = 0xffff;
    /// Codes from here on stand for Arm's private range.
    const PRIVATE_CODE: u16 = 0xf000;
    /// Where Arm's private range begins.
    const PRIVATE_NUMBER: u32 = 0x0f_0000;

    /// The number of the call with this index.
    pub(crate) fn number(&self, index: u16) -> Option<u32> {
        let code = self.codes[usize::from(index)];
        (code != Table::NONE).then(|| self.decode(code))
    }

    /// The number a code stands for.
    pub(crate) fn decode(&self, code: u16) -> u32 {
        match code.checked_sub(Table::PRIVATE_CODE) {
            Some(offset) => Table::PRIVATE_NUMBER + u32::from(offset),
            None => self.base + u32::from(code),
        }
    }

    /// The code that would stand for a number.
    pub(crate) fn code(&self, number: u32) -> Option<u16> {
        let (offset, first) = match number.checked_sub(Table::PRIVATE_NUMBER) {
            Some(offset) if self.base == 0 => (offset, Table::PRIVATE_CODE),
            _ => (number.checked_sub(self.base)?, 0),
        };
        let end = if first == 0 { Table::PRIVATE_CODE } else { Table::NONE };
        u16::try_from(offset).ok()?.checked_add(first).filter(|code| *code < end)
    }
}
