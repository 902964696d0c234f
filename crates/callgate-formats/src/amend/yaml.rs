//! Profiles of the Security Profiles Operator, and Elastic's: an item more in a list.

use super::place::{lines, offset};
use super::{Candidate, equalities};
use crate::tree::{Node, Value};
use crate::yaml;
use callgate::ArgCmp;
use std::fmt::Write as _;

/// An item of `spec.syscalls`.
pub(super) fn spo(text: &str, name: &str, compared: &[ArgCmp]) -> Vec<Candidate> {
    let Some(equalities) = equalities(compared) else { return Vec::new() };
    let mut item = format!("action: SCMP_ACT_ALLOW\nnames:\n- {name}");
    for (i, e) in equalities.iter().enumerate() {
        let head = if i == 0 { "\nargs:" } else { "" };
        let _ = match e.masked {
            true => write!(
                item,
                "{head}\n- index: {}\n  value: {}\n  valueTwo: {}\n  op: SCMP_CMP_MASKED_EQ",
                e.index,
                u32::MAX,
                e.value
            ),
            false => write!(item, "{head}\n- index: {}\n  value: {}\n  op: SCMP_CMP_EQ", e.index, e.value),
        };
    }
    append(text, &["spec", "syscalls"], &item).into_iter().collect()
}

/// A group of `syscalls`, of a call whatever its arguments: the groups' first match decides, and what compares stands in
/// a list of another form.
pub(super) fn go_seccomp(text: &str, name: &str, compared: &[ArgCmp]) -> Vec<Candidate> {
    if !compared.is_empty() {
        return Vec::new();
    }
    let item = format!("action: allow\nnames:\n- {name}");
    let ways: [&[&str]; 2] = [&["seccomp", "syscalls"], &["syscalls"]];
    ways.into_iter().filter_map(|way| append(text, way, &item)).collect()
}

/// The text with an item behind the last of a list in block style.
fn append(text: &str, way: &[&str], item: &str) -> Option<Candidate> {
    let documents = yaml::parse(text).ok()?;
    let [root] = &documents[..] else { return None };
    let list = way.iter().try_fold(root, |node, name| member(node, name))?;
    let Value::Array(items) = &list.value else { return None };
    let last = offset(text, items.last()?.line, 1)?;
    let dash = text[last..].find(|c| c != ' ')?;
    text[last + dash..].starts_with("- ").then_some(())?;
    // The item ends in front of the next line that stands no deeper than its dash.
    let ends = |line: &str| {
        let text = line.trim_start_matches(' ');
        !text.is_empty() && !text.starts_with('#') && line.len() - text.len() <= dash
    };
    let mut end = last;
    for (i, (at, line)) in lines(&text[last..]).enumerate() {
        if i > 0 && ends(line) {
            break;
        }
        if !line.trim().is_empty() {
            end = (last + at + line.len() + 1).min(text.len());
        }
    }
    let inner = " ".repeat(dash + 2);
    let added = item.replace('\n', &format!("\n{inner}"));
    let before = if text[..end].ends_with('\n') { "" } else { "\n" };
    Some(Candidate::insert(text, end, &format!("{before}{}", " ".repeat(dash)), &format!("- {added}"), "\n"))
}

fn member<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let Value::Object(members) = &node.value else { return None };
    members.iter().rfind(|m| m.key == name).map(|m| &m.node)
}
