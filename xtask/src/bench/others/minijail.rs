//! minijail's `compile_seccomp_policy`, from Debian's package, with the machine's Python.

use super::told::{Told, ToldRule, Words, wide};
use super::{Ask, Driver, hot};
use crate::apt::Apt;
use crate::bench::subject::Subject;
use crate::files::{self, Result};
use crate::suite::{folder, must};
use callgate::{Action, Arch, ArgCmp, Op, Syscall};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

const SOURCE: &str = include_str!("minijail.py");

/// The only release that has the package.
const RELEASE: &str = "sid";

const PACKAGE: &str = "python3-minijail";

pub(super) const DRIVER: Driver = Driver { name: "minijail", build, command };

/// Its search tree, and one weighted by how often each call is made.
pub(super) const WAYS: [(&str, Ask); 2] =
    [("minijail", |subject| ask(subject, false)), ("minijail-freq", |subject| ask(subject, true))];

fn build(place: &Path) -> Result<String> {
    must(Command::new("python3").arg("--version"))?;
    let apt = Apt::configured(&place.join("apt"), "deb", RELEASE)?;
    apt.get(&["-qq", "update"])?;
    let versions = apt.unpack(&[PACKAGE], &place.join("tree"))?;
    files::write(place.join("driver.py"), SOURCE)?;
    folder(&place.join("asked"))?;
    // What the driver begins with: the calls' numbers. Constants are given as numbers.
    let syscalls: BTreeMap<&str, u32> =
        Syscall::of_arch(Arch::X86_64).map(|(nr, call)| (call.name(), nr)).collect();
    let arch = json!({
        "arch_nr": Arch::X86_64.token(),
        "arch_name": "x86_64",
        "bits": 64,
        "syscalls": syscalls,
        "constants": {},
    });
    files::write(place.join("arch.json"), &arch.to_string())?;
    Ok(versions.concat())
}

fn command(place: &Path) -> Result<Command> {
    let mut python = Command::new("python3");
    python.arg("-B").arg(place.join("driver.py")).arg(place.join("tree/usr/lib/python3/dist-packages"));
    python.arg(place.join("asked")).arg(place.join("arch.json"));
    Ok(python)
}

fn ask(subject: &Subject, weighted: bool) -> Result<(Told, String)> {
    let kill = match subject.policy.bad_arch {
        Action::KillThread(0) => Action::KILL_THREAD,
        _ => Action::KILL_PROCESS,
    };
    let words = Words { comparison: |cmp| Some(wide(cmp)), ordered: true, bad_arch: Some(kill) };
    let told = Told::new(&subject.policy, &words)?;
    if told.default == Action::ALLOW {
        return Err("no words for a refusal by argument under a default that allows".into());
    }
    let name = |nr: u32| {
        let call = Syscall::from_number(Arch::X86_64, nr);
        call.map(Syscall::name).ok_or_else(|| format!("no name for number {nr}"))
    };
    let mut policy = String::new();
    for (nr, rules) in told.calls() {
        let rules: Vec<String> = rules.into_iter().map(spelled).collect::<Result<_>>()?;
        let _ = writeln!(policy, "{}: {{ {} }}", name(nr)?, rules.join(", "));
    }
    let mut frequency = String::new();
    if weighted {
        policy.insert_str(0, "@frequency ./frequency\n");
        for (nr, weight) in hot(subject) {
            if let Ok(name) = name(nr) {
                // Whole numbers; only proportions count.
                let _ = writeln!(frequency, "{name}: {}", weight.ceil().max(1.0));
            }
        }
    }
    let request = json!({
        "default": action(told.default)?,
        "kill": action(kill)?,
        "policy": policy,
        "frequency": frequency,
    });
    Ok((told, request.to_string()))
}

/// A rule's filters, with the action of each.
fn spelled(rule: &ToldRule) -> Result<String> {
    let action = action(rule.action)?;
    if rule.cases.contains(&Vec::new()) {
        return Ok(action);
    }
    let clause = |case: &Vec<ArgCmp>| {
        let atoms = case.iter().map(|cmp| atoms(*cmp)).collect::<Vec<_>>();
        atoms.concat().join(" && ")
    };
    let clauses: Vec<String> = rule.cases.iter().map(clause).collect();
    Ok(format!("{}; {action}", clauses.join(" || ")))
}

fn action(action: Action) -> Result<String> {
    Ok(match action {
        Action::Allow(0) => "allow".into(),
        Action::KillProcess(0) => "kill-process".into(),
        Action::KillThread(0) => "kill-thread".into(),
        Action::Trap(0) => "trap".into(),
        Action::Log(0) => "log".into(),
        Action::Errno(errno) => format!("return {}", errno.0),
        _ => return Err(format!("no words for {action:?}")),
    })
}

/// A comparison, of 64 bits. Under a mask it can say that none of some bits is set (`in` the others), or one of some.
fn atoms(cmp: ArgCmp) -> Vec<String> {
    let atom = |op: &str, value: u64| format!("arg{} {op} {value:#x}", cmp.arg.get());
    match cmp.op {
        Op::Eq(v) => vec![atom("==", v)],
        Op::Ne(v) => vec![atom("!=", v)],
        Op::Lt(v) => vec![atom("<", v)],
        Op::Le(v) => vec![atom("<=", v)],
        Op::Gt(v) => vec![atom(">", v)],
        Op::Ge(v) => vec![atom(">=", v)],
        Op::MaskedEq { mask, value } => {
            let clear = mask & !value;
            let none = (clear != 0).then(|| atom("in", !clear));
            let set = (0..64).map(|bit| 1u64 << bit).filter(|bit| value & bit != 0);
            none.into_iter().chain(set.map(|bit| atom("&", bit))).collect()
        }
    }
}
