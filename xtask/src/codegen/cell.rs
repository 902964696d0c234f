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

/// The variants of `Arch` for a list of names parted by commas; a variant is its name with a capital.
pub(crate) fn arches(row: &Row, names: &str) -> Result<Vec<String>> {
    names.split(',').map(|name| arch(row, name)).collect()
}

fn arch(row: &Row, name: &str) -> Result<String> {
    const NAMES: &[&str] = &[
        "aarch64",
        "arm",
        "loongarch64",
        "m68k",
        "mips",
        "mips64",
        "mips64n32",
        "mipsel",
        "mipsel64",
        "mipsel64n32",
        "parisc",
        "parisc64",
        "ppc",
        "ppc64",
        "ppc64le",
        "riscv64",
        "s390",
        "s390x",
        "sh",
        "sheb",
        "x32",
        "x86",
        "x86_64",
    ];
    if !NAMES.contains(&name) {
        return Err(row.error(format_args!("no architecture {name}")));
    }
    let (first, rest) = name.split_at(1);
    Ok(first.to_ascii_uppercase() + rest)
}
