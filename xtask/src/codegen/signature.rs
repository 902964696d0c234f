//! `tables/signature.rs`: the parameters of every call.

pub(crate) mod cell;
mod ctype;
mod role;

use super::calls::Calls;
use super::cell::ARCHES;
use super::constant_row;
use super::constant_set::Kind;
use super::signature_row::{self, Declared};
use crate::files::Result;
use cell::{Cell, Cells};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const SIGNATURES: &str = "data/signatures.txt";

/// How many arguments `struct seccomp_data` has; o32 of MIPS passes a seventh on the stack.
const VISIBLE: usize = 6;

/// Where a list of parameters is.
#[derive(Clone, Copy)]
struct Range {
    start: usize,
    length: usize,
}

/// The parameters written so far; equal lists are one.
#[derive(Default)]
struct Lists {
    params: Vec<String>,
    known: BTreeMap<Vec<String>, Range>,
}

/// Reads the signatures and what is known about their arguments.
pub(crate) fn generate(calls: &Calls) -> Result<String> {
    let sets = sets()?;
    let mut cells = Cells::read(calls, &sets)?;
    let mut lists = Lists::default();
    let mut common: BTreeMap<u16, Option<Range>> = BTreeMap::new();
    let mut variants = Vec::new();
    for (row, signature) in signature_row::read(SIGNATURES)? {
        let call = calls.index(&signature.name).ok_or(row.error("no table has this call"))?;
        let range = match &signature.params {
            None => None,
            Some(params) => {
                let params = describe(&signature.name, params, &mut cells).map_err(|e| row.error(e))?;
                let params = &params[..params.len().min(VISIBLE)];
                let texts = params.iter().map(|p| p.print(params, &sets)).collect::<Result<Vec<_>>>();
                Some(lists.add(texts.map_err(|e| row.error(e))?))
            }
        };
        if signature.arches.is_empty() {
            if common.insert(call, range).is_some() {
                return Err(row.error("a second row without architectures"));
            }
            continue;
        }
        let mut mask = 0_u32;
        for arch in &signature.arches {
            let column = ARCHES.iter().position(|a| a.0 == arch);
            mask |= 1 << column.ok_or(row.error(format_args!("no architecture {arch}")))?;
        }
        variants.push((call, mask, range));
    }
    cells.check_used()?;
    variants.sort_by_key(|v| (v.0, v.1));
    let mut out = String::from(
        "use crate::constant::Set;\nuse crate::signature::Param;\nuse crate::signature::Role::*;\n\
         use crate::signature::Width::*;\n\n",
    );
    out.push_str("/// Lists of parameters, one after the other.\npub(crate) static PARAMS: &[Param] = &[\n");
    lists.params.iter().for_each(|param| {
        let _ = writeln!(out, "{param},");
    });
    out.push_str("];\n\n/// By call: where its parameters begin, and how many it has; all bits set where nobody knows.\n");
    out.push_str("pub(crate) static COMMON: &[(u16, u8)] = &[\n");
    for index in 0..calls.names().len() {
        let index = u16::try_from(index).map_err(|e| e.to_string())?;
        let range =
            common.get(&index).ok_or(format!("{SIGNATURES} lacks {}", calls.names()[usize::from(index)]))?;
        let _ = write!(out, "{},", print_range(*range));
    }
    out.push_str("];\n\n/// By call, for the architectures (columns, as bits) that differ.\n");
    out.push_str("pub(crate) static VARIANTS: &[(u16, u32, (u16, u8))] = &[\n");
    for (call, mask, range) in variants {
        let _ = writeln!(
            out,
            "({call}, {mask:#x}, {}), // {}",
            print_range(range),
            calls.names()[usize::from(call)]
        );
    }
    out.push_str("];\n");
    Ok(out)
}

/// Every set's index, and whether its members are flags.
fn sets() -> Result<BTreeMap<String, (usize, bool)>> {
    let sets = constant_row::read()?.into_iter().enumerate();
    Ok(sets.map(|(index, set)| (set.name, (index, set.kind == Kind::Flags))).collect())
}

/// What `data/argument-roles.txt` says.
pub(crate) fn cells(calls: &Calls) -> Result<Cells> {
    Cells::read(calls, &sets()?)
}

fn print_range(range: Option<Range>) -> String {
    match range {
        Some(Range { start, length }) => format!("({start}, {length})"),
        None => format!("({}, 0)", u16::MAX),
    }
}

impl Lists {
    fn add(&mut self, list: Vec<String>) -> Range {
        if let Some(range) = self.known.get(&list) {
            return *range;
        }
        let range = Range { start: self.params.len(), length: list.len() };
        self.params.extend(list.iter().cloned());
        self.known.insert(list, range);
        range
    }
}

/// A parameter with all that is known about it.
struct Described<'a> {
    declared: &'a Declared,
    cell: Option<Cell>,
}

fn describe<'a>(call: &str, params: &'a [Declared], cells: &mut Cells) -> Result<Vec<Described<'a>>> {
    let described: Vec<Described> = params
        .iter()
        .map(|declared| Described { declared, cell: cells.find(call, &declared.name) })
        .collect();
    let mut names: Vec<&str> = described.iter().flat_map(Described::names).collect();
    if let Some(name) = names.iter().find(|n| is_position(n)) {
        return Err(format!("{call}: {name} would be taken for a position"));
    }
    names.sort_unstable();
    match names.windows(2).find(|w| w[0] == w[1] && w[0] != "_pad") {
        Some(twice) => Err(format!("two arguments of {call} answer to {}", twice[0])),
        None => Ok(described),
    }
}

/// Whether a policy would take a name for the position of an argument.
fn is_position(name: &str) -> bool {
    name.strip_prefix("arg").is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
}

impl Described<'_> {
    /// The preferred name.
    fn name(&self) -> &str {
        self.cell.as_ref().map_or(&self.declared.name, |c| &c.name)
    }

    /// Every name it answers to.
    fn names(&self) -> Vec<&str> {
        let others = self.cell.iter().flat_map(|c| &c.others).map(String::as_str);
        std::iter::once(self.name()).chain(others.filter(|n| !is_position(n))).collect()
    }

    fn print(&self, all: &[Described], sets: &BTreeMap<String, (usize, bool)>) -> Result<String> {
        let ctype = &self.declared.ctype;
        let size = ctype::size(ctype).ok_or(format!("how wide is {ctype}?"))?;
        let set = self.cell.as_ref().and_then(|c| c.set.as_ref());
        let set =
            set.map(|name| sets.get(name).map(|s| (name, s)).ok_or(format!("no set {name}"))).transpose()?;
        let given = self.cell.as_ref().and_then(|c| c.role);
        let role =
            given.unwrap_or_else(|| role::of(self.name(), ctype, set.map(|(name, s)| (name.as_str(), s.1))));
        let set = set.map_or("None".to_owned(), |(_, (index, _))| format!("Some(Set({index}))"));
        let selector = match self.cell.as_ref().and_then(|c| c.selector.as_deref()) {
            None => "None".to_owned(),
            Some(name) => {
                let index = all.iter().position(|p| p.names().contains(&name));
                format!("Some({})", index.ok_or(format!("no argument {name}"))?)
            }
        };
        let bits = self.cell.as_ref().and_then(|c| c.bits).unwrap_or(size.bits);
        let width = if size.bits <= 32 { "W32" } else { "W64" };
        Ok(format!(
            "Param::new({:?}, &{:?}, {ctype:?}, {width}, {bits}, {}, {role}, {set}, {selector})",
            self.name(),
            &self.names()[1..],
            size.signed
        ))
    }
}
