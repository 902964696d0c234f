//! Kinds of tests as the suite's own script runs them.

use super::build::Suite;
use super::{Library, Tally};
use crate::files::Result;
use std::process::Command;

/// Runs one kind with a library; `python` and `python-live` are the kinds `basic` and `live` in Python.
/// With names of batches, only those.
pub(super) fn run(suite: &Suite, library: &Library, kind: &str, batches: &[String]) -> Result<Tally> {
    let mut script = Command::new("./regression");
    script.current_dir(&suite.tests).env("LD_LIBRARY_PATH", &library.folder).env("srcdir", ".");
    let (mode, kind) = match kind {
        "python" => ("python", "basic"),
        "python-live" => ("python", "live"),
        kind => ("c", kind),
    };
    script.args(["-m", mode, "-T", kind]);
    // The script takes its time over every file, also over one without a test of the kind.
    let having = if batches.is_empty() { having(suite, kind)? } else { Vec::new() };
    for batch in batches.iter().chain(&having) {
        script.args(["-b", batch]);
    }
    let output = script.output().map_err(|e| format!("{}: {e}", suite.tests.join("regression").display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    for line in text.lines().filter(|l| l.contains("FAILURE") || l.contains("ERROR")) {
        eprintln!("{}: {line}", library.name);
    }
    let count = |name: &str| {
        let line = text
            .lines()
            .rev()
            .find_map(|l| l.trim().strip_prefix(name)?.strip_prefix(": "))
            .unwrap_or_default();
        line.trim()
            .parse()
            .map_err(|_| format!("the suite's script did not say its {name}: {}", output.status))
    };
    Ok(Tally {
        passed: count("tests passed")?,
        failed: count("tests failed")?,
        errors: count("tests errored")?,
        skipped: count("tests skipped")?,
    })
}

/// The batches with tests of a kind, for the script's pairs of kinds of both.
fn having(suite: &Suite, kind: &str) -> Result<Vec<String>> {
    let mark = format!("test type: {}", kind.strip_suffix("-fuzz").unwrap_or(kind));
    let error = |e: std::io::Error| format!("{}: {e}", suite.tests.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&suite.tests).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.extension().is_some_and(|e| e == "tests")
            && std::fs::read_to_string(&path).map_err(error)?.contains(&mark)
        {
            names.extend(path.file_stem().and_then(|n| n.to_str()).map(String::from));
        }
    }
    Ok(names)
}
