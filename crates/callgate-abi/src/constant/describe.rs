//! Writing a value in the words of its set.

use super::{Kind, Set};
use crate::arch::Arch;
use core::fmt::{Result, Write};

/// Writes `value` as a policy would: the name of an alternative, or flags and fields joined by `|` with what no
/// name covers in hexadecimal. A value without any name is written as a number.
///
/// ```
/// use callgate_abi::{Arch, constant::{Set, describe}};
/// let words = |set, value| {
///     let mut out = String::new();
///     describe(Set::from_name(set).unwrap(), value, Arch::X86_64, &mut out).unwrap();
///     out
/// };
/// assert_eq!(words("open_flags", 0x80241), "O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC");
/// assert_eq!(words("open_flags", 0), "O_RDONLY");
/// assert_eq!(words("clone_flags", 0x0001_0011), "SIGCHLD|CLONE_THREAD");
/// assert_eq!(words("mmap_prot", 0x103), "PROT_READ|PROT_WRITE|0x100");
/// assert_eq!(words("file_mode", 0o100644), "S_IFREG|0o644");
/// assert_eq!(words("address_family", 2), "AF_INET");
/// assert_eq!(words("address_family", 99), "99");
/// ```
pub fn describe(set: Set, value: u64, arch: Arch, out: &mut dyn Write) -> Result {
    if set.kind() != Kind::Flags {
        return match set.name_of(value, arch) {
            Some(name) => out.write_str(name),
            None => write_number(value, out),
        };
    }
    let mut words = Words { out, any: false };
    let mut rest = value;
    let mut fields = 0;
    for (index, (mask, of)) in set.fields(arch).enumerate() {
        let mask = u64::from(mask);
        fields |= mask;
        // The name of zero says nothing about a second field.
        if index > 0 && value & mask == 0 {
            continue;
        }
        if let Some(name) = alternative(of, value & mask, mask, arch) {
            words.word(name)?;
            rest &= !mask;
        }
    }
    if set.name() == OCTAL {
        let zero = rest == 0 && words.any;
        return if zero { Ok(()) } else { words.separate().and_then(|()| write!(words.out, "{rest:#o}")) };
    }
    while let Some((name, bits)) = next(set, rest, fields, arch) {
        words.word(name)?;
        rest &= !bits;
    }
    if rest != 0 {
        words.separate()?;
        return write!(words.out, "{rest:#x}");
    }
    if words.any {
        return Ok(());
    }
    match set.members(arch).find(|m| m.1 == 0) {
        Some((name, _)) => out.write_str(name),
        None => out.write_str("0"),
    }
}

/// The set whose bits people know as octal digits.
const OCTAL: &str = "file_mode";

/// Words joined by `|`.
struct Words<'a> {
    out: &'a mut dyn Write,
    any: bool,
}

impl Words<'_> {
    fn separate(&mut self) -> Result {
        if core::mem::replace(&mut self.any, true) { self.out.write_char('|') } else { Ok(()) }
    }

    fn word(&mut self, name: &str) -> Result {
        self.separate()?;
        self.out.write_str(name)
    }
}

/// The member that is exactly `value` below `mask`; the mask's own name is none.
fn alternative(set: Set, value: u64, mask: u64, arch: Arch) -> Option<&'static str> {
    let named = |m: &(&str, u64)| m.1 == value && (m.1 != mask || mask.is_power_of_two());
    set.members(arch).find(named).map(|m| m.0)
}

/// The next member to write, of those whose bits `rest` has all: the one that begins lowest; of several, the
/// one with the most bits.
fn next(set: Set, rest: u64, fields: u64, arch: Arch) -> Option<(&'static str, u64)> {
    let inside = |m: &(&str, u64)| m.1 != 0 && m.1 & !rest == 0 && m.1 & !fields != 0;
    let order = |m: (&str, u64)| (m.1.trailing_zeros(), u32::MAX - m.1.count_ones());
    let first =
        |best: (&'static str, u64), m: (&'static str, u64)| if order(m) < order(best) { m } else { best };
    set.members(arch).filter(inside).reduce(first)
}

fn write_number(value: u64, out: &mut dyn Write) -> Result {
    const LARGEST_DECIMAL: u64 = 9999;
    if value <= LARGEST_DECIMAL { write!(out, "{value}") } else { write!(out, "{value:#x}") }
}
