//! Words, numbers and signs, each with its place.

use super::Error;

/// A piece of text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token<'a> {
    /// A name, perhaps with a leading `$`.
    Word(&'a str),
    /// Letters and digits that start with a digit.
    Number(&'a str),
    /// An operator, bracket or other sign.
    Sign(&'static str),
    /// What stands between brackets at the beginning of a line: an instruction's fields.
    Fields(&'a str),
    /// The end of the text.
    End,
}

/// Where something stands, both from 1; columns count characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A token and its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexeme<'a> {
    pub(super) token: Token<'a>,
    pub(super) place: Place,
    /// No blank before it.
    pub(super) glued: bool,
}

/// Longer signs first, so that the longest one wins.
const SIGNS: &[&str] = &[
    "<<=", ">>=", "==", "!=", "<=", ">=", "<<", ">>", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "&&",
    "||", "=", "<", ">", "!", "&", "|", "^", "~", "+", "-", "*", "/", "%", "(", ")", "[", "]", "{", "}", ":",
    ".", ",", "?", ";",
];

/// Splits a text. `#` starts a comment, as do ceccomp's rules; colour sequences are blanks.
pub(super) fn lex(text: &str) -> (Vec<Lexeme<'_>>, Vec<Error>) {
    let (mut lexemes, mut errors) = (Vec::new(), Vec::new());
    let mut count = 0;
    for (index, line) in text.lines().enumerate() {
        count = index + 1;
        if is_heading(line) {
            continue;
        }
        Lines { rest: line, column: 1, line: index + 1, start: true }.lex(&mut lexemes, &mut errors);
    }
    let place = Place { line: count + 1, column: 1 };
    lexemes.push(Lexeme { token: Token::End, place, glued: false });
    (lexemes, errors)
}

/// The ruled heading which other disassemblers print above and below their columns.
fn is_heading(line: &str) -> bool {
    let line = line.trim();
    let ruled = line.len() > 2 && (line.bytes().all(|b| b == b'=') || line.bytes().all(|b| b == b'-'));
    let mut words = line.split_ascii_whitespace();
    let first =
        words.next().is_some_and(|w| w.eq_ignore_ascii_case("line") || w.eq_ignore_ascii_case("label"));
    ruled || (first && words.eq(["CODE", "JT", "JF", "K"]))
}

struct Lines<'a> {
    rest: &'a str,
    column: usize,
    line: usize,
    /// Nothing but a label so far: a bracket would start the fields.
    start: bool,
}

impl<'a> Lines<'a> {
    fn lex(mut self, lexemes: &mut Vec<Lexeme<'a>>, errors: &mut Vec<Error>) {
        loop {
            let glued = !self.skip_blanks() && self.column > 1;
            let place = Place { line: self.line, column: self.column };
            let Some(first) = self.rest.chars().next() else { return };
            let token = if first == '#' {
                return;
            } else if first == '[' && self.start && self.rest.contains(']') {
                let inside = self.take(self.rest.find(']').map_or(self.rest.len(), |i| i + 1));
                Token::Fields(inside.trim_start_matches('[').trim_end_matches(']'))
            } else if first.is_ascii_digit() {
                Token::Number(self.take_while(|c| c.is_ascii_alphanumeric() || c == '_'))
            } else if first.is_ascii_alphabetic() || first == '_' || first == '$' {
                let rest = &self.rest[1..];
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
                Token::Word(self.take(end + 1))
            } else if let Some(sign) = SIGNS.iter().find(|s| self.rest.starts_with(**s)) {
                self.take(sign.len());
                Token::Sign(sign)
            } else {
                self.take(first.len_utf8());
                errors.push(Error::new(place, format!("unexpected character {first:?}")));
                continue;
            };
            self.start = token == Token::Sign(":") || (self.start && matches!(token, Token::Number(_)));
            if let Token::Word(_) = token {
                // Only what a colon follows can be a label.
                self.start = false;
            }
            lexemes.push(Lexeme { token, place, glued });
        }
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.column += taken.chars().count();
        self.rest = rest;
        taken
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        self.take(self.rest.find(|c| !keep(c)).unwrap_or(self.rest.len()))
    }

    /// Skips blanks and terminal colours; says whether there were any.
    fn skip_blanks(&mut self) -> bool {
        let before = self.rest.len();
        loop {
            self.take_while(char::is_whitespace);
            let Some(colour) = self.rest.strip_prefix("\u{1b}[") else { break };
            let end = colour.find(|c: char| c.is_ascii_alphabetic()).map_or(self.rest.len(), |i| i + 3);
            self.take(end);
        }
        before != self.rest.len()
    }
}
