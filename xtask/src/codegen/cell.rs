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

/// The variant of `Arch` for an architecture's name, which is the name with a capital.
pub(crate) fn arch(calls: &Calls, row: &Row, name: &str) -> Result<String> {
    if !calls.tables.contains_key(name) {
        return Err(row.error(format_args!("no architecture {name}")));
    }
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    Ok(first.into_iter().chain(letters).collect())
}
