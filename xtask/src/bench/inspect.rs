//! How long it takes to read other people's filters back: whole processes, the shortest time of each.

use super::corpus::folder;
use crate::files::{self, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Each command is run this often.
const ROUNDS: u32 = 10;
/// What no filter may take.
const LIMIT: Duration = Duration::from_millis(30);

/// Prints the table; fails where something takes longer than the limit.
pub(super) fn print() -> Result<()> {
    let binary = files::root().join("target/release/callgate");
    if !binary.is_file() {
        return Err("no binary to measure: run `cargo build --release -p callgate-cli` first".into());
    }
    let Some(folder) = folder() else {
        println!("no corpus of other people's filters here (CALLGATE_CORPUS)");
        return Ok(());
    };
    let folder = folder.join("filters");
    let read = |e| format!("{}: {e}", folder.display());
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(read)? {
        files.push(entry.map_err(read)?.path());
    }
    files.sort();
    println!(
        "milliseconds of the whole process, the shortest of {ROUNDS}; the limit is {}",
        LIMIT.as_millis()
    );
    println!("{:<34} {:>8} {:>8}", "filter", "explain", "check");
    let mut slow = Vec::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut row = format!("{name:<34}");
        for verb in ["explain", "check"] {
            let took = shortest(&binary, verb, &file)?;
            row.push_str(&format!(" {:>8.1}", took.as_secs_f64() * 1e3));
            if took > LIMIT {
                slow.push(format!("{verb} {name}"));
            }
        }
        println!("{row}");
    }
    if slow.is_empty() { Ok(()) } else { Err(format!("over the limit: {}", slow.join(", "))) }
}

fn shortest(binary: &Path, verb: &str, file: &Path) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let status = Command::new(binary)
            .arg(verb)
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|e| format!("{}: {e}", binary.display()))?;
        best = best.min(start.elapsed());
        if !matches!(status.code(), Some(0 | 1)) {
            return Err(format!("{verb} {}: {status}", file.display()));
        }
    }
    Ok(best)
}
