//! What the programs of both libraries execute for the filters of the suite's own tests.

use super::build::Suite;
use super::{Library, must};
use crate::executed::{Outcome, compare};
use crate::files::{Result, write};
use callgate::{Arch, Program};
use std::path::{Path, PathBuf};
use std::process::Command;

const TREE: &str = include_str!("tree.c");

/// What `CTL_OPTIMIZE` is, and the share of classes for which ours may execute more. Their tree asks for some
/// arguments in another order than a diagram can. Their linear code of many calls has a shorter way to the few that
/// it asks for first, and a way many times longer to all others.
const LEVELS: [(u32, f64); 2] = [(1, 0.001), (2, 0.0001)];

/// Compares every filter a test program exports, with each `CTL_OPTIMIZE`; an error if ours executes more for
/// other than a few classes of calls.
pub(super) fn run(place: &Path, suites: [&Suite; 2], libraries: [&Library; 2]) -> Result<()> {
    let (source, shim) = (place.join("tree.c"), place.join("tree.so"));
    write(&source, TREE)?;
    must(Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(&source).arg("-ldl"))?;
    let mut missed = Vec::new();
    for (level, share) in LEVELS {
        let (mut all, mut tests, mut more) = (Outcome::default(), 0, Vec::new());
        for test in tests_of(suites[0])? {
            let exported = |i: usize| export(suites[i], libraries[i], &test, (level == 2).then_some(&*shim));
            // Some tests export nothing, with either library.
            let (Some(theirs), Some(ours)) = (exported(0), exported(1)) else { continue };
            let Some((theirs, ours)) = programs(&theirs, &ours) else { continue };
            let outcome = compare(&ours, &theirs, &arches(&theirs));
            if outcome.more + outcome.unfinished > 0 {
                more.push(format!(
                    "{test}: {} of {} classes, {:x?}",
                    outcome.more, outcome.classes, outcome.worst
                ));
            }
            tests += 1;
            all.add(outcome);
        }
        let mean = |sum: u64| sum as f64 / all.classes.max(1) as f64;
        println!(
            "executed: CTL_OPTIMIZE {level}, {tests} filters of the tests, {} classes of calls; instructions a call \
             {:.2}, with {} {:.2}",
            all.classes,
            mean(all.ours),
            libraries[0].name,
            mean(all.theirs)
        );
        println!("ours executes more for {} of the classes, at most {:x?}", all.more, all.worst);
        more.iter().for_each(|line| println!("  {line}"));
        if tests == 0 || all.unfinished > 0 || all.more as f64 > all.classes as f64 * share {
            missed.push(format!("CTL_OPTIMIZE {level}: more than {share} of all classes"));
        }
    }
    if missed.is_empty() { Ok(()) } else { Err(missed.join(", ")) }
}

/// The test programs, by name.
fn tests_of(suite: &Suite) -> Result<Vec<String>> {
    let folder = &suite.tests;
    let files = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let stem = |path: PathBuf| {
        let name = path.file_stem()?.to_str()?.to_string();
        (path.extension()?.to_str()? == "tests" && folder.join(&name).exists()).then_some(name)
    };
    let mut names: Vec<String> = files.filter_map(|f| stem(f.ok()?.path())).collect();
    names.sort();
    Ok(names)
}

fn export(suite: &Suite, library: &Library, test: &str, shim: Option<&Path>) -> Option<Vec<u8>> {
    let program = suite.tests.join(test);
    let mut command = Command::new("timeout");
    command.arg("20").arg(program).arg("-b").current_dir(&suite.tests);
    command.env("LD_LIBRARY_PATH", &library.folder);
    if let Some(shim) = shim {
        command.env("LD_PRELOAD", shim);
    }
    must(&mut command).ok().filter(|bytes| !bytes.is_empty())
}

/// The two programs in the byte order they are for: the one in which both are programs.
fn programs(theirs: &[u8], ours: &[u8]) -> Option<(Program, Program)> {
    [Arch::X86_64, Arch::S390x].iter().find_map(|arch| {
        let read = |bytes| Program::from_bytes(bytes, arch.endian()).ok();
        Some((read(theirs)?, read(ours)?))
    })
}

/// The architectures a program asks for.
fn arches(program: &Program) -> Vec<Arch> {
    let constants: Vec<u32> = program.insns().iter().map(|i| i.k).collect();
    Arch::ALL.iter().copied().filter(|a| constants.contains(&a.token())).collect()
}
