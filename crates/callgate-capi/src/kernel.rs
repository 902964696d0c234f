//! What the kernel supports, loading programs, and the notification descriptor.
//!
//! # Safety
//!
//! Every call passes pointers to live values of the layout the kernel expects, or null where the kernel
//! must refuse; no call keeps a pointer.
#![expect(unsafe_code, reason = "system calls")]

use libc::{ECANCELED, EINVAL, ENOENT, EOPNOTSUPP, ESRCH, c_int, c_long, c_uint, c_ulong, c_void};
use std::ptr::null;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::SeqCst};

const SET_MODE_STRICT: c_uint = 0;
const SET_MODE_FILTER: c_uint = 1;
const GET_ACTION_AVAIL: c_uint = 2;
const GET_NOTIF_SIZES: c_uint = 3;

const TSYNC: c_uint = 1;
const LOG: c_uint = 1 << 1;
const SPEC_ALLOW: c_uint = 1 << 2;
const NEW_LISTENER: c_uint = 1 << 3;
const TSYNC_ESRCH: c_uint = 1 << 4;
const WAIT_KILLABLE_RECV: c_uint = 1 << 5;

/// Something newer kernels can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Feature {
    /// `seccomp(2)`.
    Call = 1,
    /// `SECCOMP_FILTER_FLAG_TSYNC`.
    Tsync = 1 << 1,
    /// `SECCOMP_FILTER_FLAG_LOG`.
    LogFlag = 1 << 2,
    /// `SECCOMP_RET_LOG`.
    LogAction = 1 << 3,
    /// `SECCOMP_RET_KILL_PROCESS`.
    KillProcess = 1 << 4,
    /// `SECCOMP_FILTER_FLAG_SPEC_ALLOW`.
    SpecAllow = 1 << 5,
    /// `SECCOMP_RET_USER_NOTIF` and what belongs to it.
    Notify = 1 << 6,
    /// `SECCOMP_FILTER_FLAG_TSYNC_ESRCH`.
    TsyncEsrch = 1 << 7,
    /// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`.
    WaitKillable = 1 << 8,
}

/// Features by level: what level 2 and each later one adds.
const LEVELS: [u32; 6] = [
    Feature::Call as u32 | Feature::Tsync as u32,
    Feature::LogFlag as u32 | Feature::LogAction as u32 | Feature::KillProcess as u32,
    Feature::SpecAllow as u32,
    Feature::Notify as u32,
    Feature::TsyncEsrch as u32,
    Feature::WaitKillable as u32,
];

/// Set in [`FEATURES`] once they are known.
const KNOWN: u32 = 1 << 31;

static FEATURES: AtomicU32 = AtomicU32::new(0);
static LISTENER: AtomicI32 = AtomicI32::new(-1);

/// The kernel this process runs on.
pub(crate) struct Kernel;

/// What to load a program with.
pub(crate) struct Load {
    pub(crate) no_new_privs: bool,
    pub(crate) tsync: bool,
    pub(crate) log: bool,
    pub(crate) spec_allow: bool,
    pub(crate) wait_killable: bool,
    /// Whether a rule hands calls to a supervisor.
    pub(crate) notifies: bool,
    /// Return the kernel's own error codes.
    pub(crate) raw_errors: bool,
}

impl Kernel {
    /// Whether the kernel has this, or [`Kernel::set_level`] says so.
    pub(crate) fn has(feature: Feature) -> bool {
        features() & feature as u32 != 0
    }

    /// The highest level all of whose features, and those of the levels below, are there.
    pub(crate) fn level() -> u32 {
        let features = features();
        let levels = LEVELS.iter().take_while(|l| features & **l == **l);
        1 + levels.count() as u32
    }

    /// Takes this level for what the kernel supports.
    pub(crate) fn set_level(level: u32) -> Result<(), c_int> {
        if !(1..=7).contains(&level) {
            return Err(EINVAL);
        }
        let features = LEVELS[..level as usize - 1].iter().fold(KNOWN, |all, l| all | l);
        FEATURES.store(features, SeqCst);
        Ok(())
    }

    /// The descriptor notifications arrive on. There is one in a process.
    pub(crate) fn listener() -> Option<c_int> {
        Some(LISTENER.load(SeqCst)).filter(|fd| *fd >= 0)
    }

    /// Closes that descriptor.
    pub(crate) fn reset() {
        let fd = LISTENER.swap(-1, SeqCst);
        if fd >= 0 {
            // SAFETY: closes a descriptor this library has opened and hands out only until now.
            unsafe { libc::close(fd) };
        }
    }

    /// Loads a program. From the first system call on no memory is allocated or freed.
    pub(crate) fn load(program: &[callgate::abi::Insn], how: &Load) -> Result<(), c_int> {
        let own = |errno| if how.raw_errors { errno } else { ECANCELED };
        let fprog = libc::sock_fprog {
            len: u16::try_from(program.len()).map_err(|_| own(EINVAL))?,
            filter: program.as_ptr().cast_mut().cast(),
        };
        let listen = how.notifies && Kernel::listener().is_none();
        let (call, esrch) = (Kernel::has(Feature::Call), Kernel::has(Feature::TsyncEsrch));
        // SAFETY: takes no pointers.
        if how.no_new_privs && unsafe { prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0) } < 0 {
            return Err(own(errno()));
        }
        if !call {
            let mode = libc::SECCOMP_MODE_FILTER as usize;
            // SAFETY: `fprog` and the program outlive the call.
            let done = unsafe { prctl(libc::PR_SET_SECCOMP, mode, (&raw const fprog).expose_provenance()) };
            return if done < 0 { Err(own(errno())) } else { Ok(()) };
        }
        let mut flags = 0;
        let mut set = |on: bool, flag| flags |= if on { flag } else { 0 };
        set(how.tsync, TSYNC);
        set(how.tsync && esrch, TSYNC_ESRCH);
        set(how.log, LOG);
        set(how.spec_allow, SPEC_ALLOW);
        set(listen, NEW_LISTENER);
        set(listen && how.wait_killable, WAIT_KILLABLE_RECV);
        // SAFETY: `fprog` and the program outlive the call.
        let done = unsafe { seccomp(SET_MODE_FILTER, flags, (&raw const fprog).cast()) };
        if done < 0 {
            return Err(match errno() {
                // A thread could not follow.
                ESRCH if how.tsync => ESRCH,
                errno => own(errno),
            });
        }
        if listen {
            LISTENER.store(done as c_int, SeqCst);
        } else if done > 0 {
            return Err(ESRCH);
        }
        Ok(())
    }

    /// The sizes of a notification and of its answer, in bytes.
    pub(crate) fn notification_sizes() -> Result<(usize, usize), c_int> {
        if !Kernel::has(Feature::Call) {
            return Err(EOPNOTSUPP);
        }
        let mut sizes = [0u16; 3];
        // SAFETY: the kernel writes three 16-bit numbers.
        if unsafe { seccomp(GET_NOTIF_SIZES, 0, sizes.as_mut_ptr().cast_const().cast()) } < 0 {
            return Err(ECANCELED);
        }
        Ok((sizes[0].into(), sizes[1].into()))
    }

    /// Waits for a notification.
    ///
    /// # Safety
    /// `request` is null or points to as many writable zeroed bytes as [`Kernel::notification_sizes`] says.
    pub(crate) unsafe fn receive(fd: c_int, request: *mut c_void) -> Result<(), c_int> {
        // SAFETY: the caller's contract.
        unsafe { notification(fd, RECV, request) }
    }

    /// Answers a notification.
    ///
    /// # Safety
    /// `response` is null or points to as many readable bytes as [`Kernel::notification_sizes`] says.
    pub(crate) unsafe fn respond(fd: c_int, response: *mut c_void) -> Result<(), c_int> {
        // SAFETY: the caller's contract.
        unsafe { notification(fd, SEND, response) }
    }

    /// Gives the caller behind a notification a descriptor; its number there.
    ///
    /// # Safety
    /// `addfd` points to a readable `struct seccomp_notif_addfd`.
    pub(crate) unsafe fn add_descriptor(fd: c_int, addfd: *mut c_void) -> Result<c_int, c_int> {
        if !Kernel::has(Feature::Notify) {
            return Err(EOPNOTSUPP);
        }
        // SAFETY: the caller's contract.
        match unsafe { libc::ioctl(fd, ADDFD as _, addfd) } {
            // As kernels before 5.9 say of it.
            -1 if errno() == EINVAL => Err(EOPNOTSUPP),
            ..0 => Err(ECANCELED),
            descriptor => Ok(descriptor),
        }
    }

    /// Whether the call behind a notification still waits.
    pub(crate) fn is_waiting(fd: c_int, id: u64) -> Result<(), c_int> {
        if !Kernel::has(Feature::Notify) {
            return Err(EOPNOTSUPP);
        }
        let ask = |request: c_ulong| {
            // SAFETY: the kernel reads one 64-bit number.
            unsafe { libc::ioctl(fd, request as _, &raw const id) }
        };
        if ask(ID_VALID) == 0 || (errno() == EINVAL && ask(ID_VALID_OLD) == 0) {
            return Ok(());
        }
        Err(ENOENT)
    }
}

// `_IOWR('!', 0, 80 bytes)` and so on; `_IOC_WRITE` and `_IOC_READ` are the same bits everywhere but on
// alpha, mips, powerpc and sparc.
const RECV: c_ulong = ioc(3, 0, 80);
const SEND: c_ulong = ioc(3, 1, 24);
const ID_VALID: c_ulong = ioc(WRITE, 2, 8);
const ADDFD: c_ulong = ioc(WRITE, 3, 24);
/// As kernels before 5.10 numbered it, with the wrong direction.
const ID_VALID_OLD: c_ulong = ioc(READ, 2, 8);
const ODD: bool = cfg!(any(
    target_arch = "mips",
    target_arch = "mips64",
    target_arch = "powerpc",
    target_arch = "powerpc64"
));
const WRITE: c_ulong = if ODD { 4 } else { 1 };
const READ: c_ulong = 2;

const fn ioc(direction: c_ulong, number: c_ulong, size: c_ulong) -> c_ulong {
    let direction = if ODD && direction == 3 { READ | WRITE } else { direction };
    direction << (if ODD { 29 } else { 30 }) | size << 16 | 0x21 << 8 | number
}

/// # Safety
/// `buffer` is what `request` wants, or null, which the kernel refuses.
unsafe fn notification(fd: c_int, request: c_ulong, buffer: *mut c_void) -> Result<(), c_int> {
    if !Kernel::has(Feature::Notify) {
        return Err(EOPNOTSUPP);
    }
    // SAFETY: the caller's contract.
    if unsafe { libc::ioctl(fd, request as _, buffer) } < 0 { Err(ECANCELED) } else { Ok(()) }
}

fn features() -> u32 {
    let features = FEATURES.load(SeqCst);
    if features & KNOWN != 0 {
        return features;
    }
    // Whoever asks first decides; all would find the same.
    let found = KNOWN | probe();
    FEATURES.compare_exchange(0, found, SeqCst, SeqCst).err().unwrap_or(found)
}

/// Asks by trying what cannot succeed: a kernel that knows a flag faults on the missing program.
fn probe() -> u32 {
    // SAFETY: the flags are not valid for strict mode, so nothing happens.
    let strict = unsafe { seccomp(SET_MODE_STRICT, 1, null()) };
    if strict == 0 || errno() != EINVAL {
        return 0;
    }
    let flag = |flags| {
        // SAFETY: without a program nothing is loaded.
        let done = unsafe { seccomp(SET_MODE_FILTER, flags, null()) };
        done < 0 && errno() == libc::EFAULT
    };
    let action = |action: u32| {
        // SAFETY: the kernel reads one 32-bit number.
        unsafe { seccomp(GET_ACTION_AVAIL, 0, (&raw const action).cast()) == 0 }
    };
    let mut sizes = [0u16; 3];
    let mut sized = || {
        // SAFETY: the kernel writes three 16-bit numbers.
        unsafe { seccomp(GET_NOTIF_SIZES, 0, sizes.as_mut_ptr().cast_const().cast()) == 0 }
    };
    let mut features = Feature::Call as u32;
    let mut set = |on: bool, feature: Feature| features |= if on { feature as u32 } else { 0 };
    set(flag(TSYNC), Feature::Tsync);
    set(flag(LOG), Feature::LogFlag);
    set(action(0x7ffc_0000), Feature::LogAction);
    set(action(0x8000_0000), Feature::KillProcess);
    set(flag(SPEC_ALLOW), Feature::SpecAllow);
    set(flag(NEW_LISTENER) && sized(), Feature::Notify);
    set(flag(TSYNC_ESRCH | TSYNC), Feature::TsyncEsrch);
    set(flag(NEW_LISTENER | WAIT_KILLABLE_RECV), Feature::WaitKillable);
    features
}

fn errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// # Safety
/// `args` is what `operation` wants.
unsafe fn seccomp(operation: c_uint, flags: c_uint, args: *const c_void) -> c_long {
    // SAFETY: the caller's contract.
    unsafe { libc::syscall(libc::SYS_seccomp, operation, flags, args) }
}

/// # Safety
/// Where the operation takes a pointer, `b` must be valid for it.
unsafe fn prctl(operation: c_int, a: usize, b: usize) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { libc::prctl(operation, a, b, 0usize, 0usize) }
}
