//! A page's examples, run.

use crate::common::{Folder, callgate, installed};
use std::path::Path;
use std::process::{Command, Stdio};

/// The page with the outputs there are, and how many commands it has; `None` where it cannot be run here, which is said.
pub(crate) fn run(page: &str, name: &str) -> Option<(String, usize)> {
    let blocks = page.lines().filter(|l| *l == "```console").count();
    if blocks == 0 {
        return Some((page.to_owned(), 0));
    }
    let needs: Vec<&str> = page
        .lines()
        .filter_map(|l| l.strip_prefix("<!-- needs: ")?.strip_suffix(" -->"))
        .flat_map(str::split_whitespace)
        .collect();
    if !cfg!(target_arch = "x86_64") {
        eprintln!("skipped: {name}: the examples are for x86_64");
        return None;
    }
    if let Some(missing) = needs.iter().find(|need| !here(need)) {
        eprintln!("skipped: {name}: {missing} is not here");
        return None;
    }
    for verb in ["run", "learn", "dump", "supervise"] {
        let mut commands = page.lines().filter(|l| l.starts_with("$ "));
        if commands.any(|l| l.contains(&format!("callgate {verb} "))) {
            let able = callgate(&["doctor", "--require", verb]).output().unwrap();
            if able.status.code() == Some(3) {
                eprintln!("skipped: {name}: this kernel does not let this process do what `{verb}` takes");
                return None;
            }
        }
    }
    let folder = Folder::new();
    let mut out = String::new();
    let mut commands = 0;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
        if info == "console" {
            for (command, said) in exchanges(&block) {
                commands += 1;
                out.push_str(&format!("$ {}\n", command.join("\n")));
                let is = output(&folder, &command.join("\n"));
                let is: Vec<&str> = is.lines().collect();
                let kept = if matches(&said, &is) { &said } else { &is };
                kept.iter().for_each(|l| out.extend([l, "\n"]));
            }
        } else {
            if let Some((_, name)) = info.split_once(' ') {
                let path = folder.path().join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                folder.file(name, format!("{}\n", block.join("\n")).as_bytes());
            }
            block.iter().for_each(|l| out.extend([l, "\n"]));
        }
        out.push_str("```\n");
    }
    Some((out, commands))
}

/// The line of a command that stands in a block nobody runs.
pub(crate) fn unrun(page: &str) -> Option<usize> {
    let mut info = None;
    for (number, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), info) {
            (Some(opening), None) => info = Some(opening),
            (Some(_), Some(_)) => info = None,
            (None, Some(language)) if language != "console" && line.starts_with("$ ") => {
                return Some(number + 1);
            }
            _ => {}
        }
    }
    None
}

/// Whether the machine has what a page needs.
fn here(need: &str) -> bool {
    match need {
        "root" => std::fs::read_to_string("/proc/self/status")
            .is_ok_and(|s| s.lines().any(|l| l.starts_with("Uid:\t0\t"))),
        program => installed(program),
    }
}

/// The commands of a block with what the page says they print. A command goes on after a backslash at its line's end.
fn exchanges<'a>(block: &[&'a str]) -> Vec<(Vec<&'a str>, Vec<&'a str>)> {
    let mut found: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for line in block {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push((vec![command], Vec::new())),
            (None, Some((command, said))) if said.is_empty() && command.last().unwrap().ends_with('\\') => {
                command.push(line);
            }
            (None, Some((_, said))) => said.push(line),
            (None, None) => panic!("a console block begins with a command, not with: {line}"),
        }
    }
    found
}

/// Whether what was printed is what the page says.
fn matches(said: &[&str], is: &[&str]) -> bool {
    match said {
        [] => is.is_empty(),
        ["…", rest @ ..] => (0..=is.len()).any(|at| matches(rest, &is[at..])),
        [first, rest @ ..] => match is {
            [line, others @ ..] => like(first, line) && matches(rest, others),
            [] => false,
        },
    }
}

/// Whether a line is what the page says, where `…` is anything.
fn like(said: &str, line: &str) -> bool {
    match said.split_once('…') {
        None => said == line,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|tail| {
            tail.char_indices().map(|(at, _)| at).chain([tail.len()]).any(|at| like(rest, &tail[at..]))
        }),
    }
}

/// What the README builds to run it has been built, or this would not run.
const SHIM: &str = r#"cargo() {
    case "$*" in
    "run --release -p callgate-cli -- "*) shift 5 && callgate "$@" ;;
    *) command cargo "$@" ;;
    esac
}
"#;

fn output(folder: &Folder, command: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_callgate"));
    let mut search = binary.parent().unwrap().as_os_str().to_owned();
    search.push(":");
    search.push(std::env::var_os("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{SHIM}{command}")])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .env("PATH", search)
        .env("LC_ALL", "C")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    match output.status.code() {
        Some(0) => {}
        code => text.push_str(&format!("(exit code {})\n", code.unwrap_or(-1))),
    }
    text
}
