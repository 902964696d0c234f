//! Error numbers against `linux-raw-sys` and Debian's headers.

use super::claims::Disagreement;
use super::crates::registry;
use super::expression;
use super::headers::HEADERS;
use crate::codegen::errno::read;
use crate::files::{self, Result};
use std::collections::BTreeMap;

/// Table of ours, file of `data/errno`, folder of `linux-raw-sys`.
const CRATE: &[(&str, &str, &str)] = &[
    ("x86_64", "generic", "x86_64"),
    ("aarch64", "generic", "aarch64"),
    ("s390x", "generic", "s390x"),
    ("riscv64", "generic", "riscv64"),
    ("mips", "mips", "mips"),
    ("mips64", "mips", "mips64"),
    ("ppc", "ppc", "powerpc"),
    ("ppc64", "ppc", "powerpc64"),
];

/// Every difference; what a source lacks is no difference.
pub(crate) fn compare() -> Result<Vec<Disagreement>> {
    let mut found = Vec::new();
    let mut compared = 0;
    if let Some(folder) = registry()?.get("linux-raw-sys") {
        for (table, file, theirs) in CRATE {
            let text = files::read(folder.join(format!("src/{theirs}/errno.rs")))?;
            let numbers: BTreeMap<String, u64> = text
                .lines()
                .filter_map(|l| l.strip_prefix("pub const ")?.strip_suffix(';')?.split_once(": u32 = "))
                .filter_map(|(name, value)| Some((name.to_owned(), expression::value(value)?)))
                .collect();
            compared += difference("linux-raw-sys", table, file, &numbers, &mut found)?;
        }
    }
    for headers in HEADERS.iter().filter(|h| h.installed()) {
        let file = match headers.table {
            "mips" | "mips64" | "mips64n32" => "mips",
            "parisc" | "parisc64" => "parisc",
            "ppc" | "ppc64" => "ppc",
            _ => "generic",
        };
        let names: Vec<String> = read(file)?.into_iter().map(|r| r.0).collect();
        let values = headers.values("asm/errno.h", &names)?;
        let numbers = names.into_iter().zip(values).filter_map(|(n, v)| Some((n, v?))).collect();
        compared += difference("headers", headers.table, file, &numbers, &mut found)?;
    }
    println!("errors: {compared} numbers compared, {} disagreements", found.len());
    Ok(found)
}

fn difference(
    source: &'static str,
    table: &str,
    file: &str,
    theirs: &BTreeMap<String, u64>,
    found: &mut Vec<Disagreement>,
) -> Result<usize> {
    let mut compared = 0;
    for (name, ours) in read(file)? {
        if let Some(theirs) = theirs.get(&name) {
            compared += 1;
            if *theirs != u64::from(ours) {
                let detail = format!("theirs {theirs}, ours {ours}");
                found.push(Disagreement { source, table: table.to_owned(), name, kind: "errno", detail });
            }
        }
    }
    if compared < 100 {
        return Err(format!("{source}: only {compared} error numbers for {table}"));
    }
    Ok(compared)
}
