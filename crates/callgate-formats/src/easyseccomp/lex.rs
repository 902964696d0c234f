//! The words of easyseccomp's rules.

use crate::place::Error;
use crate::scan::{Pos, Scanner, Source};

/// A word and where it starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) pos: Pos,
}

/// What a word is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// `$arg0`, without the mark.
    Variable(String),
    /// `@read` or `@read@x86`, without the first mark.
    Constant(String),
    /// `ALLOW`, `in`, `not`.
    Word(String),
    Number(u32),
    /// `KERNEL(5.1)`: the version.
    Kernel(String),
    /// `#ifdef NAME` and the like: the directive and its argument, if it has one.
    Directive(String, Option<String>),
    Mark(&'static str),
    End,
}

const MARKS: &[&str] = &["&&", "==", "!=", "<=", ">=", "=>", "<", ">", "&", "(", ")", ",", ";"];

/// Splits a text into words; the last one is [`Kind::End`].
pub(super) fn tokens(source: &Source) -> Result<Vec<Token>, Error> {
    let mut scan = Scanner::new(source);
    let mut out = Vec::new();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    loop {
        scan.take_while(|c| matches!(c, ' ' | '\t' | '\n'));
        let pos = scan.pos();
        let Some(c) = scan.peek() else {
            out.push(Token { kind: Kind::End, pos });
            return Ok(out);
        };
        let kind = match c {
            '/' if scan.rest().starts_with("//") => {
                scan.take_while(|c| c != '\n');
                continue;
            }
            '$' => {
                scan.bump();
                Kind::Variable(scan.take_while(is_word).to_owned())
            }
            '@' => {
                scan.bump();
                Kind::Constant(scan.take_while(|c| is_word(c) || c == '@').to_owned())
            }
            '#' => {
                scan.bump();
                scan.take_while(|c| c == ' ');
                let name = scan.take_while(is_word).to_owned();
                scan.take_while(|c| matches!(c, ' ' | '\t'));
                let argument = scan.take_while(is_word).to_owned();
                Kind::Directive(name, Some(argument).filter(|a| !a.is_empty()))
            }
            '0'..='9' => {
                let digits = scan.take_while(|c| c.is_ascii_digit());
                // Numbers are read as `int`.
                let number = digits.parse().ok().filter(|n| *n <= i32::MAX as u32);
                Kind::Number(number.ok_or_else(|| source.error(pos, format!("`{digits}` is too large")))?)
            }
            _ if is_word(c) => {
                let word = scan.take_while(is_word).to_owned();
                if word == "KERNEL" && scan.eat("(") {
                    let version = scan.take_while(|c| c.is_ascii_digit() || c == '.').to_owned();
                    if !scan.eat(")") {
                        return Err(source.error(pos, "KERNEL( is never closed"));
                    }
                    Kind::Kernel(version)
                } else {
                    Kind::Word(word)
                }
            }
            _ => {
                let Some(mark) = MARKS.iter().find(|m| scan.rest().starts_with(**m)) else {
                    return Err(source.error(pos, format!("unexpected character {c:?}")));
                };
                scan.eat(mark);
                Kind::Mark(mark)
            }
        };
        out.push(Token { kind, pos });
    }
}
