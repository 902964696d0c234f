//! Writing `data/constants`.

use super::gather::Gathered;
use super::target::TARGETS;
use crate::codegen::constant_set::Kind;
use crate::files::{self, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Writes every file; rows are explained in each one's head.
pub(crate) fn write(gathered: &[Gathered], version: &str) -> Result<()> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for name in names(gathered) {
        let sets: Vec<_> = gathered.iter().map(|g| g.set(&name)).collect();
        let Some(first) = sets.iter().flatten().next() else { continue };
        let text = texts.entry(first.file.clone()).or_insert_with(|| head(version));
        let _ = writeln!(text, "\nset {name} {}  # {}", first.kind.word(), first.source);
        let hexadecimal = first.kind == Kind::Flags || name.starts_with("ioctl_") || name == "audit_arch";
        for member in members(gathered, &name) {
            let values: Vec<Option<u64>> = sets
                .iter()
                .map(|set| set.and_then(|s| s.values.iter().find(|v| v.0 == member)).map(|v| v.1))
                .collect();
            let _ = writeln!(text, "{member} {}", print_values(&values, hexadecimal));
        }
        for (index, (_, set)) in first.fields.iter().enumerate() {
            let masks: Vec<Option<u64>> =
                sets.iter().map(|s| s.and_then(|s| s.fields.get(index)).map(|f| f.0)).collect();
            let of = set.as_ref().map(|s| format!(" {s}")).unwrap_or_default();
            let _ = writeln!(text, "field{of} {}", print_values(&masks, true));
        }
    }
    for (file, text) in texts {
        files::write(format!("data/constants/{file}.txt"), &text)?;
    }
    Ok(())
}

fn head(version: &str) -> String {
    format!(
        "# Constants by set. Source: Linux {version}, the headers named beside each set, through a C compiler \
         (data/constant-sets.txt).\n# NAME VALUE [ARCH,ARCH…=VALUE…]: the value everywhere but where another is \
         given; `-` is none. Preferred names come first.\n# field [SET] MASK …: these bits together hold one \
         alternative, of SET if named.\n"
    )
}

/// The sets in the order in which the architectures, one after the other, have them.
fn names(gathered: &[Gathered]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for set in gathered.iter().flat_map(|g| &g.sets) {
        if !set.values.is_empty() && !names.contains(&set.name) {
            names.push(set.name.clone());
        }
    }
    names
}

fn members(gathered: &[Gathered], set: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in gathered.iter().filter_map(|g| g.set(set)).flat_map(|s| &s.values) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// The most common value, then the others with their architectures.
fn print_values(values: &[Option<u64>], hexadecimal: bool) -> String {
    let mut groups: Vec<(Option<u64>, Vec<&str>)> = Vec::new();
    for (value, target) in values.iter().zip(TARGETS) {
        match groups.iter_mut().find(|g| g.0 == *value) {
            Some(group) => group.1.push(target.arch),
            None => groups.push((*value, vec![target.arch])),
        }
    }
    let most = groups.iter().map(|g| g.1.len()).max().unwrap_or(0);
    let common = groups.iter().position(|g| g.1.len() == most).unwrap_or(0);
    let mut out = print_value(groups[common].0, hexadecimal);
    for (_, (value, arches)) in groups.iter().enumerate().filter(|(i, _)| *i != common) {
        let _ = write!(out, " {}={}", arches.join(","), print_value(*value, hexadecimal));
    }
    out
}

/// Larger numbers are patterns of bits.
const LARGEST_DECIMAL: u64 = 9999;

fn print_value(value: Option<u64>, hexadecimal: bool) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value.cast_signed() < 0 && !hexadecimal => format!("{}", value.cast_signed()),
        Some(value) if hexadecimal || value > LARGEST_DECIMAL => format!("{value:#x}"),
        Some(value) => value.to_string(),
    }
}
