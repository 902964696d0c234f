//! `tables/constant.rs`: names, values and sets of constants.

use super::calls::Calls;
use super::cell::{ARCHES, variant};
use super::constant_row::{self, Set, Values};
use super::constant_set::Kind;
use super::slots;
use crate::files::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Bit of a value that says it differs between architectures.
const DIFFERS: u16 = 0x8000;

/// Reads the sets.
pub(crate) fn generate(_calls: &Calls) -> Result<String> {
    let sets = constant_row::read()?;
    let constants = merge(&sets)?;
    let names: Vec<&str> = constants.keys().copied().collect();
    let words: BTreeSet<u64> = constants.values().flat_map(|v| v.iter().flatten()).copied().collect();
    let words: Vec<u64> = words.into_iter().collect();
    let mut out = String::from("use crate::arch::Arch;\nuse crate::constant::{Kind, SetRow};\n\n");
    columns(&mut out);

    let _ = writeln!(
        out,
        "/// Every name, sorted, one after the other.\npub(crate) static NAMES: &str = concat!("
    );
    for name in &names {
        let _ = writeln!(out, "{name:?},");
    }
    out.push_str(");\n\n");
    let mut end = 0;
    let ends = names.iter().map(|name| {
        end += name.len();
        end
    });
    list(&mut out, "Where each name ends in `NAMES`.", "ENDS: &[u32]", ends);
    list(&mut out, "Indices of names, searched by `slots`.", "SLOTS: &[u16]", slots::fill(&names)?);
    let small = words.partition_point(|w| u32::try_from(*w).is_ok());
    list(&mut out, "Every value below 2^32, ascending.", "SMALL: &[u32]", &words[..small]);
    list(&mut out, "Every other value, ascending; their indices go on.", "LARGE: &[u64]", &words[small..]);

    let mut rows: Vec<Vec<u16>> = Vec::new();
    let mut values = Vec::new();
    for per_arch in constants.values() {
        values.push(encode(per_arch, &words, &mut rows)?);
    }
    list(
        &mut out,
        "By name: the index of a value, or with the highest bit a row of `ROWS`.",
        "VALUES: &[u16]",
        values,
    );
    let _ = writeln!(
        out,
        "/// How long a row of `ROWS` is.\npub(crate) const COLUMNS: usize = {};\n",
        ARCHES.len()
    );
    let doc = "Indices of values by column, row after row; all bits set where there is none.";
    list(&mut out, doc, "ROWS: &[u16]", rows.iter().flatten());
    sets_table(&mut out, &sets, &names)?;
    Ok(out)
}

/// Every constant by name; one that several sets have must have one value.
fn merge(sets: &[Set]) -> Result<BTreeMap<&str, &Values>> {
    let mut constants: BTreeMap<&str, (&Values, &str)> = BTreeMap::new();
    for set in sets {
        for (name, values) in &set.members {
            let (known, other) = constants.entry(name).or_insert((values, &set.name));
            if *known != values {
                return Err(format!("{name} has one value in {other} and another in {}", set.name));
            }
        }
    }
    Ok(constants.into_iter().map(|(name, (values, _))| (name, values)).collect())
}

fn columns(out: &mut String) {
    out.push_str("/// An architecture's column in `ROWS`.\npub(crate) fn column(arch: Arch) -> usize {\nmatch arch {\n");
    for (index, (arch, _)) in ARCHES.iter().enumerate() {
        let _ = writeln!(out, "Arch::{} => {index},", variant(arch));
    }
    out.push_str("}\n}\n\n");
}

fn list(out: &mut String, doc: &str, declaration: &str, items: impl IntoIterator<Item = impl ToString>) {
    let items: Vec<String> = items.into_iter().map(|i| i.to_string()).collect();
    let _ = writeln!(out, "/// {doc}\npub(crate) static {declaration} = &[{}];\n", items.join(", "));
}

fn index_of(words: &[u64], value: Option<u64>) -> Result<u16> {
    let Some(value) = value else { return Ok(u16::MAX) };
    let index = words.binary_search(&value).map_err(|_| "a value is not among the values")?;
    u16::try_from(index).ok().filter(|i| i & DIFFERS == 0).ok_or("too many values".to_owned())
}

fn encode(per_arch: &Values, words: &[u64], rows: &mut Vec<Vec<u16>>) -> Result<u16> {
    if per_arch.iter().all(|v| *v == per_arch[0] && v.is_some()) {
        return index_of(words, per_arch[0]);
    }
    let row = per_arch.iter().map(|v| index_of(words, *v)).collect::<Result<Vec<u16>>>()?;
    let index = rows.iter().position(|r| *r == row).unwrap_or_else(|| {
        rows.push(row);
        rows.len() - 1
    });
    Ok(u16::try_from(index).map_err(|e| e.to_string())? | DIFFERS)
}

fn sets_table(out: &mut String, sets: &[Set], names: &[&str]) -> Result<()> {
    let index = |name: &str| sets.iter().position(|s| s.name == name).ok_or(format!("no set {name}"));
    let constant = |name: &str| names.binary_search(&name).map_err(|_| format!("no constant {name}"));
    let mut members = Vec::new();
    let mut table = String::new();
    for set in sets {
        let start = members.len();
        for (name, _) in &set.members {
            members.push(constant(name)?);
        }
        let kind = match set.kind {
            Kind::Values => "Values",
            Kind::Flags => "Flags",
            Kind::Union => "Union",
            Kind::Choice => "Choice",
        };
        let leaves = set.leaves.iter().map(|l| index(l)).collect::<Result<Vec<usize>>>()?;
        let cases = set.cases.iter().map(|(c, s)| Ok((constant(c)?, index(s)?)));
        let cases = cases.collect::<Result<Vec<_>>>()?;
        let mut fields = Vec::new();
        for (masks, of) in &set.fields {
            let of = index(of.as_ref().unwrap_or(&set.name))?;
            // One mask for all columns where they agree.
            let count = if masks.iter().all(|m| *m == masks[0]) { 1 } else { masks.len() };
            let low = |mask: &Option<u64>| format!("{:#x}", mask.unwrap_or(0) & u64::from(u32::MAX));
            let masks = masks[..count].iter().map(low).collect::<Vec<_>>().join(", ");
            fields.push(format!("(&[{masks}], {of})"));
        }
        let _ = writeln!(
            table,
            "SetRow {{ name: {:?}, kind: Kind::{kind}, members: ({start}, {}), leaves: &{leaves:?}, cases: &{cases:?}, \
             fields: &[{}] }},",
            set.name,
            members.len(),
            fields.join(", ")
        );
    }
    list(out, "Indices of names, set by set, preferred ones first.", "MEMBERS: &[u16]", members);
    let _ = writeln!(out, "/// Every set, by name.\npub(crate) static SETS: &[SetRow] = &[\n{table}];");
    Ok(())
}
