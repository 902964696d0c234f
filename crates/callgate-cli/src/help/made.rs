//! Topics that are made of what the tool itself knows.

use callgate::abi::group::Group;
use callgate::{Arch, builtin, lint};
use std::fmt::Write;

/// Two columns: names, and what they are.
fn columns<'a>(rows: impl Iterator<Item = (String, &'a str)>) -> String {
    let rows: Vec<(String, &str)> = rows.collect();
    let width = rows.iter().map(|r| r.0.len()).max().unwrap_or_default();
    let mut out = String::from("\n```\n");
    for (name, about) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name:<width$}  {}", about.trim_end_matches('.').replace('`', ""));
    }
    out.push_str("```\n");
    out
}

pub(super) fn groups() -> String {
    let groups = Group::all().iter().filter(|g| g.is_current());
    columns(groups.map(|g| (format!("@{}", g.name), g.summary)))
        + "\n`callgate syscalls @NAME` lists the calls.\n"
}

pub(super) fn architectures() -> String {
    let row = |arch: &Arch| {
        let bits = if arch.register_bits() == 32 { "32 bits" } else { "64 bits" };
        (arch.name().to_owned(), bits)
    };
    format!("\nThere are:\n{}", columns(Arch::ALL.iter().map(row)))
}

pub(super) fn builtins() -> String {
    let rows = builtin::names().map(|name| (name.to_owned(), builtin::summary(name).unwrap_or_default()));
    columns(rows) + "\n`callgate help NAME` prints one; a copy is a policy of your own.\n"
}

pub(super) fn formats() -> String {
    format!("\nThe names, and the forms of programs (r: read, w: written):\n\n```\n{}```\n", format_rows())
}

/// The notations and forms, a line each, as `convert` takes them.
fn format_rows() -> String {
    let mut out = String::new();
    for (name, marks, about) in crate::verbs::convert::rows() {
        let _ = writeln!(out, "{name:<18} {marks:<3} {about}");
    }
    out
}

pub(super) fn codes() -> String {
    let mut out = String::from(
        "# Codes\n\nWhat `callgate check` may say. Codes below 0100 are about the text, the others about its meaning.\n\
         `callgate help CG0103` explains one.\n",
    );
    out.push_str(&columns(lint::codes().map(|(code, title)| (code.to_owned(), title))));
    out
}

/// The page of a code, written `CG0103`, `0103` or `103`.
pub(super) fn code(word: &str) -> Option<String> {
    let digits = word.strip_prefix("cg").unwrap_or(word);
    let number: u16 = Some(digits).filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
    lint::explain(callgate::diagnostic::Code(number)).map(str::to_owned)
}
