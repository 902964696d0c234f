//! The dialect of minijail's run-time parser (`minijail0 -S`): a line per call, words separated by
//! blanks, `;` says what happens when the condition does *not* hold.

use super::words::{self, Operator};
use crate::import::{Collect, Effect};
use crate::options::Options;
use crate::place::{Error, Problem};
use crate::scan::{Pos, Source};
use callgate::{Action, Arch, Call, Cond, Errno, Rule, Syscall};
use std::collections::BTreeMap;
use std::path::Path;

/// What was read.
pub(super) struct RunTime {
    /// The rules, in the file's order.
    pub(super) rules: Vec<Rule>,
    /// Whether a line says what happens when its condition does not hold; the other dialect reads such
    /// a line the other way round.
    pub(super) says_miss: bool,
    /// Whether the only thing wrong is that calls have several lines, which the other dialect takes.
    pub(super) only_repeats: bool,
}

/// Reads a file; problems go to `collect`.
pub(super) fn read(
    source: &Source,
    arch: Arch,
    fail: Action,
    options: &Options,
    collect: &mut Collect,
) -> RunTime {
    let read = RunTime { rules: Vec::new(), says_miss: false, only_repeats: true };
    let mut reader = Reader { arch, fail, options, collect, read, seen: BTreeMap::new() };
    reader.file(source);
    reader.read
}

struct Reader<'a> {
    arch: Arch,
    fail: Action,
    options: &'a Options,
    collect: &'a mut Collect,
    read: RunTime,
    /// The rules of a call's line, and where it is.
    seen: BTreeMap<Syscall, (Vec<(Cond, Action)>, u32)>,
}

/// A line, with those that a trailing `\` joins to it, and where each of its parts begins.
struct Line {
    text: String,
    /// Byte offset in `text`, line.
    parts: Vec<(usize, u32)>,
}

impl Line {
    /// The place of a piece of [`Line::text`].
    fn pos(&self, piece: &str) -> Pos {
        let offset = (piece.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize).min(self.text.len());
        let (start, line) = self.parts.iter().rev().find(|p| p.0 <= offset).copied().unwrap_or((0, 0));
        let before = self.text.get(start..offset).unwrap_or_default();
        Pos { line, col: u32::try_from(before.chars().count()).unwrap_or(u32::MAX).saturating_add(1) }
    }
}

fn joined(source: &Source) -> impl Iterator<Item = Line> {
    let mut lines = source.lines();
    std::iter::from_fn(move || {
        let (number, first) = lines.next()?;
        let mut line = Line { text: first.to_owned(), parts: vec![(0, number)] };
        while line.text.ends_with('\\') {
            line.text.pop();
            line.text.push(' ');
            let Some((number, next)) = lines.next() else { break };
            line.parts.push((line.text.len(), number));
            line.text.push_str(next);
        }
        Some(line)
    })
}

impl Reader<'_> {
    fn file(&mut self, source: &Source) {
        for line in joined(source) {
            let text = line.text.trim_matches([' ', '\t']);
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let outcome = match text.strip_prefix('@') {
                Some(directive) => self.directive(directive, source, &line),
                None => self.call(text, source, &line),
            };
            if let Err(error) = outcome {
                self.read.only_repeats = false;
                error.problems.into_iter().for_each(|p| self.collect.problem(p));
            }
        }
    }

    fn directive(&mut self, text: &str, source: &Source, line: &Line) -> Result<(), Error> {
        let pos = line.pos(text);
        if text.starts_with("frequency") {
            self.collect.note(source.place(pos), "a frequency file only shapes the program, it is not read");
            return Ok(());
        }
        let Some(path) = text.strip_prefix("include ") else {
            return Err(
                source.error(pos, "expected @include or @frequency (the build-time dialect knows more)")
            );
        };
        let path = path.trim_matches([' ', '\t']);
        if !path.starts_with('/') && !path.starts_with("./") {
            return Err(
                source.error(line.pos(path), format!("the included path {path} must begin with / or ./"))
            );
        }
        if source.included {
            return Err(source.error(pos, "an included file cannot include another"));
        }
        // Relative to where minijail0 is started, not to the including file.
        let included = source.include(Path::new(""), path, line.pos(path), self.options)?;
        self.file(&included);
        Ok(())
    }

    fn call(&mut self, text: &str, source: &Source, line: &Line) -> Result<(), Error> {
        let pos = line.pos(text);
        let Some((name, filter)) = text.split_once(':') else {
            return Err(source.error(pos, "expected `call: condition`"));
        };
        let name = name.trim_matches([' ', '\t']);
        let filter = filter.trim_matches([' ', '\t']);
        let effect = if filter.starts_with("return") { Effect::Weaker } else { Effect::Stricter };
        let found = words::syscall(name, self.arch, source, pos, effect, self.collect);
        let (when, hit, miss) = if filter == "1" {
            (Cond::True, Action::ALLOW, None)
        } else if filter.starts_with("return") {
            (Cond::True, self.returned(filter, source, line)?, None)
        } else {
            let (dnf, tail) = match filter.split_once(';') {
                Some((dnf, tail)) => (dnf, Some(tail.trim_matches([' ', '\t']))),
                None => (filter, None),
            };
            let miss = match tail {
                Some(tail) => Some(self.returned(tail, source, line)?),
                None => None,
            };
            (self.alternatives(dnf, source, line)?, Action::ALLOW, miss)
        };
        let Some(call) = found else {
            self.read.only_repeats = false;
            return Ok(());
        };
        let mut outcome = vec![(when, hit)];
        self.read.says_miss |= miss.is_some();
        outcome.extend(miss.map(|miss| (Cond::True, miss)));
        if let Some((before, line)) = self.seen.get(&call) {
            if *before == outcome {
                let what = format!(
                    "{name} is repeated from line {line}; minijail refuses that unless built otherwise"
                );
                self.collect.note(source.place(pos), what);
            } else {
                let what = format!("{name} has a line already (line {line})");
                self.collect.problem(source.problem(pos, what));
            }
            return Ok(());
        }
        self.seen.insert(call, (outcome.clone(), pos.line));
        for (when, action) in outcome {
            self.read.rules.push(Rule {
                calls: vec![Call::Named(call)],
                arches: Vec::new(),
                when,
                action,
                origin: source.origin(pos),
            });
        }
        Ok(())
    }

    /// `return [constant]`: an error number, or the fail action.
    fn returned(&self, text: &str, source: &Source, line: &Line) -> Result<Action, Error> {
        let pos = line.pos(text);
        let Some(value) = text.strip_prefix("return") else {
            return Err(source.error(pos, format!("expected `return`, not `{text}`")));
        };
        let value = value.trim_matches([' ', '\t']);
        if value.is_empty() {
            return Ok(self.fail);
        }
        // The kernel takes 16 bits of it.
        Ok(Action::Errno(Errno(self.constant(value, source, line)? as u16)))
    }

    fn alternatives(&self, text: &str, source: &Source, line: &Line) -> Result<Cond, Error> {
        let mut any = Vec::new();
        for group in text.split("||") {
            let mut all = Vec::new();
            for atom in group.split("&&") {
                all.push(self.atom(atom, source, line)?);
            }
            any.push(single(all, Cond::All));
        }
        Ok(single(any, Cond::Any))
    }

    fn atom(&self, text: &str, source: &Source, line: &Line) -> Result<Cond, Error> {
        let mut parts = text.split([' ', '\t']).filter(|w| !w.is_empty());
        let (Some(arg), Some(op), Some(value), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            let problem = source.problem(
                line.pos(text.trim_start()),
                format!("expected `argN operator constant`, not `{}`", text.trim()),
            );
            return Err(problem.help("three words, without blanks inside the constant").into());
        };
        let index = words::argument(arg).ok_or_else(|| {
            source.error(line.pos(arg), format!("`{arg}` is no argument, expected arg0 to arg5"))
        })?;
        let operator = Operator::from_text(op)
            .ok_or_else(|| source.error(line.pos(op), format!("`{op}` is no operator")))?;
        Ok(operator.atom(index, self.constant(value, source, line)?, self.arch))
    }

    fn constant(&self, text: &str, source: &Source, line: &Line) -> Result<u64, Error> {
        let mut rest = text;
        let value = self.or(&mut rest, 0, source, line)?;
        match rest {
            "" => Ok(value),
            _ => Err(source.error(line.pos(rest), format!("`{rest}` is left over behind the constant"))),
        }
    }

    fn or(&self, rest: &mut &str, depth: u32, source: &Source, line: &Line) -> Result<u64, Error> {
        let mut value = 0;
        loop {
            value |= self.term(rest, depth, source, line)?;
            match rest.strip_prefix('|') {
                Some(more) => *rest = more,
                None => return Ok(value),
            }
        }
    }

    fn term(&self, rest: &mut &str, depth: u32, source: &Source, line: &Line) -> Result<u64, Error> {
        if let Some(inner) = rest.strip_prefix('~') {
            if inner.starts_with('~') {
                return Err(source.error(line.pos(inner), "`~` twice"));
            }
            *rest = inner;
            return Ok(!self.term(rest, depth, source, line)? & words::register(self.arch));
        }
        if let Some(inner) = rest.strip_prefix('(') {
            if depth > 50 {
                return Err(source.error(line.pos(inner), "the constant nests too deep"));
            }
            *rest = inner;
            let value = self.or(rest, depth + 1, source, line)?;
            let Some(after) = rest.strip_prefix(')') else {
                return Err(source.error(line.pos(inner), "the parenthesis is never closed"));
            };
            *rest = after;
            return Ok(value);
        }
        let end = rest.find(['|', ')', '(', '~']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        *rest = after;
        if let Some(value) = words::named(word, self.arch, self.options) {
            return Ok(value);
        }
        number(word).and_then(|n| words::fit(n, self.arch)).ok_or_else(|| unknown(word, source, line).into())
    }
}

fn unknown(word: &str, source: &Source, line: &Line) -> Problem {
    words::unknown_constant(word, source, line.pos(word))
}

/// A number as `strtol` with base 0 reads it: decimal, `0x` hexadecimal, `0` octal.
fn number(word: &str) -> Option<i128> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    };
    let (digits, radix) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (&digits[1..], 8),
        None => (digits, 10),
    };
    let value = i128::from(u64::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'))?);
    Some(if negative { -value } else { value })
}

/// The only condition of a list, or the list.
fn single(mut all: Vec<Cond>, join: fn(Vec<Cond>) -> Cond) -> Cond {
    if all.len() == 1 { all.remove(0) } else { join(all) }
}
