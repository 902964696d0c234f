//! The policy's files, and what they say.

use crate::Error;
use callgate::diagnostic::Severity;
use callgate::syntax::{Expect, action_text, parse};
use callgate::{Filter, Policy};
use std::path::{Path, PathBuf};

/// A policy that has been read.
pub(crate) struct Read {
    pub(crate) policy: Policy,
    pub(crate) expects: Vec<Expect>,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) warnings: Vec<String>,
}

/// Reads the policy and what it includes.
pub(crate) fn read(path: &Path) -> Result<Read, Error> {
    let text = text(path)?;
    let mut files = vec![path.to_owned()];
    let mut beside = |wanted: &str, from: &str| {
        let file = Path::new(from).parent().unwrap_or(Path::new("")).join(wanted);
        let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        files.push(file.clone());
        Ok((file.display().to_string(), text))
    };
    let parsed = parse(&path.display().to_string(), &text, &mut beside);
    let said = |severity: Severity| {
        parsed.diagnostics.iter().filter(move |d| d.severity == severity).map(|d| match &d.help {
            Some(help) => format!("{d} ({help})"),
            None => d.to_string(),
        })
    };
    let errors: Vec<String> = said(Severity::Error).collect();
    let warnings = said(Severity::Warning).collect();
    match parsed.policy {
        Some(policy) if errors.is_empty() => Ok(Read { policy, expects: parsed.expects, files, warnings }),
        _ => Err(Error::Wrong(errors.join("\n"))),
    }
}

/// The text of a file.
pub(crate) fn text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|e| Error::File(path.to_owned(), e.to_string()))
}

/// Whether the filter does what the `expect` lines say.
pub(crate) fn expected(expects: &[Expect], filter: &Filter) -> Result<(), Error> {
    let wrong: Vec<String> = expects
        .iter()
        .filter_map(|expect| {
            let (action, _) = expect.contradiction(filter)?;
            let [wanted, got] = [expect.action, action].map(action_text);
            let arch = expect.arch.name();
            Some(format!("{}: {} on {arch}: expected {wanted}, got {got}", expect.origin, expect.text))
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(Error::Wrong(wrong.join("\n"))) }
}
