//! What was decided about a call.

use super::Caller;
use crate::decode::{self, Decoded};
use callgate::notify::Call;
use callgate::{Errno, Origin};
use std::fmt;

/// A call and its answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The calling thread, and its name where it could be read.
    pub tid: u32,
    /// The name of its program.
    pub comm: String,
    /// The call in words, with what its pointers pointed to a moment before the decision: for the reader only, the
    /// decision was made with a copy of its own.
    pub call: Decoded,
    /// The line that decided; `None` if none did.
    pub line: Option<Origin>,
    /// Whether a `log` line asks for it to be told.
    pub logged: bool,
    /// Whether a person was asked.
    pub asked: bool,
    /// What was decided.
    pub decision: Decision,
}

/// What became of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It failed by a line, by a person's word, or because no line answers it.
    Denied(Errno),
    /// A line answers it, and the work failed.
    Failed(Errno),
    /// It returned this without having been executed.
    Returned(i64),
    /// The supervisor opened this file for it.
    Opened(String),
    /// The supervisor connected or bound its socket, in these words.
    Done(String),
    /// The kernel executed it, unchecked.
    Continued,
    /// Its caller was gone before the answer.
    Gone,
}

impl Event {
    pub(super) fn of(call: &Call<'_>) -> Event {
        let comm = std::fs::read_to_string(format!("/proc/{}/comm", call.tid()));
        Event {
            tid: call.tid(),
            comm: comm.map(|c| c.trim_end().to_owned()).unwrap_or_default(),
            call: decode::call(call.data(), &Caller(call)),
            line: None,
            logged: false,
            asked: false,
            decision: Decision::Gone,
        }
    }
}

impl Decision {
    /// Whether the call was refused, or could not be done.
    pub fn is_denial(&self) -> bool {
        matches!(self, Decision::Denied(_) | Decision::Failed(_))
    }

    /// One word, for machines.
    pub fn word(&self) -> &'static str {
        match self {
            Decision::Denied(_) => "denied",
            Decision::Failed(_) => "failed",
            Decision::Returned(_) => "returned",
            Decision::Opened(_) => "opened",
            Decision::Done(_) => "done",
            Decision::Continued => "continued-unchecked",
            Decision::Gone => "gone",
        }
    }
}

fn name(errno: Errno) -> String {
    errno.name().map_or_else(|| errno.0.to_string(), str::to_owned)
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decision::Denied(errno) => write!(f, "errno({})", name(*errno)),
            Decision::Failed(errno) => write!(f, "tried, errno({})", name(*errno)),
            Decision::Returned(value) => write!(f, "{value}, made up"),
            Decision::Opened(path) => write!(f, "opened {path} read-only"),
            Decision::Done(what) => f.write_str(what),
            Decision::Continued => f.write_str("continued unchecked"),
            Decision::Gone => f.write_str("no answer: the caller is gone"),
        }
    }
}
