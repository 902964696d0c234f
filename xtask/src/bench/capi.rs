//! The C interface beside the stock library: building the container profile through it, and what the programs
//! of both execute.
//!
//! Each library is opened by a process of its own; every one builds every profile in each round, and the
//! shortest time of all rounds counts.

use super::rules;
use super::subject;
use crate::executed::compare;
use crate::files::{self, Result};
use crate::libseccomp::{Library, Optimize, Spec, USUAL};
use callgate::abi::Endian;
use callgate::{Arch, Call, Policy, Program};
use std::path::PathBuf;

/// Rounds of [`BUILDS`] builds each.
const ROUNDS: u32 = 20;
const BUILDS: u32 = 3;

/// This project's library, of a release build.
const OURS: &str = "target/release/libseccomp.so";

/// A newer stock library than the installed one, where the suite has built it.
const BUILT: &str = "target/suite/lib";

/// The profiles, and what part of the stock library's time building one may take.
const PROFILES: [(&str, &[Arch], f64); 2] =
    [("x86_64", &[Arch::X86_64], 5.0), ("x86_64, x86, x32", &[Arch::X86_64, Arch::X86, Arch::X32], 20.0)];

/// Prints the table; an error if a goal is missed.
pub(super) fn print() -> Result<()> {
    let path = files::root().join(OURS);
    if !path.exists() {
        return Err(format!("{OURS} is not there: `cargo build --release -p callgate-capi` makes it"));
    }
    let mut ours = open(&path.display().to_string())?.ok_or("this project's library cannot be opened")?;
    let mut stock = Vec::new();
    for path in [vec![USUAL.to_string()], built()].concat() {
        stock.extend(open(&path)?);
    }
    if stock.is_empty() {
        return Err("no stock library to measure against".into());
    }
    println!(
        "microseconds from seccomp_init to the exported program, CTL_OPTIMIZE 2, the shortest of {}",
        ROUNDS * BUILDS
    );
    println!(
        "{:<18} {:>6} {:<8} {:>10} {:>10} {:>8} {:>8}",
        "profile", "rules", "stock", "theirs", "ours", "ratio", "goal"
    );
    let mut missed = 0;
    for (name, arches, goal) in PROFILES {
        let mut specs = Vec::new();
        for library in &mut stock {
            specs.push(container(arches, library)?);
        }
        let mut best = vec![[u64::MAX; 2]; stock.len()];
        for _ in 0..ROUNDS {
            for ((library, spec), best) in stock.iter_mut().zip(&specs).zip(&mut best) {
                best[0] = best[0].min(time(library, spec)?);
                best[1] = best[1].min(time(&mut ours, spec)?);
            }
        }
        for ((library, spec), [theirs, ours]) in stock.iter().zip(&specs).zip(best) {
            let ratio = theirs as f64 / ours as f64;
            let reached = ratio >= goal;
            missed += usize::from(!reached);
            println!(
                "{name:<18} {:>6} {:<8} {:>10.1} {:>10.1} {:>8} {:>8} {}",
                spec.rules.len(),
                library.version,
                theirs as f64 / 1000.0,
                ours as f64 / 1000.0,
                format!("1/{ratio:.1}"),
                format!("1/{goal:.0}"),
                if reached { "ok" } else { "MISSED" }
            );
        }
    }
    missed += executed(&mut ours, &mut stock)?;
    if missed == 0 { Ok(()) } else { Err(format!("{missed} goals are missed")) }
}

fn open(path: &str) -> Result<Option<Library>> {
    Library::open(path)
}

fn time(library: &mut Library, spec: &Spec) -> Result<u64> {
    let took = library.time(spec, Optimize::Tree, BUILDS)?;
    took.map_err(|why| format!("libseccomp {}: {why:?}", library.version))
}

/// The stock libraries that the suite has built from their sources.
fn built() -> Vec<String> {
    let folders = std::fs::read_dir(files::root().join(BUILT)).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = folders
        .filter(|f| f.file_name().to_string_lossy().starts_with("stock-"))
        .map(|f| f.path().join("libseccomp.so.2"))
        .filter(|p| p.exists())
        .collect();
    paths.sort();
    paths.iter().map(|p| p.display().to_string()).collect()
}

/// The container profile as a container runtime hands it over: every rule for every architecture, by name.
fn container(arches: &[Arch], library: &mut Library) -> Result<Spec> {
    let mut policy: Policy = subject::read("container-3")?;
    policy.arches = arches.to_vec();
    policy.rules.iter_mut().for_each(|rule| rule.arches.clear());
    let names = policy.rules.iter().flat_map(|r| &r.calls).all(|c| matches!(c, Call::Named(_)));
    let spec = rules::known(&policy, library)?.filter(|_| names);
    spec.ok_or_else(|| "the container profile has no words in this interface".into())
}

/// Holds what our programs execute against theirs, call by call.
fn executed(ours: &mut Library, stock: &mut [Library]) -> Result<usize> {
    println!();
    println!(
        "{:<18} {:<8} {:>8} {:>9} {:>9} {:>9} {:>6}",
        "executed", "stock", "optimize", "classes", "theirs", "ours", "more"
    );
    let mut missed = 0;
    for (name, arches, _) in PROFILES {
        for library in &mut *stock {
            let spec = container(arches, library)?;
            let own = program(ours, &spec, Optimize::Tree)?;
            for optimize in [Optimize::Linear, Optimize::Tree] {
                let theirs = program(library, &spec, optimize)?;
                let outcome = compare(&own, &theirs, arches);
                let mean = |sum: u64| sum as f64 / outcome.classes as f64;
                let reached = outcome.more + outcome.unfinished == 0;
                // Their linear code is shorter for the few calls it asks first, and many times longer for all others.
                missed += usize::from(!reached && optimize == Optimize::Tree);
                println!(
                    "{name:<18} {:<8} {:>8} {:>9} {:>9.2} {:>9.2} {:>6} {}",
                    library.version,
                    optimize as u32,
                    outcome.classes,
                    mean(outcome.theirs),
                    mean(outcome.ours),
                    outcome.more,
                    match optimize {
                        Optimize::Linear => String::new(),
                        Optimize::Tree if reached => "ok".into(),
                        Optimize::Tree => format!("MISSED {:x?}", outcome.worst),
                    }
                );
            }
        }
    }
    Ok(missed)
}

fn program(library: &mut Library, spec: &Spec, optimize: Optimize) -> Result<Program> {
    let bytes = library.build(spec, optimize)?;
    let bytes = bytes.map_err(|why| format!("libseccomp {}: {why:?}", library.version))?;
    Program::from_bytes(&bytes, Endian::Little).map_err(|e| format!("libseccomp {}: {e}", library.version))
}
