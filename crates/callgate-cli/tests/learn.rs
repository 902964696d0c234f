//! `learn`: real programs watched, and run under what was learned.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn callgate() -> Command {
    Command::new(env!("CARGO_BIN_EXE_callgate"))
}

/// A folder of the test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("learn-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Compiles a C program; `None` without a compiler.
fn compiled(folder: &Path, source: &str) -> Option<PathBuf> {
    let (c, program) = (folder.join("program.c"), folder.join("program"));
    std::fs::write(&c, source).expect("written");
    let cc = Command::new("cc").arg("-pthread").arg("-o").arg(&program).arg(&c).output();
    let Ok(cc) = cc else {
        eprintln!("skipped: there is no C compiler");
        return None;
    };
    assert!(cc.status.success(), "{}", String::from_utf8_lossy(&cc.stderr));
    Some(program)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn done(output: Output) -> Output {
    assert!(output.status.success(), "{:?}: {}", output.status, text(&output.stderr));
    output
}

/// How often a call stands in a recording of one run, by all threads and programs: of lines that differ in the
/// count alone, the largest counts.
fn count(recording: &str, call: &str) -> u64 {
    let lines = recording.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).expect("JSON"));
    let mut counts = std::collections::BTreeMap::new();
    for mut line in lines.filter(|l| l["call"] == call) {
        let run = line["counts"].take();
        let n = run.as_object().and_then(|runs| runs.values().next()?.as_u64()).expect("a number");
        let count = counts.entry(line.to_string()).or_insert(0);
        *count = n.max(*count);
    }
    counts.values().sum()
}

const TUTORIAL: &str = r#"
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char line[64];
    if (!fgets(line, sizeof line, stdin)) return 1;
    printf("you said %s", line);
    fflush(stdout);
    usleep(1000);
    if (argc > 1) {
        pid_t child = fork();
        if (child == 0) _exit(0);
        waitpid(child, NULL, 0);
        puts("forked");
    }
    return 0;
}
"#;

/// Runs `callgate ARGS` with a line on standard input.
fn with_a_line(command: &mut Command) -> Output {
    use std::io::Write;
    use std::process::Stdio;
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    child.stdin.take().expect("a pipe").write_all(b"hello\n").expect("written");
    child.wait_with_output().expect("ended")
}

#[test]
fn what_was_learned_runs_and_what_was_not_is_killed() {
    let folder = folder("tutorial");
    let Some(program) = compiled(&folder, TUTORIAL) else { return };
    let policy = folder.join("policy.cg");
    let learned = with_a_line(callgate().arg("learn").arg("-o").arg(&policy).arg("--").arg(&program));
    assert_eq!(text(&done(learned).stdout), "you said hello\n");

    let run = with_a_line(callgate().arg("run").arg(&policy).arg("--").arg(&program));
    assert_eq!(text(&done(run).stdout), "you said hello\n");

    let run =
        with_a_line(callgate().args(["run", "--report"]).arg(&policy).arg("--").arg(&program).arg("fork"));
    let told = text(&run.stderr);
    // callgate ends as the command did, which a shell tells as 159.
    assert_eq!(run.status.signal(), Some(31), "{told}");
    assert!(told.contains("clone(") || told.contains("fork("), "{told}");
    assert!(!text(&run.stdout).contains("forked"));
}

#[test]
fn every_call_of_every_thread_and_child_is_counted() {
    let folder = folder("count");
    let source = r#"
        #include <pthread.h>
        #include <sys/syscall.h>
        #include <sys/wait.h>
        #include <unistd.h>
        static void *work(void *unused) {
            for (int i = 0; i < 500; i++) syscall(SYS_getppid);
            return unused;
        }
        int main(void) {
            pthread_t threads[4];
            for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, work, 0);
            for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
            for (int i = 0; i < 5; i++) {
                pid_t child = fork();
                if (child == 0) { work(0); _exit(0); }
                waitpid(child, 0, 0);
            }
            return 3;
        }"#;
    let Some(program) = compiled(&folder, source) else { return };
    let recording = folder.join("recording.jsonl");
    let learn = callgate().arg("learn").arg("--record").arg(&recording).arg("--").arg(&program).output();
    let learn = learn.expect("started");
    assert_eq!(learn.status.code(), Some(3), "{}", text(&learn.stderr));
    let recording = std::fs::read_to_string(&recording).expect("a recording");
    assert_eq!(count(&recording, "getppid"), 9 * 500);
    // callgate's own way to the command is not the command's.
    assert_eq!(count(&recording, "seccomp"), 0);
    assert_eq!(count(&recording, "execve"), 0);
}

#[test]
fn recordings_merge_in_any_order_and_say_how_often_a_call_was_seen() {
    let folder = folder("merge");
    let recordings: Vec<PathBuf> = ["true", "echo hello; pwd", "cd /; ulimit -n"]
        .iter()
        .enumerate()
        .map(|(i, script)| {
            let path = folder.join(format!("{i}.jsonl"));
            let learn =
                callgate().arg("learn").arg("--record").arg(&path).args(["--", "sh", "-c", script]).output();
            done(learn.expect("started"));
            path
        })
        .collect();
    let merged = |order: &[usize]| {
        let files = order.iter().map(|i| &recordings[*i]);
        text(&done(callgate().arg("learn").arg("--merge").args(files).output().expect("started")).stdout)
    };
    let policy = merged(&[0, 1, 2]);
    assert_eq!(policy, merged(&[2, 0, 1]));
    assert_eq!(policy, merged(&[1, 1, 2, 0, 0]));
    let line = |call: &str| {
        let line = policy.lines().find(|l| l.starts_with(&format!("allow {call} ")));
        line.unwrap_or_else(|| panic!("no {call} in {policy}")).to_owned()
    };
    assert!(line("read").ends_with("seen 3/3"), "{policy}");
    assert!(line("prlimit64").contains("seen "), "{policy}");

    // Merging in two steps is merging in one.
    let two = folder.join("two.jsonl");
    let step =
        callgate().arg("learn").arg("--record").arg(&two).arg("--merge").args(&recordings[..2]).output();
    done(step.expect("started"));
    let step = callgate().arg("learn").arg("--merge").arg(&two).arg(&recordings[2]).output();
    assert_eq!(text(&done(step.expect("started")).stdout), policy);
}

#[test]
fn a_recording_is_read_up_to_its_cut_and_nothing_else_is_taken_for_one() {
    let folder = folder("cut");
    let whole = folder.join("whole.jsonl");
    done(callgate().arg("learn").arg("--record").arg(&whole).args(["--", "true"]).output().expect("started"));
    let bytes = std::fs::read(&whole).expect("a recording");
    let cut = folder.join("cut.jsonl");
    let merge = || callgate().arg("learn").arg("--merge").arg(&cut).output().expect("started");

    std::fs::write(&cut, &bytes[..bytes.len() / 2]).expect("written");
    let output = done(merge());
    assert!(text(&output.stderr).contains("cut.jsonl: the recording is cut off"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("# called on"), "{}", text(&output.stdout));
    // Between two lines as well.
    let lines = text(&bytes);
    let lines: Vec<&str> = lines.split_inclusive('\n').collect();
    std::fs::write(&cut, lines[..lines.len() - 1].concat()).expect("written");
    assert!(text(&done(merge()).stderr).contains("cut off"));

    for (bad, what) in [
        ("", "empty"),
        ("x\n", "line 1: no JSON"),
        ("{}\n", "line 1: this is no recording"),
        ("{\"format\":\"callgate-recording\",\"version\":9,\"runs\":[]}\n", "another version"),
        ("{\"format\":\"callgate-recording\",\"version\":1,\"runs\":[]}\n{\"arch\":\"vax\"}\n", "line 2"),
    ] {
        std::fs::write(&cut, bad).expect("written");
        let output = merge();
        assert_eq!(output.status.code(), Some(2), "{bad}");
        assert!(text(&output.stderr).contains(what), "{bad}: {}", text(&output.stderr));
    }
}

#[test]
fn mistakes_run_nothing() {
    let folder = folder("mistakes");
    let mark = folder.join("mark");
    let touch = |args: &[&str]| callgate().arg("learn").args(args).args(["--", "touch"]).arg(&mark).output();
    let output = touch(&["--default", "sometimes"]).expect("started");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(!mark.exists());
    for option in ["-o", "--record"] {
        let output = touch(&[option, "/no/such/folder/file"]).expect("started");
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("/no/such/folder/file: "), "{}", text(&output.stderr));
        assert!(!mark.exists());
    }
    let output = callgate().args(["learn", "--", "/no/such/program"]).output().expect("started");
    assert_eq!(output.status.code(), Some(127), "{}", text(&output.stderr));
}
