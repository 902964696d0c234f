//! Every real file of a text format is read, or refused for a reason that is right. Needs the corpus
//! of policies and says so without it.

mod common;

use callgate::Arch;
use callgate_formats::{Constants, Format, Options, detect, read};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
    found.sort();
}

/// Options for a file of the corpus: files it refers to are looked for under the path it says, then
/// beside it.
fn options(path: &Path, name: &str) -> Options {
    let folder = path.parent().unwrap().to_path_buf();
    let base = path.ancestors().last().unwrap().to_path_buf();
    let open = move |wanted: &Path| {
        std::fs::read_to_string(base.join(wanted))
            .or_else(|_| std::fs::read_to_string(folder.join(wanted.file_name().unwrap_or_default())))
    };
    Options { file: Some(name.into()), open: Some(Arc::new(open)), ..Options::new(arch_of(name)) }
}

/// The architecture a file is for, by its name.
fn arch_of(name: &str) -> Arch {
    let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
    if has(&["arm64", "aarch64"]) {
        Arch::Aarch64
    } else if has(&["riscv64"]) {
        Arch::Riscv64
    } else if has(&["amd64", "x86_64"]) {
        Arch::X86_64
    } else if has(&["-arm.", "/arm/", "arm-", "_arm."]) {
        Arch::Arm
    } else if has(&["x86"]) {
        Arch::X86
    } else {
        Arch::X86_64
    }
}

/// Reads every file of a folder; a refusal must contain one of `reasons`, and every reason be needed.
fn read_all(folder: &str, expected: &[Format], reasons: &[&str]) {
    let Some(corpus) = common::corpus() else { return };
    let constants =
        corpus.join("policies/minijail-constants/google+crosvm/jail/seccomp/x86_64/constants.json");
    let constants = Arc::new(Constants::read(&std::fs::read_to_string(constants).unwrap()).unwrap());
    let mut paths = Vec::new();
    files(&corpus.join("policies").join(folder), &mut paths);
    assert!(!paths.is_empty(), "{folder} is empty");
    let mut counts: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let mut used: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut wrong, mut refusals) = (Vec::new(), Vec::new());
    for path in &paths {
        let name = path.strip_prefix(&corpus).unwrap().display().to_string();
        let bytes = std::fs::read(path).unwrap();
        let Some(detected) = detect(Some(path), &bytes) else {
            wrong.push(format!("{name}: not detected"));
            continue;
        };
        if !expected.contains(&detected.format) {
            wrong.push(format!("{name}: taken for {:?}: {}", detected.format, detected.why));
            continue;
        }
        let text = String::from_utf8(bytes).unwrap();
        let count = counts.entry(detected.format.name()).or_default();
        let options = Options { constants: Some(Arc::clone(&constants)), ..options(path, &name) };
        match read(&text, detected.format, &options) {
            Ok(import) => {
                assert!(!import.policies.is_empty(), "{name}");
                for named in &import.policies {
                    named.policy.lower().unwrap_or_else(|e| panic!("{name}: {e}"));
                }
                count[0] += 1;
            }
            Err(error) => {
                count[1] += 1;
                for problem in &error.problems {
                    let shown = problem.to_string();
                    match reasons.iter().find(|r| shown.contains(**r)) {
                        Some(reason) => {
                            *used.entry(reason).or_default() += 1;
                            refusals.push(shown);
                        }
                        None => wrong.push(shown),
                    }
                }
            }
        }
    }
    for (format, [read, refused]) in counts {
        eprintln!("{folder}: {format}: {read} read, {refused} refused");
    }
    for (reason, count) in &used {
        eprintln!("  {count} × {reason}");
    }
    for refusal in refusals {
        eprintln!("  {refusal}");
    }
    assert!(wrong.is_empty(), "{} unexpected:\n{}", wrong.len(), wrong.join("\n"));
    let unused: Vec<&&str> = reasons.iter().filter(|r| !used.contains_key(**r)).collect();
    assert!(unused.is_empty(), "reasons nobody gave: {unused:?}");
}

#[test]
fn minijail() {
    read_all(
        "minijail",
        &[Format::Minijail, Format::MinijailPython],
        &[
            // The corpus lacks files that others include.
            "cannot be read: No such file",
            // The same files, as far as they are there.
            "has a line already",
            // Files of x86_64 that list calls of x86 only, and the other way round: the parser refuses them too.
            "unknown system call on x86",
        ],
    );
}

#[test]
fn kafel() {
    read_all(
        "kafel",
        &[Format::Kafel],
        &["two arguments in one comparison", "cannot be read: No such file", "includes nest too deep"],
    );
}

#[test]
fn nsjail() {
    read_all("nsjail-cfg", &[Format::Nsjail], &[]);
}

#[test]
fn systemd() {
    read_all("systemd-unit", &[Format::Systemd], &["no setting of this unit adds a system-call filter"]);
}

#[test]
fn firejail() {
    read_all("firejail", &[Format::Firejail], &[]);
}

#[test]
fn lxc() {
    read_all("lxc", &[Format::Lxc], &[]);
}

#[test]
fn snapd() {
    read_all(
        "snapd",
        &[Format::Snapd],
        &[
            // A placeholder of a snippet.
            "unknown constant {{group}}",
            // A name no kernel knows; snapd ignores the line.
            "unknown system call lchownat",
        ],
    );
}

#[test]
fn android() {
    read_all("android", &[Format::Android], &[]);
}

#[test]
fn pledge() {
    read_all("pledge", &[Format::Pledge], &["unknown promise getpw; OpenBSD has it, the Linux port has not"]);
}

#[test]
fn easyseccomp() {
    read_all("easyseccomp", &[Format::Easyseccomp], &[]);
}
