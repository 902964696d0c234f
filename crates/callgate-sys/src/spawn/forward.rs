//! Signals around a command: held back while it starts, passed on while it runs.
//!
//! # Safety
//!
//! Only masks and dispositions change, and each is put back; signals go to the child before it is reaped,
//! so that its number cannot have been given to anybody else.
#![expect(unsafe_code, reason = "system calls")]

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use crate::error::Error;
use crate::signal::{Disposition, Mask, highest};

/// Faults of this process itself; blocking them would only hide a crash.
const FAULTS: [i32; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS];

/// The calling thread's signals as they were; put back on drop.
pub(crate) struct Signals {
    mask: Mask,
    /// `SIGCHLD`'s disposition, if it had to be changed: while it is ignored, children leave no status.
    sigchld: Option<Disposition>,
}

impl Signals {
    /// Block everything, and make sure that children can be waited for; with `stops`, that their stops are
    /// told too.
    pub(crate) fn hold_back(stops: bool) -> Result<Signals, Error> {
        let mut signals = Signals { mask: Mask::all().set(), sigchld: None };
        if let Some(old) = Disposition::of(libc::SIGCHLD)
            && (stops || old.discards_children())
        {
            Disposition::set_default(libc::SIGCHLD)?;
            signals.sigchld = Some(old);
        }
        Ok(signals)
    }

    /// In the parent, after the fork: forward signals (leave them blocked for [`next`]) or let them in again.
    pub(crate) fn forked(&self, forward: bool) {
        if forward {
            watched().set();
        } else {
            self.mask.set();
        }
    }

    /// In the child: everything as it was, but handlers, which do not survive an execution, set to default.
    pub(super) fn put_back_in_child(&self) {
        for signal in 1..=highest() {
            if Disposition::of(signal).is_some_and(|d| d.is_handled()) {
                let _ = Disposition::set_default(signal);
            }
        }
        if let Some(old) = &self.sigchld {
            old.restore(libc::SIGCHLD);
        }
        Signals::default_sigpipe();
        self.mask.set();
    }

    /// Undo what Rust's start-up code did to `SIGPIPE`.
    pub(super) fn default_sigpipe() {
        // Cannot fail: a valid number and a valid action.
        let _ = Disposition::set_default(libc::SIGPIPE);
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        if let Some(old) = self.sigchld {
            old.restore(libc::SIGCHLD);
        }
        self.mask.set();
    }
}

/// The signals taken in while forwarding.
fn watched() -> Mask {
    FAULTS.iter().fold(Mask::all(), |mask, fault| mask.without(*fault))
}

/// Take signals in for [`next`] once more, after a [`Relay`] has done so.
pub(crate) fn take_in() {
    watched().set();
}

/// Sleep until a signal arrives, or for a fifth of a second (another thread may have taken a `SIGCHLD`), and
/// pass it to `pid` if it should be. Signals must be blocked as [`Signals::forked`] does.
///
/// Without a `pid` left to pass it to, a signal has its default effect on this process.
pub(crate) fn next(pid: Option<libc::pid_t>) {
    let Some((signal, info)) = arrived() else { return };
    match pid {
        None if signal != libc::SIGCHLD => take_effect(signal),
        Some(pid) if is_for(pid, signal, &info) => {
            // SAFETY: the child is not reaped yet; a queued value is sent on as it is.
            unsafe {
                if info.si_code == libc::SI_QUEUE {
                    libc::syscall(libc::SYS_rt_sigqueueinfo, pid, signal, &raw const info);
                } else {
                    libc::kill(pid, signal);
                }
            }
        }
        _ => {}
    }
}

/// The next signal, within a fifth of a second.
fn arrived() -> Option<(i32, libc::siginfo_t)> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let patience = libc::timespec { tv_sec: 0, tv_nsec: 200_000_000 };
    // SAFETY: all pointers are valid; zeroed at first and filled in by the kernel.
    unsafe {
        let signal = libc::sigtimedwait(watched().as_ptr(), info.as_mut_ptr(), &raw const patience);
        (signal > 0).then(|| (signal, info.assume_init()))
    }
}

/// Passes on signals in a thread of its own, while another waits for its children and is woken by nothing else.
pub(crate) struct Relay {
    pid: libc::pid_t,
    command: OwnedFd,
    /// Whose waiting is interrupted now and then.
    waits: libc::pid_t,
    /// The relay's own thread, once it runs.
    own: AtomicI32,
    /// Whether the command has ended: signals are this process's own then.
    ended: AtomicBool,
    over: AtomicBool,
}

impl Relay {
    /// For the calling thread, which will wait, with signals blocked as [`Signals::forked`] does, and for a
    /// command that is not reaped.
    pub(crate) fn new(pid: libc::pid_t) -> Result<Relay, Error> {
        let command = crate::pidfd::open(pid)?;
        Disposition::interrupting_sigchld()?;
        watched().without(libc::SIGCHLD).set();
        let (own, ended, over) = (AtomicI32::new(0), AtomicBool::new(false), AtomicBool::new(false));
        Ok(Relay { pid, command, waits: gettid(), own, ended, over })
    }

    /// The relay's thread, until [`Relay::finish`]; interrupts whoever waits about every fifth of a second.
    pub(crate) fn run(&self) {
        watched().set();
        self.own.store(gettid(), Ordering::SeqCst);
        while !self.over.load(Ordering::SeqCst) {
            if let Some((signal, info)) = arrived() {
                self.pass(signal, &info);
            }
            interrupt(self.waits);
        }
    }

    fn pass(&self, signal: i32, info: &libc::siginfo_t) {
        if self.ended.load(Ordering::SeqCst) {
            if signal != libc::SIGCHLD {
                take_effect(signal);
            }
        } else if is_for(self.pid, signal, info) {
            let queued =
                if info.si_code == libc::SI_QUEUE { std::ptr::from_ref(info) } else { std::ptr::null() };
            let fd = self.command.as_raw_fd();
            // SAFETY: a queued value is sent on as it is; without one the kernel makes up what it tells.
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, queued, 0usize) };
        }
    }

    /// The command has ended.
    pub(crate) fn ended(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }

    /// Ends the relay's thread.
    pub(crate) fn finish(&self) {
        self.over.store(true, Ordering::SeqCst);
        let own = self.own.load(Ordering::SeqCst);
        if own != 0 {
            interrupt(own);
        }
    }
}

fn gettid() -> libc::pid_t {
    // SAFETY: takes no pointers.
    let tid = unsafe { libc::syscall(libc::SYS_gettid) };
    libc::pid_t::try_from(tid).unwrap_or(0)
}

/// Lets a thread of this process come back from what it waits for.
fn interrupt(tid: libc::pid_t) {
    // SAFETY: takes no pointers; the threads are this process's own, and `SIGCHLD` ends none.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, libc::SIGCHLD) };
}

/// Forget the signals that arrived while the command lived and were not looked at before it ended: they were the
/// command's, and must not end this process in its place. Signals must be blocked as [`Signals::forked`] does.
pub(super) fn discard() {
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: all pointers are valid; nothing is written.
    while unsafe { libc::sigtimedwait(watched().as_ptr(), std::ptr::null_mut(), &raw const now) } > 0 {}
}

/// Continue `pid` if it is still stopped: whoever continued only this process, rather than the whole group as
/// a shell does, meant the command.
pub(crate) fn pass_on_continuation(pid: libc::pid_t) {
    if crate::process::is_stopped(pid) {
        // SAFETY: the child is not reaped yet.
        unsafe { libc::kill(pid, libc::SIGCONT) };
    }
}

/// Whether `pid` would have got this signal, were it in this process's place, and has not got it yet.
fn is_for(pid: libc::pid_t, signal: i32, info: &libc::siginfo_t) -> bool {
    match signal {
        // Answered by looking at the child's state.
        libc::SIGCHLD | libc::SIGCONT => false,
        // A timer set before this program was executed was meant for what runs in it.
        libc::SIGALRM | libc::SIGVTALRM | libc::SIGPROF if info.si_code == libc::SI_KERNEL => true,
        // A hang-up is told to the session's leader alone.
        libc::SIGHUP if info.si_code == libc::SI_KERNEL => {
            // SAFETY: take no pointers.
            unsafe { libc::getsid(0) == libc::getpid() }
        }
        _ => {
            // SAFETY: for these codes the kernel fills in the sender.
            let sender = || unsafe { info.si_pid() };
            // SAFETY: takes no pointers.
            let me = || unsafe { libc::getpid() };
            matches!(info.si_code, libc::SI_USER | libc::SI_QUEUE | libc::SI_TKILL)
                && sender() != pid
                && sender() != me()
        }
    }
}

/// Stop this process by `signal`, as its child has just been; returns when continued, or at once where job
/// control does not stop it: in an orphaned process group.
///
/// Until this is over, a second stop sent to this process alone stops it without reaching the command: the
/// price for stopping by the very signal, which a shell shows, rather than by `SIGSTOP`.
pub(crate) fn stop_self(signal: i32) {
    let old = Disposition::of(signal);
    // Fails for SIGSTOP, whose effect cannot be changed.
    let _ = Disposition::set_default(signal);
    take_effect(signal);
    if let Some(old) = old {
        old.restore(signal);
    }
}

/// Let a blocked signal through to this process.
fn take_effect(signal: i32) {
    // To this very thread, as others may wait for signals.
    // SAFETY: signals this process only.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), gettid(), signal) };
    // Pending until now: the effect comes inside this call.
    let blocked = watched().without(signal).set();
    blocked.set();
}
