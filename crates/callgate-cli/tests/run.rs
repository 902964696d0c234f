//! Real programs under policies that allow them, and under policies that deny them.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

mod common;

use common::{Folder, callgate, installed, python, stderr, stdout};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const SIGSYS: i32 = 31;

/// Runs a command under a policy's text.
fn under(policy: &str, command: &[&str]) -> Output {
    let folder = Folder::new();
    let file = folder.file("policy.cg", format!("arch {}\n{policy}", std::env::consts::ARCH).as_bytes());
    callgate(&["run", &file, "--"]).args(command).output().unwrap()
}

/// The same command without callgate.
fn bare(command: &[&str]) -> Output {
    let mut bare = Command::new(command[0]);
    bare.args(&command[1..]).stdin(Stdio::null()).env("LC_ALL", "C").env("NO_COLOR", "1").output().unwrap()
}

/// A command does under a built-in policy what it does without.
fn undisturbed(policy: &str, command: &[&str]) {
    let (free, output) = (bare(command), callgate(&["run", policy, "--"]).args(command).output().unwrap());
    assert_eq!(output.status.code(), free.status.code(), "{command:?} under {policy}: {}", stderr(&output));
    assert_eq!(stdout(&output), stdout(&free), "{command:?} under {policy}");
    assert_eq!(stderr(&output), stderr(&free), "{command:?} under {policy}");
}

#[test]
fn ordinary_programs_notice_nothing() {
    for policy in ["container-like", "no-network"] {
        undisturbed(policy, &["ls", "-l", "/etc/passwd"]);
        undisturbed(policy, &["grep", "-n", "root", "/etc/passwd", "/etc/nothing"]);
        undisturbed(policy, &["bash", "-c", "seq 1000 | sort -rn | head -3; exit 4"]);
        if let Some(python) = python() {
            undisturbed(
                policy,
                &[
                    &python,
                    "-c",
                    "import threading; t = threading.Thread(target=print, args=(6 * 7,)); t.start(); t.join()",
                ],
            );
        }
    }
    undisturbed("read-only-files", &["grep", "root", "/etc/passwd"]);
    undisturbed("no-fork", &["grep", "root", "/etc/passwd"]);
}

#[test]
fn make_runs_its_jobs() {
    if !installed("make") {
        return;
    }
    let folder = Folder::new();
    let makefile = "all: a b c d\na b c d:\n\t@echo $@ > $@.out\n\n.PHONY: all a b c d\n";
    let file = folder.file("Makefile", makefile.as_bytes());
    let dir = folder.path().to_str().unwrap();
    let make = ["make", "-s", "-j2", "-C", dir, "-f", &file];
    let output = callgate(&["run", "no-network", "--"]).args(make).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    for target in ["a", "b", "c", "d"] {
        assert_eq!(
            std::fs::read_to_string(folder.path().join(format!("{target}.out"))).unwrap(),
            format!("{target}\n")
        );
    }
    // Without new processes there are no jobs.
    let policy = "default allow\nerrno(EPERM) fork, vfork, clone3\nerrno(EPERM) clone";
    let output = under(policy, &make);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("Operation not permitted"), "{}", stderr(&output));
}

#[test]
fn curl_fetches_from_a_server_unless_there_is_no_network() {
    if !installed("curl") {
        return;
    }
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", server.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n").unwrap();
    });
    let curl = ["curl", "-sS", "--noproxy", "*", &address];
    let output = callgate(&["run", "container-like", "--"]).args(curl).output().unwrap();
    serving.join().unwrap();
    assert_eq!((output.status.code(), &*stdout(&output)), (Some(0), "hello\n"), "{}", stderr(&output));
    // Could not connect.
    let output = callgate(&["run", "no-network", "--"]).args(curl).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
}

#[test]
fn a_program_sees_the_error_number() {
    let output = under("default allow\nerrno(EACCES) getdents64", &["ls", "-l", "/"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("reading directory '/': Permission denied"), "{}", stderr(&output));
    let output = under("default allow\nerrno(EIO) openat", &["grep", "root", "/etc/passwd"]);
    assert!(stderr(&output).contains("Input/output error"), "{}", stderr(&output));
    if let Some(python) = python() {
        let program = "import socket\ntry:\n    socket.socket()\nexcept OSError as e:\n    print(e.errno)";
        let output = callgate(&["run", "no-network", "--", &python, "-c", program]).output().unwrap();
        // EAFNOSUPPORT
        assert_eq!((output.status.code(), &*stdout(&output)), (Some(0), "97\n"), "{}", stderr(&output));
    }
    let policy = "default allow\nerrno(ENOSYS) fork, vfork, clone3, clone";
    let output = under(policy, &["bash", "-c", "seq 3 | sort"]);
    assert!(stderr(&output).contains("fork: Function not implemented"), "{}", stderr(&output));
}

#[test]
fn a_kill_is_told_and_passed_on() {
    for (command, call) in [
        (&["ls", "-l", "/"][..], "getdents64"),
        (&["grep", "root", "/etc/passwd"], "read"),
        (&["bash", "-c", "seq 3 | sort"], "pipe2"),
        (&["make", "-f", "/dev/null"], "openat"),
        (&["curl", "http://127.0.0.1:1/"], "socket"),
        (&["python3", "-c", "print(1)"], "getrandom"),
    ] {
        if !installed(command[0]) {
            continue;
        }
        let folder = Folder::new();
        let text = format!("arch {}\ndefault allow\nkill {call}\n", std::env::consts::ARCH);
        let file = folder.file("k.cg", text.as_bytes());
        let output = callgate(&["run", &file, "--"]).args(command).output().unwrap();
        assert_eq!(output.status.signal(), Some(SIGSYS), "{command:?}: {}", stderr(&output));
        let said = stderr(&output);
        assert!(said.contains(&format!("callgate: {}: killed by signal 31 (SIGSYS)", command[0])), "{said}");
        // Where the kernel's log cannot be read, it says how to find out.
        assert!(
            said.contains(&format!("it called {call} on")) || said.contains("`callgate run --trace` says"),
            "{said}"
        );
        // And so it does.
        let output = callgate(&["run", "--report", &file, "--"]).args(command).output().unwrap();
        assert_eq!(output.status.signal(), Some(SIGSYS), "{command:?}: {}", stderr(&output));
        let said = stderr(&output);
        assert!(said.contains(&format!("): {call}(")), "{said}");
        assert!(said.contains("= kill, by the rule at ") && said.contains("k.cg:3"), "{said}");
    }
}

#[test]
fn a_report_shows_arguments_of_children_too() {
    let Some(python) = python() else {
        return;
    };
    let program = "import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)";
    let script = format!("{python} -c '{program}'; echo status $?");
    let folder = Folder::new();
    let text = format!("arch {}\ndefault allow\ntrap socket if domain != AF_UNIX\n", std::env::consts::ARCH);
    let file = folder.file("trap.cg", text.as_bytes());
    let output = callgate(&["run", "--report", &file, "--", "bash", "-c", &script]).output().unwrap();
    assert_eq!((output.status.code(), &*stdout(&output)), (Some(0), "status 159\n"));
    let said = stderr(&output);
    assert!(said.contains("): socket(AF_INET6, SOCK_DGRAM|SOCK_CLOEXEC, "), "{said}");
    assert!(said.contains("= trap, by the rule at "), "{said}");
}

#[test]
fn a_logged_call_is_in_the_kernels_log() {
    use std::os::unix::fs::OpenOptionsExt;
    let mut log = std::fs::OpenOptions::new();
    let Ok(mut log) = log.read(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg") else {
        eprintln!("skipped: the kernel's log cannot be read");
        return;
    };
    std::io::Seek::seek(&mut log, std::io::SeekFrom::End(0)).unwrap();
    let nr = callgate_abi::Syscall::from_name("getdents64").unwrap();
    let wanted = format!("syscall={} ", nr.number(callgate_abi::Arch::NATIVE.unwrap()).unwrap());
    let mut record = [0; 8192];
    // The kernel drops records when there are many at a time, as while other tests kill.
    for _ in 0..30 {
        let output = under("default allow\nlog getdents64", &["ls", "/"]);
        assert!(output.status.success(), "{}", stderr(&output));
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(1) {
            let Ok(len) = log.read(&mut record) else {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            };
            let text = String::from_utf8_lossy(&record[..len]);
            if text.contains("type=1326") && text.contains(&wanted) && text.contains("code=0x7ffc0000") {
                return;
            }
        }
    }
    // An audit daemon takes the records away; without one they are there.
    assert!(std::path::Path::new("/run/auditd.pid").exists(), "no record");
}

/// A static i386 program that exits with status 7.
fn narrow_program() -> Vec<u8> {
    const BASE: u32 = 0x40_0000;
    // exit(7) by int 0x80.
    let code = [0xbb, 7, 0, 0, 0, 0xb8, 1, 0, 0, 0, 0xcd, 0x80];
    let mut file = vec![0x7f, b'E', b'L', b'F', 1, 1, 1];
    file.resize(16, 0);
    let header = 52 + 32;
    file.extend([2u16, 3].iter().flat_map(|h| h.to_le_bytes()));
    for word in [1, BASE + header, 52, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend([52u16, 32, 1, 40, 0, 0].iter().flat_map(|h| h.to_le_bytes()));
    let size = header + code.len() as u32;
    for word in [1, 0, BASE, BASE, size, size, 5, 0x1000] {
        file.extend(word.to_le_bytes());
    }
    file.extend(code);
    file
}

#[test]
fn a_32_bit_program_is_another_architecture() {
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    let folder = Folder::new();
    let program = folder.file("narrow", &narrow_program());
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    if Command::new(&program).status().map(|s| s.code()).ok().flatten() != Some(7) {
        eprintln!("skipped: this kernel runs no 32-bit programs");
        return;
    }
    let both = folder.file("both.cg", b"arch x86_64, x86\ndefault allow\n");
    let wide = folder.file("wide.cg", b"arch x86_64\ndefault allow\n");
    let refused = folder.file("refused.cg", b"arch x86_64, x86\ndefault allow\nkill exit on x86\n");
    let run = |policy: &str| callgate(&["run", policy, "--", &program]).output().unwrap();
    assert_eq!(run(&both).status.code(), Some(7));
    for policy in [&wide, &refused] {
        let output = run(policy);
        assert_eq!(output.status.signal(), Some(SIGSYS), "{}", stderr(&output));
        let output = callgate(&["run", "--report", policy, "--", &program]).output().unwrap();
        assert!(stderr(&output).contains("exit(7) on x86 [1] = kill"), "{}", stderr(&output));
    }
}

#[test]
fn exit_codes_say_who_failed() {
    let folder = Folder::new();
    let plain = folder.file("plain", b"no program");
    let file = folder.file("k.cg", format!("arch {}\ndefault allow\n", std::env::consts::ARCH).as_bytes());
    let code = |command: &[&str]| {
        let output = callgate(&["run", &file, "--"]).args(command).output().unwrap();
        (output.status.code(), stderr(&output))
    };
    assert_eq!(code(&["sh", "-c", "exit 77"]), (Some(77), String::new()));
    assert_eq!(code(&["/no/such/program"]).0, Some(127));
    assert_eq!(code(&["no-such-program-anywhere"]).0, Some(127));
    assert_eq!(code(&[&plain]).0, Some(126));
    // A bad policy is bad input, and nothing is executed.
    let bad = folder.file("bad.cg", b"default kill\nallow nothing_of_the_kind\n");
    let touched = folder.path().join("touched");
    let output = callgate(&["run", &bad, "--", "touch", touched.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!touched.exists());
}

#[test]
fn signals_arrive_and_come_back() {
    let folder = Folder::new();
    let file = folder.file("k.cg", format!("arch {}\ndefault allow\n", std::env::consts::ARCH).as_bytes());
    let script = "trap 'echo caught; exit 5' USR1; echo ready; while :; do sleep 0.05; done";
    for (signal, expected) in [("USR1", Err(5)), ("TERM", Ok(15)), ("KILL", Ok(9))] {
        let mut child =
            callgate(&["run", &file, "--", "bash", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        let mut ready = [0; 6];
        out.read_exact(&mut ready).unwrap();
        assert_eq!(&ready, b"ready\n");
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        let status = child.wait().unwrap();
        match expected {
            Ok(signal) => assert_eq!(status.signal(), Some(signal)),
            Err(code) => assert_eq!(status.code(), Some(code)),
        }
    }
}

#[test]
fn pipes_and_background_work_as_without() {
    let folder = Folder::new();
    let file = folder.file("k.cg", format!("arch {}\ndefault allow\n", std::env::consts::ARCH).as_bytes());
    let binary = env!("CARGO_BIN_EXE_callgate");
    let sh = |script: &str| {
        let output =
            Command::new("bash").args(["-c", script]).env("CG", binary).env("P", &file).output().unwrap();
        (output.status.code(), stdout(&output), stderr(&output))
    };
    let ok = |text: &str| (Some(0), text.to_owned(), String::new());
    assert_eq!(sh("printf 'a\\nb\\n' | $CG run $P -- tac"), ok("b\na\n"));
    assert_eq!(sh("$CG run $P -- sh -c 'sleep 0.1; exit 3' & wait $!; echo $?"), ok("3\n"));
    assert_eq!(sh("$CG run $P -- yes | head -1; echo ${PIPESTATUS[0]}"), ok("y\n141\n"));
    // The policy itself from a pipe, the command's input is then at its end.
    assert_eq!(sh("cat $P | $CG run - -- cat; echo $?"), ok("0\n"));
}

#[test]
fn a_terminal_stays_the_commands_own() {
    let Some(python) = python() else {
        return;
    };
    let folder = Folder::new();
    let file = folder.file("k.cg", format!("arch {}\ndefault allow\n", std::env::consts::ARCH).as_bytes());
    // A shell of its own session on a terminal of its own, which gets what a person would type.
    let driver = r#"
import os, pty, sys, time, select
binary, policy = sys.argv[1:3]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
seen = b""
def expect(text, patience=15):
    global seen
    end = time.time() + patience
    while text not in seen:
        if time.time() > end or not select.select([terminal], [], [], end - time.time())[0]:
            sys.exit(f"waited for {text!r}, saw {seen!r}")
        seen += os.read(terminal, 4096)
    seen = seen[seen.index(text) + len(text):]
def type(text):
    os.write(terminal, text)
def shell(text):
    expect(b"ready>")
    type(text + b"\n")
type(b"stty -echo; PS1='ready>'; echo be''gin\n")
expect(b"begin")
run = f"{binary} run {policy} --".encode()
shell(run + f" {sys.executable}".encode() + b" -c 'import os; print(os.isatty(0), os.isatty(1), os.tcgetpgrp(0) == os.getpgrp())'")
expect(b"True True True")
shell(run + b" sh -c 'echo sta''rted; exec sleep 60'")
expect(b"started")
type(b"\x03")
shell(b"echo status $?")
expect(b"status 130")
shell(run + b" sh -c 'echo ag''ain; exec sleep 60'")
expect(b"again")
type(b"\x1a")
expect(b"Stopped")
shell(b"fg")
expect(b"exec sleep 60")
# The shell names the job before it hands the terminal over: until then, the key is the shell's.
for attempt in range(30):
    type(b"\x03")
    if select.select([terminal], [], [], 0.5)[0]:
        break
shell(b"echo after $?")
expect(b"after 130")
shell(run + b" sh -c 'echo rea''ding; cat'")
expect(b"reading")
type(b"typed\n")
expect(b"typed")
type(b"\x04")
shell(b"exit 9")
_, status = os.waitpid(pid, 0)
sys.exit(0 if os.WEXITSTATUS(status) == 9 else f"the shell ended with {status}")
"#;
    let output = Command::new(&python)
        .args(["-c", driver, env!("CARGO_BIN_EXE_callgate"), &file])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

/// What is loaded is the policy as it is written, for machines other than this one, too.
#[test]
fn the_filter_of_a_running_command_is_its_policy() {
    let folder = Folder::new();
    let other = if cfg!(target_arch = "x86_64") { "aarch64" } else { "x86_64" };
    let text = format!("arch {}, {other}\ndefault allow\nerrno(EPERM) acct\n", std::env::consts::ARCH);
    let file = folder.file("policy.cg", text.as_bytes());
    let mut child = callgate(&["run", &file, "--", "sh", "-c", "echo $$; read x"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let proved = callgate(&["prove", &format!("pid:{}", line.trim()), "equal", &file]).output().unwrap();
    drop(child.stdin.take());
    child.wait().unwrap();
    if stderr(&proved).contains("CAP_SYS_ADMIN") || proved.status.code() == Some(3) {
        return eprintln!("skipped: {}", stderr(&proved));
    }
    assert_eq!(stdout(&proved), "PROVED\n", "{}", stderr(&proved));
}

/// A root directory with nothing in it but the tool: no devices, no `/proc`, no shell.
#[test]
fn an_empty_root_directory_is_enough() {
    let folder = Folder::new();
    let tool = folder.path().join("callgate");
    std::fs::copy(env!("CARGO_BIN_EXE_callgate"), &tool).unwrap();
    let inside = |args: &[&str]| {
        Command::new("chroot")
            .arg(folder.path())
            .arg("/callgate")
            .args(args)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .output()
            .unwrap()
    };
    if !inside(&["--version"]).status.success() {
        eprintln!(
            "skipped: chroot needs root, and the tool needs shared libraries if it was linked with some"
        );
        return;
    }
    let lines: [&[&str]; 4] = [
        &["explain", "strict"],
        &["run", "no-network", "--", "/callgate", "--version"],
        &["run", "--report", "no-network", "--", "/callgate", "--version"],
        &["learn", "--via", "trace", "--", "/callgate", "--version"],
    ];
    for args in lines {
        let output = inside(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
    }
    // Its own `execve` is let through by a mark nobody can guess.
    let output = inside(&["run", "--report", "strict", "--", "/callgate", "--version"]);
    assert!(stderr(&output).contains("killed by signal 31 (SIGSYS)"), "{}", stderr(&output));
    assert!(!stderr(&output).contains("urandom"), "{}", stderr(&output));
}
