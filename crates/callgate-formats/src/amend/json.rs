//! Container profiles and seccompiler's files: an element more in a list.

use super::place::{indent, start};
use super::{Candidate, equalities};
use crate::json::{self, quote};
use crate::tree::{Node, Value};
use callgate::ArgCmp;

/// `{"names": ["socket"], "action": "SCMP_ACT_ALLOW", …}` behind the other rules.
pub(super) fn container(text: &str, name: &str, compared: &[ArgCmp]) -> Vec<Candidate> {
    let args = |masked| {
        let one = |e: super::Equality| match e.masked || masked && e.low {
            true => format!(
                r#"{{"index": {}, "value": {}, "valueTwo": {}, "op": "SCMP_CMP_MASKED_EQ"}}"#,
                e.index,
                u32::MAX,
                e.value
            ),
            false => format!(r#"{{"index": {}, "value": {}, "op": "SCMP_CMP_EQ"}}"#, e.index, e.value),
        };
        Some(equalities(compared)?.into_iter().map(one).collect::<Vec<_>>().join(", "))
    };
    let piece = |masked| {
        let args = args(masked)?;
        let args = if args.is_empty() { args } else { format!(r#", "args": [{args}]"#) };
        Some(format!(r#"{{"names": [{}], "action": "SCMP_ACT_ALLOW"{args}}}"#, quote(name)))
    };
    let insert = |masked| {
        let root = json::parse(text).ok()?;
        element(text, member(profile(&root), "syscalls")?, &piece(masked)?)
    };
    // The plain comparison first: it is what people write. The call itself may need the other.
    let mut all: Vec<Candidate> = [false, true].into_iter().filter_map(insert).collect();
    if compared.is_empty() {
        all.extend(taken_out(text, name));
    }
    all
}

/// The text without a name in the rules that say something else of it than that it is permitted.
fn taken_out(text: &str, name: &str) -> Option<Candidate> {
    let mut now: Option<Candidate> = None;
    loop {
        let before = now.as_ref().map_or(text, |c| &c.text);
        let Some((at, end)) = denied(before, name) else { return now };
        let added = vec![(at, format!("{} taken out", quote(name)))];
        let next = Candidate { text: [&before[..at], &before[end..]].concat(), added };
        now = Some(match now {
            Some(mut first) => {
                // With the last name of a list goes what stands before it.
                first.added.iter_mut().for_each(|earlier| earlier.0 = earlier.0.min(at));
                Candidate { added: [first.added, next.added].concat(), text: next.text }
            }
            None => next,
        });
    }
}

/// The part of a text that names a call in a rule that does not permit it: the rule, if it names nothing else.
fn denied(text: &str, name: &str) -> Option<(usize, usize)> {
    let root = json::parse(text).ok()?;
    let Value::Array(rules) = &member(profile(&root), "syscalls")?.value else { return None };
    let is = |node: &Node, word: &str| matches!(&node.value, Value::String(s) if s == word);
    rules.iter().enumerate().find_map(|(i, rule)| {
        let Value::Array(names) = &member(rule, "names")?.value else { return None };
        let found = names.iter().position(|n| is(n, name))?;
        if is(member(rule, "action")?, "SCMP_ACT_ALLOW") {
            return None;
        }
        if names.len() == 1 { part(text, rules, i) } else { part(text, names, found) }
    })
}

/// An element of a list with the comma that goes with it.
fn part(text: &str, elements: &[Node], index: usize) -> Option<(usize, usize)> {
    let at = start(text, &elements[index])?;
    let end = at + length(&text[at..])?;
    if let Some(next) = elements.get(index + 1) {
        return Some((at, start(text, next)?));
    }
    match index.checked_sub(1) {
        None => Some((at, end)),
        Some(before) => {
            let before = start(text, &elements[before])?;
            Some((before + length(&text[before..])?, end))
        }
    }
}

/// The profile: a bundle has it inside.
fn profile(root: &Node) -> &Node {
    member(root, "linux").and_then(|linux| member(linux, "seccomp")).unwrap_or(root)
}

/// `{"syscall": "socket", "args": […]}` behind the other rules of a thread.
pub(super) fn thread(text: &str, pick: Option<&str>, name: &str, compared: &[ArgCmp]) -> Vec<Candidate> {
    let insert = || {
        let one = |e: super::Equality| {
            let width = if e.low { "dword" } else { "qword" };
            format!(r#"{{"index": {}, "type": "{width}", "op": "eq", "val": {}}}"#, e.index, e.value)
        };
        let args: Vec<String> = equalities(compared)?.into_iter().map(one).collect();
        let args =
            if args.is_empty() { String::new() } else { format!(r#", "args": [{}]"#, args.join(", ")) };
        let piece = format!(r#"{{"syscall": {}{args}}}"#, quote(name));
        let root = json::parse(text).ok()?;
        let thread = match (pick, &root.value) {
            (Some(pick), _) => member(&root, pick)?,
            (None, Value::Object(threads)) => match &threads[..] {
                [only] => &only.node,
                _ => return None,
            },
            (None, _) => return None,
        };
        element(text, member(thread, "filter")?, &piece)
    };
    insert().into_iter().collect()
}

/// The member of this name that counts. Where keys differ from it in case, the rules are found by no reader of another
/// kind than Go's, and the file is left to whoever wrote it.
fn member<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let Value::Object(members) = &node.value else { return None };
    members.iter().rfind(|m| m.key == name).map(|m| &m.node)
}

/// The text with a piece as the last element of a list, laid out as the list is.
fn element(text: &str, list: &Node, piece: &str) -> Option<Candidate> {
    let Value::Array(elements) = &list.value else { return None };
    let open = start(text, list)?;
    let Some(last) = elements.last() else {
        return Some(Candidate::insert(text, open + 1, "", piece, ""));
    };
    let last = start(text, last)?;
    let end = last + length(&text[last..])?;
    // Elements on lines of their own, or one behind the other.
    let own_line = text[open..last].rfind('\n').is_some_and(|i| text[open + i..last].trim().is_empty());
    let before = if own_line { format!(",\n{}", indent(text, last)) } else { ", ".to_owned() };
    Some(Candidate::insert(text, end, &before, piece, ""))
}

/// How long the value is that a well-formed text begins with: an object, an array or a string.
fn length(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0u32, false, false);
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 && !quoted {
            return Some(i + 1);
        }
    }
    None
}
