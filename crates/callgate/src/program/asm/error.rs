//! What is wrong with a text, and where.

use super::lex::Place;
use crate::nearest;
use std::fmt;

/// An error in a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it, where that is known.
    pub help: Option<String>,
}

impl Error {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Error {
        Error { line: place.line, column: place.column, message: message.into(), help: None }
    }

    /// An error at a line and column, both from 1.
    pub(in crate::program) fn at(line: usize, column: usize, message: impl Into<String>) -> Error {
        Error { line, column, message: message.into(), help: None }
    }

    /// Adds advice, unless there is some already.
    pub(in crate::program) fn help(mut self, help: impl Into<String>) -> Error {
        self.help.get_or_insert(help.into());
        self
    }

    /// Adds the nearest of some names, if one is near.
    pub(in crate::program) fn suggest<'a>(
        self,
        written: &str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Error {
        match nearest(written, names) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
