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
