//! Filters of live processes, and of commands that load some.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

mod common;

use common::{Folder, callgate, installed, python, stderr, stdout};
use std::io::Read;
use std::process::{Child, Output, Stdio};

/// A policy for this machine with something to see in it.
fn policy(folder: &Folder, name: &str, rules: &str) -> String {
    folder.file(name, format!("arch {}\ndefault allow\n{rules}\n", std::env::consts::ARCH).as_bytes())
}

/// A filtered process that waits until this is dropped.
struct Sleeper(Child);

impl Sleeper {
    /// Under the policies, the first one loaded first.
    fn under(policies: &[&str]) -> Sleeper {
        let mut words = vec!["run", "--exec"];
        let binary = env!("CARGO_BIN_EXE_callgate");
        for (i, policy) in policies.iter().enumerate() {
            words.extend([policy, "--"]);
            if i + 1 < policies.len() {
                words.extend([binary, "run", "--exec"]);
            }
        }
        words.extend(["sh", "-c", "echo ready; exec sleep 60"]);
        let mut child = callgate(&words).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        assert_eq!(&ready, b"ready\n");
        Sleeper(child)
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether this process may read the filters of others; says so if not.
fn may_read() -> bool {
    let output = callgate(&["doctor", "--require", "ptrace.get-filter"]).output().unwrap();
    if !output.status.success() {
        eprintln!("skipped: {}", stderr(&output));
    }
    output.status.success()
}

fn run(args: &[&str]) -> Output {
    callgate(args).output().unwrap()
}

#[test]
fn every_filter_of_a_process_is_read() {
    if !may_read() {
        return;
    }
    let folder = Folder::new();
    let first = policy(&folder, "first.cg", "errno(EPERM) ptrace");
    let second = policy(&folder, "second.cg", "errno(EACCES) mount\nerrno(EPERM) acct");
    let sleeper = Sleeper::under(&[&first, &second]);
    let pid = sleeper.pid();
    // Each by itself, as it was loaded.
    let prefix = folder.path().join("out.bpf");
    let output = run(&["dump", "--pid", &pid, "-o", prefix.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    for (file, policy) in [("out.bpf", &first), ("out_1.bpf", &second)] {
        let file = folder.path().join(file);
        let output = run(&["prove", file.to_str().unwrap(), "equal", policy]);
        assert_eq!(stdout(&output), "PROVED\n", "{}", stderr(&output));
    }
    assert!(!folder.path().join("out_2.bpf").exists());
    // Together, as an input of any verb.
    let merged = folder.path().join("merged.bpf");
    let output = run(&["merge", &first, &second, "-o", merged.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    for args in [["prove", &format!("pid:{pid}"), "equal"], ["prove", &format!("--pid={pid}"), "equal"]] {
        let output = callgate(&args).arg(&merged).output().unwrap();
        assert_eq!(stdout(&output), "PROVED\n", "{}", stderr(&output));
    }
    let output = run(&["emu", "mount", "-q", "--pid", &pid]);
    assert_eq!(stdout(&output), "errno(EACCES)\n", "{}", stderr(&output));
    let output = run(&["dump", "--pid", &pid, "--combine", "--raw"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let combined = folder.file("combined.bpf", &output.stdout);
    assert_eq!(stdout(&run(&["prove", &combined, "equal", merged.to_str().unwrap()])), "PROVED\n");
    // In the other forms.
    let output = run(&["dump", "--pid", &pid]);
    assert!(stdout(&output).starts_with("# filter 1 of 2, loaded first, of "), "{}", stdout(&output));
    let text = stdout(&run(&["dump", "--pid", &pid, "--explain"]));
    assert!(text.contains("ptrace: errno(EPERM)") && text.contains("acct: errno(EPERM)"), "{text}");
    let json = stdout(&run(&["dump", "--pid", &pid, "--json"]));
    assert!(json.contains("\"schema\": \"callgate/dump/1\"") && json.matches("\"program\"").count() == 2);
    let output = run(&["dump", "--pid", &pid, "--raw"]);
    assert_eq!(output.status.code(), Some(2), "two filters are no one file");
    // It sleeps on, undisturbed.
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn threads_that_differ_are_told_apart() {
    let Some(python) = python().filter(|_| may_read()) else {
        return;
    };
    let folder = Folder::new();
    let raw = folder.path().join("f.bpf");
    let text = policy(&folder, "f.cg", "errno(EPERM) acct");
    assert!(run(&["compile", &text, "-o", raw.to_str().unwrap()]).status.success());
    // One of two threads loads a filter.
    let program = r#"
import ctypes, sys, threading, time
code = open(sys.argv[1], "rb").read()
buffer = ctypes.create_string_buffer(code, len(code))
class Fprog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
fprog = Fprog(len(code) // 8, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
def load():
    assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(fprog), 0, 0) == 0
    print(threading.get_native_id(), flush=True)
    time.sleep(60)
threading.Thread(target=load).start()
time.sleep(60)
"#;
    let mut child = std::process::Command::new(&python)
        .args(["-c", program, raw.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .map(Sleeper)
        .unwrap();
    let mut tid = String::new();
    let out = child.0.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut tid).unwrap();
    let (pid, tid) = (child.pid(), tid.trim());
    let output = run(&["explain", "--pid", &pid]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("its threads are filtered differently") && said.contains("no filter on"), "{said}");
    assert_eq!(stdout(&run(&["prove", &format!("pid:{pid}/{tid}"), "equal", &text])), "PROVED\n");
    let output = run(&["dump", "--pid", &pid]);
    assert!(
        stdout(&output).starts_with(&format!("# the filter of thread {tid} (python")),
        "{}",
        stdout(&output)
    );
}

#[test]
fn what_is_not_filtered_is_said() {
    let me = std::process::id().to_string();
    let output = run(&["dump", "--pid", &me]);
    if std::fs::read_to_string("/proc/self/status").unwrap().contains("Seccomp:\t0") {
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("is not filtered"), "{}", stderr(&output));
    }
    let output = run(&["explain", "pid:999999999"]);
    assert_eq!(
        (output.status.code(), &*stderr(&output)),
        (Some(2), "callgate: there is no process 999999999\n")
    );
}

#[test]
fn without_privilege_it_says_what_is_missing() {
    if !may_read() || !installed("setpriv") {
        return;
    }
    let folder = Folder::new();
    let first = policy(&folder, "first.cg", "errno(EPERM) ptrace");
    let sleeper = Sleeper::under(&[&first]);
    let binary = env!("CARGO_BIN_EXE_callgate");
    let output = std::process::Command::new("setpriv")
        .args(["--bounding-set", "-sys_admin", binary, "explain", "--pid", &sleeper.pid()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("has 1 filter, which cannot be read") && said.contains("CAP_SYS_ADMIN"), "{said}");
}

#[test]
fn the_loads_of_a_command_and_its_children_are_caught() {
    let folder = Folder::new();
    let first = policy(&folder, "first.cg", "errno(EPERM) acct");
    let second = policy(&folder, "second.cg", "errno(EACCES) mount");
    let binary = env!("CARGO_BIN_EXE_callgate");
    let script = format!(
        "{binary} run {first} -- {binary} run {second} -- true; {binary} run {second} -- sh -c 'exit 3'"
    );
    let prefix = folder.path().join("load.bpf");
    let output = run(&["dump", "-o", prefix.to_str().unwrap(), "--", "sh", "-c", &script]);
    assert!(output.status.success(), "{}", stderr(&output));
    for (file, policy) in [("load.bpf", &first), ("load_1.bpf", &second), ("load_2.bpf", &second)] {
        let file = folder.path().join(file);
        let proved = run(&["prove", file.to_str().unwrap(), "equal", policy]);
        assert_eq!(stdout(&proved), "PROVED\n", "{}", stderr(&proved));
    }
    assert!(stderr(&output).contains("sh: exited with status 3"), "{}", stderr(&output));
    // What is in force together.
    let json = stdout(&run(&["dump", "--combine", "--json", "--", "sh", "-c", &script]));
    let combined: Vec<_> = json.lines().filter(|l| l.contains("\"combined\"")).map(str::trim).collect();
    assert_eq!(combined, ["\"combined\": 1,", "\"combined\": 2,", "\"combined\": 1,"], "{json}");
    // Only the first, and what comes after goes on unwatched.
    let output = run(&["dump", "-l", "1", "--explain", "--", "sh", "-c", &format!("{script}; echo done")]);
    let text = stdout(&output);
    assert!(
        text.contains("acct: errno(EPERM)") && !text.contains("mount") && text.ends_with("done\n"),
        "{text}"
    );
    let output =
        run(&["dump", "-l", "1", "--kill", "--", binary, "run", "--exec", &first, "--", "sleep", "60"]);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn listeners_and_strict_mode_are_caught() {
    let Some(python) = python() else {
        return;
    };
    let folder = Folder::new();
    let raw = folder.path().join("f.bpf");
    let text = policy(&folder, "f.cg", "notify acct");
    assert!(run(&["compile", &text, "-o", raw.to_str().unwrap()]).status.success());
    let number = callgate_abi::Syscall::from_name("seccomp").unwrap();
    let number = number.number(callgate_abi::Arch::NATIVE.unwrap()).unwrap();
    let program = format!(
        r#"
import ctypes, sys, os
code = open(sys.argv[1], "rb").read()
buffer = ctypes.create_string_buffer(code, len(code))
class Fprog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
fprog = Fprog(len(code) // 8, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
if os.fork() == 0:
    libc.prctl(22, 1)
    libc.syscall({exit}, 0)
os.wait()
libc.prctl(38, 1, 0, 0, 0)
assert libc.syscall({number}, 1, 8, ctypes.byref(fprog)) > 2
"#,
        exit = callgate_abi::Syscall::from_name("exit")
            .unwrap()
            .number(callgate_abi::Arch::NATIVE.unwrap())
            .unwrap()
    );
    let prefix = folder.path().join("load.bpf");
    let output =
        run(&["dump", "-o", prefix.to_str().unwrap(), "--", &python, "-c", &program, raw.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(
        said.contains("NEW_LISTENER, listener on its descriptor") && said.contains("strict mode, loaded by"),
        "{said}"
    );
    let listening = folder.path().join("load_1.bpf");
    assert_eq!(stdout(&run(&["prove", listening.to_str().unwrap(), "equal", &text])), "PROVED\n");
    let text = stdout(&run(&["explain", prefix.to_str().unwrap()]));
    assert!(
        text.contains("exit, read, rt_sigreturn, write: allow")
            && text.contains("everything else: kill-thread"),
        "{text}"
    );
}

#[test]
fn a_command_without_filters_is_an_outcome_of_its_own() {
    let output = run(&["dump", "--", "true"]);
    assert_eq!(
        (output.status.code(), &*stderr(&output)),
        (Some(1), "callgate: true: no filter was loaded\n")
    );
    assert_eq!(run(&["dump", "--", "/no/such/program"]).status.code(), Some(127));
    let output = run(&["dump", "-o", "/no/such/folder/f.bpf", "--", "touch", "/no/such/file"]);
    assert_eq!(
        (output.status.code(), &*stderr(&output)),
        (Some(2), "callgate: /no/such/folder: no such directory\n")
    );
    assert_eq!(run(&["dump", "--pid", "1", "--", "true"]).status.code(), Some(2));
}
