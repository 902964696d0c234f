//! What the compiler must reach, in counts that are the same on every machine.

use super::corpus::{flattened, folder, program, sorted, stem, text};
use super::judge;
use super::measure::{Counts, counts};
use super::mix::{Event, Mix};
use super::subject::{Subject, shipped};
use crate::files::Result;
use callgate::emit::Target;
use std::path::Path;

/// Prints every goal with what is reached, and fails if one is missed.
pub(super) fn print() -> Result<()> {
    let mut sheet = Sheet { missed: 0 };
    for subject in shipped()? {
        let counts = measure(&subject, Target::Bitmap)?;
        sheet.line(&subject.name, "share of permissions in the cache", share(&counts), Limit::Least(1.0));
        match subject.name.as_str() {
            "container" => sheet.line("container", "instructions", counts.len as f64, Limit::Most(95.0)),
            "container-3" => sheet.line("container-3", "instructions", counts.len as f64, Limit::Most(300.0)),
            _ => {}
        }
    }
    match folder() {
        Some(folder) => corpus(&folder.join("performance"), &mut sheet)?,
        None => {
            println!("no corpus of other people's programs here (CALLGATE_CORPUS): the rest is not checked")
        }
    }
    match sheet.missed {
        0 => Ok(()),
        missed => Err(format!("{missed} goals are missed")),
    }
}

enum Limit {
    Most(f64),
    Least(f64),
}

struct Sheet {
    missed: usize,
}

impl Sheet {
    fn line(&mut self, policy: &str, what: &str, figure: f64, limit: Limit) {
        let (reached, sign, limit) = match limit {
            Limit::Most(limit) => (figure <= limit + 1e-9, "<=", limit),
            Limit::Least(limit) => (figure >= limit - 1e-9, ">=", limit),
        };
        self.missed += usize::from(!reached);
        let verdict = if reached { "ok" } else { "MISSED" };
        println!("{verdict:<7} {policy:<12} {what:<46} {figure:>8.3} {sign} {limit:.3}");
    }
}

fn measure(subject: &Subject, target: Target) -> Result<Counts> {
    Ok(counts(&subject.program(target)?, &subject.filter, &subject.policy, &subject.events))
}

fn share(counts: &Counts) -> f64 {
    if counts.allowed == 0 { 1.0 } else { counts.cached as f64 / counts.allowed as f64 }
}

fn corpus(folder: &Path, sheet: &mut Sheet) -> Result<()> {
    let mix = Mix::frequencies(&text(&folder.join("traced.frequency"))?);
    let (mut to_gvisor, mut to_bound) = (Vec::new(), Vec::new());
    for file in sorted(folder, "pol")? {
        let name = stem(&file);
        let policy = flattened(&text(&file)?).map_err(|e| format!("{}: {e}", file.display()))?;
        let subject = Subject::new(name.clone(), policy, &mix)?;
        let ours = measure(&subject, Target::Bitmap)?;
        sheet.line(&name, "share of permissions in the cache", share(&ours), Limit::Least(1.0));
        let raw = measure(&subject, Target::Raw)?.mean;
        let optimum = judge::optimum(&subject.filter, &subject.events)?;
        sheet.line(&name, "--target raw, executed, against the optimum", raw, Limit::Most(1.02 * optimum));
        let Some(executed) = ours.uncached else { continue };
        if name == "docker64" {
            sheet.line(&name, "instructions", ours.len as f64, Limit::Most(95.0));
            sheet.line(&name, "uncached, executed", executed, Limit::Most(9.6));
        }
        for rival in sorted(&folder.join("rivals"), "bpf")? {
            let stem = stem(&rival);
            let Some((_, tool)) = stem.split_once('.').filter(|(policy, _)| *policy == name) else {
                continue;
            };
            let theirs = counts(&program(&rival)?, &subject.filter, &subject.policy, &subject.events);
            let Some(theirs) = theirs.uncached else { continue };
            sheet.line(&name, &format!("uncached, executed, against {tool}"), executed, Limit::Most(theirs));
            if tool.starts_with("gvisor") && tool.contains("hot") {
                to_gvisor.push(executed / theirs);
            }
        }
        let plain = subject.program(Target::Bitmap)?;
        let uncached: Vec<&Event> =
            subject.events.iter().filter(|e| !plain.always_allows(e.data.arch, e.data.nr)).collect();
        to_bound.push(executed / judge::bound(&subject.filter, &uncached));
    }
    if !to_gvisor.is_empty() {
        sheet.line("all", "uncached, of gVisor's with a hot list", mean(&to_gvisor), Limit::Most(0.88));
    }
    if !to_bound.is_empty() {
        sheet.line("all", "uncached, of the lower bound", mean(&to_bound), Limit::Most(1.15));
    }
    Ok(())
}

/// The geometric mean.
fn mean(ratios: &[f64]) -> f64 {
    (ratios.iter().map(|r| r.ln()).sum::<f64>() / ratios.len() as f64).exp()
}
