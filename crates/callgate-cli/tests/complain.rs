//! `run --report` and `run --complain` on real programs.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

mod common;

use common::{Folder, callgate, python, stderr, stdout};
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;

const POLICY: &str = "default allow\nunknown errno(ENOSYS)\n\
                      errno(EPERM) socket if domain == AF_NETLINK\nerrno(EACCES) connect\ntrap getpriority\n";

const SHELL_POLICY: &str = "default allow\nunknown errno(ENOSYS)\ntrap chdir\n";

const PROGRAM: &str = r#"
import socket
def attempt(make):
    try: make()
    except OSError as e: print(e.errno)
attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))
for family, address in ((socket.AF_INET6, ("::1", 9)), (socket.AF_UNIX, "/nowhere/x.sock"), (socket.AF_INET, ("127.0.0.1", 9))):
    s = socket.socket(family)
    attempt(lambda: s.connect(address))
    attempt(lambda: s.connect(address))
    s.close()
"#;

/// A policy for this machine's architecture.
fn policy(folder: &Folder, text: &str) -> String {
    folder.file("policy.cg", format!("arch {}\n{text}", std::env::consts::ARCH).as_bytes())
}

#[test]
fn denied_calls_are_told_and_denied() {
    let Some(python) = python() else {
        return;
    };
    let folder = Folder::new();
    let file = policy(&folder, POLICY);
    let output = callgate(&["run", "--report", &file, "--", &python, "-ISc", PROGRAM]).output().unwrap();
    let said = stderr(&output);
    assert_eq!((output.status.code(), &*stdout(&output)), (Some(0), "1\n13\n13\n13\n13\n13\n13\n"), "{said}");
    // By whom is another test's matter.
    let (callers, said): (Vec<&str>, Vec<&str>) = said.lines().partition(|l| l.starts_with("    from "));
    assert!(callers.iter().any(|l| l.contains("socket (")), "{callers:?}");
    let said = said.iter().map(|l| format!("{l}\n")).collect::<String>();
    for part in [
        "): socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) on ",
        &format!(
            "= errno(EPERM), by the rule at {file}:4\n    to allow: allow socket if domain == AF_NETLINK\n"
        ),
        "~{AF_INET6, [::1]:9}, 28)",
        "~{AF_UNIX, \"/nowhere/x.sock\"}",
        "~{AF_INET, 127.0.0.1:9}, 16)",
        &format!("= errno(EACCES), by the rule at {file}:5\n    to allow: allow connect\n"),
        "callgate: 2 times: connect(",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}

#[test]
fn complaining_denies_nothing() {
    let Some(python) = python() else {
        return;
    };
    let folder = Folder::new();
    let file = policy(&folder, POLICY);
    let program = format!("{PROGRAM}\nimport os\nprint(os.getpriority(os.PRIO_PROCESS, 0) < 99)");
    let output =
        callgate(&["run", "--complain", "--json", &file, "--", &python, "-ISc", &program]).output().unwrap();
    let said = stderr(&output);
    assert_eq!(
        (output.status.code(), &*stdout(&output)),
        (Some(0), "111\n111\n2\n2\n111\n111\nTrue\n"),
        "{said}"
    );
    let lines: Vec<Value> = said.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let denied: Vec<&Value> = lines.iter().filter(|l| l["event"] == "denied").collect();
    let calls: Vec<&str> = denied.iter().filter_map(|l| l["call"].as_str()).collect();
    assert_eq!(calls, ["socket", "connect", "connect", "connect", "getpriority"], "{said}");
    assert!(denied.iter().all(|l| l["executed"] == true && l["schema"] == "callgate/denied/1"), "{said}");
    assert_eq!((&denied[4]["line"], &denied[4]["action"]), (&6.into(), &"trap".into()));
    assert_eq!(denied[1]["decoded"][1]["pointed"], "{AF_INET6, [::1]:9}");
    assert_eq!(
        (&denied[1]["decoded"][1]["racy"], &denied[1]["decoded"][0]["racy"]),
        (&true.into(), &false.into())
    );
    let twice = lines.iter().filter(|l| l["event"] == "count" && l["count"] == 2).count();
    assert_eq!(twice, 3, "{said}");
}

#[test]
fn a_trap_under_report_is_told_and_kills() {
    let folder = Folder::new();
    let file = policy(&folder, SHELL_POLICY);
    // A child is killed; the shell lives on and says so.
    let script = "(cd /nowhere); echo $?";
    let output = callgate(&["run", "--report", &file, "--", "sh", "-c", script]).output().unwrap();
    let said = stderr(&output);
    assert_eq!(stdout(&output), "159\n", "{said}");
    assert_eq!(said.matches("chdir(~\"/nowhere\")").count(), 1, "{said}");
    let output = callgate(&["run", "--report", &file, "--", "sh", "-c", "cd /nowhere"]).output().unwrap();
    assert_eq!(output.status.signal(), Some(31));
}

#[test]
fn the_report_goes_to_a_descriptor() {
    let folder = Folder::new();
    let file = policy(&folder, SHELL_POLICY);
    let report = folder.path().join("report");
    // The shell opens descriptor 7; the command does not get it.
    let script = "exec \"$@\" 7>\"$REPORT\"";
    let binary = env!("CARGO_BIN_EXE_callgate");
    let inner = "cd / ; if (: >&7) 2>/dev/null; then echo leaked; fi";
    let output = std::process::Command::new("sh")
        .args(["-c", script, "sh", binary, "run", "--complain", "--json", "--report-fd", "7", &file, "--"])
        .args(["sh", "-c", inner])
        .env("REPORT", &report)
        .output()
        .unwrap();
    assert_eq!((&*stdout(&output), &*stderr(&output)), ("", ""));
    let said = std::fs::read_to_string(report).unwrap();
    assert!(said.starts_with('{') && said.contains("\"chdir\""), "{said}");
    let output = callgate(&["run", "--complain", "--report-fd", "77", &file, "--", "true"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn under_report_no_program_gets_a_listener() {
    let Some(python) = python().filter(|_| cfg!(target_arch = "x86_64")) else {
        return;
    };
    let folder = Folder::new();
    let file = policy(&folder, POLICY);
    // A filter of one instruction, `return ALLOW`, with SECCOMP_FILTER_FLAG_NEW_LISTENER.
    let program = "import ctypes, struct\nlibc = ctypes.CDLL(None, use_errno=True)\n\
                   code = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0x7fff0000))\n\
                   prog = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', 1, ctypes.addressof(code)))\n\
                   print(libc.syscall(317, 1, 8, prog) >= 0, ctypes.get_errno())";
    let run = |how| callgate(&["run", how, &file, "--", &python, "-ISc", program]).output().unwrap();
    assert_eq!(stdout(&run("--complain")), "True 0\n");
    // EBUSY
    assert_eq!(stdout(&run("--report")), "False 16\n");
}
