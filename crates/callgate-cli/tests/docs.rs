//! The pages of `docs/formats`: every format has one, and what their examples show is what happens.
//!
//! A fenced block whose info string is `LANGUAGE NAME` is a file of that name. One of `console` holds commands behind
//! `$`, each with what it prints to both streams, and with `(exit code N)` unless that is 0. They are run by `sh` in a
//! folder with the page's files. `BLESS=1` writes what is printed anew.

mod common;

use callgate_formats::Format;
use common::Folder;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn pages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats")
}

/// The rows of the index: names, marks, and the page.
fn index() -> Vec<[String; 3]> {
    let text = std::fs::read_to_string(pages().join("README.md")).unwrap();
    let cell = |cell: &str| cell.trim().trim_matches('`').to_owned();
    text.lines()
        .filter(|l| l.starts_with("| `"))
        .map(|l| {
            let mut cells = l.trim_matches('|').split('|').map(cell);
            let (name, marks) = (cells.next().unwrap(), cells.next().unwrap());
            let link = cells.next().unwrap();
            let page = link.rsplit_once('(').and_then(|p| p.1.strip_suffix(')')).unwrap_or_default();
            [name, marks, page.to_owned()]
        })
        .collect()
}

#[test]
fn every_format_has_a_page() {
    let index = index();
    for format in Format::ALL {
        let row = index.iter().find(|row| row[0] == format.name());
        let [_, marks, page] = row.unwrap_or_else(|| panic!("{} is not in the index", format.name()));
        assert_eq!(marks.contains("read"), format.is_read(), "{}: {marks}", format.name());
        assert_eq!(marks.contains("written"), format.is_written(), "{}: {marks}", format.name());
        let text = std::fs::read_to_string(pages().join(page)).unwrap_or_default();
        assert!(text.contains(&format!("`{}`", format.name())), "{page} does not name {}", format.name());
    }
    for row in &index {
        assert!(Format::from_name(&row[0]).is_some(), "{} is no format", row[0]);
    }
    for entry in std::fs::read_dir(pages()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || index.iter().any(|row| row[2] == name), "the index leaves out {name}");
    }
}

#[test]
fn examples_are_what_happens() {
    if !cfg!(target_arch = "x86_64") {
        eprintln!("skipped: the examples are for x86_64");
        return;
    }
    let mut commands = 0;
    let mut wrong = Vec::new();
    let mut names: Vec<PathBuf> = std::fs::read_dir(pages()).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    for path in names {
        let text = std::fs::read_to_string(&path).unwrap();
        let (as_it_is, count) = run(&text);
        commands += count;
        if as_it_is == text {
            continue;
        }
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &as_it_is).unwrap();
            continue;
        }
        let line = text.lines().zip(as_it_is.lines()).position(|(a, b)| a != b).unwrap_or_default();
        let at = |text: &str| text.lines().nth(line).unwrap_or_default().to_owned();
        let (said, is) = (at(&text), at(&as_it_is));
        wrong.push(format!("{}:{}:\n  says: {said}\n  is:   {is}", path.display(), line + 1));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(commands > 20, "{commands}");
}

/// The page with the outputs there are, and how many commands it has.
fn run(page: &str) -> (String, usize) {
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
            for command in block.iter().filter_map(|l| l.strip_prefix("$ ")) {
                commands += 1;
                out.push_str(&format!("$ {command}\n{}", output(&folder, command)));
            }
        } else {
            if let Some((_, name)) = info.split_once(' ') {
                folder.file(name, format!("{}\n", block.join("\n")).as_bytes());
            }
            block.iter().for_each(|l| out.extend([l, "\n"]));
        }
        out.push_str("```\n");
    }
    (out, commands)
}

fn output(folder: &Folder, command: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_callgate"));
    let mut search = binary.parent().unwrap().as_os_str().to_owned();
    search.push(":");
    search.push(std::env::var_os("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{command}")])
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
