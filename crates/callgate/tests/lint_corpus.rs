//! Real filters, where a directory of them is present: what is found in them is so, and found quickly.

use callgate::lint::{self, Finding, Layer, Options, Subject};
use callgate::program::Code;
use callgate::{Program, abi::Endian};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The directory of measuring material: `CALLGATE_CORPUS`, or beside the workspace.
fn corpus() -> Option<PathBuf> {
    let workspace = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let candidates = match std::env::var_os("CALLGATE_CORPUS") {
        Some(path) => vec![PathBuf::from(path)],
        None => ["../shared/corpus", "../../shared/corpus"].map(|p| workspace.join(p)).into(),
    };
    let found = candidates.into_iter().find(|p| p.is_dir());
    if found.is_none() {
        eprintln!("skipped: no corpus of real filters here (CALLGATE_CORPUS)");
    }
    found
}

fn filters() -> Vec<(String, Code)> {
    let Some(dir) = corpus() else { return Vec::new() };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(dir.join("filters")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let read = |path: PathBuf| {
        let code = Code::from_bytes(&std::fs::read(&path).unwrap(), Endian::Little).unwrap();
        (path.file_stem().unwrap().to_str().unwrap().to_string(), code)
    };
    files.into_iter().map(read).collect()
}

fn check(codes: &[&Code]) -> Vec<Finding> {
    let layers = codes.iter().map(|c| Layer::Code(c)).collect();
    lint::lint(&Subject { layers }, &Options::default())
}

#[test]
fn witnesses_are_so_and_nothing_is_beyond_the_budget() {
    for (name, code) in filters() {
        let program: Program = code.clone().check().unwrap();
        for finding in check(&[&code]) {
            assert_ne!(finding.code().to_string(), "CG0181", "{name}: {}", finding.diagnostic.message);
            if let Some(witness) = finding.witness {
                assert_eq!(program.run(&witness.call).action(), witness.action, "{name}: {}", finding.code());
            }
        }
    }
}

/// Counted by hand and by another program.
#[test]
fn unreachable_instructions_are_those_known() {
    let found = filters();
    for (name, count) in [
        ("chromium-renderer-20227", Some("no call reaches 24 of 657")),
        ("docker-default-runc", Some("no call reaches 2 of 1015")),
        ("tor", Some("no call reaches 1 of 494")),
        ("firejail-seccomp.mdwx", Some("no call reaches 1 of 35")),
        ("sshd", None),
    ] {
        let Some((_, code)) = found.iter().find(|f| f.0 == name) else { continue };
        let findings = check(&[code]);
        let message =
            findings.iter().find(|f| f.code().to_string() == "CG0170").map(|f| &f.diagnostic.message);
        match count {
            Some(count) => assert!(message.is_some_and(|m| m.starts_with(count)), "{name}: {message:?}"),
            None => assert_eq!(message, None, "{name}"),
        }
    }
}

/// systemd loads one filter for each architecture: each is open to the others, the stack is not.
#[test]
fn stacks_close_what_their_filters_leave_open() {
    let found = filters();
    for prefix in ["systemd-ns", "systemd-set-system-service"] {
        let stack: Vec<&Code> = found.iter().filter(|f| f.0.starts_with(prefix)).map(|f| &f.1).collect();
        let has = |codes: &[&Code]| check(codes).iter().any(|f| f.code().to_string() == "CG0106");
        if !stack.is_empty() {
            assert!(stack.iter().all(|one| has(&[one])) && !has(&stack), "{prefix}");
        }
    }
}

#[test]
fn every_filter_in_a_moment() {
    for (name, code) in filters() {
        let best = (0..5).map(|_| {
            let start = Instant::now();
            let _ = check(&[&code]);
            start.elapsed()
        });
        let best = best.min().unwrap();
        eprintln!("{name}: {best:?}");
        // Five times what an idle machine needs, since tests share theirs.
        assert!(best < Duration::from_millis(150), "{name} took {best:?}");
    }
}
