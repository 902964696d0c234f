//! Writing libseccomp's pseudo filter code: a filter in the shape of nested conditions, for people to
//! read. Nobody reads it back.
//!
//! The shape is libseccomp's: an architecture a block, the calls by falling priority (fewer tests
//! first) and falling number, 64-bit arguments in halves, equal tests shared.

use crate::container;
use crate::flat::{Conj, Flat, asks_where, flatten};
use crate::place::{Error, Place};
use callgate::{Action, Arch, Call, Op, Policy, Syscall, Width};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The priority of a call without tests.
const MAX_PRIORITY: usize = 65535;

/// Writes a policy.
pub(crate) fn write(policy: &Policy) -> Result<String, Error> {
    if let Some(rule) = policy.rules.iter().find(|r| asks_where(&r.when)) {
        let place = Place { line: rule.origin.line, column: 0, path: rule.origin.path.clone() };
        return Err(Error::new(place, "pfc has no word for the instruction pointer"));
    }
    let mut out = String::from("#\n# pseudo filter code start\n#\n");
    for arch in &policy.arches {
        let flat = flatten(policy, *arch).map_err(|(call, _)| too_many(call))?;
        one_arch(&flat, &mut out)?;
    }
    let _ = writeln!(out, "# invalid architecture action");
    let _ = writeln!(out, "action {};", word(policy.bad_arch));
    for what in not_shown(policy) {
        let _ = writeln!(out, "# not shown: {what}");
    }
    out.push_str("#\n# pseudo filter code end\n#\n");
    Ok(out)
}

/// What the policy says that this view has no place for.
fn not_shown(policy: &Policy) -> Vec<String> {
    let mut what = Vec::new();
    // libseccomp's own exemption of number -1 is in none of its views either.
    let is_number = |c: &Call| matches!(c, Call::Numbers(range) if *range.start() != u32::MAX);
    if policy.unknown.is_some() || policy.rules.iter().any(|r| r.calls.iter().any(is_number)) {
        what.push("numbers without a name".into());
    }
    if let Some(action) = policy.x32.filter(|a| *a != policy.bad_arch)
        && policy.arches.contains(&Arch::X86_64)
        && !policy.arches.contains(&Arch::X32)
    {
        what.push(format!("x32 numbers, {}", word(action)));
    }
    if !policy.foreign.is_empty() {
        what.push("rules for other architectures".into());
    }
    what
}

fn too_many(call: Syscall) -> Error {
    let what = format!("the conditions of {} are too many to be written one by one", call.name());
    Error::new(Place::default(), what)
}

fn one_arch(flat: &Flat, out: &mut String) -> Result<(), Error> {
    let token = flat.arch.token();
    let _ = writeln!(out, "# filter for arch {} ({token})", flat.arch.name());
    let _ = writeln!(out, "if ($arch == {token})");
    let mut calls = Vec::new();
    for call in &flat.calls {
        let Some(number) = call.call.number(flat.arch) else { continue };
        let mut tree = Vec::new();
        let mut tests = BTreeSet::new();
        for (conj, action) in call.regions(flat.default).map_err(|_| too_many(call.call))? {
            let written = match as_written(&conj, flat.arch) {
                Some(compares) => vec![compares],
                None => container::single(&conj, flat.arch).map_err(|_| too_many(call.call))?,
            };
            for compares in written {
                let chain = chain(&compares, action, flat.arch, String::new(), &mut tests);
                merge(&mut tree, chain);
            }
        }
        let priority = MAX_PRIORITY.saturating_sub(tests.len());
        calls.push((priority, number, call.call, tree));
    }
    calls.sort_by_key(|(priority, number, ..)| (Reverse(*priority), Reverse(*number)));
    for (priority, number, call, tree) in calls {
        let _ = writeln!(out, "  # filter for syscall \"{}\" ({number}) [priority: {priority}]", call.name());
        let _ = writeln!(out, "  if ($syscall == {number})");
        print(&tree, 2, out);
    }
    let _ = writeln!(out, "  # default action");
    let _ = writeln!(out, "  action {};", word(flat.default));
    Ok(())
}

/// The tests as they are, where each is of a whole argument and no argument is tested twice.
fn as_written(conj: &Conj, arch: Arch) -> Option<container::Compares> {
    let mut compares = Vec::new();
    for test in conj {
        let narrow = arch.register_bits() == 32;
        let whole = match test.width {
            Width::W32 => narrow,
            Width::W64 => true,
            Width::Slot => !narrow,
        };
        if !whole || test.arg.get() > 5 || compares.iter().any(|(arg, _)| *arg == test.arg.get()) {
            return None;
        }
        compares.push((test.arg.get(), test.op));
    }
    compares.sort_by_key(|(arg, _)| *arg);
    Some(compares)
}

/// A node of a decision tree: an action, or a test with what follows where it holds and where not.
/// Where nothing that follows decides, the next node does.
enum Node {
    Action(Action),
    Test { test: Test, yes: Vec<Node>, no: Vec<Node> },
}

/// A test of one half of an argument, or of all of it on 32-bit architectures. The order is that of
/// neighbours in a tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Test {
    arg: Reverse<u8>,
    relation: Relation,
    mask: u32,
    datum: Reverse<u32>,
    half: Half,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Half {
    Whole,
    High,
    Low,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Relation {
    Eq,
    Ge,
    Gt,
}

/// Comparisons that must all hold, as a tree; `tests` collects its tests, those that several trees
/// begin with once.
fn chain(
    compares: &[(u8, Op)],
    action: Action,
    arch: Arch,
    path: String,
    tests: &mut BTreeSet<String>,
) -> Vec<Node> {
    let Some(((arg, op), rest)) = compares.split_first() else { return vec![Node::Action(action)] };
    let wide = arch.register_bits() == 64 && arch != Arch::X32;
    // Whether the test is one of equality, whether it is the opposite that is wanted.
    let (relation, negated, mask, value) = match *op {
        Op::Eq(v) => (Relation::Eq, false, u64::MAX, v),
        Op::Ne(v) => (Relation::Eq, true, u64::MAX, v),
        Op::MaskedEq { mask, value } => (Relation::Eq, false, mask, value),
        Op::Gt(v) => (Relation::Gt, false, u64::MAX, v),
        Op::Ge(v) => (Relation::Ge, false, u64::MAX, v),
        Op::Le(v) => (Relation::Gt, true, u64::MAX, v),
        Op::Lt(v) => (Relation::Ge, true, u64::MAX, v),
    };
    let at = |half, relation, mask: u64, value: u64| {
        let upper = half == Half::High;
        let part = |v: u64| if upper { (v >> 32) as u32 } else { v as u32 };
        Test { arg: Reverse(*arg), relation, mask: part(mask), datum: Reverse(part(value)), half }
    };
    let mut path = path;
    let mut count = |test: Test| {
        let _ = write!(path, "/{}", condition(test));
        tests.insert(path.clone());
    };
    let above = at(Half::High, Relation::Gt, u64::MAX, value);
    let high = at(Half::High, Relation::Eq, mask, value);
    let low = at(if wide { Half::Low } else { Half::Whole }, relation, mask, value);
    if wide && relation != Relation::Eq {
        count(above);
    }
    if wide {
        count(high);
    }
    count(low);
    let mut next = || chain(rest, action, arch, path.clone(), tests);
    let last = if negated {
        Node::Test { test: low, yes: Vec::new(), no: next() }
    } else {
        Node::Test { test: low, yes: next(), no: Vec::new() }
    };
    if !wide {
        return vec![last];
    }
    let equal = Node::Test { test: high, yes: vec![last], no: if negated { next() } else { Vec::new() } };
    if relation == Relation::Eq {
        return vec![equal];
    }
    vec![Node::Test { test: above, yes: if negated { Vec::new() } else { next() }, no: vec![equal] }]
}

/// Puts one tree into another; equal tests become one.
fn merge(tree: &mut Vec<Node>, more: Vec<Node>) {
    for node in more {
        match node {
            Node::Action(action) => {
                if !tree.iter().any(|n| matches!(n, Node::Action(_))) {
                    tree.push(Node::Action(action));
                }
            }
            Node::Test { test, yes, no } => {
                let found = tree.iter_mut().find_map(|n| match n {
                    Node::Test { test: other, yes, no } if *other == test => Some((yes, no)),
                    Node::Action(_) | Node::Test { .. } => None,
                });
                if let Some((old_yes, old_no)) = found {
                    merge(old_yes, yes);
                    merge(old_no, no);
                    continue;
                }
                let before = |n: &Node| matches!(n, Node::Test { test: other, .. } if *other < test);
                let at = tree.iter().take_while(|n| before(n)).count();
                tree.insert(at, Node::Test { test, yes, no });
            }
        }
    }
}

fn print(tree: &[Node], depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    for node in tree {
        match node {
            Node::Action(action) => {
                let _ = writeln!(out, "{indent}action {};", word(*action));
            }
            Node::Test { test, yes, no } => {
                let _ = writeln!(out, "{indent}if ({})", condition(*test));
                print(yes, depth + 1, out);
                if !no.is_empty() {
                    let _ = writeln!(out, "{indent}else");
                    print(no, depth + 1, out);
                }
            }
        }
    }
}

fn condition(test: Test) -> String {
    let half = match test.half {
        Half::Whole => "",
        Half::High => ".hi32",
        Half::Low => ".lo32",
    };
    let relation = match test.relation {
        Relation::Eq => "==",
        Relation::Ge => ">=",
        Relation::Gt => ">",
    };
    let mask = match test.mask {
        u32::MAX => String::new(),
        mask => format!(" & {mask:#010x}"),
    };
    format!("$a{}{half}{mask} {relation} {}", test.arg.0, test.datum.0)
}

fn word(action: Action) -> String {
    match action {
        Action::KillProcess(_) => "KILL_PROCESS".into(),
        Action::KillThread(_) => "KILL".into(),
        Action::Trap(0) => "TRAP".into(),
        Action::Trap(data) => format!("TRAP({data})"),
        Action::Errno(errno) => format!("ERRNO({})", errno.0),
        Action::Trace(data) => format!("TRACE({data})"),
        Action::Log(_) => "LOG".into(),
        Action::Allow(_) => "ALLOW".into(),
        Action::Notify(_) | Action::Unknown(_) => format!("{:#x}", action.to_ret()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, Options, read};

    fn pfc(text: &str) -> String {
        let policy =
            read(text, Format::Lxc, &Options { arches: Some(vec![Arch::X86_64]), ..Options::default() });
        write(&policy.unwrap().policies[0].policy).unwrap()
    }

    #[test]
    fn the_shape_is_libseccomps() {
        let text = "2\nallowlist\n[all]\nread\nwrite errno 5 [0,5,==]\nopen allow [0,4,<]\nclose trap\n\
                    ioctl allow [1,7,!=]\nclone allow [0,0x10,&=,0xff]\n";
        let want = "#
# pseudo filter code start
#
# filter for arch x86_64 (3221225534)
if ($arch == 3221225534)
  # filter for syscall \"close\" (3) [priority: 65535]
  if ($syscall == 3)
    action TRAP;
  # filter for syscall \"read\" (0) [priority: 65535]
  if ($syscall == 0)
    action ALLOW;
  # filter for syscall \"clone\" (56) [priority: 65533]
  if ($syscall == 56)
    if ($a0.hi32 & 0x00000000 == 0)
      if ($a0.lo32 & 0x000000ff == 16)
        action ALLOW;
  # filter for syscall \"ioctl\" (16) [priority: 65533]
  if ($syscall == 16)
    if ($a1.hi32 == 0)
      if ($a1.lo32 == 7)
      else
        action ALLOW;
    else
      action ALLOW;
  # filter for syscall \"write\" (1) [priority: 65533]
  if ($syscall == 1)
    if ($a0.hi32 == 0)
      if ($a0.lo32 == 5)
        action ERRNO(5);
  # filter for syscall \"open\" (2) [priority: 65532]
  if ($syscall == 2)
    if ($a0.hi32 > 0)
    else
      if ($a0.hi32 == 0)
        if ($a0.lo32 >= 4)
        else
          action ALLOW;
      else
        action ALLOW;
  # default action
  action KILL;
# invalid architecture action
action KILL;
#
# pseudo filter code end
#
";
        assert_eq!(pfc(text), want);
    }

    #[test]
    fn what_is_not_shown_is_said() {
        let policy = Policy { x32: Some(Action::Errno(callgate::Errno(38))), ..Policy::new(Action::ALLOW) };
        let policy = Policy { arches: vec![Arch::X86_64], unknown: Some(Action::LOG), ..policy };
        let text = write(&policy).unwrap();
        assert!(
            text.contains("# not shown: numbers without a name\n# not shown: x32 numbers, ERRNO(38)\n"),
            "{text}"
        );
    }

    #[test]
    fn equal_tests_are_shared() {
        let text = pfc(
            "2\nallowlist\n[all]\nread allow [0,5,==]\nread allow [0,3,==] [2,1,==]\nread allow [0,0x700000003,==]\n",
        );
        assert!(text.contains("[priority: 65528]"), "{text}");
        assert_eq!(text.matches("if ($a0.hi32 == 0)").count(), 1, "{text}");
    }
}
