//! Writing LXC profiles, version 2.

use crate::container::{self, OutRule};
use crate::place::Error;
use callgate::{Action, Errno, Op, Policy};
use std::fmt::Write as _;

/// Writes a policy as a version 2 profile.
pub(crate) fn write(policy: &Policy) -> Result<String, Error> {
    let (default, rules) = container::plain_rules(policy)?;
    let default = sayable(default);
    // A list's word says what its lines do where they say nothing.
    let (list, unless_said) =
        if default.permits() { ("denylist", Action::KILL_THREAD) } else { ("allowlist", Action::ALLOW) };
    let implied = if default.permits() { Action::ALLOW } else { Action::KILL_THREAD };
    let mut out = format!("2\n{list}");
    if default != implied {
        let _ = write!(out, " {}", word(default));
    }
    out.push_str("\n[all]\n");
    for OutRule { names, action, compares } in &rules {
        let action = sayable(*action);
        // libseccomp refuses a rule that says what happens anyway.
        if action == default {
            continue;
        }
        for name in names {
            out.push_str(name);
            if action != unless_said || !compares.is_empty() {
                let _ = write!(out, " {}", word(action));
            }
            for (arg, op) in compares {
                let _ = write!(out, " {}", compare(*arg, *op));
            }
            out.push('\n');
        }
    }
    Ok(out)
}

/// The nearest action LXC knows that is not weaker.
fn sayable(action: Action) -> Action {
    match action {
        Action::Allow(_) | Action::Log(_) => Action::ALLOW,
        Action::Errno(errno) => Action::Errno(errno),
        Action::Trap(_) => Action::Trap(0),
        Action::Notify(_) => Action::Notify(0),
        // Without a tracer that is what happens.
        Action::Trace(_) => Action::Errno(Errno::ENOSYS),
        Action::KillProcess(_) | Action::KillThread(_) | Action::Unknown(_) => Action::KILL_THREAD,
    }
}

fn word(action: Action) -> String {
    match action {
        Action::Allow(_) | Action::Log(_) => "allow".into(),
        Action::Errno(errno) => format!("errno {}", errno.0),
        Action::Trap(_) => "trap".into(),
        Action::Notify(_) => "notify".into(),
        Action::Trace(_) | Action::KillProcess(_) | Action::KillThread(_) | Action::Unknown(_) => {
            "kill".into()
        }
    }
}

fn compare(arg: u8, op: Op) -> String {
    let (name, value) = match op {
        Op::Eq(v) => ("EQ", v),
        Op::Ne(v) => ("NE", v),
        Op::Lt(v) => ("LT", v),
        Op::Le(v) => ("LE", v),
        Op::Gt(v) => ("GT", v),
        Op::Ge(v) => ("GE", v),
        Op::MaskedEq { mask, value } => return format!("[{arg},{value:#x},SCMP_CMP_MASKED_EQ,{mask:#x}]"),
    };
    format!("[{arg},{value:#x},SCMP_CMP_{name}]")
}
