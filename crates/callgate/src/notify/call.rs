//! A call that waits, and its answers.

use super::memory::Memory;
use callgate_abi::{Arch, Errno, SeccompData, Syscall};
use callgate_sys::behalf;
use callgate_sys::{Delivery, Error, Notification, NotifyId, Slot, pidfd};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Names a notified call among all that its listener ever hands out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Id(NotifyId);

impl Id {
    /// The kernel's number, for reports.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

/// A call whose caller waits for the answer. It is answered once: every answer takes it. One that is dropped
/// fails with `ENOSYS`, as if there were no supervisor.
#[derive(Debug)]
pub struct Call<'l> {
    listener: &'l callgate_sys::Listener,
    notification: Notification,
    answered: bool,
}

/// Why something about a caller could not be found out or done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallError {
    /// It no longer waits: it died, or a signal interrupted it. Nothing read so far is known to be its own.
    Gone,
    /// The kernel refused; for memory `EFAULT` where nothing is mapped.
    Kernel(Error),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Gone => f.write_str("the caller no longer waits"),
            CallError::Kernel(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for CallError {}

impl From<Error> for CallError {
    fn from(e: Error) -> CallError {
        CallError::Kernel(e)
    }
}

impl CallError {
    /// The error number, if a system call of the supervisor failed.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            CallError::Gone => None,
            CallError::Kernel(e) => e.errno().and_then(|e| u16::try_from(e).ok()).map(native),
        }
    }
}

/// An error number of this machine's.
pub(super) fn native(raw: u16) -> Errno {
    Arch::NATIVE.and_then(|arch| Errno::from_raw_on(raw, arch)).unwrap_or(Errno(raw))
}

impl<'l> Call<'l> {
    pub(super) fn new(listener: &'l callgate_sys::Listener, notification: Notification) -> Call<'l> {
        Call { listener, notification, answered: false }
    }

    /// Its name among the listener's calls.
    pub fn id(&self) -> Id {
        Id(self.notification.id)
    }

    /// The calling thread, as this process's pid namespace numbers it; 0 if it is not visible from here. For
    /// reports: it may be gone and its number somebody else's. What is looked up by it is the caller's only if
    /// [`Call::is_waiting`] says so afterwards.
    pub fn tid(&self) -> u32 {
        self.notification.tid
    }

    /// The call's number and registers: they cannot change any more.
    pub fn data(&self) -> &SeccompData {
        &self.notification.data
    }

    /// The call's name.
    pub fn syscall(&self) -> Option<Syscall> {
        Syscall::from_number(self.arch()?, self.data().nr)
    }

    /// The convention it was made under.
    pub fn arch(&self) -> Option<Arch> {
        Arch::of_call(self.data().arch, self.data().nr)
    }

    /// Whether its caller still waits (`SECCOMP_IOCTL_NOTIF_ID_VALID`).
    ///
    /// # Errors
    ///
    /// Only for a descriptor that is no listener.
    pub fn is_waiting(&self) -> Result<bool, Error> {
        self.listener.is_valid(self.notification.id)
    }

    /// The caller's memory.
    pub fn memory(&self) -> Memory<'_, 'l> {
        Memory { call: self }
    }

    /// What `looked_up` gives, if the caller waited until it was there: so that it is the caller's own.
    pub(super) fn confirmed<T>(&self, looked_up: Result<T, Error>) -> Result<T, CallError> {
        if !self.is_waiting()? {
            return Err(CallError::Gone);
        }
        Ok(looked_up?)
    }

    /// A duplicate of the caller's descriptor `number`: the same socket, the same file (`pidfd_getfd(2)`,
    /// Linux 5.6).
    ///
    /// # Errors
    ///
    /// `EBADF` when the caller has no such descriptor, `EPERM` without the right to trace it.
    pub fn duplicate(&self, number: i32) -> Result<OwnedFd, CallError> {
        let Ok(number) = u32::try_from(number) else {
            let (call, hint) = ("pidfd_getfd", "a negative descriptor");
            return Err(Error::Call { call, errno: i32::from(BAD_DESCRIPTOR), hint }.into());
        };
        let process = self.process()?;
        self.confirmed(pidfd::get_fd(process.as_fd(), number))
    }

    /// The caller, held so that its number cannot become another's.
    ///
    /// # Errors
    ///
    /// [`CallError::Gone`].
    pub fn process(&self) -> Result<OwnedFd, CallError> {
        self.confirmed(pidfd::open_thread(self.notification.tid.cast_signed()))
    }

    /// The caller's root directory, to look from.
    ///
    /// # Errors
    ///
    /// `EACCES` without the right to trace the caller.
    pub fn root(&self) -> Result<OwnedFd, CallError> {
        self.confirmed(behalf::place(self.notification.tid.cast_signed(), "root"))
    }

    /// The caller's working directory, to look from.
    ///
    /// # Errors
    ///
    /// As [`Call::root`].
    pub fn current_dir(&self) -> Result<OwnedFd, CallError> {
        self.confirmed(behalf::place(self.notification.tid.cast_signed(), "cwd"))
    }

    /// The directory behind the caller's descriptor `number`, to look from.
    ///
    /// # Errors
    ///
    /// `ENOENT` when the caller has no such descriptor; as [`Call::root`].
    pub fn directory(&self, number: i32) -> Result<OwnedFd, CallError> {
        self.confirmed(behalf::place(self.notification.tid.cast_signed(), &format!("fd/{number}")))
    }

    /// Lets the call return `value` without having been executed. Values from -4095 to -1 are errors to every
    /// C library.
    ///
    /// # Errors
    ///
    /// Only for a descriptor that is no listener, as for all answers.
    pub fn return_value(mut self, value: i64) -> Result<Delivery, Error> {
        self.answered = true;
        self.listener.respond_value(self.notification.id, value)
    }

    /// Lets the call fail. An error of 0 would be a success and fails with `ENOSYS`.
    ///
    /// # Errors
    ///
    /// As [`Call::return_value`].
    pub fn fail(mut self, errno: Errno) -> Result<Delivery, Error> {
        self.answered = true;
        let errno = match self.arch().or(Arch::NATIVE) {
            _ if errno.0 == 0 => Errno(NOT_THERE),
            Some(arch) => Errno(errno.on(arch)),
            None => errno,
        };
        self.listener.respond_errno(self.notification.id, errno)
    }

    /// Lets the kernel execute the call, unchecked: it reads again, from memory that the caller's other
    /// threads may write, what its pointers point to. Nothing that was decided about a copy of that memory
    /// holds for what is executed, so this is no way to permit a call: only to watch one, or to let one
    /// pass whose registers alone decide.
    ///
    /// # Errors
    ///
    /// As [`Call::return_value`]; `EINVAL` before Linux 5.5.
    pub fn continue_unchecked(mut self) -> Result<Delivery, Error> {
        self.answered = true;
        self.listener.respond_continue(self.notification.id)
    }

    /// Puts a copy of `source` into the caller's table, while the call goes on waiting; its number there
    /// (Linux 5.9).
    ///
    /// # Errors
    ///
    /// `EMFILE` when the caller has no room, `EBADF` for a [`Slot::At`] beyond its limit.
    pub fn add_fd(
        &self,
        source: BorrowedFd<'_>,
        slot: Slot,
        close_on_exec: bool,
    ) -> Result<Delivery<u32>, Error> {
        self.listener.add_fd(self.notification.id, source, slot, close_on_exec)
    }

    /// Puts a copy of `source` into the caller's table and lets the call return its number, in one step: no
    /// descriptor is left behind in a caller that was interrupted (Linux 5.14).
    ///
    /// # Errors
    ///
    /// As [`Call::add_fd`]; the call then fails with the same error.
    pub fn return_fd(
        mut self,
        source: BorrowedFd<'_>,
        slot: Slot,
        close_on_exec: bool,
    ) -> Result<Delivery<u32>, Error> {
        let sent = self.listener.respond_fd(self.notification.id, source, slot, close_on_exec);
        self.answered = true;
        if let Err(e) = &sent {
            let errno = e.errno().and_then(|e| u16::try_from(e).ok()).filter(|e| *e != 0);
            // The error to report is the first one.
            let _ = self.fail(native(errno.unwrap_or(NOT_THERE)));
        }
        sent
    }
}

/// `EBADF`, the same everywhere.
const BAD_DESCRIPTOR: u16 = 9;
/// `ENOSYS` as this library numbers errors; other architectures' numbers are made of it.
const NOT_THERE: u16 = 38;

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.answered {
            let errno = self.arch().or(Arch::NATIVE).map_or(NOT_THERE, |arch| Errno(NOT_THERE).on(arch));
            // Gone or not: nobody is left to tell.
            let _ = self.listener.respond_errno(self.notification.id, Errno(errno));
        }
    }
}
