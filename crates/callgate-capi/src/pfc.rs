//! A collection as text, the way libseccomp words it.
//!
//! The text is a listing for people, call by call; what a program does is decided by `compile`. Where the tree
//! that libseccomp would list says something else, the rules are listed one after the other.

use crate::chain::Rules;
use crate::collection::Collection;
use crate::meaning;
use crate::name;
use crate::rules::ArchRules;
use crate::token;
use crate::tree::{Branch, Id, Test, Tree};
use callgate::{Action, Arch};
use std::borrow::Cow;
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
    /// What is listed, one after the other.
    trees: Vec<Cow<'a, Tree>>,
    priority: u32,
    /// Whether the depth of the tree by numbers counts it: not if its priority came before its rules.
    counted: bool,
}

fn of_arch(out: &mut Text, collection: &Collection, filter: &ArchRules) {
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
    out.action(1, collection.attributes.default);
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
            let trees = rules.map(|r| trees(r, filter.arch, collection.attributes.default));
            let trees = trees.unwrap_or_default();
            let tests = trees.iter().fold(0, |sum: u32, tree| sum.wrapping_add(tree.count()));
            let user = collection.priorities.get(&(filter.arch, number.cast_signed()));
            let own = if rules.is_some() { 0xffff_u32.wrapping_sub(tests) & 0xffff } else { 0 };
            let priority = u32::from(user.map_or(0, |p| p.value)) << 16 | own;
            let counted = rules.is_some() && user.is_none_or(|p| !p.before_rules);
            Entry { number, rules, trees, priority, counted }
        })
        .collect();
    if collection.attributes.optimize != 2 {
        entries.sort_by_key(|e| std::cmp::Reverse(e.priority));
    }
    entries
}

/// The tests of a call that are listed.
fn trees(rules: &Rules, arch: Arch, default: u32) -> Vec<Cow<'_, Tree>> {
    if rules.always().is_some() {
        return Vec::new();
    }
    if meaning::is_listed(rules, arch, default) {
        return vec![Cow::Borrowed(rules.tree())];
    }
    let narrow = token::is_narrow(arch);
    rules
        .ordered()
        .into_iter()
        .map(|chain| Cow::Owned(Tree::of(&chain.compares, chain.action, narrow)))
        .collect()
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
        out.level(indent + 1, arch, tree, tree.first(None));
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

    fn level(&mut self, indent: usize, arch: Arch, tree: &Tree, first: Option<Id>) {
        let mut at = first;
        while let Some(id) = at {
            let node = tree.node(id);
            let half = match node.high {
                _ if token::is_narrow(arch) => "",
                true => ".hi32",
                false => ".lo32",
            };
            let test = match node.test {
                Test::Eq => " ==".into(),
                Test::Gt => " >".into(),
                Test::Ge => " >=".into(),
                Test::Masked => format!(" & 0x{:08x} ==", node.mask),
            };
            self.line(indent, &format!("if ($a{}{half}{test} {})", node.arg, node.value));
            self.branch(indent + 1, arch, tree, node.yes);
            if node.no.action().is_some() || node.no.next().is_some() {
                self.line(indent, "else");
                self.branch(indent + 1, arch, tree, node.no);
            }
            at = tree.after(id);
        }
    }

    fn branch(&mut self, indent: usize, arch: Arch, tree: &Tree, branch: Branch) {
        match (branch.action(), branch.next()) {
            (Some(action), _) => self.action(indent, action),
            (None, Some(next)) => self.level(indent, arch, tree, tree.first(Some(next))),
            (None, None) => {}
        }
    }
}
