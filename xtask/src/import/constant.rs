//! `data/constants` from a kernel source tree.

mod evaluate;
mod gather;
mod target;
mod write;

use crate::codegen::constant_set::{self, Kind};
use crate::files::Result;
use gather::Gathered;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use target::TARGETS;

/// Evaluates every set of `data/constant-sets.txt` for every architecture. The work is done by this machine's
/// `gcc`, told to take itself for each architecture's compiler; nothing is linked or run.
pub(crate) fn import(tree: &Path, version: &str) -> Result<()> {
    let specs = constant_set::read()?;
    let made = std::env::temp_dir().join(format!("callgate-headers-{}", std::process::id()));
    target::make_headers(tree, &made)?;
    let gathered = gather_all(&specs, tree, &made);
    std::fs::remove_dir_all(&made).map_err(|e| format!("{}: {e}", made.display()))?;
    let gathered = gathered?;
    let failures = TARGETS.iter().zip(&gathered).flat_map(|(target, found)| {
        found.failures.iter().map(move |failure| format!("  {}: {failure}", target.arch))
    });
    let failures: Vec<String> = failures.collect();
    if !failures.is_empty() {
        return Err(format!("cannot read\n{}", failures.join("\n")));
    }
    let empty = |name: &str| gathered.iter().all(|g| g.set(name).is_none_or(|s| s.values.is_empty()));
    let evaluated = |kind| matches!(kind, Kind::Values | Kind::Flags);
    if let Some(spec) = specs.sets.iter().find(|s| evaluated(s.kind) && empty(&s.name)) {
        return Err(format!("{}: {} has no member on any architecture", constant_set::PATH, spec.name));
    }
    write::write(&gathered, version)
}

/// One result per target, in their order; as many at a time as there are processors.
fn gather_all(specs: &constant_set::Specs, tree: &Path, made: &Path) -> Result<Vec<Gathered>> {
    let cache = gather::Cache::default();
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Result<Gathered>>>> = Mutex::new(TARGETS.iter().map(|_| None).collect());
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(target) = TARGETS.get(index) else { return };
                    let result = gather::gather(target, specs, tree, made, &cache);
                    if let Ok(mut done) = done.lock() {
                        done[index] = Some(result);
                    }
                }
            });
        }
    });
    let done = done.into_inner().map_err(|_| "a worker died")?;
    done.into_iter().map(|result| result.unwrap_or(Err("a worker died".to_owned()))).collect()
}
