//! Writing units: a drop-in with `SystemCallFilter=` and its companions.

use super::companions::companions;
use super::filters::local_arches;
use super::settings::arch_name;
use crate::flat::{Flat, FlatCall, flatten};
use crate::place::{Error, Place};
use callgate::abi::group::Group;
use callgate::{Action, Arch, Errno, Policy, SeccompData, Syscall};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// How long a line of names gets.
const WIDTH: usize = 100;

/// Writes a drop-in for a machine. Lists have no conditions: a call gets the strictest of its actions, unless other
/// settings say its conditions.
pub(crate) fn write(policy: &Policy, host: Arch) -> Result<String, Error> {
    let too_many = |call: Syscall| {
        Error::new(Place::default(), format!("the conditions of {} are too many", call.name()))
    };
    let flats: Vec<Flat> = policy
        .arches
        .iter()
        .map(|arch| flatten(policy, *arch).map_err(|(call, _)| too_many(call)))
        .collect::<Result<_, _>>()?;
    let default = flats.first().map_or(policy.default, |f| f.default);
    let wanted = policy.lower().map_err(|e| Error::new(Place::default(), e.to_string()))?;
    let conditional: Vec<(Arch, Syscall)> = flats
        .iter()
        .flat_map(|f| f.calls.iter().filter(|c| !c.branches.is_empty()).map(|c| (f.arch, c.call)))
        .collect();
    let beside = companions(policy, &wanted, host, &conditional);
    let action_of = |arch: Arch, call: &FlatCall| {
        if !call.branches.is_empty() && beside.decide(&wanted, arch, call.call) {
            loosest(call)
        } else {
            strictest(call)
        }
    };
    // A name has one action in a unit: the strictest it has on any architecture.
    let mut actions: BTreeMap<Syscall, Action> = BTreeMap::new();
    for flat in &flats {
        for (_, call) in Syscall::of_arch(flat.arch) {
            let listed = flat.calls.iter().find(|c| c.call == call);
            let action = listed.map_or(flat.default, |c| action_of(flat.arch, c));
            actions.entry(call).and_modify(|old| *old = stricter(*old, action)).or_insert(action);
        }
    }
    let mut out = String::from("[Service]\n");
    if !policy.bad_arch.permits() || local_arches(host).iter().any(|a| !policy.arches.contains(a)) {
        let names =
            policy.arches.iter().filter_map(|a| if *a == host { Some("native") } else { arch_name(*a) });
        let _ = writeln!(out, "SystemCallArchitectures={}", names.collect::<Vec<_>>().join(" "));
    }
    // What systemd does not know is denied by a list of permitted calls, and by no other. No table has this number.
    let newer = SeccompData { nr: Arch::X32_BIT - 1, arch: host.token(), ..SeccompData::default() };
    if policy.eval(&newer).permits() {
        deny_list(&actions, &mut out);
    } else {
        let denials = actions.values().copied().filter(|a| !a.permits()).map(sayable);
        let denial = if default.permits() { most(denials) } else { default };
        allow_list(&actions, denial, &mut out);
    }
    for line in &beside.lines {
        let _ = writeln!(out, "{line}");
    }
    let logged: Vec<&str> =
        actions.iter().filter(|(_, a)| matches!(a, Action::Log(_))).map(|(c, _)| c.name()).collect();
    if matches!(default, Action::Log(_)) {
        let quiet: Vec<&str> =
            actions.iter().filter(|(_, a)| !matches!(a, Action::Log(_))).map(|(c, _)| c.name()).collect();
        lines("SystemCallLog=~", &quiet, &mut out);
    } else {
        lines("SystemCallLog=", &logged, &mut out);
    }
    Ok(out)
}

fn stricter(a: Action, b: Action) -> Action {
    if b.precedence() < a.precedence() { b } else { a }
}

fn deny_list(actions: &BTreeMap<Syscall, Action>, out: &mut String) {
    let denied: BTreeMap<Syscall, Action> = actions
        .iter()
        .filter(|(_, a)| !a.permits())
        .map(|(call, action)| (*call, sayable(*action)))
        .collect();
    let common = most(denied.values().copied());
    let plain: BTreeSet<Syscall> = denied.iter().filter(|(_, a)| **a == common).map(|(c, _)| *c).collect();
    error_number(common, out);
    lines("SystemCallFilter=~", &names(&plain, actions), out);
    own_errors(&denied, common, out);
}

fn allow_list(actions: &BTreeMap<Syscall, Action>, default: Action, out: &mut String) {
    let default = sayable(default);
    error_number(default, out);
    let allowed: BTreeSet<Syscall> = actions.iter().filter(|(_, a)| a.permits()).map(|(c, _)| *c).collect();
    let implied: BTreeSet<Syscall> =
        Group::from_name("default").into_iter().flat_map(Group::members).collect();
    let mut words = names(&allowed, actions);
    if words.is_empty() {
        // The list must begin as one of permitted calls.
        words.push("@default".into());
    }
    lines("SystemCallFilter=", &words, out);
    let gone: Vec<&str> =
        implied.iter().filter(|c| actions.get(c).is_some_and(|a| !a.permits())).map(|c| c.name()).collect();
    lines("SystemCallFilter=~", &gone, out);
    let denied: BTreeMap<Syscall, Action> = actions
        .iter()
        .filter(|(_, a)| !a.permits())
        .map(|(call, action)| (*call, sayable(*action)))
        .collect();
    own_errors(&denied, default, out);
}

/// Calls with another denial than the common one.
fn own_errors(denied: &BTreeMap<Syscall, Action>, common: Action, out: &mut String) {
    let words: Vec<String> = denied
        .iter()
        .filter(|(_, action)| **action != common)
        .map(|(call, action)| format!("{}:{}", call.name(), denial(*action)))
        .collect();
    lines("SystemCallFilter=~", &words, out);
}

fn error_number(action: Action, out: &mut String) {
    if let Action::Errno(_) = action {
        let _ = writeln!(out, "SystemCallErrorNumber={}", denial(action));
    }
}

fn denial(action: Action) -> String {
    match action {
        Action::Errno(errno) => errno.name().map_or_else(|| errno.0.to_string(), str::to_owned),
        _ => "kill".into(),
    }
}

/// The nearest denial systemd knows that is not weaker.
fn sayable(action: Action) -> Action {
    match action {
        Action::Errno(errno) if (1..=4095).contains(&errno.0) => action,
        Action::Errno(_) | Action::Trace(_) | Action::Notify(_) => Action::Errno(Errno::EPERM),
        _ => Action::KILL_PROCESS,
    }
}

fn most(all: impl Iterator<Item = Action>) -> Action {
    let mut counts: BTreeMap<Action, usize> = BTreeMap::new();
    for action in all {
        *counts.entry(action).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(action, count)| (*count, *action)).map_or(Action::KILL_PROCESS, |c| c.0)
}

/// The words for a set of calls: whole groups first, then names. Members of a group that no
/// architecture of the policy has do not matter.
fn names(calls: &BTreeSet<Syscall>, known: &BTreeMap<Syscall, Action>) -> Vec<String> {
    let mut groups: Vec<&Group> = Group::all()
        .iter()
        .filter(|g| g.source.starts_with("systemd") && g.is_current() && g.name != "known")
        .filter(|g| {
            g.members().len() > 2 && g.members().all(|m| calls.contains(&m) || !known.contains_key(&m))
        })
        .collect();
    groups.sort_by_key(|g| (std::cmp::Reverse(g.members().len()), g.name));
    let mut left = calls.clone();
    let mut words = Vec::new();
    for group in groups {
        if group.members().filter(|m| left.contains(m)).count() > 2 {
            left.retain(|call| !group.has(*call));
            words.push(format!("@{}", group.name));
        }
    }
    words.sort_unstable();
    words.extend(left.iter().map(|c| c.name().to_owned()));
    words
}

fn strictest(call: &FlatCall) -> Action {
    let all = call.branches.iter().map(|b| b.1).chain([call.otherwise]);
    all.min_by_key(|a| a.precedence()).unwrap_or(call.otherwise)
}

fn loosest(call: &FlatCall) -> Action {
    let all = call.branches.iter().map(|b| b.1).chain([call.otherwise]);
    all.max_by_key(|a| a.precedence()).unwrap_or(call.otherwise)
}

/// `key=word word …` on as many lines as it takes.
fn lines<S: AsRef<str>>(key: &str, words: &[S], out: &mut String) {
    let mut line = String::new();
    for word in words {
        if line.is_empty() {
            line.push_str(key);
        } else if line.len() + word.as_ref().len() >= WIDTH {
            let _ = writeln!(out, "{line}");
            line = key.to_owned();
        } else {
            line.push(' ');
        }
        line.push_str(word.as_ref());
    }
    if !line.is_empty() {
        let _ = writeln!(out, "{line}");
    }
}
