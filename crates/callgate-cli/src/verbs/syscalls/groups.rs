//! The groups, and what is in them.

use super::unknown_group;
use crate::args::Syscalls;
use crate::failure::Outcome;
use crate::output::print;
use crate::report::calls::wrap;
use callgate::abi::group::Group;
use callgate::{Arch, Syscall};
use serde_json::json;
use std::fmt::Write;

pub(super) fn groups(args: &Syscalls) -> Outcome {
    let named = args.what.iter().map(|word| {
        let name = word.strip_prefix('@').unwrap_or(word);
        Group::from_name(name).ok_or_else(|| unknown_group(name))
    });
    let named: Vec<&Group> = named.collect::<Result<_, _>>()?;
    let all: Vec<&Group> = Group::all().iter().collect();
    let shown = if named.is_empty() { &all } else { &named };
    if args.json {
        let groups: Vec<_> = shown
            .iter()
            .map(|g| {
                let members =
                    g.entries().map(|(call, when)| json!({ "name": call.name(), "condition": when }));
                json!({
                    "name": g.name,
                    "summary": g.summary,
                    "source": g.source,
                    "members": members.collect::<Vec<_>>(),
                })
            })
            .collect();
        print(&format!("{:#}\n", json!({ "schema": "callgate/groups/1", "groups": groups })))?;
        return Ok(0);
    }
    let mut out = String::new();
    if named.is_empty() {
        let name = all.iter().map(|g| g.name.len()).max().unwrap_or(0) + 1;
        for g in all.iter().filter(|g| g.is_current()) {
            // Writing to a string cannot fail.
            let _ =
                writeln!(out, "{:<name$}  {:>3}  {}", format!("@{}", g.name), g.members().len(), g.summary);
        }
    }
    for g in named {
        if !out.is_empty() {
            out.push('\n');
        }
        let _ = writeln!(out, "@{}: {} ({})", g.name, g.summary, g.source);
        let on = |call: &Syscall| match &args.arches.arch[..] {
            [] => true,
            arches => arches.iter().any(|a: &Arch| g.has_on(*call, *a)),
        };
        let plain: Vec<String> =
            g.members().filter(|c| g.condition(*c).is_none() && on(c)).map(|c| c.name().to_owned()).collect();
        let _ = writeln!(out, "{}", wrap(&plain, "  ", 100));
        for (call, when) in g.conditions().iter().filter(|c| on(&c.0)) {
            let _ = writeln!(out, "  {} if {when}", call.name());
        }
    }
    print(&out)?;
    Ok(0)
}
