//! Policies that a distribution packages, against what the packages' own programs say of them. What is not
//! installed is skipped, and said to be.

mod common;

use callgate::abi::group::Group;
use callgate::{Arch, Filter, Syscall};
use callgate_formats::{Format, Options, read};
use common::{Folder, differing, files, installed, native, show_calls, without, witness};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// What a program writes to its standard output.
fn output(command: &mut Command) -> Option<String> {
    let out = command.output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// The groups `systemd-analyze` lists, each with its calls.
fn systemd_groups() -> Option<BTreeMap<String, BTreeSet<String>>> {
    let text = output(Command::new("systemd-analyze").args(["--no-pager", "syscall-filter"]))?;
    let mut listed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut group = None;
    for line in text.lines() {
        let word = line.trim();
        if line.starts_with('#') {
            group = None;
        } else if line.starts_with('@') {
            group = Some(word.to_string());
            listed.insert(word.into(), Vec::new());
        } else if let Some(of) = group.as_ref().and_then(|g| listed.get_mut(g))
            && !word.is_empty()
            && !word.starts_with('#')
        {
            of.push(word.into());
        }
    }
    let mut groups = BTreeMap::new();
    for name in listed.keys() {
        let (mut calls, mut todo) = (BTreeSet::new(), vec![name.clone()]);
        while let Some(next) = todo.pop() {
            for word in listed.get(&next).into_iter().flatten() {
                if word.starts_with('@') {
                    todo.push(word.clone());
                } else {
                    calls.insert(word.clone());
                }
            }
        }
        groups.insert(name.clone(), calls);
    }
    Some(groups)
}

/// Calls that changed their groups after systemd 252: the group, the call, whether it is in it now.
const MOVED: &[(&str, &str, bool)] = &[
    ("@default", "landlock_add_rule", true),
    ("@default", "landlock_create_ruleset", true),
    ("@default", "landlock_restrict_self", true),
    ("@default", "seccomp", true),
    ("@file-system", "open_tree", true),
    ("@mount", "open_tree", false),
];
/// Calls of 32-bit Arm beyond the table, which newer versions of systemd list.
const OF_ARM: &[&str] = &["breakpoint", "get_tls", "set_tls", "usr26", "usr32"];

/// Whether a difference between the groups here and an installed systemd's is its age: a call that came to
/// Linux after its table, or one that was moved since.
fn is_age(group: &str, call: &str, here: bool, known: &BTreeSet<String>) -> bool {
    let moved = |group: &str| MOVED.iter().any(|(g, c, now)| *g == group && *c == call && *now == here);
    let newer = |call: &str| {
        !known.contains(call)
            && Syscall::from_name(call).is_some_and(|c| {
                c.since(Arch::X86_64)
                    .or(c.since(Arch::Aarch64))
                    .is_none_or(|k| k > callgate::abi::Kernel::new(6, 1))
            })
    };
    match group {
        "@known" => {
            if here {
                newer(call) || OF_ARM.contains(&call)
            } else {
                Syscall::from_name(call).is_none()
            }
        }
        "@system-service" => moved("@default") || moved("@file-system") || newer(call),
        group => moved(group) || here && newer(call),
    }
}

#[test]
fn systemd_call_groups() {
    let Some(groups) = systemd_groups() else {
        return eprintln!("skipped: no systemd-analyze; the package systemd brings it");
    };
    let known = groups.get("@known").cloned().unwrap_or_default();
    let (mut equal, mut aged, mut wrong) = (0, 0, Vec::new());
    for (name, theirs) in &groups {
        let Some(group) = Group::from_name(&name[1..]) else {
            wrong.push(format!("{name} is unknown here"));
            continue;
        };
        let ours: BTreeSet<&str> = group.members().map(Syscall::name).collect();
        let more = ours.iter().copied().filter(|c| !theirs.contains(*c)).map(|c| (c, true));
        let less = theirs.iter().map(|c| c.as_str()).filter(|c| !ours.contains(c)).map(|c| (c, false));
        let differences: Vec<(&str, bool)> = more.chain(less).collect();
        if differences.is_empty() {
            equal += 1;
            continue;
        }
        aged += 1;
        for (call, here) in differences {
            let words = if here { "only here" } else { "only there" };
            match is_age(name, call, here, &known) {
                true => eprintln!("  {name}: {call} {words}"),
                false => wrong.push(format!("{name}: {call} {words}")),
            }
        }
    }
    eprintln!(
        "systemd: of {} groups {equal} are the same, {aged} but for the age of its tables",
        groups.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The lists of packaged units, added up from systemd's own groups, are what the reader makes of them.
#[test]
fn systemd_units() {
    let Some(groups) = systemd_groups() else {
        return eprintln!("skipped: no systemd-analyze; the package systemd brings it");
    };
    let known = groups.get("@known").cloned().unwrap_or_default();
    let (mut compared, mut wrong) = (0, Vec::new());
    for path in files(Path::new("/usr/lib/systemd/system")) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let lines: Vec<&str> =
            text.lines().filter_map(|l| l.trim().strip_prefix("SystemCallFilter=")).collect();
        if lines.is_empty() || lines.iter().any(|l| l.contains([':', '\\']) || l.is_empty()) {
            continue;
        }
        let file = path.display().to_string();
        let import = read(&text, Format::Systemd, &Options::new(Arch::X86_64))
            .unwrap_or_else(|e| panic!("{file}: {e}"));
        let policy = &import.pick("SystemCallFilter").unwrap().policy;
        let allow = !lines[0].starts_with('~');
        let mut set: BTreeSet<String> = if allow { groups["@default"].clone() } else { BTreeSet::new() };
        let mut named: Vec<&str> = vec!["@default"];
        for line in lines {
            let (inverted, words) = line.strip_prefix('~').map_or((false, line), |rest| (true, rest));
            for word in words.split_whitespace() {
                named.push(word);
                let calls = groups.get(word).cloned().unwrap_or_else(|| BTreeSet::from([word.to_string()]));
                for call in calls {
                    if inverted == allow {
                        set.remove(&call)
                    } else {
                        set.insert(call)
                    };
                }
            }
        }
        for (nr, call) in Syscall::of_arch(Arch::X86_64) {
            let data = callgate::SeccompData { nr, arch: Arch::X86_64.token(), ..Default::default() };
            let here = policy.eval(&data).permits();
            let there = set.contains(call.name()) == allow;
            let aged = |group: &&str| is_age(group, call.name(), here == allow, &known);
            if here != there && !named.iter().any(aged) {
                wrong.push(format!(
                    "{file}: {} is {}",
                    call.name(),
                    if here { "permitted" } else { "denied" }
                ));
            }
        }
        compared += 1;
    }
    eprintln!("systemd: {compared} units compared call by call");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// firejail's groups.
const GROUPS: &[&str] = &[
    "aio",
    "basic-io",
    "chown",
    "clock",
    "cpu-emulation",
    "debug",
    "default",
    "default-nodebuggers",
    "default-keep",
    "file-system",
    "io-event",
    "ipc",
    "keyring",
    "memlock",
    "module",
    "mount",
    "network-io",
    "obsolete",
    "privileged",
    "process",
    "raw-io",
    "reboot",
    "resources",
    "setuid",
    "signal",
    "swap",
    "sync",
    "system-service",
    "timer",
];

/// firejail's compiler.
const FSECCOMP: &str = "/usr/lib/x86_64-linux-gnu/firejail/fseccomp";

#[test]
fn firejail_profiles() {
    if !installed(FSECCOMP, "firejail") {
        return;
    }
    let folder = Folder::new("firejail");
    let compile = |arguments: &[&str]| -> Option<Filter> {
        let (file, postponed) = (folder.0.join("filter"), folder.0.join("postponed"));
        let _ = std::fs::remove_file(&file);
        let mut command = Command::new(FSECCOMP);
        for argument in arguments {
            match *argument {
                "FILE" => command.arg(&file),
                "POSTPONED" => command.arg(&postponed),
                other => command.arg(other),
            };
        }
        let done = command.output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        Some(native(&std::fs::read(&file).ok()?))
    };
    // The calls it knows: a name it does not know is skipped.
    let listed = |argument| -> BTreeSet<String> {
        let text = output(Command::new(FSECCOMP).arg(argument)).unwrap();
        text.lines().filter_map(|l| l.split_once("- ")).map(|(_, name)| name.trim().to_string()).collect()
    };
    let known = [(Arch::X86_64, listed("debug-syscalls")), (Arch::X86, listed("debug-syscalls32"))];
    let mut lines: BTreeSet<String> = [
        "seccomp",
        "seccomp !chroot",
        "seccomp.drop @clock,mount:ENOENT,$300,read",
        "seccomp.keep read,write,@io-event",
        "seccomp.32",
        "seccomp.32 !modify_ldt",
        "memory-deny-write-execute",
        "protocol unix",
        "protocol unix,inet,inet6,netlink",
        "restrict-namespaces",
        "restrict-namespaces user,net",
    ]
    .map(String::from)
    .into();
    for group in GROUPS {
        lines.extend([format!("seccomp.drop @{group}"), format!("seccomp.32.drop @{group}")]);
    }
    for path in files(Path::new("/etc/firejail")) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for line in text.lines() {
            let line = line.split('#').next().unwrap().trim();
            if ["seccomp", "protocol", "restrict-namespaces", "memory-deny"]
                .iter()
                .any(|w| line.starts_with(w))
            {
                lines.insert(line.into());
            }
        }
    }
    let (mut equal, mut aged, mut wrong) = (0, 0, Vec::new());
    for line in &lines {
        let (word, list) = line.split_once(' ').unwrap_or((line, ""));
        let list = list.trim();
        let arguments: Vec<&str> = match (word, list) {
            ("seccomp", "") => vec!["default", "FILE"],
            ("seccomp", list) => vec!["default", "drop", "FILE", "POSTPONED", list],
            ("seccomp.drop", list) => vec!["drop", "FILE", "POSTPONED", list],
            ("seccomp.keep", list) => vec!["keep", "FILE", "POSTPONED", list],
            ("seccomp.32", "") => vec!["default32", "FILE"],
            ("seccomp.32", list) => vec!["default32", "drop", "FILE", "POSTPONED", list],
            ("seccomp.32.drop", list) => vec!["drop32", "FILE", "POSTPONED", list],
            ("seccomp.32.keep", list) => vec!["keep32", "FILE", "POSTPONED", list],
            ("memory-deny-write-execute", _) => vec!["memory-deny-write-execute", "FILE"],
            ("protocol", list) => vec!["protocol", "build", list, "FILE"],
            ("restrict-namespaces", "") => {
                vec!["restrict-namespaces", "FILE", "cgroup,ipc,mnt,net,pid,time,user,uts"]
            }
            ("restrict-namespaces", list) => vec!["restrict-namespaces", "FILE", list],
            ("seccomp.32.fixed", _) => vec!["secondary", "32", "FILE"],
            ("seccomp.block-secondary", _) => vec!["secondary", "block", "FILE"],
            // No filter by itself.
            ("seccomp-error-action", _) => continue,
            _ => panic!("{line}: how firejail compiles it is not known here"),
        };
        let Some(theirs) = compile(&arguments) else {
            wrong.push(format!("{line}: no program"));
            continue;
        };
        let policy = match word {
            "seccomp.drop" | "seccomp.keep" => "seccomp",
            "seccomp.32.drop" | "seccomp.32.keep" => "seccomp.32",
            word => word,
        };
        // Beside `seccomp` without a list, firejail takes its fixed list of 32-bit calls.
        let text = match word {
            "seccomp.32.fixed" => "seccomp".to_string(),
            "seccomp.block-secondary" => format!("seccomp\n{line}"),
            "seccomp.32.drop" => format!("seccomp.drop read\n{line}"),
            word if word.starts_with("seccomp.32") => format!("seccomp !chroot\n{line}"),
            _ => line.clone(),
        };
        let import =
            read(&text, Format::Firejail, &Options { ignore_unknown: true, ..Options::new(Arch::X86_64) })
                .unwrap_or_else(|e| panic!("{line}: {e}"));
        let ours = match import.pick(policy) {
            Ok(named) => named.policy.lower().unwrap(),
            Err(e) => {
                wrong.push(format!("{line}: {e}"));
                continue;
            }
        };
        if ours == theirs {
            equal += 1;
            continue;
        }
        let newer = differing(&ours, &theirs);
        let is_new = |(arch, call): &(Arch, Syscall)| {
            known.iter().any(|(a, names)| a == arch && !names.contains(call.name()))
        };
        if newer.iter().all(is_new) && without(&ours, &newer) == without(&theirs, &newer) {
            aged += 1;
            eprintln!("  {line}: but for {}", show_calls(&newer));
        } else {
            wrong.push(format!("{line}: {}: {}", witness(&ours, &theirs).unwrap(), show_calls(&newer)));
        }
    }
    eprintln!(
        "firejail: of {} lines {equal} are proved equal to its compiler's output, {aged} but for calls it does not know",
        lines.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
