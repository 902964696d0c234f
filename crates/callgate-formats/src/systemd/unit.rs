//! The syntax of unit files: sections, assignments, continued lines, comments.

use super::files::{Files, Spot};
use crate::import::Collect;
use crate::place::Error;
use crate::scan::Pos;

/// One `key=value` of a unit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Assignment {
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: String,
    /// Where the key stands.
    pub(super) pos: Spot,
}

/// The assignments of a unit and its drop-ins, in order. A section ends with its file.
///
/// # Errors
/// A section header that is not closed. Other lines that are no assignments are skipped with a note,
/// as systemd does.
pub(super) fn assignments(files: &Files, collect: &mut Collect) -> Result<Vec<Assignment>, Error> {
    let mut out = Vec::new();
    for file in 0..files.len() {
        of_file(files, file, &mut out, collect)?;
    }
    Ok(out)
}

fn of_file(
    files: &Files,
    file: usize,
    out: &mut Vec<Assignment>,
    collect: &mut Collect,
) -> Result<(), Error> {
    let mut section = String::new();
    let mut lines = files.lines(file);
    while let Some((number, first)) = lines.next() {
        let pos = Spot { file, pos: Pos { line: number, col: 1 } };
        // systemd passes over a byte-order mark.
        let first = if number == 1 { first.trim_start_matches('\u{feff}') } else { first };
        let text = first.trim();
        if text.is_empty() || text.starts_with(['#', ';']) {
            continue;
        }
        let mut text = text.to_owned();
        while text.ends_with('\\') {
            text.pop();
            text.push(' ');
            // A comment inside a continued line is left out, and the line goes on behind it.
            match lines.by_ref().find(|(_, line)| !line.trim_start().starts_with(['#', ';'])) {
                Some((_, more)) => text.push_str(more.trim()),
                None => break,
            }
        }
        if let Some(rest) = text.strip_prefix('[') {
            let Some(name) = rest.strip_suffix(']') else {
                return Err(files.error(pos, format!("the section header {text} is never closed")));
            };
            section = name.to_owned();
            continue;
        }
        let Some((key, value)) = text.split_once('=') else {
            let shown: String = text.chars().take(40).collect();
            collect.note(files.place(pos), format!("`{shown}` is no assignment; systemd skips the line"));
            continue;
        };
        if section.is_empty() {
            collect.note(files.place(pos), "an assignment before the first section; systemd skips it");
            continue;
        }
        out.push(Assignment {
            section: section.clone(),
            key: key.trim().to_owned(),
            value: value.trim().to_owned(),
            pos,
        });
    }
    Ok(())
}

/// A boolean as units write it.
pub(super) fn boolean(value: &str) -> Option<bool> {
    match &*value.to_ascii_lowercase() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}
