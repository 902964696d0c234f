//! The words of the build-time compiler's dialect.

use crate::place::Error;
use crate::scan::{Pos, Source};

/// A word and where it starts.
#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) pos: Pos,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Default,
    Include,
    Frequency,
    Denylist,
    Path,
    Number,
    Mark,
    Operator,
    Argument,
    Return,
    Action,
    Word,
}

const ACTIONS: &[&str] =
    &["allow", "kill-process", "kill-thread", "kill", "trap", "trace", "log", "user-notify"];
const DIRECTIVES: &[(&str, Kind)] = &[
    ("@default", Kind::Default),
    ("@include", Kind::Include),
    ("@frequency", Kind::Frequency),
    ("@denylist", Kind::Denylist),
];
const MARKS: &[&str] = &[":", ";", ",", "~", "(", ")", "{", "}", "]", "[", "||", "&&", "|"];
const OPERATORS: &[&str] = &["&", "==", "!=", "<=", "<", ">=", ">"];

/// The words of each statement: a line, with those that a trailing `\` joins to it.
pub(super) fn statements(source: &Source) -> Result<Vec<Vec<Token<'_>>>, Error> {
    let mut out = Vec::new();
    let mut current = Vec::new();
    for (number, line) in source.lines() {
        let line = line.trim_end_matches('\r');
        tokenize(source, number, line, &mut current)?;
        if !line.ends_with('\\') && !current.is_empty() {
            out.push(std::mem::take(&mut current));
        }
    }
    if !current.is_empty() {
        out.push(current);
    }
    Ok(out)
}

fn tokenize<'a>(source: &Source, number: u32, line: &'a str, out: &mut Vec<Token<'a>>) -> Result<(), Error> {
    let mut rest = line;
    let mut before = None;
    let mut col = 1u32;
    while let Some(first) = rest.chars().next() {
        let pos = Pos { line: number, col };
        if first == '#' || rest == "\\" {
            return Ok(());
        }
        if first.is_whitespace() {
            before = Some(first);
            rest = &rest[first.len_utf8()..];
            col = col.saturating_add(1);
            continue;
        }
        let Some((kind, len)) = word(rest, before) else {
            return Err(source.error(pos, format!("unexpected character {first:?}")));
        };
        let text = &rest[..len];
        out.push(Token { kind, text, pos });
        before = text.chars().last();
        rest = &rest[len..];
        col = col.saturating_add(u32::try_from(text.chars().count()).unwrap_or(u32::MAX));
    }
    Ok(())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The kind and length of the word a text begins with; earlier lines win, as in the compiler's list.
fn word(rest: &str, before: Option<char>) -> Option<(Kind, usize)> {
    // Where a word must be whole: no letter, digit or underscore on either side.
    let whole = |w: &str| {
        rest.strip_prefix(w).is_some_and(|after| !after.starts_with(is_word))
            && (!w.starts_with(is_word) || !before.is_some_and(is_word))
    };
    if let Some((w, kind)) = DIRECTIVES.iter().find(|(w, _)| whole(w)) {
        return Some((*kind, w.len()));
    }
    let path = rest.strip_prefix('.').unwrap_or(rest);
    if path.len() > 1 && path.starts_with('/') && !path[1..].starts_with(char::is_whitespace) {
        return Some((Kind::Path, rest.find(char::is_whitespace).unwrap_or(rest.len())));
    }
    if let Some(len) = number(rest) {
        return Some((Kind::Number, len));
    }
    if let Some(mark) = MARKS.iter().find(|m| rest.starts_with(**m)) {
        return Some((Kind::Mark, mark.len()));
    }
    if whole("in") {
        return Some((Kind::Operator, 2));
    }
    if let Some(op) = OPERATORS.iter().find(|o| rest.starts_with(**o)) {
        return Some((Kind::Operator, op.len()));
    }
    if rest.starts_with('=') {
        return Some((Kind::Mark, 1));
    }
    if let Some(digits) = rest.strip_prefix("arg") {
        let len = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        if len > 0 && whole(&rest[..3 + len]) {
            return Some((Kind::Argument, 3 + len));
        }
    }
    if whole("return") {
        return Some((Kind::Return, 6));
    }
    if let Some(action) = ACTIONS.iter().find(|a| whole(a)) {
        return Some((Kind::Action, action.len()));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '@');
    if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return Some((Kind::Word, rest.find(|c| !is_name(c)).unwrap_or(rest.len())));
    }
    None
}

fn number(rest: &str) -> Option<usize> {
    let sign = usize::from(rest.starts_with('-'));
    let digits = &rest[sign..];
    let run = |text: &str, radix| text.find(|c: char| !c.is_digit(radix)).unwrap_or(text.len());
    for (prefix, radix) in [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8)] {
        if let Some(after) = digits.strip_prefix(prefix)
            && run(after, radix) > 0
        {
            return Some(sign + 2 + run(after, radix));
        }
    }
    let len = run(digits, 10);
    (len > 0).then_some(sign + len)
}

/// The value of a [`Kind::Number`]; `None` for what Python's `int(text, 0)` refuses (`010`) and for
/// what no register holds.
pub(super) fn value(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let value = match digits.get(..2) {
        Some("0x" | "0X") => u64::from_str_radix(&digits[2..], 16),
        Some("0o" | "0O") => u64::from_str_radix(&digits[2..], 8),
        _ if digits.starts_with('0') && digits.contains(|c| c != '0') => return None,
        _ => digits.parse(),
    };
    let value = i128::from(value.ok()?);
    Some(if negative { -value } else { value })
}
