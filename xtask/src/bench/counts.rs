//! `bench/counts.txt`: what the compiler makes of the policies that ship, in numbers that do not depend on
//! the machine.

use super::measure::{Counts, counts};
use super::stack;
use super::subject::shipped;
use crate::files::{self, Result};
use callgate::emit::Target;
use std::fmt::Write as _;

const FILE: &str = "bench/counts.txt";

const HEADER: &str = "\
# Programs for the policies in bench/policies, by `cargo xtask bench --counts`; the same on every machine.
# target    what the program is compiled for (`--target`)
# len       instructions
# mean      instructions executed a call, over the policy's mix of calls (bench/mixes)
# uncached  the same over the calls that Linux 5.11 and later cannot answer from its cache
# worst     the most any call executes
# cached    numbers in the cache, of those allowed whatever their arguments
# load      microseconds that seccomp(2) takes, by the model 17.3 + 0.237 len + 0.0023 emulated instructions
";

const STACKS: &str = "
# Stacks of filters as systemd loads them for the units in bench/stacks, and what they are merged into.
# len       instructions of all filters, and of the merged one
# stack     instructions executed by all filters for a call that the cache cannot answer
# largest   the same by the filter that executes most
# merged    the same by the merged one
stack          filters   len -> len      stack  largest  merged
";

/// Writes the file.
pub(super) fn write() -> Result<()> {
    let text = text()?;
    print!("{text}");
    files::write(FILE, &text)
}

/// Compares the file with what the compiler does now.
pub(super) fn check() -> Result<()> {
    let (old, new) = (files::read(FILE)?, text()?);
    if old == new {
        return Ok(());
    }
    let mut message = format!("{FILE} is not what the compiler does now:\n");
    for line in old.lines().filter(|l| !new.lines().any(|n| n == *l)) {
        let _ = writeln!(message, "  - {line}");
    }
    for line in new.lines().filter(|l| !old.lines().any(|o| o == *l)) {
        let _ = writeln!(message, "  + {line}");
    }
    message.push_str("if that is meant, `cargo xtask bench --counts` writes it anew");
    Err(message)
}

fn text() -> Result<String> {
    let mut out = format!("{HEADER}{}\n", heading("policy", "target"));
    for subject in shipped()? {
        for (name, target) in [("bitmap", Target::Bitmap), ("raw", Target::Raw)] {
            let program = subject.program(target)?;
            let counts = counts(&program, &subject.filter, &subject.policy, &subject.events);
            if counts.cached != counts.allowed {
                return Err(format!(
                    "{}: of {} numbers that are always allowed, the kernel's cache holds only {}",
                    subject.name, counts.allowed, counts.cached
                ));
            }
            let _ = writeln!(out, "{}", row(&subject.name, name, &counts));
        }
    }
    out.push_str(STACKS);
    for stack in stack::shipped()? {
        let counts = stack.counts()?;
        let _ = writeln!(
            out,
            "{:<14} {:>7} {:>5} -> {:<5} {:>7.2} {:>8.2} {:>7.2}",
            stack.name,
            stack.filters.len(),
            counts.len.0,
            counts.len.1,
            counts.stack,
            counts.largest,
            counts.merged
        );
    }
    Ok(out)
}

/// The titles of the columns.
pub(super) fn heading(first: &str, second: &str) -> String {
    format!(
        "{first:<14} {second:<12} {:>5} {:>7} {:>8} {:>5} {:>9} {:>7}",
        "len", "mean", "uncached", "worst", "cached", "load"
    )
}

/// One line of a table.
pub(super) fn row(first: &str, second: &str, counts: &Counts) -> String {
    let uncached = counts.uncached.map_or("-".to_string(), |mean| format!("{mean:.2}"));
    let cached = format!("{}/{}", counts.cached, counts.allowed);
    format!(
        "{first:<14} {second:<12} {:>5} {:>7.2} {uncached:>8} {:>5} {cached:>9} {:>7.1}",
        counts.len,
        counts.mean,
        counts.worst,
        counts.load()
    )
}
