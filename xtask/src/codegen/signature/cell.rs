//! `data/argument-roles.txt`: what people know about arguments. The file's head explains its rows.

use crate::codegen::calls::Calls;
use crate::data::{self, Row};
use crate::files::Result;
use std::collections::BTreeMap;

const PATH: &str = "data/argument-roles.txt";

/// What a cell says about an argument.
#[derive(Clone)]
pub(crate) struct Cell {
    /// The preferred name.
    pub(crate) name: String,
    /// Further names, the kernel's among them.
    pub(crate) others: Vec<String>,
    /// How many low bits the kernel uses, where fewer than the type has.
    pub(crate) bits: Option<u8>,
    /// A variant of `Role`.
    pub(crate) role: Option<&'static str>,
    pub(crate) set: Option<String>,
    /// The argument that chooses among the set's.
    pub(crate) selector: Option<String>,
}

/// Every cell of the file.
pub(crate) struct Cells {
    by_call: BTreeMap<String, Vec<usize>>,
    /// With the row, and whether an argument was found for it.
    all: Vec<(Row, Cell, bool)>,
}

impl Cells {
    /// Reads the file.
    pub(crate) fn read(calls: &Calls, sets: &BTreeMap<String, (usize, bool)>) -> Result<Cells> {
        let mut cells = Cells { by_call: BTreeMap::new(), all: Vec::new() };
        for row in data::rows(PATH)? {
            let (names, rest) = row.text.split_once(':').ok_or(row.error("expected CALLS: CELLS"))?;
            let first = cells.all.len();
            let parsed =
                rest.split_whitespace().map(|c| cell(&row, c, sets)).collect::<Result<Vec<Cell>>>()?;
            let end = first + parsed.len();
            for name in names.split(',') {
                calls.index(name).ok_or(row.error(format_args!("no table has a call {name}")))?;
                if cells.by_call.insert(name.to_owned(), (first..end).collect()).is_some() {
                    return Err(row.error(format_args!("{name} is there twice")));
                }
            }
            for cell in parsed {
                let row = Row::clone(&row);
                cells.all.push((row, cell, false));
            }
        }
        Ok(cells)
    }

    /// The cell about an argument that the kernel calls `name`.
    pub(crate) fn find(&mut self, call: &str, name: &str) -> Option<Cell> {
        let index = self.index(call, name)?;
        self.all[index].2 = true;
        Some(self.all[index].1.clone())
    }

    /// Whether the argument that the kernel calls `name` has this name as well.
    pub(crate) fn same(&self, call: &str, name: &str, other: &str) -> bool {
        let cell = self.index(call, name).map(|index| &self.all[index].1);
        cell.is_some_and(|c| c.name == other || c.others.iter().any(|o| o == other))
    }

    fn index(&self, call: &str, name: &str) -> Option<usize> {
        let mut indices = self.by_call.get(call)?.iter().copied();
        // A preferred name goes before another argument's further one.
        let preferred = indices.clone().find(|i| self.all[*i].1.name == name);
        preferred.or_else(|| indices.find(|i| self.all[*i].1.others.iter().any(|o| o == name)))
    }

    /// Fails when a cell is about no argument at all.
    pub(crate) fn check_used(&self) -> Result<()> {
        match self.all.iter().find(|c| !c.2) {
            Some((row, cell, _)) => {
                Err(row.error(format_args!("no such call has an argument {}", cell.name)))
            }
            None => Ok(()),
        }
    }
}

/// `NAME(OTHER,…)/BITS:ROLE:SET@SELECTOR`.
fn cell(row: &Row, text: &str, sets: &BTreeMap<String, (usize, bool)>) -> Result<Cell> {
    let mut parts = text.split(':');
    let head = parts.next().unwrap_or_default();
    let role = parts.next().filter(|r| !r.is_empty()).map(|r| role(row, r)).transpose()?;
    let (set, selector) = match parts.next() {
        None => (None, None),
        Some(set) => match set.split_once('@') {
            Some((set, selector)) => (Some(set.to_owned()), Some(selector.to_owned())),
            None => (Some(set.to_owned()), None),
        },
    };
    if let Some(unknown) = set.as_ref().filter(|s| !sets.contains_key(*s)) {
        return Err(row.error(format_args!("no set {unknown}")));
    }
    let (head, bits) = match head.split_once('/') {
        Some((head, bits)) => {
            (head, Some(bits.parse().map_err(|_| row.error(format_args!("'{bits}' is no number of bits")))?))
        }
        None => (head, None),
    };
    let (name, others) = match head.split_once('(') {
        Some((name, others)) => (name, others.trim_end_matches(')').split(',').map(str::to_owned).collect()),
        None => (head, Vec::new()),
    };
    Ok(Cell { name: name.to_owned(), others, bits, role, set, selector })
}

fn role(row: &Row, word: &str) -> Result<&'static str> {
    const ROLES: &[(&str, &str)] = &[
        ("value", "Value"),
        ("fd", "Fd"),
        ("path", "Path"),
        ("pointer", "Pointer"),
        ("flags", "Flags"),
        ("mode", "Mode"),
        ("pid", "Pid"),
        ("id", "Id"),
        ("size", "Size"),
        ("offset", "Offset"),
        ("command", "Command"),
        ("signal", "Signal"),
    ];
    let found = ROLES.iter().find(|r| r.0 == word).map(|r| r.1);
    found.ok_or(row.error(format_args!("'{word}' is no role")))
}
