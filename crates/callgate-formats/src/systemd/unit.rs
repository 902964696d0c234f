//! The syntax of unit files: sections, assignments, continued lines, comments.

use crate::import::Collect;
use crate::place::Error;
use crate::scan::{Pos, Source};

/// One `key=value` of a unit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Assignment {
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: String,
    /// Where the key stands.
    pub(super) pos: Pos,
}

/// The assignments of a unit, in order.
///
/// # Errors
/// A section header that is not closed. Other lines that are no assignments are skipped with a note,
/// as systemd does.
pub(super) fn assignments(source: &Source, collect: &mut Collect) -> Result<Vec<Assignment>, Error> {
    let mut out = Vec::new();
    let mut section = String::new();
    let mut lines = source.lines();
    while let Some((number, first)) = lines.next() {
        let pos = Pos { line: number, col: 1 };
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
                return Err(source.error(pos, format!("the section header {text} is never closed")));
            };
            section = name.to_owned();
            continue;
        }
        let Some((key, value)) = text.split_once('=') else {
            let shown: String = text.chars().take(40).collect();
            collect.note(source.place(pos), format!("`{shown}` is no assignment; systemd skips the line"));
            continue;
        };
        if section.is_empty() {
            collect.note(source.place(pos), "an assignment before the first section; systemd skips it");
            continue;
        }
        out.push(Assignment {
            section: section.clone(),
            key: key.trim().to_owned(),
            value: value.trim().to_owned(),
            pos,
        });
    }
    Ok(out)
}

/// A boolean as units write it.
pub(super) fn boolean(value: &str) -> Option<bool> {
    match &*value.to_ascii_lowercase() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}
