//! Kafel's words: what its lexer accepts, and nothing it does not.

use crate::place::Error;
use crate::scan::{Pos, Scanner, Source};

/// One word of a policy and where it starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) pos: Pos,
}

/// What a word is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A name or a keyword (keywords are told apart by the parser; they are case-sensitive).
    Word(String),
    /// A number, negative ones wrapped to 64 bits.
    Number(u64),
    /// A quoted string (file names of `#include`).
    Text(String),
    /// `#define` or `#include`.
    Directive(&'static str),
    /// The end of the line of an `#include`.
    Newline,
    /// An operator or punctuation mark.
    Mark(&'static str),
    /// The end of the text.
    End,
}

impl Kind {
    /// The word as an error message shows it.
    pub(super) fn shown(&self) -> String {
        match self {
            Kind::Word(w) => format!("`{w}`"),
            Kind::Number(n) => format!("`{n}`"),
            Kind::Text(t) => format!("{t:?}"),
            Kind::Directive(d) => format!("`#{d}`"),
            Kind::Newline => "end of line".into(),
            Kind::Mark(m) => format!("`{m}`"),
            Kind::End => "end of file".into(),
        }
    }
}

const MARKS: &[&str] =
    &["&&", "||", "==", "!=", "<=", ">=", "{", "}", "(", ")", "[", "]", ",", ";", "&", "|", "!", "<", ">"];

/// Splits a policy into words; the last one is [`Kind::End`].
pub(super) fn tokens(source: &Source) -> Result<Vec<Token>, Error> {
    let mut scan = Scanner::new(source);
    let mut out = Vec::new();
    // The rest of an #include line is special: its end is a word of its own.
    let mut in_include = false;
    loop {
        let pos = scan.pos();
        let Some(c) = scan.peek() else {
            out.push(Token { kind: Kind::End, pos });
            return Ok(out);
        };
        let kind = match c {
            '\n' => {
                scan.bump();
                if !std::mem::take(&mut in_include) {
                    continue;
                }
                Kind::Newline
            }
            ' ' | '\t' => {
                scan.bump();
                continue;
            }
            '\r' => return Err(source.error(pos, "carriage return: kafel takes Unix line ends only")),
            '/' if scan.rest().starts_with("//") => {
                scan.take_while(|c| c != '\n');
                continue;
            }
            '/' if scan.rest().starts_with("/*") => {
                skip_comment(source, &mut scan, pos)?;
                continue;
            }
            '#' => {
                scan.bump();
                scan.take_while(|c| c == ' ' || c == '\t');
                match scan.take_while(|c| c.is_ascii_alphabetic()) {
                    "define" => Kind::Directive("define"),
                    "include" => {
                        in_include = true;
                        Kind::Directive("include")
                    }
                    other => {
                        return Err(source.error(
                            pos,
                            format!("unknown directive `#{other}`, expected #define or #include"),
                        ));
                    }
                }
            }
            '"' => {
                scan.bump();
                let text = scan.take_while(|c| c != '"' && c != '\n').to_owned();
                if scan.bump() != Some('"') {
                    return Err(source.error(pos, "the quote is never closed"));
                }
                Kind::Text(text)
            }
            'a'..='z' | 'A'..='Z' => {
                Kind::Word(scan.take_while(|c| c.is_ascii_alphanumeric() || c == '_').to_owned())
            }
            '_' => {
                let word = scan.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
                return Err(source.error(pos, format!("`{word}`: names cannot begin with an underscore")));
            }
            '0'..='9' | '-' => number(source, &mut scan, pos)?,
            _ => {
                let Some(mark) = MARKS.iter().find(|m| scan.rest().starts_with(**m)) else {
                    return Err(source.error(pos, format!("unexpected character {c:?}")));
                };
                scan.eat(mark);
                if *mark == ";" && std::mem::take(&mut in_include) { Kind::Newline } else { Kind::Mark(mark) }
            }
        };
        out.push(Token { kind, pos });
    }
}

/// A `/* */` comment, in which a `*` swallows the character after it: `**/` does not close.
fn skip_comment(source: &Source, scan: &mut Scanner<'_>, start: Pos) -> Result<(), Error> {
    scan.bump();
    scan.bump();
    loop {
        match scan.bump() {
            Some('*') => {
                if scan.bump() == Some('/') {
                    return Ok(());
                }
            }
            Some(_) => {}
            None => return Err(source.error(start, "the comment is never closed")),
        }
    }
}

fn number(source: &Source, scan: &mut Scanner<'_>, pos: Pos) -> Result<Kind, Error> {
    let negative = scan.peek() == Some('-');
    if negative {
        scan.bump();
    }
    let rest = scan.rest();
    let (digits, radix) = if !negative && rest.starts_with("0x") {
        scan.bump();
        scan.bump();
        (scan.take_while(|c| c.is_ascii_hexdigit()), 16)
    } else if !negative && rest.starts_with("0b") {
        scan.bump();
        scan.bump();
        (scan.take_while(|c| c == '0' || c == '1'), 2)
    } else {
        let digits = scan.take_while(|c| c.is_ascii_digit());
        if !negative && digits.len() > 1 && digits.starts_with('0') {
            // Octal ends at the first digit that is none, the rest being ignored: `08` is 0.
            let octal = digits.split(['8', '9']).next().unwrap_or_default();
            (octal, 8)
        } else {
            (digits, 10)
        }
    };
    if digits.is_empty() {
        return Err(source.error(pos, "a number without digits"));
    }
    let value = u64::from_str_radix(digits, radix)
        .ok()
        .filter(|v| !negative || *v <= 1 << 63)
        .ok_or_else(|| source.error(pos, format!("`{digits}` does not fit in 64 bits")))?;
    Ok(Kind::Number(if negative { value.wrapping_neg() } else { value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Result<Vec<Kind>, String> {
        let source = Source { name: Some("t.kafel".into()), included: false, text: text.into() };
        tokens(&source).map(|t| t.into_iter().map(|t| t.kind).collect()).map_err(|e| e.to_string())
    }

    #[test]
    fn numbers() {
        let all = kinds("0x1F 10 -1 010 08 0b101 0").unwrap();
        let want = [0x1f, 10, u64::MAX, 8, 0, 5, 0].map(Kind::Number);
        assert_eq!(all[..7], want);
        assert!(kinds("0X10").unwrap()[1] == Kind::Word("X10".into()), "only a small x marks hex");
        assert!(kinds("18446744073709551616").is_err());
    }

    #[test]
    fn comments() {
        assert_eq!(kinds("a /* b ** / c */ d // e\nf").unwrap().len(), 4);
        assert!(kinds("/* **/").unwrap_err().contains("t.kafel:1:1"));
        assert!(kinds("a\r\n").unwrap_err().starts_with("t.kafel:1:2: carriage return"));
    }

    #[test]
    fn includes_end_with_their_line() {
        let all = kinds("#include \"a\" \"b\"; ALLOW\n").unwrap();
        assert_eq!(all[3], Kind::Newline);
        assert_eq!(all[4], Kind::Word("ALLOW".into()));
    }
}
