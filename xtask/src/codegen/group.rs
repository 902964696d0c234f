//! `tables/group.rs`: named sets of calls.
//!
//! Each file of `data/groups` holds the sets of one source. Lines:
//!
//! - `source NAME [VERSION]` — first, once. Of several versions the highest gets the plain names, the
//!   others `NAME:VERSION`.
//! - `group NAME — SUMMARY` — begins a set; then its members, one a line:
//!   `CALL`, `CALL if CONDITION` or `@GROUP` (a set of the same source, or a plain name of another).
//!
//! `absent.txt` there explains the names that no table has: `NAME — REASON`, where a trailing `*`
//! stands for any ending.

use super::calls::Calls;
use crate::data::{self, Row};
use crate::files::{self, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const FOLDER: &str = "data/groups";
const ABSENT: &str = "data/groups/absent.txt";

/// Reads `data/groups/*.txt` and writes the sets with every nesting expanded.
pub(crate) fn generate(calls: &Calls) -> Result<String> {
    let absent = read_absent(calls)?;
    let groups = read_groups()?;
    let mut resolver = Resolver { calls, absent: &absent, used: BTreeSet::new(), groups: &groups };
    let mut expanded = Vec::new();
    for name in groups.keys() {
        expanded.push((name, resolver.expand(name, &mut Vec::new())?));
    }
    let used = resolver.used;
    if let Some(stale) = absent.iter().find(|a| !used.iter().any(|name| a.matches(name))) {
        return Err(stale.row.error(format_args!("no group names {}", stale.pattern)));
    }
    let explained: Vec<(&str, &str)> = used
        .iter()
        .filter_map(|name| {
            absent.iter().find(|a| a.matches(name)).map(|a| (name.as_str(), a.reason.as_str()))
        })
        .collect();
    write_tables(&groups, &expanded, &explained)
}

struct Source {
    name: String,
    version: Option<u32>,
}

struct Set {
    row: Row,
    summary: String,
    source: String,
    /// How this set's own source spells nested names: what to append to them first.
    suffix: String,
    members: Vec<Row>,
}

struct Absent {
    row: Row,
    pattern: String,
    reason: String,
}

impl Absent {
    fn matches(&self, name: &str) -> bool {
        match self.pattern.strip_suffix('*') {
            Some(head) => name.starts_with(head),
            None => self.pattern == name,
        }
    }
}

fn read_absent(calls: &Calls) -> Result<Vec<Absent>> {
    let mut out: Vec<Absent> = Vec::new();
    for row in data::rows(ABSENT)? {
        let (pattern, reason) =
            row.text.split_once(" — ").ok_or_else(|| row.error("expected NAME — REASON"))?;
        let absent = Absent { pattern: pattern.to_owned(), reason: reason.to_owned(), row };
        if let Some(known) = calls.names().iter().find(|n| absent.matches(n)) {
            return Err(absent.row.error(format_args!("{known} is in the tables")));
        }
        if out.iter().any(|a| a.pattern == absent.pattern) {
            return Err(absent.row.error(format_args!("{} is there twice", absent.pattern)));
        }
        out.push(absent);
    }
    Ok(out)
}

fn read_groups() -> Result<BTreeMap<String, Set>> {
    let mut files = Vec::new();
    for path in files::list(FOLDER, "txt")? {
        if path != std::path::Path::new(ABSENT) {
            files.push(read_file(data::rows(&path)?, &path.display().to_string())?);
        }
    }
    let mut newest: BTreeMap<String, Option<u32>> = BTreeMap::new();
    for (source, _) in &files {
        let version = newest.entry(source.name.clone()).or_default();
        *version = source.version.max(*version);
    }
    let mut groups: BTreeMap<String, Set> = BTreeMap::new();
    for (source, sets) in files {
        let suffix = match source.version {
            Some(version) if source.version != newest[&source.name] => format!(":{version}"),
            _ => String::new(),
        };
        let from = match source.version {
            Some(version) => format!("{} {version}", source.name),
            None => source.name,
        };
        for (name, mut set) in sets {
            let name = format!("{name}{suffix}");
            if let Some(other) = groups.get(&name) {
                return Err(set.row.error(format_args!("{name} is a set of {} too", other.source)));
            }
            set.source.clone_from(&from);
            set.suffix.clone_from(&suffix);
            groups.insert(name, set);
        }
    }
    Ok(groups)
}

fn read_file(rows: Vec<Row>, file: &str) -> Result<(Source, Vec<(String, Set)>)> {
    let mut rows = rows.into_iter();
    let first = rows.next().ok_or_else(|| format!("{file}: empty"))?;
    let source = match first.cells()[..] {
        ["source", name] => Source { name: name.to_owned(), version: None },
        ["source", name, version] => {
            let version = u32::try_from(first.number(version)?).map_err(|_| first.error("out of range"))?;
            Source { name: name.to_owned(), version: Some(version) }
        }
        _ => return Err(first.error("expected source NAME [VERSION]")),
    };
    let mut sets: Vec<(String, Set)> = Vec::new();
    for row in rows {
        if let Some(head) = row.text.strip_prefix("group ") {
            let (name, summary) =
                head.split_once(" — ").ok_or_else(|| row.error("expected group NAME — SUMMARY"))?;
            let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
            if name.is_empty() || !name.chars().all(legal) {
                return Err(row.error(format_args!("'{name}' is no group name (a-z, 0-9, - and _)")));
            }
            let (name, summary) = (name.to_owned(), summary.to_owned());
            let set = Set { row, summary, source: String::new(), suffix: String::new(), members: Vec::new() };
            sets.push((name, set));
        } else {
            let (_, set) = sets.last_mut().ok_or_else(|| row.error("a member before any group"))?;
            set.members.push(row);
        }
    }
    Ok((source, sets))
}

/// A set with nothing nested any more.
#[derive(Default, Clone)]
struct Expanded {
    /// By call index; `None` means whatever the arguments.
    members: BTreeMap<u16, Option<String>>,
    absent: BTreeSet<String>,
}

impl Expanded {
    /// Adds a way to be a member: without a condition it wins, two conditions are alternatives.
    fn add(&mut self, call: u16, condition: Option<&str>) {
        let old = self.members.get(&call).cloned();
        let new = match (old, condition) {
            (None, new) => new.map(str::to_owned),
            (Some(None), _) | (Some(_), None) => None,
            (Some(Some(old)), Some(new)) if old == new || old.contains(&format!("({new})")) => Some(old),
            (Some(Some(old)), Some(new)) if old.starts_with('(') => Some(format!("{old} || ({new})")),
            (Some(Some(old)), Some(new)) => Some(format!("({old}) || ({new})")),
        };
        self.members.insert(call, new);
    }
}

struct Resolver<'a> {
    calls: &'a Calls,
    absent: &'a [Absent],
    /// The absent names that some group has.
    used: BTreeSet<String>,
    groups: &'a BTreeMap<String, Set>,
}

impl Resolver<'_> {
    /// `open` are the groups being expanded, to find a group within itself.
    fn expand(&mut self, name: &str, open: &mut Vec<String>) -> Result<Expanded> {
        let set = &self.groups[name];
        if open.iter().any(|n| n == name) {
            return Err(set.row.error(format_args!("{name} contains itself")));
        }
        open.push(name.to_owned());
        let mut out = Expanded::default();
        let mut own = BTreeSet::new();
        for row in &set.members {
            if !own.insert(&row.text) {
                return Err(row.error(format_args!("'{}' is there twice", row.text)));
            }
            if let Some(nested) = row.text.strip_prefix('@') {
                let same_source = format!("{nested}{}", set.suffix);
                let nested = if self.groups.contains_key(&same_source) { &same_source } else { nested };
                if !self.groups.contains_key(nested) {
                    return Err(row.error(format_args!("no group @{nested}")));
                }
                let inner = self.expand(nested, open)?;
                for (call, condition) in &inner.members {
                    out.add(*call, condition.as_deref());
                }
                out.absent.extend(inner.absent);
                continue;
            }
            let (call, condition) = match row.text.split_once(" if ") {
                Some((call, condition)) => (call.trim(), Some(condition.trim())),
                None => (row.text.as_str(), None),
            };
            match self.calls.index(call) {
                Some(index) => out.add(index, condition),
                None if self.absent.iter().any(|a| a.matches(call)) => {
                    self.used.insert(call.to_owned());
                    out.absent.insert(call.to_owned());
                }
                None => return Err(row.error(format_args!("{call} is in no table; say why in {ABSENT}"))),
            }
        }
        open.pop();
        Ok(out)
    }
}

fn write_tables(
    groups: &BTreeMap<String, Set>,
    expanded: &[(&String, Expanded)],
    explained: &[(&str, &str)],
) -> Result<String> {
    let mut out = String::from(
        "use crate::group::Group;\nuse crate::syscall::Syscall;\n\n\
         /// The names that groups list and no table has, with the reason; by name.\n\
         pub(crate) static ABSENT: &[(&str, &str)] = &[\n",
    );
    for (name, reason) in explained {
        let _ = writeln!(out, "({name:?}, {reason:?}),");
    }
    out.push_str("];\n\n/// Every group, by name.\npub(crate) static GROUPS: &[Group] = &[\n");
    for (name, set) in expanded {
        let of = &groups[*name];
        let _ = writeln!(out, "Group {{ name: {name:?}, summary: {:?}, source: {:?},", of.summary, of.source);
        out.push_str("members: &[");
        for call in set.members.keys() {
            let _ = write!(out, "{call}, ");
        }
        out.push_str("],\nconditions: &[");
        for (call, condition) in &set.members {
            if let Some(condition) = condition {
                let _ = writeln!(out, "(Syscall::from_index({call}), {condition:?}),");
            }
        }
        out.push_str("],\nabsent: &[");
        for name in &set.absent {
            let index =
                explained.iter().position(|e| e.0 == name).ok_or("an absent name without a reason")?;
            let _ = write!(out, "{index}, ");
        }
        out.push_str("] },\n");
    }
    out.push_str("];\n");
    Ok(out)
}
