//! Kinds of tests as the suite's own script runs them.

use super::build::Suite;
use super::{Library, Tally};
use crate::files::Result;
use std::path::Path;
use std::process::Command;

/// Runs one kind with a library; `python` and `python-live` are the kinds `basic` and `live` in Python.
/// With names of batches, only those.
pub(super) fn run(suite: &Suite, library: &Library, kind: &str, batches: &[String]) -> Result<Tally> {
    let mut script = Command::new("./regression");
    script.current_dir(&suite.tests).env("LD_LIBRARY_PATH", &library.folder).env("srcdir", ".");
    if kind.starts_with("python") {
        steady(&mut script, suite)?;
    }
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

/// Has every run of Python make the same calls. Under filters as tight as the tests' one that it makes only at times is
/// fatal: for compiled files, for memory, which hangs on the order of hashes, or for a script in the interpreter's
/// place.
fn steady(script: &mut Command, suite: &Suite) -> Result<()> {
    let prefix = super::must(Command::new("python3-config").arg("--exec-prefix"))?;
    let python = Path::new(String::from_utf8_lossy(&prefix).trim()).join("bin/python3");
    let bin = suite.tests.with_file_name("bin");
    super::folder(&bin)?;
    let link = bin.join("python");
    if std::fs::read_link(&link).ok().as_deref() != Some(&*python) {
        // Whatever is there leads elsewhere; that nothing is there is no error.
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(&python, &link).map_err(|e| format!("{}: {e}", link.display()))?;
    }
    let mut path = bin.into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    script.env("PATH", path).env("PYTHONHASHSEED", "0").env("PYTHONDONTWRITEBYTECODE", "1");
    // Enough memory at once, and never given back.
    script.env("MALLOC_TOP_PAD_", "16777216").env("MALLOC_TRIM_THRESHOLD_", "1073741824");
    Ok(())
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
