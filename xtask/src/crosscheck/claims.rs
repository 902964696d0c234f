//! What a source says, and where that differs from `data/`.

use crate::codegen::calls::{Call, Calls};
use crate::codegen::syscall::{Version, aliases, kernel};
use crate::files::Result;
use std::collections::BTreeMap;

/// Every source, by the name `data/disagreements.txt` uses.
pub(crate) const SOURCES: &[&str] = &["syscalls", "linux-raw-sys", "libc", "headers", "libseccomp"];

/// One architecture in one source.
pub(crate) struct Claims {
    pub(crate) source: &'static str,
    /// Our table.
    pub(crate) table: &'static str,
    /// Call and number, x32 bit and MIPS offset included.
    pub(crate) numbers: BTreeMap<String, u32>,
    /// The kernel it describes, if it means to be complete: then what is missing there is newer than that.
    pub(crate) kernel: Option<Version>,
}

/// One difference.
pub(crate) struct Disagreement {
    pub(crate) source: &'static str,
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) detail: String,
}

impl Claims {
    /// Every difference from `data/syscalls`.
    pub(crate) fn compare(&self, calls: &Calls) -> Result<Vec<Disagreement>> {
        let rows = &calls.tables[self.table];
        let aliases = aliases()?;
        let row_of = |name: &str| -> Option<&Call> {
            let alias = aliases.iter().find(|a| a.0 == self.table && a.1 == name).map(|a| a.2.as_str());
            rows.iter().find(|r| r.name == alias.unwrap_or(name))
        };
        let mut found = Vec::new();
        let mut add = |name: &str, kind, detail| {
            let (source, table, name) = (self.source, self.table.to_owned(), name.to_owned());
            found.push(Disagreement { source, table, name, kind, detail });
        };
        for (name, theirs) in &self.numbers {
            match row_of(name) {
                None => add(name, "unknown", format!("theirs {theirs}, ours none")),
                Some(row) if row.number != *theirs => {
                    add(name, "number", format!("theirs {theirs}, ours {}", row.number));
                }
                Some(row) if row.since != "-" => {
                    let since = kernel(&row.since)?;
                    if self.kernel.is_some_and(|theirs| since > theirs) {
                        add(name, "since", format!("they have it, ours says since {}", row.since));
                    }
                }
                Some(_) => {}
            }
        }
        let Some(theirs) = self.kernel else { return Ok(found) };
        for row in rows.iter().filter(|row| !self.numbers.contains_key(&row.name)) {
            let old = row.since == "-" || kernel(&row.since)? <= theirs;
            if old && row.removed.is_none() {
                add(&row.name, "missing", format!("theirs none, ours {} since {}", row.number, row.since));
            }
        }
        Ok(found)
    }
}
