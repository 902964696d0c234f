//! `cargo xtask import-kernel DIR`: from a kernel source tree to `data/`.

mod constant;
mod signature;
mod tbl;

use crate::codegen::calls::{Call, Calls};
use crate::files::{self, Result};
use std::fmt::Write as _;
use std::path::Path;
use tbl::{Source, TABLES};

/// Brings everything under `data/` that a kernel source tree can tell up to the one in `tree`.
/// `part` is one of [`PARTS`], or all of them.
pub(crate) fn kernel(tree: &str, part: Option<&str>) -> Result<()> {
    let tree = Path::new(tree);
    let version = version(tree)?;
    let chosen: Vec<_> = PARTS.iter().filter(|(name, _)| part.is_none_or(|p| p == *name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = PARTS.iter().map(|p| p.0).collect();
        return Err(format!("no such part; there are {}", names.join(", ")));
    }
    chosen.into_iter().try_for_each(|(_, import)| import(tree, &version))
}

/// Reads one kind of fact from a tree; gets the kernel's version too.
type Import = fn(&Path, &str) -> Result<()>;

const PARTS: &[(&str, Import)] =
    &[("calls", calls), ("signatures", signature::import), ("constants", constant::import)];

/// `data/syscalls`: new rows are "since" that kernel, rows it no longer has are "removed" in it, everything
/// known before stays.
fn calls(tree: &Path, version: &str) -> Result<()> {
    let known = Calls::read()?;
    for source in TABLES {
        let found = source.read(tree)?;
        if found.is_empty() {
            println!("{}: this kernel has no table for it, left as it is", source.table);
            continue;
        }
        let old = known.tables.get(source.table).map_or(&[][..], Vec::as_slice);
        let merged = merge(old, found, version);
        report(source, old, &merged, version);
        files::write(format!("data/syscalls/{}.txt", source.table), &print(source, &merged, version))?;
    }
    Ok(())
}

/// `7.2`, from the tree's Makefile.
fn version(tree: &Path) -> Result<String> {
    let makefile = files::read(tree.join("Makefile"))?;
    let field = |name: &str| {
        let line = makefile.lines().find_map(|l| l.strip_prefix(name)?.trim().strip_prefix('='));
        line.map(|v| v.trim().to_owned()).ok_or(format!("{}: no {name}", tree.join("Makefile").display()))
    };
    Ok(format!("{}.{}", field("VERSION")?, field("PATCHLEVEL")?))
}

fn merge(old: &[Call], found: Vec<Call>, version: &str) -> Vec<Call> {
    let mut merged: Vec<Call> = Vec::new();
    for mut call in found {
        let before = old.iter().find(|o| o.name == call.name);
        call.since = before.map_or(version, |o| &o.since).to_owned();
        call.removed = before.and_then(|o| o.removed.clone());
        // A kernel keeps the number of a call it drops and points it at sys_ni_syscall.
        if call.entry == "-" && before.is_some_and(|o| o.entry != "-" && o.removed.is_none()) {
            call.removed = Some(version.to_owned());
        }
        if call.entry == "-"
            && let Some(before) = before
        {
            call.entry = before.entry.clone();
            call.compat = before.compat.clone();
        }
        merged.push(call);
    }
    for gone in old.iter().filter(|o| !merged.iter().any(|m| m.name == o.name)).collect::<Vec<_>>() {
        let mut gone = gone.clone();
        gone.removed.get_or_insert(version.to_owned());
        merged.push(gone);
    }
    merged.sort_by_key(|c| c.number);
    merged
}

fn report(source: &Source, old: &[Call], merged: &[Call], version: &str) {
    let new: Vec<&str> =
        merged.iter().filter(|m| !old.iter().any(|o| o.name == m.name)).map(|m| m.name.as_str()).collect();
    let dropped: Vec<&str> = merged
        .iter()
        .filter(|m| {
            m.removed.as_deref() == Some(version)
                && old.iter().any(|o| o.name == m.name && o.removed.is_none())
        })
        .map(|m| m.name.as_str())
        .collect();
    print!("{}: {} calls", source.table, merged.len());
    if !new.is_empty() && !old.is_empty() {
        print!(", new: {}", new.join(" "));
    }
    if !dropped.is_empty() {
        print!(", gone: {}", dropped.join(" "));
    }
    println!();
}

fn print(source: &Source, calls: &[Call], version: &str) -> String {
    let mut out = format!("# System calls of {}. Source: {}, Linux {version}", source.table, source.path);
    let _ = write!(out, "{}.\n", source.note());
    out.push_str("# NUMBER NAME ENTRY COMPAT SINCE [REMOVED]; see README.md beside this file.\n");
    for c in calls {
        let Call { number, name, entry, compat, since, removed } = c;
        let _ = write!(out, "{number} {name} {entry} {compat} {since}");
        if let Some(removed) = removed {
            let _ = write!(out, " {removed}");
        }
        out.push('\n');
    }
    out
}
