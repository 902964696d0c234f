//! YAML files as the same tree JSON files become. Types are resolved as Go's YAML packages do, since
//! the tools that read these files are written in Go.

use crate::place::{Error, Place};
use crate::tree::{MAX_DEPTH, Member, Node, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::BTreeMap;

/// How large a YAML file may be, in bytes.
const MAX_BYTES: usize = 4 << 20;
/// How many values it may have once its aliases are replaced.
const MAX_NODES: usize = 1 << 18;

/// Parses the documents of a YAML stream.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, Error> {
    if text.len() > MAX_BYTES {
        return Err(Error::new(Place::default(), format!("the file is larger than {} MiB", MAX_BYTES >> 20)));
    }
    strict(text).or_else(|error| {
        // YAML wants a closing bracket further in than the key it belongs to; Go's packages, and the
        // people who write for them, do not.
        let closes = |line: &str| line.trim_start_matches(' ').starts_with([']', '}']);
        if !text.lines().any(closes) {
            return Err(error);
        }
        let shifted: Vec<String> = text
            .lines()
            .map(|line| if closes(line) { format!("{:80}{line}", "") } else { line.to_string() })
            .collect();
        strict(&shifted.join("\n")).map_err(|_| error)
    })
}

fn strict(text: &str) -> Result<Vec<Node>, Error> {
    let mut builder =
        Builder { events: Parser::new_from_str(text), anchors: BTreeMap::new(), nodes: 0, span: (0, 0) };
    let mut documents = Vec::new();
    loop {
        match builder.next()? {
            Event::StreamEnd => return Ok(documents),
            Event::DocumentStart(_) => {
                let first = builder.next()?;
                documents.push(builder.node(first, 0)?);
            }
            _ => {}
        }
    }
}

struct Builder<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
    /// Line and column of the event last taken, from 1.
    span: (u32, u32),
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<Event<'a>, Error> {
        match self.events.next_event() {
            Some(Ok((event, span))) => {
                self.span = start(span);
                Ok(event)
            }
            Some(Err(e)) => {
                let place = Place::at(clamp(e.marker().line()), clamp(e.marker().col() + 1));
                Err(Error::new(place, format!("not YAML: {}", e.info())))
            }
            None => Ok(Event::StreamEnd),
        }
    }

    fn error(&self, what: impl Into<String>) -> Error {
        Error::new(Place::at(self.span.0, self.span.1), what)
    }

    fn count(&mut self, nodes: usize) -> Result<(), Error> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return Err(self.error(format!("more than {MAX_NODES} values, aliases counted")));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<Node, Error> {
        if depth > MAX_DEPTH {
            return Err(self.error(format!("values nest deeper than {MAX_DEPTH}")));
        }
        self.count(1)?;
        let before = self.nodes;
        let (line, column) = self.span;
        let (value, anchor) = match event {
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(self.error("an alias inside the value it stands for"));
                };
                self.count(size)?;
                return Ok(Node { line, column, ..node });
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let value = match &tag {
                    None if plain => resolve(&text),
                    None => Value::String(text.into_owned()),
                    Some(tag) if tag.suffix == "str" => Value::String(text.into_owned()),
                    Some(_) => return Err(self.error("tags are not supported")),
                };
                (value, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                let mut elements = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => break,
                        event => elements.push(self.node(event, depth + 1)?),
                    }
                }
                (Value::Array(elements), anchor)
            }
            Event::MappingStart(anchor, _) => (Value::Object(self.mapping(depth)?), anchor),
            _ => return Err(self.error("a value is missing")),
        };
        let node = Node { line, column, value };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), 1 + self.nodes - before));
        }
        Ok(node)
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<Member>, Error> {
        let mut members: Vec<Member> = Vec::new();
        let mut merged: Vec<Member> = Vec::new();
        loop {
            let event = self.next()?;
            let (line, column) = self.span;
            let key = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(self.error("expected a key that is a plain word")),
            };
            if key != "<<" && members.iter().any(|m| m.key == key) {
                return Err(self.error(format!("the key {key:?} is there twice")));
            }
            let event = self.next()?;
            let node = self.node(event, depth + 1)?;
            if key == "<<" {
                merge(&mut merged, node).map_err(|what| self.error(what))?;
            } else {
                members.push(Member { key, line, column, node });
            }
        }
        merged.retain(|m| !members.iter().any(|own| own.key == m.key));
        members.append(&mut merged);
        Ok(members)
    }
}

/// Collects the members of a merge key's mapping or mappings; the first of a name counts.
fn merge(merged: &mut Vec<Member>, node: Node) -> Result<(), &'static str> {
    match node.value {
        Value::Object(members) => {
            for member in members {
                if !merged.iter().any(|m| m.key == member.key) {
                    merged.push(member);
                }
            }
            Ok(())
        }
        Value::Array(list) => list.into_iter().try_for_each(|node| merge(merged, node)),
        _ => Err("<< takes a mapping or a list of mappings"),
    }
}

fn start(span: Span) -> (u32, u32) {
    (clamp(span.start.line()), clamp(span.start.col() + 1))
}

fn clamp(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// What a plain scalar means.
fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match number(text) {
            Some(number) => Value::Number(number),
            None => Value::String(text.to_string()),
        },
    }
}

/// A number in decimal: `0x`, `0o`, `0b` and a leading `0` (octal) as Go takes them, `_` between digits.
fn number(text: &str) -> Option<String> {
    let digits = text.replace('_', "");
    let (sign, body) = match digits.strip_prefix(['-', '+']) {
        Some(body) => (if digits.starts_with('-') { "-" } else { "" }, body),
        None => ("", digits.as_str()),
    };
    if !body.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let radix = |prefix: &str, radix| {
        let rest = body.strip_prefix(prefix)?;
        u64::from_str_radix(rest, radix).ok().filter(|_| !rest.starts_with(['-', '+']))
    };
    let whole = radix("0x", 16)
        .or_else(|| radix("0X", 16))
        .or_else(|| radix("0o", 8))
        .or_else(|| radix("0b", 2))
        .or_else(|| radix("0", 8));
    if let Some(n) = whole {
        return Some(format!("{sign}{n}"));
    }
    if body.bytes().all(|b| b.is_ascii_digit()) {
        return Some(format!("{sign}{body}"));
    }
    let float = body.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'-' | b'+'));
    if float && body.parse::<f64>().is_ok() { Some(format!("{sign}{body}")) } else { None }
}

/// Writes a string as a YAML scalar: plain where nothing could be misread, else in double quotes.
pub(crate) fn quote(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/'))
        && matches!(resolve(text), Value::String(_))
        && !matches!(text.to_ascii_lowercase().as_str(), "y" | "n" | "yes" | "no" | "on" | "off");
    if plain { text.to_string() } else { crate::json::quote(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scalars_as_go_resolves_them() {
        for (text, number) in [
            ("0x10000000", "268435456"),
            ("0o17", "15"),
            ("017", "15"),
            ("0b101", "5"),
            ("1_000", "1000"),
            ("-3", "-3"),
            ("18446744073709551615", "18446744073709551615"),
            ("08", "08"),
            ("1.5", "1.5"),
        ] {
            assert_eq!(resolve(text), Value::Number(number.into()), "{text}");
        }
        for text in ["read", "0xg", "1.2.3", "v1", "-", "+", "0x-1"] {
            assert_eq!(resolve(text), Value::String(text.into()), "{text}");
        }
    }

    #[test]
    fn anchors_merge_keys_and_documents() {
        let text = "a: &x\n  k: 1\n  l: 2\nb:\n  <<: *x\n  l: 3\n---\n- [1, \"2\"]\n";
        let documents = parse(text).unwrap();
        assert_eq!(documents.len(), 2);
        let Value::Object(top) = &documents[0].value else { panic!() };
        let Value::Object(b) = &top[1].node.value else { panic!() };
        let seen: Vec<_> = b.iter().map(|m| (m.key.as_str(), &m.node.value)).collect();
        assert_eq!(seen, [("l", &Value::Number("3".into())), ("k", &Value::Number("1".into()))]);
        let Value::Array(list) = &documents[1].value else { panic!() };
        assert_eq!((list[0].line, list[0].column), (8, 3));
    }

    #[test]
    fn closing_brackets_below_their_key() {
        let lenient = parse("spec:\n  contents: {\n    a: 1\n  }\n").unwrap();
        assert_eq!(lenient, parse("spec:\n  contents: {\n    a: 1\n   }\n").unwrap());
    }

    #[test]
    fn hostile_input_is_refused() {
        let mut laughs = String::from("a0: &a0 [x, x]\n");
        for i in 1..60 {
            laughs.push_str(&format!("a{i}: &a{i} [*a{}, *a{}]\n", i - 1, i - 1));
        }
        assert!(parse(&laughs).unwrap_err().to_string().contains("aliases counted"));
        assert!(parse(&"[".repeat(5000)).is_err());
        assert!(parse("a: 1\na: 2\n").unwrap_err().to_string().contains("twice"));
        assert!(parse("a: !!int 5\n").unwrap_err().to_string().contains("tags"));
        assert!(parse("a: [1\n").unwrap_err().to_string().contains("not YAML"));
    }

    proptest! {
        #[test]
        fn quoting_is_undone_by_parsing(text in "[ -~\n\t]{0,12}|[a-z_0-9.~-]{1,8}") {
            let documents = parse(&format!("k: {}\n", quote(&text))).unwrap();
            let Value::Object(members) = &documents[0].value else { panic!() };
            prop_assert_eq!(&members[0].node.value, &Value::String(text));
        }

        #[test]
        fn never_panics(text in "([-\\[\\]{}:,&*!|>?# \n\t\"'a0~%@]|<<|---|\\.\\.\\.|&a|\\*a){0,40}") {
            let _ = parse(&text);
        }
    }
}
