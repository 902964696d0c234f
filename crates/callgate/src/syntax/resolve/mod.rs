//! Statements to a policy: names are looked up, and a rule whose names mean different numbers for
//! different calls or architectures becomes several.

mod arches;
mod argument;
mod conflict;
mod expect;
mod groups;
mod reply;
mod rule;
mod settings;
mod value;
mod when;

pub(crate) use argument::{PAD, looked_at, positional};
pub(crate) use rule::effective;

use super::ast::Kind;
use super::lexer::Loc;
use super::load::Files;
use super::report::{Report, span};
use super::{Expect, codes};
use crate::answer::{IfLost, OnLine};
use crate::diagnostic::{Code, Diagnostic, Source, Span};
use crate::hash::FastMap;
use crate::policy::{Origin, Policy, Rule};
use callgate_abi::{Action, Arch};
use std::collections::BTreeMap;

/// How many calls the rules and expectations of one policy may list together, groups expanded.
const MAX_CALLS: usize = 1 << 20;

/// What the statements of a policy mean.
pub(crate) struct Resolved {
    pub(crate) policy: Policy,
    /// Where each rule of the policy is written.
    pub(crate) rule_spans: Vec<Span>,
    pub(crate) foreign_spans: Vec<Span>,
    pub(crate) expects: Vec<Expect>,
    pub(crate) on_lines: Vec<OnLine>,
    pub(crate) if_lost: Option<IfLost>,
}

/// Resolves a file with all it includes. What cannot be resolved is reported and left out.
pub(crate) fn resolve(files: &Files, report: &mut Report) -> Resolved {
    let mut resolver = Resolver::new(files, report);
    let settings = resolver.settings();
    resolver.arches = settings.arches;
    resolver.define_groups();
    for &(file, index) in &files.order {
        let statement = &files.files[file].statements[index];
        resolver.enter(file);
        match &statement.kind {
            Kind::Rule(rule) => resolver.rule(rule, statement.loc),
            Kind::Foreign(rule) => resolver.foreign_rule(rule, statement.loc),
            Kind::Expect(expect) => resolver.expect(expect, statement.loc),
            Kind::On(on) => resolver.on_line(on, statement.loc),
            Kind::Arch(_)
            | Kind::Setting(..)
            | Kind::IfLost(_)
            | Kind::Group { .. }
            | Kind::Include { .. } => {}
        }
        if resolver.calls > MAX_CALLS {
            let message = format!("the policy lists more than {MAX_CALLS} calls, groups expanded");
            resolver.error(codes::TOO_MANY, statement.loc, message);
            break;
        }
    }
    if let (Some((file, loc)), true) = (settings.if_lost_at, resolver.on_lines.is_empty()) {
        resolver.enter(file);
        let d = Diagnostic::error(codes::UNSUPERVISED, "`if-lost` says nothing without `on` lines")
            .help("say what a supervisor answers, such as `on any errno(EPERM)`, or leave it out");
        resolver.say(d, loc);
    }
    Resolved {
        policy: Policy {
            arches: resolver.arches,
            rules: resolver.ruled.rules,
            default: settings.default,
            foreign: resolver.foreign.rules,
            bad_arch: settings.foreign,
            x32: settings.x32,
            unknown: settings.unknown,
        },
        rule_spans: resolver.ruled.spans,
        foreign_spans: resolver.foreign.spans,
        expects: resolver.expects,
        on_lines: resolver.on_lines,
        if_lost: settings.if_lost,
    }
}

/// The rules that statements stand for in a policy for `arches`, then those for unlisted
/// architectures; `None` if anything is wrong.
pub(crate) fn resolve_rules(
    files: &Files,
    arches: &[Arch],
    report: &mut Report,
) -> Option<(Vec<Rule>, Vec<Rule>)> {
    let mut resolver = Resolver::new(files, report);
    resolver.arches = arches.to_vec();
    for &(file, index) in &files.order {
        let statement = &files.files[file].statements[index];
        match &statement.kind {
            Kind::Rule(rule) => resolver.rule(rule, statement.loc),
            Kind::Foreign(rule) => resolver.foreign_rule(rule, statement.loc),
            _ => {}
        }
    }
    let rules = (resolver.ruled.rules, resolver.foreign.rules);
    (!report.has_errors()).then_some(rules)
}

/// The action of a policy whose text sets none; its text is in error, so nobody sees it used.
const UNSET: Action = Action::KILL_PROCESS;

/// Rules and where each is written.
#[derive(Default)]
struct Rules {
    rules: Vec<Rule>,
    spans: Vec<Span>,
}

struct Resolver<'a> {
    files: &'a Files,
    report: &'a mut Report,
    /// The file being resolved, and its name and number.
    source: &'a Source,
    file: usize,
    /// The policy's architectures.
    arches: Vec<Arch>,
    groups: BTreeMap<&'a str, groups::Group<'a>>,
    ruled: Rules,
    foreign: Rules,
    expects: Vec<Expect>,
    on_lines: Vec<OnLine>,
    /// How many calls have been listed.
    calls: usize,
    /// What has been reported: a rule is looked at once per call and architecture.
    seen: FastMap<(Code, usize, u32), ()>,
}

impl<'a> Resolver<'a> {
    fn new(files: &'a Files, report: &'a mut Report) -> Resolver<'a> {
        Resolver {
            files,
            report,
            source: &files.files[0].source,
            file: 0,
            arches: Vec::new(),
            groups: BTreeMap::new(),
            ruled: Rules::default(),
            foreign: Rules::default(),
            expects: Vec::new(),
            on_lines: Vec::new(),
            calls: 0,
            seen: FastMap::default(),
        }
    }

    fn enter(&mut self, file: usize) {
        self.file = file;
        self.source = &self.files.files[file].source;
    }

    fn text(&self, loc: Loc) -> &'a str {
        loc.of(self.source.text())
    }

    fn span(&self, loc: Loc) -> Span {
        span(self.source, loc)
    }

    fn origin(&self, loc: Loc) -> Origin {
        let line = self.source.line_of(loc.start as usize);
        Origin { file: Some(self.source.name().clone()), line: u32::try_from(line).unwrap_or(0), path: None }
    }

    /// Whether this is the first time that `code` is found at `loc`.
    fn first(&mut self, code: Code, loc: Loc) -> bool {
        self.seen.insert((code, self.file, loc.start), ()).is_none()
    }

    fn error(&mut self, code: Code, loc: Loc, message: impl Into<String>) {
        self.say(Diagnostic::error(code, message), loc);
    }

    /// Reports at `loc`, once.
    fn say(&mut self, diagnostic: Diagnostic, loc: Loc) {
        if self.first(diagnostic.code, loc) {
            let span = self.span(loc);
            self.report.push(diagnostic.at(span));
        }
    }

    /// Reports an unknown word at `loc`, once, with the nearest of `names`.
    fn unknown<'n>(&mut self, diagnostic: Diagnostic, loc: Loc, names: impl Iterator<Item = &'n str>) {
        if self.first(diagnostic.code, loc) {
            let (word, span) = (self.text(loc), self.span(loc));
            let diagnostic = self.report.did_you_mean(diagnostic.at(span.clone()), word, span, names);
            self.report.push(diagnostic);
        }
    }
}
