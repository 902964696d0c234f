//! Cells that several data files have.

use super::calls::Calls;
use crate::data::Row;
use crate::files::Result;

/// A call's index.
pub(crate) fn call(calls: &Calls, row: &Row, name: &str) -> Result<u16> {
    calls.index(name).ok_or_else(|| row.error(format_args!("no table has a call {name}")))
}

/// A kernel release, `MAJOR.MINOR`.
pub(crate) fn kernel(row: &Row, text: &str) -> Result<(u8, u8)> {
    let parts =
        text.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    parts.ok_or_else(|| row.error(format_args!("'{text}' is no kernel release")))
}

/// The variants of `Arch` for a list of names parted by commas.
pub(crate) fn arches(row: &Row, names: &str) -> Result<Vec<String>> {
    names.split(',').map(|name| arch(row, name)).collect()
}

fn arch(row: &Row, name: &str) -> Result<String> {
    if !ARCHES.iter().any(|a| a.0 == name) {
        return Err(row.error(format_args!("no architecture {name}")));
    }
    Ok(variant(name))
}

/// The variant of `Arch` for an architecture's name.
pub(crate) fn variant(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_ascii_uppercase() + rest
}

/// Every architecture's name, and the table of `data/syscalls` it uses.
pub(crate) const ARCHES: &[(&str, &str)] = &[
    ("aarch64", "aarch64"),
    ("arm", "arm"),
    ("loongarch64", "loongarch64"),
    ("m68k", "m68k"),
    ("mips", "mips"),
    ("mips64", "mips64"),
    ("mips64n32", "mips64n32"),
    ("mipsel", "mips"),
    ("mipsel64", "mips64"),
    ("mipsel64n32", "mips64n32"),
    ("parisc", "parisc"),
    ("parisc64", "parisc64"),
    ("ppc", "ppc"),
    ("ppc64", "ppc64"),
    ("ppc64le", "ppc64"),
    ("riscv64", "riscv64"),
    ("s390", "s390"),
    ("s390x", "s390x"),
    ("sh", "sh"),
    ("sheb", "sh"),
    ("x32", "x32"),
    ("x86", "x86"),
    ("x86_64", "x86_64"),
];
