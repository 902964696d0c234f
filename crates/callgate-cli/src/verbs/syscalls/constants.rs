//! The named constants that arguments take.

use super::arches;
use crate::args::Syscalls;
use crate::failure::{Failure, Outcome};
use crate::output::print;
use callgate::Arch;
use callgate::abi::constant::Set;
use serde_json::json;
use std::fmt::Write;

pub(super) fn constants(args: &Syscalls, name: &str) -> Outcome {
    let set =
        Set::from_name(name).ok_or_else(|| Failure::input(format!("{name}: no such set of constants")))?;
    let arches = arches(args);
    let arch = arches.first().copied().unwrap_or(Arch::X86_64);
    let rows: Vec<(&str, Vec<Option<u64>>)> = set
        .members(arch)
        .map(|(name, value)| {
            let others = arches.iter().map(|a| callgate::abi::constant::value(name, *a));
            (name, std::iter::once(Some(value)).chain(others.skip(1)).collect())
        })
        .collect();
    if args.json {
        let rows: Vec<_> =
            rows.iter().map(|(name, values)| json!({ "name": name, "values": values })).collect();
        let names: Vec<_> = arches.iter().map(|a| a.name()).collect();
        let all = json!({ "schema": "callgate/constants/1", "set": set.name(), "flags": set.is_flags(), "arches": names, "constants": rows });
        print(&format!("{all:#}\n"))?;
        return Ok(0);
    }
    let mut out = String::new();
    for (name, values) in rows {
        let _ = write!(out, "{name:<32}");
        for value in values {
            let _ = write!(out, "  {:>12}", value.map_or_else(|| "-".to_owned(), |v| format!("{v:#x}")));
        }
        out.push('\n');
    }
    print(&out)?;
    Ok(0)
}
