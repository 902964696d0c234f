//! Real programs of this machine with this project's library in the stock one's place.

mod bindings;
mod containers;
mod loads;
mod manual;
mod real;
mod snap;
mod tutorials;

use super::Library;
use crate::files::Result;
use std::path::Path;
use std::process::Command;

/// Runs every program that is installed and prints how it went.
pub(super) fn run(ours: &Library, place: &Path) -> Result<()> {
    let mut failed = Vec::new();
    let mut told = |name: &str, outcome: Result<String>| {
        let words = outcome.unwrap_or_else(|reason| {
            failed.push(name.to_owned());
            format!("FAILED: {reason}")
        });
        println!("{name:<24} {words}");
    };
    tutorials::run(ours, place)?;
    told("programs of the manual", manual::run(ours, place));
    let place = place.join("programs");
    for program in real::PROGRAMS {
        told(program.name, real::run(&program, ours, &place));
    }
    for runtime in containers::RUNTIMES {
        told(runtime, containers::run(runtime, ours, &place));
    }
    told("snap-seccomp", snap::run(ours, &place));
    told("the Rust bindings' tests", bindings::rust(ours, &place));
    told("the Go bindings' tests", bindings::go(ours, &place));
    if failed.is_empty() { Ok(()) } else { Err(format!("programs that failed: {}", failed.join(", "))) }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The file of a program on the search path.
fn installed(name: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).output();
    found.is_ok_and(|f| f.status.success())
}
