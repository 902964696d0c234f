//! The command line, case by case: files under `testdata/cli` with `# RUN: callgate …` lines (exit status 0) or
//! `# FAIL(2): callgate …` lines (that exit status), and beside each what was printed: `NAME.stdout` and
//! `NAME.stderr`. The lines are run by `sh`, in that folder, `$FILE` being the file.
//!
//! `BLESS=1` writes what is printed anew.

use libtest_mimic::{Arguments, Failed, Trial};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cli");
    let mut trials = Vec::new();
    for path in files(&folder) {
        let Ok(text) = std::fs::read(&path) else { continue };
        let runs = runs(&String::from_utf8_lossy(&text));
        if !runs.is_empty() {
            let name = path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
            let folder = folder.clone();
            trials.push(Trial::test(name, move || check(&folder, &path, &runs)));
        }
    }
    assert!(trials.len() > 10, "testdata/cli is not there");
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A command and the exit status it is to have.
struct Run {
    line: String,
    status: i32,
}

/// Every file below a folder, by path.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// The commands of a file, in comments of whatever kind.
fn runs(text: &str) -> Vec<Run> {
    let command = |line: &str| {
        let line = line.trim_start_matches(['#', '/', ';', ' ']);
        if let Some(line) = line.strip_prefix("RUN: ") {
            return Some(Run { line: line.to_owned(), status: 0 });
        }
        let (status, line) = line.strip_prefix("FAIL(")?.split_once("): ")?;
        Some(Run { line: line.to_owned(), status: status.parse().ok()? })
    };
    text.lines().filter_map(command).collect()
}

fn check(folder: &Path, path: &Path, runs: &[Run]) -> Result<(), Failed> {
    let name = path.strip_prefix(folder)?.display().to_string();
    let binary = Path::new(env!("CARGO_BIN_EXE_callgate"));
    let mut search = binary.parent().ok_or("the binary is nowhere")?.as_os_str().to_owned();
    search.push(":");
    search.push(std::env::var_os("PATH").unwrap_or_default());
    let (mut stdout, mut stderr) = (String::new(), String::new());
    for Run { line, status } in runs {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(folder).stdin(Stdio::null());
        command
            .env("FILE", &name)
            .env("PATH", &search)
            .env("LC_ALL", "C")
            .env("NO_COLOR", "1")
            .env_remove("COLUMNS");
        let output = command.output()?;
        if runs.len() > 1 {
            writeln!(stdout, "$ {}", line.replace("$FILE", &name))?;
            if !output.stderr.is_empty() {
                writeln!(stderr, "$ {}", line.replace("$FILE", &name))?;
            }
        }
        stdout.push_str(&String::from_utf8_lossy(&output.stdout));
        stderr.push_str(&String::from_utf8_lossy(&output.stderr));
        if output.status.code() != Some(*status) {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("`{line}` ended with {}, not {status}\n{said}", output.status).into());
        }
    }
    compare(path, "stdout", &stdout)?;
    compare(path, "stderr", &stderr)
}

/// Compares with the file of this extension beside `path`; nothing printed, no file.
fn compare(path: &Path, extension: &str, printed: &str) -> Result<(), Failed> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".");
    beside.push(extension);
    let beside = PathBuf::from(beside);
    let expected = std::fs::read_to_string(&beside).unwrap_or_default();
    if expected == printed {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some() {
        match printed {
            "" => std::fs::remove_file(&beside)?,
            printed => std::fs::write(&beside, printed)?,
        }
        return Ok(());
    }
    let differs = expected.lines().zip(printed.lines()).position(|(a, b)| a != b);
    let at = differs.unwrap_or(expected.lines().count().min(printed.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("(end)").to_owned();
    let (expected, printed) = (line(&expected), line(printed));
    Err(format!("{}:{}:\n  expected: {expected}\n  printed:  {printed}", beside.display(), at + 1).into())
}
