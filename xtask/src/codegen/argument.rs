//! Names of arguments and constants in data files: whether a call has them, and on which architectures.

use super::calls::Calls;
use super::cell::ARCHES;
use super::signature::{self, cell::Cells};
use super::signature_row::{self, Signature};
use crate::data::{self, Row};
use crate::files::{self, Result};
use std::collections::{BTreeMap, BTreeSet};

/// The parameters of every call, on every architecture.
pub(crate) struct Arguments<'a> {
    calls: &'a Calls,
    signatures: BTreeMap<String, Vec<Signature>>,
    constants: BTreeSet<String>,
    cells: Cells,
}

impl Arguments<'_> {
    /// Reads `data/signatures.txt`, `data/argument-roles.txt` and the names in `data/constants`.
    pub(crate) fn read(calls: &Calls) -> Result<Arguments<'_>> {
        let mut signatures: BTreeMap<String, Vec<Signature>> = BTreeMap::new();
        for (_, signature) in signature_row::read("data/signatures.txt")? {
            signatures.entry(signature.name.clone()).or_default().push(signature);
        }
        let mut constants = BTreeSet::new();
        for path in files::list("data/constants", "txt")? {
            // Rows about sets begin with a small letter, constants never do.
            let rows = data::rows(&path)?;
            let names = rows.iter().filter_map(|row| row.cells().first().map(|c| (*c).to_owned()));
            constants.extend(names.filter(|n| !n.starts_with(|c: char| c.is_ascii_lowercase())));
        }
        Ok(Arguments { calls, signatures, constants, cells: signature::cells(calls)? })
    }

    /// The architectures that have `call` but lack an argument of it that `condition` asks about, by
    /// name.
    ///
    /// # Errors
    ///
    /// A name that is no argument of the call on any architecture, or no constant.
    pub(crate) fn lacking(&self, row: &Row, call: &str, condition: &str) -> Result<Vec<&'static str>> {
        let mut lacking = Vec::new();
        for name in words(condition).filter(|w| !has_small_letter(w)) {
            self.check_constant(row, name)?;
        }
        for name in argument_names(condition) {
            let without = self.without(call, name);
            if without.len() == self.having(call).count() {
                return Err(row.error(format_args!("{call} has no argument {name}")));
            }
            lacking.extend(without);
        }
        lacking.sort_unstable();
        lacking.dedup();
        Ok(lacking)
    }

    /// Fails unless `call` has `argument` on all of `arches`, or where there are none on any at all.
    pub(crate) fn check(&self, row: &Row, call: &str, argument: &str, arches: &[&str]) -> Result<()> {
        let without = self.without(call, argument);
        let missing = if arches.is_empty() {
            without.len() == self.having(call).count()
        } else {
            arches.iter().any(|a| without.contains(a))
        };
        if missing { Err(row.error(format_args!("{call} has no argument {argument}"))) } else { Ok(()) }
    }

    /// Fails unless there is a constant of this name.
    pub(crate) fn check_constant(&self, row: &Row, name: &str) -> Result<()> {
        if self.constants.contains(name) {
            Ok(())
        } else {
            Err(row.error(format_args!("no constant {name}")))
        }
    }

    fn having(&self, call: &str) -> impl Iterator<Item = &'static str> {
        let has =
            move |table: &str| self.calls.tables.get(table).is_some_and(|t| t.iter().any(|c| c.name == call));
        ARCHES.iter().filter(move |(_, table)| has(table)).map(|(arch, _)| *arch)
    }

    fn without(&self, call: &str, argument: &str) -> Vec<&'static str> {
        self.having(call).filter(|arch| !self.has(call, arch, argument)).collect()
    }

    fn has(&self, call: &str, arch: &str, argument: &str) -> bool {
        let Some(signatures) = self.signatures.get(call) else { return false };
        let own = signatures.iter().find(|s| s.arches.iter().any(|a| a == arch));
        let signature = own.or_else(|| signatures.iter().find(|s| s.arches.is_empty()));
        let params = signature.and_then(|s| s.params.as_ref());
        params.is_some_and(|params| {
            params.iter().any(|p| p.name == argument || self.cells.same(call, &p.name, argument))
        })
    }
}

/// The words of a condition that name arguments: those with a small letter that are no keyword.
fn argument_names(condition: &str) -> impl Iterator<Item = &str> {
    const KEYWORDS: &[&str] = &["all", "any", "in", "not", "true"];
    words(condition).filter(|w| has_small_letter(w) && !KEYWORDS.contains(w))
}

/// The words of a condition that are no numbers.
fn words(condition: &str) -> impl Iterator<Item = &str> {
    let words = condition.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|w| w.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
}

fn has_small_letter(word: &str) -> bool {
    word.contains(|c: char| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::argument_names;

    #[test]
    fn names_in_conditions() {
        let names = |text| argument_names(text).collect::<Vec<_>>();
        assert_eq!(names("flags & O_ACCMODE == O_RDONLY && flags & __O_TMPFILE == 0"), ["flags", "flags"]);
        assert_eq!(names("!(_value in {AF_INET, 0x1f}) || mode & 0xe00 == 0"), ["_value", "mode"]);
    }
}
