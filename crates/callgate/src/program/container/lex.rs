//! Source text of C, Rust, Go, Python or JSON as nested brackets of tokens.

use crate::program::asm::Error;

/// A token, or a bracket with what is inside.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Node<'a> {
    Word(&'a str),
    Number(&'a str),
    /// An operator or separator.
    Sign(&'a str),
    /// The dots of a list that was cut short.
    Ellipsis,
    /// A literal, without its quotes.
    Text(&'a str),
    Group(Vec<Placed<'a>>),
}

/// A node and where it begins.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Placed<'a> {
    pub(super) node: Node<'a>,
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Placed<'_> {
    /// An error at this node.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        Error::at(self.line, self.column, message)
    }
}

/// How deep brackets may nest; more is no array of instructions.
const DEEPEST: usize = 64;

/// Reads a whole text. Comments of C (`/* */`, `//`) and preprocessor lines are left out.
pub(super) fn tree(text: &str) -> Result<Vec<Placed<'_>>, Error> {
    let mut reader = Reader { rest: text, line: 1, column: 1 };
    let mut open: Vec<(char, Placed<'_>, Vec<Placed<'_>>)> = Vec::new();
    let mut inside = Vec::new();
    while let Some(token) = reader.next() {
        let (line, column) = (token.line, token.column);
        match token.node {
            Node::Sign("(" | "[" | "{") if open.len() >= DEEPEST => {
                return Err(token.error("too many brackets inside one another"));
            }
            Node::Sign(sign @ ("(" | "[" | "{")) => {
                let closing = match sign {
                    "(" => ')',
                    "[" => ']',
                    _ => '}',
                };
                open.push((closing, token, std::mem::take(&mut inside)));
            }
            Node::Sign(sign @ (")" | "]" | "}")) => match open.pop() {
                Some((closing, start, outside)) if sign.starts_with(closing) => {
                    let group = Node::Group(std::mem::replace(&mut inside, outside));
                    inside.push(Placed { node: group, line: start.line, column: start.column });
                }
                Some((closing, start, _)) => {
                    let message = format!("`{sign}` where `{closing}` should close line {}", start.line);
                    return Err(Error::at(line, column, message));
                }
                None => return Err(Error::at(line, column, format!("`{sign}` closes nothing"))),
            },
            _ => inside.push(token),
        }
    }
    match open.pop() {
        Some((_, start, _)) => Err(start.error("this bracket is never closed")),
        None => Ok(inside),
    }
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    column: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.rest = rest;
        match taken.rsplit_once('\n') {
            Some((before, last)) => {
                self.line += before.matches('\n').count() + 1;
                self.column = last.chars().count() + 1;
            }
            None => self.column += taken.chars().count(),
        }
        taken
    }

    fn skip(&mut self) {
        loop {
            let blanks = self.rest.len() - self.rest.trim_start().len();
            self.take(blanks);
            if self.rest.starts_with("/*") {
                self.take(self.rest.find("*/").map_or(self.rest.len(), |i| i + 2));
            } else if self.rest.starts_with("//") || self.rest.starts_with('#') {
                self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
            } else if blanks == 0 {
                return;
            }
        }
    }

    fn next(&mut self) -> Option<Placed<'a>> {
        self.skip();
        let (line, column) = (self.line, self.column);
        let first = self.rest.chars().next()?;
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let word_end = |s: &str| s.find(|c| !is_word(c)).unwrap_or(s.len());
        let node = if first.is_ascii_digit() {
            Node::Number(self.take(word_end(self.rest)))
        } else if is_word(first) || first == '$' {
            Node::Word(self.take(1 + word_end(&self.rest[1..])))
        } else if first == '"' || first == '\'' {
            let end = self.rest[1..].find([first, '\n']).map_or(self.rest.len(), |i| i + 2);
            Node::Text(self.take(end).trim_matches(first))
        } else if self.rest.starts_with("...") {
            self.take(3);
            Node::Ellipsis
        } else if let Some(long) = ["<<", ">>", "::"].iter().find(|s| self.rest.starts_with(**s)) {
            self.take(2);
            Node::Sign(long)
        } else {
            Node::Sign(self.take(first.len_utf8()))
        };
        Some(Placed { node, line, column })
    }
}
