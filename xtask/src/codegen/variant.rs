//! `tables/variant.rs`: newer forms of calls.

use super::calls::Calls;
use crate::data;
use crate::files::Result;
use std::fmt::Write as _;

pub(crate) fn generate(calls: &Calls) -> Result<String> {
    let mut out = String::from(
        "use crate::variant::Kind;\n\n/// Older call, newer call and how they differ, by the first two.\n",
    );
    out.push_str("pub(crate) static VARIANTS: &[(u16, u16, Kind)] = &[\n");
    let mut rows = Vec::new();
    for row in data::rows("data/variants.txt")? {
        let [older, newer, kind] = row.cells()[..] else {
            return Err(row.error("expected OLDER NEWER KIND"));
        };
        let kind = match kind {
            "time64" => "Time64",
            "size64" => "Size64",
            "id32" => "Id32",
            "redesign" => "Redesign",
            _ => return Err(row.error(format_args!("no kind {kind}"))),
        };
        let index = |name: &str| calls.index(name).ok_or_else(|| row.error(format_args!("no call {name}")));
        rows.push((index(older)?, index(newer)?, kind));
    }
    rows.sort_unstable();
    if let Some(twice) = rows.windows(2).find(|w| (w[0].0, w[0].1) == (w[1].0, w[1].1)) {
        let name = |index: u16| &calls.names()[usize::from(index)];
        return Err(format!("data/variants.txt: {} {} is there twice", name(twice[0].0), name(twice[0].1)));
    }
    for (older, newer, kind) in rows {
        let _ = writeln!(out, "({older}, {newer}, Kind::{kind}),");
    }
    Ok(out + "];\n")
}
