//! The rows of `data/constants`: sets, their members, and each member's value per architecture.

use super::cell::ARCHES;
use super::constant_set::{self, Kind};
use crate::data::{self, Row};
use crate::files::{self, Result};

/// A constant's value on each of [`ARCHES`].
pub(crate) type Values = Vec<Option<u64>>;

/// A set as the library has it.
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Preferred names first.
    pub(crate) members: Vec<(String, Values)>,
    /// Masks, and the set of what is below them where it is another one.
    pub(crate) fields: Vec<(Values, Option<String>)>,
    /// The sets that a union or a choice is made of; itself for the others.
    pub(crate) leaves: Vec<String>,
    /// The constant that chooses, and the set it chooses.
    pub(crate) cases: Vec<(String, String)>,
}

/// Every set by name: those of `data/constants`, and the unions and choices of `data/constant-sets.txt`.
pub(crate) fn read() -> Result<Vec<Set>> {
    let mut sets: Vec<Set> = Vec::new();
    for path in files::list("data/constants", "txt")? {
        for row in data::rows(&path)? {
            let cells = row.cells();
            if let ["set", name, kind] = cells[..] {
                if sets.iter().any(|s| s.name == name) {
                    return Err(row.error(format_args!("{name} is there twice")));
                }
                sets.push(Set::new(name, Kind::parse(&row, kind)?));
            } else {
                let set = sets.last_mut().ok_or(row.error("no set yet"))?;
                set.row(&row, &cells)?;
            }
        }
    }
    let leaves: Vec<String> = sets.iter().map(|s| s.name.clone()).collect();
    for spec in constant_set::read()?.sets {
        if matches!(spec.kind, Kind::Values | Kind::Flags) {
            if !leaves.contains(&spec.name) {
                return Err(format!("{} is not in data/constants: import a kernel's", spec.name));
            }
            continue;
        }
        let mut set = Set::new(&spec.name, spec.kind);
        set.leaves.clear();
        let chosen = spec.cases.iter().map(|c| &c.1);
        for pattern in spec.parts.iter().chain(chosen) {
            let found: Vec<&String> = leaves.iter().filter(|l| constant_set::matches(pattern, l)).collect();
            if found.is_empty() {
                return Err(format!("{}: {} has no set {pattern}", constant_set::PATH, spec.name));
            }
            for leaf in found {
                if !set.leaves.contains(leaf) {
                    set.leaves.push(leaf.clone());
                }
            }
        }
        set.cases = spec.cases;
        sets.push(set);
    }
    sets.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sets)
}

impl Set {
    fn new(name: &str, kind: Kind) -> Set {
        Set {
            name: name.to_owned(),
            kind,
            members: Vec::new(),
            fields: Vec::new(),
            leaves: vec![name.to_owned()],
            cases: Vec::new(),
        }
    }

    fn row(&mut self, row: &Row, cells: &[&str]) -> Result<()> {
        match *cells {
            ["field", set, ref cells @ ..] if set.starts_with(|c: char| c.is_ascii_lowercase()) => {
                self.fields.push((values(row, cells)?, Some(set.to_owned())));
            }
            ["field", ref cells @ ..] => self.fields.push((values(row, cells)?, None)),
            [name, ref cells @ ..] => {
                if self.members.iter().any(|m| m.0 == name) {
                    return Err(row.error(format_args!("{name} is there twice")));
                }
                self.members.push((name.to_owned(), values(row, cells)?));
            }
            [] => {}
        }
        Ok(())
    }
}

/// `VALUE [ARCH,ARCH…=VALUE…]`.
fn values(row: &Row, cells: &[&str]) -> Result<Values> {
    let [common, others @ ..] = cells else { return Err(row.error("expected NAME VALUE [ARCHES=VALUE…]")) };
    let mut out = vec![value(row, common)?; ARCHES.len()];
    for cell in others {
        let (arches, text) = cell.split_once('=').ok_or(row.error("expected ARCHES=VALUE"))?;
        let value = value(row, text)?;
        for arch in arches.split(',') {
            let index = ARCHES.iter().position(|a| a.0 == arch);
            out[index.ok_or(row.error(format_args!("no architecture {arch}")))?] = value;
        }
    }
    Ok(out)
}

fn value(row: &Row, text: &str) -> Result<Option<u64>> {
    if text == "-" {
        return Ok(None);
    }
    match text.strip_prefix('-') {
        Some(digits) => row.number(digits).map(|n| Some(n.wrapping_neg())),
        None => row.number(text).map(Some),
    }
}
