//! Loading programs into the kernel.
//!
//! What is loaded has been compiled and proved; `no_new_privs` is set first. Filters cannot be removed,
//! and further ones only make a process stricter.

use crate::emit::CompileError;
use crate::policy::Policy;
use crate::program::Program;
pub use callgate_sys::install::Flags;
use std::fmt;
use std::os::fd::OwnedFd;

/// Why nothing was loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InstallError {
    /// The policy has no program.
    Compile(CompileError),
    /// The kernel refused; the error names the call and what to do about it.
    Kernel(callgate_sys::Error),
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InstallError::Compile(e) => write!(f, "{e}"),
            InstallError::Kernel(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for InstallError {}

impl Program {
    /// Loads the program with these flags. With [`Flags::new_listener`] the notification descriptor is
    /// returned. Makes no allocation and no other system call than the ones that load, so it may be used
    /// between `fork` and `execve`.
    ///
    /// # Errors
    /// The system call that failed; a thread that could not be synchronised is an error, never success.
    pub fn install(&self, flags: Flags) -> Result<Option<OwnedFd>, InstallError> {
        callgate_sys::install(self.insns(), flags).map_err(InstallError::Kernel)
    }
}

impl Policy {
    /// Compiles, proves and loads the policy for the calling thread and what it starts from now on.
    ///
    /// ```
    /// use callgate::{Action, Errno, Policy};
    ///
    /// // In a thread of its own: a filter stays for as long as its thread lives.
    /// std::thread::spawn(|| {
    ///     let policy = Policy::new(Action::ALLOW).errno(Errno::from_name("EACCES").unwrap(), ["mkdir", "mkdirat"])?;
    ///     policy.install()?;
    ///     let error = std::fs::create_dir("/tmp/never").unwrap_err();
    ///     assert_eq!(error.raw_os_error(), Some(13));
    ///     Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// })
    /// .join()
    /// .unwrap()
    /// .unwrap();
    /// ```
    ///
    /// # Errors
    /// The policy has no program, or the kernel refused it; nothing has been loaded then.
    pub fn install(&self) -> Result<(), InstallError> {
        self.install_with(Flags::NEW)
    }

    /// As [`Policy::install`], for every thread of the process at once (`SECCOMP_FILTER_FLAG_TSYNC`).
    ///
    /// # Errors
    /// As [`Policy::install`]; also a thread with filters that the calling one does not have.
    pub fn install_all_threads(&self) -> Result<(), InstallError> {
        self.install_with(Flags { tsync: true, ..Flags::NEW })
    }

    fn install_with(&self, flags: Flags) -> Result<(), InstallError> {
        let program = self.compile().map_err(InstallError::Compile)?;
        program.install(flags).map(drop)
    }
}

/// From now on, when a filter traps a call (`trap`) of any thread of this process, say on standard error which
/// one, with its number and arguments, before the process dies of it as it would have anyway. One line at the
/// start of `main` is all it takes:
///
/// ```
/// callgate::report_sigsys()?;
/// # Ok::<(), callgate::InstallError>(())
/// ```
///
/// The handler allocates nothing, takes no lock and uses `write` and `rt_sigaction` only, of which the policy
/// must permit `write`. A kill (`kill`, `kill-thread`) cannot be caught by anybody.
///
/// # Errors
/// [`InstallError::Kernel`] when the handler cannot be installed: an outer filter forbids it.
pub fn report_sigsys() -> Result<(), InstallError> {
    callgate_sys::sigsys::report().map_err(InstallError::Kernel)
}
