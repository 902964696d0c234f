//! Loading a policy and getting its listener.

use super::Listener;
use crate::install::{Flags, InstallError};
use crate::policy::Policy;
pub use callgate_sys::Child;
use callgate_sys::listener::Supported;
use callgate_sys::{Command, Error, Failure};
use std::ffi::OsStr;

/// How to load a policy whose `notify` rules are answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Once a call has been received, only fatal signals end its wait
    /// (`SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`, Linux 5.19). Without it any signal with a handler lets the
    /// call come again under another id, and what was done for the first one is done twice; a program that
    /// signals itself all the time, as Go's does, never gets an answer.
    pub wait_killable: bool,
    /// Load it for all threads of the process (`SECCOMP_FILTER_FLAG_TSYNC`, Linux 5.7 with a listener). The
    /// listener is then best given to another process: a thread of this one answers only as long as it makes no
    /// notified call itself.
    pub all_threads: bool,
    /// Log what is not plainly allowed (`SECCOMP_FILTER_FLAG_LOG`).
    pub log: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { wait_killable: true, all_threads: false, log: false }
    }
}

impl Options {
    /// As the kernel's flags.
    pub fn flags(self) -> Flags {
        Flags {
            no_new_privs: true,
            new_listener: true,
            wait_killable_recv: self.wait_killable,
            tsync: self.all_threads,
            tsync_esrch: self.all_threads,
            log: self.log,
            ..Flags::default()
        }
    }
}

impl Policy {
    /// Compiles, proves and loads the policy for the calling thread, and returns the listener on which its
    /// notified calls arrive. It must be answered from elsewhere: by a thread that is not filtered, or by a
    /// process it is handed to. Once the filter is loaded this makes no further call but to give memory back. See [`crate::notify`] for an example.
    ///
    /// # Errors
    ///
    /// As [`Policy::install`]; `EBUSY` when a filter of this thread has a listener already: the kernel allows
    /// one in a stack.
    pub fn install_supervised(&self, options: Options) -> Result<Listener, InstallError> {
        let program = self.compile().map_err(InstallError::Compile)?;
        // Afterwards no call may come back.
        let supported = Supported::find_out().map_err(InstallError::Kernel)?;
        let fd = program.install(options.flags())?;
        let fd =
            fd.ok_or(InstallError::Kernel(Error::Refused { what: "the kernel returned no listener" }))?;
        Ok(Listener::known(fd, supported))
    }
}

/// A command that runs under a policy, and the listener its calls arrive on.
pub struct Spawned {
    /// The command; [`Child::wait`] reaps it.
    pub child: Child,
    /// Its calls, the `execve` that starts it among them if the policy notifies that.
    pub listener: Listener,
}

/// Starts a command under a policy. Every call may be notified, also those that other ways of handing the
/// listener over are made of: its number travels through memory that the command shares with this process
/// until it is executed.
///
/// The command is killed when the thread that called this ends: with it the supervisor is gone, and a call
/// in the middle of being answered would find nobody.
///
/// ```
/// use callgate::{Errno, Policy, notify};
///
/// let policy = Policy::parse("default allow\nnotify mkdir, mkdirat\n")?;
/// let mut spawned = notify::spawn(&policy, &["mkdir", "/tmp/never"], notify::Options::default())?;
/// let denied = Errno::from_name("EROFS").unwrap();
/// while let Some(call) = spawned.listener.receive()? {
///     let _ = call.fail(denied)?;
/// }
/// assert_ne!(spawned.child.wait()?.exit_code(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The policy has no program, the command is not found, or the kernel refused.
pub fn spawn<S: AsRef<OsStr>>(policy: &Policy, argv: &[S], options: Options) -> Result<Spawned, SpawnError> {
    let program = policy.compile().map_err(|e| SpawnError::Install(InstallError::Compile(e)))?;
    let command = Command::new(argv).map_err(SpawnError::Command)?;
    let command = command.filter(program.insns(), options.flags()).die_with_parent();
    let mut child = command.spawn().map_err(SpawnError::Command)?;
    match child.listener().map_err(SpawnError::Command)? {
        Some(listener) => {
            let fd = listener.into();
            let listener = Listener::new(fd).map_err(|e| SpawnError::Install(InstallError::Kernel(e)))?;
            Ok(Spawned { child, listener })
        }
        None => {
            child.kill();
            let what = "the command ended before its filter was loaded";
            Err(SpawnError::Install(InstallError::Kernel(Error::Refused { what })))
        }
    }
}

/// Why a command was not started.
#[derive(Debug)]
#[non_exhaustive]
pub enum SpawnError {
    /// Its policy could not be loaded.
    Install(InstallError),
    /// It could not be executed.
    Command(Failure),
}

impl std::fmt::Display for SpawnError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SpawnError::Install(e) => write!(f, "{e}"),
            SpawnError::Command(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for SpawnError {}
