//! `run` names the call that kills, for people who may not read the kernel's log: it traces the command by itself, where
//! that makes no difference.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

mod common;

use common::{Folder, as_nobody, compiled, installed, stderr, stdout};
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

/// What is run as nobody, where nobody cannot read the kernel's log.
struct Nobody {
    folder: Folder,
    binary: Vec<String>,
}

impl Nobody {
    fn new() -> Option<Nobody> {
        let (folder, binary) = as_nobody()?;
        let mut words = binary[..binary.len() - 1].iter();
        let log = Command::new(words.next().unwrap()).args(words).args(["head", "-c0", "/dev/kmsg"]).output();
        if log.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: anybody can read the kernel's log here");
            return None;
        }
        Some(Nobody { folder, binary })
    }

    fn policy(&self, name: &str, rules: &str) -> String {
        self.folder
            .file(name, format!("arch {}\ndefault allow\n{rules}\n", std::env::consts::ARCH).as_bytes())
    }

    /// `callgate run` with these words, under another program if one is given.
    fn command(&self, outer: &[&str], words: &[&str]) -> Command {
        let (binary, become_nobody) = self.binary.split_last().unwrap();
        let mut command = Command::new(&become_nobody[0]);
        command.args(&become_nobody[1..]).args(outer).args([binary, "run"]).args(words);
        command.stdin(Stdio::null()).env("LC_ALL", "C").env("NO_COLOR", "1");
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(&[], words).output().unwrap()
    }

    /// Whether a command is traced under these rules.
    fn traces(&self, rules: &str, options: &[&str]) -> bool {
        let policy = self.policy("traces.cg", rules);
        let grep = [&policy, "--", "grep", "TracerPid", "/proc/self/status"];
        let output = self.run(&[options, &grep].concat());
        assert!(output.status.success(), "{rules}: {}", stderr(&output));
        stdout(&output) != "TracerPid:\t0\n"
    }
}

const SOURCE: &str = r#"
    #include <pthread.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    static void *work(void *fd) { syscall(SYS_dup3, (long)fd, 12345, 0); return 0; }
    int main(int argc, char **argv) {
        pthread_t thread;
        if (argc == 1) work((void *)7L);
        pthread_create(&thread, 0, work, (void *)8L);
        for (;;) pause();
    }
"#;

#[test]
fn the_call_its_arguments_and_callers() {
    let Some(nobody) = Nobody::new() else { return };
    let Some(program) = compiled(&nobody.folder, "dies", SOURCE, &["-g"]) else { return };
    let policy = nobody.policy("kill.cg", "kill dup3");
    for (options, fd) in [(&[][..], 7), (&["thread"][..], 8)] {
        let output = nobody.run(&[&[&*policy, "--", &program], options].concat());
        let said = stderr(&output);
        assert_eq!(output.status.signal(), Some(31), "{said}");
        assert!(said.contains(&format!("SIGSYS): dup3({fd}, 0x3039, 0)")), "{said}");
        assert!(said.contains("kill.cg:3") && said.contains("to allow: "), "{said}");
        assert!(!cfg!(target_arch = "x86_64") || said.contains("< work (dies.c:5)"), "{said}");
    }
    // Of children it is said how to find out.
    let output = nobody.run(&[&policy, "--", "sh", "-c", "\"$0\"; exit $?", &program]);
    assert_eq!(output.status.code(), Some(159), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(
        said.contains("sh: exited with status 159: so do shells end") && said.contains("run --report`"),
        "{said}"
    );
    // Unwatched it is known which there are.
    let output = nobody.run(&["--no-trace", &policy, "--", &program]);
    let few = "the filter did not let it make a call, dup3, or one of another architecture; `callgate run --trace` says";
    assert!(stderr(&output).contains(few), "{}", stderr(&output));
    // Traced by another already.
    if installed("strace") {
        let outer = ["strace", "-f", "-o", "/dev/null"];
        let output = nobody.command(&outer, &[&policy, "--", &program]).output().unwrap();
        assert!(stderr(&output).contains("it could not be traced to find out which"), "{}", stderr(&output));
    }
}

#[test]
fn who_is_traced_and_who_is_not() {
    let Some(nobody) = Nobody::new() else { return };
    assert!(nobody.traces("kill acct", &[]));
    assert!(nobody.traces("trap acct", &[]));
    assert!(!nobody.traces("kill acct", &["--no-trace"]));
    // Nothing kills.
    assert!(!nobody.traces("errno(EPERM) acct", &[]));
    // Tracees make this call where others do not.
    assert!(!nobody.traces("kill acct, restart_syscall", &[]));
    // Where trying is forbidden, or deadly.
    for rules in ["kill ptrace", "errno(EPERM) ptrace"] {
        let (outer, inner) = (nobody.policy("outer.cg", rules), nobody.policy("inner.cg", "kill acct"));
        let binary = nobody.binary.last().unwrap();
        let output = nobody.run(&[
            &outer,
            "--",
            binary,
            "run",
            &inner,
            "--",
            "grep",
            "TracerPid",
            "/proc/self/status",
        ]);
        assert_eq!(
            (output.status.code(), &*stdout(&output)),
            (Some(0), "TracerPid:\t0\n"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn programs_that_look_for_leaks_are_left_alone() {
    let Some(nobody) = Nobody::new() else { return };
    let source = r#"
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        static void leave(int signal) { _exit(signal); }
        int main(int argc, char **argv) {
            if (argc > 1) {
                signal(SIGTERM, leave);
                puts("ready");
                fflush(stdout);
                for (;;) pause();
            }
            char *volatile lost = malloc(10);
            lost = 0;
            return 0;
        }"#;
    let file = nobody.folder.file("probe.c", b"int main(void) { return 0; }");
    let probe = nobody.folder.path().join("probe");
    let can = Command::new("cc").args(["-fsanitize=leak", "-o"]).arg(&probe).arg(&file).output();
    if !can.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no LeakSanitizer here");
        return;
    }
    let Some(program) = compiled(&nobody.folder, "leaks", source, &["-fsanitize=leak"]) else { return };
    let policy = nobody.policy("kill.cg", "kill acct");
    // Also where it is a shell that executes it.
    for command in [&[&*program][..], &["sh", "-c", "exec \"$0\"", &program]] {
        let output = nobody.run(&[&[&*policy, "--"], command].concat());
        assert_eq!(output.status.code(), Some(23), "{}", stderr(&output));
        assert!(stderr(&output).contains("detected memory leaks"), "{}", stderr(&output));
    }
    // Signals still arrive.
    let mut child = nobody.command(&[], &[&policy, "--", &program, "wait"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(15), "{:?}: {}", output.status, stderr(&output));
}

/// Terminals, job control and signals are the command's, watched or not.
#[test]
fn it_stops_and_continues_with_its_command() {
    let Some(nobody) = Nobody::new() else { return };
    let policy = nobody.policy("kill.cg", "kill acct");
    let mut command = nobody.command(&[], &[&policy, "--", "sh", "-c", "echo ready; exec sleep 60"]);
    // A group of its own, or else this one's would be orphaned, whose members the terminal's signals do not stop.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let pid = child.id();
    let state = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
    };
    let until = |wanted: &[char]| {
        let start = std::time::Instant::now();
        while !wanted.contains(&state()) {
            assert!(start.elapsed().as_secs() < 20, "{} is not among {wanted:?}", state());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    let signal = |name: &str, pid: String| {
        assert!(Command::new("kill").args(["-s", name, "--", &pid]).status().unwrap().success());
    };
    // To callgate alone, which passes it on: of a signal to the group there would be two.
    signal("TSTP", pid.to_string());
    until(&['T']);
    signal("CONT", format!("-{pid}"));
    until(&['S', 'R']);
    signal("INT", pid.to_string());
    assert_eq!(child.wait().unwrap().signal(), Some(2));
}

/// Who kills callgate means the command, watched or not.
#[test]
fn it_does_not_outlive_callgate() {
    let Some(nobody) = Nobody::new() else { return };
    let policy = nobody.policy("kill.cg", "kill acct");
    for options in [&[][..], &["--no-trace"]] {
        let words = [options, &[&*policy, "--", "sh", "-c", "echo $$; exec sleep 60"]].concat();
        let mut child = nobody.command(&[], &words).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let command = format!("/proc/{}/stat", line.trim());
        let start = std::time::Instant::now();
        // Gone, or waited for by whoever takes in orphans.
        while std::fs::read_to_string(&command).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(start.elapsed().as_secs() < 20, "{options:?}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}
