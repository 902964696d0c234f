//! Every real file of a format is read, or refused for a reason that is right. Skips,
//! and says so, without the corpus of policies.

mod common;

use callgate::Arch;
use callgate::program::container;
use callgate_formats::{Constants, Format, Options, Problem, detect, read};
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

/// Programs in the wrappings of other tools: the kernel would take each.
#[test]
fn programs() {
    let Some(corpus) = corpus() else { return };
    for folder in ["cbpf-raw", "ceccomp-text", "seccomp-tools-asm"] {
        let (mut read, mut refused) = (0, 0);
        for path in files(&corpus.join("policies").join(folder)) {
            let bytes = std::fs::read(&path).unwrap();
            // The shell code seccomp-tools puts its output into: machine instructions, no filter.
            if path.ends_with("templates/asm.s390x.asm") {
                assert!(
                    bytes.starts_with(b"  .globl install_seccomp") && container::detect(&bytes).is_none()
                );
                eprintln!("  {}: assembly of s390x, no filter", path.display());
                refused += 1;
                continue;
            }
            let options = container::ReadOptions::default();
            let code =
                container::read(&bytes, &options).unwrap_or_else(|e| panic!("{path:?}: {}", e[0])).code;
            code.check().unwrap_or_else(|e| panic!("{path:?}: {e}"));
            read += 1;
        }
        assert!(read > 0, "{folder} is empty");
        eprintln!("{folder}: {read} read, {refused} refused");
    }
}

/// Tables of constants that minijail policies are read with.
#[test]
fn constants() {
    let Some(corpus) = corpus() else { return };
    let paths = files(&corpus.join("policies/minijail-constants"));
    for path in &paths {
        let text = std::fs::read_to_string(path).unwrap();
        Constants::read(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    }
    eprintln!("minijail-constants: {} read, 0 refused", paths.len());
}

/// No folder of the corpus is passed over.
#[test]
fn every_folder_has_a_test() {
    let Some(corpus) = corpus() else { return };
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let tests: String =
        ["corpus.rs", "corpus_text.rs"].map(|f| std::fs::read_to_string(here.join(f)).unwrap()).concat();
    for entry in std::fs::read_dir(corpus.join("policies")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            assert!(
                tests.contains(&format!("\"{name}\"")) || tests.contains(&format!("policies/{name}\"")),
                "{name}"
            );
        }
    }
}
