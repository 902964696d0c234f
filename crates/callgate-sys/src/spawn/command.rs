//! What to run: everything that needs memory, made ready before the fork.
//!
//! # Safety
//!
//! The argument and environment vectors hand out pointers into `CString`s that the same value owns and
//! never changes afterwards. What happens after the fork is [`launch`]'s affair.
#![expect(unsafe_code, reason = "environ and fork")]

use std::ffi::{CString, OsStr, OsString};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::ptr;

use callgate_abi::Insn;

use super::child::Child;
use super::forward::Signals;
use super::launch::{self, Report};
use super::outcome::Failure;
use super::vfork;
use crate::error::Error;
use crate::install::Flags;
use crate::raw::fork_raw;
use crate::shared::Shared;

unsafe extern "C" {
    static environ: *const *const libc::c_char;
}

/// A command and the filters to run it under.
pub struct Command<'a> {
    pub(super) program: CString,
    argv: Strings,
    /// `/bin/sh`, the program and its arguments, for a script without a `#!` line.
    shell_argv: Strings,
    env: Option<Strings>,
    pub(super) filters: Vec<(&'a [Insn], Flags)>,
    pub(super) landlock: Option<BorrowedFd<'a>>,
    pub(super) die_with_parent: bool,
    pub(super) mark: u64,
    forward: bool,
    hold: bool,
}

/// A null-terminated vector of C strings.
pub(super) struct Strings {
    pointers: Vec<*const libc::c_char>,
    _owned: Vec<CString>,
}

impl Strings {
    fn new(owned: Vec<CString>) -> Strings {
        let mut pointers: Vec<_> = owned.iter().map(|s| s.as_ptr()).collect();
        pointers.push(ptr::null());
        Strings { pointers, _owned: owned }
    }

    pub(super) fn as_ptr(&self) -> *const *const libc::c_char {
        self.pointers.as_ptr()
    }
}

impl<'a> Command<'a> {
    /// `argv[0]`, looked up in `PATH` unless it contains a slash, with the arguments `argv[1..]`. It inherits
    /// this process's environment, descriptors, signal mask and ignored signals; `SIGPIPE`, which Rust's
    /// start-up code ignores, is set back to its default.
    ///
    /// # Errors
    ///
    /// [`Failure::Exec`] with `ENOENT` or `EACCES` when no directory of `PATH` has such an executable;
    /// [`Failure::Setup`] for an empty `argv` or a NUL byte in it.
    pub fn new<S: AsRef<OsStr>>(argv: &[S]) -> Result<Command<'a>, Failure> {
        let Some(name) = argv.first() else {
            return Err(Error::Refused { what: "no command given" }.into());
        };
        let program = c_string(resolve(name.as_ref())?.into_os_string())?;
        let argv = argv.iter().map(|a| c_string(a.as_ref().into())).collect::<Result<Vec<_>, _>>()?;
        let mut shell = vec![c"/bin/sh".into(), program.clone()];
        shell.extend(argv.iter().skip(1).cloned());
        Ok(Command {
            program,
            argv: Strings::new(argv),
            shell_argv: Strings::new(shell),
            env: None,
            filters: Vec::new(),
            landlock: None,
            die_with_parent: false,
            mark: 0,
            forward: false,
            hold: false,
        })
    }

    /// Replace the whole environment.
    ///
    /// # Errors
    ///
    /// [`Failure::Setup`] when a name or value contains a NUL byte.
    pub fn env<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        vars: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, Failure> {
        let vars = vars.into_iter().map(|(k, v)| {
            let mut line = k.as_ref().to_os_string();
            line.push("=");
            line.push(v.as_ref());
            c_string(line)
        });
        self.env = Some(Strings::new(vars.collect::<Result<Vec<_>, _>>()?));
        Ok(self)
    }

    /// Load `program` before executing. Several filters are loaded in this order; each must permit what the
    /// later ones need to be loaded, and all must permit `execve`, at least with the mark of
    /// [`Command::mark`].
    pub fn filter(mut self, program: &'a [Insn], flags: Flags) -> Self {
        self.filters.push((program, flags));
        self
    }

    /// Execute with this number in the sixth register of `execve`, which the kernel ignores and a filter
    /// sees: a filter that forbids `execve` but for a random mark lets just this one call through.
    pub fn mark(mut self, mark: u64) -> Self {
        self.mark = mark;
        self
    }

    /// Enforce this Landlock ruleset before the filters are loaded.
    pub fn landlock(mut self, ruleset: BorrowedFd<'a>) -> Self {
        self.landlock = Some(ruleset);
        self
    }

    /// Kill the command with `SIGKILL` when the thread that spawned it ends (`PR_SET_PDEATHSIG`).
    pub fn die_with_parent(mut self) -> Self {
        self.die_with_parent = true;
        self
    }

    /// From the fork until [`Child::wait`] returns, pass on to the command the signals other processes send
    /// to this one, and stop and continue with it, so that it does not matter that somebody stands in
    /// between. Signals from the terminal reach the command by itself: it stays in this process group.
    ///
    /// All signals are blocked in the calling thread meanwhile: call it in a program of one thread. A signal
    /// sent to the whole process group by `kill(2)` arrives twice, as nobody can tell that from two.
    pub fn forward_signals(mut self) -> Self {
        self.forward = true;
        self
    }

    /// Stop the child before it loads anything, until [`Child::release`]: the moment to attach a tracer.
    pub fn hold(mut self) -> Self {
        self.hold = true;
        self
    }

    /// Start the command. It has not necessarily been executed when this returns: whether it was, is told by
    /// [`Child::wait`].
    ///
    /// With [`Flags::new_listener`] on a filter the child shares this process's table of descriptors until
    /// it executes, so that the listener appears here whatever the filter forbids: take it with
    /// [`Child::listener`].
    ///
    /// # Errors
    ///
    /// [`Failure::Setup`] when the fork fails.
    pub fn spawn(self) -> Result<Child, Failure> {
        let report: Shared<Report> = Shared::new()?;
        let share_files = self.filters.iter().any(|(_, flags)| flags.new_listener);
        let signals = Signals::hold_back(self.forward)?;
        // SAFETY: takes no pointers.
        let parent = unsafe { libc::getpid() };
        let child = || launch::child(&self, &report, &signals, parent, self.hold);
        // A child that waits for its parent, or is looked after before it executes, cannot keep it asleep.
        let pid = if self.hold || share_files || !vfork::is_safe() {
            // SAFETY: the child runs `launch::child`, which keeps the contract and never returns.
            let pid = unsafe { fork_raw(share_files) }?;
            if pid == 0 {
                child();
            }
            pid
        } else {
            // SAFETY: as above; signals are held back.
            unsafe { vfork::vfork(&child) }?
        };
        let program = PathBuf::from(OsString::from_vec(self.program.into_bytes()));
        Ok(Child::new(pid, report, program, signals, self.forward, share_files))
    }

    /// Load the filters into this very process and execute the command in its place.
    ///
    /// Returns only when that failed, possibly with the filters already in force: the caller should then
    /// say so, if it still may, and exit. A listener is closed by the execution, so a filter that asks for
    /// one is refused; so is [`Command::hold`].
    pub fn exec(self) -> Failure {
        if self.hold || self.filters.iter().any(|(_, flags)| flags.new_listener) {
            return Error::Refused { what: "exec in place can neither hold nor keep a listener" }.into();
        }
        let report = match Shared::<Report>::new() {
            Ok(report) => report,
            Err(e) => return e.into(),
        };
        launch::here(&self, &report);
        report
            .failure(Path::new(OsStr::from_bytes(self.program.as_bytes())))
            .unwrap_or(Failure::Setup(Error::Refused { what: "execve returned without an error" }))
    }

    pub(super) fn argv(&self) -> *const *const libc::c_char {
        self.argv.as_ptr()
    }

    pub(super) fn shell_argv(&self) -> *const *const libc::c_char {
        self.shell_argv.as_ptr()
    }

    pub(super) fn envp(&self) -> *const *const libc::c_char {
        // SAFETY: reads the pointer the C library keeps; the vector behind it is read by the kernel only.
        self.env.as_ref().map_or_else(|| unsafe { environ }, Strings::as_ptr)
    }
}

fn c_string(s: OsString) -> Result<CString, Failure> {
    CString::new(s.into_vec())
        .map_err(|_| Error::Refused { what: "a command line or environment holds a NUL byte" }.into())
}

/// The file a shell would execute for `name`.
fn resolve(name: &OsStr) -> Result<PathBuf, Failure> {
    if name.as_bytes().contains(&b'/') {
        return Ok(name.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    let mut errno = libc::ENOENT;
    // An empty name would match every directory of PATH.
    for dir in std::env::split_paths(&path).filter(|_| !name.is_empty()) {
        let file = if dir.as_os_str().is_empty() { Path::new(".").join(name) } else { dir.join(name) };
        if !file.is_file() {
            continue;
        }
        if executable(&file) {
            return Ok(file);
        }
        errno = libc::EACCES;
    }
    Err(Failure::Exec { program: name.into(), errno, by_filter: false })
}

fn executable(file: &Path) -> bool {
    let Ok(file) = CString::new(file.as_os_str().as_bytes()) else { return false };
    // SAFETY: a valid C string.
    unsafe { libc::faccessat(libc::AT_FDCWD, file.as_ptr(), libc::X_OK, libc::AT_EACCESS) == 0 }
}
