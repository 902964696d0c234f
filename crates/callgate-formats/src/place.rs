//! Where in a file something is, and the errors that say so.

use std::fmt;
use std::sync::Arc;

/// A place in a file, in the file's own coordinates. The default is "the file as a whole".
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Place {
    /// Line, from 1; 0 if there is none.
    pub line: u32,
    /// Column in characters, from 1; 0 if there is none.
    pub column: u32,
    /// The path inside a structured file: `linux.seccomp.syscalls[3].names[7]`.
    pub path: Option<Arc<str>>,
}

impl Place {
    /// A line of a text file.
    pub fn line(line: u32) -> Place {
        Place { line, ..Place::default() }
    }

    /// Writes what stands before a message about this place: `web.conf:3:7: `.
    pub(crate) fn lead(&self, file: Option<&str>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.to_string();
        match file {
            Some(file) if self.line != 0 => write!(f, "{file}:{place}: "),
            Some(file) if !place.is_empty() => write!(f, "{file}: {place}: "),
            Some(file) => write!(f, "{file}: "),
            None if !place.is_empty() => write!(f, "{place}: "),
            None => Ok(()),
        }
    }

    /// A line and a column of a text file, both from 1.
    pub fn at(line: u32, column: u32) -> Place {
        Place { line, column, path: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line != 0 {
            write!(f, "{}", self.line)?;
            if self.column != 0 {
                write!(f, ":{}", self.column)?;
            }
        }
        match &self.path {
            Some(path) if self.line != 0 => write!(f, ": {path}"),
            Some(path) => f.write_str(path),
            None => Ok(()),
        }
    }
}

/// One thing wrong with a file (or, when writing, with a policy).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The file, as the user named it, when it is known.
    pub file: Option<Arc<str>>,
    /// Where in it.
    pub place: Place,
    /// What is wrong.
    pub what: String,
    /// What to do about it, if there is something to say: `did you mean openat?`.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at a place of the file being read.
    pub fn new(place: Place, what: impl Into<String>) -> Problem {
        Problem { file: None, place, what: what.into(), help: None }
    }

    /// The same with advice.
    pub fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.lead(self.file.as_deref(), f)?;
        f.write_str(&self.what)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// Why a file could not be read or a policy could not be written: at least one problem, in the
/// order in which they were met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// The problems; never empty.
    pub problems: Vec<Problem>,
    /// Whether the file is sound and only says nothing of system calls, as most units do: no policy, but in a tree of
    /// files nothing to complain of, either.
    pub no_filter: bool,
}

impl Error {
    /// An error with one problem.
    pub fn new(place: Place, what: impl Into<String>) -> Error {
        Problem::new(place, what).into()
    }

    /// A sound file that says nothing of system calls.
    pub(crate) fn no_filter(problem: Problem) -> Error {
        Error { problems: vec![problem], no_filter: true }
    }

    /// The same error with the file's name filled in where a problem names none.
    #[must_use]
    pub fn in_file(mut self, file: Option<&Arc<str>>) -> Error {
        for problem in &mut self.problems {
            if problem.file.is_none() {
                problem.file = file.cloned();
            }
        }
        self
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        vec![problem].into()
    }
}

impl From<Vec<Problem>> for Error {
    fn from(problems: Vec<Problem>) -> Error {
        Error { problems, no_filter: false }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_a_compiler_message() {
        let mut place = Place::at(12, 5);
        place.path = Some("syscalls[3].names[7]".into());
        let mut error: Error =
            Problem::new(place, "unknown system call opeat").help("did you mean openat?").into();
        assert_eq!(
            error.to_string(),
            "12:5: syscalls[3].names[7]: unknown system call opeat; did you mean openat?"
        );
        error = error.in_file(Some(&"a.json".into()));
        assert!(error.to_string().starts_with("a.json:12:5: syscalls[3]"));
        let whole = Error::new(Place::default(), "empty").in_file(Some(&"b".into()));
        assert_eq!(whole.to_string(), "b: empty");
    }
}
