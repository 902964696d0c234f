//! How every failure is told: the system call, the error number, and what to do about it.

use std::fmt;

/// Why the kernel, or this crate on its behalf, refused.
///
/// `Copy` and free of allocation, so that it can be made between `fork` and `execve`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// A system call failed.
    Call {
        /// The call as one would look it up, `seccomp(SECCOMP_SET_MODE_FILTER)`.
        call: &'static str,
        /// The error number it left.
        errno: i32,
        /// What to do about it; empty when the number says it all.
        hint: &'static str,
    },
    /// The filter was not loaded on any thread, because this thread's filters differ from the caller's
    /// (`SECCOMP_FILTER_FLAG_TSYNC` returns such a thread as a positive number).
    ThreadNotSynced {
        /// The thread in the way.
        tid: i32,
    },
    /// The arguments could never have worked; the kernel was not asked.
    Refused {
        /// What is wrong with them.
        what: &'static str,
    },
}

impl Error {
    /// The last error of `call`, read from `errno`.
    pub(crate) fn last(call: &'static str, hint: &'static str) -> Error {
        Error::Call { call, errno: crate::raw::errno(), hint }
    }

    /// The error number, if a system call failed.
    pub fn errno(&self) -> Option<i32> {
        match *self {
            Error::Call { errno, .. } => Some(errno),
            Error::ThreadNotSynced { .. } | Error::Refused { .. } => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Error::Call { call, errno, hint } => {
                write!(f, "{call}: {}", std::io::Error::from_raw_os_error(errno))?;
                if hint.is_empty() { Ok(()) } else { write!(f, ": {hint}") }
            }
            Error::ThreadNotSynced { tid } => write!(
                f,
                "seccomp(SECCOMP_SET_MODE_FILTER, TSYNC): thread {tid} has other filters than the caller: \
                 no thread was filtered; load before starting threads that load filters of their own"
            ),
            Error::Refused { what } => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_call_and_the_way_out() {
        let e = Error::Call { call: "prctl(PR_X)", errno: libc::EACCES, hint: "become somebody else" };
        assert_eq!(e.to_string(), "prctl(PR_X): Permission denied (os error 13): become somebody else");
        assert_eq!(e.errno(), Some(libc::EACCES));
        assert!(Error::ThreadNotSynced { tid: 77 }.to_string().contains("thread 77"));
    }
}
