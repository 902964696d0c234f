//! Policies: in callgate's own language, and in others'.

use super::Kind;
use super::foreign::Foreign;
use super::reading::Reading;
use super::source::{loader, names_in, read_beside};
use crate::failure::Failure;
use crate::say::Say;
use callgate::{Arch, Policy, syntax};
use callgate_formats::{Format, Loss, Options};
use std::path::Path;
use std::sync::Arc;

pub(super) fn own(
    name: &str,
    text: &str,
    reading: &Reading,
    pick: Option<&str>,
    say: &Say,
) -> Result<Kind, Failure> {
    if let Some(pick) = pick {
        return Err(Failure::input(format!(
            "{name}#{pick}: a policy in callgate's language has no parts: leave `#{pick}` out"
        )));
    }
    let mut loader = loader;
    let mut parsed = syntax::parse(name, text, &mut loader);
    for diagnostic in &parsed.diagnostics {
        say.diagnostic(diagnostic);
    }
    let Some(mut policy) = parsed.policy.take() else {
        let errors = parsed.diagnostics.iter().filter(|d| d.is_error()).count();
        return Err(Failure::input(format!("{name}: {errors} error{}", if errors == 1 { "" } else { "s" })));
    };
    if !reading.arches.arch.is_empty() {
        retarget(name, &mut policy, &reading.arches.arch)?;
    }
    Ok(Kind::Own(Box::new(parsed), Box::new(policy)))
}

/// Limits a policy to the architectures asked for. One the policy does not list is an error: its rules
/// were not written for it.
fn retarget(name: &str, policy: &mut Policy, arches: &[Arch]) -> Result<(), Failure> {
    if let Some(missing) = arches.iter().find(|a| !policy.arches.contains(a)) {
        let listed: Vec<_> = policy.arches.iter().map(|a| a.name()).collect();
        return Err(Failure::input(format!(
            "{name}: the policy is not for {}; its `arch` line lists {}: add it there",
            missing.name(),
            listed.join(", ")
        )));
    }
    policy.arches.retain(|a| arches.contains(a));
    Ok(())
}

pub(super) fn foreign(
    name: &str,
    text: &str,
    format: Format,
    reading: &Reading,
    pick: Option<Arc<str>>,
    say: &Say,
) -> Result<Kind, Failure> {
    let mut options = Options { file: Some(name.into()), pick, ..Options::default() };
    if let Some(&host) = reading.arches.arch.first() {
        options.host = host;
        options.arches = Some(reading.arches.arch.clone());
    }
    options.caps = reading.caps.clone();
    options.kernel = reading.kernel;
    options.runtime = reading.as_runtime;
    options.ignore_unknown = reading.ignore_unknown;
    options.open = Some(Arc::new(|path: &Path| {
        String::from_utf8(read_beside(path)?).map_err(|_| std::io::Error::other("not text"))
    }));
    options.list = Some(Arc::new(names_in));
    options.bases = reading.base.iter().map(|name| name.as_str().into()).collect();
    if let Some(runtime) = reading.as_runtime.filter(|r| !r.reads(format)) {
        let (runtime, format) = (runtime.name(), format.name());
        say.line(&format!("callgate: {name}: --as-runtime {runtime} says nothing about {format} files"));
    }
    let import = Foreign::read(text, format, options)
        .map_err(|e| Failure { no_filter: e.no_filter, ..Failure::input(e) })?;
    for other in &import.beside {
        say.line(&format!("callgate: {name}: read together with {other}"));
    }
    for loss in &import.losses {
        let file = loss.file.clone().or_else(|| Some(name.into()));
        say.line(&format!("callgate: {}", Loss { file, ..loss.clone() }));
    }
    for note in import.notes.iter().filter(|_| reading.verbose) {
        let at = note.place.to_string();
        let between = if note.place.line != 0 { ":" } else { ": " };
        let at = if at.is_empty() { at } else { format!("{between}{at}") };
        say.line(&format!("callgate: {name}{at}: note: {}", note.what));
    }
    if import.policies.len() > 1 && !import.stack && !reading.every {
        let names: Vec<_> = import.policies.iter().filter_map(|p| p.name.as_deref()).collect();
        return Err(Failure::input(format!(
            "{name}: holds several policies; pick one with {name}#NAME: {}",
            names.join(", ")
        )));
    }
    Ok(Kind::Foreign(Box::new(import)))
}
