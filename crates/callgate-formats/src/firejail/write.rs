//! Writing firejail profiles: a list of denied or of kept calls.

use super::read;
use crate::flat::{FlatCall, flatten};
use crate::options::Options;
use crate::place::{Error, Place};
use callgate::abi::Word;
use callgate::{Action, Arch, Errno, Policy, Syscall};
use std::fmt::Write as _;

/// What firejail keeps in every list of kept calls.
const ALWAYS_KEPT: &[&str] = &["execve", "execveat", "prctl"];

/// Writes the lines for one architecture. Conditions cannot be said: a call gets the strictest of
/// its actions. But `seccomp.block-secondary` restricts `personality` itself, by a condition: where that is
/// what the policy says, the call is not listed.
pub(crate) fn write(policy: &Policy, arch: Arch) -> Result<String, Error> {
    let left_to_firejail = lines(policy, arch, true)?;
    let filter = read(&left_to_firejail, &Options::new(arch)).ok().and_then(|import| import.filter().ok());
    let restricted = Syscall::from_name(PERSONALITY).and_then(|c| c.number(arch));
    if let (Some(filter), Some(nr), Ok(wanted)) = (filter, restricted, policy.lower())
        && [filter, wanted]
            .map(|f| f.restrict(Word::ARCH, arch.token()).restrict(Word::NR, nr))
            .windows(2)
            .all(|w| w[0] == w[1])
    {
        return Ok(left_to_firejail);
    }
    lines(policy, arch, false)
}

const PERSONALITY: &str = "personality";

fn lines(policy: &Policy, arch: Arch, without_personality: bool) -> Result<String, Error> {
    let too_many =
        |what: &str| Error::new(Place::default(), format!("the conditions of {what} are too many"));
    let flat = flatten(policy, arch).map_err(|(call, _)| too_many(call.name()))?;
    let mut out = String::new();
    let keeps = !flat.default.permits();
    let denials = flat.calls.iter().map(strictest).filter(|a| !a.permits());
    let error =
        error_action(if keeps { vec![sayable(flat.default)] } else { denials.map(sayable).collect() });
    let mut items = Vec::new();
    for call in &flat.calls {
        let action = strictest(call);
        let name = call.call.name();
        if without_personality && name == PERSONALITY {
            continue;
        }
        match (keeps, action.permits()) {
            (true, true) => items.push(name.to_owned()),
            (false, true) => {}
            (_, false) => match sayable(action) {
                action if action == error => {
                    if !keeps {
                        items.push(name.to_owned());
                    }
                }
                Action::Errno(errno) => match errno.name() {
                    Some(error) => items.push(format!("{name}:{error}")),
                    None => items.push(format!("{name}:EPERM")),
                },
                _ => items.push(format!("{name}:kill")),
            },
        }
    }
    if keeps {
        for name in ALWAYS_KEPT {
            let listed = |c: &&FlatCall| c.call.name() == *name;
            if !flat.calls.iter().find(listed).is_some_and(|c| strictest(c).permits()) {
                items.push(format!("!{name}"));
            }
        }
    }
    if !policy.bad_arch.permits() {
        out.push_str("seccomp.block-secondary\n");
    }
    match error {
        Action::Errno(Errno::EPERM) => {}
        Action::Errno(errno) => {
            let _ = writeln!(out, "seccomp-error-action {}", errno.name().unwrap_or("EPERM"));
        }
        Action::Log(_) => out.push_str("seccomp-error-action log\n"),
        _ => out.push_str("seccomp-error-action kill\n"),
    }
    let kind = if keeps { "keep" } else { "drop" };
    if items.is_empty() {
        return Err(Error::new(
            Place::default(),
            "firejail cannot say this policy: it has no line that denies nothing",
        ));
    } else {
        let _ = writeln!(out, "seccomp.{kind} {}", items.join(","));
    }
    Ok(out)
}

/// The strictest of a call's actions.
fn strictest(call: &FlatCall) -> Action {
    let all = call.branches.iter().map(|b| b.1).chain([call.otherwise]);
    all.min_by_key(|a| a.precedence()).unwrap_or(call.otherwise)
}

/// The nearest action firejail knows that is not weaker.
fn sayable(action: Action) -> Action {
    match action {
        Action::Allow(_) | Action::Log(_) => Action::ALLOW,
        Action::Errno(errno) if errno.name().is_some() => action,
        Action::Errno(_) | Action::Trace(_) | Action::Notify(_) => Action::Errno(Errno::EPERM),
        Action::KillProcess(_) | Action::KillThread(_) | Action::Trap(_) | Action::Unknown(_) => {
            Action::KILL_THREAD
        }
    }
}

/// The denial that most calls get.
fn error_action(all: Vec<Action>) -> Action {
    let count = |action: &Action| all.iter().filter(|a| *a == action).count();
    all.iter().copied().max_by_key(|a| (count(a), *a)).unwrap_or(Action::Errno(Errno::EPERM))
}
