//! `learn --review`, at a terminal and without one.
#![cfg(target_arch = "x86_64")]

mod common;

use common::terminal::Terminal;
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
    // One that cannot be drawn on: questions, line by line.
    script
        .env("TERM", "dumb")
        .args(["-qec", &words, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
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

/// Reviews on a screen: the terminal it is on, and where its name and its settings afterwards are written.
fn on_screen(folder: &Folder, options: &str, no_color: bool) -> Terminal {
    let recording = folder.file("recording.jsonl", RECORDING.as_bytes());
    let binary = env!("CARGO_BIN_EXE_callgate");
    let words = format!(
        "tty > tty; {binary} {options} learn --review -o policy.cg --merge {recording}; echo \"ended $?\"; stty -a > after"
    );
    Terminal::new(&words, |command| {
        command.current_dir(folder.path());
        if no_color {
            command.env("NO_COLOR", "1");
        }
    })
}

/// The terminal is as it was: lines, an echo, the screen with what was printed, a cursor.
fn is_restored(folder: &Folder, shown: &str) {
    let after = std::fs::read_to_string(folder.path().join("after")).unwrap();
    for set in ["icanon", "echo", "isig", "opost"] {
        assert!(after.split_whitespace().any(|w| w == set), "{set}: {after}");
    }
    let back = shown.rfind("\u{1b}[?1049l").unwrap();
    assert!(shown.find("\u{1b}[?1049h").unwrap() < back && shown.contains("\u{1b}[?25h"), "{shown:?}");
    assert!(shown[back..].contains("ended "), "{shown:?}");
}

#[test]
fn a_screen_shows_all_rules_at_once() {
    if !installed("script") || !installed("stty") {
        return;
    }
    let folder = Folder::new();
    let policy = folder.path().join("policy.cg");
    let mut terminal = on_screen(&folder, "", false);
    let at = terminal.wait(0, "4 rules: 4 allowed, 0 left out, 0 errno(EPERM)");
    terminal.wait(at, "! ptrace: ");
    terminal.send("l");
    let at = terminal.wait(at, "3 allowed, 1 left out");
    // Down past read, by a key that sends three bytes.
    terminal.send("\u{1b}[B");
    terminal.wait(at, "errno(EPERM)");
    terminal.send("e");
    let at = terminal.wait(at, "2 allowed, 1 left out, 1 errno(EPERM)");
    // Another size: the whole screen is drawn anew, and fits.
    let tty = std::fs::read_to_string(folder.path().join("tty")).unwrap();
    let stty = Command::new("stty").args(["-F", tty.trim(), "cols", "33", "rows", "9"]).status().unwrap();
    assert!(stty.success());
    terminal.wait(at, &format!("m{}\u{1b}", "-".repeat(33)));
    terminal.send("w");
    let (shown, status) = terminal.end();
    assert!(status == Some(0) && shown.contains("ended 0"), "{shown:?}");
    is_restored(&folder, &shown);
    let text = std::fs::read_to_string(&policy).unwrap();
    for line in [
        "# left out: allow ptrace if request in {PTRACE_TRACEME}  # once by /bin/x\n",
        "\nallow read  # 3 times by /bin/x\n",
        "\nerrno(EPERM) write  # once by /bin/x\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn who_stops_writes_nothing_and_has_the_terminal_back() {
    if !installed("script") || !installed("stty") {
        return;
    }
    // Ctrl-C, Ctrl-D and the letter.
    for key in ["\u{3}", "\u{4}", "q"] {
        let folder = Folder::new();
        let mut terminal = on_screen(&folder, "", false);
        terminal.wait(0, "4 rules: ");
        terminal.send(key);
        terminal.wait(0, "ended 2");
        let (shown, _) = terminal.end();
        assert!(shown.contains("stopped: nothing is written"), "{shown:?}");
        is_restored(&folder, &shown);
        assert!(!folder.path().join("policy.cg").exists());
    }
}

#[test]
fn a_signal_that_ends_it_gives_the_terminal_back() {
    if !installed("script") || !installed("stty") || !installed("pkill") {
        return;
    }
    for (signal, status) in [("TERM", 143), ("HUP", 129)] {
        let folder = Folder::new();
        let terminal = on_screen(&folder, "", false);
        terminal.wait(0, "4 rules: ");
        // The one of this test, by the file it reads.
        let recording = folder.path().join("recording.jsonl");
        let words = format!("^[^ ]*callgate .*{}$", recording.display());
        let sent = Command::new("pkill").args([&format!("-{signal}"), "-f", &words]).status().unwrap();
        assert!(sent.success());
        terminal.wait(0, &format!("ended {status}"));
        let (shown, _) = terminal.end();
        is_restored(&folder, &shown);
        assert!(!folder.path().join("policy.cg").exists());
    }
}

#[test]
fn colour_is_left_out_where_it_is_not_wanted() {
    if !installed("script") || !installed("stty") {
        return;
    }
    for (options, no_color, colored) in [
        ("", false, true),
        ("", true, false),
        ("--color never", false, false),
        ("--color always", true, true),
    ] {
        let folder = Folder::new();
        let mut terminal = on_screen(&folder, options, no_color);
        terminal.wait(0, "4 rules: ");
        terminal.send("q");
        let (shown, _) = terminal.end();
        assert_eq!(shown.contains("\u{1b}[1m"), colored, "{options} {no_color}: {shown:?}");
    }
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
