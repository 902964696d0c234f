//! The supervisor's end.

use super::call::Call;
use callgate_sys::listener::Supported;
use callgate_sys::{Error, Readiness, descriptor, pidfd, scm};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// The descriptor on which notified calls arrive.
///
/// Any number of threads may receive on one listener at the same time; each call arrives once. It becomes
/// readable when a call waits, so that `poll`, `epoll` and every runtime built on them can watch it
/// ([`AsFd`]). Closing it lets all calls, waiting ones and future ones, fail with `ENOSYS`.
#[derive(Debug)]
pub struct Listener {
    inner: callgate_sys::Listener,
}

/// What came of waiting for some time.
#[derive(Debug)]
pub enum Received<'l> {
    /// A call that waits for its answer.
    Call(Call<'l>),
    /// No task has the filter any more; nothing will ever arrive.
    Ended,
    /// The time passed.
    TimedOut,
}

impl Listener {
    /// Takes charge of a listener that another part of the program or another process obtained.
    ///
    /// # Errors
    ///
    /// The kernel has no notifications (before Linux 5.0), or of a size this library has no room for. A
    /// descriptor that is no listener is found out by the first [`Listener::receive`].
    pub fn new(fd: OwnedFd) -> Result<Listener, Error> {
        callgate_sys::Listener::new(fd).map(|inner| Listener { inner })
    }

    pub(super) fn known(fd: OwnedFd, supported: Supported) -> Listener {
        Listener { inner: callgate_sys::Listener::known(fd, supported) }
    }

    /// The listener that whoever started this program left open under this number. It is not passed on to
    /// programs started from here.
    ///
    /// # Errors
    ///
    /// `EBADF` when no such descriptor is open.
    pub fn inherited(number: i32) -> Result<Listener, Error> {
        Listener::new(descriptor::inherited(number)?)
    }

    /// Fetches descriptor `number` of a process (`pidfd_getfd(2)`, Linux 5.6), which needs the right to trace
    /// it and nothing from the process itself: it may be stopped in a notified call.
    ///
    /// # Errors
    ///
    /// `ESRCH`, `EBADF`, `EPERM`.
    pub fn fetch(pid: u32, number: u32) -> Result<Listener, Error> {
        let process = pidfd::open(pid.cast_signed())?;
        Listener::new(pidfd::get_fd(process.as_fd(), number)?)
    }

    /// Receives a listener over a connected Unix domain socket (`SOCK_STREAM`, `SOCK_SEQPACKET` or
    /// `SOCK_DGRAM`), with the bytes it came with, at most `room` of them. `None` when the other side closed
    /// without sending one. Further descriptors of the same message are closed.
    ///
    /// # Errors
    ///
    /// As `recvmsg(2)`; `EBADMSG` for bytes without a descriptor.
    pub fn receive_from(socket: BorrowedFd<'_>, room: usize) -> Result<Option<(Listener, Vec<u8>)>, Error> {
        let mut bytes = vec![0; room.max(1)];
        let (len, fds) = scm::recv(socket, &mut bytes)?;
        bytes.truncate(len);
        match fds.into_iter().next() {
            Some(fd) => Ok(Some((Listener::new(fd)?, bytes))),
            None if len == 0 => Ok(None),
            None => Err(Error::Refused { what: "the message brought no descriptor" }),
        }
    }

    /// Waits for a call. `None` when the last task with the filter has exited.
    ///
    /// A signal to this thread, or a caller that dies between the wake-up and the look, just makes it wait
    /// on. Before Linux 6.11 a receiver that already waits is not woken by the last exit: there, use one
    /// receiver, and [`Listener::receive_within`].
    ///
    /// # Errors
    ///
    /// Only for a descriptor that is no listener.
    pub fn receive(&self) -> Result<Option<Call<'_>>, Error> {
        Ok(self.inner.recv()?.map(|n| Call::new(&self.inner, n)))
    }

    /// The same for at most `time`. With several receivers a call may be taken by another one in between;
    /// then this waits for the next, however long that takes.
    ///
    /// # Errors
    ///
    /// As [`Listener::receive`].
    pub fn receive_within(&self, time: Duration) -> Result<Received<'_>, Error> {
        Ok(match self.inner.wait(Some(time))? {
            Readiness::Ready => self.receive()?.map_or(Received::Ended, Received::Call),
            Readiness::Ended => Received::Ended,
            Readiness::TimedOut => Received::TimedOut,
        })
    }

    /// Waits until there is something to receive, at most `time` (`None`: for ever).
    ///
    /// # Errors
    ///
    /// When `poll(2)` fails for another reason than a signal.
    pub fn wait(&self, time: Option<Duration>) -> Result<Readiness, Error> {
        self.inner.wait(time)
    }

    /// Wakes the other side on the CPU that this one is about to leave (`SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP`,
    /// Linux 6.6). Faster where many threads call and each answer is at once followed by the next wait; a loss
    /// where the supervisor goes on working after it has answered.
    ///
    /// # Errors
    ///
    /// `EINVAL` or `ENOTTY` before Linux 6.6.
    pub fn set_sync_wake_up(&self, on: bool) -> Result<(), Error> {
        self.inner.set_sync_wake_up(on)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl From<Listener> for OwnedFd {
    fn from(listener: Listener) -> OwnedFd {
        listener.inner.into()
    }
}
