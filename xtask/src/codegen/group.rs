//! `tables/group.rs`: named sets of calls.
//!
//! Each file of `data/groups` holds the sets of one source. Lines:
//!
//! - `source NAME [VERSION]` — first, once. Of several versions the highest gets the plain names, the
//!   others `NAME:VERSION`.
//! - `group NAME — SUMMARY` — begins a set; then its members, one a line:
//!   `CALL`, `CALL if CONDITION` (in the policy language, with the kernel's argument names) or
//!   `@GROUP` (a set of the same source, or a plain name of another). A call met twice is a member if
//!   either condition holds.
//!
//! `absent.txt` there explains the names that no table has: `NAME — REASON`, where a trailing `*`
//! stands for any ending.

use super::argument::Arguments;
use super::calls::Calls;
use super::cell;
use crate::data::{self, Row};
use crate::files::{self, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const FOLDER: &str = "data/groups";
const ABSENT: &str = "data/groups/absent.txt";

/// Reads `data/groups/*.txt` and writes the sets with every nesting expanded.
pub(crate) fn generate(calls: &Calls) -> Result<String> {
    let mut sources = Vec::new();
    for path in files::list(FOLDER, "txt")? {
        if path != std::path::Path::new(ABSENT) {
            sources.push((path.display().to_string(), data::rows(&path)?));
        }
    }
    build(calls, sources, data::rows(ABSENT)?)
}

/// `sources` are the files, by name.
fn build(calls: &Calls, sources: Vec<(String, Vec<Row>)>, absent: Vec<Row>) -> Result<String> {
    let absent = read_absent(calls, absent)?;
    let groups = read_groups(sources)?;
    let arguments = Arguments::read(calls)?;
    let mut resolver =
        Resolver { calls, arguments: &arguments, absent: &absent, used: BTreeSet::new(), groups: &groups };
    let mut expanded = Vec::new();
    for name in groups.keys() {
        expanded.push((name, resolver.expand(name, &mut Vec::new())?));
    }
    let used = resolver.used;
    if let Some(stale) = absent.iter().find(|a| !used.iter().any(|name| a.matches(name))) {
        return Err(stale.row.error(format_args!("no group names {}", stale.pattern)));
    }
    let reason = |name: &String| {
        let absent = absent.iter().find(|a| a.matches(name))?;
        Some((name.clone(), absent.reason.clone()))
    };
    let explained: Vec<(String, String)> = used.iter().filter_map(reason).collect();
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

fn read_absent(calls: &Calls, rows: Vec<Row>) -> Result<Vec<Absent>> {
    let mut out: Vec<Absent> = Vec::new();
    for row in rows {
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

fn read_groups(sources: Vec<(String, Vec<Row>)>) -> Result<BTreeMap<String, Set>> {
    let files = sources.into_iter().map(|(name, rows)| read_file(rows, &name)).collect::<Result<Vec<_>>>()?;
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
    /// By call index: the alternative conditions, none at all meaning whatever the arguments.
    members: BTreeMap<u16, Vec<String>>,
    /// For members with a condition: the architectures where it cannot be asked.
    except: BTreeMap<u16, BTreeSet<&'static str>>,
    absent: BTreeSet<String>,
}

impl Expanded {
    /// Adds a way to be a member.
    fn add(&mut self, call: u16, alternatives: &[String]) {
        let Some(old) = self.members.get_mut(&call) else {
            self.members.insert(call, alternatives.to_vec());
            return;
        };
        if alternatives.is_empty() || old.is_empty() {
            old.clear();
            return;
        }
        let new: Vec<String> = alternatives.iter().filter(|a| !old.contains(a)).cloned().collect();
        old.extend(new);
    }

    /// The members with one condition each, as the policy language writes it.
    fn conditions(&self) -> impl Iterator<Item = (u16, String)> {
        let conditional = self.members.iter().filter(|(_, alternatives)| !alternatives.is_empty());
        conditional.map(|(call, alternatives)| match &alternatives[..] {
            [one] => (*call, one.clone()),
            several => (*call, several.iter().map(|c| format!("({c})")).collect::<Vec<_>>().join(" || ")),
        })
    }
}

struct Resolver<'a> {
    calls: &'a Calls,
    arguments: &'a Arguments<'a>,
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
                for (call, alternatives) in &inner.members {
                    out.add(*call, alternatives);
                }
                for (call, arches) in inner.except {
                    out.except.entry(call).or_default().extend(arches);
                }
                out.absent.extend(inner.absent);
                continue;
            }
            let (call, condition) = match row.text.split_once(" if ") {
                Some((call, condition)) => (call.trim(), Some(condition.trim())),
                None => (row.text.as_str(), None),
            };
            match self.calls.index(call) {
                Some(index) => {
                    out.add(index, condition.map(str::to_owned).as_slice());
                    let lacking =
                        condition.map_or(Ok(Vec::new()), |c| self.arguments.lacking(row, call, c))?;
                    out.except.entry(index).or_default().extend(lacking);
                }
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
    explained: &[(String, String)],
) -> Result<String> {
    let mut out = String::from(
        "use crate::arch::Arch;\nuse crate::group::Group;\nuse crate::syscall::Syscall;\n\n\
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
        for (call, condition) in set.conditions() {
            let _ = writeln!(out, "(Syscall::from_index({call}), {condition:?}),");
        }
        out.push_str("],\nexcept: &[");
        for (call, arches) in &set.except {
            if !set.members[call].is_empty() && !arches.is_empty() {
                let arches: Vec<String> =
                    arches.iter().map(|a| format!("Arch::{}", cell::variant(a))).collect();
                let _ = writeln!(out, "(Syscall::from_index({call}), &[{}]),", arches.join(", "));
            }
        }
        out.push_str("],\nabsent: &[");
        for name in &set.absent {
            let index =
                explained.iter().position(|e| e.0 == *name).ok_or("an absent name without a reason")?;
            let _ = write!(out, "{index}, ");
        }
        out.push_str("] },\n");
    }
    out.push_str("];\n");
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(text: &str, absent: &str) -> Result<String> {
        let calls = Calls::read()?;
        build(&calls, vec![("g".to_owned(), data::parse("g", text))], data::parse("a", absent))
    }

    fn refused(text: &str, absent: &str, why: &str) {
        assert_eq!(built(text, absent).err().as_deref(), Some(why), "{text}");
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        refused("group a — b\nread", "", "g:1: expected source NAME [VERSION]");
        refused("source s\nread", "", "g:2: a member before any group");
        refused("source s\ngroup a b", "", "g:2: expected group NAME — SUMMARY");
        refused("source s\ngroup A — b", "", "g:2: 'A' is no group name (a-z, 0-9, - and _)");
        refused(
            "source s\ngroup a — b\nreed",
            "",
            "g:3: reed is in no table; say why in data/groups/absent.txt",
        );
        refused("source s\ngroup a — b\nread\nread", "", "g:4: 'read' is there twice");
        refused("source s\ngroup a — b\n@c", "", "g:3: no group @c");
        refused("source s\ngroup a — b\n@c\ngroup c — d\n@a", "", "g:2: a contains itself");
        refused("source s\ngroup a — b\nread if handle == 1", "", "g:3: read has no argument handle");
        refused("source s\ngroup a — b\nread if fd == NO_FD", "", "g:3: no constant NO_FD");
        refused("source s\ngroup a — b\nread", "read — x", "a:1: read is in the tables");
        refused("source s\ngroup a — b\nread", "osf_* — x", "a:1: no group names osf_*");
        refused("source s\ngroup a — b\ngroup a — c", "", "g:3: a is a set of s too");
    }

    #[test]
    fn nested_conditions_are_alternatives_and_none_wins() {
        let text = "source s\ngroup a — x\nread if fd == 1\nwrite if fd == 2\n@b\n\
                    group b — y\nread if fd == 3\nwrite\nosf_x\n";
        let out = built(text, "osf_* — Alpha").unwrap();
        assert!(out.contains(r#""(fd == 1) || (fd == 3)""#), "{out}");
        assert!(!out.contains("fd == 2"), "{out}");
        assert!(out.contains(r#"("osf_x", "Alpha")"#), "{out}");
    }
}
