//! Calls that no well-behaved program makes, on both libraries: the same return codes.
//!
//! Each group of calls has a child of its own. Where the stock library does not come to a group's end, nothing more of
//! that group is compared, but that this project's library comes to it.

use super::{Library, must};
use crate::files::{Result, write};
use std::path::Path;
use std::process::Command;

const HELPER: &str = include_str!("hostile.c");

/// Lines that differ and should, as they begin, with the reason.
const APART: [(&str, &str, &str); 5] = [
    ("descriptors", "export_pfc(ctx, full)", "text that is lost is an error here"),
    ("descriptors", "export_pfc(ctx, path[1])", "text that is lost is an error here"),
    ("broken_pipe", "export_pfc(ctx, path[1])", "text that is lost is an error here"),
    ("many_rules", "load(ctx)", "the program fits here"),
    ("no_memory", "", "where memory ends first is each library's own"),
];

/// Where memory is short, errors that say so, and success: it hangs on what each library keeps.
const SHORT: [&str; 2] = ["no_memory", "little_memory"];

/// Compares; an error if ever a line differs that should not.
pub(super) fn run(place: &Path, libraries: [&Library; 2]) -> Result<()> {
    let (source, helper) = (place.join("hostile.c"), place.join("hostile"));
    write(&source, HELPER)?;
    must(Command::new("cc").args(["-O1", "-w", "-o"]).arg(&helper).arg(&source).args(["-ldl", "-lpthread"]))?;
    let said = |library: &Library| {
        let file = library.folder.join("libseccomp.so.2");
        must(Command::new(&helper).arg(file)).map(|said| groups(&String::from_utf8_lossy(&said)))
    };
    let (theirs, ours) = (said(libraries[0])?, said(libraries[1])?);
    let (mut same, mut apart, mut wrong) = (0, 0, 0);
    for ((group, theirs), (_, ours)) in theirs.iter().zip(&ours) {
        let ended = |lines: &[String]| lines.last().is_some_and(|l| l == "end = 0");
        let lines = if ended(theirs) { theirs.len() } else { theirs.len().saturating_sub(1) };
        let mut differ = |line: &str, stock: &str| {
            println!("hostile: {group}: {line}, {} {stock}", libraries[0].name);
            wrong += 1;
        };
        if !ended(ours) && ours.last() != theirs.last() {
            differ(ours.last().map_or("nothing", String::as_str), "comes to an end, or need not");
        }
        for (theirs, ours) in theirs.iter().take(lines).zip(ours) {
            let known =
                APART.iter().any(|a| a.0 == group && ours.starts_with(a.1) && theirs.starts_with(a.1));
            let short = SHORT.contains(&group.as_str()) && is_short(ours);
            if theirs == ours {
                same += 1;
            } else if known || short {
                apart += 1;
            } else {
                differ(ours, theirs);
            }
        }
    }
    println!(
        "hostile: {} groups of calls, {same} return codes as with {}, {apart} apart for a reason, {wrong} wrong",
        theirs.len(),
        libraries[0].name
    );
    for (group, line, reason) in APART {
        println!("  {group} {line}: {reason}");
    }
    if wrong > 0 || theirs.len() != ours.len() {
        Err(format!("{wrong} hostile calls went wrong"))
    } else {
        Ok(())
    }
}

/// Whether a line says that there is no memory, or that there was enough.
fn is_short(line: &str) -> bool {
    let code = line.rsplit_once(" = ").map_or("", |(_, code)| code);
    matches!(code, "-12" | "0" | "1")
}

/// What was said of each group.
fn groups(said: &str) -> Vec<(String, Vec<String>)> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for line in said.lines() {
        match (line.strip_prefix("group "), groups.last_mut()) {
            (Some(name), _) => groups.push((name.to_string(), Vec::new())),
            (None, Some(group)) => group.1.push(line.to_string()),
            (None, None) => {}
        }
    }
    groups
}
