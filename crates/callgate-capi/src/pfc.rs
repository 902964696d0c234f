//! A collection as text, the way libseccomp words it.
//!
//! The text is a listing for people, call by call; what a program does is decided by `compile`. Where the tree
//! that libseccomp would list says something else, the rules are listed one after the other.

use crate::chain::Rules;
use crate::collection::Collection;
use crate::known;
use crate::name;
use crate::order::{self, LEAF};
use crate::rules::ArchRules;
use crate::token;
use crate::tree::{Branch, Id, Relation, Tree};
use callgate::{Action, Arch};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The text.
pub(crate) fn text(collection: &Collection) -> String {
    let mut out = Text(String::from("#\n# pseudo filter code start\n#\n"));
    for filter in &collection.filters {
        match known::kernel(collection.attributes.newest) {
            None => of_arch(&mut out, collection, filter, collection.attributes.default),
            Some(newest) => {
                let listed = filter.with_known(newest, collection.attributes.default);
                of_arch(&mut out, collection, &listed, collection.attributes.unknown);
            }
        }
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
    /// What is listed, one after the other.
    trees: Vec<Cow<'a, Tree>>,
    priority: u32,
    /// Whether the depth of the tree by numbers counts it: not if its priority came before its rules.
    counted: bool,
}

/// The calls of one architecture, and the action of those that are not listed.
fn of_arch(out: &mut Text, collection: &Collection, filter: &ArchRules, others: u32) {
    let arch = filter.arch;
    out.line(0, &format!("# filter for arch {} ({})", arch.name(), arch.token()));
    out.line(0, &format!("if ($arch == {})", arch.token()));
    let entries = entries(collection, filter);
    let counted = entries.iter().filter(|e| e.counted).count();
    let levels = if collection.attributes.optimize == 2 { levels(counted) } else { 0 };
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
    out.action(1, others);
}

/// The calls in the order they are written in.
fn entries<'a>(collection: &Collection, filter: &'a ArchRules) -> Vec<Entry<'a>> {
    // Rules about number -1 are listed even where the attribute for them has been taken back.
    let mut numbers: BTreeMap<u32, Option<&Rules>> =
        filter.calls.iter().map(|(number, rules)| (number.cast_unsigned(), Some(rules))).collect();
    let priorities = collection.priorities.iter().filter(|p| p.0.0 == filter.arch);
    for ((_, number), _) in priorities {
        numbers.entry(number.cast_unsigned()).or_default();
    }
    let mut entries: Vec<Entry<'_>> = numbers
        .into_iter()
        .rev()
        .map(|(number, rules)| {
            let signed = number.cast_signed();
            let trees = rules.map(|r| order::trees(r, filter.arch, collection.attributes.default));
            let priority = order::priority(collection, filter.arch, signed, trees.as_deref());
            let user = collection.priorities.get(&(filter.arch, signed));
            let counted = rules.is_some() && user.is_none_or(|p| !p.before_rules);
            Entry { number, rules, trees: trees.unwrap_or_default(), priority, counted }
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
    if let Some(action) = entry.rules.and_then(Rules::always) {
        out.action(indent + 1, action);
    }
    for tree in &entry.trees {
        out.level(indent + 1, arch, tree, tree.top());
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
            Action::Trap(0) => "TRAP".into(),
            Action::Trap(message) => format!("TRAP({message})"),
            Action::Errno(errno) => format!("ERRNO({})", errno.0),
            Action::Trace(message) => format!("TRACE({message})"),
            Action::Log(_) => "LOG".into(),
            Action::Allow(_) => "ALLOW".into(),
            Action::Notify(_) | Action::Unknown(_) => format!("0x{raw:x}"),
        };
        self.line(indent, &format!("action {word};"));
    }

    fn level(&mut self, indent: usize, arch: Arch, tree: &Tree, tests: &[Id]) {
        for test in tests.iter().map(|id| tree.test(*id)) {
            let asked = test.question;
            let half = match asked.high {
                _ if token::is_narrow(arch) => "",
                true => ".hi32",
                false => ".lo32",
            };
            let relation = match asked.relation {
                Relation::Eq => " ==".into(),
                Relation::Gt => " >".into(),
                Relation::Ge => " >=".into(),
                Relation::Masked => format!(" & 0x{:08x} ==", asked.mask),
            };
            self.line(indent, &format!("if ($a{}{half}{relation} {})", asked.arg, asked.value));
            self.branch(indent + 1, arch, tree, test.yes);
            if test.no != Branch::Nothing {
                self.line(indent, "else");
                self.branch(indent + 1, arch, tree, test.no);
            }
        }
    }

    fn branch(&mut self, indent: usize, arch: Arch, tree: &Tree, branch: Branch) {
        match branch {
            Branch::Acts(action) => self.action(indent, action),
            Branch::Leads(next) => self.level(indent, arch, tree, tree.beside(next)),
            Branch::Nothing => {}
        }
    }
}
