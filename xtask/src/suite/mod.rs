//! `cargo xtask conform --suite`: libseccomp's own tests on this project's library, and on the stock one beside it.
//!
//! The tests are downloaded when they are wanted, built against the header of each library and linked
//! dynamically, and run with one library after the other. That the stock library passes
//! shows that the harness is right.

mod build;
mod executed;
mod hostile;
mod programs;
mod regression;
mod sequences;
mod sim;
mod source;

use crate::files::Result;
use build::{Source, Suite};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const USAGE: &str = "\
usage: cargo xtask conform --suite [--source DIR] [--kinds KIND,...] [--batches NAME,...]
           [--stock VERSION] [--sequences N [--seed S]] [--show I] [--executed] [--hostile] [--programs] [--optional]
       `cargo xtask suite` is the same

  --source DIR     an unpacked libseccomp source tree; downloaded otherwise
  --kinds KIND,... basic, sim, bpf-sim, bpf-sim-fuzz, bpf-valgrind, live, python,
                   python-live; without it basic, sim and live. sim is bpf-sim with the checks made here: the same cases in seconds
  --batches NAME,... of kinds that the suite's own script runs, only these of its files
  --stock VERSION  of the stock libraries, built from the source tree and as packaged, only this one, or only the
                   `newest`; otherwise the tests are run with each, and sequences with the newest
  --optional       without the source package say so, and count as passed: nothing was run
  --executed       also what both libraries' programs execute for the tests' filters: ours never more
  --hostile        also calls that no well-behaved program makes, each group in a child, with both libraries
  --sequences N    also N generated sequences of API calls on both libraries
  --show I         only: sequence I of seed S with what both libraries return
  --programs       only: real programs of this machine with this project's library in the stock one's place
";

/// What the tests are run on.
pub(crate) struct Library {
    /// How the table calls it.
    pub(crate) name: String,
    /// Of libseccomp's own libraries the version.
    pub(crate) version: String,
    /// The folder its `libseccomp.so.2` lies in.
    pub(crate) folder: PathBuf,
    /// The folder its `seccomp.h` lies in.
    pub(crate) header: PathBuf,
}

/// How a kind of tests went.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) errors: usize,
    pub(crate) skipped: usize,
}

/// Waits until no other run uses the folder: they would build over what this one is running.
fn alone(place: &Path) -> Result<std::fs::File> {
    folder(place)?;
    let path = place.join("lock");
    let lock = std::fs::File::create(&path).and_then(|file| file.lock().map(|()| file));
    lock.map_err(|e| format!("{}: {e}", path.display()))
}

/// Runs what the arguments ask for.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    let asked = Asked::parse(args)?;
    let place = crate::files::root().join("target/suite");
    let alone = alone(&place)?;
    let ours = build::ours(&place)?;
    if asked.programs {
        return programs::run(&ours, &place);
    }
    let source = match &asked.source {
        Some(folder) => Source { folder: folder.clone(), is_ours: false },
        None => match source::fetch(&place) {
            Err(reason) if asked.optional => {
                println!("skipped, nothing was run: {reason}");
                return Ok(());
            }
            fetched => Source { folder: fetched?, is_ours: true },
        },
    };
    let mut stock = vec![build::stock(&place, &source)?];
    match source::packaged(&place) {
        // The same version built here and packaged need not both be run.
        Ok(packaged) if packaged.version == stock[0].version => {}
        // What is tested there need not be in it yet.
        Ok(packaged) if is_newer(&stock[0].version, &packaged.version) => {
            eprintln!("the tests are newer than the packaged library, {}: it is not run", packaged.version);
        }
        Ok(packaged) => stock.push(packaged),
        Err(reason) => eprintln!("no packaged library to compare with: {reason}"),
    }
    if asked.stock.as_deref() == Some("newest") {
        stock.drain(..stock.len() - 1);
    } else if let Some(version) = &asked.stock {
        stock.retain(|library| library.version == *version);
    }
    let newest = stock.last().ok_or("no stock library of the version that --stock asks for")?.name.clone();
    let libraries: Vec<Library> = stock.into_iter().chain([ours]).collect();
    let ours = libraries.last().ok_or("no library")?;
    let newest = libraries.iter().find(|l| l.name == newest).ok_or("no library")?;
    if let Some(index) = asked.show {
        return sequences::show(&place, [newest, ours], index, asked.seed);
    }
    let suites: Vec<Suite> =
        libraries.iter().map(|library| build::suite(&place, &source, library)).collect::<Result<_>>()?;
    println!("suite of libseccomp {}", suites[0].version);
    println!(
        "{:<16} {:<10} {:>7} {:>7} {:>7} {:>7}",
        "kind", "library", "passed", "failed", "errors", "skipped"
    );
    let mut wrong = Vec::new();
    for kind in &asked.kinds {
        let mut run = None;
        let python = kind.starts_with("python");
        for (suite, library) in suites.iter().zip(&libraries) {
            if python && !build::python(suite, &source, library)? {
                println!("{kind:<16} {:<10} not run: no Cython, or no Python to build with", library.name);
                continue;
            }
            let tally = match kind.as_str() {
                "sim" => sim::run(suite, library)?,
                kind => regression::run(suite, library, kind, &asked.batches)?,
            };
            let Tally { passed, failed, errors, skipped } = tally;
            println!("{kind:<16} {:<10} {passed:>7} {failed:>7} {errors:>7} {skipped:>7}", library.name);
            let cases = passed + failed + errors;
            if failed + errors > 0 || passed == 0 || run.replace(cases).is_some_and(|other| other != cases) {
                wrong.push(format!("{kind} on {}", library.name));
            }
        }
    }
    if asked.executed {
        for (suite, library) in suites.iter().zip(&libraries).take(libraries.len() - 1) {
            executed::run(&place, [suite, &suites[libraries.len() - 1]], [library, ours])?;
        }
    }
    if asked.hostile {
        hostile::run(&place, [newest, ours])?;
    }
    if asked.sequences > 0 {
        // Nothing more is built, and many sequences take long.
        drop(alone);
        sequences::run(&place, [newest, ours], asked.sequences, asked.seed)?;
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("not everything passed: {}", wrong.join(", "))) }
}

/// Whether sources of one version are newer than another version; those between releases say 0.0.0.
fn is_newer(sources: &str, than: &str) -> bool {
    let numbers =
        |version: &str| version.split('.').map(|n| n.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>();
    let sources = numbers(sources);
    sources.iter().all(|n| *n == 0) || sources > numbers(than)
}

struct Asked {
    source: Option<PathBuf>,
    kinds: Vec<String>,
    sequences: u64,
    seed: u64,
    show: Option<u64>,
    stock: Option<String>,
    programs: bool,
    batches: Vec<String>,
    optional: bool,
    executed: bool,
    hostile: bool,
}

impl Asked {
    fn parse(args: &[&str]) -> Result<Asked> {
        let default = ["basic", "sim", "live"];
        let mut asked = Asked {
            source: None,
            kinds: default.map(String::from).to_vec(),
            sequences: 0,
            seed: 1,
            show: None,
            stock: None,
            programs: false,
            batches: Vec::new(),
            optional: false,
            executed: false,
            hostile: false,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().copied().ok_or(format!("{arg} wants a value\n{USAGE}"));
            match *arg {
                "--source" => asked.source = Some(PathBuf::from(value()?)),
                "--kinds" => asked.kinds = list(value()?),
                "--batches" => asked.batches = list(value()?),
                "--executed" => asked.executed = true,
                "--hostile" => asked.hostile = true,
                "--optional" => asked.optional = true,
                "--sequences" => asked.sequences = number(value()?)?,
                "--seed" => asked.seed = number(value()?)?,
                "--stock" => asked.stock = Some(value()?.to_string()),
                "--show" => asked.show = Some(number(value()?)?),
                "--programs" => asked.programs = true,
                other => return Err(format!("unknown argument {other}\n{USAGE}")),
            }
        }
        const KINDS: [&str; 8] =
            ["basic", "sim", "bpf-sim", "bpf-sim-fuzz", "bpf-valgrind", "live", "python", "python-live"];
        match asked.kinds.iter().find(|k| !KINDS.contains(&k.as_str())) {
            Some(kind) => Err(format!("unknown kind of tests {kind}\n{USAGE}")),
            None => Ok(asked),
        }
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').filter(|k| !k.is_empty()).map(String::from).collect()
}

fn number(text: &str) -> Result<u64> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

/// Runs a command to its end; its output is shown only if it fails.
pub(crate) fn must(command: &mut Command) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("{name}: {e}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let tail: String =
        String::from_utf8_lossy(&output.stderr).lines().rev().take(12).collect::<Vec<_>>().join("\n  ");
    Err(format!("{name}: {}\n  {tail}", output.status))
}

/// Makes a folder and those above it.
pub(crate) fn folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// Copies a file, unless it is there: another run may be reading it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(from).map_err(|e| format!("{}: {e}", from.display()))?;
    if std::fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    std::fs::copy(from, to).map_err(|e| format!("{}: {e}", from.display())).map(drop)
}
