//! `cargo xtask import-kernel DIR`: from a kernel source tree to `data/`.

mod audit;
mod constant;
mod define;
mod errno;
mod signature;
mod tbl;

use crate::codegen::calls::{Call, Calls};
use crate::codegen::syscall::kernel as kernel_version;
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
    if kernel_version(version)? < kernel_version(&known.newest)? {
        return Err(format!("{version} is older than data/, which describes {}", known.newest));
    }
    files::write("data/kernel.txt", &format!("# The newest kernel that data/ describes.\n{version}\n"))?;
    for source in TABLES {
        let found = source.read(tree)?;
        if found.is_empty() {
            println!("{}: this kernel has no table for it, left as it is", source.table);
            continue;
        }
        let old = known.tables.get(source.table).map_or(&[][..], Vec::as_slice);
        let merged = merge(source.table, old, found, version)?;
        report(source, old, &merged, version);
        files::write(format!("data/syscalls/{}.txt", source.table), &print(source, &merged, version))?;
    }
    errno::import(tree, version)?;
    audit::import(tree, version)
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

/// The rows of a table after `version`; fails where a number changed its name, which a person must judge.
fn merge(table: &str, old: &[Call], found: Vec<Call>, version: &str) -> Result<Vec<Call>> {
    let mut merged: Vec<Call> = Vec::new();
    for mut call in found {
        let before = old.iter().find(|o| o.name == call.name);
        call.removed = before.and_then(|o| o.removed.clone());
        call.since = match before {
            Some(before) if before.since != "-" => before.since.clone(),
            // A number without an entry point is only reserved.
            _ if call.entry == "-" => "-".to_owned(),
            _ => version.to_owned(),
        };
        // A kernel keeps the number of a call it drops and points it at sys_ni_syscall.
        if let (Some(before), "-") = (before, call.entry.as_str()) {
            if before.entry != "-" && before.since != "-" {
                call.removed.get_or_insert(version.to_owned());
            }
            call.entry = before.entry.clone();
            call.compat = before.compat.clone();
        }
        merged.push(call);
    }
    for gone in old.iter().filter(|o| !merged.iter().any(|m| m.name == o.name)).collect::<Vec<_>>() {
        if let Some(heir) = merged.iter().find(|m| m.number == gone.number) {
            return Err(format!(
                "{table}: {} was {} and is {} in {version}; rename the row in data/syscalls/{table}.txt and keep \
                 the old name in data/syscall-aliases.txt",
                gone.number, gone.name, heir.name
            ));
        }
        let mut gone = gone.clone();
        gone.removed.get_or_insert(version.to_owned());
        merged.push(gone);
    }
    merged.sort_by_key(|c| c.number);
    Ok(merged)
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
    let _ = writeln!(out, "{}.", source.note());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: u32, name: &str, entry: &str, since: &str) -> Call {
        Call { since: since.into(), ..Call::new(number, name, entry.into(), "-".into()) }
    }

    fn merged(old: &[Call], found: Vec<Call>) -> Result<Vec<String>> {
        let show = |c: &Call| {
            let removed = c.removed.as_deref().unwrap_or("never");
            format!("{} {} {} {} {removed}", c.number, c.name, c.entry, c.since)
        };
        Ok(merge("x86", old, found, "9.9")?.iter().map(show).collect())
    }

    #[test]
    fn a_new_kernel_adds_drops_and_fills() {
        let old = [
            call(1, "exit", "sys_exit", "1.0"),
            call(2, "uselib", "sys_uselib", "1.0"),
            call(3, "vserver", "-", "-"),
            call(4, "private", "sys_private", "2.0"),
        ];
        let found = vec![
            call(1, "exit", "sys_exit", "-"),
            call(2, "uselib", "-", "-"),
            call(3, "vserver", "sys_vserver", "-"),
            call(5, "new", "sys_new", "-"),
            call(6, "kept_free", "-", "-"),
        ];
        let expected = [
            "1 exit sys_exit 1.0 never",
            "2 uselib sys_uselib 1.0 9.9",
            "3 vserver sys_vserver 9.9 never",
            "4 private sys_private 2.0 9.9",
            "5 new sys_new 9.9 never",
            "6 kept_free - - never",
        ];
        assert_eq!(merged(&old, found).unwrap(), expected);
    }

    #[test]
    fn a_second_import_changes_nothing() {
        let mut old = vec![call(1, "exit", "sys_exit", "1.0"), call(2, "uselib", "sys_uselib", "1.0")];
        old[1].removed = Some("6.16".into());
        let found = || vec![call(1, "exit", "sys_exit", "-"), call(2, "uselib", "-", "-")];
        let expected = ["1 exit sys_exit 1.0 never", "2 uselib sys_uselib 1.0 6.16"];
        assert_eq!(merged(&old, found()).unwrap(), expected);
    }

    #[test]
    fn a_renamed_number_is_an_error() {
        let error = merged(&[call(7, "old", "sys_old", "1.0")], vec![call(7, "new", "sys_new", "-")]);
        assert!(error.unwrap_err().contains("7 was old and is new"));
    }
}
