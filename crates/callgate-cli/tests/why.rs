//! `why`: from a call, an audit record and a core dump to a line in the policy.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

mod common;

use common::{Folder, callgate, stderr, stdout};
use std::os::unix::process::CommandExt;

fn policy(folder: &Folder, text: &str) -> String {
    folder.file("policy.cg", format!("arch {}\n{text}", std::env::consts::ARCH).as_bytes())
}

#[test]
fn a_call_is_explained_and_allowed() {
    let folder = Folder::new();
    let text = "default allow\nunknown errno(ENOSYS)\n# not for us\nerrno(EPERM) socket if domain == AF_NETLINK  # never\n";
    let file = policy(&folder, text);
    let call = "socket(AF_NETLINK, SOCK_RAW, 0)";
    let output = callgate(&["why", &file, call]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        stdout(&output).contains(&format!(
            "= errno(EPERM), by the rule at {file}:5\n    to allow: allow socket if domain == AF_NETLINK\n"
        )),
        "{}",
        stdout(&output)
    );
    let before = std::fs::read_to_string(&file).unwrap();
    let output = callgate(&["why", &file, call, "--apply"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let after = std::fs::read_to_string(&file).unwrap();
    assert!(after.contains("# not for us\n") && after.contains("# never\n"), "{after}");
    assert_eq!(after.lines().count(), before.lines().count() + 1, "{after}");
    let output = callgate(&["why", &file, call]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn an_expectation_is_not_overruled() {
    let folder = Folder::new();
    let text = "default allow\nunknown errno(ENOSYS)\nerrno(EPERM) chdir\nexpect chdir() errno(EPERM)\n";
    let file = policy(&folder, text);
    let before = std::fs::read_to_string(&file).unwrap();
    let output = callgate(&["why", &file, "chdir", "--apply"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("change that line first"), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
}

#[test]
fn an_audit_record_is_explained() {
    let folder = Folder::new();
    let file = folder.file("policy.cg", b"arch x86_64\ndefault errno(EPERM)\nallow read\nkill socket\n");
    let record = "type=1326 audit(1.2:3): auid=0 uid=0 gid=0 ses=1 pid=7 comm=\"app\" exe=\"/app\" sig=31 \
                  arch=c000003e syscall=41 compat=0 ip=0x7f code=0x80000000\n";
    let log = folder.file("audit.log", format!("other\n{record}{record}").as_bytes());
    let output = callgate(&["why", &file, "--audit", &log]).output().unwrap();
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        said.contains(&format!("7 (app): socket on x86_64 [41] = kill, by the rule at {file}:4 (2 times)")),
        "{said}"
    );
    assert!(said.contains("allow socket\n"), "{said}");
    for (text, expected) in [
        ("nothing here\n", "no seccomp audit record"),
        ("type=1326 pid=1\n", ":1: the record has no field arch"),
    ] {
        let log = folder.file("bad.log", text.as_bytes());
        let output = callgate(&["why", &file, "--audit", &log]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

#[test]
fn a_core_dump_is_explained() {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if pattern.trim() != "core" {
        eprintln!("skipped: core dumps go to {pattern:?}, not to a plain file");
        return;
    }
    let folder = Folder::new();
    let file = policy(&folder, "default allow\nunknown errno(ENOSYS)\nkill(42) chdir\n");
    let mut command = std::process::Command::new("sh");
    let script = "ulimit -c unlimited && exec \"$@\"";
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_callgate"), "run", "--exec", &file, "--"]);
    command.args(["sh", "-c", "cd /nowhere"]).current_dir(folder.path()).arg0("sh");
    command.output().unwrap();
    let core = std::fs::read_dir(folder.path()).unwrap().filter_map(|e| Some(e.ok()?.path()));
    let core =
        core.into_iter().find(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("core")));
    let Some(core) = core else {
        eprintln!("skipped: no core dump is written here");
        return;
    };
    let core = core.to_str().unwrap();
    let output = callgate(&["why", &file, "--core", core]).output().unwrap();
    let said = stdout(&output);
    assert!(
        said.contains("(sh): chdir(~\"/nowhere\") on ") && said.contains("= kill(42), by the rule at"),
        "{said}{}",
        stderr(&output)
    );
    let output = callgate(&["why", &file, "--core", core, "--json"]).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["calls"][0]["data"], 42);
    // Cut anywhere, it is an error or a shorter dump, and never a panic.
    let bytes = std::fs::read(core).unwrap();
    for len in [0, 3, 60, 100, 700, 1500, 3000] {
        let cut = folder.file("cut", &bytes[..len.min(bytes.len())]);
        let output = callgate(&["why", &file, "--core", &cut]).output().unwrap();
        assert!(matches!(output.status.code(), Some(1 | 2)), "{len}: {}", stderr(&output));
    }
}

#[test]
fn a_policy_that_is_too_small_grows_until_the_program_runs() {
    let folder = Folder::new();
    let file = policy(&folder, "default allow\nunknown errno(ENOSYS)\nerrno(EPERM) chdir, umask\n");
    let run = |file: &str| {
        callgate(&["run", "--complain", "--json", file, "--", "sh", "-c", "cd / && umask 077"])
            .output()
            .unwrap()
    };
    let output = run(&file);
    let missing: Vec<serde_json::Value> =
        stderr(&output).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let names: std::collections::BTreeSet<String> =
        missing.iter().filter_map(|l| Some(l["call"].as_str()?.to_owned())).collect();
    assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), ["chdir", "umask"]);
    for name in &names {
        let output = callgate(&["why", &file, name, "--apply"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let output = run(&file);
    assert_eq!((output.status.code(), &*stderr(&output)), (Some(0), ""));
}

/// A policy of another notation, a call it denies, and what allows the call there.
fn grows(file: &str, call: &str, by: &str, line: &str) -> String {
    let before = std::fs::read_to_string(file).unwrap();
    let output = callgate(&["why", file, call]).output().unwrap();
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}{}", stderr(&output));
    assert!(said.contains(&format!("{by}\n    to allow")) && said.contains(&format!(": {line}\n")), "{said}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), before);
    let output = callgate(&["why", file, call, "--apply"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("changed "), "{}", stdout(&output));
    let output = callgate(&["why", file, call]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    std::fs::read_to_string(file).unwrap()
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_line_in_the_policys_own_notation() {
    let folder = Folder::new();
    let profile = "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86_64\"], \"syscalls\": [\n  \
                   {\"names\": [\"read\", \"write\"], \"action\": \"SCMP_ACT_ALLOW\"}\n]}\n";
    let file = folder.file("profile.json", profile.as_bytes());
    let line = r#"{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 16, "op": "SCMP_CMP_EQ"}]}"#;
    let after = grows(&file, "socket(AF_NETLINK, …)", "by default: no rule matches", line);
    assert_eq!(after, profile.replace("ALLOW\"}\n", &format!("ALLOW\"}},\n  {line}\n")));

    let file = folder.file("old.policy", b"read: 1\nioctl: arg1 == TCGETS # a terminal?\n");
    let call = "ioctl(0, TIOCGWINSZ, {ws_row=24, ws_col=80, ...}) = 0";
    let after = grows(&file, call, "by default: no rule matches", "ioctl: arg1 == TCGETS || arg1 == 0x5413");
    assert_eq!(after, "read: 1\nioctl: arg1 == TCGETS || arg1 == 0x5413 # a terminal?\n");
}

/// A unit's settings are a filter each; the strictest decides.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_units_settings() {
    let folder = Folder::new();
    let unit = "[Service]\nExecStart=/bin/true\nSystemCallFilter=@system-service\nSystemCallFilter=~@mount\n\
                SystemCallErrorNumber=EPERM\nRestrictAddressFamilies=AF_UNIX\nMemoryDenyWriteExecute=yes\n";
    let file = folder.file("web.service", unit.as_bytes());
    let call = "mount(\"proc\", \"/proc\", \"proc\", MS_NOSUID, NULL) = -1 EPERM (Operation not permitted)";
    grows(&file, call, &format!("= errno(EPERM), by the rule at {file}:4"), "SystemCallFilter=mount");
    let call = "socket(AF_INET6, SOCK_STREAM, 0)";
    let line = "RestrictAddressFamilies=AF_INET6";
    let after = grows(&file, call, &format!("= errno(EAFNOSUPPORT), by the rule at {file}:7"), line);
    let grown = unit
        .replace("~@mount\n", "~@mount\nSystemCallFilter=mount\n")
        .replace("AF_UNIX\n", "AF_UNIX\nRestrictAddressFamilies=AF_INET6\n");
    assert_eq!(after, grown);
    // Nothing that could be added allows this.
    let call = "mmap(NULL, 4096, PROT_WRITE|PROT_EXEC, MAP_PRIVATE, 3, 0)";
    let output = callgate(&["why", &file, call, "--apply"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert!(stderr(&output).contains("no line could be added"), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), grown);
}

/// What is not said is not guessed.
#[test]
fn arguments_that_are_not_known() {
    let folder = Folder::new();
    let file = policy(&folder, "default kill\nallow socket if domain == AF_UNIX && type == SOCK_STREAM\n");
    let ask = |call: &str| {
        let output = callgate(&["why", &file, call]).output().unwrap();
        (output.status.code(), stdout(&output), stderr(&output))
    };
    let (code, _, said) = ask("socket(AF_UNIX, …)");
    assert!(code == Some(2) && said.contains("depends on type, which is not said here"), "{said}");
    let (code, said, _) = ask("socket(AF_INET, ...)");
    assert!(code == Some(1) && said.contains("socket(AF_INET, …, …)"), "{said}");
    assert!(said.contains("to allow: allow socket if domain == AF_INET\n"), "{said}");
    // An address is no choice, where another option makes the same argument one.
    let (_, said, _) = ask("prctl(PR_SET_NAME, 0x7fff12345678)");
    assert!(said.contains("to allow: allow prctl if option == PR_SET_NAME\n"), "{said}");
    let (_, said, _) = ask("prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 3)");
    assert!(said.contains("option == PR_CAP_AMBIENT && second == PR_CAP_AMBIENT_RAISE\n"), "{said}");
    let (code, said, _) = ask("openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY|O_CLOEXEC) = 3");
    assert!(code == Some(1) && said.contains("\"/etc/passwd\", O_RDONLY|O_CLOEXEC"), "{said}");
}

/// Programs are no policies, and some notations are not written into.
#[test]
fn what_nothing_is_added_to() {
    let folder = Folder::new();
    let kafel = folder.file("p.kafel", b"POLICY p { ALLOW { read } } USE p DEFAULT KILL\n");
    let output = callgate(&["why", &kafel, "getpid", "--apply"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("kafel: nothing is added to files in this notation"),
        "{}",
        stderr(&output)
    );
    let output = callgate(&["why", "strict", "getpid", "--apply"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--apply changes a file"), "{}", stderr(&output));
}
