//! Why a policy was not compiled.

use std::fmt;
use std::path::PathBuf;

/// Why a policy was not compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    File(PathBuf, String),
    /// The policy or the profile is wrong; a line for every fault, each with its file and line.
    Wrong(String),
    /// The name cannot be that of a `static`.
    Name(String),
    /// Not called from a build script: this variable is not set.
    NoCargo(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::File(path, e) => write!(f, "{}: {e}", path.display()),
            Error::Wrong(what) => f.write_str(what),
            Error::Name(name) => write!(f, "`{name}` cannot name a static: give it a name of its own"),
            Error::NoCargo(name) => write!(f, "{name} is not set: this is for build scripts"),
        }
    }
}

impl std::error::Error for Error {}
