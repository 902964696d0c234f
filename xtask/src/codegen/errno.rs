//! `tables/errno.rs`: error names and numbers.

use super::calls::Calls;
use super::slots;
use crate::data;
use crate::files::Result;
use std::fmt::Write as _;

/// Architectures with numbers of their own: file of `data/errno` and table.
const OWN: &[&str] = &["mips", "parisc", "ppc"];

pub(crate) fn generate(_calls: &Calls) -> Result<String> {
    let generic = read("generic")?;
    let mut by_name = generic.clone();
    by_name.sort();
    let mut out = String::from("/// An architecture's own numbers.\npub(crate) struct Own {\n");
    out.push_str("/// Generic number and own number where they differ, ascending by the first.\n");
    out.push_str("pub(crate) numbers: &'static [(u16, u16)],\n");
    out.push_str("/// Every own number with its preferred name, ascending.\n");
    out.push_str("pub(crate) names: &'static [(u16, &'static str)],\n}\n\n");
    out.push_str("/// Generic numbers with their preferred names, ascending.\n");
    let preferred = preferred(&generic);
    let _ = writeln!(out, "pub(crate) static BY_NUMBER: &[(u16, &str)] = &{preferred:?};\n");
    out.push_str("/// Generic names, aliases included, sorted.\n");
    let _ = writeln!(out, "pub(crate) static BY_NAME: &[(&str, u16)] = &{by_name:?};\n");
    let names: Vec<&String> = by_name.iter().map(|e| &e.0).collect();
    let slots = slots::fill(&names)?;
    let _ = writeln!(
        out,
        "/// Where to find a name in [`BY_NAME`].\npub(crate) static SLOTS: &[u16] = &{slots:?};"
    );
    for arch in OWN {
        let rows = read(arch)?;
        let differing = |(number, name): &(u16, String)| {
            let own = rows.iter().find(|r| r.0 == *name).map(|r| r.1);
            let own = own.ok_or(format!("data/errno/{arch}.txt: {name} is missing"));
            own.map(|own| (*number, own))
        };
        let numbers: Vec<(u16, u16)> = preferred.iter().map(differing).collect::<Result<_>>()?;
        let numbers: Vec<&(u16, u16)> = numbers.iter().filter(|n| n.0 != n.1).collect();
        let names = names_of(&rows, &by_name);
        let upper = arch.to_uppercase();
        let _ = writeln!(
            out,
            "\npub(crate) static {upper}: Own = Own {{ numbers: &{numbers:?}, names: &{names:?} }};"
        );
    }
    Ok(out)
}

/// The first name of every number.
fn preferred(rows: &[(String, u16)]) -> Vec<(u16, String)> {
    let mut out: Vec<(u16, String)> = Vec::new();
    for (name, number) in rows {
        if out.last().is_none_or(|last| last.0 != *number) {
            out.push((*number, name.clone()));
        }
    }
    out
}

/// The name of every number: one that the generic numbering knows, where there is a choice.
fn names_of(rows: &[(String, u16)], generic: &[(String, u16)]) -> Vec<(u16, String)> {
    let mut names = preferred(rows);
    for (number, name) in &mut names {
        let shared = rows.iter().filter(|r| r.1 == *number);
        if let Some(known) = shared.map(|r| &r.0).find(|n| generic.iter().any(|g| g.0 == **n)) {
            name.clone_from(known);
        }
    }
    names
}

/// Rows of `data/errno/FILE.txt`: `NAME NUMBER`, ascending by number.
pub(crate) fn read(file: &str) -> Result<Vec<(String, u16)>> {
    let mut out: Vec<(String, u16)> = Vec::new();
    for row in data::rows(format!("data/errno/{file}.txt"))? {
        let [name, number] = row.cells()[..] else {
            return Err(row.error("expected NAME NUMBER"));
        };
        let number = u16::try_from(row.number(number)?).map_err(|_| row.error("out of range"))?;
        if out.last().is_some_and(|last| last.1 > number) {
            return Err(row.error("numbers must ascend"));
        }
        out.push((name.to_owned(), number));
    }
    Ok(out)
}
