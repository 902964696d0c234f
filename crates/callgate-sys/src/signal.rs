//! Signal masks and dispositions, taken and put back.
//!
//! # Safety
//!
//! `sigset_t` and `sigaction` are plain data filled in by the C library before they are read. No handler
//! that does anything is ever installed here: dispositions are set to default, to ignored, to a handler that only
//! lets a call be interrupted, or back to what they were.
#![expect(unsafe_code, reason = "system calls")]

use std::mem::MaybeUninit;

use crate::error::Error;

/// A signal mask.
#[derive(Clone, Copy)]
pub(crate) struct Mask(libc::sigset_t);

impl Mask {
    /// Every signal.
    pub(crate) fn all() -> Mask {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigfillset initialises the set.
        Mask(unsafe {
            libc::sigfillset(set.as_mut_ptr());
            set.assume_init()
        })
    }

    /// No signal.
    pub(crate) fn none() -> Mask {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigemptyset initialises the set.
        Mask(unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            set.assume_init()
        })
    }

    /// This mask less `signal`.
    pub(crate) fn without(mut self, signal: i32) -> Mask {
        // SAFETY: as above.
        unsafe { libc::sigdelset(&raw mut self.0, signal) };
        self
    }

    /// This mask and `signal`.
    pub(crate) fn with(mut self, signal: i32) -> Mask {
        // SAFETY: as above.
        unsafe { libc::sigaddset(&raw mut self.0, signal) };
        self
    }

    /// The set itself, for `sigtimedwait` and friends.
    pub(crate) fn as_ptr(&self) -> *const libc::sigset_t {
        &raw const self.0
    }

    /// Make this the calling thread's mask; returns the one before.
    pub(crate) fn set(&self) -> Mask {
        let mut old = Mask::none();
        // SAFETY: both sets are initialised; SIG_SETMASK with valid pointers cannot fail.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, &raw mut old.0) };
        old
    }
}

/// What a signal does.
#[derive(Clone, Copy)]
pub(crate) struct Disposition(libc::sigaction);

impl Disposition {
    /// What `signal` does now.
    pub(crate) fn of(signal: i32) -> Option<Disposition> {
        let mut old = MaybeUninit::uninit();
        // SAFETY: a null new action only asks.
        let ret = unsafe { libc::sigaction(signal, std::ptr::null(), old.as_mut_ptr()) };
        // SAFETY: filled in when the call succeeded.
        (ret == 0).then(|| Disposition(unsafe { old.assume_init() }))
    }

    /// Whether a handler of this program catches it.
    pub(crate) fn is_handled(&self) -> bool {
        self.0.sa_sigaction != libc::SIG_DFL && self.0.sa_sigaction != libc::SIG_IGN
    }

    /// Whether, for `SIGCHLD`, children leave no status to wait for.
    pub(crate) fn discards_children(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_IGN || self.0.sa_flags & libc::SA_NOCLDWAIT != 0
    }

    /// Make `signal` do this again.
    pub(crate) fn restore(&self, signal: i32) {
        // SAFETY: the action was read from the kernel before, its handler (if any) is still there.
        unsafe { libc::sigaction(signal, &raw const self.0, std::ptr::null_mut()) };
    }

    /// Give `signal` its default effect.
    pub(crate) fn set_default(signal: i32) -> Result<(), Error> {
        let action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: all zero is a valid action: SIG_DFL, no flags, an empty mask.
        let ret = unsafe { libc::sigaction(signal, action.as_ptr(), std::ptr::null_mut()) };
        if ret == 0 { Ok(()) } else { Err(Error::last("sigaction", "")) }
    }
}

impl Disposition {
    /// Let `SIGCHLD` interrupt calls, and be sent when a child ends, not when it stops.
    pub(crate) fn interrupting_sigchld() -> Result<(), Error> {
        extern "C" fn nothing(_: libc::c_int) {}
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        let handler: extern "C" fn(libc::c_int) = nothing;
        // SAFETY: all zero is a valid action; the handler touches nothing.
        let ret = unsafe {
            (*action.as_mut_ptr()).sa_sigaction = handler as libc::sighandler_t;
            (*action.as_mut_ptr()).sa_flags = libc::SA_NOCLDSTOP;
            libc::sigaction(libc::SIGCHLD, action.as_ptr(), std::ptr::null_mut())
        };
        if ret == 0 { Ok(()) } else { Err(Error::last("sigaction", "")) }
    }
}

/// The highest signal number.
pub(crate) fn highest() -> i32 {
    libc::SIGRTMAX()
}
