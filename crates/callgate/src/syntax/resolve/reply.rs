//! `on` lines: what they answer, to which calls.

use super::Resolver;
use crate::answer::{Answer, OnLine, Peer, Place};
use crate::diagnostic::Diagnostic;
use crate::policy::Call;
use crate::syntax::ast::{On, ReplyKind, Text};
use crate::syntax::codes;
use crate::syntax::lexer::Loc;

impl Resolver<'_> {
    /// Appends the lines that a statement stands for, or reports what is wrong with it.
    pub(super) fn on_line(&mut self, on: &On, loc: Loc) {
        let rules = self.rules_of(&on.rule, loc);
        let Some(answer) = self.answer(&on.reply.kind) else { return };
        if let Some(names) = answer.calls() {
            let arches = self.arches.clone();
            let fits = |call: &Call| match call {
                Call::Any => false,
                Call::Named(call) => answer.fits(*call),
                Call::Numbers(range) => {
                    range.start() == range.end()
                        && arches.iter().all(|a| {
                            callgate_abi::Syscall::from_number(*a, *range.start())
                                .is_some_and(|c| answer.fits(c))
                        })
                }
            };
            if !rules.iter().flat_map(|r| &r.calls).all(fits) {
                let message = format!("this answers {} only", names.join(", "));
                let d = Diagnostic::error(codes::ANSWER_CALL, message);
                return self.say(d.help("write a line of their own for the other calls"), on.reply.loc);
            }
        }
        let lines = rules.into_iter().map(|rule| OnLine { rule, asks: on.asks, answer: answer.clone() });
        self.on_lines.extend(lines);
    }

    fn answer(&mut self, kind: &ReplyKind) -> Option<Answer> {
        Some(match kind {
            ReplyKind::Errno(errno) => Answer::Errno(*errno),
            ReplyKind::Return(value) => Answer::Return(*value),
            ReplyKind::Log => Answer::Log,
            ReplyKind::ContinueUnchecked => Answer::ContinueUnchecked,
            ReplyKind::Bind(ports) => Answer::Bind(ports.clone()),
            ReplyKind::Open(places) => {
                let places: Vec<_> = places.iter().map(|(below, text)| self.place(*below, text)).collect();
                Answer::Open(places.into_iter().collect::<Option<_>>()?)
            }
            ReplyKind::Connect(peers) => {
                let peers: Vec<_> = peers.iter().map(|text| self.peer(text)).collect();
                Answer::Connect(peers.into_iter().collect::<Option<_>>()?)
            }
        })
    }

    fn place(&mut self, below: bool, text: &Text) -> Option<Place> {
        let path = &text.text;
        let plain = path.split('/').skip(1).all(|part| !matches!(part, "." | ".."));
        let dots = path.starts_with('/') && plain && !path[1..].contains("//");
        let file = below || (path.len() > 1 && !path.ends_with('/'));
        if dots && file {
            let kept = if path.len() > 1 { path.trim_end_matches('/') } else { path };
            return Some(Place { path: kept.to_owned(), below });
        }
        let message = if dots {
            "a file's path does not end with `/`"
        } else {
            "a path is absolute, without `.`, `..` and `//`"
        };
        self.say(Diagnostic::error(codes::ANSWER, message), text.loc);
        None
    }

    fn peer(&mut self, text: &Text) -> Option<Peer> {
        match Peer::parse(&text.text) {
            Ok(peer) => Some(peer),
            Err(e) => {
                self.say(Diagnostic::error(codes::ANSWER, e.0), text.loc);
                None
            }
        }
    }
}
