//! `data/signatures.txt` from a kernel source tree.

mod guard;
mod machine;
mod scan;

use crate::codegen::calls::{Call, Calls};
use crate::codegen::signature_row::{self, Declared, Signature, print_params};
use crate::files::{self, Result};
use machine::{MACHINES, Machine};
use scan::Definition;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

const OUTPUT: &str = "data/signatures.txt";
const BY_HAND: &str = "data/signatures-by-hand.txt";

/// A signature and the file it was found in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    params: Option<Vec<Declared>>,
    source: String,
}

/// Writes the signature of every call in `data/syscalls` as the kernel in `tree` defines it; what the kernel
/// defines in assembly or no longer has comes from [`BY_HAND`].
pub(crate) fn import(tree: &Path, version: &str) -> Result<()> {
    let calls = Calls::read()?;
    let definitions = scan::definitions(tree)?;
    let by_hand = signature_row::read(BY_HAND)?;
    let by_hand: Vec<Signature> = by_hand.into_iter().map(|(_, signature)| signature).collect();
    let mut out = format!(
        "# Parameters of every call, as registers. Source: the SYSCALL_DEFINE of each entry point in Linux \
         {version} (file named),\n# and {BY_HAND}. NAME [ARCHES]: TYPE NAME, …; a row without ARCHES holds \
         where no other does.\n"
    );
    let mut missing = Vec::new();
    for name in calls.names() {
        let mut variants: BTreeMap<Found, Vec<&str>> = BTreeMap::new();
        for machine in MACHINES {
            let Some(call) = calls.tables.get(machine.table).and_then(|t| t.iter().find(|c| c.name == *name))
            else {
                continue;
            };
            match resolve(call, machine, &definitions, &by_hand)? {
                Some(found) => variants.entry(found).or_default().push(machine.arch),
                None => missing.push(format!("{name} ({}: {})", machine.arch, call.entry)),
            }
        }
        print(&mut out, name, variants);
    }
    files::write(OUTPUT, &out)?;
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("{BY_HAND} must say what these take:\n  {}", missing.join("\n  ")))
    }
}

fn resolve(
    call: &Call,
    machine: &Machine,
    definitions: &BTreeMap<String, Vec<Definition>>,
    by_hand: &[Signature],
) -> Result<Option<Found>> {
    for key in [&call.name, &call.entry] {
        let rows = || by_hand.iter().filter(|s| s.name == *key);
        let own = rows().find(|s| s.arches.iter().any(|a| a == machine.arch));
        if let Some(row) = own.or_else(|| rows().find(|s| s.arches.is_empty())) {
            return Ok(Some(Found { params: row.params.clone(), source: "by hand".into() }));
        }
    }
    let Some(entry) = entry(&call.entry, definitions) else { return Ok(None) };
    let all = &definitions[entry];
    let own_folder = format!("arch/{}/", machine.folder);
    let mut fitting: Vec<&Definition> = all.iter().filter(|d| d.file.starts_with(&own_folder)).collect();
    if fitting.is_empty() {
        fitting = all.iter().filter(|d| !d.file.starts_with("arch/")).collect();
    }
    fitting.retain(|d| guard::holds(&d.guard, &|symbol| machine.config(symbol)));
    let Some(first) = fitting.first() else { return Ok(None) };
    if fitting.iter().any(|d| bare_types(d) != bare_types(first)) {
        let files: Vec<&str> = fitting.iter().map(|d| d.file.as_str()).collect();
        return Err(format!(
            "{entry} on {} is defined in different ways: {}",
            machine.arch,
            files.join(", ")
        ));
    }
    let source = first.file.clone();
    Ok(Some(Found { params: Some(machine.registers(&first.params)), source }))
}

/// The types without their leading `const`, which makes no other call.
fn bare_types(definition: &Definition) -> Vec<&str> {
    definition.params.iter().map(|p| p.ctype.trim_start_matches("const ")).collect()
}

/// The defined entry point a table's entry comes down to: assembly stubs save registers and jump on, and
/// PA-RISC's own functions translate a flag.
fn entry<'a>(entry: &str, definitions: &'a BTreeMap<String, Vec<Definition>>) -> Option<&'a String> {
    let plain = entry.trim_start_matches("__");
    let stub = plain.strip_suffix("_wrapper").unwrap_or(plain);
    let translated = entry.strip_prefix("parisc_").map(|rest| format!("sys_{rest}"));
    let candidates = [Some(entry), Some(plain), Some(stub), translated.as_deref()];
    candidates.into_iter().flatten().find_map(|c| definitions.get_key_value(c)).map(|(key, _)| key)
}

/// One row per distinct parameter list; the most common one, without its architectures, stands last.
fn print(out: &mut String, name: &str, variants: BTreeMap<Found, Vec<&str>>) {
    // The same list from two files is one row.
    let mut by_params: BTreeMap<_, (Vec<&str>, Vec<String>)> = BTreeMap::new();
    for (found, arches) in variants {
        let (all, sources) = by_params.entry(found.params).or_default();
        all.extend(arches);
        sources.push(found.source);
    }
    let mut rows: Vec<_> = by_params.into_iter().collect();
    rows.sort_by_key(|(_, (arches, _))| arches.len());
    let common = rows.len().saturating_sub(1);
    for (i, (params, (mut arches, sources))) in rows.into_iter().enumerate() {
        arches.sort_by_key(|a| MACHINES.iter().position(|m| m.arch == *a));
        let arches = if i == common { String::new() } else { format!(" {}", arches.join(",")) };
        let params = print_params(params.as_deref());
        let space = if params.is_empty() { "" } else { " " };
        let _ = writeln!(out, "{name}{arches}:{space}{params}  # {}", sources.join(" "));
    }
}
