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
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    /// Already said, if empty.
    pub(crate) messages: Vec<String>,
}

impl Failure {
    pub(crate) fn new(code: u8, message: impl Display) -> Failure {
        Failure { code, messages: vec![message.to_string()] }
    }

    /// Bad input or wrong usage.
    pub(crate) fn input(message: impl Display) -> Failure {
        Failure::new(BAD_INPUT, message)
    }

    /// The message has been printed.
    pub(crate) fn said(code: u8) -> Failure {
        Failure { code, messages: Vec::new() }
    }
}

/// What a verb returns: its exit code.
pub(crate) type Outcome = Result<u8, Failure>;
