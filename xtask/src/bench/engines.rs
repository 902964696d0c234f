//! The profile that container engines bring, read from its JSON as a runtime does: rule by rule, none left out for
//! what it means.

use crate::files::Result;
use crate::libseccomp::{Comparison, Library, Spec, SpecRule};
use callgate::{Action, Arch, ArgIndex, Errno, Op, Syscall};
use serde_json::Value;
use std::path::Path;

/// Where Debian's package golang-github-containers-common installs it.
const PLACE: &str = "/usr/share/containers/seccomp.json";

/// What a container is given where nothing is asked for.
const CAPABILITIES: [&str; 11] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_NET_BIND_SERVICE",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// The profile's rules for an x86_64 machine that a library has names for; `None` if no profile is installed.
pub(super) fn read(arches: &[Arch], library: &mut Library) -> Result<Option<Spec>> {
    if !Path::new(PLACE).exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(PLACE).map_err(|e| format!("{PLACE}: {e}"))?;
    let profile: Value = serde_json::from_str(&text).map_err(|e| format!("{PLACE}: {e}"))?;
    let default = action(&profile["defaultAction"], &profile["defaultErrnoRet"])?;
    let mut rules = Vec::new();
    for entry in list(&profile["syscalls"]) {
        let act = action(&entry["action"], &entry["errnoRet"])?;
        // A rule that does what happens anyway is refused by the library, and left out by runtimes.
        if act == default || !applies(entry) {
            continue;
        }
        for name in list(&entry["names"]).filter_map(Value::as_str) {
            let Some(call) = Syscall::from_name(name) else { continue };
            if library.can_name(call)? {
                let cases = cases(&entry["args"])?;
                rules.extend(cases.into_iter().map(|when| SpecRule { call, action: act, when }));
            }
        }
    }
    Ok(Some(Spec { arches: arches.to_vec(), default, bad_arch: Action::KILL_THREAD, rules }))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Whether an entry is for this machine and the usual capabilities.
fn applies(entry: &Value) -> bool {
    let (includes, excludes) = (&entry["includes"], &entry["excludes"]);
    let has = |name: &Value| name.as_str().is_some_and(|name| CAPABILITIES.contains(&name));
    let here = |name: &Value| name.as_str() == Some("amd64");
    let arches = &includes["arches"];
    list(&includes["caps"]).all(has)
        && (list(arches).next().is_none() || list(arches).any(here))
        && !list(&excludes["caps"]).any(has)
        && !list(&excludes["arches"]).any(here)
}

/// An entry's comparisons: all of one rule, but a rule each where an argument is compared twice.
fn cases(args: &Value) -> Result<Vec<Vec<Comparison>>> {
    let all: Vec<Comparison> = list(args).map(comparison).collect::<Result<_>>()?;
    let twice = all.iter().enumerate().any(|(i, c)| all[..i].iter().any(|d| d.arg == c.arg));
    Ok(if twice { all.into_iter().map(|c| vec![c]).collect() } else { vec![all] })
}

fn comparison(arg: &Value) -> Result<Comparison> {
    let odd = || format!("{PLACE}: comparison {arg}");
    let number = |name: &str| arg[name].as_u64().unwrap_or_default();
    let index = u8::try_from(number("index")).ok().and_then(ArgIndex::new).ok_or_else(odd)?;
    let value = number("value");
    let op = match arg["op"].as_str() {
        Some("SCMP_CMP_NE") => Op::Ne(value),
        Some("SCMP_CMP_LT") => Op::Lt(value),
        Some("SCMP_CMP_LE") => Op::Le(value),
        Some("SCMP_CMP_EQ") => Op::Eq(value),
        Some("SCMP_CMP_GE") => Op::Ge(value),
        Some("SCMP_CMP_GT") => Op::Gt(value),
        Some("SCMP_CMP_MASKED_EQ") => Op::MaskedEq { mask: value, value: number("valueTwo") },
        _ => return Err(odd()),
    };
    Ok(Comparison { arg: index, op })
}

fn action(name: &Value, errno: &Value) -> Result<Action> {
    Ok(match name.as_str() {
        Some("SCMP_ACT_ALLOW") => Action::ALLOW,
        Some("SCMP_ACT_LOG") => Action::LOG,
        Some("SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD") => Action::KILL_THREAD,
        Some("SCMP_ACT_KILL_PROCESS") => Action::KILL_PROCESS,
        // EPERM where the profile names none.
        Some("SCMP_ACT_ERRNO") => {
            let number = errno.as_u64().unwrap_or(1);
            Action::Errno(Errno(u16::try_from(number).map_err(|_| format!("{PLACE}: errno {number}"))?))
        }
        _ => return Err(format!("{PLACE}: action {name}")),
    })
}
