//! The calls of `data/syscalls`, read once and shared by every table that speaks of calls.

use crate::data::{self, Row};
use crate::files::{self, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Every call of every architecture.
pub(crate) struct Calls {
    names: Vec<String>,
    /// By table name (`x86_64`, `mips64`, …): its rows, ascending by number.
    pub(crate) tables: BTreeMap<String, Vec<Call>>,
    /// The newest kernel the tables describe, from `data/kernel.txt`.
    pub(crate) newest: String,
}

/// One row of a table: `NUMBER NAME ENTRY COMPAT SINCE [REMOVED]`.
#[derive(Clone)]
pub(crate) struct Call {
    /// With the x32 bit or MIPS offset included.
    pub(crate) number: u32,
    pub(crate) name: String,
    /// The kernel's entry point, `-` where the number is only reserved.
    pub(crate) entry: String,
    /// The entry point a 64-bit kernel uses when it serves this 32-bit ABI, if it is another one.
    pub(crate) compat: String,
    /// The first kernel with this number on this architecture, `MAJOR.MINOR`.
    pub(crate) since: String,
    /// The first kernel without it.
    pub(crate) removed: Option<String>,
}

impl Call {
    /// A call of the kernel being read; when it came is not known yet.
    pub(crate) fn new(number: u32, name: &str, entry: String, compat: String) -> Call {
        Call { number, name: name.to_owned(), entry, compat, since: "-".to_owned(), removed: None }
    }

    fn read(row: &Row) -> Result<Call> {
        let cells = row.cells();
        let (number, name, entry, compat, since, removed) = match cells[..] {
            [number, name, entry, compat, since] => (number, name, entry, compat, since, None),
            [number, name, entry, compat, since, removed] => {
                (number, name, entry, compat, since, Some(removed.to_owned()))
            }
            _ => return Err(row.error("expected NUMBER NAME ENTRY COMPAT SINCE [REMOVED]")),
        };
        let number = u32::try_from(row.number(number)?).map_err(|_| row.error("out of range"))?;
        Ok(Call {
            since: since.to_owned(),
            removed,
            ..Call::new(number, name, entry.to_owned(), compat.to_owned())
        })
    }
}

impl Calls {
    /// Reads `data/syscalls/*.txt` and `data/kernel.txt`.
    pub(crate) fn read() -> Result<Calls> {
        let mut tables = BTreeMap::new();
        for path in files::list("data/syscalls", "txt")? {
            let table = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let mut calls: Vec<Call> = Vec::new();
            for row in data::rows(&path)? {
                let call = Call::read(&row)?;
                if calls.last().is_some_and(|c| c.number >= call.number) {
                    return Err(row.error("numbers must ascend"));
                }
                if calls.iter().any(|c| c.name == call.name) {
                    return Err(row.error(format_args!("{} is there twice", call.name)));
                }
                calls.push(call);
            }
            tables.insert(table, calls);
        }
        let names: BTreeSet<&String> = tables.values().flatten().map(|c| &c.name).collect();
        let names = names.into_iter().cloned().collect();
        let newest = match data::rows("data/kernel.txt")?.as_slice() {
            [row] => row.text.clone(),
            rows => return Err(format!("data/kernel.txt: expected one row, found {}", rows.len())),
        };
        Ok(Calls { names, tables, newest })
    }

    /// Every name, sorted: the order of `Syscall`.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The index of a call, which is what `Syscall` holds.
    pub(crate) fn index(&self, name: &str) -> Option<u16> {
        self.names.binary_search_by(|n| n.as_str().cmp(name)).ok().and_then(|i| u16::try_from(i).ok())
    }
}
