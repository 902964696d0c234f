//! What this kernel lets this process do, found out by doing it.
//!
//! Versions are never compared: kernels are patched, configured and fenced in by containers. Each question
//! is tried in a child of its own that is thrown away. Killing actions leave records in the audit log.

mod actions;
mod around;
mod facts;
mod loading;
mod notify;
mod tracing;
mod trial;

use std::fmt;

pub use facts::Fact;

use crate::error::Error;
use crate::process::{self, Mode};
use crate::spawn::forward::Signals;
use trial::Trial;

/// Everything [`probe`] found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// What is so, without being good or bad.
    pub facts: Vec<Fact>,
    /// What was tried.
    pub features: Vec<Feature>,
}

impl Report {
    /// The feature of this name.
    pub fn feature(&self, name: &str) -> Option<&Feature> {
        self.features.iter().find(|f| f.name == name)
    }

    /// The value of the fact of this name.
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.iter().find(|f| f.name == name).map(|f| f.value.as_str())
    }
}

/// Something the kernel may or may not do for this process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Feature {
    /// Its name, `group.thing`; stable.
    pub name: &'static str,
    /// What came of trying it.
    pub state: State,
    /// The Linux release that first had it.
    pub since: &'static str,
    /// What one wants it for.
    pub needed_for: &'static str,
}

/// What came of trying.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// It works; the text says more, where there is more to say.
    Works(String),
    /// The kernel does not have it.
    Missing(String),
    /// The kernel may have it, but not for this process: privileges, an outer filter, a security module.
    Denied(String),
}

impl State {
    /// Whether it works.
    pub fn works(&self) -> bool {
        matches!(self, State::Works(_))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, text) = match self {
            State::Works(text) => ("works", text),
            State::Missing(text) => ("missing", text),
            State::Denied(text) => ("denied", text),
        };
        if text.is_empty() { f.write_str(word) } else { write!(f, "{word}: {text}") }
    }
}

/// Try everything.
///
/// # Errors
///
/// When no child can be started at all.
pub fn probe() -> Result<Report, Error> {
    // Children must leave a status even if this process ignores them.
    let signals = Signals::hold_back(false)?;
    signals.forked(false);
    let mut features = Vec::new();
    loading::probe(&mut features)?;
    actions::probe(&mut features)?;
    notify::probe(&mut features)?;
    tracing::probe(&mut features)?;
    around::probe(&mut features)?;
    Ok(Report { facts: facts::facts(), features })
}

/// Whether this process can trace a child. Where an outer filter may have something against it, perhaps the end of
/// whoever tries, that is tried in a child.
pub fn can_trace() -> bool {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    if process::task(own).is_ok_and(|task| task.mode == Mode::Disabled) {
        // Nothing happens to who tries, who is told then.
        return true;
    }
    let Ok(signals) = Signals::hold_back(false) else { return false };
    signals.forked(false);
    tracing::child().is_ok_and(|trial| matches!(trial, Trial::Ok(_)))
}

/// The feature `name`, judged by a trial that ought to have answered.
fn feature(name: &'static str, since: &'static str, needed_for: &'static str, trial: Trial) -> Feature {
    Feature { name, state: judge(trial), since, needed_for }
}

fn judge(trial: Trial) -> State {
    match trial {
        Trial::Ok(_) => State::Works(String::new()),
        Trial::Failed(e) => match e.errno() {
            Some(libc::EPERM | libc::EACCES | libc::EBUSY | libc::EMFILE | libc::ENFILE | libc::ENOMEM) => {
                State::Denied(e.to_string())
            }
            _ => State::Missing(e.to_string()),
        },
        Trial::Killed(signal) => {
            State::Denied(format!("killed by signal {signal}, probably by an outer filter"))
        }
        Trial::TimedOut => State::Missing("no answer".to_string()),
    }
}
