//! Loading: the ways in, and the flags.
//!
//! # Safety
//!
//! Raw calls here take no pointers that could be wrong: they are refused loads and harmless questions.
#![expect(unsafe_code, reason = "raw calls in a child")]

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use callgate_abi::insn::op;
use callgate_abi::{Action, Errno, Insn};

use super::trial::{Trial, ask, unexpected};
use super::{Feature, feature};
use crate::error::Error;
use crate::install::{Flags, install, install_strict, load_by_prctl, set_no_new_privs};
use crate::raw::errno;

/// The error the experiments' filters answer with: one that `getppid` never gives.
pub(super) const MARK: Errno = Errno(libc::ENOTBLK as u16);

/// A filter that answers `getppid`, whatever its ABI calls it, with `action` and allows the rest.
pub(super) fn on_getppid(action: Action) -> [Insn; 4] {
    [
        Insn::stmt(op::LD_ABS, 0),
        Insn::jump(op::JEQ_K, libc::SYS_getppid as u32, 0, 1),
        Insn::stmt(op::RET_K, action.to_ret()),
        Insn::stmt(op::RET_K, Action::ALLOW.to_ret()),
    ]
}

/// `getppid`: its result, or the error number negative.
pub(super) fn getppid() -> i64 {
    // SAFETY: takes no pointers.
    let ret = unsafe { libc::syscall(libc::SYS_getppid) };
    if ret < 0 { -i64::from(errno()) } else { ret as i64 }
}

/// Whether this thread's `getppid` is answered by [`on_getppid`] with [`MARK`].
fn is_marked() -> bool {
    getppid() == -i64::from(MARK.0)
}

pub(super) fn probe(features: &mut Vec<Feature>) -> Result<(), Error> {
    features.push(feature(
        "load.no-new-privs",
        "3.5",
        "loading filters without privileges",
        ask(|| set_no_new_privs().map(|()| 0))?,
    ));
    features.push(feature("load.seccomp", "3.17", "loading filters", ask(|| load(Flags::NEW))?));
    features.push(feature(
        "load.prctl",
        "3.5",
        "loading filters where seccomp(2) is missing",
        ask(|| {
            set_no_new_privs()?;
            load_by_prctl(&on_getppid(Action::Errno(MARK)))?;
            effect("prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER)")
        })?,
    ));
    features.push(feature(
        "load.privileged",
        "3.5",
        "loading filters while set-user-ID programs keep working",
        ask(|| load(Flags { no_new_privs: false, ..Flags::NEW }))?,
    ));
    features.push(feature(
        "load.strict",
        "2.6.23",
        "a process that only reads and writes",
        // The answer is given by plain stores, and `exit` is among the four calls.
        ask(|| install_strict().map(|()| 0))?,
    ));
    probe_flags(features)
}

fn probe_flags(features: &mut Vec<Feature>) -> Result<(), Error> {
    let new = Flags::NEW;
    let mut add = |name, since, needed_for, trial| features.push(feature(name, since, needed_for, trial));
    add("flag.tsync", "3.17", "filtering all threads at once", ask(tsync)?);
    add("flag.tsync-esrch", "5.7", "all threads and a listener at once", ask(tsync_esrch)?);
    add("flag.log", "4.14", "logging what a filter denies", ask(|| load(Flags { log: true, ..new }))?);
    add(
        "flag.spec-allow",
        "4.17",
        "full speed where the mitigation of speculative store bypass hangs on seccomp",
        ask(|| load(Flags { spec_allow: true, ..new }))?,
    );
    let listen = Flags { new_listener: true, ..new };
    add("flag.new-listener", "5.0", "supervising calls", ask(|| load_listener(listen))?);
    add(
        "flag.wait-killable-recv",
        "5.19",
        "supervising programs that are sent many signals",
        ask(|| load_listener(Flags { wait_killable_recv: true, ..listen }))?,
    );
    Ok(())
}

fn load(flags: Flags) -> Result<i64, Error> {
    install(&on_getppid(Action::Errno(MARK)), flags)?;
    effect("seccomp(SECCOMP_SET_MODE_FILTER)")
}

fn effect(call: &'static str) -> Result<i64, Error> {
    if is_marked() { Ok(0) } else { Err(unexpected(call)) }
}

fn load_listener(flags: Flags) -> Result<i64, Error> {
    match install(&on_getppid(Action::Notify(0)), flags)? {
        Some(_) => Ok(0),
        None => Err(unexpected("seccomp(SECCOMP_FILTER_FLAG_NEW_LISTENER)")),
    }
}

/// Load on all threads, and let another one tell whether it noticed.
fn tsync() -> Result<i64, Error> {
    static LOADED: AtomicBool = AtomicBool::new(false);
    let other = thread::spawn(|| {
        while !LOADED.load(Ordering::Acquire) {
            thread::sleep(Duration::from_micros(50));
        }
        is_marked()
    });
    let loaded = install(&on_getppid(Action::Errno(MARK)), Flags { tsync: true, ..Flags::NEW });
    LOADED.store(true, Ordering::Release);
    loaded?;
    match other.join() {
        Ok(true) => Ok(0),
        _ => Err(unexpected("seccomp(SECCOMP_FILTER_FLAG_TSYNC)")),
    }
}

/// Load on all threads although one has gone its own way, and see how that is told.
fn tsync_esrch() -> Result<i64, Error> {
    /// 0: not yet; 1: the thread has its filter; 2: it has not.
    static READY: AtomicI32 = AtomicI32::new(0);
    thread::spawn(|| {
        let loaded = install(&on_getppid(Action::ALLOW), Flags::NEW).is_ok();
        READY.store(if loaded { 1 } else { 2 }, Ordering::Release);
        loop {
            thread::park();
        }
    });
    while READY.load(Ordering::Acquire) == 0 {
        thread::sleep(Duration::from_micros(50));
    }
    let flags = Flags { tsync: true, tsync_esrch: true, ..Flags::NEW };
    match install(&on_getppid(Action::Errno(MARK)), flags) {
        Err(Error::Call { errno: libc::ESRCH, .. }) => Ok(0),
        Err(e) => Err(e),
        Ok(_) => Err(unexpected("seccomp(SECCOMP_FILTER_FLAG_TSYNC_ESRCH)")),
    }
}

/// Whether the trial went well.
pub(super) fn succeeded(trial: &Trial) -> bool {
    matches!(trial, Trial::Ok(_))
}
