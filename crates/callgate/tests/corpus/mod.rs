//! Real files to measure by, where they are at hand.

#![allow(dead_code, reason = "each test crate uses a part")]

use std::path::{Path, PathBuf};

/// Where real policies and filters lie: `$CALLGATE_CORPUS`, or `shared/corpus` beside the workspace.
pub(crate) fn root() -> Option<PathBuf> {
    let candidates = match std::env::var_os("CALLGATE_CORPUS") {
        Some(path) => vec![PathBuf::from(path)],
        None => {
            let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
            vec![workspace.join("../shared/corpus"), workspace.join("../../shared/corpus")]
        }
    };
    let found = candidates.into_iter().find(|p| p.is_dir());
    if found.is_none() {
        println!("skipped: no corpus (set CALLGATE_CORPUS)");
    }
    found
}

/// Every compiled filter, by path.
pub(crate) fn filters() -> Vec<(String, Vec<u8>)> {
    let Some(root) = root() else { return Vec::new() };
    let mut found = Vec::new();
    for folder in ["filters", "policies/cbpf-raw"] {
        collect(&root.join(folder), &mut found);
    }
    found.retain(|(path, _)| path.ends_with(".bpf"));
    assert!(found.len() >= 22, "the corpus has only {} filters", found.len());
    found
}

/// Every file below a folder of the corpus.
pub(crate) fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    if let Some(root) = root() {
        collect(&root.join(folder), &mut found);
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}
