//! `cargo xtask ci`: everything that must hold before a change lands.

use crate::files::Result;
use std::process::Command;
use std::time::Instant;

const STEPS: &[(&str, &[&str])] = &[
    ("formatting", &["fmt", "--all", "--check"]),
    ("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    ("generated files", &["xtask", "codegen", "--check"]),
    ("completions", &["xtask", "completions", "--check"]),
    ("tests", &["test", "--workspace"]),
    ("the compiler's counts", &["xtask", "bench", "--check"]),
    ("what the counts must reach", &["xtask", "bench", "--goals"]),
    ("programs against libseccomp's", &["xtask", "conform", "--count", "300"]),
    ("libseccomp's own tests", SUITE),
    ("libseccomp's own tests under valgrind", VALGRIND),
    ("libseccomp's own tests on this kernel", LIVE),
    ("tables against other people's", &["xtask", "crosscheck"]),
    ("what is published", &["package", "--workspace", "--no-verify", "--allow-dirty", "--quiet"]),
    ("the book", &["xtask", "book"]),
];

const SUITE: &[&str] = &[
    "xtask",
    "conform",
    "--suite",
    "--optional",
    "--kinds",
    "basic,sim,python",
    "--hostile",
    "--sequences",
    "2000",
];

const VALGRIND: &[&str] = &[
    "xtask",
    "conform",
    "--suite",
    "--optional",
    "--kinds",
    "bpf-valgrind",
    "--batches",
    "01-sim-allow,16-sim-arch_basic,43-sim-a2_order",
    "--stock",
    "newest",
];

const LIVE: &[&str] =
    &["xtask", "conform", "--suite", "--optional", "--kinds", "live,python-live", "--stock", "newest"];

/// Runs every step; stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    for (name, args) in STEPS {
        println!("== {name}: cargo {}", args.join(" "));
        let start = Instant::now();
        let status = Command::new("cargo")
            .args(*args)
            // The same generated cases every time: others are for runs by hand, where somebody looks.
            .env("PROPTEST_RNG_SEED", "1")
            .status()
            .map_err(|e| format!("cargo could not be started: {e}"))?;
        if !status.success() {
            return Err(format!("{name}: failed"));
        }
        println!("== {name}: {} s", start.elapsed().as_secs());
    }
    Ok(())
}
