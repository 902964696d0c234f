//! Every real file of a format is read, or refused for a reason that is right. Skips,
//! and says so, without the corpus of policies.

mod common;

use callgate::Arch;
use callgate_formats::{Format, Options, Problem, detect, read};
use common::{corpus, files};
use std::collections::BTreeMap;

/// Reads every file below some folders; returns the refusals as (file, problem).
fn read_all(folders: &[&str], expected: &[Format]) -> Vec<(String, Problem)> {
    let Some(corpus) = corpus() else { return Vec::new() };
    let mut refused = Vec::new();
    let mut counts: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for folder in folders {
        let paths = files(&corpus.join("policies").join(folder));
        assert!(!paths.is_empty(), "{folder} is empty");
        for path in paths {
            let name = path.strip_prefix(&corpus).unwrap().display().to_string();
            let bytes = std::fs::read(&path).unwrap();
            let detected = detect(Some(&path), &bytes).unwrap_or_else(|| panic!("{name}: not detected"));
            assert!(
                expected.contains(&detected.format),
                "{name}: taken for {:?}: {}",
                detected.format,
                detected.why
            );
            let text = String::from_utf8(bytes).unwrap();
            let count = counts.entry(detected.format.name()).or_default();
            // Firecracker's files are for the architecture in their name.
            let host = if name.contains("aarch64-") { Arch::Aarch64 } else { Arch::X86_64 };
            match read(&text, detected.format, &Options::new(host)) {
                Ok(import) => {
                    assert!(!import.policies.is_empty(), "{name}");
                    count[0] += 1;
                }
                Err(error) => {
                    count[1] += 1;
                    refused.extend(error.problems.into_iter().map(|p| (name.clone(), p)));
                }
            }
        }
    }
    for (format, [read, refused]) in counts {
        eprintln!("{format}: {read} read, {refused} refused");
    }
    for (file, problem) in &refused {
        eprintln!("  {file}: {problem}");
    }
    refused
}

#[test]
fn container_profiles() {
    let folders = ["oci", "docker", "docker-history", "containers-common", "containers-common-history"];
    let refused = read_all(&folders, &[Format::Oci, Format::Docker, Format::Containers]);
    // None of these is a system call of any architecture.
    let unknown = ["sysctl", "posix_fadvise", "posix_fallocate", "wait3", "keyctl_chown"];
    for (file, problem) in refused {
        let name = problem.what.strip_prefix("unknown system call ");
        assert!(name.is_some_and(|n| unknown.contains(&n)), "{file}: {problem}");
    }
}

#[test]
fn seccompiler() {
    let folders = ["seccompiler-json", "seccompiler-json-history"];
    assert_eq!(read_all(&folders, &[Format::Seccompiler]), []);
}

#[test]
fn seccomp_profile_objects() {
    for (file, problem) in read_all(&["spo-crd"], &[Format::Spo]) {
        let other_api = problem.help.as_deref().is_some_and(|h| h.ends_with("is not the operator's API"));
        assert!(other_api || problem.what.starts_with("the base profile "), "{file}: {problem}");
    }
}

#[test]
fn go_seccomp_bpf() {
    assert_eq!(read_all(&["go-seccomp-bpf"], &[Format::GoSeccomp]), []);
}
