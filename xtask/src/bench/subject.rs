//! The policies that ship for measuring.

use super::mix::{Event, Mix};
use crate::files::{self, Result};
use callgate::abi::Endian;
use callgate::diagnostic::Severity;
use callgate::emit::{Options, Profile, Target};
use callgate::syntax::parse;
use callgate::{Filter, Policy, Program};
use std::path::Path;

/// A policy with the calls that are made under it.
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) policy: Policy,
    pub(super) filter: Filter,
    pub(super) events: Vec<Event>,
    pub(super) profile: Profile,
}

impl Subject {
    /// A policy measured with this mix, and compiled for it.
    pub(super) fn new(name: String, policy: Policy, mix: &Mix) -> Result<Subject> {
        let filter = policy.lower().map_err(|e| format!("{name}: {e}"))?;
        let events = mix.events(&policy);
        Ok(Subject { events, profile: mix.profile()?, name, policy, filter })
    }

    /// Compiles for one target.
    pub(super) fn program(&self, target: Target) -> Result<Program> {
        let endian = self.policy.arches.first().map_or(Endian::Little, |arch| arch.endian());
        let options = Options { endian, target, profile: &self.profile, ..Options::default() };
        self.filter.emit_with(&options).map_err(|e| format!("{}: {e}", self.name))
    }
}

/// The names of the policies in `bench/policies`.
pub(super) fn names() -> Result<Vec<String>> {
    let stem = |path: &std::path::PathBuf| Some(path.file_stem()?.to_str()?.to_string());
    Ok(files::list("bench/policies", "cg")?.iter().filter_map(stem).collect())
}

/// The text of a policy, and the policy; what it includes lies beside it.
pub(super) fn read(name: &str) -> Result<Policy> {
    let path = format!("bench/policies/{name}.cg");
    let text = files::read(&path)?;
    let mut beside = |wanted: &str, _: &str| {
        let path = format!("bench/policies/{wanted}");
        files::read(&path).map(|text| (path, text))
    };
    let parsed = parse(&path, &text, &mut beside);
    if let Some(error) = parsed.diagnostics.iter().find(|d| d.severity == Severity::Error) {
        return Err(error.to_string());
    }
    parsed.policy.ok_or_else(|| format!("{path}: no policy"))
}

/// Every policy that ships, by name.
pub(super) fn shipped() -> Result<Vec<Subject>> {
    let subject = |name: String| {
        // What is asked of a policy for three ABIs is what is asked of the one for x86_64.
        let of = name.strip_suffix("-3").unwrap_or(&name);
        let own = [&name, of].map(|name| format!("bench/mixes/{name}.txt"));
        let mix = match own.iter().find(|path| files::root().join(Path::new(path)).exists()) {
            Some(path) => Mix::read(path)?,
            None => Mix::shipped(),
        };
        let policy = read(&name)?;
        Subject::new(name, policy, &mix)
    };
    names()?.into_iter().map(subject).collect()
}
