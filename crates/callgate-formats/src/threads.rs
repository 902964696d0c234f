//! Writing seccompiler JSON.

use crate::flat::{Conj, FlatCall, flatten};
use crate::import::Effect;
use crate::json;
use crate::options::{Options, Runtime};
use crate::place::{Error, Place};
use callgate::{Action, Arch, Op, Policy, Width};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Writes the filter of one thread, for one architecture of the policy. A file knows two
/// actions; calls with a third get the nearer of the two that is not weaker.
pub(crate) fn write(policy: &Policy, arch: Arch, options: &Options) -> Result<String, Error> {
    if policy.arches.is_empty() {
        return Err(Error::new(Place::default(), "the policy lists no architecture"));
    }
    let too_many = |call: callgate::Syscall| {
        Error::new(
            Place::default(),
            format!("the conditions of {} are too many to be written one by one", call.name()),
        )
    };
    let flat = flatten(policy, arch).map_err(|(call, _)| too_many(call))?;
    let default = sayable(flat.default);
    let matched = second_action(&flat.calls, default);
    let mut entries: Vec<String> = Vec::new();
    for call in &flat.calls {
        let fit = |action: Action| nearest(sayable(action), default, matched);
        let reduced = FlatCall {
            call: call.call,
            branches: call.branches.iter().map(|(c, a)| (c.clone(), fit(*a))).collect(),
            otherwise: fit(call.otherwise),
        };
        for (conj, _) in reduced.regions(default).map_err(|_| too_many(call.call))? {
            entries.push(entry(call.call.name(), &conj));
        }
    }
    let name = json::quote(options.pick.as_deref().unwrap_or("main"));
    let keys = if options.first_keys || options.runtime == Some(Runtime::Firecracker) {
        ["default_action", "filter_action"]
    } else {
        ["mismatch_action", "match_action"]
    };
    let mut out = format!(
        "{{\n  {name}: {{\n    \"{}\": {},\n    \"{}\": {},\n    \"filter\": [",
        keys[0],
        action(default),
        keys[1],
        action(matched)
    );
    for (i, entry) in entries.iter().enumerate() {
        let _ = write!(out, "{}\n      {entry}", if i == 0 { "" } else { "," });
    }
    out.push_str(if entries.is_empty() { "]\n  }\n}\n" } else { "\n    ]\n  }\n}\n" });
    Ok(out)
}

/// The action other than the default that most calls get; `allow` (or, where that is the default,
/// the end of the process) if there is none.
fn second_action(calls: &[FlatCall], default: Action) -> Action {
    let mut counts: BTreeMap<Action, usize> = BTreeMap::new();
    for call in calls {
        for action in call.branches.iter().map(|b| b.1).chain([call.otherwise]).map(sayable) {
            if action != default {
                *counts.entry(action).or_default() += 1;
            }
        }
    }
    let most = counts.into_iter().max_by_key(|(action, count)| (*count, *action));
    match most {
        Some((action, _)) => action,
        None if default == Action::ALLOW => Action::KILL_PROCESS,
        None => Action::ALLOW,
    }
}

/// Of two actions the one that changes less, and is not weaker if one of them is not.
fn nearest(wanted: Action, default: Action, matched: Action) -> Action {
    if wanted == default || wanted == matched {
        return wanted;
    }
    if Effect::of(wanted, matched) < Effect::of(wanted, default) { matched } else { default }
}

/// The action as the file can say it.
fn sayable(action: Action) -> Action {
    match action {
        Action::KillProcess(_) | Action::Unknown(_) => Action::KILL_PROCESS,
        Action::KillThread(_) => Action::KILL_THREAD,
        Action::Trap(_) => Action::Trap(0),
        Action::Notify(_) => Action::Notify(0),
        Action::Log(_) => Action::LOG,
        Action::Allow(_) => Action::ALLOW,
        Action::Errno(_) | Action::Trace(_) => action,
    }
}

fn action(action: Action) -> String {
    match action {
        Action::KillProcess(_) | Action::Unknown(_) => "\"kill_process\"".into(),
        Action::KillThread(_) => "\"kill_thread\"".into(),
        Action::Trap(_) => "\"trap\"".into(),
        Action::Notify(_) => "\"user_notif\"".into(),
        Action::Log(_) => "\"log\"".into(),
        Action::Allow(_) => "\"allow\"".into(),
        Action::Errno(e) => format!("{{\"errno\": {}}}", e.0),
        Action::Trace(n) => format!("{{\"trace\": {n}}}"),
    }
}

fn entry(name: &str, conj: &Conj) -> String {
    if conj.is_empty() {
        return format!("{{\"syscall\": \"{name}\"}}");
    }
    let tests: Vec<String> = conj
        .iter()
        .map(|test| {
            let width = if test.width == Width::W32 { "dword" } else { "qword" };
            let (op, val) = match test.op {
                Op::Eq(v) => ("\"eq\"".into(), v),
                Op::Ne(v) => ("\"ne\"".into(), v),
                Op::Lt(v) => ("\"lt\"".into(), v),
                Op::Le(v) => ("\"le\"".into(), v),
                Op::Gt(v) => ("\"gt\"".into(), v),
                Op::Ge(v) => ("\"ge\"".into(), v),
                Op::MaskedEq { mask, value } => (format!("{{\"masked_eq\": {mask}}}"), value),
            };
            format!("{{\"index\": {}, \"type\": \"{width}\", \"op\": {op}, \"val\": {val}}}", test.arg.get())
        })
        .collect();
    format!("{{\"syscall\": \"{name}\", \"args\": [{}]}}", tests.join(", "))
}
