//! Completions, as the shells themselves make them.
#![cfg(target_arch = "x86_64")]

mod common;

use common::terminal::Terminal;
use common::{Folder, callgate, installed, stderr, stdout};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};

/// The line as far as it is typed, and what it becomes with the one word that fits; a space follows.
const LINES: &[(&str, &str)] = &[
    ("callgate expl", "callgate explain"),
    ("callgate run pure-c", "callgate run pure-computation"),
    ("callgate explain filter.bpf pidfd_getf", "callgate explain filter.bpf pidfd_getfd"),
    ("callgate emu web.cg socket AF_NETL", "callgate emu web.cg socket AF_NETLINK"),
    ("callgate emu web.cg socket AF_UNIX SOCK_SEQ", "callgate emu web.cg socket AF_UNIX SOCK_SEQPACKET"),
    ("callgate syscalls @sock", "callgate syscalls @sockets"),
    ("callgate convert -t firej", "callgate convert -t firejail"),
    ("callgate compile web.cg --arch x86_64,loong", "callgate compile web.cg --arch x86_64,loongarch64"),
    ("callgate learn --confi", "callgate learn --confirm"),
    ("callgate prove web.cg no-w", "callgate prove web.cg no-weaker-than"),
    ("callgate help CG010", "callgate help CG010"),
    ("callgate check policies/we", "callgate check policies/web.cg"),
];

/// Lines for which this is not so: more fits. Some of what is listed then.
const LISTS: &[(&str, &[&str])] = &[
    ("callgate run no-n", &["no-network", "no-new-exec"]),
    ("callgate help CG010", &["CG0101", "CG0109"]),
    ("callgate explain x execve", &["execve", "execveat"]),
];

/// A folder with the shell's script and some files; the script's path.
fn folder(shell: &str) -> (Folder, String) {
    let folder = Folder::new();
    let output = callgate(&["completions", shell]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let script = folder.file(&format!("callgate.{shell}"), &output.stdout);
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    folder.file("policies/web.cg", b"default allow\n");
    (folder, script)
}

/// `PATH` with the binary of this build in front.
fn search() -> OsString {
    let mut search = Path::new(env!("CARGO_BIN_EXE_callgate")).parent().unwrap().as_os_str().to_owned();
    search.push(":");
    search.push(std::env::var_os("PATH").unwrap_or_default());
    search
}

fn in_folder<'a>(command: &'a mut Command, folder: &Folder) -> &'a mut Command {
    command
        .current_dir(folder.path())
        .env("PATH", search())
        .env("HOME", folder.path())
        .env("LC_ALL", "C.UTF-8")
}

/// Types each line and a tab at the shell's prompt, and has a function called `callgate` tell what it was given.
fn typed(folder: &Folder, shell: &str, prepare: &str) {
    let mut terminal = Terminal::new(shell, |command| {
        in_folder(command, folder).env("ZDOTDIR", folder.path());
    });
    // Both say so when they begin to read a line.
    let mut at = terminal.wait(0, "\u{1b}[?2004h");
    let tell = "callgate() { if [ \"$1\" = complete ]; then command callgate \"$@\"; else echo \"[callgate $*]\"; fi; }";
    for line in ["PS1='READY> '", prepare, tell] {
        terminal.send(&format!("{line}; echo d''one\n"));
        at = terminal.wait(at, "done");
        at = terminal.wait(at, "READY> ");
    }
    for (line, whole) in LINES.iter().filter(|l| l.0 != l.1) {
        terminal.send(&format!("{line}\t\n"));
        at = terminal.wait(at, &format!("[{whole}]"));
        at = terminal.wait(at, "READY> ");
    }
    for (line, some) in LISTS {
        terminal.send(&format!("{line}\t"));
        for name in *some {
            terminal.wait(at, name);
        }
        // Away with the line.
        terminal.send("\u{15}");
        terminal.send("echo n''ext\n");
        at = terminal.wait(at, "next");
        at = terminal.wait(at, "READY> ");
    }
    terminal.send("exit\n");
    terminal.end();
}

#[test]
fn bash() {
    if !installed("bash") || !installed("script") {
        return;
    }
    let (folder, script) = folder("bash");
    typed(
        &folder,
        "bash --norc --noprofile -i",
        &format!("bind 'set show-all-if-ambiguous on'; source {script}"),
    );
}

#[test]
fn zsh() {
    if !installed("zsh") || !installed("script") {
        return;
    }
    let (folder, script) = folder("zsh");
    let prepare =
        format!("unsetopt list_ambiguous; autoload -Uz compinit && compinit -u -D && source {script}");
    typed(&folder, "zsh -f -i", &prepare);
    // As an installed one, too: below a folder of $fpath, in a file of that name.
    let site = folder.path().join("site");
    std::fs::create_dir(&site).unwrap();
    std::fs::copy(&script, site.join("_callgate")).unwrap();
    let prepare = format!(
        "unsetopt list_ambiguous; fpath=({} $fpath); autoload -Uz compinit && compinit -u -D",
        site.display()
    );
    typed(&folder, "zsh -f -i", &prepare);
}

/// The candidates that a shell's own command for it lists for each line, and those wanted.
fn listed(candidates: impl Fn(&str) -> Vec<String>) {
    for (line, whole) in LINES.iter().filter(|l| l.0 != l.1) {
        // A shell may list what fits elsewhere in the word, too, and completes only the word.
        let word = whole.rsplit(' ').next().unwrap();
        let found = candidates(line);
        assert!(found.iter().any(|c| c == word), "{line}: {found:?}");
    }
    for (line, some) in LISTS {
        let found = candidates(line);
        for name in *some {
            assert!(found.iter().any(|c| c == name), "{line}: {found:?}");
        }
    }
}

fn lines(output: &Output) -> impl Iterator<Item = String> {
    assert!(output.status.success(), "{}", stderr(output));
    stdout(output).lines().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

#[test]
fn fish() {
    if !installed("fish") {
        return;
    }
    let (folder, script) = folder("fish");
    let asked = |line: &str| {
        let mut fish = Command::new("fish");
        fish.args(["--no-config", "-c", &format!("source {script}; complete -C '{line}'")]);
        let output = in_folder(&mut fish, &folder).output().unwrap();
        lines(&output).map(|l| l.split('\t').next().unwrap_or_default().to_owned()).collect()
    };
    listed(asked);
    // A command is completed as if it stood alone.
    assert!(asked("callgate run strict -- callgate expl").contains(&"explain".to_owned()));
}

#[test]
fn nushell() {
    if !installed("nu") {
        return;
    }
    let (folder, script) = folder("nushell");
    // What it offers an editor at the end of a file; releases before 0.114 have no command for it.
    let asked = |line: &str| {
        let text = format!("source {script}\n{line}");
        let file = folder.file("line.nu", text.as_bytes());
        let mut nu = Command::new("nu");
        nu.args(["--no-config-file", "--ide-complete", &text.len().to_string(), &file]);
        let output = in_folder(&mut nu, &folder).output().unwrap();
        let all: String = lines(&output).collect();
        let found: serde_json::Value = serde_json::from_str(&all).unwrap_or_else(|e| panic!("{e}: {all}"));
        // Of a verb it gives the program's name, too.
        let name = |c: &serde_json::Value| c.as_str().unwrap().trim_start_matches("callgate ").to_owned();
        found["completions"].as_array().unwrap().iter().map(name).collect()
    };
    listed(asked);
}
