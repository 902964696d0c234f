//! The notification descriptor: receive calls, answer them, pass descriptors back.
//!
//! Typed, but thin: every method is one `ioctl`, apart from [`Listener::recv`], which repeats it where the
//! kernel says that a caller went away. Source: `seccomp_unotify(2)`, `include/uapi/linux/seccomp.h`.
//!
//! # Safety
//!
//! The kernel writes at most `seccomp_notif` bytes, as `SECCOMP_GET_NOTIF_SIZES` tells; [`Supported`]
//! refuses a kernel whose structure is larger than the buffer it is given. All other arguments are read only during the
//! call. A wrong descriptor is answered with `ENOTTY` or `EINVAL`, it cannot break memory.
#![expect(unsafe_code, reason = "ioctl")]

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use callgate_abi::{Errno, SeccompData};

use crate::error::Error;
use crate::raw::errno;
use crate::receiving::{Ask, Next, Receiving, Said};

const _: () = {
    assert!(size_of::<libc::seccomp_data>() == 64);
    assert!(size_of::<libc::seccomp_notif>() == 80);
    assert!(size_of::<libc::seccomp_notif_resp>() == 24);
    assert!(size_of::<libc::seccomp_notif_addfd>() == 24);
    assert!(size_of::<libc::seccomp_notif_sizes>() == 6);
};

/// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP`.
const SYNC_WAKE_UP: libc::c_ulong = 1;

/// Room for a notification of a kernel that knows more than this code does.
#[repr(C, align(8))]
struct Buffer([u8; 256]);

/// The supervisor's end of a filter loaded with [`Flags::new_listener`](crate::Flags::new_listener).
///
/// ```
/// use callgate_abi::{Action, Insn, insn::op};
/// use callgate_sys::{Command, Flags};
///
/// // Every call asks first.
/// let program = [Insn::stmt(op::RET_K, Action::Notify(0).to_ret())];
/// let flags = Flags { new_listener: true, ..Flags::NEW };
/// let mut child = Command::new(&["true"])?.filter(&program, flags).spawn()?;
/// if let Some(listener) = child.listener()? {
///     while let Some(call) = listener.recv()? {
///         println!("thread {} makes call {}", call.tid, call.data.nr);
///         // Gone or not: there is nothing more to do about it.
///         let _ = listener.respond_continue(call.id)?;
///     }
/// }
/// assert_eq!(child.wait()?.exit_code(), 0);
/// # Ok::<(), callgate_sys::Failure>(())
/// ```
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
}

/// This kernel has notifications, of a size that this code has room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Supported(());

impl Supported {
    /// Asks the kernel.
    ///
    /// # Errors
    ///
    /// It has none (before Linux 5.0), or larger ones.
    pub fn find_out() -> Result<Supported, Error> {
        let sizes = notif_sizes()?;
        let fits = usize::from(sizes.seccomp_notif) <= size_of::<Buffer>()
            && usize::from(sizes.seccomp_notif) >= size_of::<libc::seccomp_notif>()
            && usize::from(sizes.seccomp_notif_resp) <= size_of::<Buffer>();
        if fits {
            return Ok(Supported(()));
        }
        Err(Error::Refused { what: "this kernel's seccomp notifications have another size" })
    }
}

/// Names one pending notification of one listener. Never reused by the kernel within a listener.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NotifyId(pub(crate) u64);

impl NotifyId {
    /// The kernel's number, for reports.
    pub fn get(self) -> u64 {
        self.0
    }
}

/// A call that waits for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notification {
    /// What to answer to.
    pub id: NotifyId,
    /// The calling thread, in this process's pid namespace; 0 when it is not visible from here. It may be
    /// gone and its number somebody else's: check [`Listener::is_valid`] after every use of it.
    pub tid: u32,
    /// The call.
    pub data: SeccompData,
}

/// Whether an answer arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Delivery<T = ()> {
    /// The caller has it.
    Delivered(T),
    /// The call no longer waits: its caller died, or a signal interrupted it (it will then be notified
    /// again, under another id, if the call is restarted).
    Gone,
}

impl<T> Delivery<T> {
    /// Whether it arrived.
    pub fn is_delivered(&self) -> bool {
        matches!(self, Delivery::Delivered(_))
    }
}

/// What [`Listener::wait`] saw.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readiness {
    /// A notification is there, unless another worker takes it first.
    Ready,
    /// No task has the filter any more; nothing will ever arrive.
    Ended,
    /// The time passed.
    TimedOut,
}

/// Which number a descriptor gets in the caller's process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot {
    /// The lowest free one.
    Lowest,
    /// This one, replacing what was there (`SECCOMP_ADDFD_FLAG_SETFD`).
    At(u32),
}

impl Listener {
    /// Take charge of a descriptor that [`install`](crate::install()) returned or another process sent.
    ///
    /// # Errors
    ///
    /// The kernel has no notifications, or larger ones than this code has room for.
    pub fn new(fd: OwnedFd) -> Result<Listener, Error> {
        Ok(Listener::known(fd, Supported::find_out()?))
    }

    /// The same without a system call, for whoever asked before: under a filter that notifies everything no
    /// call comes back until somebody else has the listener.
    pub fn known(fd: OwnedFd, _: Supported) -> Listener {
        Listener { fd }
    }

    /// Wait for a call. `None` when the last task with this filter has exited.
    ///
    /// Interruptions by signals and callers that vanish in between are none of the caller's business.
    /// Before Linux 6.11 this blocks for ever when the last task exits while it waits: call
    /// [`Listener::wait`] first there, and only one worker may then receive.
    ///
    /// # Errors
    ///
    /// Only for a descriptor that is no listener (`ENOTTY`, `EINVAL`).
    pub fn recv(&self) -> Result<Option<Notification>, Error> {
        let mut receiving = Receiving::default();
        loop {
            let said = match receiving.ask() {
                Ask::Receive => self.ask()?,
                Ask::Look if self.wait(Some(Duration::ZERO))? == Readiness::Ended => Said::Ended,
                Ask::Look => Said::NotEnded,
            };
            match receiving.said(said) {
                Next::Ask(_) => {}
                Next::Call(call) => return Ok(Some(call)),
                Next::Ended => return Ok(None),
            }
        }
    }

    fn ask(&self) -> Result<Said<Notification>, Error> {
        // The kernel insists on zeroes.
        let mut buffer = Buffer([0; 256]);
        // SAFETY: as large as the kernel's structure: there is no listener without [`Supported`].
        let ret = unsafe { libc::ioctl(self.raw(), libc::SECCOMP_IOCTL_NOTIF_RECV, buffer.0.as_mut_ptr()) };
        if ret != 0 {
            return match errno() {
                libc::EINTR => Ok(Said::Interrupted),
                libc::ENOENT => Ok(Said::Missing),
                _ => Err(Error::last("ioctl(SECCOMP_IOCTL_NOTIF_RECV)", "not a seccomp listener?")),
            };
        }
        // SAFETY: aligned to 8, at least as large, filled in, and of integers only.
        let notif = unsafe { buffer.0.as_ptr().cast::<libc::seccomp_notif>().read() };
        Ok(Said::Call(Notification {
            id: NotifyId(notif.id),
            tid: notif.pid,
            data: SeccompData {
                nr: notif.data.nr.cast_unsigned(),
                arch: notif.data.arch,
                ip: notif.data.instruction_pointer,
                args: notif.data.args,
            },
        }))
    }

    /// Wait until there is something to receive, at most `timeout` (`None`: for ever).
    ///
    /// # Errors
    ///
    /// When `poll(2)` fails for another reason than a signal.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Readiness, Error> {
        let mut poll = libc::pollfd { fd: self.raw(), events: libc::POLLIN, revents: 0 };
        // A time too far away to be told is for ever.
        let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
        loop {
            let left = deadline.map_or(-1, |d| {
                let left = d.saturating_duration_since(Instant::now());
                // Rounded up, so as not to spin through the last millisecond.
                i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
            });
            // SAFETY: one valid entry.
            match unsafe { libc::poll(&raw mut poll, 1, left) } {
                0 => return Ok(Readiness::TimedOut),
                n if n > 0 => {
                    let ready = poll.revents & libc::POLLIN != 0;
                    return Ok(if ready { Readiness::Ready } else { Readiness::Ended });
                }
                _ if errno() == libc::EINTR => {}
                _ => return Err(Error::last("poll", "")),
            }
        }
    }

    /// Whether the call still waits. What was read from the caller's memory or looked up by its number
    /// before is the caller's only if this says so afterwards.
    ///
    /// # Errors
    ///
    /// Only for a descriptor that is no listener.
    pub fn is_valid(&self, id: NotifyId) -> Result<bool, Error> {
        // SAFETY: the kernel reads the id.
        let ret = unsafe { libc::ioctl(self.raw(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw const id.0) };
        match ret {
            0 => Ok(true),
            _ if errno() == libc::ENOENT => Ok(false),
            _ => Err(Error::last("ioctl(SECCOMP_IOCTL_NOTIF_ID_VALID)", "")),
        }
    }

    /// Let the call return `value` without having been executed.
    ///
    /// # Errors
    ///
    /// `EINPROGRESS` when it was answered before.
    pub fn respond_value(&self, id: NotifyId, value: i64) -> Result<Delivery, Error> {
        self.respond(libc::seccomp_notif_resp { id: id.0, val: value, error: 0, flags: 0 })
    }

    /// Let the call fail with `errno`.
    ///
    /// # Errors
    ///
    /// As [`Listener::respond_value`]. An `errno` of 0 is refused: it would be a success.
    pub fn respond_errno(&self, id: NotifyId, errno: Errno) -> Result<Delivery, Error> {
        if errno.0 == 0 {
            return Err(Error::Refused { what: "an errno of 0 is a success: answer with a value" });
        }
        self.respond(libc::seccomp_notif_resp { id: id.0, val: 0, error: -i32::from(errno.0), flags: 0 })
    }

    /// Let the kernel execute the call as if the filter had allowed it.
    ///
    /// This is no security decision: the caller's other threads may change what its pointers point to after
    /// it was looked at, and any filter in the stack with a stricter answer has been consulted already.
    ///
    /// # Errors
    ///
    /// As [`Listener::respond_value`]; `EINVAL` before Linux 5.5.
    pub fn respond_continue(&self, id: NotifyId) -> Result<Delivery, Error> {
        let flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
        self.respond(libc::seccomp_notif_resp { id: id.0, val: 0, error: 0, flags })
    }

    fn respond(&self, resp: libc::seccomp_notif_resp) -> Result<Delivery, Error> {
        loop {
            // SAFETY: the kernel reads the structure.
            let ret = unsafe { libc::ioctl(self.raw(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw const resp) };
            return match ret {
                0 => Ok(Delivery::Delivered(())),
                _ => match errno() {
                    libc::EINTR => continue,
                    libc::ENOENT => Ok(Delivery::Gone),
                    libc::EINPROGRESS => Err(Error::last(
                        "ioctl(SECCOMP_IOCTL_NOTIF_SEND)",
                        "the notification was answered before, or never received",
                    )),
                    _ => Err(Error::last("ioctl(SECCOMP_IOCTL_NOTIF_SEND)", "CONTINUE needs Linux 5.5")),
                },
            };
        }
    }

    /// Put a copy of `source` into the caller's table of descriptors; the call still waits. Returns the
    /// number it has there (Linux 5.9).
    ///
    /// # Errors
    ///
    /// `EMFILE` when the caller has no room, `EBADF` for a [`Slot::At`] beyond its limit, `EINPROGRESS` when
    /// the call was answered before.
    pub fn add_fd(
        &self,
        id: NotifyId,
        source: BorrowedFd<'_>,
        slot: Slot,
        close_on_exec: bool,
    ) -> Result<Delivery<u32>, Error> {
        self.add(id, source, slot, close_on_exec, 0)
    }

    /// As [`Listener::add_fd`], and let the call return that number, in one step: either both happen or
    /// neither (Linux 5.14).
    ///
    /// # Errors
    ///
    /// As [`Listener::add_fd`]; `EINVAL` before Linux 5.14.
    pub fn respond_fd(
        &self,
        id: NotifyId,
        source: BorrowedFd<'_>,
        slot: Slot,
        close_on_exec: bool,
    ) -> Result<Delivery<u32>, Error> {
        self.add(id, source, slot, close_on_exec, libc::SECCOMP_ADDFD_FLAG_SEND as u32)
    }

    fn add(
        &self,
        id: NotifyId,
        source: BorrowedFd<'_>,
        slot: Slot,
        close_on_exec: bool,
        send: u32,
    ) -> Result<Delivery<u32>, Error> {
        let (newfd, set) = match slot {
            Slot::Lowest => (0, 0),
            Slot::At(n) => (n, libc::SECCOMP_ADDFD_FLAG_SETFD as u32),
        };
        let addfd = libc::seccomp_notif_addfd {
            id: id.0,
            flags: set | send,
            srcfd: source.as_raw_fd().cast_unsigned(),
            newfd,
            newfd_flags: if close_on_exec { libc::O_CLOEXEC.cast_unsigned() } else { 0 },
        };
        loop {
            // SAFETY: the kernel reads the structure; the source is open as long as it is borrowed.
            let ret = unsafe { libc::ioctl(self.raw(), libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw const addfd) };
            if let Ok(number) = u32::try_from(ret) {
                return Ok(Delivery::Delivered(number));
            }
            let hint = match errno() {
                libc::EINTR => continue,
                // ESRCH: a signal took the caller away while the descriptor was on its way
                // (`kernel/seccomp.c`, the end of `seccomp_do_user_notification`).
                libc::ENOENT | libc::ESRCH => return Ok(Delivery::Gone),
                libc::EINVAL => "adding descriptors needs Linux 5.9, with an answer Linux 5.14",
                libc::EINPROGRESS => "the notification was answered before, or never received",
                libc::EBUSY => "another descriptor is on its way to this call",
                libc::EMFILE | libc::EBADF => {
                    "the caller's limit on descriptors (RLIMIT_NOFILE) is in the way"
                }
                _ => "",
            };
            return Err(Error::last("ioctl(SECCOMP_IOCTL_NOTIF_ADDFD)", hint));
        }
    }

    /// Wake the other side on this CPU (`SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP`, Linux 6.6): the faster way
    /// when the supervisor answers at once and then waits again.
    ///
    /// # Errors
    ///
    /// `EINVAL` or `ENOTTY` before Linux 6.6.
    pub fn set_sync_wake_up(&self, on: bool) -> Result<(), Error> {
        let flags = if on { SYNC_WAKE_UP } else { 0 };
        // SAFETY: the argument is a number.
        if unsafe { libc::ioctl(self.raw(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags) } == 0 {
            return Ok(());
        }
        Err(Error::last("ioctl(SECCOMP_IOCTL_NOTIF_SET_FLAGS)", "needs Linux 6.6"))
    }

    fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<Listener> for OwnedFd {
    fn from(listener: Listener) -> OwnedFd {
        listener.fd
    }
}

/// The sizes of the structures the kernel exchanges.
pub(crate) fn notif_sizes() -> Result<libc::seccomp_notif_sizes, Error> {
    let mut sizes = MaybeUninit::uninit();
    // SAFETY: the kernel fills in the structure.
    let ret = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_NOTIF_SIZES, 0usize, sizes.as_mut_ptr())
    };
    if ret != 0 {
        return Err(Error::last("seccomp(SECCOMP_GET_NOTIF_SIZES)", "needs Linux 5.0"));
    }
    // SAFETY: filled in.
    Ok(unsafe { sizes.assume_init() })
}

/// A listener whose number another process left, fetched by `pidfd_getfd(2)`; see [`crate::pidfd`].
///
/// # Errors
///
/// As [`crate::pidfd::get_fd`] and [`Listener::new`].
pub fn fetch(process: BorrowedFd<'_>, number: u32) -> Result<Listener, Error> {
    Listener::new(crate::pidfd::get_fd(process, number)?)
}
