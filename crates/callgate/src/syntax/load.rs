//! A file and everything it includes, each read once.

use super::ast::{Kind, Statement, Target, TargetKind};
use super::lexer::Loc;
use super::report::{Report, span};
use super::{Loader, codes, parser, tree};
use crate::diagnostic::{Diagnostic, Source};
use callgate_abi::Syscall;
use callgate_abi::group::Group;
use std::collections::BTreeMap;

/// How deeply includes may nest.
const MAX_DEPTH: usize = 16;
/// How many files one policy may consist of.
const MAX_FILES: usize = 1000;

/// The files of a policy, the main one first, and their statements in the order of the text.
pub(crate) struct Files {
    pub(crate) files: Vec<File>,
    /// File and statement; an included file's stand in the place of the first `include` naming it.
    pub(crate) order: Vec<(usize, usize)>,
    /// For a built-in group with conditional members: a file with a rule for each, in their order.
    pub(crate) groups: BTreeMap<&'static str, usize>,
}

pub(crate) struct File {
    pub(crate) source: Source,
    pub(crate) statements: Vec<Statement>,
    /// 0 for the main file, 1 for what it includes, …
    pub(crate) depth: usize,
}

/// Reads and parses a text and what it includes.
pub(crate) fn load(name: &str, text: &str, loader: &mut Loader<'_>, report: &mut Report) -> Files {
    let mut files = Files { files: Vec::new(), order: Vec::new(), groups: BTreeMap::new() };
    let source = Source::new(name, text);
    files.add(source.clone(), 0, report);
    if files.files[0].statements.is_empty() && !report.has_errors() {
        let d = Diagnostic::error(codes::EMPTY, "the policy is empty")
            .at(span(&source, Loc { start: 0, end: 0 }))
            .help("a policy needs at least a default, such as `default errno(EPERM)`");
        report.push(d);
    }
    files.walk(&mut vec![(0, Loc::default())], loader, report);
    files.load_groups(report);
    files
}

impl Files {
    fn add(&mut self, source: Source, depth: usize, report: &mut Report) -> usize {
        let text = source.text();
        let start = Loc { start: 0, end: 0 };
        let mut statements = Vec::new();
        if let Some(at) = text.find('\0') {
            let message = format!("this is no text: byte {at} is zero");
            report.push(Diagnostic::error(codes::NOT_TEXT, message).at(span(&source, start)));
        } else if u32::try_from(text.len()).is_err() {
            let message = "a policy's text must be shorter than 4 GiB";
            report.push(Diagnostic::error(codes::TOO_MANY, message).at(span(&source, start)));
        } else {
            statements = parser::parse(&source, &tree::tree(text), report);
        }
        self.files.push(File { source, statements, depth });
        self.files.len() - 1
    }

    /// Appends the statements of the file on top of `stack` to the order, its includes in place.
    fn walk(&mut self, stack: &mut Vec<(usize, Loc)>, loader: &mut Loader<'_>, report: &mut Report) {
        let file = stack[stack.len() - 1].0;
        for i in 0..self.files[file].statements.len() {
            self.order.push((file, i));
            let Kind::Include { loc, path } = &self.files[file].statements[i].kind else { continue };
            let (loc, path) = (*loc, path.clone());
            let source = self.files[file].source.clone();
            let (name, text) = match read(&path, &source, loader) {
                Ok(found) => found,
                Err(why) => {
                    let d = Diagnostic::error(codes::INCLUDE, format!("cannot include `{path}`: {why}"));
                    report.push(self.chain(d.at(span(&source, loc)), stack));
                    continue;
                }
            };
            let known = self.files.iter().position(|f| **f.source.name() == *name);
            if let Some(known) = known {
                if stack.iter().any(|s| s.0 == known) {
                    let d = Diagnostic::error(codes::INCLUDE_CYCLE, format!("`{name}` includes itself"));
                    report.push(self.chain(d.at(span(&source, loc)), stack));
                }
                // Every rule of a file read a second time would stand behind its first copy: no effect.
                continue;
            }
            if stack.len() > MAX_DEPTH || self.files.len() >= MAX_FILES {
                let message = if stack.len() > MAX_DEPTH {
                    format!("includes nest more than {MAX_DEPTH} files deep")
                } else {
                    format!("the policy consists of more than {MAX_FILES} files")
                };
                let d = Diagnostic::error(codes::INCLUDE_DEPTH, message).at(span(&source, loc));
                report.push(self.chain(d, stack));
                continue;
            }
            let included = self.add(Source::new(&name, text), stack.len(), report);
            stack.push((included, loc));
            self.walk(stack, loader, report);
            stack.pop();
        }
    }

    /// Whether a file holds the conditions of a built-in group.
    pub(crate) fn is_built_in(&self, file: usize) -> bool {
        self.groups.values().any(|f| *f == file)
    }

    /// Reads the conditions of the built-in groups that the statements name.
    fn load_groups(&mut self, report: &mut Report) {
        let mut named: Vec<&'static Group> = Vec::new();
        for (file, index) in &self.order {
            let file = &self.files[*file];
            let mut targets: Vec<&Target> = Vec::new();
            match &file.statements[*index].kind {
                Kind::Rule(rule) | Kind::Foreign(rule) => targets.extend(&rule.targets),
                Kind::On(on) => targets.extend(&on.rule.targets),
                Kind::Group { targets: members, .. } => targets.extend(members),
                Kind::Arch(_)
                | Kind::Setting(..)
                | Kind::IfLost(_)
                | Kind::Include { .. }
                | Kind::Expect(_) => {}
            }
            let groups = targets.iter().filter(|t| matches!(t.kind, TargetKind::Group));
            named.extend(groups.filter_map(|t| Group::from_name(&t.loc.of(file.source.text())[1..])));
        }
        for group in named {
            if !group.conditions().is_empty() && !self.groups.contains_key(group.name) {
                let rule =
                    |(call, condition): &(Syscall, &str)| format!("allow {} if {condition}\n", call.name());
                let text: String = group.conditions().iter().map(rule).collect();
                let file = self.add(Source::new(&format!("@{}", group.name), text), 0, report);
                self.groups.insert(group.name, file);
            }
        }
    }

    /// Tells how the file on top of the stack was reached.
    fn chain(&self, mut diagnostic: Diagnostic, stack: &[(usize, Loc)]) -> Diagnostic {
        for pair in stack.windows(2).rev() {
            let (parent, (child, loc)) = (&self.files[pair[0].0].source, pair[1]);
            let text = format!("`{}` is included here", self.files[child].source.name());
            diagnostic = diagnostic.label(span(parent, loc), text);
        }
        diagnostic
    }
}

fn read(path: &str, from: &Source, loader: &mut Loader<'_>) -> Result<(String, String), String> {
    match path.strip_prefix("builtin:") {
        Some(name) => match crate::builtin::get(name) {
            Some(text) => Ok((path.to_string(), text.to_string())),
            None => {
                let names: Vec<_> = crate::builtin::names().collect();
                Err(format!("no built-in policy is called `{name}`; there are {}", names.join(", ")))
            }
        },
        None => loader(path, from.name()),
    }
}
