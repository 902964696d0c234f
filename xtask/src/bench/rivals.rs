//! The policies that ship, by every compiler at hand: counts side by side, and a chart of the ratios.

use super::chart::{Bars, chart};
use super::counts::{heading, row};
use super::measure::{Counts, counts};
use super::rules::{COMPILERS, programs};
use super::subject::shipped;
use crate::files::{self, Result};
use crate::libseccomp::{Library, USUAL};

const CHART: &str = "bench/rivals.svg";
const COLUMNS: [&str; 3] = ["executed a call", "length", "time to load, by the model"];

/// Prints the table, and writes the chart if every compiler is there.
pub(super) fn print() -> Result<()> {
    let mut library = Library::open(USUAL)?;
    if let Some(library) = &library {
        println!("libseccomp {}, seccompiler 0.5", library.version);
    }
    println!("{}", heading("policy", "compiler"));
    let mut rows: Vec<(String, Vec<Bars>)> = Vec::new();
    for subject in shipped()? {
        let mut all: Vec<(&str, Counts)> = Vec::new();
        for (compiler, program) in COMPILERS.iter().zip(programs(&subject, library.as_mut())?) {
            let Some(program) = program else { continue };
            let counts = counts(&program, &subject.filter, &subject.policy, &subject.events);
            println!("{}", row(&subject.name, compiler, &counts));
            all.push((compiler, counts));
        }
        if let Some(((_, ours), others)) = all.split_first().filter(|(_, others)| !others.is_empty()) {
            let bars = others.iter().map(|(compiler, theirs)| bars(compiler, ours, theirs)).collect();
            rows.push((subject.name, bars));
        }
    }
    let Some(library) = library else {
        println!("without libseccomp, {CHART} stays as it is");
        return Ok(());
    };
    let title = "How many times what callgate’s programs cost, others’ do";
    let note = format!(
        "callgate = 1, at the green lines; logarithmic. libseccomp {} as it is by default (1) and with its binary \
         tree (2), seccompiler 0.5",
        library.version
    );
    files::write(CHART, &chart(title, &note, &COLUMNS, &rows))?;
    println!("{CHART} is written");
    Ok(())
}

/// What another compiler's program costs, by ours.
fn bars(compiler: &str, ours: &Counts, theirs: &Counts) -> Bars {
    let executed = theirs.uncached.zip(ours.uncached).map(|(theirs, ours)| theirs / ours);
    let length = theirs.len as f64 / ours.len as f64;
    Bars {
        compiler: compiler.to_string(),
        ratios: vec![executed, Some(length), Some(theirs.load() / ours.load())],
    }
}
