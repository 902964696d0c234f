//! What the compiler must reach, in counts that are the same on every machine.

use super::corpus::{flattened, folder, program, sorted, stem, text};
use super::everywhere;
use super::judge;
use super::measure::{Counts, counts};
use super::mix::{Event, Mix};
use super::others::Others;
use super::reference::REFERENCES;
use super::rivals::{self, BEST};
use super::sheet::{Limit, Sheet};
use super::stack;
use super::subject::{Subject, shipped};
use crate::files::Result;
use crate::libseccomp::{Library, USUAL};
use callgate::Program;
use callgate::emit::Target;
use std::path::Path;

/// Prints every goal with what is reached, and fails if one is missed.
pub(super) fn print() -> Result<()> {
    let mut sheet = Sheet::default();
    for subject in shipped()? {
        let counts = measure(&subject, Target::Bitmap)?;
        sheet.line(&subject.name, "share of permissions in the cache", share(&counts), Limit::Least(1.0));
        match subject.name.as_str() {
            "container" => sheet.line("container", "instructions", counts.len as f64, Limit::Most(95.0)),
            "container-3" => sheet.line("container-3", "instructions", counts.len as f64, Limit::Most(300.0)),
            _ => {}
        }
    }
    for stack in stack::shipped()? {
        let counts = stack.counts()?;
        sheet.line(&stack.name, "merged, executed, of its largest filter", counts.share(), Limit::Most(1.1));
    }
    let mut others = Others::built()?;
    if others.about.is_empty() {
        println!("no other compiler is built here (`cargo xtask bench --rivals` does that): none is run");
    } else {
        println!("compiled here by {}", others.about.join(", "));
        rivals::hold(&mut others, &mut sheet)?;
    }
    match folder() {
        Some(folder) => corpus(&folder.join("performance"), &mut others, &mut sheet)?,
        None => {
            println!("no corpus of other people's programs here (CALLGATE_CORPUS): the rest is not checked")
        }
    }
    match Library::open(USUAL)? {
        Some(mut library) => libseccomp(&mut library, &mut sheet)?,
        None => println!("libseccomp is not installed: nothing is held against it"),
    }
    sheet.end()
}

fn measure(subject: &Subject, target: Target) -> Result<Counts> {
    Ok(counts(&subject.program(target)?, &subject.filter, &subject.policy, &subject.events))
}

fn share(counts: &Counts) -> f64 {
    if counts.allowed == 0 { 1.0 } else { counts.cached as f64 / counts.allowed as f64 }
}

/// Every policy at hand that libseccomp has words for.
fn libseccomp(library: &mut Library, sheet: &mut Sheet) -> Result<()> {
    let outcomes = everywhere::compare(folder().as_deref(), library)?;
    let worse: Vec<_> = outcomes.iter().filter(|o| o.ours > o.theirs + 1e-9).collect();
    for outcome in &worse {
        println!(
            "        {}: {:.2} executed, by libseccomp's {:.2}",
            outcome.policy, outcome.ours, outcome.theirs
        );
    }
    let ratios: Vec<f64> = outcomes.iter().map(|o| o.ours / o.theirs).collect();
    let what = format!("of {} policies, libseccomp's executes less", outcomes.len());
    sheet.line("all", &what, worse.len() as f64, Limit::Most(0.0));
    sheet.line("all", "uncached, of libseccomp's better program", mean(&ratios), Limit::Most(1.0));
    Ok(())
}

/// The policies that other compilers have compiled, too.
fn corpus(folder: &Path, others: &mut Others, sheet: &mut Sheet) -> Result<()> {
    let traced = Mix::frequencies(&text(&folder.join("traced.frequency"))?);
    let (mut to_gvisor, mut to_bound, mut to_built) = (Vec::new(), Vec::new(), Vec::new());
    for file in sorted(folder, "pol")? {
        let name = stem(&file);
        let policy = flattened(&text(&file)?).map_err(|e| format!("{}: {e}", file.display()))?;
        let subject = Subject::new(name.clone(), policy, &traced)?;
        let rivals = rivals(folder, &name)?;
        let ours = measure(&subject, Target::Bitmap)?;
        sheet.line(&name, "share of permissions in the cache", share(&ours), Limit::Least(1.0));
        if name == "docker64" {
            sheet.line(&name, "instructions", ours.len as f64, Limit::Most(95.0));
        }
        let raw = measure(&subject, Target::Raw)?.mean;
        let optimum = judge::optimum(&subject.filter, &subject.events)?;
        sheet.line(&name, "--target raw, executed, against the optimum", raw, Limit::Most(1.02 * optimum));
        against(&subject, &rivals, "refusals included", sheet)?;

        let Some(reference) = REFERENCES.iter().find(|r| r.policy == name) else { continue };
        let events = reference.events(&subject.policy);
        let subject = Subject { events, profile: reference.profile(), ..subject };
        for (tool, program) in &rivals {
            let theirs = counts(program, &subject.filter, &subject.policy, &subject.events).uncached;
            let printed = reference.figures.iter().find(|(of, _)| of == tool).map(|(_, printed)| *printed);
            if let (Some(theirs), Some(printed)) = (theirs, printed) {
                sheet.same(&name, &format!("{tool}, computed again"), theirs, printed);
            }
        }
        let Some((executed, hot)) = against(&subject, &rivals, "calls on record", sheet)? else { continue };
        if name == "docker64" {
            sheet.line(&name, "uncached, executed", executed, Limit::Most(9.6));
        }
        to_gvisor.extend(hot.map(|theirs| executed / theirs));
        for made in others.programs(&subject, 1)? {
            let Some((theirs, ours)) = made.uncached()? else { continue };
            let what = format!("uncached, calls on record, against {} here", made.compiler);
            sheet.line(&name, &what, ours, Limit::Most(theirs));
            if made.compiler == BEST.0 {
                to_built.push(ours / theirs);
            }
        }
        let uncached: Vec<&Event> = subject.events.iter().collect();
        let bound = judge::bound(&subject.filter, &uncached);
        println!("        {name:<12} {:<50} {bound:>8.3}", "the lower bound");
        to_bound.push(executed / bound);
    }
    sheet.line("all", "uncached, of gVisor's with a hot list", mean(&to_gvisor), Limit::Most(BEST.1));
    if !to_built.is_empty() {
        sheet.line("all", "the same, of that compiled here", mean(&to_built), Limit::Most(BEST.1));
    }
    sheet.line("all", "uncached, of the lower bound", mean(&to_bound), Limit::Most(1.15));
    Ok(())
}

/// What other compilers made of one policy, by compiler.
fn rivals(folder: &Path, policy: &str) -> Result<Vec<(String, Program)>> {
    let mut found = Vec::new();
    for file in sorted(&folder.join("rivals"), "bpf")? {
        let stem = stem(&file);
        if let Some((_, tool)) = stem.split_once('.').filter(|(of, _)| *of == policy) {
            found.push((tool.to_string(), program(&file)?));
        }
    }
    Ok(found)
}

/// Holds our program against the best of the others; what ours executes, and gVisor's with a hot list.
fn against(
    subject: &Subject,
    rivals: &[(String, Program)],
    which: &str,
    sheet: &mut Sheet,
) -> Result<Option<(f64, Option<f64>)>> {
    let Some(executed) = measure(subject, Target::Bitmap)?.uncached else { return Ok(None) };
    let theirs = |program| counts(program, &subject.filter, &subject.policy, &subject.events).uncached;
    let all: Vec<(&str, f64)> =
        rivals.iter().filter_map(|(tool, program)| Some((tool.as_str(), theirs(program)?))).collect();
    if let Some((tool, best)) = all.iter().min_by(|a, b| a.1.total_cmp(&b.1)) {
        let what = format!("uncached, {which}, against {tool}");
        sheet.line(&subject.name, &what, executed, Limit::Most(*best));
    }
    Ok(Some((executed, all.iter().find(|(tool, _)| *tool == "gvisor_hot").map(|(_, theirs)| *theirs))))
}

/// The geometric mean.
pub(super) fn mean(ratios: &[f64]) -> f64 {
    (ratios.iter().map(|r| r.ln()).sum::<f64>() / ratios.len() as f64).exp()
}
