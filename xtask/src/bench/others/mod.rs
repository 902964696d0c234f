//! Compilers that are no library of ours: fetched, built and run when the bench is asked for them. Each is driven by a
//! small program of this project's, in the compiler's own language, that answers a line for a line.

mod gvisor;
mod kafel;
mod minijail;
mod told;

use super::measure::counts;
use super::subject::Subject;
use crate::files::{self, Result};
use crate::helper::Helper;
use callgate::Program;
use callgate::abi::Endian;
use callgate::emit::Target;
use std::path::{Path, PathBuf};
use std::process::Command;
use told::Told;
pub(super) use told::difference;

/// A program by one of them.
pub(super) struct Made {
    pub(super) compiler: &'static str,
    pub(super) program: Program,
    /// Nanoseconds that compiling took, the shortest of the rounds.
    pub(super) nanoseconds: u64,
    /// `equal` to our filter, or what it was not told; a call that it answers otherwise than it was told.
    pub(super) meaning: String,
    /// The subject with what the compiler was told in the place of its policy.
    pub(super) told: Subject,
}

impl Made {
    /// Instructions that the program executes for a call the cache cannot answer, and that ours does for what the
    /// compiler was told: the same function, if it does that. `None` if the cache answers all.
    pub(super) fn uncached(&self) -> Result<Option<(f64, f64)>> {
        let Subject { policy, filter, events, .. } = &self.told;
        let of = |program: &Program| counts(program, filter, policy, events).uncached;
        Ok(of(&self.program).zip(of(&self.told.program(Target::Bitmap)?)))
    }
}

/// One of them, as its driver is asked.
struct Tool {
    driver: Driver,
    /// The names of its ways of compiling, and how each is asked for.
    ways: &'static [(&'static str, Ask)],
    helper: Helper,
}

/// What a driver is asked for a policy; an error says what it has no words for.
type Ask = fn(&Subject) -> Result<(Told, String)>;

/// How a driver is built and started.
struct Driver {
    name: &'static str,
    /// Fetches and builds into the folder, and says which version it is.
    build: fn(&Path) -> Result<String>,
    command: fn(&Path) -> Result<Command>,
}

const TOOLS: [(Driver, &[(&str, Ask)]); 3] =
    [(gvisor::DRIVER, &gvisor::WAYS), (minijail::DRIVER, &minijail::WAYS), (kafel::DRIVER, &kafel::WAYS)];

/// Those at hand.
pub(super) struct Others {
    tools: Vec<Tool>,
    /// A line about each.
    pub(super) about: Vec<String>,
}

impl Others {
    /// Fetches and builds what is not there yet. What cannot be had is left out, after saying why on standard error.
    pub(super) fn fetch() -> Result<Others> {
        Others::start(true)
    }

    /// Only what was built before.
    pub(super) fn built() -> Result<Others> {
        Others::start(false)
    }

    fn start(fetch: bool) -> Result<Others> {
        let mut others = Others { tools: Vec::new(), about: Vec::new() };
        for (driver, ways) in TOOLS {
            let place = files::root().join("target/rivals").join(driver.name);
            let version = match read_version(&place) {
                Some(version) => version,
                None if !fetch => continue,
                None => {
                    eprintln!("{} is fetched and built", driver.name);
                    match (driver.build)(&place).and_then(|version| written(&place, version)) {
                        Ok(version) => version,
                        Err(reason) => {
                            eprintln!("without {}: {reason}", driver.name);
                            continue;
                        }
                    }
                }
            };
            let helper = Helper::run(driver.name, &mut (driver.command)(&place)?)?;
            others.about.push(format!("{} {version}", driver.name));
            others.tools.push(Tool { driver, ways, helper });
        }
        Ok(others)
    }

    /// Whether all are there.
    pub(super) fn complete(&self) -> bool {
        self.tools.len() == TOOLS.len()
    }

    /// The policy by each way of each, compiled so many times; what one has no words for is left out, after saying so.
    pub(super) fn programs(&mut self, subject: &Subject, rounds: u32) -> Result<Vec<Made>> {
        let mut all = Vec::new();
        for tool in &mut self.tools {
            for (compiler, ask) in tool.ways {
                match made(tool.driver.name, &mut tool.helper, compiler, *ask, subject, rounds)? {
                    Ok(made) => all.push(made),
                    Err(reason) => eprintln!("{}: {compiler}: {reason}", subject.name),
                }
            }
        }
        Ok(all)
    }
}

/// Asks one; the inner error is the tool's own, or says what it has no words for.
fn made(
    name: &str,
    helper: &mut Helper,
    compiler: &'static str,
    ask: Ask,
    subject: &Subject,
    rounds: u32,
) -> Result<Result<Made>> {
    let (told, request) = match ask(subject) {
        Ok(asked) => asked,
        Err(reason) => return Ok(Err(reason)),
    };
    let answer = helper.ask(&format!("{rounds} {request}\n"))?;
    let mut words = answer.splitn(3, ' ');
    let (nanoseconds, bytes) = match (words.next(), words.next(), words.next()) {
        (Some("ok"), Some(nanoseconds), Some(bytes)) => (nanoseconds, bytes),
        (Some("no"), ..) => return Ok(Err(answer[2..].trim().to_string())),
        _ => return Err(format!("{name}: {}: not an answer: {answer}", subject.name)),
    };
    let odd = |e: &dyn std::fmt::Display| format!("{name}: {}: {e}", subject.name);
    let bytes = unhex(bytes).ok_or_else(|| odd(&"no hexadecimal program"))?;
    let program = Program::from_bytes(&bytes, Endian::Little).map_err(|e| odd(&e))?;
    let meaning = told.meaning(&program, subject)?;
    let (nanoseconds, told) = (nanoseconds.parse().map_err(|e| odd(&e))?, told.subject(subject)?);
    Ok(Ok(Made { compiler, program, nanoseconds, meaning, told }))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(pair).collect()
}

fn version_file(place: &Path) -> PathBuf {
    place.join("version")
}

/// The version, written last: what was built before is whole.
fn read_version(place: &Path) -> Option<String> {
    std::fs::read_to_string(version_file(place)).ok().map(|text| text.trim().to_string())
}

fn written(place: &Path, version: String) -> Result<String> {
    files::write(version_file(place), &format!("{version}\n"))?;
    Ok(version)
}

/// The numbers of the calls in the subject's mix that can decide it, the most frequent first.
fn hot(subject: &Subject) -> Vec<(u32, f64)> {
    let mut calls: Vec<(u32, f64)> = Vec::new();
    for event in &subject.events {
        match calls.iter_mut().find(|(nr, _)| *nr == event.data.nr) {
            Some((_, weight)) => *weight += event.weight,
            None => calls.push((event.data.nr, event.weight)),
        }
    }
    calls.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    calls
}
