//! `cargo xtask crosscheck`: `data/` against sources that others made.
//!
//! Every disagreement must have its explanation in `data/disagreements.txt`, and every explanation a
//! disagreement.

mod claims;
mod constant;
mod crates;
mod errno;
mod explain;
mod expression;
mod headers;
mod libseccomp;

use crate::codegen::calls::Calls;
use crate::files::Result;
use claims::{Claims, Disagreement};

/// The least number of different sources that must be there for the check to mean anything.
const ENOUGH: usize = 3;

/// Compares, prints every disagreement with its explanation, and fails on an unexplained one.
pub(crate) fn run() -> Result<()> {
    let calls = Calls::read()?;
    let mut claims = crates::read()?;
    claims.extend(headers::read(&calls)?);
    claims.extend(libseccomp::read(&calls)?);

    let mut found: Vec<Disagreement> = Vec::new();
    for source in claims::SOURCES {
        let of_source: Vec<&Claims> = claims.iter().filter(|c| c.source == *source).collect();
        let numbers: usize = of_source.iter().map(|c| c.numbers.len()).sum();
        if of_source.is_empty() {
            println!("{source}: not installed, skipped");
            continue;
        }
        let before = found.len();
        for claims in &of_source {
            found.extend(claims.compare(&calls)?);
        }
        println!(
            "{source}: {} architectures, {numbers} numbers, {} disagreements",
            of_source.len(),
            found.len() - before
        );
    }
    found.extend(errno::compare()?);
    found.extend(constant::compare()?);
    let present: Vec<&str> =
        claims::SOURCES.iter().copied().filter(|s| claims.iter().any(|c| c.source == *s)).collect();
    if present.len() < ENOUGH {
        return Err(format!(
            "only {} sources are here, {ENOUGH} are needed; see docs/new-kernel.md",
            present.len()
        ));
    }
    explain::judge(&found, &present)
}
