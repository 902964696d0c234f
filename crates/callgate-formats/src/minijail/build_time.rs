//! The dialect of minijail's build-time compiler (`compile_seccomp_policy.py`): filters in order,
//! `;` says what happens when the condition *holds*.

use super::lex::{Kind, Token, statements, value};
use super::words::{self, Operator};
use crate::import::{Collect, Effect};
use crate::options::Options;
use crate::place::Error;
use crate::scan::{Pos, Source};
use crate::suggest;
use callgate::{Action, Arch, Call, Cond, Errno, Policy, Rule, Syscall};
use std::collections::BTreeMap;

/// The actions of a line, as words.
const ACTIONS: [&str; 9] =
    ["allow", "kill", "kill-process", "kill-thread", "trap", "trace", "log", "user-notify", "return"];

/// How deep files may include each other (the compiler's own bound).
const MAX_INCLUDE_DEPTH: u32 = 10;
/// How many files one policy may include in total.
const MAX_INCLUDES: u32 = 256;
/// How deep constants may nest.
const MAX_DEPTH: u32 = 50;

/// Reads a policy; `fail` is what `kill` means.
pub(super) fn read(
    source: &Source,
    arch: Arch,
    fail: Action,
    options: &Options,
    collect: &mut Collect,
) -> Result<Policy, Error> {
    let mut reader = Reader {
        arch,
        fail,
        options,
        collect,
        default: fail,
        denylist: false,
        filters: Vec::new(),
        index: BTreeMap::new(),
        includes: 0,
    };
    reader.file(source, 1)?;
    reader.finish()
}

struct Reader<'a> {
    arch: Arch,
    fail: Action,
    options: &'a Options,
    collect: &'a mut Collect,
    default: Action,
    denylist: bool,
    /// The filters of each call, in the order in which calls first appear.
    filters: Vec<(Syscall, Vec<Filter>)>,
    index: BTreeMap<Syscall, usize>,
    includes: u32,
}

#[derive(Clone)]
struct Filter {
    /// `None`: always.
    when: Option<Cond>,
    action: Action,
    source: Source,
    pos: Pos,
}

impl Reader<'_> {
    fn file(&mut self, source: &Source, depth: u32) -> Result<(), Error> {
        for tokens in statements(source)? {
            let end = tokens.last().map_or(Pos { line: 1, col: 1 }, |t| Pos {
                line: t.pos.line,
                col: t.pos.col.saturating_add(u32::try_from(t.text.len()).unwrap_or(u32::MAX)),
            });
            let mut words = Words { source, tokens: &tokens, end };
            let outcome = self.statement(&mut words, depth).and_then(|()| match words.tokens.first() {
                Some(extra) => Err(source.error(extra.pos, format!("`{}` is left over", extra.text))),
                None => Ok(()),
            });
            // The rest of the file is still worth reading for its own mistakes.
            if let Err(error) = outcome {
                error.problems.into_iter().for_each(|p| self.collect.problem(p));
            }
        }
        Ok(())
    }

    fn statement(&mut self, words: &mut Words<'_>, depth: u32) -> Result<(), Error> {
        match words.tokens.first().map(|t| t.kind) {
            Some(Kind::Include) => {
                words.bump();
                let (path, pos) = words.path()?;
                self.includes += 1;
                if depth >= MAX_INCLUDE_DEPTH || self.includes > MAX_INCLUDES {
                    return Err(words.source.error(pos, format!("{path}: includes nest too deep")));
                }
                let base = words.source.directory();
                let included = words.source.include(&base, path, pos, self.options)?;
                self.file(&included, depth + 1)
            }
            Some(Kind::Frequency) => {
                words.bump();
                let (path, pos) = words.path()?;
                self.frequency(words.source, path, pos)
            }
            Some(Kind::Default) => {
                words.bump();
                let token = words.take("the default action")?;
                self.default = match (token.kind, token.text) {
                    (Kind::Action, "kill") => self.fail,
                    (Kind::Action, "kill-process") => Action::KILL_PROCESS,
                    (Kind::Action, "kill-thread") => Action::KILL_THREAD,
                    (Kind::Action, "trap") => Action::Trap(0),
                    (Kind::Action, "user-notify") => Action::Notify(0),
                    _ => {
                        let what = format!("`{}` cannot be the default action", token.text);
                        let help = "it is kill, kill-process, kill-thread, trap or user-notify";
                        return Err(words.source.problem(token.pos, what).help(help).into());
                    }
                };
                Ok(())
            }
            Some(Kind::Denylist) => {
                words.bump();
                self.denylist = true;
                Ok(())
            }
            _ => self.filters(words),
        }
    }

    /// A frequency file only shapes the program: one that is missing changes no decision, one that is
    /// there is checked all the same.
    fn frequency(&mut self, source: &Source, path: &str, pos: Pos) -> Result<(), Error> {
        match source.include(&source.directory(), path, pos, self.options) {
            Ok(file) => super::frequency::check(&file, self.arch, self.collect),
            Err(_) => {
                let what = format!("the frequency file {path} is not at hand; it only shapes the program");
                self.collect.note(source.place(pos), what);
                Ok(())
            }
        }
    }

    fn filters(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let mut calls = Vec::new();
        let start = words.pos();
        if words.eat("{") {
            loop {
                calls.extend(self.descriptor(words)?);
                if !words.eat(",") {
                    break;
                }
            }
            words.expect("}")?;
        } else {
            calls.extend(self.descriptor(words)?);
        }
        words.expect(":")?;
        let mut list = Vec::new();
        if words.eat("{") {
            loop {
                list.push(self.filter(words)?);
                if !words.eat(",") {
                    break;
                }
            }
            words.expect("}")?;
        } else {
            list.push(self.filter(words)?);
        }
        let effect = match list.iter().any(|f| !f.action.permits()) {
            true => Effect::Weaker,
            false => Effect::Stricter,
        };
        for (name, pos) in calls {
            let Some(call) = words::syscall(&name, self.arch, words.source, pos, effect, self.collect) else {
                continue;
            };
            let at = *self.index.entry(call).or_insert_with(|| {
                self.filters.push((call, Vec::new()));
                self.filters.len() - 1
            });
            let filters = &mut self.filters[at].1;
            for filter in &list {
                if filters.last().is_some_and(|f| f.when.is_none()) {
                    let what =
                        format!("{name} has an unconditional action already, this one cannot be reached");
                    return Err(words.source.error(filter.pos.max(start), what));
                }
                filters.push(filter.clone());
            }
        }
        Ok(())
    }

    /// A call or a group with its metadata; nothing if the metadata is for other architectures.
    fn descriptor(&mut self, words: &mut Words<'_>) -> Result<Vec<(String, Pos)>, Error> {
        let token = words.take("a system call")?;
        // `kill` is a call too.
        if token.kind != Kind::Word && token.text != "kill" {
            let what = format!("expected a system call, not `{}`", token.text);
            return Err(words.source.error(token.pos, what));
        }
        let mut here = true;
        if words.eat("[") {
            here = self.metadata(words)?;
            words.expect("]")?;
        }
        if !here {
            return Ok(Vec::new());
        }
        if !token.text.contains('@') {
            return Ok(vec![(token.text.to_owned(), token.pos)]);
        }
        match self.options.constants.as_ref().and_then(|c| c.group(token.text)) {
            Some(calls) => Ok(calls.iter().map(|name| (name.clone(), token.pos)).collect()),
            None => {
                let what = format!("{}: no constants file with such a group of calls was given", token.text);
                Err(words.source.error(token.pos, what))
            }
        }
    }

    fn metadata(&self, words: &mut Words<'_>) -> Result<bool, Error> {
        let mut here = true;
        let mut keys = Vec::new();
        loop {
            let key = words.kind(Kind::Word, "a key")?;
            if keys.contains(&key.text) {
                return Err(words.source.error(key.pos, format!("{} is given twice", key.text)));
            }
            keys.push(key.text);
            words.expect("=")?;
            let mut values = Vec::new();
            loop {
                values.push(words.kind(Kind::Word, "a value")?.text);
                if !words.eat(",") {
                    break;
                }
            }
            if key.text == "arch" {
                here = values.iter().any(|v| arch_of(v) == Some(self.arch));
            }
            if !words.eat(";") {
                return Ok(here);
            }
        }
    }

    fn filter(&self, words: &mut Words<'_>) -> Result<Filter, Error> {
        let pos = words.pos();
        let source = words.source.clone();
        if words.tokens.first().is_none_or(|t| t.kind != Kind::Argument) {
            return Ok(Filter { when: None, action: self.action(words)?, source, pos });
        }
        let mut any = Vec::new();
        loop {
            let mut all = Vec::new();
            loop {
                all.push(self.atom(words)?);
                if !words.eat("&&") {
                    break;
                }
            }
            any.push(if all.len() == 1 { all.remove(0) } else { Cond::All(all) });
            if !words.eat("||") {
                break;
            }
        }
        let when = if any.len() == 1 { any.remove(0) } else { Cond::Any(any) };
        let action = if words.eat(";") { self.action(words)? } else { Action::ALLOW };
        Ok(Filter { when: Some(when), action, source, pos })
    }

    fn atom(&self, words: &mut Words<'_>) -> Result<Cond, Error> {
        let arg = words.kind(Kind::Argument, "an argument")?;
        let index = words::argument(arg.text).ok_or_else(|| {
            words.source.error(arg.pos, format!("`{}` is no argument, expected arg0 to arg5", arg.text))
        })?;
        let op = words.kind(Kind::Operator, "an operator")?;
        let operator = Operator::from_text(op.text)
            .ok_or_else(|| words.source.error(op.pos, format!("`{}` is no operator", op.text)))?;
        Ok(operator.atom(index, self.value(words, 0)?, self.arch))
    }

    fn value(&self, words: &mut Words<'_>, depth: u32) -> Result<u64, Error> {
        let mut out = self.constant(words, depth)?;
        while words.eat("|") {
            out |= self.constant(words, depth)?;
        }
        Ok(out)
    }

    fn constant(&self, words: &mut Words<'_>, depth: u32) -> Result<u64, Error> {
        let pos = words.pos();
        let negate = words.eat("~");
        if negate && words.is("~") {
            return Err(words.source.error(words.pos(), "`~` twice"));
        }
        let value = if words.eat("(") {
            if depth >= MAX_DEPTH {
                return Err(words.source.error(pos, "the constant nests too deep"));
            }
            let value = self.value(words, depth + 1)?;
            words.expect(")")?;
            value
        } else {
            self.single(words)?
        };
        Ok(if negate { !value & words::register(self.arch) } else { value })
    }

    fn single(&self, words: &mut Words<'_>) -> Result<u64, Error> {
        let token = words.take("a constant")?;
        let number = match token.kind {
            Kind::Word => words::named(token.text, self.arch, self.options).map(i128::from),
            Kind::Number => value(token.text),
            _ => {
                let what = format!("expected a constant, not `{}`", token.text);
                return Err(words.source.error(token.pos, what));
            }
        };
        match number {
            Some(number) => words::fit(number, self.arch).ok_or_else(|| {
                let what = format!("{} does not fit in {} bits", token.text, self.arch.register_bits());
                words.source.error(token.pos, what)
            }),
            None => Err(words::unknown_constant(token.text, words.source, token.pos).into()),
        }
    }

    fn action(&self, words: &mut Words<'_>) -> Result<Action, Error> {
        let token = words.take("an action")?;
        Ok(match (token.kind, token.text) {
            (Kind::Action, "allow") => Action::ALLOW,
            (Kind::Action, "kill") => self.fail,
            (Kind::Action, "kill-process") => Action::KILL_PROCESS,
            (Kind::Action, "kill-thread") => Action::KILL_THREAD,
            (Kind::Action, "trap") => Action::Trap(0),
            (Kind::Action, "trace") => Action::Trace(0),
            (Kind::Action, "log") => Action::LOG,
            (Kind::Action, "user-notify") => Action::Notify(0),
            (Kind::Number, text) if value(text) == Some(1) => Action::ALLOW,
            (Kind::Return, _) => {
                // The kernel takes 16 bits of it.
                Action::Errno(Errno(self.single(words)? as u16))
            }
            _ => {
                let what = format!("expected a condition or an action, not `{}`", token.text);
                let mut problem = words.source.problem(token.pos, what);
                if let Some(near) = suggest::nearest(token.text, ACTIONS) {
                    problem = problem.help(format!("did you mean {near}?"));
                }
                return Err(problem.into());
            }
        })
    }

    fn finish(self) -> Result<Policy, Error> {
        let default =
            if self.denylist { Action::ALLOW } else { self.options.default.unwrap_or(self.default) };
        let mut rules = Vec::new();
        for (call, filters) in self.filters {
            // The compiler takes a list that ends in an unconditional `allow`, written or by default,
            // for that alone.
            let from = match filters.last() {
                Some(f) if self.denylist || f.when.is_none() && f.action != Action::ALLOW => 0,
                Some(f) if f.when.is_none() => filters.len() - 1,
                _ if default == Action::ALLOW => filters.len(),
                _ => 0,
            };
            for dropped in &filters[..from] {
                let what = format!(
                    "{}: minijail's compiler ignores every condition before a final allow",
                    call.name()
                );
                self.collect.note(dropped.source.place(dropped.pos), what);
            }
            for Filter { when, action, source, pos } in filters.into_iter().skip(from) {
                let action = match action {
                    Action::Errno(_) => action,
                    _ if !self.denylist => action,
                    _ if action == self.fail => Action::Errno(Errno::EPERM),
                    _ => return Err(source.error(pos, "a deny-list takes no action but `return` and `kill`")),
                };
                rules.push(Rule {
                    calls: vec![Call::Named(call)],
                    arches: Vec::new(),
                    when: when.unwrap_or(Cond::True),
                    action,
                    origin: source.origin(pos),
                });
            }
        }
        Ok(Policy {
            arches: vec![self.arch],
            rules,
            default,
            bad_arch: self.fail,
            x32: Some(default),
            unknown: None,
            foreign: Vec::new(),
        })
    }
}

/// The architecture the compiler's constants file calls by this name.
fn arch_of(name: &str) -> Option<Arch> {
    Some(match name {
        "x86_64" => Arch::X86_64,
        "x86" | "i386" => Arch::X86,
        "arm64" | "aarch64" => Arch::Aarch64,
        "arm" => Arch::Arm,
        "riscv64" => Arch::Riscv64,
        other => return Arch::from_name(other),
    })
}

/// The words of a statement that are left.
struct Words<'a> {
    source: &'a Source,
    tokens: &'a [Token<'a>],
    end: Pos,
}

impl<'a> Words<'a> {
    fn pos(&self) -> Pos {
        self.tokens.first().map_or(self.end, |t| t.pos)
    }

    fn bump(&mut self) -> Option<&'a Token<'a>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn take(&mut self, what: &str) -> Result<&'a Token<'a>, Error> {
        self.bump()
            .ok_or_else(|| self.source.error(self.end, format!("expected {what}, not the end of the line")))
    }

    fn kind(&mut self, kind: Kind, what: &str) -> Result<&'a Token<'a>, Error> {
        let token = self.take(what)?;
        if token.kind == kind {
            return Ok(token);
        }
        Err(self.source.error(token.pos, format!("expected {what}, not `{}`", token.text)))
    }

    fn path(&mut self) -> Result<(&'a str, Pos), Error> {
        let token = self.kind(Kind::Path, "a path beginning with / or ./")?;
        Ok((token.text, token.pos))
    }

    fn is(&self, mark: &str) -> bool {
        self.tokens.first().is_some_and(|t| t.kind == Kind::Mark && t.text == mark)
    }

    fn eat(&mut self, mark: &str) -> bool {
        let found = self.is(mark);
        if found {
            self.bump();
        }
        found
    }

    fn expect(&mut self, mark: &str) -> Result<(), Error> {
        if self.eat(mark) {
            return Ok(());
        }
        let shown = self.tokens.first().map_or("the end of the line".to_owned(), |t| format!("`{}`", t.text));
        Err(self.source.error(self.pos(), format!("expected `{mark}`, not {shown}")))
    }
}
