//! A piece of a program under a filter, in a child that is spared: for tests of policies.
//!
//! A filter stays with its thread for good, so a test that loads one spoils whatever runs there afterwards.
//! [`confined()`] forks, loads the filter in the child, runs the body there and tells what became of it, even if the
//! filter forbids the child every system call. [`assert_permitted!`](crate::assert_permitted) and
//! [`assert_denied!`](crate::assert_denied) are for the body of a `#[test]`.
//!
//! The child is a copy of one thread. A lock that another thread held at that moment stays locked in it: the C library
//! sees to its allocator's, but `println!` and the like may wait for ever for a lock of the test's harness. A body that
//! waits is ended after a time and reported as that.
//!
//! # Safety
//!
//! The child never returns to the caller: the body's panics are caught, and it leaves by `exit_group` or a fault. What
//! it has to say it stores into a page shared with the parent.
#![expect(unsafe_code, reason = "fork and wait")]

use std::fmt::{self, Display, Write as _};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use callgate_abi::{Arch, Errno, Insn};

use crate::error::Error;
use crate::install::{Flags, install};
use crate::raw::leave;
use crate::shared::{Shared, ZeroInit};

/// How long [`confined()`] waits for a body.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What became of a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It returned, and not an error.
    Returned,
    /// It returned an error: its number, if a system call is behind it, and its text.
    Failed(Option<i32>, String),
    /// It panicked with this message.
    Panicked(String),
    /// A signal ended it: `SIGSYS` is the filter's.
    Killed(i32),
    /// It ended its process with this code.
    Exited(i32),
    /// It did not end in time and was killed.
    TimedOut,
}

impl Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Returned => f.write_str("it was permitted everything and returned"),
            Outcome::Failed(_, text) => write!(f, "it failed: {text}"),
            Outcome::Panicked(text) => write!(f, "it panicked: {text}"),
            Outcome::Killed(libc::SIGSYS) => f.write_str("it was killed by the filter (SIGSYS)"),
            Outcome::Killed(signal) => write!(f, "it was killed by signal {signal}"),
            Outcome::Exited(code) => write!(f, "it ended its process with code {code}"),
            Outcome::TimedOut => f.write_str("it did not end in time: does it wait for another thread?"),
        }
    }
}

/// What a body may return: nothing, or an [`io::Result`], whose error number is what the filter answered.
pub trait Verdict {
    /// The error, and its number.
    fn failure(&self) -> Option<(Option<i32>, &dyn Display)>;
}

impl Verdict for () {
    fn failure(&self) -> Option<(Option<i32>, &dyn Display)> {
        None
    }
}

impl<T> Verdict for io::Result<T> {
    fn failure(&self) -> Option<(Option<i32>, &dyn Display)> {
        self.as_ref().err().map(|e| (e.raw_os_error(), e as &dyn Display))
    }
}

/// How far the child came.
mod state {
    pub(super) const NOT_LOADED: u32 = 1;
    pub(super) const RUNNING: u32 = 2;
    pub(super) const RETURNED: u32 = 3;
    pub(super) const FAILED: u32 = 4;
    pub(super) const PANICKED: u32 = 5;
}

const TEXT: usize = 1024;

/// What the child leaves behind.
struct Page {
    state: AtomicU32,
    /// The error number of the load or of the body; 0 if there is none.
    errno: AtomicI32,
    length: AtomicUsize,
    text: [AtomicU8; TEXT],
}

// SAFETY: integers, for which all zero bytes are a value.
unsafe impl ZeroInit for Page {}

impl Page {
    fn text(&self) -> String {
        let length = self.length.load(Ordering::SeqCst).min(TEXT);
        let bytes: Vec<u8> = self.text[..length].iter().map(|b| b.load(Ordering::SeqCst)).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Writes into the page without allocating; what does not fit is left out.
struct Pen<'a>(&'a Page);

impl fmt::Write for Pen<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            let at = self.0.length.load(Ordering::SeqCst);
            let Some(place) = self.0.text.get(at) else { return Ok(()) };
            place.store(byte, Ordering::SeqCst);
            self.0.length.store(at + 1, Ordering::SeqCst);
        }
        Ok(())
    }
}

/// Runs `body` under `program` in a forked child, and says what became of it. What the body changes in memory is the
/// child's; what it does to files and to other processes is done.
///
/// ```
/// use callgate_sys::confine::{Outcome, confined};
/// use callgate_sys::Insn;
///
/// // "return ERRNO(13)": everything is answered EACCES.
/// let program = [Insn { code: 0x06, jt: 0, jf: 0, k: 0x0005_000d }];
/// let outcome = confined(&program, || std::fs::File::open("/dev/null"))?;
/// assert!(matches!(outcome, Outcome::Failed(Some(13), _)));
/// # Ok::<(), callgate_sys::Error>(())
/// ```
///
/// # Errors
///
/// The child could not be made, or the kernel refused the program.
pub fn confined<V: Verdict>(program: &[Insn], body: impl FnOnce() -> V) -> Result<Outcome, Error> {
    confined_within(PATIENCE, program, body)
}

/// As [`confined()`], waiting no longer than this.
///
/// # Errors
///
/// As [`confined()`].
pub fn confined_within<V: Verdict>(
    patience: Duration,
    program: &[Insn],
    body: impl FnOnce() -> V,
) -> Result<Outcome, Error> {
    let page: Shared<Page> = Shared::new()?;
    tell_panics();
    // SAFETY: the child is a copy of this thread and never returns from `child`; the C library's `fork`
    // leaves its allocator usable there.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => {
            return Err(Error::last(
                "fork",
                "the limit on processes (ulimit -u, pids cgroup) may be reached",
            ));
        }
        0 => child(page, program, body),
        _ => {}
    }
    let status = wait(pid, patience)?;
    let errno = page.errno.load(Ordering::SeqCst);
    Ok(match page.state.load(Ordering::SeqCst) {
        state::NOT_LOADED => {
            return Err(Error::Call { call: "seccomp(SECCOMP_SET_MODE_FILTER)", errno, hint: "" });
        }
        state::RETURNED => Outcome::Returned,
        state::FAILED => {
            let written = page.text();
            let errno = (errno != 0).then_some(errno);
            // Where the filter ended the child while it put the error into words, the number says it.
            let text = match errno {
                Some(errno) if written.is_empty() => io::Error::from_raw_os_error(errno).to_string(),
                _ => written,
            };
            Outcome::Failed(errno, text)
        }
        state::PANICKED => Outcome::Panicked(page.text()),
        _ => match status {
            None => Outcome::TimedOut,
            Some(status) if libc::WIFSIGNALED(status) => Outcome::Killed(libc::WTERMSIG(status)),
            Some(status) => Outcome::Exited(libc::WEXITSTATUS(status)),
        },
    })
}

/// In a child of [`confined()`], its page.
static HERE: AtomicPtr<Page> = AtomicPtr::new(std::ptr::null_mut());

/// Makes panics in children go to their page. The usual hook prints, which a filter may not permit. Done in the parent:
/// setting a hook takes a lock, which in a child may be some other thread's for good.
fn tell_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // SAFETY: null, or a page that `child` leaked.
            let Some(page) = (unsafe { HERE.load(Ordering::SeqCst).as_ref() }) else { return usual(info) };
            let told = match (info.payload().downcast_ref::<&str>(), info.payload().downcast_ref::<String>())
            {
                (Some(text), _) => text,
                (None, Some(text)) => text.as_str(),
                (None, None) => "",
            };
            let _ = Pen(page).write_str(told);
            if let Some(place) = info.location() {
                let _ = write!(Pen(page), " ({}:{})", place.file(), place.line());
            }
            page.state.store(state::PANICKED, Ordering::SeqCst);
        }));
    });
}

fn child<V: Verdict>(page: Shared<Page>, program: &[Insn], body: impl FnOnce() -> V) -> ! {
    // Leaked: the panic hook may look at it as long as this process lives.
    let page: &'static Shared<Page> = Box::leak(Box::new(page));
    let quiet = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: plain values; a core dump too many is no harm.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const quiet) };
    HERE.store((&raw const **page).cast_mut(), Ordering::SeqCst);
    if let Err(e) = install(program, Flags::NEW) {
        page.errno.store(e.errno().unwrap_or(libc::EINVAL), Ordering::SeqCst);
        page.state.store(state::NOT_LOADED, Ordering::SeqCst);
        leave(0);
    }
    page.state.store(state::RUNNING, Ordering::SeqCst);
    if let Ok(verdict) = catch_unwind(AssertUnwindSafe(body)) {
        match verdict.failure() {
            None => page.state.store(state::RETURNED, Ordering::SeqCst),
            Some((errno, text)) => {
                page.errno.store(errno.unwrap_or(0), Ordering::SeqCst);
                page.state.store(state::FAILED, Ordering::SeqCst);
                let _ = write!(Pen(page), "{text}");
            }
        }
    }
    leave(0)
}

/// The status the child ended with; `None` if it did not and was killed.
fn wait(pid: libc::pid_t, patience: Duration) -> Result<Option<libc::c_int>, Error> {
    let start = Instant::now();
    let mut pause = Duration::from_micros(50);
    let mut options = libc::__WALL | libc::WNOHANG;
    let mut killed = false;
    loop {
        let mut status = 0;
        // SAFETY: a valid place for the status.
        match unsafe { libc::waitpid(pid, &raw mut status, options) } {
            -1 if crate::raw::errno() == libc::EINTR => {}
            -1 => return Err(Error::last("waitpid", "")),
            0 if start.elapsed() >= patience => {
                // SAFETY: no pointers; the child has not been waited for, so the number is still its.
                unsafe { libc::kill(pid, libc::SIGKILL) };
                killed = true;
                options = libc::__WALL;
            }
            0 => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(10));
            }
            _ => return Ok((!killed).then_some(status)),
        }
    }
}

/// For [`assert_permitted!`](crate::assert_permitted).
///
/// # Panics
///
/// The body did not return well, or the program could not be loaded.
#[doc(hidden)]
#[track_caller]
pub fn permitted<V: Verdict>(program: &[Insn], body: impl FnOnce() -> V) {
    match confined(program, body) {
        Ok(Outcome::Returned) => {}
        Ok(other) => panic!("the body is not permitted all it does: {other}"),
        Err(e) => panic!("the filter could not be loaded: {e}"),
    }
}

/// For [`assert_denied!`](crate::assert_denied): with an error's name, or (`None`) by an end.
///
/// # Panics
///
/// Something else became of the body, the program could not be loaded, or there is no such error.
#[doc(hidden)]
#[track_caller]
pub fn denied<V: Verdict>(program: &[Insn], errno: Option<&str>, body: impl FnOnce() -> V) {
    let wanted = errno.map(|name| {
        let errno = Errno::from_name(name).unwrap_or_else(|| panic!("{name} is no error"));
        let arch = Arch::NATIVE.unwrap_or_else(|| panic!("seccomp does not know this architecture"));
        i32::from(errno.on(arch))
    });
    match (confined(program, body), wanted) {
        (Ok(Outcome::Failed(Some(errno), _)), Some(wanted)) if errno == wanted => {}
        (Ok(Outcome::Killed(libc::SIGSYS)), None) => {}
        (Ok(other), _) => panic!("the body is not denied with {}: {other}", errno.unwrap_or("kill")),
        (Err(e), _) => panic!("the filter could not be loaded: {e}"),
    }
}

/// Asserts that a body, run under a program in a child of its own, returns and not an error. The program is anything
/// that is a slice of instructions: what [`include_policy!`](crate::include_policy) takes in, or `program.insns()` of the
/// library's. The body returns nothing or a [`std::io::Result`]; see [`confine`](crate::confine) for what it may do.
///
/// ```
/// use callgate_sys::{Insn, assert_permitted};
///
/// static EVERYTHING: [Insn; 1] = [Insn { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 }];
/// assert_permitted!(&EVERYTHING, || std::fs::File::open("/dev/null"));
/// ```
#[macro_export]
macro_rules! assert_permitted {
    ($program:expr, $body:expr $(,)?) => {
        $crate::confine::permitted(::core::convert::AsRef::<[$crate::Insn]>::as_ref($program), $body)
    };
}

/// Asserts that a body, run under a program in a child of its own, is denied: that it returns the error the filter
/// answered (`errno(EACCES)`), or that the filter ended it by `SIGSYS` (`kill`, which stands for `kill-thread` and an
/// unhandled `trap` as well). Program and body are as for [`assert_permitted!`](crate::assert_permitted).
///
/// ```
/// use callgate_sys::{Insn, assert_denied};
///
/// static NOTHING: [Insn; 1] = [Insn { code: 0x06, jt: 0, jf: 0, k: 0x0005_000d }];
/// assert_denied!(&NOTHING, errno(EACCES), || std::fs::File::open("/dev/null"));
/// static DEATH: [Insn; 1] = [Insn { code: 0x06, jt: 0, jf: 0, k: 0x8000_0000 }];
/// assert_denied!(&DEATH, kill, || std::fs::File::open("/dev/null"));
/// ```
#[macro_export]
macro_rules! assert_denied {
    ($program:expr, errno($errno:ident), $body:expr $(,)?) => {
        $crate::confine::denied(
            ::core::convert::AsRef::<[$crate::Insn]>::as_ref($program),
            ::core::option::Option::Some(::core::stringify!($errno)),
            $body,
        )
    };
    ($program:expr, kill, $body:expr $(,)?) => {
        $crate::confine::denied(
            ::core::convert::AsRef::<[$crate::Insn]>::as_ref($program),
            ::core::option::Option::None,
            $body,
        )
    };
}
