//! Writing minijail policies, for either dialect.

use super::words::register;
use crate::container::low_half;
use crate::detect::Format;
use crate::flat::{Conj, FlatCall, flatten};
use crate::import::Effect;
use crate::place::{Error, Place};
use callgate::{Action, Arch, ArgCmp, Errno, Op, Policy, Width};
use std::fmt::Write as _;

/// A condition that always holds.
const ALWAYS: &str = "arg0 >= 0x0";

/// How many conjunctions a line may have.
const MAX_TERMS: usize = 1024;

/// The policy as text, with its default action, which the run-time parser takes from the command
/// line.
pub(crate) fn write(policy: &Policy, format: Format, arch: Arch) -> Result<(String, Action), Error> {
    let flat = flatten(policy, arch).map_err(|(call, _)| too_many(call.name()))?;
    let mut out = String::new();
    let python = format == Format::MinijailPython;
    let default = if python { flat.default } else { fail_action(flat.default) };
    match (python, default) {
        (_, Action::KillThread(_)) => {}
        (true, Action::KillProcess(_)) => out.push_str("@default kill-process\n"),
        (true, Action::Trap(_)) => out.push_str("@default trap\n"),
        (true, Action::Notify(_)) => out.push_str("@default user-notify\n"),
        (true, _) => {
            let _ = writeln!(out, "# to be compiled with --default-action={}", action_word(default));
        }
        (false, _) => {
            let _ = writeln!(out, "# the fail action is the caller's: {}", action_word(default));
        }
    }
    for call in &flat.calls {
        let filter = match python {
            true => build_time(call, default, arch)?,
            false => run_time(call, default, arch)?,
        };
        if let Some(filter) = filter {
            let _ = writeln!(out, "{}: {filter}", call.call.name());
        }
    }
    Ok((out, default))
}

/// The nearest action `minijail0` has for calls that no line allows: it kills, or with -L logs or traps.
fn fail_action(default: Action) -> Action {
    match default {
        Action::KillThread(_) | Action::Errno(_) | Action::Trace(_) | Action::Notify(_) => {
            Action::KILL_THREAD
        }
        Action::KillProcess(_) | Action::Unknown(_) => Action::KILL_PROCESS,
        Action::Trap(_) => Action::Trap(0),
        Action::Allow(_) | Action::Log(_) => Action::LOG,
    }
}

fn too_many(what: &str) -> Error {
    Error::new(Place::default(), format!("the conditions of {what} are too many to be written one by one"))
}

/// `1`, `return E`, or the condition under which the call is allowed, with what happens otherwise.
fn run_time(call: &FlatCall, default: Action, arch: Arch) -> Result<Option<String>, Error> {
    // The dialect has two outcomes a line: allowed, and one denial.
    let denials: Vec<Action> =
        call.branches.iter().map(|b| b.1).chain([call.otherwise]).filter(|a| !a.permits()).collect();
    let miss = match denials.last() {
        Some(Action::Errno(errno)) if !denials.contains(&default) => Action::Errno(*errno),
        // Where the default is weaker, the only way to deny is an error number.
        Some(_) if denials.iter().any(|a| Effect::of(*a, default) == Effect::Weaker) => {
            Action::Errno(Errno::EPERM)
        }
        _ => default,
    };
    let simple = FlatCall {
        call: call.call,
        branches: call.branches.iter().map(|(c, a)| (c.clone(), allowed_or(*a, miss))).collect(),
        otherwise: allowed_or(call.otherwise, miss),
    };
    let tail = match miss {
        Action::Errno(errno) if miss != default => Some(format!("return {}", errno_word(errno))),
        _ => None,
    };
    let regions = simple.regions(miss).map_err(|_| too_many(call.call.name()))?;
    let conjs: Vec<&Conj> = regions.iter().map(|(conj, _)| conj).collect();
    if conjs.iter().any(|c| c.is_empty()) {
        return Ok(Some("1".into()));
    }
    if conjs.is_empty() {
        return Ok(tail);
    }
    Ok(match (dnf(&conjs, arch, call)?, tail) {
        (Some(dnf), Some(tail)) => Some(format!("{dnf}; {tail}")),
        (Some(dnf), None) => Some(dnf),
        (None, tail) => tail,
    })
}

fn allowed_or(action: Action, miss: Action) -> Action {
    if action.permits() { Action::ALLOW } else { miss }
}

/// An action, or a list of conditions each with its action. A list never ends in `allow`: the
/// compiler would take it for nothing else.
fn build_time(call: &FlatCall, default: Action, arch: Arch) -> Result<Option<String>, Error> {
    let simple = FlatCall {
        call: call.call,
        branches: call.branches.iter().map(|(c, a)| (c.clone(), sayable(*a))).collect(),
        otherwise: sayable(call.otherwise),
    };
    let regions = simple.regions(default).map_err(|_| too_many(call.call.name()))?;
    if default == Action::ALLOW && regions.iter().any(|(conj, _)| !conj.is_empty()) {
        return Ok(Some(under_allow(&simple, arch)?));
    }
    let mut actions: Vec<Action> = regions.iter().map(|r| r.1).collect();
    actions.sort_unstable();
    actions.dedup();
    let mut parts = Vec::new();
    for action in actions {
        let conjs: Vec<&Conj> = regions.iter().filter(|r| r.1 == action).map(|(c, _)| c).collect();
        let word = action_word(action);
        if conjs.iter().any(|c| c.is_empty()) {
            return Ok(Some(word));
        }
        let Some(dnf) = dnf(&conjs, arch, call)? else { continue };
        parts.push(if action == Action::ALLOW { dnf } else { format!("{dnf}; {word}") });
    }
    Ok(match parts.len() {
        0 => None,
        1 => Some(parts.remove(0)),
        _ => Some(format!("{{ {} }}", parts.join(", "))),
    })
}

/// Where the default is `allow` the compiler ignores conditions unless the list ends in something else:
/// what is allowed is said, and what remains gets the strictest denial.
fn under_allow(call: &FlatCall, arch: Arch) -> Result<String, Error> {
    let all = call.branches.iter().map(|b| b.1).chain([call.otherwise]);
    let last = all.min_by_key(|a| a.precedence()).unwrap_or(call.otherwise);
    let regions = call.regions(last).map_err(|_| too_many(call.call.name()))?;
    let mut parts = Vec::new();
    for (conj, action) in &regions {
        let Some(dnf) = dnf(&[conj], arch, call)? else { continue };
        parts.push(if *action == Action::ALLOW { dnf } else { format!("{dnf}; {}", action_word(*action)) });
    }
    parts.push(action_word(last));
    Ok(format!("{{ {} }}", parts.join(", ")))
}

/// The nearest action the compiler knows that is not weaker.
fn sayable(action: Action) -> Action {
    match action {
        Action::Allow(_) => Action::ALLOW,
        Action::Log(_) => Action::LOG,
        Action::Trap(_) => Action::Trap(0),
        Action::Trace(_) => Action::Trace(0),
        Action::Notify(_) => Action::Notify(0),
        Action::KillThread(_) => Action::KILL_THREAD,
        Action::KillProcess(_) | Action::Unknown(_) => Action::KILL_PROCESS,
        Action::Errno(errno) => Action::Errno(errno),
    }
}

fn action_word(action: Action) -> String {
    match action {
        Action::Allow(_) => "allow".into(),
        Action::Log(_) => "log".into(),
        Action::Trap(_) => "trap".into(),
        Action::Trace(_) => "trace".into(),
        Action::Notify(_) => "user-notify".into(),
        Action::KillThread(_) => "kill-thread".into(),
        Action::KillProcess(_) | Action::Unknown(_) => "kill-process".into(),
        Action::Errno(errno) => format!("return {}", errno_word(errno)),
    }
}

fn errno_word(errno: Errno) -> String {
    errno.name().map_or_else(|| errno.0.to_string(), str::to_owned)
}

/// `a && b || c`, in atoms that compare whole registers; `None` if it never holds.
fn dnf(conjs: &[&Conj], arch: Arch, call: &FlatCall) -> Result<Option<String>, Error> {
    let mut terms: Vec<String> = Vec::new();
    for conj in conjs {
        let mut product: Vec<Vec<String>> = vec![Vec::new()];
        for test in *conj {
            if test.arg.get() > 5 {
                let what = format!("{}: minijail does not see the instruction pointer", call.call.name());
                return Err(Error::new(Place::default(), what));
            }
            let choices = atoms(test, arch);
            if product.len().saturating_mul(choices.len()) > MAX_TERMS {
                return Err(too_many(call.call.name()));
            }
            product = product
                .iter()
                .flat_map(|left| choices.iter().map(move |right| [left.as_slice(), right].concat()))
                .collect();
        }
        if product.iter().any(Vec::is_empty) {
            return Ok(Some(ALWAYS.into()));
        }
        terms.extend(product.into_iter().map(|atoms| atoms.join(" && ")));
        if terms.len() > MAX_TERMS {
            return Err(too_many(call.call.name()));
        }
    }
    Ok((!terms.is_empty()).then(|| terms.join(" || ")))
}

/// A test as a choice of conjunctions of atoms.
fn atoms(test: &ArgCmp, arch: Arch) -> Vec<Vec<String>> {
    let arg = test.arg.get();
    let all = register(arch);
    let plain = |op: &str, value: u64| vec![vec![format!("arg{arg} {op} {:#x}", value & all)]];
    let half = test.width == Width::W32 && arch.register_bits() == 64;
    match test.op {
        // Atoms look at whole registers: a low half is told by its bits.
        Op::Ne(v) if half => {
            let unset = !v & 0xffff_ffff;
            let mut any: Vec<Vec<String>> = bits(v & 0xffff_ffff).map(|b| vec![only(arg, !b)]).collect();
            if unset != 0 {
                any.insert(0, vec![format!("arg{arg} & {unset:#x}")]);
            }
            any
        }
        op if half => low_half(op).into_iter().map(|op| masked(arg, op, all)).collect(),
        Op::Eq(v) => plain("==", v),
        Op::Ne(v) => plain("!=", v),
        Op::Lt(v) => plain("<", v),
        Op::Le(v) => plain("<=", v),
        Op::Gt(v) => plain(">", v),
        Op::Ge(v) => plain(">=", v),
        Op::MaskedEq { .. } => vec![masked(arg, test.op, all)],
    }
}

/// A masked test as atoms that must all hold: the bits that must be 0, then each that must be 1.
fn masked(arg: u8, op: Op, all: u64) -> Vec<String> {
    let Op::MaskedEq { mask, value } = op else { return Vec::new() };
    let clear = mask & !value & all;
    let mut atoms: Vec<String> = bits(value & all).map(|bit| format!("arg{arg} & {bit:#x}")).collect();
    if clear != 0 {
        atoms.insert(0, only(arg, !clear & all));
    }
    atoms
}

fn only(arg: u8, allowed: u64) -> String {
    format!("arg{arg} in {allowed:#x}")
}

fn bits(value: u64) -> impl Iterator<Item = u64> {
    (0..64).map(|b| 1u64 << b).filter(move |b| value & b != 0)
}
