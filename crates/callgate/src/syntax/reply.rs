//! The parser's half for the answers of `on` lines.

use super::ast::{On, Reply, ReplyKind, Text};
use super::codes;
use super::lexer::{Kind, Loc};
use super::parser::Parser;
use super::report::span;
use crate::answer::Ports;
use crate::diagnostic::Diagnostic;
use callgate_abi::Action;

const ANSWERS: &[&str] = &["ask", "bind", "connect", "continue-unchecked", "errno", "log", "open", "return"];

impl Parser<'_> {
    /// `on CALL, … [on ARCH, …] [if CONDITION] ANSWER`
    pub(crate) fn on_line(&mut self) -> Option<On> {
        self.advance();
        self.ends_with_answer = true;
        let rule = self.rule(Action::Notify(0))?;
        let asks = self.eat_word("ask");
        let reply = self.reply()?;
        if asks && matches!(reply.kind, ReplyKind::Errno(_) | ReplyKind::Log) {
            let message = "`ask` stands before what is done if the person says yes";
            let help = "write `ask open …`, `ask connect …`, `ask bind …`, `ask return …` or `ask continue-unchecked`";
            return self.error_with_help(codes::ANSWER, reply.loc, message, help);
        }
        Some(On { rule, asks, reply })
    }

    fn reply(&mut self) -> Option<Reply> {
        let token = self.peek_or_end("an answer, such as `errno(EPERM)`")?;
        let start = token.loc;
        let kind = match (token.kind, self.text(start)) {
            (Kind::Word, "errno") => match self.action()? {
                Action::Errno(errno) => ReplyKind::Errno(errno),
                _ => return None,
            },
            (Kind::Word, "return") => {
                self.advance();
                ReplyKind::Return(self.signed()?)
            }
            (Kind::Word, "open") => {
                self.advance();
                self.keyword("read-only", "files are opened for reading only")?;
                let mut places = Vec::new();
                loop {
                    let below = self.eat_word("below");
                    places.push((below, self.quoted_text("a path in quotes")?));
                    if !self.eat(Kind::Comma) {
                        break ReplyKind::Open(places);
                    }
                }
            }
            (Kind::Word, "connect") => {
                self.advance();
                self.keyword("to", "write `connect to \"ADDRESS:PORT\"`")?;
                let mut peers = Vec::new();
                loop {
                    peers.push(self.quoted_text("an address in quotes")?);
                    if !self.eat(Kind::Comma) {
                        break ReplyKind::Connect(peers);
                    }
                }
            }
            (Kind::Word, "bind") => {
                self.advance();
                let mut ports = Vec::new();
                loop {
                    let asked = self.port()?;
                    let bound = if self.eat_word("as") { self.port()? } else { asked };
                    ports.push(Ports { asked, bound });
                    if !self.eat(Kind::Comma) {
                        break ReplyKind::Bind(ports);
                    }
                }
            }
            (Kind::Word, "log") => {
                self.advance();
                ReplyKind::Log
            }
            (Kind::Word, "continue-unchecked") => {
                self.advance();
                ReplyKind::ContinueUnchecked
            }
            (Kind::Word, word @ ("allow" | "continue")) => {
                let message =
                    format!("`{word}` is no answer: the kernel would read the caller's memory again");
                let help = "do the work for the caller (`open`, `connect`, `bind`), or write \
                            `continue-unchecked` where that is no decision";
                return self.error_with_help(codes::ANSWER, start, message, help);
            }
            (Kind::Word, word) => {
                let place = span(self.source(), start);
                let d = Diagnostic::error(codes::ANSWER, format!("expected an answer, found `{word}`"));
                let d = self.report().did_you_mean(d.at(place.clone()), word, place, ANSWERS.iter().copied());
                self.report().push(d);
                return None;
            }
            _ => return self.unexpected(token, "an answer"),
        };
        Some(Reply { loc: start.to(self.previous()), kind })
    }

    fn keyword(&mut self, word: &str, help: &str) -> Option<()> {
        let token = self.peek_or_end(&format!("`{word}`"))?;
        if self.eat_word(word) {
            return Some(());
        }
        self.error_with_help(codes::ANSWER, token.loc, format!("expected `{word}`"), help)
    }

    fn quoted_text(&mut self, wanted: &str) -> Option<Text> {
        let loc = self.expect(Kind::Str, wanted)?.loc;
        Some(Text { loc, text: self.unquoted(loc)? })
    }

    fn port(&mut self) -> Option<u16> {
        let loc = self.expect(Kind::Number, "a port")?.loc;
        let value = self.number(loc)?;
        match u16::try_from(value) {
            Ok(port) => Some(port),
            Err(_) => self.error(codes::ANSWER, loc, "a port has 16 bits (0..65535)"),
        }
    }

    fn signed(&mut self) -> Option<i64> {
        let negative = self.eat(Kind::Minus);
        let loc: Loc = self.expect(Kind::Number, "the number to return")?.loc;
        let value = self.number(loc)?;
        let signed = if negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() };
        signed.or_else(|| self.error(codes::NUMBER, loc, "a call returns a signed number of 64 bits"))
    }
}
