//! `arch`, `default`, `foreign`, `x32`, `unknown`, `if-lost`: a file's own come before those it includes.

use super::{Resolver, UNSET};
use crate::answer::IfLost;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::Kind;
use crate::syntax::codes;
use crate::syntax::lexer::Loc;
use crate::syntax::report::span;
use callgate_abi::{Action, Arch};

pub(super) struct Settings {
    pub(super) arches: Vec<Arch>,
    pub(super) default: Action,
    pub(super) foreign: Action,
    pub(super) x32: Option<Action>,
    pub(super) unknown: Option<Action>,
    pub(super) if_lost: Option<IfLost>,
    /// The file and place of the first `if-lost` line.
    pub(super) if_lost_at: Option<(usize, Loc)>,
}

/// A value, and where it is set.
struct Given<T> {
    value: T,
    file: usize,
    loc: Loc,
}

impl Resolver<'_> {
    pub(super) fn settings(&mut self) -> Settings {
        let files = self.files;
        let mut arches = Vec::new();
        let mut if_lost = Vec::new();
        let mut actions: [Vec<Given<Action>>; 4] = Default::default();
        for &(file, index) in &files.order {
            let statement = &files.files[file].statements[index];
            match &statement.kind {
                Kind::Arch(names) => {
                    self.enter(file);
                    let value = self.arch_line(names);
                    arches.push(Given { value, file, loc: statement.loc });
                }
                Kind::Setting(setting, value) => {
                    let value = *value;
                    actions[*setting as usize].push(Given { value, file, loc: statement.loc });
                }
                Kind::IfLost(value) => if_lost.push(Given { value: *value, file, loc: statement.loc }),
                Kind::Rule(_)
                | Kind::Foreign(_)
                | Kind::On(_)
                | Kind::Group { .. }
                | Kind::Include { .. }
                | Kind::Expect(_) => {}
            }
        }
        let [default, foreign, x32, unknown] = actions;
        let default = self.choose(default, "default");
        let foreign = self.choose(foreign, "foreign");
        let x32_loc = x32.first().map(|g| (g.file, g.loc));
        let x32 = self.choose(x32, "x32");
        let unknown = self.choose(unknown, "unknown");
        let if_lost_at = if_lost.first().map(|g| (g.file, g.loc));
        let if_lost = self.choose(if_lost, "if-lost");
        let arches = match self.choose(arches, "arch") {
            Some(arches) => arches,
            None => self.native(),
        };
        self.enter(0);
        if default.is_none() && !files.files[0].statements.is_empty() && !self.default_is_malformed() {
            let d = Diagnostic::error(codes::NO_DEFAULT, "the policy has no `default`")
                .help("say what happens to calls no rule mentions, such as `default errno(EPERM)`");
            self.say(d, files.files[0].statements[0].loc);
        }
        if let (Some((file, loc)), Some(_)) = (x32_loc, x32) {
            self.check_x32(&arches, file, loc);
        }
        Settings {
            arches,
            default: default.unwrap_or(UNSET),
            foreign: foreign.unwrap_or(Action::KILL_PROCESS),
            x32,
            unknown,
            if_lost,
            if_lost_at,
        }
    }

    /// The value nearest to the main file. Two in one file, or two different ones equally near, are
    /// errors.
    fn choose<T: PartialEq + Clone>(&mut self, given: Vec<Given<T>>, word: &str) -> Option<T> {
        let depth = |g: &Given<T>| self.files.files[g.file].depth;
        let nearest = given.iter().map(depth).min()?;
        let chosen = given.iter().find(|g| depth(g) == nearest)?;
        for (i, other) in given.iter().enumerate() {
            let same_file = given[..i].iter().find(|g| g.file == other.file);
            let rival = (depth(other) == nearest && other.value != chosen.value).then_some(chosen);
            if let Some(first) = same_file.or(rival) {
                let files = self.files;
                self.enter(other.file);
                let d = Diagnostic::error(codes::SETTING_TWICE, format!("`{word}` is given twice"))
                    .label(span(&files.files[first.file].source, first.loc), "it is given here already");
                let d = if same_file.is_none() {
                    d.help(format!("a `{word}` line in the main file settles it"))
                } else {
                    d
                };
                self.say(d, other.loc);
                break;
            }
        }
        Some(chosen.value.clone())
    }

    /// Whether a `default` line has been reported already.
    fn default_is_malformed(&self) -> bool {
        self.report.diagnostics.iter().filter_map(|d| d.span.as_ref()).any(|span| {
            let line = span.source.line(span.source.position(span.start).0);
            line.is_some_and(|(start, end)| {
                span.source.text()[start..end].split_whitespace().next() == Some("default")
            })
        })
    }

    fn native(&mut self) -> Vec<Arch> {
        if Arch::NATIVE.is_none() {
            self.enter(0);
            let message = "this machine's architecture is unknown: the policy needs an `arch` line";
            self.error(codes::NO_NATIVE, Loc::default(), message);
        }
        Arch::NATIVE.into_iter().collect()
    }

    fn check_x32(&mut self, arches: &[Arch], file: usize, loc: Loc) {
        let why = if arches.contains(&Arch::X32) {
            "x32 is listed, so its rules and the default decide"
        } else if !arches.contains(&Arch::X86_64) {
            "x86_64 is not listed"
        } else {
            return;
        };
        self.enter(file);
        self.say(Diagnostic::warning(codes::X32_LISTED, format!("`x32` has no effect: {why}")), loc);
    }
}
