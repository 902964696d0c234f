//! Finding the corpus of real policies: `CALLGATE_CORPUS`, or `shared/corpus` beside the workspace.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::{Path, PathBuf};

/// The corpus, if there is one.
pub(crate) fn corpus() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut places: Vec<PathBuf> =
        std::env::var_os("CALLGATE_CORPUS").map(PathBuf::from).into_iter().collect();
    places.extend(["../shared/corpus", "../../shared/corpus"].map(|p| root.join(p)));
    let found = places.iter().find(|p| p.join("golden/INDEX.tsv").is_file() && p.join("policies").is_dir());
    if found.is_none() {
        eprintln!("skipped: no corpus of policies; CALLGATE_CORPUS says where it is");
    }
    found.cloned()
}

/// Every file below a folder, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}
