//! How long `callgate run` takes beside the command itself: both started in turn, the shortest time of each.

use super::sheet::{Limit, Sheet};
use super::subject;
use crate::files::{self, Result};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Rounds of one start each.
const ROUNDS: u32 = 400;
/// Milliseconds that `run` may add, reading and compiling the policy and proving it included.
const ADDED: f64 = 1.5;
/// Milliseconds until the binary has started and said its version.
const STARTED: f64 = 5.0;

/// Policies that ship with the program, under which `true` runs.
const BUILT_IN: &[&str] = &["no-network", "container-like"];

const BINARY: &str = "target/release/callgate";
/// A copy, as an installation makes one: what a linker has just written is in the page cache page by page, and takes
/// half a millisecond longer to start.
const INSTALLED: &str = "target/release/callgate.installed";

/// Prints the table.
pub(super) fn print() -> Result<()> {
    let binary = files::root().join(BINARY);
    if !binary.exists() {
        return Err(format!("{BINARY} is not there: `cargo build --release -p callgate-cli` makes it"));
    }
    let installed = files::root().join(INSTALLED);
    std::fs::copy(&binary, &installed).map_err(|e| format!("{INSTALLED}: {e}"))?;
    let binary = installed;
    let mut rows: Vec<(String, Command)> = vec![
        ("true".into(), Command::new("true")),
        ("callgate --version".into(), command(&binary, &["--version"])),
    ];
    for name in BUILT_IN {
        rows.push((format!("run {name}"), command(&binary, &["run", name, "--", "true"])));
    }
    for name in subject::names()? {
        let policy = format!("bench/policies/{name}.cg");
        // Only policies that let a command run at all.
        let mut run = command(&binary, &["run", &policy, "--", "true"]);
        if run.status().is_ok_and(|status| status.success()) {
            rows.push((format!("run {name}"), run));
        }
    }
    let mut best = vec![Duration::MAX; rows.len()];
    for _ in 0..ROUNDS {
        for ((name, command), best) in rows.iter_mut().zip(&mut best) {
            let start = Instant::now();
            let status = command.status().map_err(|e| format!("{name}: {e}"))?;
            *best = start.elapsed().min(*best);
            if !status.success() {
                return Err(format!("{name}: {status}"));
            }
        }
    }
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let alone = ms(best[0]);
    println!("milliseconds from start to end, the shortest of {ROUNDS}, and what that is beyond `true`");
    for ((name, _), best) in rows.iter().zip(&best) {
        println!("{name:<20} {:>7.3} {:>7.3}", ms(*best), ms(*best) - alone);
    }
    println!();
    let mut sheet = Sheet::default();
    for ((name, _), best) in rows.iter().zip(&best).skip(1) {
        match name.strip_prefix("run ") {
            Some(policy) => {
                sheet.line(
                    policy,
                    "milliseconds that run adds to true",
                    ms(*best) - alone,
                    Limit::Most(ADDED),
                );
            }
            None => {
                sheet.line("callgate", "milliseconds until it has started", ms(*best), Limit::Most(STARTED))
            }
        }
    }
    sheet.end()
}

fn command(binary: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary);
    command.args(args).current_dir(files::root()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
