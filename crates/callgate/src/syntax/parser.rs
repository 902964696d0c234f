//! Statements to their shapes. One malformed statement is one error; the next line starts afresh.

use super::ast::{
    Expect, ExpectArg, ExpectCall, Kind as Stmt, Name, Rule, Setting, Statement, Target, TargetKind,
};
use super::codes;
use super::lexer::{Kind, Loc, Token};
use super::report::{Report, span};
use super::tree::{Part, STATEMENTS, Tree};
use crate::answer::IfLost;
use crate::diagnostic::{Code, Diagnostic, Edit, Source};
use callgate_abi::{Action, Errno};

/// Reads every statement of a file's tree; malformed ones are reported and left out.
pub(crate) fn parse(source: &Source, tree: &Tree, report: &mut Report) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut tokens = Vec::new();
    for part in &tree.parts {
        let Part::Statement(range) = part else { continue };
        tokens.clear();
        tokens.extend(tree.tokens[range.clone()].iter().filter(|t| !t.kind.is_trivia()));
        let mut parser = Parser { source, tokens: &tokens, at: 0, depth: 0, ends_with_answer: false, report };
        if let Some(kind) = parser.statement() {
            let loc = tokens[0].loc.to(tokens[tokens.len() - 1].loc);
            statements.push(Statement { loc, kind });
        }
    }
    statements
}

/// The parser of one statement.
pub(crate) struct Parser<'a> {
    source: &'a Source,
    tokens: &'a [Token],
    at: usize,
    /// How deeply nested the place is.
    pub(crate) depth: u32,
    /// Whether an answer follows the calls and their condition.
    pub(crate) ends_with_answer: bool,
    report: &'a mut Report,
}

impl<'a> Parser<'a> {
    fn statement(&mut self) -> Option<Stmt> {
        for token in self.tokens {
            match token.kind {
                Kind::Junk => {
                    let shown: String = self.text(token.loc).chars().take(8).collect();
                    return self.error(codes::CHARACTER, token.loc, format!("unexpected {shown:?}"));
                }
                Kind::OpenStr => {
                    return self.error(codes::STRING, token.loc, "this string does not end on its line");
                }
                _ => {}
            }
        }
        let first = self.tokens[0];
        let word = self.text(first.loc);
        let statement = match (first.kind, word) {
            (Kind::Word, "arch") => {
                self.at += 1;
                Stmt::Arch(self.arches()?)
            }
            (Kind::Word, "default") => self.setting(Setting::Default)?,
            (Kind::Word, "foreign") => self.foreign()?,
            (Kind::Word, "x32") => self.setting(Setting::X32)?,
            (Kind::Word, "unknown") => self.setting(Setting::Unknown)?,
            (Kind::Word, "group") => self.group()?,
            (Kind::Word, "if-lost") => self.if_lost()?,
            (Kind::Word, "include") => self.include()?,
            (Kind::Word, "expect") => self.expect_statement()?,
            (Kind::Word, "on") => Stmt::On(self.on_line()?),
            (Kind::Word, word) if STATEMENTS.contains(&word) => {
                let action = self.action()?;
                Stmt::Rule(self.rule(action)?)
            }
            _ => return self.no_statement(first),
        };
        match self.peek() {
            None => Some(statement),
            Some(token) => self.unexpected(token, "the end of the line"),
        }
    }

    fn no_statement(&mut self, first: Token) -> Option<Stmt> {
        let word = self.text(first.loc);
        let place = span(self.source, first.loc);
        let message = format!("no statement begins with {}", self.describe(first));
        let mut diagnostic = Diagnostic::error(codes::STATEMENT, message).at(place.clone());
        diagnostic = match word.to_ascii_lowercase().as_str() {
            "deny" | "block" | "drop" | "reject" | "forbid" => {
                diagnostic.help("to deny a call write `errno(EPERM) CALL` or `kill CALL`")
            }
            "permit" | "accept" => diagnostic.help("to permit a call write `allow CALL`"),
            "return" => diagnostic.help("to make a call fail write `errno(EPERM) CALL`"),
            _ if first.kind == Kind::Word => {
                self.report.did_you_mean(diagnostic, word, place, STATEMENTS.iter().copied())
            }
            _ => diagnostic,
        };
        self.report.push(diagnostic);
        None
    }

    fn setting(&mut self, setting: Setting) -> Option<Stmt> {
        self.at += 1;
        Some(Stmt::Setting(setting, self.action()?))
    }

    /// The setting, or with targets a rule.
    fn foreign(&mut self) -> Option<Stmt> {
        self.at += 1;
        let action = self.action()?;
        Some(match self.peek() {
            None => Stmt::Setting(Setting::Foreign, action),
            Some(_) => Stmt::Foreign(self.rule(action)?),
        })
    }

    pub(crate) fn rule(&mut self, action: Action) -> Option<Rule> {
        let targets = self.targets()?;
        let on = if self.eat_word("on") { self.arches()? } else { Vec::new() };
        let mut unchecked = false;
        let mut when = None;
        if self.eat_word("if") {
            unchecked = self.eat(Kind::Question);
            when = Some(self.condition()?);
            if let Some(token) = self.peek().filter(|t| self.is_word(*t, "on")) {
                return self.error(codes::SYNTAX, token.loc, "`on` stands before `if`");
            }
        }
        Some(Rule { action, targets, on, when, unchecked })
    }

    fn if_lost(&mut self) -> Option<Stmt> {
        self.at += 1;
        let start = self.peek_or_end("`kill` or `errno(ENOSYS)`")?.loc;
        let action = self.action()?;
        let Some(fate) = IfLost::from_action(action) else {
            let loc = start.to(self.tokens[self.at - 1].loc);
            let message =
                "without its supervisor a caller is killed or gets ENOSYS: `kill` or `errno(ENOSYS)`";
            return self.error(codes::SYNTAX, loc, message);
        };
        Some(Stmt::IfLost(fate))
    }

    fn group(&mut self) -> Option<Stmt> {
        self.at += 1;
        let name = self.expect(Kind::Group, "a group's name (`@name`)")?.loc;
        self.expect(Kind::Assign, "`=`")?;
        Some(Stmt::Group { name, targets: self.targets()? })
    }

    fn include(&mut self) -> Option<Stmt> {
        self.at += 1;
        let loc = self.expect(Kind::Str, "a quoted file name")?.loc;
        let path = self.unquoted(loc)?;
        Some(Stmt::Include { loc, path })
    }

    /// What a string says.
    pub(crate) fn unquoted(&mut self, loc: Loc) -> Option<String> {
        let quoted = self.text(loc);
        let mut path = String::new();
        let mut chars = quoted[1..quoted.len() - 1].chars();
        while let Some(c) = chars.next() {
            path.push(match c {
                '\\' => match chars.next() {
                    Some(c @ ('"' | '\\')) => c,
                    _ => return self.error(codes::STRING, loc, "only `\\\"` and `\\\\` are escapes"),
                },
                c => c,
            });
        }
        Some(path)
    }

    fn expect_statement(&mut self) -> Option<Stmt> {
        self.at += 1;
        let mut calls = Vec::new();
        loop {
            let target = self.target()?;
            let args = if self.eat(Kind::LParen) { self.expect_args()? } else { Vec::new() };
            calls.push(ExpectCall { target, args });
            if !self.eat(Kind::Comma) {
                break;
            }
        }
        let action = self.action()?;
        let on = if self.eat_word("on") { self.arches()? } else { Vec::new() };
        Some(Stmt::Expect(Expect { calls, action, on }))
    }

    fn expect_args(&mut self) -> Option<Vec<ExpectArg>> {
        let mut args = Vec::new();
        while !self.eat(Kind::RParen) {
            if !args.is_empty() {
                self.expect(Kind::Comma, "`,` or `)`")?;
                if self.eat(Kind::RParen) {
                    break;
                }
            }
            let first = self.peek_or_end("an argument")?;
            let mut name = None;
            if first.kind == Kind::Word
                && self.tokens.get(self.at + 1).is_some_and(|t| t.kind == Kind::Assign)
            {
                name = Some(first.loc);
                self.at += 2;
            }
            let value = if self.eat_word("_") { None } else { Some(self.expression()?) };
            let loc = first.loc.to(self.tokens[self.at - 1].loc);
            args.push(ExpectArg { name, value, loc });
        }
        Some(args)
    }

    fn targets(&mut self) -> Option<Vec<Target>> {
        let mut targets = vec![self.target()?];
        loop {
            if self.eat(Kind::Comma) {
                targets.push(self.target()?);
                continue;
            }
            match self.peek() {
                Some(t) if t.kind == Kind::Word && self.ends_with_answer => return Some(targets),
                Some(t)
                    if matches!(t.kind, Kind::Word | Kind::Group | Kind::Number)
                        && !self.is_word(t, "on")
                        && !self.is_word(t, "if") =>
                {
                    let here = span(self.source, Loc { start: t.loc.start, end: t.loc.start });
                    let message = format!("expected `,`, `on` or `if`, found {}", self.describe(t));
                    let previous = self.tokens[self.at - 1].loc.end;
                    let mut fixed = here;
                    (fixed.start, fixed.end) = (previous as usize, previous as usize);
                    let diagnostic = Diagnostic::error(codes::SYNTAX, message)
                        .at(span(self.source, t.loc))
                        .help("calls are separated by commas; a comma at a line's end continues the list")
                        .fix("insert a comma", vec![Edit { span: fixed, text: ",".into() }]);
                    self.report.push(diagnostic);
                    return None;
                }
                _ => return Some(targets),
            }
        }
    }

    fn target(&mut self) -> Option<Target> {
        let token = self.peek_or_end("a call, a group or a number")?;
        self.at += 1;
        let mut loc = token.loc;
        let kind = match token.kind {
            Kind::Word => match self.text(loc) {
                "any" => TargetKind::Any,
                "none" => TargetKind::None,
                _ => TargetKind::Call,
            },
            Kind::Group => TargetKind::Group,
            Kind::Number => {
                let start = self.call_number(loc)?;
                if self.eat(Kind::DotDot) {
                    let end = self.expect(Kind::Number, "the range's last number")?.loc;
                    loc = loc.to(end);
                    TargetKind::Numbers(start, self.call_number(end)?)
                } else {
                    TargetKind::Numbers(start, start)
                }
            }
            _ => return self.unexpected(token, "a call, a group or a number"),
        };
        Some(Target { loc, kind, optional: self.eat(Kind::Question) })
    }

    fn call_number(&mut self, loc: Loc) -> Option<u32> {
        let value = self.number(loc)?;
        match u32::try_from(value) {
            Ok(n) => Some(n),
            Err(_) => self.error(codes::NUMBER, loc, "a call's number has 32 bits"),
        }
    }

    fn arches(&mut self) -> Option<Vec<Name>> {
        let mut names = Vec::new();
        loop {
            let loc = self.expect(Kind::Word, "an architecture")?.loc;
            names.push(Name { loc, optional: self.eat(Kind::Question) });
            if !self.eat(Kind::Comma) {
                return Some(names);
            }
        }
    }

    /// An action with its data.
    pub(crate) fn action(&mut self) -> Option<Action> {
        const ACTIONS: &[&str] =
            &["action", "allow", "errno", "kill", "kill-thread", "log", "notify", "trace", "trap"];
        let token = self.expect(Kind::Word, "an action")?;
        let word = self.text(token.loc);
        if !ACTIONS.contains(&word) {
            let place = span(self.source, token.loc);
            let d = Diagnostic::error(codes::SYNTAX, format!("expected an action, found `{word}`"));
            let d = self.report.did_you_mean(d.at(place.clone()), word, place, ACTIONS.iter().copied());
            self.report.push(d);
            return None;
        }
        let mut data = None;
        if self.eat(Kind::LParen) {
            let value = self.peek_or_end("the action's data")?;
            self.at += 1;
            data = Some(match value.kind {
                Kind::Number => (value.loc, self.number(value.loc)?),
                Kind::Word if word == "errno" => (value.loc, self.errno(value.loc)?),
                _ => return self.unexpected(value, "a number"),
            });
            self.expect(Kind::RParen, "`)`")?;
        }
        let small = |parser: &mut Self| match data {
            None => Some(0u16),
            Some((loc, value)) => match u16::try_from(value) {
                Ok(n) => Some(n),
                Err(_) => parser.error(codes::ACTION_DATA, loc, "an action's data has 16 bits (0..65535)"),
            },
        };
        Some(match word {
            "allow" => Action::Allow(small(self)?),
            "log" => Action::Log(small(self)?),
            "trap" => Action::Trap(small(self)?),
            "trace" => Action::Trace(small(self)?),
            "notify" => Action::Notify(small(self)?),
            "kill" => Action::KillProcess(small(self)?),
            "kill-thread" => Action::KillThread(small(self)?),
            "errno" => {
                let Some((loc, _)) = data else {
                    return self.error(
                        codes::ACTION_DATA,
                        token.loc,
                        "`errno` needs an error: `errno(EPERM)`",
                    );
                };
                let value = small(self)?;
                if value > 4095 {
                    let message = format!("the kernel returns 4095 instead of error {value}");
                    let d = Diagnostic::warning(codes::ERRNO_CLAMPED, message);
                    self.report.push(d.at(span(self.source, loc)));
                }
                Action::Errno(Errno(value))
            }
            _ => match data.map(|(loc, value)| (loc, u32::try_from(value))) {
                Some((_, Ok(raw))) => Action::from_ret(raw),
                Some((loc, Err(_))) => {
                    return self.error(codes::ACTION_DATA, loc, "a filter's return value has 32 bits");
                }
                None => {
                    let message = "`action` needs a filter's return value: `action(0x7fff0000)`";
                    return self.error(codes::ACTION_DATA, token.loc, message);
                }
            },
        })
    }

    fn errno(&mut self, loc: Loc) -> Option<u64> {
        let word = self.text(loc);
        if let Some(errno) = Errno::from_name(word) {
            return Some(errno.0.into());
        }
        let place = span(self.source, loc);
        let d = Diagnostic::error(codes::ERRNO, format!("unknown error `{word}`")).at(place.clone());
        let names = Errno::names().map(|n| n.0);
        let d = self.report.did_you_mean(d, word, place, names);
        self.report.push(d);
        None
    }

    /// The value of a number token.
    pub(crate) fn number(&mut self, loc: Loc) -> Option<u64> {
        let text = self.text(loc);
        let (digits, radix) = match text.as_bytes() {
            [b'0', b'x' | b'X', ..] => (&text[2..], 16),
            [b'0', b'o' | b'O', ..] => (&text[2..], 8),
            [b'0', b'b' | b'B', ..] => (&text[2..], 2),
            [b'0', b'0'..=b'9', ..] => {
                let place = span(self.source, loc);
                let octal = format!("0o{}", text.trim_start_matches('0'));
                let d = Diagnostic::error(codes::NUMBER, format!("`{text}` could mean two numbers"))
                    .at(place.clone())
                    .help(format!("write `{octal}` for octal, or leave out the leading zero"))
                    .fix(format!("write `{octal}`"), vec![Edit { span: place, text: octal.clone() }]);
                self.report.push(d);
                return None;
            }
            _ => (text, 10),
        };
        let mut value = 0u64;
        let mut seen = false;
        for b in digits.bytes().filter(|b| *b != b'_') {
            let Some(digit) = char::from(b).to_digit(radix) else {
                let message = format!("`{text}` is not a number: {:?} is no digit here", char::from(b));
                return self.error(codes::NUMBER, loc, message);
            };
            seen = true;
            value = match value.checked_mul(radix.into()).and_then(|v| v.checked_add(digit.into())) {
                Some(value) => value,
                None => return self.error(codes::NUMBER, loc, format!("`{text}` has more than 64 bits")),
            };
        }
        if !seen {
            return self.error(codes::NUMBER, loc, format!("`{text}` is not a number"));
        }
        Some(value)
    }

    pub(crate) fn source(&self) -> &'a Source {
        self.source
    }

    pub(crate) fn report(&mut self) -> &mut Report {
        self.report
    }

    pub(crate) fn text(&self, loc: Loc) -> &'a str {
        loc.of(self.source.text())
    }

    pub(crate) fn peek(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    pub(crate) fn peek_at(&self, ahead: usize) -> Option<Token> {
        self.tokens.get(self.at + ahead).copied()
    }

    pub(crate) fn advance(&mut self) {
        self.at += 1;
    }

    /// The token before the current one.
    pub(crate) fn previous(&self) -> Loc {
        self.tokens[self.at - 1].loc
    }

    pub(crate) fn peek_or_end(&mut self, wanted: &str) -> Option<Token> {
        match self.peek() {
            Some(token) => Some(token),
            None => {
                let last = self.tokens[self.tokens.len() - 1].loc;
                self.error(
                    codes::SYNTAX,
                    last,
                    format!("expected {wanted} after {}", quoted(self.text(last))),
                )
            }
        }
    }

    pub(crate) fn is_word(&self, token: Token, word: &str) -> bool {
        token.kind == Kind::Word && self.text(token.loc) == word
    }

    pub(crate) fn eat(&mut self, kind: Kind) -> bool {
        let found = self.peek().is_some_and(|t| t.kind == kind);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|t| self.is_word(t, word));
        self.at += usize::from(found);
        found
    }

    pub(crate) fn expect(&mut self, kind: Kind, wanted: &str) -> Option<Token> {
        let token = self.peek_or_end(wanted)?;
        if token.kind != kind {
            return self.unexpected(token, wanted);
        }
        self.at += 1;
        Some(token)
    }

    pub(crate) fn unexpected<T>(&mut self, token: Token, wanted: &str) -> Option<T> {
        let message = format!("expected {wanted}, found {}", self.describe(token));
        self.error(codes::SYNTAX, token.loc, message)
    }

    pub(crate) fn error<T>(&mut self, code: Code, loc: Loc, message: impl Into<String>) -> Option<T> {
        self.report.push(Diagnostic::error(code, message).at(span(self.source, loc)));
        None
    }

    pub(crate) fn error_with_help<T>(
        &mut self,
        code: Code,
        loc: Loc,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.report.push(Diagnostic::error(code, message).at(span(self.source, loc)).help(help));
        None
    }

    fn describe(&self, token: Token) -> String {
        quoted(self.text(token.loc))
    }
}

/// A piece of the text in a message: short, and on one line.
pub(crate) fn quoted(text: &str) -> String {
    if text.chars().count() > 40 {
        let start: String = text.chars().take(40).collect();
        format!("`{start}…`")
    } else {
        format!("`{text}`")
    }
}
