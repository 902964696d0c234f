//! The named constants that arguments take.

use super::arches;
use crate::args::Syscalls;
use crate::failure::{Failure, Outcome};
use crate::output::print;
use callgate::abi::constant::Set;
use callgate::{Arch, Syscall};
use serde_json::json;
use std::fmt::Write;

/// Of more calls that take a set, only this many are named.
const FEW: usize = 3;

pub(super) fn constants(args: &Syscalls, name: &str) -> Outcome {
    if name.is_empty() {
        return sets(args);
    }
    let set = Set::from_name(name).ok_or_else(|| {
        let near = callgate::nearest(name, Set::all().map(Set::name));
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        Failure::input(format!("{name}: no such set of constants{near}"))
    })?;
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
    let width = rows.iter().map(|r| r.0.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, values) in rows {
        let _ = write!(out, "{name:<width$}");
        for value in values {
            let _ = write!(out, "  {:>12}", value.map_or_else(|| "-".to_owned(), |v| format!("{v:#x}")));
        }
        out.push('\n');
    }
    print(&out)?;
    Ok(0)
}

/// The sets by name, each with how many constants it has and which arguments take them.
fn sets(args: &Syscalls) -> Outcome {
    let arch = arches(args).first().copied().unwrap_or(Arch::X86_64);
    let mut out = String::new();
    let mut all = Vec::new();
    for set in Set::all() {
        let takers: Vec<String> = Syscall::of_arch(arch)
            .flat_map(|(_, call)| {
                let params = call.params(arch).unwrap_or_default().iter();
                params.filter(|p| p.set == Some(set)).map(move |p| format!("{}({})", call.name(), p.name))
            })
            .collect();
        if args.json {
            let size = set.members(arch).count();
            all.push(json!({ "set": set.name(), "flags": set.is_flags(), "size": size, "takers": takers }));
            continue;
        }
        let more = if takers.len() > FEW { format!(", … ({})", takers.len()) } else { String::new() };
        let shown = takers[..takers.len().min(FEW)].join(", ");
        let line = format!("{:<32} {:>4}  {shown}{more}", set.name(), set.members(arch).count());
        out.push_str(line.trim_end());
        out.push('\n');
    }
    if args.json {
        out = format!(
            "{:#}\n",
            json!({ "schema": "callgate/constant-sets/1", "arch": arch.name(), "sets": all })
        );
    }
    print(&out)?;
    Ok(0)
}
