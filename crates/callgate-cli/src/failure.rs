//! Why a verb stopped, and the exit code that says so.

use std::fmt::Display;

/// Findings, a difference, or nothing proved.
pub(crate) const FINDINGS: u8 = 1;
/// Wrong usage or bad input; nothing was done.
pub(crate) const BAD_INPUT: u8 = 2;
/// `run` failed before the command began.
pub(crate) const BEFORE_EXEC: u8 = 125;

/// This kernel, or this process on it, cannot do what was asked.
pub(crate) const CANNOT: u8 = 3;

/// A verb's end, with what to tell the user.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    /// Already said, if empty.
    pub(crate) messages: Vec<String>,
    /// The input is sound and says nothing of system calls.
    pub(crate) no_filter: bool,
}

impl Failure {
    pub(crate) fn new(code: u8, message: impl Display) -> Failure {
        Failure::all(code, vec![message.to_string()])
    }

    /// Several things were wrong.
    pub(crate) fn all(code: u8, messages: Vec<String>) -> Failure {
        Failure { code, messages, no_filter: false }
    }

    /// Bad input or wrong usage.
    pub(crate) fn input(message: impl Display) -> Failure {
        Failure::new(BAD_INPUT, message)
    }

    /// The message has been printed.
    pub(crate) fn said(code: u8) -> Failure {
        Failure::all(code, Vec::new())
    }
}

/// What a verb returns: its exit code.
pub(crate) type Outcome = Result<u8, Failure>;
