//! Every real file of a format is read, or refused for a reason that is right. Needs the corpus of
//! policies (`CALLGATE_CORPUS`, or `../shared/corpus` beside the workspace) and says so without it.

use callgate_formats::{Format, Options, Problem, detect, read};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn corpus() -> Option<PathBuf> {
    let path = match std::env::var_os("CALLGATE_CORPUS") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"),
    };
    if path.join("policies").is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no corpus at {}", path.display());
    None
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
    found.sort();
}

/// Reads every file below some folders; returns the refusals as (file, problem).
fn read_all(folders: &[&str], expected: &[Format]) -> Vec<(String, Problem)> {
    let Some(corpus) = corpus() else { return Vec::new() };
    let mut refused = Vec::new();
    let mut counts: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for folder in folders {
        let mut paths = Vec::new();
        files(&corpus.join("policies").join(folder), &mut paths);
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
            match read(&text, detected.format, &Options::default()) {
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
    for (file, problem) in refused {
        panic!("{file}: {problem}");
    }
}
