//! The policies that ship, by every compiler at hand: counts side by side, and a chart of them.

use super::chart::{Bar, chart};
use super::counts::{heading, row};
use super::measure::counts;
use super::rules::{COMPILERS, programs};
use super::subject::shipped;
use crate::files::{self, Result};
use crate::libseccomp::{Library, USUAL};

const CHART: &str = "bench/rivals.svg";

/// Prints the table, and writes the chart if every compiler is there.
pub(super) fn print() -> Result<()> {
    let mut library = Library::open(USUAL)?;
    if let Some(library) = &library {
        println!("libseccomp {}, seccompiler 0.5", library.version);
    }
    println!("{}", heading("policy", "compiler"));
    let mut bars: Vec<(String, Vec<Bar>)> = Vec::new();
    for subject in shipped()? {
        let mut group = Vec::new();
        for (compiler, program) in COMPILERS.iter().zip(programs(&subject, library.as_mut())?) {
            let Some(program) = program else { continue };
            let counts = counts(&program, &subject.filter, &subject.policy, &subject.events);
            println!("{}", row(&subject.name, compiler, &counts));
            let executed = counts.uncached.unwrap_or(0.0);
            group.push(Bar { compiler: (*compiler).to_string(), value: executed });
        }
        if group.len() > 1 {
            bars.push((subject.name, group));
        }
    }
    let Some(library) = library else {
        println!("without libseccomp, {CHART} stays as it is");
        return Ok(());
    };
    let title = "Instructions executed for a call that the kernel's cache cannot answer";
    let note = format!(
        "mean over the calls made under each policy; libseccomp {} linear and tree, seccompiler 0.5; logarithmic",
        library.version
    );
    files::write(CHART, &chart(title, &note, &bars))?;
    println!("{CHART} is written");
    Ok(())
}
