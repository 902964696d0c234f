//! Loading a filter: `no_new_privs`, `seccomp(2)`, `prctl(PR_SET_SECCOMP)`.
//!
//! # Safety
//!
//! The kernel copies the program before it returns and keeps no pointer into this process, so a borrowed
//! slice is enough. [`Insn`] and `struct sock_filter` have one layout, asserted below.
#![expect(unsafe_code, reason = "system calls")]

use std::mem::{align_of, offset_of, size_of};
use std::os::fd::{FromRawFd, OwnedFd};

use callgate_abi::Insn;
use callgate_abi::insn::MAX_INSNS;

use crate::error::Error;
use crate::raw::{errno, prctl};

const _: () = {
    assert!(size_of::<Insn>() == size_of::<libc::sock_filter>());
    assert!(align_of::<Insn>() == align_of::<libc::sock_filter>());
    assert!(offset_of!(Insn, code) == offset_of!(libc::sock_filter, code));
    assert!(offset_of!(Insn, jt) == offset_of!(libc::sock_filter, jt));
    assert!(offset_of!(Insn, jf) == offset_of!(libc::sock_filter, jf));
    assert!(offset_of!(Insn, k) == offset_of!(libc::sock_filter, k));
};

const LOAD: &str = "seccomp(SECCOMP_SET_MODE_FILTER)";
const LOAD_PRCTL: &str = "prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER)";
const SET_NNP: &str = "prctl(PR_SET_NO_NEW_PRIVS)";

/// How to load a filter. Source: `seccomp(2)`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Flags {
    /// Set `no_new_privs` first: needed unless the caller has `CAP_SYS_ADMIN` in its user namespace.
    pub no_new_privs: bool,
    /// Put the filter on every thread of the process or on none (`SECCOMP_FILTER_FLAG_TSYNC`, Linux 3.17).
    pub tsync: bool,
    /// Report a thread that cannot follow as `ESRCH` instead of by its number
    /// (`SECCOMP_FILTER_FLAG_TSYNC_ESRCH`, Linux 5.7); needed for `tsync` together with `new_listener`.
    pub tsync_esrch: bool,
    /// Log every action but allow (`SECCOMP_FILTER_FLAG_LOG`, Linux 4.14).
    pub log: bool,
    /// Do not turn on the mitigation for speculative store bypass (`SECCOMP_FILTER_FLAG_SPEC_ALLOW`,
    /// Linux 4.17).
    pub spec_allow: bool,
    /// Return the descriptor on which notifications arrive (`SECCOMP_FILTER_FLAG_NEW_LISTENER`,
    /// Linux 5.0).
    pub new_listener: bool,
    /// Let only fatal signals interrupt a notified call once it has been received
    /// (`SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`, Linux 5.19); needs `new_listener`.
    pub wait_killable_recv: bool,
}

impl Flags {
    /// `no_new_privs` and nothing else: what an unprivileged program wants.
    pub const NEW: Flags = Flags {
        no_new_privs: true,
        tsync: false,
        tsync_esrch: false,
        log: false,
        spec_allow: false,
        new_listener: false,
        wait_killable_recv: false,
    };

    /// The `SECCOMP_FILTER_FLAG_*` bits, without `no_new_privs`, which is a call of its own.
    pub const fn bits(self) -> u32 {
        self.tsync as u32
            | (self.log as u32) << 1
            | (self.spec_allow as u32) << 2
            | (self.new_listener as u32) << 3
            | (self.tsync_esrch as u32) << 4
            | (self.wait_killable_recv as u32) << 5
    }

    /// The flags of these `SECCOMP_FILTER_FLAG_*` bits (`no_new_privs`, which has none, is unset), and the
    /// bits that are none of them.
    pub const fn from_bits(bits: u32) -> (Flags, u32) {
        let flags = Flags {
            no_new_privs: false,
            tsync: bits & 1 != 0,
            log: bits & 1 << 1 != 0,
            spec_allow: bits & 1 << 2 != 0,
            new_listener: bits & 1 << 3 != 0,
            tsync_esrch: bits & 1 << 4 != 0,
            wait_killable_recv: bits & 1 << 5 != 0,
        };
        (flags, bits & !flags.bits())
    }
}

const _: () = {
    const fn is(flags: Flags, bit: libc::c_ulong) -> bool {
        flags.bits() as libc::c_ulong == bit
    }
    let none = Flags { no_new_privs: false, ..Flags::NEW };
    assert!(is(none, 0));
    assert!(is(Flags { tsync: true, ..none }, libc::SECCOMP_FILTER_FLAG_TSYNC));
    assert!(is(Flags { tsync_esrch: true, ..none }, libc::SECCOMP_FILTER_FLAG_TSYNC_ESRCH));
    assert!(is(Flags { log: true, ..none }, libc::SECCOMP_FILTER_FLAG_LOG));
    assert!(is(Flags { spec_allow: true, ..none }, libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW));
    assert!(is(Flags { new_listener: true, ..none }, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER));
    assert!(is(Flags { wait_killable_recv: true, ..none }, libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV));
};

impl Default for Flags {
    fn default() -> Flags {
        Flags::NEW
    }
}

/// Load `program` on the calling thread, or on all threads with [`Flags::tsync`]. Returns the listener when
/// [`Flags::new_listener`] is set, with close-on-exec.
///
/// Between the first and the last system call nothing is allocated and no other call is made, so this may
/// be used between `fork` and `execve` and in a signal handler. When `seccomp(2)` does not exist and no
/// flag needs it, `prctl(PR_SET_SECCOMP)` is used.
///
/// ```
/// use callgate_abi::{Action, Errno, Insn, insn::op};
/// use callgate_sys::{Flags, install};
///
/// // `sethostname` fails with `EPERM` from now on, whoever calls it. (A real filter looks at the
/// // architecture first.)
/// let program = [
///     Insn::stmt(op::LD_ABS, 0),
///     Insn::jump(op::JEQ_K, libc::SYS_sethostname as u32, 0, 1),
///     Insn::stmt(op::RET_K, Action::Errno(Errno::EPERM).to_ret()),
///     Insn::stmt(op::RET_K, Action::ALLOW.to_ret()),
/// ];
/// install(&program, Flags::NEW)?;
/// # Ok::<(), callgate_sys::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::Refused`] for an empty program or one of more than 4,096 instructions,
/// [`Error::ThreadNotSynced`] when a thread could not follow (then no thread has the filter),
/// [`Error::Call`] otherwise. `no_new_privs` stays set when the load fails after it.
pub fn install(program: &[Insn], flags: Flags) -> Result<Option<OwnedFd>, Error> {
    let fprog = fprog_of(program)?;
    if flags.no_new_privs {
        set_no_new_privs()?;
    }
    // SAFETY: `fprog` and the slice it points into outlive the call, which only reads them.
    let ret = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags.bits(), &raw const fprog)
    };
    if ret < 0 {
        let errno = errno();
        if errno == libc::ENOSYS && flags.bits() == 0 {
            return load_by_prctl(program).map(|()| None);
        }
        return Err(Error::Call { call: LOAD, errno, hint: hint(errno, flags) });
    }
    let ret = ret as libc::c_int;
    if flags.new_listener {
        // SAFETY: with NEW_LISTENER a result that is no error is a new descriptor, owned by nobody else.
        return Ok(Some(unsafe { OwnedFd::from_raw_fd(ret) }));
    }
    if ret > 0 {
        return Err(Error::ThreadNotSynced { tid: ret });
    }
    Ok(None)
}

/// Enter strict mode: from now on this thread may only call `read`, `write`, `_exit` (not `exit_group`) and
/// `sigreturn`; anything else kills it.
///
/// # Errors
///
/// `EINVAL` when the thread already has a filter or the kernel lacks strict mode.
pub fn install_strict() -> Result<(), Error> {
    const HINT: &str = "a thread that already has a filter cannot enter strict mode";
    // SAFETY: takes no pointers.
    if unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_STRICT, 0, 0usize) } == 0 {
        return Ok(());
    }
    if errno() != libc::ENOSYS {
        return Err(Error::last("seccomp(SECCOMP_SET_MODE_STRICT)", HINT));
    }
    // SAFETY: takes no pointers.
    if unsafe { prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT as usize, 0) } == 0 {
        return Ok(());
    }
    Err(Error::last("prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)", HINT))
}

/// Give up, for good, gaining privileges by executing set-user-ID programs or file capabilities.
///
/// # Errors
///
/// `EINVAL` before Linux 3.5; whatever an outer filter answers.
pub fn set_no_new_privs() -> Result<(), Error> {
    // SAFETY: takes no pointers.
    if unsafe { prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0) } == 0 {
        return Ok(());
    }
    Err(Error::last(SET_NNP, "needs Linux 3.5; an outer filter may forbid it"))
}

/// Whether the calling thread has `no_new_privs`.
///
/// # Errors
///
/// `EINVAL` before Linux 3.5; whatever an outer filter answers.
pub fn no_new_privs() -> Result<bool, Error> {
    // SAFETY: takes no pointers.
    match unsafe { prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0) } {
        -1 => Err(Error::last("prctl(PR_GET_NO_NEW_PRIVS)", "needs Linux 3.5")),
        set => Ok(set != 0),
    }
}

/// Load by `prctl(PR_SET_SECCOMP)`, which knows no flags.
pub(crate) fn load_by_prctl(program: &[Insn]) -> Result<(), Error> {
    let fprog = fprog_of(program)?;
    let mode = libc::SECCOMP_MODE_FILTER as usize;
    // SAFETY: the kernel only reads `fprog` and the program behind it, during the call.
    let ret = unsafe { prctl(libc::PR_SET_SECCOMP, mode, (&raw const fprog).expose_provenance()) };
    if ret == 0 {
        return Ok(());
    }
    let errno = errno();
    Err(Error::Call { call: LOAD_PRCTL, errno, hint: hint(errno, Flags::NEW) })
}

fn fprog_of(program: &[Insn]) -> Result<libc::sock_fprog, Error> {
    let len = match u16::try_from(program.len()) {
        Ok(0) => return Err(Error::Refused { what: "the program is empty" }),
        Ok(len) if usize::from(len) <= MAX_INSNS => len,
        _ => return Err(Error::Refused { what: "the program has more than 4096 instructions" }),
    };
    Ok(libc::sock_fprog { len, filter: program.as_ptr().cast_mut().cast() })
}

/// What to do about a load that failed with `errno`.
const fn hint(errno: i32, flags: Flags) -> &'static str {
    match errno {
        libc::EACCES => "set no_new_privs first, or hold CAP_SYS_ADMIN in this user namespace",
        libc::EPERM => "an outer filter or security module forbids loading filters",
        libc::EBUSY => "only one filter in the stack may have a listener",
        libc::ENOMEM => {
            "all filters of a thread together may have 32768 instructions, each filter counting 4 more"
        }
        libc::ESRCH => "a thread has other filters than the caller: no thread was filtered",
        libc::EMFILE | libc::ENFILE => "no descriptor left for the listener",
        libc::EINVAL if flags.tsync && flags.new_listener && !flags.tsync_esrch => {
            "TSYNC together with NEW_LISTENER needs TSYNC_ESRCH (Linux 5.7)"
        }
        libc::EINVAL if flags.wait_killable_recv && !flags.new_listener => {
            "WAIT_KILLABLE_RECV needs NEW_LISTENER"
        }
        libc::EINVAL if flags.tsync_esrch && !flags.tsync => "TSYNC_ESRCH needs TSYNC",
        libc::EINVAL if flags.bits() != 0 => {
            "the kernel does not know one of the flags, the program is not valid, or the thread is in strict mode"
        }
        libc::EINVAL => {
            "the program is not valid, the thread is in strict mode, or the kernel has no CONFIG_SECCOMP_FILTER"
        }
        libc::ENOSYS if flags.bits() != 0 => {
            "the flags need seccomp(2): Linux 3.17, or an outer filter hides it"
        }
        libc::ENOSYS => "the kernel has no seccomp, or an outer filter hides it",
        _ => "",
    }
}
