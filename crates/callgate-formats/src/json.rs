//! A strict JSON parser that keeps the position of every value, duplicate keys and exact numbers.

use crate::place::{Error, Place};
use crate::tree::{MAX_BYTES, MAX_DEPTH, Member, Node, Value};

/// How many values a file may have: a value takes a multiple of its letters.
const MAX_NODES: usize = 1 << 20;

/// Parses one JSON document (RFC 8259).
pub(crate) fn parse(text: &str) -> Result<Node, Error> {
    if text.len() > MAX_BYTES {
        return Err(Error::new(Place::default(), format!("the file is larger than {} MiB", MAX_BYTES >> 20)));
    }
    let mut parser = Parser { text, at: 0, line: 1, column: 1, counted: 0, nodes: 0 };
    parser.blanks();
    let node = parser.value(0)?;
    parser.blanks();
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.error("text after the end of the JSON value")),
    }
}

struct Parser<'a> {
    text: &'a str,
    /// The next byte.
    at: usize,
    /// Line and column of the byte `counted`.
    line: u32,
    column: u32,
    counted: usize,
    /// How many values there have been.
    nodes: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Line and column of the next byte.
    fn position(&mut self) -> (u32, u32) {
        for c in self.text[self.counted..self.at].chars() {
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.counted = self.at;
        (self.line, self.column)
    }

    fn error(&mut self, what: impl Into<String>) -> Error {
        let (line, column) = self.position();
        Error::new(Place::at(line, column), what)
    }

    fn unexpected(&mut self, wanted: &str) -> Error {
        let rest = &self.text[self.at..];
        let found = match rest.chars().next() {
            None => "the end of the file".into(),
            Some('\u{feff}') => "a byte-order mark, which JSON has none of".into(),
            Some('#') => "'#': JSON has no comments".into(),
            Some('/') if rest.starts_with("//") || rest.starts_with("/*") => {
                "'/': JSON has no comments".into()
            }
            Some(c) => format!("{c:?}"),
        };
        self.error(format!("expected {wanted}, found {found}"))
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Error> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.error(format!("more than {MAX_NODES} values")));
        }
        let (line, column) = self.position();
        let value = match self.peek() {
            Some(b'{') => Value::Object(self.object(depth)?),
            Some(b'[') => Value::Array(self.array(depth)?),
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            _ if self.word("null") => Value::Null,
            _ if self.word("true") => Value::Bool(true),
            _ if self.word("false") => Value::Bool(false),
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Node { line, column, value })
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.text[self.at..].starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn deeper(&mut self, depth: usize) -> Result<usize, Error> {
        if depth + 1 > MAX_DEPTH {
            return Err(self.error(format!("values nest deeper than {MAX_DEPTH}")));
        }
        self.at += 1;
        self.blanks();
        Ok(depth + 1)
    }

    fn object(&mut self, depth: usize) -> Result<Vec<Member>, Error> {
        let depth = self.deeper(depth)?;
        let mut members = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(members);
        }
        loop {
            let (line, column) = self.position();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let key = self.string()?;
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("a colon"));
            }
            self.at += 1;
            self.blanks();
            let node = self.value(depth)?;
            members.push(Member { key, line, column, node });
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.unexpected("a comma or }")),
            }
            self.blanks();
        }
        self.at += 1;
        Ok(members)
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Node>, Error> {
        let depth = self.deeper(depth)?;
        let mut elements = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(elements);
        }
        loop {
            elements.push(self.value(depth)?);
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.unexpected("a comma or ]")),
            }
            self.blanks();
        }
        self.at += 1;
        Ok(elements)
    }

    fn number(&mut self) -> Result<String, Error> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.unexpected("a digit")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        if let Some(b'0'..=b'9' | b'x' | b'X') = self.peek() {
            return Err(self.error("numbers in JSON are decimal and do not start with 0"));
        }
        Ok(self.text[start..self.at].to_string())
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), Error> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected("a digit"));
        }
        self.digits();
        Ok(())
    }

    fn string(&mut self) -> Result<String, Error> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let plain = self.text.as_bytes()[self.at..]
                .iter()
                .position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f))
                .unwrap_or(self.text.len() - self.at);
            out.push_str(&self.text[self.at..self.at + plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(self.error("a control character inside a string")),
                None => return Err(self.error("the file ends inside a string")),
            }
        }
        self.at += 1;
        Ok(out)
    }

    fn escape(&mut self) -> Result<char, Error> {
        let c = match self.text.as_bytes().get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.error("an unknown escape inside a string")),
        };
        self.at += 2;
        Ok(c)
    }

    /// `\uXXXX`, a surrogate pair as one character, half a pair as U+FFFD.
    fn unicode(&mut self) -> Result<char, Error> {
        let first = self.hex(self.at)?;
        self.at += 6;
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            let second = self.hex(self.at)?;
            if (0xdc00..0xe000).contains(&second) {
                self.at += 6;
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
        }
        Ok(char::from_u32(first).unwrap_or('\u{fffd}'))
    }

    fn hex(&mut self, at: usize) -> Result<u32, Error> {
        match self.text.as_bytes().get(at + 2..at + 6) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => {
                Ok(digits.iter().fold(0, |n, b| n << 4 | char::from(*b).to_digit(16).unwrap_or(0)))
            }
            _ => Err(self.error("\\u needs four hexadecimal digits")),
        }
    }
}

/// Writes a string as JSON, quotes included.
pub(crate) fn quote(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' || c == '\u{7f}' => write!(out, "\\u{:04x}", c as u32).unwrap_or_default(),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fails(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn errors_point_at_the_place() {
        assert_eq!(fails("{\"a\": 1,\n \"b\" 2}"), "2:6: expected a colon, found '2'");
        assert_eq!(fails("[1, 2"), "1:6: expected a comma or ], found the end of the file");
        assert_eq!(fails("{\"é\": tru}"), "1:7: expected a value, found 't'");
        assert_eq!(fails("[01]"), "1:3: numbers in JSON are decimal and do not start with 0");
        assert_eq!(fails("[1,]"), "1:4: expected a value, found ']'");
        assert!(fails("\"\\ud8\"").contains("hexadecimal"));
        assert_eq!(fails("// c\n{}"), "1:1: expected a value, found '/': JSON has no comments");
        assert!(fails("\u{feff}{}").starts_with("1:1: expected a value, found a byte-order mark"));
        assert!(fails("{} x").contains("after the end"));
        assert!(fails(&"[".repeat(1000)).contains("deeper than 64"));
    }

    #[test]
    fn escapes() {
        let node = parse(r#""\u0041\n\ud83d\ude00\ud800x\/""#).unwrap();
        assert_eq!(node.value, Value::String("A\n\u{1f600}\u{fffd}x/".into()));
    }

    /// The tree as the other parser has it, with duplicates resolved its way.
    fn same(node: &Node, other: &serde_json::Value) -> bool {
        match (&node.value, other) {
            (Value::Null, serde_json::Value::Null) => true,
            (Value::Bool(a), serde_json::Value::Bool(b)) => a == b,
            (Value::Number(a), serde_json::Value::Number(b)) => {
                a.parse::<u64>().ok() == b.as_u64() || a.parse::<f64>().ok() == b.as_f64()
            }
            (Value::String(a), serde_json::Value::String(b)) => a == b,
            (Value::Array(a), serde_json::Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Value::Object(a), serde_json::Value::Object(b)) => b
                .iter()
                .all(|(key, value)| a.iter().rfind(|m| m.key == *key).is_some_and(|m| same(&m.node, value))),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_another_parser(text in r#"([\[\]{},: 0-9.eE"a\\u-]|null|true|"x"){0,24}"#) {
            match serde_json::from_str::<serde_json::Value>(&text) {
                Ok(other) => prop_assert!(parse(&text).is_ok_and(|n| same(&n, &other)), "{text}"),
                // It refuses lone surrogates and numbers beyond f64; those we take.
                Err(e) if e.to_string().contains("surrogate") || e.to_string().contains("out of range") => {}
                Err(_) => prop_assert!(parse(&text).is_err() || text.contains("\\u"), "{text}"),
            }
        }

        #[test]
        fn quoting_is_undone_by_parsing(text in any::<String>()) {
            prop_assert_eq!(parse(&quote(&text)).unwrap().value, Value::String(text));
        }
    }
}
