//! How long compiling takes, side by side: every policy by every compiler in turn, round after round, the
//! shortest time of each.

use super::others::Others;
use super::profile;
use super::rules;
use super::sheet::{Limit, Sheet};
use super::subject::{self, Subject};
use crate::files::Result;
use crate::libseccomp::{Library, Optimize, Spec, USUAL};
use callgate::syntax::parse;
use std::hint::black_box;
use std::time::Instant;

/// Rounds; of every compiler the shorter of so many builds counts in each, which follow each other.
const ROUNDS: u32 = 60;
const BUILDS: u32 = 2;
/// A library that takes this long is asked in few rounds only.
const SLOW: u64 = 5_000_000;
const FEW_ROUNDS: u32 = 10;
/// Rounds of the compilers in processes of their own; the slowest of them end after one.
const OTHERS: u32 = 5;

/// Compiling a policy, the proof included, must take no more than this part of what libseccomp takes for its tree.
const PARTS: [(&str, f64); 2] = [("container", 1.0 / 10.0), ("container-3", 1.0 / 40.0)];
/// Compiling the policy of 350 calls for three ABIs must take no more nanoseconds than this.
const LIMIT: (&str, f64) = ("many-3", 5e6);

/// Prints the table.
pub(super) fn print() -> Result<()> {
    if cfg!(debug_assertions) {
        return Err(
            "times of a debug build mean nothing: run it with `cargo run --release -p xtask -- bench`".into(),
        );
    }
    let mut library = Library::open(USUAL)?;
    match &library {
        Some(library) => println!(
            "libseccomp {}, seccompiler 0.5; microseconds, the shortest of {ROUNDS} rounds",
            library.version
        ),
        None => println!(
            "libseccomp is not installed; seccompiler 0.5; microseconds, the shortest of {ROUNDS} rounds"
        ),
    }
    println!(
        "{:<14} {:>8} {:>8} {:>8} {:>8} {:>11} {:>11} {:>11} {:>8}",
        "policy",
        "parse",
        "compile",
        "lowering",
        "proof",
        "libseccomp1",
        "libseccomp2",
        "seccompiler",
        "ratio"
    );
    let mut rows = Vec::new();
    for subject in subject::shipped()? {
        rows.push(Row::new(subject, library.as_mut())?);
    }
    for round in 0..ROUNDS {
        for row in &mut rows {
            row.round(round, library.as_mut())?;
        }
    }
    for row in &rows {
        row.print();
    }
    others(&rows)?;
    let profile = profile::print()?;
    println!();
    let mut sheet = Sheet::default();
    for row in &rows {
        let theirs = [row.linear, row.tree].into_iter().flatten().min();
        if let Some((ours, theirs)) = row.compile.zip(theirs) {
            let part = ours as f64 / theirs as f64;
            sheet.line(
                &row.subject.name,
                "compiled and proved, of libseccomp's faster",
                part,
                Limit::Most(1.0),
            );
        } else {
            println!("{:<7} {:<12} libseccomp has no words for it", "-", row.subject.name);
        }
    }
    let row = |name: &str| rows.iter().find(|row| row.subject.name == name);
    for (name, part) in PARTS {
        match row(name).and_then(Row::part) {
            Some(took) => {
                sheet.line(name, "compiled and proved, of libseccomp's tree", took, Limit::Most(part));
            }
            None => println!("{name}: not compared with libseccomp"),
        }
    }
    let took =
        row(LIMIT.0).and_then(|row| row.compile).ok_or_else(|| format!("there is no policy {}", LIMIT.0))?;
    let milliseconds = |ns: f64| ns / 1e6;
    let limit = Limit::Most(milliseconds(LIMIT.1));
    sheet.line(LIMIT.0, "compiled and proved, milliseconds", milliseconds(took as f64), limit);
    if let Some(took) = profile {
        let limit = Limit::Most(milliseconds(profile::LIMIT));
        sheet.line("a profile", "from its text to the proof, milliseconds", milliseconds(took), limit);
    }
    sheet.end()
}

/// Prints what compilers take that run in processes of their own, if they are built.
fn others(rows: &[Row]) -> Result<()> {
    let mut others = Others::built()?;
    if others.about.is_empty() {
        println!("\nno other compiler is built here (`cargo xtask bench --rivals` does that)");
        return Ok(());
    }
    println!("\n{}; microseconds, the shortest of {OTHERS} rounds", others.about.join(", "));
    println!("{:<14} {:<14} {:>11} {:>11}", "policy", "compiler", "theirs", "callgate");
    for row in rows {
        for made in others.programs(&row.subject, OTHERS)? {
            println!(
                "{:<14} {:<14} {:>11} {:>11}",
                row.subject.name,
                made.compiler,
                shown(Some(made.nanoseconds)),
                shown(row.compile)
            );
        }
    }
    Ok(())
}

fn shown(ns: Option<u64>) -> String {
    ns.map_or("-".to_string(), |ns| format!("{:.1}", ns as f64 / 1000.0))
}

struct Row {
    subject: Subject,
    text: String,
    /// What libseccomp is told.
    spec: Option<Spec>,
    parse: Option<u64>,
    compile: Option<u64>,
    /// What of compiling is lowering, and what reading the program back.
    lower: Option<u64>,
    lift: Option<u64>,
    linear: Option<u64>,
    tree: Option<u64>,
    seccompiler: Option<u64>,
}

impl Row {
    fn new(subject: Subject, library: Option<&mut Library>) -> Result<Row> {
        // One text, without a second file.
        let text = subject.policy.to_string();
        let spec = match library {
            Some(library) => rules::known(&subject.policy, library)?,
            None => None,
        };
        let none = None;
        let (parse, compile, lower, lift, linear) = (none, none, none, none, none);
        Ok(Row { subject, text, spec, parse, compile, lower, lift, linear, tree: none, seccompiler: none })
    }

    fn round(&mut self, round: u32, library: Option<&mut Library>) -> Result<()> {
        let policy = &self.subject.policy;
        shorter(
            &mut self.parse,
            time(|| {
                let parsed =
                    parse(&self.subject.name, &self.text, &mut |_: &str, _: &str| Err(String::new()));
                parsed.policy.map(|_| ()).ok_or_else(|| format!("{}: does not parse back", self.subject.name))
            })?,
        );
        shorter(
            &mut self.compile,
            time(|| policy.compile().map(|program| drop(black_box(program))).map_err(|e| e.to_string()))?,
        );
        shorter(
            &mut self.lower,
            time(|| policy.lower().map(|f| drop(black_box(f))).map_err(|e| e.to_string()))?,
        );
        let program = policy.compile().map_err(|e| e.to_string())?;
        shorter(
            &mut self.lift,
            time(|| program.lift().map(|f| drop(black_box(f))).map_err(|e| e.to_string()))?,
        );
        if let (Some(library), Some(spec)) = (library, &self.spec) {
            for (optimize, best) in [(Optimize::Linear, &mut self.linear), (Optimize::Tree, &mut self.tree)] {
                if round >= FEW_ROUNDS && best.is_none_or(|ns| ns > SLOW) {
                    continue;
                }
                match library.time(spec, optimize, BUILDS)? {
                    Ok(took) => shorter(best, took),
                    Err(why) if round == 0 => eprintln!("{}: libseccomp: {why:?}", self.subject.name),
                    Err(_) => {}
                }
            }
        }
        if let Some(filter) = rules::seccompiler(policy) {
            shorter(
                &mut self.seccompiler,
                time(|| {
                    let program: seccompiler::BpfProgram =
                        filter.clone().try_into().map_err(|e| format!("seccompiler: {e}"))?;
                    drop(black_box(program));
                    Ok(())
                })?,
            );
        }
        Ok(())
    }

    /// What compiling takes, of what libseccomp takes for its tree.
    fn part(&self) -> Option<f64> {
        Some(self.compile? as f64 / self.tree? as f64)
    }

    fn print(&self) {
        let ratio = self.part().map_or("-".to_string(), |part| format!("1/{:.1}", 1.0 / part));
        println!(
            "{:<14} {:>8} {:>8} {:>8} {:>8} {:>11} {:>11} {:>11} {:>8}",
            self.subject.name,
            shown(self.parse),
            shown(self.compile),
            shown(self.lower),
            shown(self.lift),
            shown(self.linear),
            shown(self.tree),
            shown(self.seccompiler),
            ratio
        );
    }
}

fn shorter(best: &mut Option<u64>, took: u64) {
    *best = Some(best.map_or(took, |best| best.min(took)));
}

fn time(mut run: impl FnMut() -> Result<()>) -> Result<u64> {
    let mut best = u64::MAX;
    for _ in 0..BUILDS {
        let start = Instant::now();
        run()?;
        best = best.min(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    Ok(best)
}
