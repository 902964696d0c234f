//! The tree JSON and YAML files become, with the position of everything in it.

use crate::place::{Place, Problem};
use std::fmt::Write as _;

/// How large a structured file may be, in bytes.
pub(crate) const MAX_BYTES: usize = 32 << 20;
/// How deep its values may nest.
pub(crate) const MAX_DEPTH: usize = 64;

/// A value and where it starts.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) value: Value,
}

/// A JSON value. Numbers stay text, so that every `u64` is exact.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

/// A key with its value, in the file's order, duplicates included.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) node: Node,
}

/// How keys are matched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keys {
    /// As Go's `encoding/json` does: ignoring case.
    AnyCase,
    /// Exactly.
    Exact,
}

/// A node of a tree (`'t`) together with the way that leads to it (`'p`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'p, 't> {
    node: &'t Node,
    up: Option<&'p At<'p, 't>>,
    step: Step<'t>,
    keys: Keys,
}

#[derive(Clone, Copy, Debug)]
enum Step<'t> {
    Root,
    Key(&'t str),
    Index(usize),
}

/// What is odd about a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Oddity {
    /// Nobody asks for its key.
    Unknown,
    /// A later member of the same name counts.
    Overridden,
}

impl<'p, 't> At<'p, 't> {
    /// The root of a tree.
    pub(crate) fn root(node: &'t Node, keys: Keys) -> At<'p, 't> {
        At { node, up: None, step: Step::Root, keys }
    }

    /// Line, column and path.
    pub(crate) fn place(&self) -> Place {
        let path = self.path();
        Place {
            line: self.node.line,
            column: self.node.column,
            path: if path.is_empty() { None } else { Some(path.into()) },
        }
    }

    /// `linux.seccomp.syscalls[3].names[7]`; empty for the root.
    pub(crate) fn path(&self) -> String {
        let mut steps = Vec::new();
        let mut at = Some(self);
        while let Some(here) = at {
            steps.push(here.step);
            at = here.up;
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Root => {}
                Step::Index(i) => write!(path, "[{i}]").unwrap_or_default(),
                Step::Key(key) if is_word(key) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(key);
                }
                Step::Key(key) => {
                    let short: String = key.chars().take(40).collect();
                    write!(path, "[{short:?}]").unwrap_or_default();
                }
            }
        }
        path
    }

    /// A problem here.
    pub(crate) fn problem(&self, what: impl Into<String>) -> Problem {
        Problem::new(self.place(), what)
    }

    fn expected(&self, wanted: &str) -> Problem {
        self.problem(format!("expected {wanted}, found {}", self.node.value.kind()))
    }

    /// The value here.
    pub(crate) fn value(&self) -> &'t Value {
        &self.node.value
    }

    /// The string here.
    pub(crate) fn string(&self) -> Result<&'t str, Problem> {
        match &self.node.value {
            Value::String(s) => Ok(s),
            _ => Err(self.expected("a string")),
        }
    }

    /// The boolean here.
    pub(crate) fn boolean(&self) -> Result<bool, Problem> {
        match self.node.value {
            Value::Bool(b) => Ok(b),
            _ => Err(self.expected("true or false")),
        }
    }

    /// The unsigned integer here, at most `max`. Fractions and exponents are refused, as Go does.
    pub(crate) fn unsigned(&self, max: u64) -> Result<u64, Problem> {
        let Value::Number(text) = &self.node.value else { return Err(self.expected("a whole number")) };
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(
                self.problem(format!("expected a whole number that is not negative, found {text:.40}"))
            );
        }
        match text.parse::<u64>() {
            Ok(n) if n <= max => Ok(n),
            _ => Err(self.problem(format!("{text:.40} is above {max}"))),
        }
    }

    /// The elements of the array here; `null` is an empty one.
    pub(crate) fn elements(&'p self) -> Result<impl ExactSizeIterator<Item = At<'p, 't>>, Problem> {
        let list: &'t [Node] = match &self.node.value {
            Value::Array(list) => list,
            Value::Null => &[],
            _ => return Err(self.expected("a list")),
        };
        let element = |(i, node)| At { node, up: Some(self), step: Step::Index(i), keys: self.keys };
        Ok(list.iter().enumerate().map(element))
    }

    /// The strings of the array here, with their places.
    pub(crate) fn strings(&'p self) -> Result<Vec<(&'t str, At<'p, 't>)>, Problem> {
        self.elements()?.map(|e| Ok((e.string()?, e))).collect()
    }

    /// The members of the object here, in order, duplicates included.
    pub(crate) fn members(
        &'p self,
    ) -> Result<impl DoubleEndedIterator<Item = (&'t str, At<'p, 't>)>, Problem> {
        let Value::Object(members) = &self.node.value else { return Err(self.expected("an object")) };
        Ok(members.iter().map(|m| {
            let at = At { node: &m.node, up: Some(self), step: Step::Key(&m.key), keys: self.keys };
            (m.key.as_str(), at)
        }))
    }

    /// The member with this name that counts: the last one. `null` counts as absent.
    pub(crate) fn get(&'p self, name: &str) -> Option<At<'p, 't>> {
        let last = self.members().ok()?.rfind(|(key, _)| self.keys.same(key, name))?.1;
        if *last.value() == Value::Null { None } else { Some(last) }
    }

    /// Whether a member with this name is there at all, even as `null`.
    pub(crate) fn has(&self, name: &str) -> bool {
        match &self.node.value {
            Value::Object(members) => members.iter().any(|m| self.keys.same(&m.key, name)),
            _ => false,
        }
    }

    /// The members that are not in `known` or do not count.
    pub(crate) fn oddities(&'p self, known: &[&str]) -> Result<Vec<(&'t str, At<'p, 't>, Oddity)>, Problem> {
        let members: Vec<_> = self.members()?.collect();
        let mut odd = Vec::new();
        for (i, (key, at)) in members.iter().enumerate() {
            let Some(position) = known.iter().position(|k| self.keys.same(key, k)) else {
                odd.push((*key, *at, Oddity::Unknown));
                continue;
            };
            if members[i + 1..].iter().any(|(later, _)| self.keys.same(later, known[position])) {
                odd.push((*key, *at, Oddity::Overridden));
            }
        }
        Ok(odd)
    }
}

fn is_word(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

impl Keys {
    fn same(self, a: &str, b: &str) -> bool {
        match self {
            Keys::AnyCase => a.eq_ignore_ascii_case(b) || (!a.is_ascii() && fold(a) == fold(b)),
            Keys::Exact => a == b,
        }
    }
}

/// Go folds two letters outside ASCII into it when it matches keys: the long s and the Kelvin sign.
fn fold(s: &str) -> String {
    s.chars()
        .map(|c| match c {
            '\u{17f}' => 's',
            '\u{212a}' => 'k',
            c => c.to_ascii_lowercase(),
        })
        .collect()
}

impl Value {
    /// What kind of value this is, with an article.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn paths_and_places() {
        let root = json::parse("{\"a\": [1,\n  {\"b c\": \"x\"}]}").unwrap();
        let at = At::root(&root, Keys::AnyCase);
        let a = at.get("A").unwrap();
        let one = a.elements().unwrap().nth(1).unwrap();
        let bc = one.get("b c").unwrap();
        assert_eq!(bc.place().to_string(), "2:11: a[1][\"b c\"]");
        assert_eq!(bc.string().unwrap(), "x");
        assert!(bc.unsigned(5).unwrap_err().what.contains("found a string"));
    }

    #[test]
    fn keys_as_go_matches_them() {
        let root = json::parse(r#"{"Na\u017fe": 1, "x": 2, "X": 3, "y": 4, "y": null}"#).unwrap();
        let at = At::root(&root, Keys::AnyCase);
        assert_eq!(at.get("nase").unwrap().unsigned(9).unwrap(), 1);
        assert_eq!(at.get("x").unwrap().unsigned(9).unwrap(), 3);
        assert!(at.get("y").is_none());
        let exact = At::root(&root, Keys::Exact);
        assert_eq!(exact.get("x").unwrap().unsigned(9).unwrap(), 2);
        let odd: Vec<_> = at.oddities(&["x", "nase"]).unwrap().iter().map(|o| (o.0, o.2)).collect();
        assert_eq!(odd, [("x", Oddity::Overridden), ("y", Oddity::Unknown), ("y", Oddity::Unknown)]);
    }

    #[test]
    fn numbers_are_whole_and_exact() {
        let root = json::parse("[18446744073709551615, 1.0, 1e3, -1, 18446744073709551616]").unwrap();
        let at = At::root(&root, Keys::Exact);
        let read: Vec<_> = at.elements().unwrap().map(|e| e.unsigned(u64::MAX).ok()).collect();
        assert_eq!(read, [Some(u64::MAX), None, None, None, None]);
    }
}
