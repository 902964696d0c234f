//! `tables/audit.rs`: audit tokens by name.

use super::calls::Calls;
use crate::data;
use crate::files::Result;
use std::fmt::Write as _;

pub(crate) fn generate(_calls: &Calls) -> Result<String> {
    let mut out = String::from(
        "/// Name and token, sorted by name.\npub(crate) static AUDIT_ARCHES: &[(&str, u32)] = &[\n",
    );
    let mut last = String::new();
    for row in data::rows("data/audit.txt")? {
        let [name, token] = row.cells()[..] else {
            return Err(row.error("expected NAME TOKEN"));
        };
        if *last >= *name {
            return Err(row.error("names must ascend"));
        }
        name.clone_into(&mut last);
        let _ = writeln!(out, "({name:?}, {:#010x}),", row.number(token)?);
    }
    Ok(out + "];\n")
}
