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
    match kind {
        "python" => script.args(["-m", "python", "-T", "basic"]),
        "python-live" => script.args(["-m", "python", "-T", "live"]),
        kind => script.args(["-m", "c", "-T", kind]),
    };
    for batch in batches {
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
