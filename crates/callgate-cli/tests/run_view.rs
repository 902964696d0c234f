//! `run --report` at a terminal: counts at its foot, and a terminal that is as it was.
#![cfg(target_arch = "x86_64")]

mod common;

use common::terminal::Terminal;
use common::{Folder, installed};
use std::process::Command;

const POLICY: &[u8] = b"arch x86_64\ndefault allow\nerrno(EPERM) mkdir, rmdir\n";

/// Tries to make folders; then waits until it is told to end.
const SCRIPT: &str = "#!/bin/sh
for i in 1 2 3; do mkdir new 2>/dev/null; done
rmdir old 2>/dev/null
while [ ! -e stop ]; do sleep 0.05; done
echo command-ended
";

fn started(folder: &Folder, options: &str) -> Option<Terminal> {
    if !installed("script") || !installed("stty") {
        return None;
    }
    folder.file("policy.cg", POLICY);
    folder.file("job.sh", SCRIPT.as_bytes());
    let binary = env!("CARGO_BIN_EXE_callgate");
    let words = format!(
        "tty > tty; {binary} run --report {options} policy.cg -- sh job.sh; echo \"ended $?\"; stty -a > after"
    );
    Some(Terminal::new(&words, |command| {
        command.current_dir(folder.path());
    }))
}

fn end(folder: &Folder, terminal: Terminal, code: i32) -> String {
    folder.file("stop", b"");
    terminal.wait(0, &format!("ended {code}"));
    let (shown, _) = terminal.end();
    let after = std::fs::read_to_string(folder.path().join("after")).unwrap();
    assert!(after.split_whitespace().any(|w| w == "echo"), "{after}");
    shown
}

#[test]
fn counts_stand_at_the_foot() {
    let folder = Folder::new();
    let Some(terminal) = started(&folder, "") else { return };
    let at = terminal.wait(0, "-- 2 calls denied, 4 times ---");
    terminal.wait(at, "      3  mkdir(");
    // What is denied is told where it happens, too.
    assert!(terminal.shown().contains(": mkdir("), "{:?}", terminal.shown());
    // 24 rows, of which the last eight are the foot.
    assert!(terminal.shown().contains("\u{1b}[1;16r"), "{:?}", terminal.shown());
    let tty = std::fs::read_to_string(folder.path().join("tty")).unwrap();
    let resized = Command::new("stty").args(["-F", tty.trim(), "cols", "40", "rows", "15"]).status().unwrap();
    assert!(resized.success());
    terminal.wait(at, "\u{1b}[1;10r");
    let shown = end(&folder, terminal, 0);
    let reset = shown.rfind("\u{1b}[r").unwrap();
    let behind = &shown[reset..];
    assert!(behind.contains("3 times: mkdir(") && behind.contains("ended 0"), "{shown:?}");
    assert!(shown.contains("command-ended"), "{shown:?}");
}

#[test]
fn an_interrupt_gives_the_terminal_back() {
    let folder = Folder::new();
    let Some(mut terminal) = started(&folder, "") else { return };
    terminal.wait(0, "-- 2 calls denied, 4 times ---");
    // The shell around is spared by a second key: its own status is what it says.
    terminal.send("\u{3}");
    terminal.wait(0, "\u{1b}[r");
    let (shown, _) = terminal.end();
    let set = shown.rfind("\u{1b}[1;16r").unwrap();
    assert!(shown[set..].contains("\u{1b}[r"), "{shown:?}");
}

#[test]
fn plain_lines_where_they_are_wanted() {
    for options in ["--plain", "--json"] {
        let folder = Folder::new();
        let Some(terminal) = started(&folder, options) else { return };
        terminal.wait(0, "rmdir");
        let shown = end(&folder, terminal, 0);
        assert!(!shown.contains('\u{1b}'), "{options}: {shown:?}");
    }
}
