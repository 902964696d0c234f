//! What a supervisor answers: the `on` lines of a policy.
//!
//! A policy's rules hand calls over (`notify`); its `on` lines say what becomes of those. They are no part of
//! the [`Policy`]: the kernel knows nothing of them, and the compiled filter is the same without them.
//!
//! ```
//! use callgate::answer::{Answer, uncovered};
//! use callgate::syntax;
//!
//! let text = "default allow\nnotify openat, mkdirat\non openat open read-only below \"/srv\"\n";
//! let parsed = syntax::parse("web.cg", text, &mut |_: &str, _: &str| Err(String::new()));
//! assert!(matches!(&parsed.on_lines[0].answer, Answer::Open(places) if places[0].below));
//! // Nobody answers mkdirat: such calls fail.
//! let call = uncovered(&parsed.policy.unwrap(), &parsed.on_lines)?.unwrap();
//! assert_eq!(callgate::Syscall::from_number(callgate::Arch::NATIVE.unwrap(), call.nr).unwrap().name(), "mkdirat");
//! # Ok::<(), callgate::LowerError>(())
//! ```

mod coverage;
mod peer;

pub use coverage::{notified_by, uncovered};
pub use peer::{Peer, PeerError};

use crate::policy::{Call, Rule};
use crate::syntax::action_text;
use callgate_abi::{Action, Arch, Errno, SeccompData, Syscall};
use std::fmt;

/// One `on` line: calls, a condition on their registers, and the answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OnLine {
    /// The calls, with the condition and the place in the text. Its action is `notify`.
    pub rule: Rule,
    /// Whether a person is asked before anything is done.
    pub asks: bool,
    /// What is done.
    pub answer: Answer,
}

/// What becomes of a supervised command should its supervisor be gone: the `if-lost` line. Never anything looser: the
/// kernel lets no call through that a listener would have had to answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IfLost {
    /// `if-lost kill`: it is killed.
    #[default]
    Kill,
    /// `if-lost errno(ENOSYS)`: it goes on, and the kernel answers what is handed over with `ENOSYS`.
    Enosys,
}

impl IfLost {
    /// From the action that the line names, if it is one of the two.
    pub fn from_action(action: Action) -> Option<IfLost> {
        match action {
            Action::KILL_PROCESS => Some(IfLost::Kill),
            Action::Errno(Errno::ENOSYS) => Some(IfLost::Enosys),
            _ => None,
        }
    }

    /// The action that names it in a policy.
    pub fn action(self) -> Action {
        match self {
            IfLost::Kill => Action::KILL_PROCESS,
            IfLost::Enosys => Action::Errno(Errno::ENOSYS),
        }
    }
}

/// As the line names it.
impl fmt::Display for IfLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&action_text(self.action()))
    }
}

/// What a supervisor does with a call.
///
/// [`Answer::Open`], [`Answer::Connect`] and [`Answer::Bind`] carry the call out for the caller, with a copy of
/// its path or address. Where the copy is none of what they list, the next line is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// `errno(E)`: the call fails.
    Errno(Errno),
    /// `return N`: the call returns this, and nothing has been done.
    Return(i64),
    /// `open read-only [below] "PATH", …`: the file is opened for reading and handed over.
    Open(Vec<Place>),
    /// `connect to "PEER", …`: the caller's socket is connected.
    Connect(Vec<Peer>),
    /// `bind PORT [as PORT], …`: the caller's socket is bound, possibly to another port.
    Bind(Vec<Ports>),
    /// `log`: the call is reported, and the next line is asked.
    Log,
    /// `continue-unchecked`: the kernel executes the call and reads again what its pointers point to.
    ContinueUnchecked,
}

/// A file, or a directory with everything below it; an absolute path in the caller's root directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// The path.
    pub path: String,
    /// Whether everything below it is meant.
    pub below: bool,
}

/// A port that may be asked for, and the one that is bound.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ports {
    /// The port the caller names.
    pub asked: u16,
    /// The port it gets.
    pub bound: u16,
}

impl OnLine {
    /// Whether the line is about this call.
    pub fn matches(&self, data: &SeccompData) -> bool {
        let Some(arch) = Arch::of_call(data.arch, data.nr) else { return false };
        let rule = &self.rule;
        (rule.arches.is_empty() || rule.arches.contains(&arch))
            && rule.calls.iter().any(|call| match call {
                Call::Any => true,
                Call::Named(call) => call.number(arch) == Some(data.nr),
                Call::Numbers(range) => range.contains(&data.nr),
            })
            && rule.when.holds(arch, data)
    }
}

impl Answer {
    /// The calls it can carry out; `None` for an answer to any call.
    pub fn calls(&self) -> Option<&'static [&'static str]> {
        match self {
            Answer::Open(_) => Some(&["open", "openat", "openat2"]),
            Answer::Connect(_) => Some(&["connect"]),
            Answer::Bind(_) => Some(&["bind"]),
            Answer::Errno(_) | Answer::Return(_) | Answer::Log | Answer::ContinueUnchecked => None,
        }
    }

    /// Whether it can carry out the call.
    pub fn fits(&self, call: Syscall) -> bool {
        self.calls().is_none_or(|names| names.contains(&call.name()))
    }
}

/// The answer as an `on` line ends with it.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Errno(errno) => f.write_str(&action_text(Action::Errno(*errno))),
            Answer::Return(value) => write!(f, "return {value}"),
            Answer::Log => f.write_str("log"),
            Answer::ContinueUnchecked => f.write_str("continue-unchecked"),
            Answer::Open(places) => {
                f.write_str("open read-only ")?;
                list(f, places, |f, place| {
                    let below = if place.below { "below " } else { "" };
                    write!(f, "{below}{}", quote(&place.path))
                })
            }
            Answer::Connect(peers) => {
                f.write_str("connect to ")?;
                list(f, peers, |f, peer| f.write_str(&quote(&peer.to_string())))
            }
            Answer::Bind(ports) => {
                f.write_str("bind ")?;
                list(f, ports, |f, ports| {
                    write!(f, "{}", ports.asked)?;
                    if ports.bound == ports.asked { Ok(()) } else { write!(f, " as {}", ports.bound) }
                })
            }
        }
    }
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    mut one: impl FnMut(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        one(f, item)?;
    }
    Ok(())
}

/// A string as the language writes it.
fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
