//! Stacks of filters as a service manager loads them, a filter a setting and architecture, and the one
//! filter they are merged into.

use super::measure::Mean;
use super::mix::{Event, Mix};
use crate::files::{self, Result};
use callgate::emit::{Options, Profile};
use callgate::{Action, Arch, Filter, Program};
use callgate_formats::{Format, read};
use std::path::Path;

/// A stack, oldest filter first, and what it is merged into.
pub(super) struct Stack {
    pub(super) name: String,
    pub(super) filters: Vec<Program>,
    pub(super) merged: Program,
    events: Vec<Event>,
}

/// What a stack executes and what its merger does, over the calls that the kernel's cache cannot answer.
pub(super) struct Counts {
    /// Instructions of all filters, and of the merged one.
    pub(super) len: (usize, usize),
    /// Instructions executed a call by all filters together.
    pub(super) stack: f64,
    /// By the filter that executes most for the calls it is not in the cache for.
    pub(super) largest: f64,
    /// By the merged filter.
    pub(super) merged: f64,
}

impl Counts {
    /// What the merged filter executes, as a part of its largest member.
    pub(super) fn share(&self) -> f64 {
        self.merged / self.largest
    }
}

/// The stacks of the units in `bench/stacks`.
pub(super) fn shipped() -> Result<Vec<Stack>> {
    files::list("bench/stacks", "service")?.iter().map(|path| unit(path)).collect()
}

fn unit(path: &Path) -> Result<Stack> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let text = files::read(path)?;
    let options = callgate_formats::Options::new(Arch::X86_64);
    let import = read(&text, Format::Systemd, &options).map_err(|e| format!("{}: {e}", path.display()))?;
    let fail = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let mut all: Option<Filter> = None;
    let mut filters = Vec::new();
    for named in &import.policies {
        // One filter an architecture, each of which lets the others pass.
        for &arch in &named.policy.arches {
            let mut one = named.policy.clone();
            one.arches = vec![arch];
            one.rules.retain(|rule| rule.arches.is_empty() || rule.arches.contains(&arch));
            let program = one.compile().map_err(|e| fail(&e))?;
            let filter = program.lift().map_err(|e| fail(&e))?;
            all = Some(match all {
                None => filter,
                Some(all) => all.stack(&filter).map_err(|e| fail(&e))?,
            });
            filters.push(program);
        }
    }
    let all = all.ok_or_else(|| fail(&"no filter"))?;
    if all != import.filter().map_err(|e| fail(&e))? {
        return Err(fail(&"the filters of each architecture are not the filter of all"));
    }
    let policy = all.render().map_err(|e| fail(&e))?.policy;
    // Proved where it is made: the program of the stack's function is that function.
    let options = Options { profile: Profile::shipped(), ..Options::default() };
    let merged = all.emit_with(&options).map_err(|e| fail(&e))?;
    Ok(Stack { name, filters, merged, events: Mix::shipped().events(&policy) })
}

impl Stack {
    /// Counts, after asking each call of both.
    pub(super) fn counts(&self) -> Result<Counts> {
        let (mut stack, mut merged) = (Mean::default(), Mean::default());
        let mut each: Vec<Mean> = self.filters.iter().map(|_| Mean::default()).collect();
        for event in &self.events {
            let run = self.merged.run(&event.data);
            let ran: Vec<_> = self.filters.iter().map(|f| f.run(&event.data)).collect();
            let strictest = ran.iter().map(|r| Action::from_ret(r.ret)).min_by_key(|a| a.precedence());
            if strictest.map(|a| a.precedence()) != Some(Action::from_ret(run.ret).precedence()) {
                return Err(format!("{}: the merged filter answers {:?} otherwise", self.name, event.data));
            }
            if self.merged.always_allows(event.data.arch, event.data.nr) {
                continue;
            }
            merged.add(run.steps, event.weight);
            stack.add(ran.iter().map(|r| r.steps).sum(), event.weight);
            for ((filter, ran), mean) in self.filters.iter().zip(&ran).zip(&mut each) {
                if !filter.always_allows(event.data.arch, event.data.nr) {
                    mean.add(ran.steps, event.weight);
                }
            }
        }
        Ok(Counts {
            len: (self.filters.iter().map(Program::len).sum(), self.merged.len()),
            stack: stack.value().unwrap_or_default(),
            largest: each.iter().filter_map(Mean::value).fold(0.0, f64::max),
            merged: merged.value().unwrap_or_default(),
        })
    }
}
