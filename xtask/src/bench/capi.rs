//! The C interface beside the stock library: building the container profile through it, and what the programs
//! of both execute.
//!
//! Each library is opened by a process of its own; every one builds every profile in each round, and the
//! shortest time of all rounds counts.

use super::engines;
use super::rules;
use super::sheet::{Limit, Sheet};
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

/// The container profile for some architectures.
struct Profile {
    name: &'static str,
    arches: &'static [Arch],
    /// What share of the stock library's time building it may take.
    share: f64,
    /// The engines' file, as it is installed; else this project's wording of it.
    json: bool,
}

const THREE: &[Arch] = &[Arch::X86_64, Arch::X86, Arch::X32];

const PROFILES: [Profile; 4] = [
    Profile { name: "x86_64", arches: &[Arch::X86_64], share: 1.0 / 5.0, json: false },
    Profile { name: "three ABIs", arches: THREE, share: 1.0 / 20.0, json: false },
    Profile { name: "JSON, x86_64", arches: &[Arch::X86_64], share: 1.0 / 5.0, json: true },
    Profile { name: "JSON, three", arches: THREE, share: 1.0 / 20.0, json: true },
];

/// Prints the goals with what is reached; an error if one is missed.
pub(super) fn print() -> Result<()> {
    let path = files::root().join(OURS);
    if !path.exists() {
        return Err(format!("{OURS} is not there: `cargo build --release -p callgate-capi` makes it"));
    }
    let mut ours =
        Library::open(&path.display().to_string())?.ok_or("this project's library cannot be opened")?;
    let mut stock = Vec::new();
    for path in [vec![USUAL.to_string()], built()].concat() {
        stock.extend(Library::open(&path)?);
    }
    if stock.is_empty() {
        return Err("no stock library to measure against".into());
    }
    let mut sheet = Sheet::default();
    println!(
        "from seccomp_init to the exported program, CTL_OPTIMIZE 2, the shortest of {} times",
        ROUNDS * BUILDS
    );
    for profile in PROFILES {
        times(&profile, &mut ours, &mut stock, &mut sheet)?;
    }
    println!("\nwhat the programs execute, every call with every class of its arguments");
    for profile in PROFILES {
        executed(&profile, &mut ours, &mut stock, &mut sheet)?;
    }
    sheet.end()
}

fn times(profile: &Profile, ours: &mut Library, stock: &mut [Library], sheet: &mut Sheet) -> Result<()> {
    let mut specs = Vec::new();
    for library in &mut *stock {
        let Some(spec) = profile.spec(library)? else {
            println!("        {:<12} skipped: no profile of container engines is installed", profile.name);
            return Ok(());
        };
        specs.push(spec);
    }
    let mut best = vec![[u64::MAX; 2]; stock.len()];
    for _ in 0..ROUNDS {
        for ((library, spec), best) in stock.iter_mut().zip(&specs).zip(&mut best) {
            best[0] = best[0].min(time(library, spec)?);
            best[1] = best[1].min(time(ours, spec)?);
        }
    }
    for ((library, spec), [theirs, ours]) in stock.iter().zip(&specs).zip(best) {
        let us = |ns: u64| ns as f64 / 1000.0;
        let what = format!(
            "{} rules, {:.0} of {:.0} us by {}",
            spec.rules.len(),
            us(ours),
            us(theirs),
            library.version
        );
        sheet.line(profile.name, &what, ours as f64 / theirs as f64, Limit::Most(profile.share));
    }
    Ok(())
}

fn time(library: &mut Library, spec: &Spec) -> Result<u64> {
    let took = library.time(spec, Optimize::Tree, BUILDS)?;
    took.map_err(|why| format!("libseccomp {}: {why:?}", library.version))
}

/// The stock libraries that the suite has built from their sources, and those packaged.
fn built() -> Vec<String> {
    let folders = std::fs::read_dir(files::root().join(BUILT)).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = folders
        .filter(|f| ["stock-", "packaged-"].iter().any(|of| f.file_name().to_string_lossy().starts_with(of)))
        .map(|f| f.path().join("libseccomp.so.2"))
        .filter(|p| p.exists())
        .collect();
    paths.sort();
    paths.iter().map(|p| p.display().to_string()).collect()
}

impl Profile {
    fn spec(&self, library: &mut Library) -> Result<Option<Spec>> {
        if self.json {
            engines::read(self.arches, library)
        } else {
            container(self.arches, library).map(Some)
        }
    }
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
fn executed(profile: &Profile, ours: &mut Library, stock: &mut [Library], sheet: &mut Sheet) -> Result<()> {
    for library in stock {
        let Some(spec) = profile.spec(library)? else { return Ok(()) };
        let own = program(ours, &spec, Optimize::Tree)?;
        for optimize in [Optimize::Linear, Optimize::Tree] {
            let theirs = program(library, &spec, optimize)?;
            let outcome = compare(&own, &theirs, profile.arches);
            let mean = |sum: u64| sum as f64 / outcome.classes as f64;
            println!(
                "        {:<12} {:<50} {:>8.2} for {:.2}",
                profile.name,
                format!("{}, CTL_OPTIMIZE {}, a call", library.version, optimize as u32),
                mean(outcome.ours),
                mean(outcome.theirs)
            );
            if outcome.unfinished > 0 {
                return Err("calls have too many classes of arguments".into());
            }
            let what = format!("of {} classes of calls, ours executes more", outcome.classes);
            // Their linear code has a shorter way to the few calls that it asks for first, and a way many times longer
            // to all others.
            let most = if optimize == Optimize::Linear { outcome.classes as f64 / 100.0 } else { 0.0 };
            sheet.line(profile.name, &what, outcome.more as f64, Limit::Most(most));
        }
    }
    Ok(())
}

fn program(library: &mut Library, spec: &Spec, optimize: Optimize) -> Result<Program> {
    let bytes = library.build(spec, optimize)?;
    let bytes = bytes.map_err(|why| format!("libseccomp {}: {why:?}", library.version))?;
    Program::from_bytes(&bytes, Endian::Little).map_err(|e| format!("libseccomp {}: {e}", library.version))
}
