//! The lines of a profile that concern system-call filters, includes followed.

use crate::import::{Collect, Effect};
use crate::options::Options;
use crate::place::Error;
use crate::scan::{Pos, Source};
use callgate::{Action, Errno};

/// How deep profiles may include each other.
const MAX_DEPTH: u32 = 16;
/// How many files one profile may include in total.
const MAX_INCLUDES: u32 = 256;

/// A list of calls as written, and where.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) text: String,
    pub(super) source: Source,
    pub(super) pos: Pos,
}

/// The lists for the native architecture, or for its 32-bit sibling.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    /// Where a filter was asked for at all.
    pub(super) on: Option<(Source, Pos)>,
    /// `seccomp LIST`.
    pub(super) list: Option<List>,
    /// `seccomp.drop LIST`.
    pub(super) drop: Option<List>,
    /// `seccomp.keep LIST`.
    pub(super) keep: Option<List>,
}

/// What a profile says about filters.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    pub(super) native: Lists,
    pub(super) secondary: Lists,
    pub(super) block_secondary: Option<(Source, Pos)>,
    pub(super) error_action: Option<Action>,
    pub(super) protocol: Option<List>,
    pub(super) memory: Option<(Source, Pos)>,
    pub(super) namespaces: Option<List>,
    pub(super) allow_debuggers: bool,
    ignored: Vec<String>,
    includes: u32,
}

/// The beginnings of all lines that matter here.
const OURS: &[&str] = &[
    "seccomp",
    "protocol",
    "memory-deny-write-execute",
    "restrict-namespaces",
    "allow-debuggers",
    "ignore ",
];

pub(super) const ALL_NAMESPACES: &str = "cgroup,ipc,net,mnt,pid,time,user,uts";

impl Profile {
    /// Reads a profile.
    pub(super) fn read(source: &Source, options: &Options, collect: &mut Collect) -> Profile {
        let mut profile = Profile::default();
        profile.file(source, options, collect, 0);
        profile
    }

    fn file(&mut self, source: &Source, options: &Options, collect: &mut Collect, depth: u32) {
        for (number, line) in source.lines() {
            let pos = Pos { line: number, col: 1 };
            let text = without_comment(line);
            let (text, condition) = match text.strip_prefix('?').and_then(|t| t.split_once(':')) {
                Some((condition, rest)) => (rest.trim_start(), Some(condition)),
                None => (text, None),
            };
            let is_include = text.starts_with("include ");
            if !is_include && !OURS.iter().any(|o| text.starts_with(o)) {
                continue;
            }
            if let Some(condition) = condition {
                // A line that only ignores other things cannot change a filter.
                let harmless = text.strip_prefix("ignore ").is_some_and(|i| {
                    !OURS.iter().any(|o| o.starts_with(i.trim()) || i.trim().starts_with(o))
                });
                if !harmless && !is_include {
                    let what = format!("?{condition}: depends on how firejail is run; `{text}` is left out");
                    collect.loss(source.place(pos), what, Effect::Weaker);
                }
                continue;
            }
            if self.ignored.iter().any(|i| text.starts_with(&**i)) {
                continue;
            }
            let outcome = if is_include {
                self.include(&text["include ".len()..], source, pos, options, collect, depth)
            } else {
                self.line(text, source, pos)
            };
            if let Err(error) = outcome {
                error.problems.into_iter().for_each(|p| collect.problem(p));
            }
        }
    }

    fn include(
        &mut self,
        path: &str,
        source: &Source,
        pos: Pos,
        options: &Options,
        collect: &mut Collect,
        depth: u32,
    ) -> Result<(), Error> {
        let path = path.trim();
        self.includes += 1;
        if depth >= MAX_DEPTH || self.includes > MAX_INCLUDES {
            return Err(source.error(pos, format!("{path}: includes nest too deep")));
        }
        match source.include(&source.directory(), path, pos, options) {
            Ok(included) => self.file(&included, options, collect, depth + 1),
            // Files of the machine's own that may be missing.
            Err(_) if path.ends_with(".local") => {}
            Err(_) if hides_paths_only(path) => {
                let what = format!(
                    "{path} is not at hand; as firejail ships it, it holds nothing about system calls"
                );
                collect.note(source.place(pos), what);
            }
            Err(_) => {
                let what = format!("{path} is not at hand; what it says about system calls is left out");
                collect.loss(source.place(pos), what, Effect::Weaker);
            }
        }
        Ok(())
    }

    fn line(&mut self, text: &str, source: &Source, pos: Pos) -> Result<(), Error> {
        let (key, value) = match text.split_once(char::is_whitespace) {
            Some((key, value)) => (key, Some(value.trim())),
            None => (text, None),
        };
        let place = || Some((source.clone(), pos));
        let list = |text: &str| List { text: text.to_owned(), source: source.clone(), pos };
        let needed = || match value {
            Some(value) if !value.is_empty() => Ok(value),
            _ => Err(source.error(pos, format!("{key} needs a list"))),
        };
        match key {
            "ignore" => self.ignored.push(needed()?.to_owned()),
            "allow-debuggers" => self.allow_debuggers = true,
            "memory-deny-write-execute" => self.memory = place(),
            "restrict-namespaces" => augment(&mut self.namespaces, value.unwrap_or(ALL_NAMESPACES), list),
            "protocol" => augment(&mut self.protocol, needed()?, list),
            "seccomp.block-secondary" => self.block_secondary = place(),
            "seccomp-error-action" => {
                self.error_action = Some(match needed()? {
                    "kill" => Action::KILL_THREAD,
                    "log" => Action::LOG,
                    name => Action::Errno(errno(name).ok_or_else(|| {
                        source.error(
                            pos,
                            format!("unknown error action {name}, expected kill, log or an error's name"),
                        )
                    })?),
                });
            }
            "seccomp" | "seccomp.32" | "seccomp.drop" | "seccomp.32.drop" | "seccomp.keep"
            | "seccomp.32.keep" => {
                let lists =
                    if key.starts_with("seccomp.32") { &mut self.secondary } else { &mut self.native };
                lists.on = place();
                match key.rsplit('.').next() {
                    Some("drop") => lists.drop = Some(list(needed()?)),
                    Some("keep") => lists.keep = Some(list(needed()?)),
                    _ => {
                        if let Some(value) = value.filter(|v| !v.is_empty()) {
                            lists.list = Some(list(value));
                        }
                    }
                }
            }
            _ => return Err(source.error(pos, format!("unknown line {key}"))),
        }
        Ok(())
    }
}

/// A list that grows: `+x` and `x` add, `-x` removes, `=x` begins anew.
fn augment(target: &mut Option<List>, items: &str, list: impl Fn(&str) -> List) {
    let mut all: Vec<String> =
        target.iter().flat_map(|t| t.text.split(',')).filter(|i| !i.is_empty()).map(str::to_owned).collect();
    for item in items.split(',').map(str::trim).filter(|i| !i.is_empty()) {
        if let Some(gone) = item.strip_prefix('-') {
            all.retain(|i| i != gone);
            continue;
        }
        if item.starts_with('=') {
            all.clear();
        }
        let item = item.trim_start_matches(['+', '=']);
        if !item.is_empty() && !all.iter().any(|i| i == item) {
            all.push(item.to_owned());
        }
    }
    *target = Some(list(&all.join(",")));
}

/// The error number with this name, in either case.
pub(super) fn errno(name: &str) -> Option<Errno> {
    Errno::from_name(&name.to_ascii_uppercase())
}

/// Whether firejail's own file of this name only hides and shows paths.
fn hides_paths_only(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.ends_with(".inc")
        && ["disable-", "allow-", "whitelist-", "archiver-", "landlock-"].iter().any(|p| name.starts_with(p))
}

fn without_comment(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with('#') {
        return "";
    }
    match line.find(" #").or(line.find("\t#")) {
        Some(at) => line[..at].trim_end(),
        None => line,
    }
}
