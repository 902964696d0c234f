//! `learn --review`, at a terminal and without one.
#![cfg(target_arch = "x86_64")]

mod common;

use common::{Folder, installed, stderr, stdout};
use std::io::Write;
use std::process::{Command, Stdio};

const RECORDING: &str = r#"{"format":"callgate-recording","runs":["a"],"version":1}
{"arch":"x86_64","args":[],"call":"read","counts":{"a":3},"nr":0,"program":"/bin/x","thread":"x"}
{"arch":"x86_64","args":[],"call":"write","counts":{"a":1},"nr":1,"program":"/bin/x","thread":"x"}
{"arch":"x86_64","args":[0],"call":"ptrace","counts":{"a":1},"nr":101,"program":"/bin/x","thread":"x"}
{"end":3}
"#;

/// Reviews at a terminal of its own with these answers: what it showed, and whether it ended well.
fn review(folder: &Folder, policy: &str, answers: &str) -> (String, bool) {
    let recording = folder.file("recording.jsonl", RECORDING.as_bytes());
    let binary = env!("CARGO_BIN_EXE_callgate");
    let words = format!("{binary} learn --review -o {policy} --merge {recording}");
    let mut script = Command::new("script");
    script.args(["-qec", &words, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = script.spawn().unwrap();
    child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (stdout(&output), output.status.success())
}

#[test]
fn every_rule_is_asked_about() {
    if !installed("script") {
        return;
    }
    let folder = Folder::new();
    let policy = folder.path().join("policy.cg");
    // In the order of their names: ptrace, read, write; then what every program needs.
    let (shown, well) = review(&folder, policy.to_str().unwrap(), "l\nwhat\na\ne\nr\n");
    assert!(well, "{shown}");
    assert!(shown.contains("1/4") && shown.contains("! ptrace: "), "{shown}");
    let text = std::fs::read_to_string(&policy).unwrap();
    for line in [
        "# left out: allow ptrace if request in {PTRACE_TRACEME}  # once by /bin/x\n",
        "\nallow read  # 3 times by /bin/x\n",
        "\nerrno(EPERM) write  # once by /bin/x\n",
        "\nallow clock_gettime,\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    std::fs::remove_file(&policy).unwrap();
    // The end of the answers (Ctrl-D) is no answer.
    let (shown, well) = review(&folder, policy.to_str().unwrap(), "a\n\u{4}");
    assert!(!well && shown.contains("nothing is written") && !policy.exists(), "{shown}");
}

#[test]
fn without_a_terminal_nothing_runs() {
    if !installed("setsid") {
        return;
    }
    let folder = Folder::new();
    let mark = folder.path().join("mark");
    let run = |options: &[&str]| {
        let mut setsid = Command::new("setsid");
        setsid.args(["-w", env!("CARGO_BIN_EXE_callgate"), "learn"]).args(options).args(["--", "touch"]);
        setsid.arg(&mark).stdin(Stdio::null()).output().unwrap()
    };
    let output = run(&["--review"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("--review needs a terminal: /dev/tty"), "{}", stderr(&output));
    // Nor in a notation that is only read.
    let output = run(&["--format", "snapd"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(!mark.exists());
    assert!(run(&[]).status.success() && mark.exists());
}
