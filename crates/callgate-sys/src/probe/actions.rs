//! The verdicts a filter may give: whether the kernel knows them, and whether they do what they should.
//!
//! # Safety
//!
//! The signal handler only stores into atomics. Raw calls take valid local pointers.
#![expect(unsafe_code, reason = "raw calls and a signal handler in a child")]

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use callgate_abi::Action;

use super::loading::{MARK, getppid, on_getppid};
use super::trial::{Trial, ask, unexpected};
use super::{Feature, feature};
use crate::error::Error;
use crate::install::{Flags, install};
use crate::raw::prctl;

pub(super) fn probe(features: &mut Vec<Feature>) -> Result<(), Error> {
    let mut add = |name, since, needed_for, trial| features.push(feature(name, since, needed_for, trial));
    let kill = Action::KILL_PROCESS;
    add("action.kill", "4.14", "ending a process that breaks the rules", {
        known(kill, ask(kill_process)?.expect_sigsys("SECCOMP_RET_KILL_PROCESS"))?
    });
    add("action.kill-thread", "3.5", "ending a thread", known(Action::KILL_THREAD, ask(kill_thread)?)?);
    add(
        "action.trap",
        "3.5",
        "handling denied calls within the process",
        known(Action::Trap(0), ask(trap)?)?,
    );
    add(
        "action.errno",
        "3.5",
        "failing calls",
        known(Action::Errno(MARK), ask(|| gives(Action::Errno(MARK), "SECCOMP_RET_ERRNO"))?)?,
    );
    // What a supervisor answers is tried elsewhere; without one the call must fail.
    add("action.notify", "5.0", "supervising calls", {
        known(Action::Notify(0), ask(|| fails_without_anybody(Action::Notify(0), "SECCOMP_RET_USER_NOTIF"))?)?
    });
    add("action.trace", "3.5", "learning and debugging by ptrace", {
        known(Action::Trace(0), ask(|| fails_without_anybody(Action::Trace(0), "SECCOMP_RET_TRACE"))?)?
    });
    add("action.log", "4.14", "trying a policy without enforcing it", {
        known(Action::LOG, ask(|| gives(Action::LOG, "SECCOMP_RET_LOG"))?)?
    });
    add("action.allow", "3.5", "anything", {
        known(Action::ALLOW, ask(|| gives(Action::ALLOW, "SECCOMP_RET_ALLOW"))?)?
    });
    Ok(())
}

/// A trial of `action`, unless the kernel says that it does not know it. Linux before 4.14 cannot be asked.
fn known(action: Action, trial: Trial) -> Result<Trial, Error> {
    let asked = ask(|| {
        let value = action.to_ret() & 0xffff_0000;
        let op = libc::SECCOMP_GET_ACTION_AVAIL;
        // SAFETY: the kernel reads the number.
        if unsafe { libc::syscall(libc::SYS_seccomp, op, 0usize, &raw const value) } == 0 {
            return Ok(0);
        }
        Err(Error::last("seccomp(SECCOMP_GET_ACTION_AVAIL)", "the kernel does not know this action"))
    })?;
    Ok(match asked {
        Trial::Failed(Error::Call { errno: libc::EOPNOTSUPP, .. }) => asked,
        _ => trial,
    })
}

fn load(action: Action) -> Result<(), Error> {
    install(&on_getppid(action), Flags::NEW).map(drop)
}

fn gives(action: Action, call: &'static str) -> Result<i64, Error> {
    let before = getppid();
    load(action)?;
    let expected = if action.permits() { before } else { -i64::from(MARK.0) };
    if getppid() == expected { Ok(0) } else { Err(unexpected(call)) }
}

fn fails_without_anybody(action: Action, call: &'static str) -> Result<i64, Error> {
    load(action)?;
    if getppid() == -i64::from(libc::ENOSYS) { Ok(0) } else { Err(unexpected(call)) }
}

fn kill_process() -> Result<i64, Error> {
    // SAFETY: takes no pointers.
    unsafe { prctl(libc::PR_SET_DUMPABLE, 0, 0) };
    load(Action::KILL_PROCESS)?;
    // Another thread breaks the rule; all must die.
    thread::spawn(getppid);
    thread::sleep(Duration::from_secs(1));
    Ok(0)
}

fn kill_thread() -> Result<i64, Error> {
    static TID: AtomicI32 = AtomicI32::new(0);
    // SAFETY: takes no pointers.
    unsafe { prctl(libc::PR_SET_DUMPABLE, 0, 0) };
    load(Action::KILL_THREAD)?;
    thread::spawn(|| {
        // SAFETY: takes no pointers.
        TID.store(unsafe { libc::syscall(libc::SYS_gettid) } as i32, Ordering::Release);
        getppid();
        loop {
            thread::park();
        }
    });
    // A thread killed so is never joined by the standard library: watch its number instead.
    for _ in 0..1000 {
        let tid = TID.load(Ordering::Acquire);
        // SAFETY: signal 0 only asks whether the thread is there.
        if tid != 0 && unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, 0usize) } != 0 {
            return Ok(0);
        }
        thread::sleep(Duration::from_millis(1));
    }
    Err(unexpected("SECCOMP_RET_KILL_THREAD"))
}

/// The data a trap must bring back.
const DATA: u16 = 0x1234;
static TRAPPED: AtomicI32 = AtomicI32::new(-1);

extern "C" fn on_sigsys(_: i32, info: *const libc::siginfo_t, _: *const libc::c_void) {
    // SAFETY: the kernel passes a valid structure (SA_SIGINFO).
    TRAPPED.store(unsafe { (*info).si_errno }, Ordering::Release);
}

fn trap() -> Result<i64, Error> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all zero is a valid action, completed before use; the handler has the signature SA_SIGINFO asks for.
    unsafe {
        (*action.as_mut_ptr()).sa_sigaction = on_sigsys as *const () as usize;
        (*action.as_mut_ptr()).sa_flags = libc::SA_SIGINFO;
        if libc::sigaction(libc::SIGSYS, action.as_ptr(), std::ptr::null_mut()) != 0 {
            return Err(Error::last("sigaction", ""));
        }
    }
    load(Action::Trap(DATA))?;
    getppid();
    if TRAPPED.load(Ordering::Acquire) == i32::from(DATA) {
        Ok(0)
    } else {
        Err(unexpected("SECCOMP_RET_TRAP"))
    }
}
