//! `learn` and what does not stand still: signals, job control, programs that trace or filter themselves.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

mod common;

use common::{Folder, installed, stderr, stdout};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The ways of watching that are possible here.
fn ways() -> Vec<&'static str> {
    let works = |via: &&str| {
        let output = common::learn(via).args(["--", "true"]).output().unwrap();
        if !output.status.success() {
            eprintln!("skipped: --via {via}: {}", stderr(&output));
        }
        output.status.success()
    };
    ["trace", "fast", "notify", "bpf"].into_iter().filter(works).collect()
}

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The same command with no signal ignored: who runs the tests in the background has them ignore interrupts, and a shell
/// cannot trap what it was started ignoring.
fn with_default_signals(command: &Command) -> Command {
    let mut env = Command::new("env");
    env.arg("--default-signal").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => env.env(name, value),
            None => env.env_remove(name),
        };
    }
    env
}

/// `callgate learn` as the leader of a group of its own, as a shell starts it; and when its command is ready.
fn in_a_group(via: &str, folder: &Folder, script: &str) -> Child {
    let (policy, ready) = (folder.path().join("policy.cg"), folder.path().join("ready"));
    let _ = std::fs::remove_file(&policy);
    let _ = std::fs::remove_file(&ready);
    let mut command = common::learn(via);
    command.arg("-o").arg(&policy).arg("--").args(["sh", "-c", script]).env("READY", &ready);
    let mut command = with_default_signals(&command);
    let child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the command begins", || ready.exists());
    child
}

fn signal(name: &str, child: &Child) {
    let group = format!("-{}", child.id());
    assert!(Command::new("kill").args(["-s", name, "--", &group]).status().unwrap().success());
}

fn state(child: &Child) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or(' ')
}

#[test]
fn an_interrupt_reaches_the_command_and_the_policy_is_written() {
    let folder = Folder::new();
    for via in ways() {
        let script = "trap 'echo caught; exit 3' INT; : >\"$READY\"; while :; do sleep 0.02; done";
        let child = in_a_group(via, &folder, script);
        signal("INT", &child);
        let output = child.wait_with_output().unwrap();
        // One interrupt may come twice: from the group, and passed on.
        assert!(stdout(&output).starts_with("caught\n"), "{via}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(3), "{via}: {}", stderr(&output));
        let policy = std::fs::read_to_string(folder.path().join("policy.cg")).unwrap();
        assert!(policy.contains("allow rt_sigaction"), "{via}: {policy}");

        let child = in_a_group(via, &folder, ": >\"$READY\"; exec sleep 100");
        signal("TERM", &child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), Some(15), "{via}: {}", stderr(&output));
        assert!(folder.path().join("policy.cg").exists(), "{via}");
    }
}

#[test]
fn it_stops_and_continues_with_its_command() {
    let folder = Folder::new();
    for via in ways() {
        let script = ": >\"$READY\"; i=0; while [ $i -lt 200 ]; do i=$((i+1)); sleep 0.002; done; exit 5";
        let mut child = in_a_group(via, &folder, script);
        signal("STOP", &child);
        until("it stops", || state(&child) == 'T');
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!((state(&child), child.try_wait().unwrap()), ('T', None), "{via}");
        signal("CONT", &child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(5), "{via}: {}", stderr(&output));
    }
}

/// `callgate learn` of a command; the policy on standard output is dropped.
fn learn(via: &str, command: &[&str]) -> Output {
    let folder = Folder::new();
    let mut learn = common::learn(via);
    learn.arg("-o").arg(folder.path().join("policy.cg")).arg("--").args(command).output().unwrap()
}

#[test]
fn tracers_work_inside_or_it_is_said_why_not() {
    for command in [
        vec!["strace", "-f", "-o", "/dev/null", "sh", "-c", "echo inside; true & wait"],
        vec!["gdb", "-q", "-nx", "-batch", "-ex", "run", "--args", "echo", "inside"],
    ] {
        if !installed(command[0]) {
            continue;
        }
        for via in ways() {
            let output = learn(via, &command);
            let (inside, told) = (stdout(&output).contains("inside"), stderr(&output));
            match via {
                "trace" | "fast" => {
                    let said = "traces another, which fails under a tracer: try --via notify";
                    assert!(told.contains(said), "{command:?}: {told}");
                }
                _ => assert!(inside && output.status.success(), "{via}: {command:?}: {told}"),
            }
        }
    }
}

#[test]
fn inside_a_tracer_another_way_is_found() {
    if !installed("strace") {
        return;
    }
    let binary = env!("CARGO_BIN_EXE_callgate");
    let run = |via: &str| {
        let words = ["-f", "-o", "/dev/null", binary, "learn", "--via", via, "--", "sh", "-c", "exit 6"];
        Command::new("strace").args(words).output().unwrap()
    };
    let output = run("trace");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("ptrace(PTRACE_SEIZE)"), "{}", stderr(&output));
    let output = run("notify");
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    assert!(stdout(&output).contains("allow exit_group"), "{}", stdout(&output));
    let output = run("auto");
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
}

#[test]
fn without_privileges_it_is_traced_and_then_notified() {
    if !installed("setpriv") {
        return;
    }
    let folder = Folder::new();
    let binary = folder.path().join("callgate");
    std::fs::copy(env!("CARGO_BIN_EXE_callgate"), &binary).unwrap();
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let words = ["learn", "--", "sh", "-c", "exit 6"];
    let output = Command::new("setpriv").args(nobody).arg(&binary).args(words).output().unwrap();
    if stderr(&output).starts_with("setpriv") {
        eprintln!("skipped: {}", stderr(&output));
        return;
    }
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    assert_eq!(stderr(&output), "callgate: learning by seccomp and ptrace\n");
    // Where a filter forbids tracing, notifications are left.
    let policy = format!("arch {}\ndefault allow\nerrno(EPERM) ptrace\n", std::env::consts::ARCH);
    let policy = folder.file("policy.cg", policy.as_bytes());
    let mut outer = Command::new("setpriv");
    outer.args(nobody).arg(&binary).args(["run", &policy, "--"]).arg(&binary).args(words);
    let output = outer.output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    assert!(
        stderr(&output).ends_with("callgate: learning by seccomp notifications\n"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn programs_that_filter_themselves_work() {
    let folder = Folder::new();
    let allow = folder.file("filter", &[6, 0, 0, 0, 0, 0, 0xff, 0x7f]);
    if !installed("bwrap") {
        return;
    }
    let script = "exec bwrap --ro-bind / / --dev /dev --seccomp 9 echo inside 9<\"$1\"";
    if !Command::new("sh").args(["-c", script, "sh", &allow]).output().unwrap().status.success() {
        eprintln!("skipped: bwrap does not work here");
        return;
    }
    for via in ways() {
        let output = learn(via, &["sh", "-c", script, "sh", &allow]);
        assert_eq!(
            (output.status.code(), &*stdout(&output)),
            (Some(0), "inside\n"),
            "{via}: {}",
            stderr(&output)
        );
        let told = stderr(&output).contains("loads a filter of its own");
        assert_eq!(told, via != "bpf", "{via}: {}", stderr(&output));
    }
}

/// A browser starts processes of its own in namespaces and filters them, with handlers for what these trap.
#[test]
fn a_browser_works() {
    if !installed("chromium") || !installed("setpriv") {
        return;
    }
    // Its own sandbox is for others than root.
    let folder = Folder::new();
    let home = folder.path();
    let binary = home.join("callgate");
    std::fs::copy(env!("CARGO_BIN_EXE_callgate"), &binary).unwrap();
    std::fs::set_permissions(home, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let browser = |before: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).args(before);
        command.args([
            "chromium",
            "--headless",
            "--disable-gpu",
            "--dump-dom",
            "data:text/html,<p>inside</p>",
        ]);
        command.arg(format!("--user-data-dir={}", home.join("profile").display()));
        command.env("HOME", home).stdin(Stdio::null()).output().unwrap()
    };
    let shows = |output: &Output| stdout(output).contains("<p>inside</p>") && output.status.success();
    if !shows(&browser(&[])) {
        eprintln!("skipped: chromium does not work here");
        return;
    }
    let binary = binary.to_str().unwrap();
    let (policy, narrow) = (home.join("learned.cg"), home.join("narrow.cg"));
    std::fs::write(&narrow, format!("arch {}\ndefault allow\nerrno(EPERM) acct\n", std::env::consts::ARCH))
        .unwrap();
    let (policy, narrow) = (policy.to_str().unwrap(), narrow.to_str().unwrap());
    for way in [&["--via", "trace"][..], &["--fast"], &["--via", "notify"]] {
        if way == ["--fast"] && !cfg!(target_arch = "x86_64") {
            continue;
        }
        let _ = std::fs::remove_file(policy);
        let output = browser(&[&[binary, "learn"], way, &["-o", policy, "--"]].concat());
        assert!(shows(&output), "{way:?}: {}", stderr(&output));
        let learned = std::fs::read_to_string(policy).unwrap();
        assert!(learned.contains("allow seccomp"), "{way:?}: {learned}");
        assert!(stderr(&output).contains("loads a filter of its own"), "{way:?}: {}", stderr(&output));
    }
    for way in [&["run"][..], &["run", "--report"], &["run", "--trace"]] {
        let output = browser(&[&[binary], way, &[narrow, "--"]].concat());
        assert!(shows(&output), "{way:?}: {}", stderr(&output));
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_listener_inside_works_or_it_is_said_why_not() {
    let Some(python) = common::python() else { return };
    // A filter of one instruction, `return ALLOW`, with SECCOMP_FILTER_FLAG_NEW_LISTENER.
    let program = "import ctypes, struct\nlibc = ctypes.CDLL(None, use_errno=True)\n\
                   code = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0x7fff0000))\n\
                   prog = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', 1, ctypes.addressof(code)))\n\
                   libc.prctl(38, 1, 0, 0, 0)\n\
                   print(libc.syscall(317, 1, 8, prog) >= 0, ctypes.get_errno())";
    for via in ways() {
        let output = learn(via, &[&python, "-c", program]);
        let (answer, told) = (stdout(&output), stderr(&output));
        if via == "notify" {
            assert_eq!(answer, "False 16\n", "{told}");
            assert!(told.contains("which fails (EBUSY) where there is one: try --via trace"), "{told}");
        } else {
            assert_eq!(answer, "True 0\n", "{via}: {told}");
        }
    }
}
