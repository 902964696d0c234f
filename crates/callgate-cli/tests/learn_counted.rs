//! `learn` by the kernel's own counts.
#![cfg(target_arch = "x86_64")]

mod common;

use common::{Folder, callgate, compiled, stderr, stdout};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whether the kernel lets this process count; says so if not.
fn permitted() -> bool {
    let output = callgate(&["learn", "--via", "bpf", "--", "true"]).output().unwrap();
    if output.status.code() == Some(3) {
        eprintln!("skipped: {}", stderr(&output));
    }
    output.status.success()
}

/// How often a call was counted, by thread name and program.
fn counts(recording: &str, call: &str) -> Vec<(String, String, u64)> {
    let lines = recording.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
    let mut all: Vec<(String, String, u64)> = Vec::new();
    for line in lines.filter(|l| l["call"] == call) {
        let word = |name: &str| line[name].as_str().unwrap().to_owned();
        let (thread, program) = (word("thread"), word("program"));
        let n = line["counts"].as_object().unwrap().values().next().unwrap().as_u64().unwrap();
        match all.iter_mut().find(|(t, p, _)| (t, p) == (&thread, &program)) {
            Some((_, _, count)) => *count = n.max(*count),
            None => all.push((thread, program, n)),
        }
    }
    all.sort();
    all
}

/// A million calls as fast as they come, by threads, and some by children; or, told a line, a thousand.
const STORM: &str = r#"
    #include <pthread.h>
    #include <stdio.h>
    #include <string.h>
    #include <sys/prctl.h>
    #include <sys/syscall.h>
    #include <sys/wait.h>
    #include <unistd.h>
    static void calls(long n) { while (n-- > 0) syscall(SYS_getppid); }
    static void *work(void *name) {
        prctl(PR_SET_NAME, name);
        calls(250000);
        return 0;
    }
    int main(int argc, char **argv) {
        if (argc > 1 && !strcmp(argv[1], "wait")) {
            char line[64];
            puts("ready");
            fflush(stdout);
            if (!fgets(line, sizeof line, stdin)) return 1;
            calls(1000);
            if (fork() == 0) { calls(500); _exit(0); }
            wait(0);
            return 0;
        }
        if (argc > 1) { calls(77); return 0; }
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, work, i % 2 ? "odd" : "even");
        for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
        for (int i = 0; i < 20; i++) {
            pid_t child = i % 2 ? vfork() : fork();
            if (child == 0) { execl(argv[0], "storm", "child", (char *)0); _exit(1); }
            waitpid(child, 0, 0);
        }
        return 4;
    }
"#;

#[test]
fn no_call_of_a_million_is_lost() {
    if !permitted() {
        return;
    }
    let folder = Folder::new();
    let Some(program) = compiled(&folder, "storm", STORM, &[]) else { return };
    let recording = folder.path().join("recording.jsonl");
    let words = ["learn", "--via", "bpf", "--record", recording.to_str().unwrap(), "--", &program];
    let output = callgate(&words).output().unwrap();
    assert_eq!((output.status.code(), &*stderr(&output)), (Some(4), "callgate: learning by eBPF\n"));
    let text = std::fs::read_to_string(&recording).unwrap();
    let seen = counts(&text, "getppid");
    let count = |name: &str| seen.iter().filter(|(thread, ..)| thread == name).map(|(.., n)| n).sum::<u64>();
    assert_eq!((count("even"), count("odd"), count("storm")), (500_000, 500_000, 20 * 77), "{seen:?}");
    assert!(seen.iter().all(|(_, path, _)| *path == program), "{seen:?}");
    // callgate's own way to the command is not the command's, and nobody else's calls are.
    let executions: u64 = counts(&text, "execve").iter().map(|(.., n)| n).sum();
    assert_eq!(executions, 20);
    assert_eq!(counts(&text, "bpf"), []);
}

/// The program, waiting for a line.
fn waiting(program: &str) -> Child {
    let mut command = Command::new(program);
    ready(command.arg("wait").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
}

fn ready(mut child: Child) -> Child {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

/// Lets the program go on once callgate has begun; what callgate said and made in the end, which it is told by an
/// interrupt if so wanted.
fn let_go(mut learn: Child, mut program: Child, interrupt: bool) -> (String, String) {
    let mut said = BufReader::new(learn.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    // Said when it counts.
    writeln!(program.stdin.take().unwrap(), "go").unwrap();
    assert!(program.wait().unwrap().success());
    if interrupt {
        let kill = Command::new("kill").args(["-s", "INT", &learn.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }
    let output = learn.wait_with_output().unwrap();
    std::io::Read::read_to_string(&mut said, &mut line).unwrap();
    assert_eq!(output.status.code(), Some(0), "{line}");
    (line, stdout(&output))
}

#[test]
fn a_running_process_and_its_children_are_watched() {
    if !permitted() {
        return;
    }
    let folder = Folder::new();
    let Some(program) = compiled(&folder, "storm", STORM, &[]) else { return };
    let child = waiting(&program);
    let pid = child.id().to_string();
    let mut learn = callgate(&["learn", "--pid", &pid]);
    let learn = learn.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (said, policy) = let_go(learn, child, false);
    assert!(said.contains("learning by eBPF, until the process ends"), "{said}");
    assert!(policy.contains(&format!("allow getppid  # 1500 times by {program}\n")), "{policy}");
    assert!(!policy.contains("execve"), "{policy}");

    // What a filter denies is seen as well.
    let policy = "arch x86_64\ndefault allow\nerrno(EPERM) getppid\n";
    let policy = folder.file("narrow.cg", policy.as_bytes());
    let mut child = callgate(&["run", "--exec", &policy, "--", &program, "wait"]);
    let child = ready(child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut learn = callgate(&["learn", "--pid", &child.id().to_string()]);
    let learn = learn.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (_, healed) = let_go(learn, child, false);
    let line = format!("allow getppid  # 1500 times by {program}, each time denied\n");
    assert!(healed.contains(&line), "{healed}");
    assert_eq!(healed.matches("denied").count(), 1, "{healed}");

    // Nobody of that number.
    let output = callgate(&["learn", "--pid", &pid]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains(&format!("there is no process {pid}")), "{}", stderr(&output));
    let output = callgate(&["learn", "--pid", "1", "--via", "trace"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

/// A control group of the test's own, where one can be made.
fn cgroup() -> Option<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let root = mounts.lines().find(|l| l.split(' ').nth(2) == Some("cgroup2"))?.split(' ').nth(1)?;
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own.lines().find_map(|l| l.strip_prefix("0::/"))?;
    let folder = PathBuf::from(root).join(own).join(format!("callgate-test-{}", std::process::id()));
    std::fs::create_dir(&folder).ok()?;
    Some(folder)
}

#[test]
fn a_control_group_is_watched() {
    let Some(group) = cgroup().filter(|_| permitted()) else {
        eprintln!("skipped: no control group can be made here");
        return;
    };
    let folder = Folder::new();
    let Some(program) = compiled(&folder, "storm", STORM, &[]) else { return };
    let (inside, outside) = (waiting(&program), waiting(&program));
    // One below, too.
    let below = group.join("below");
    std::fs::create_dir(&below).unwrap();
    std::fs::write(below.join("cgroup.procs"), inside.id().to_string()).unwrap();
    let mut learn = callgate(&["learn", "--cgroup", group.to_str().unwrap()]);
    let learn = learn.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (_, policy) = let_go(learn, inside, true);
    drop(outside);
    assert!(policy.contains("allow getppid  # 1500 times"), "{policy}");
    let start = Instant::now();
    while std::fs::remove_dir(&below).is_err() || std::fs::remove_dir(&group).is_err() {
        assert!(start.elapsed() < Duration::from_secs(5), "the group stays");
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = callgate(&["learn", "--cgroup", "/etc"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}
