//! Kernel versions.

use core::fmt;
use core::str::FromStr;

/// A kernel version, ordered by age.
///
/// ```
/// use callgate_abi::Kernel;
/// assert!("5.10".parse::<Kernel>()? < Kernel::new(6, 1));
/// assert_eq!(Kernel::from_release("6.12.9-amd64"), Some(Kernel::with_patch(6, 12, 9)));
/// # Ok::<(), callgate_abi::kernel::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Kernel {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
    /// The third number: the release in the 2.x series, the stable update since 3.0. Zero where it does not matter.
    pub patch: u16,
}

/// A text that is no kernel version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParseError;

impl Kernel {
    /// The kernel the tables of this crate were made from.
    pub const OF_TABLES: Kernel = crate::tables::syscall::OF_TABLES;

    /// Version `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Kernel {
        Kernel { major, minor, patch: 0 }
    }

    /// Version `major.minor.patch`.
    pub const fn with_patch(major: u16, minor: u16, patch: u16) -> Kernel {
        Kernel { major, minor, patch }
    }

    /// Reads a release as `uname -r` prints it: what follows the numbers (`-amd64`, `+`, `.el9`) is ignored.
    pub fn from_release(release: &str) -> Option<Kernel> {
        let mut rest = release;
        let major = number(&mut rest)?;
        rest = rest.strip_prefix('.')?;
        let minor = number(&mut rest)?;
        let patch = rest.strip_prefix('.').and_then(|mut rest| number(&mut rest)).unwrap_or(0);
        Some(Kernel { major, minor, patch })
    }
}

/// Takes the leading decimal number off `text`.
fn number(text: &mut &str) -> Option<u16> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    digits.parse().ok()
}

/// Reads `MAJOR.MINOR` or `MAJOR.MINOR.PATCH`, nothing else.
impl FromStr for Kernel {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Kernel, ParseError> {
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let dots = text.bytes().filter(|b| *b == b'.').count();
        if !plain || dots > 2 || text.ends_with('.') {
            return Err(ParseError);
        }
        Kernel::from_release(text).ok_or(ParseError)
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch == 0 { Ok(()) } else { write!(f, ".{}", self.patch) }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a kernel version such as 6.1")
    }
}

impl core::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn text_and_back() {
        for text in ["6.1", "2.6.16", "5.10.223"] {
            assert_eq!(text.parse::<Kernel>().unwrap().to_string(), text);
        }
        for text in ["", "6", "6.", ".1", "6.1.", "6.1.2.3", "6.1-rc1", "v6.1", "6.1 ", "6..1", "99999.1"] {
            assert_eq!(text.parse::<Kernel>(), Err(ParseError), "{text}");
        }
    }

    #[test]
    fn releases_of_distributions() {
        assert_eq!(Kernel::from_release("5.14.0-570.el9.x86_64"), Some(Kernel::new(5, 14)));
        assert_eq!(Kernel::from_release("6.18-rc2"), Some(Kernel::new(6, 18)));
        assert_eq!(Kernel::from_release("linux"), None);
    }

    #[test]
    fn older_is_less() {
        let k = |t: &str| t.parse::<Kernel>().unwrap();
        assert!(k("2.6.9") < k("2.6.16") && k("2.6.39") < k("3.0") && k("5.9") < k("5.10"));
    }
}
