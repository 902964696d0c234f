//! `tables/errno.rs`: error names and numbers.

use super::calls::Calls;
use crate::data;
use crate::files::Result;
use std::fmt::Write as _;

/// Rows of `data/errno.txt`: `NAME NUMBER`, preferred names before aliases.
pub(crate) fn generate(_calls: &Calls) -> Result<String> {
    let mut out = String::from(
        "/// Name and generic number, ascending by number.\npub(crate) static ERRNOS: &[(&str, u16)] = &[\n",
    );
    for row in data::rows("data/errno.txt")? {
        let [name, number] = row.cells()[..] else {
            return Err(row.error("expected NAME NUMBER"));
        };
        let number = u16::try_from(row.number(number)?).map_err(|_| row.error("out of range"))?;
        let _ = writeln!(out, "({name:?}, {number}),");
    }
    out.push_str("];\n");
    Ok(out)
}
