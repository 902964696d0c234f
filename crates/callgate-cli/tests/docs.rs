//! The README and the pages of `docs/`: what their examples show is what happens, their links lead somewhere, the book
//! holds them all, and every format has one.
//!
//! A fenced block whose info string is `LANGUAGE NAME` is a file of that name. One of `console` holds commands behind
//! `$`, each with what it prints to both streams, and with `(exit code N)` unless that is 0. They are run by `sh` in a
//! folder with the page's files. In what is printed `…` stands for anything within a line, and for any number of lines
//! where it is alone on one. `BLESS=1` writes what is printed anew where it differs.
//!
//! `<!-- needs: WORDS -->` names programs without which the page is not run, and `root` that it takes root. A page whose
//! commands run others is not run where `doctor` says that it cannot be. A page that is skipped says so.

mod common;
#[path = "docs/links.rs"]
mod links;
#[path = "docs/page.rs"]
mod page;

use callgate_formats::Format;
use std::path::{Path, PathBuf};

/// The workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every Markdown file of the book and the README, sorted.
fn pages() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md")];
    below(&root().join("docs"), &mut found);
    found.sort();
    found
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, found);
        } else if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
}

/// A path as it is read: relative to the workspace.
fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The rows of the index of formats: names, marks, and the page.
fn index() -> Vec<[String; 3]> {
    let text = std::fs::read_to_string(root().join("docs/formats/README.md")).unwrap();
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
    let pages = root().join("docs/formats");
    let index = index();
    for format in Format::ALL {
        let row = index.iter().find(|row| row[0] == format.name());
        let [_, marks, page] = row.unwrap_or_else(|| panic!("{} is not in the index", format.name()));
        assert_eq!(marks.contains("read"), format.is_read(), "{}: {marks}", format.name());
        assert_eq!(marks.contains("written"), format.is_written(), "{}: {marks}", format.name());
        let text = std::fs::read_to_string(pages.join(page)).unwrap_or_default();
        assert!(text.contains(&format!("`{}`", format.name())), "{page} does not name {}", format.name());
    }
    for row in &index {
        assert!(Format::from_name(&row[0]).is_some(), "{} is no format", row[0]);
    }
    for entry in std::fs::read_dir(&pages).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || index.iter().any(|row| row[2] == name), "the index leaves out {name}");
    }
}

#[test]
fn examples_are_what_happens() {
    let mut commands = 0;
    let mut wrong = Vec::new();
    for path in pages() {
        let text = std::fs::read_to_string(&path).unwrap();
        if let Some(line) = page::unrun(&text) {
            wrong.push(format!("{}:{line}: a command in a block that is not `console`", short(&path)));
        }
        let Some((as_it_is, count)) = page::run(&text, &short(&path)) else { continue };
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
        wrong.push(format!("{}:{}:\n  says: {said}\n  is:   {is}", short(&path), line + 1));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(commands > 20, "{commands}");
}

#[test]
fn links_lead_somewhere() {
    let mut dead = Vec::new();
    let mut others: Vec<PathBuf> = std::fs::read_dir(root())
        .unwrap()
        .chain(std::fs::read_dir(root().join("bench")).unwrap())
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "md"))
        .collect();
    others.extend(pages());
    others.sort();
    others.dedup();
    for path in others {
        links::dead(&path, &root(), &mut dead);
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn the_book_holds_every_page() {
    let docs = root().join("docs");
    let path = docs.join("SUMMARY.md");
    let mut summary = std::fs::read_to_string(&path).unwrap();
    if std::env::var_os("BLESS").is_some() {
        summary = with_codes(&summary, &docs.join("codes"));
        std::fs::write(&path, &summary).unwrap();
    }
    assert_eq!(summary, with_codes(&summary, &docs.join("codes")), "the list of findings");
    let listed: Vec<&str> = links::of(&summary).into_iter().map(|(_, link)| link).collect();
    for path in pages() {
        let Ok(path) = path.strip_prefix(&docs) else { continue };
        let path = path.to_str().unwrap();
        let times = listed.iter().filter(|l| **l == path).count();
        let wanted = usize::from(path != "SUMMARY.md");
        assert_eq!(times, wanted, "SUMMARY.md has {path} {times} times");
    }
}

/// The book's contents with the pages of the codes there are.
fn with_codes(summary: &str, folder: &Path) -> String {
    let mut pages = Vec::new();
    below(folder, &mut pages);
    pages.sort();
    let code = |line: &str| line.contains("](codes/CG");
    let mut out: Vec<String> = summary.lines().take_while(|l| !code(l)).map(str::to_owned).collect();
    for page in pages.iter().filter(|p| !p.ends_with("README.md")) {
        let text = std::fs::read_to_string(page).unwrap();
        let title = text.lines().next().unwrap_or_default().trim_start_matches("# ");
        out.push(format!("    - [{title}](codes/{})", page.file_name().unwrap().to_str().unwrap()));
    }
    out.extend(summary.lines().skip_while(|l| !code(l)).filter(|l| !code(l)).map(str::to_owned));
    out.join("\n") + "\n"
}

/// The DaemonSet's command is one that callgate takes: what stops it here is that there is no such control group.
#[test]
fn the_daemon_set_records() {
    let page = std::fs::read_to_string(root().join("docs/how-to/fleet.md")).unwrap();
    let yaml = page.split("```yaml daemonset.yaml\n").nth(1).and_then(|t| t.split("```").next()).unwrap();
    let (_, command) = yaml.split_once("exec /host-bin/callgate ").unwrap();
    let (command, _) = command.split_once("\n        env:").unwrap();
    // As YAML folds it (`>-`), and as the shell takes it apart.
    let command = command.replace('\n', " ").replace("/sys/fs/cgroup/kubepods.slice", "/nowhere");
    let folder = common::Folder::new();
    let command = command.replace("/recordings", folder.path().to_str().unwrap());
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("exec \"$CALLGATE\" {command}")])
        .env("CALLGATE", env!("CARGO_BIN_EXE_callgate"))
        .env("NODE", "a")
        .output()
        .unwrap();
    let said = common::stderr(&output);
    assert!(said.contains("/nowhere: this is no control group's folder"), "{said}");
}
