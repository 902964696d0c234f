//! A collection as text, the way libseccomp words it.
//!
//! The text is a listing for people, call by call; what a program does is decided by `compile`.

mod tree;

use crate::chain::Rules;
use crate::collection::Collection;
use crate::name;
use crate::rules::ArchRules;
use crate::token;
use callgate::{Action, Arch};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many calls a leaf of the tree by numbers holds.
const LEAF: usize = 4;

/// The text.
pub(crate) fn text(collection: &Collection) -> String {
    let mut out = Text(String::from("#\n# pseudo filter code start\n#\n"));
    for filter in &collection.filters {
        of_arch(&mut out, collection, filter);
    }
    out.line(0, "# invalid architecture action");
    out.action(0, collection.attributes.bad_arch);
    out.0 += "#\n# pseudo filter code end\n#\n";
    out.0
}

/// A call with what is written about it.
struct Entry<'a> {
    number: u32,
    /// `None` for a call that has a priority but no rule.
    rules: Option<&'a Rules>,
    chains: tree::Level,
    priority: u32,
}

fn of_arch(out: &mut Text, collection: &Collection, filter: &ArchRules) {
    let arch = filter.arch;
    out.line(0, &format!("# filter for arch {} ({})", arch.name(), arch.token()));
    out.line(0, &format!("if ($arch == {})", arch.token()));
    let entries = entries(collection, filter);
    let rules = entries.iter().filter(|e| e.rules.is_some()).count();
    let levels = if collection.attributes.optimize == 2 { levels(rules) } else { 0 };
    let (mut indent, mut written) = (1, 0);
    for (at, entry) in entries.iter().enumerate().filter(|e| e.1.rules.is_some()) {
        for level in (1..levels).rev() {
            let (whole, half) = (LEAF << level, (LEAF << level) / 2);
            if written % whole == 0 {
                if let Some(middle) = entries.get(at + half) {
                    out.line(indent, &format!("if ($syscall > {})", middle.number));
                    indent += 1;
                }
            } else if written % half == 0 {
                out.line(indent.saturating_sub(1), &format!("else # ($syscall <= {})", entry.number));
            }
        }
        of_call(out, arch, entry, indent);
        written += 1;
        let done = (0..levels).filter(|level| written % ((2 * LEAF) << level) == 0).count();
        indent = indent.saturating_sub(done);
    }
    out.line(1, "# default action");
    out.action(1, collection.attributes.default);
}

/// The calls in the order they are written in.
fn entries<'a>(collection: &Collection, filter: &'a ArchRules) -> Vec<Entry<'a>> {
    let skip = collection.attributes.skip;
    let listed = filter.calls.iter().filter(|c| *c.0 != -1 || skip);
    let mut numbers: BTreeMap<u32, Option<&Rules>> =
        listed.map(|(number, rules)| (number.cast_unsigned(), Some(rules))).collect();
    let priorities = collection.priorities.iter().filter(|p| p.0.0 == filter.arch);
    for ((_, number), _) in priorities {
        numbers.entry(number.cast_unsigned()).or_default();
    }
    let mut entries: Vec<Entry<'_>> = numbers
        .into_iter()
        .rev()
        .map(|(number, rules)| {
            let chains = rules.map(|r| tree::build(&r.chains, token::is_narrow(filter.arch)));
            let chains = chains.unwrap_or_default();
            let user = collection.priorities.get(&(filter.arch, number.cast_signed()));
            let own = if rules.is_some() { 0xffff - tree::count(&chains) } else { 0 };
            let priority = u32::from(user.copied().unwrap_or_default()) << 16 | own;
            Entry { number, rules, chains, priority }
        })
        .collect();
    if collection.attributes.optimize != 2 {
        entries.sort_by_key(|e| std::cmp::Reverse(e.priority));
    }
    entries
}

/// How many levels a tree of this many calls has.
fn levels(calls: usize) -> usize {
    if calls == 0 {
        return 0;
    }
    1 + (0..).take_while(|level| LEAF << level < calls).count()
}

fn of_call(out: &mut Text, arch: Arch, entry: &Entry<'_>, indent: usize) {
    let Entry { number, priority, .. } = entry;
    let name = name::of_number(arch, number.cast_signed()).unwrap_or("UNKNOWN");
    out.line(indent, &format!("# filter for syscall \"{name}\" ({number}) [priority: {priority}]"));
    out.line(indent, &format!("if ($syscall == {number})"));
    match entry.rules.and_then(|r| r.always) {
        Some(action) => out.action(indent + 1, action),
        None => out.level(indent + 1, arch, &entry.chains),
    }
}

struct Text(String);

impl Text {
    fn line(&mut self, indent: usize, text: &str) {
        // Writing to a string never fails.
        let _ = writeln!(self.0, "{:1$}{text}", "", 2 * indent);
    }

    fn action(&mut self, indent: usize, raw: u32) {
        let word = match Action::from_ret(raw) {
            Action::KillProcess(_) => "KILL_PROCESS".into(),
            Action::KillThread(_) => "KILL".into(),
            Action::Trap(_) => "TRAP".into(),
            Action::Errno(errno) => format!("ERRNO({})", errno.0),
            Action::Trace(message) => format!("TRACE({message})"),
            Action::Log(_) => "LOG".into(),
            Action::Allow(_) => "ALLOW".into(),
            Action::Notify(_) | Action::Unknown(_) => format!("0x{raw:x}"),
        };
        self.line(indent, &format!("action {word};"));
    }

    fn level(&mut self, indent: usize, arch: Arch, level: &tree::Level) {
        for node in level {
            let half = match node.high {
                _ if token::is_narrow(arch) => "",
                true => ".hi32",
                false => ".lo32",
            };
            let test = match node.test {
                tree::Test::Eq => " ==".into(),
                tree::Test::Gt => " >".into(),
                tree::Test::Ge => " >=".into(),
                tree::Test::Masked => format!(" & 0x{:08x} ==", node.mask),
            };
            self.line(indent, &format!("if ($a{}{half}{test} {})", node.arg, node.value));
            self.branch(indent + 1, arch, &node.yes);
            if node.no.action.is_some() || !node.no.next.is_empty() {
                self.line(indent, "else");
                self.branch(indent + 1, arch, &node.no);
            }
        }
    }

    fn branch(&mut self, indent: usize, arch: Arch, branch: &tree::Branch) {
        match branch.action {
            Some(action) => self.action(indent, action),
            None => self.level(indent, arch, &branch.next),
        }
    }
}
