//! Finding the corpus of real policies: `CALLGATE_CORPUS`, or `shared/corpus` beside the workspace.

use std::path::{Path, PathBuf};

/// The corpus, if there is one.
pub fn corpus() -> Option<PathBuf> {
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
