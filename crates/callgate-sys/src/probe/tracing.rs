//! Tracing: who may be traced, and what a tracer gets to see.
//!
//! # Safety
//!
//! Raw calls take no pointers, or pointers to live locals.
#![expect(unsafe_code, reason = "raw calls in a child")]

use std::io::{Read, Write, pipe};
use std::os::fd::AsRawFd;

use callgate_abi::Action;

use super::loading::{MARK, getppid, on_getppid, succeeded};
use super::trial::{Trial, ask, fork, unexpected};
use super::{Feature, feature};
use crate::error::Error;
use crate::install::{Flags, install};
use crate::memory;
use crate::ptrace::fast;
use crate::ptrace::{Event, Options, Stop, SyscallInfo, Tracee, wait_for};

/// The data a traced filter's verdict must bring back.
const DATA: u16 = 0x2345;

pub(super) fn probe(features: &mut Vec<Feature>) -> Result<(), Error> {
    let mut add = |name, since, needed_for, trial| features.push(feature(name, since, needed_for, trial));
    let child = child()?;
    add("ptrace.child", "3.4", "dump -- COMMAND, learning by ptrace", child);
    add("ptrace.others", "3.4", "dump --pid, looking into supervised processes", ask(|| attach_to(true))?);
    add("ptrace.get-filter", "4.4", "dump --pid", ask(|| read_filter(false))?);
    add("ptrace.get-metadata", "4.16", "telling which filters log", ask(|| read_filter(true))?);
    add("ptrace.syscall-info", "5.3", "dump -- COMMAND", ask(syscall_info)?);
    add("ptrace.trace-action", "4.8", "learning by SECCOMP_RET_TRACE", ask(trace_action)?);
    add("ptrace.fast", "5.3", "learn --fast", ask(led_around)?);
    add("ptrace.suspend-seccomp", "4.3", "looking at a program without its filters", ask(suspended)?);
    // Where attaching is impossible, reading memory fails for the same reason.
    let memory = if succeeded(&child) { ask(read_memory)? } else { child };
    add("ptrace.memory", "3.2", "showing strings and addresses behind a call's arguments", memory);
    Ok(())
}

/// A child can be traced.
pub(super) fn child() -> Result<Trial, Error> {
    ask(|| attach_to(false))
}

/// A grandchild that does `before`, then waits for a byte, then calls `getppid` and returns whether that gave
/// its real parent.
fn sleeper(before: impl FnOnce() -> bool) -> Result<(i32, impl Write), Error> {
    waiting(before, |parent| u8::from(getppid() != parent))
}

/// A grandchild that does `before`, then waits for a byte, and ends with what `after` says, which is told its parent.
fn waiting(before: impl FnOnce() -> bool, after: impl FnOnce(i64) -> u8) -> Result<(i32, impl Write), Error> {
    let no_pipe = |_| Error::last("pipe", "");
    let (mut wait, go) = pipe().map_err(no_pipe)?;
    let (mut is_ready, mut ready) = pipe().map_err(no_pipe)?;
    // SAFETY: takes no pointers.
    let parent = i64::from(unsafe { libc::getpid() });
    let theirs = go.as_raw_fd();
    let pid = fork(move || {
        // SAFETY: this process's copy of the end that its parent writes to, which it uses nowhere.
        unsafe { libc::close(theirs) };
        if !before() || ready.write_all(b"r").is_err() {
            return 2;
        }
        // Without the byte this one is killed together with its parent, or reads the end of the pipe where a filter around
        // both forbids it to ask for that.
        match wait.read(&mut [0]) {
            Ok(0) => 2,
            _ => after(parent),
        }
    })?;
    let _ = is_ready.read(&mut [0]);
    Ok((pid, go))
}

fn wake(go: &mut impl Write) -> Result<(), Error> {
    go.write_all(b"g").map_err(|_| Error::last("write", "the child is gone"))
}

fn stopped(pid: i32, options: Options) -> Result<Tracee, Error> {
    let tracee = Tracee::seize(pid, options)?;
    tracee.interrupt()?;
    match wait_for(pid)?.stop {
        Stop::Trap | Stop::Group(_) => Ok(tracee),
        _ => Err(unexpected("ptrace(PTRACE_INTERRUPT)")),
    }
}

/// Attach to a process: a child, or one that is no descendant, which yama guards more closely.
fn attach_to(stranger: bool) -> Result<i64, Error> {
    let (pid, _go) = sleeper(|| true)?;
    if !stranger {
        return stopped(pid, Options::default())?.detach(0).map(|()| 0);
    }
    // The sleeper is a sibling of this tracer, not its child.
    let (mut told, mut tell) = pipe().map_err(|_| Error::last("pipe", ""))?;
    fork(move || {
        let errno = match stopped(pid, Options::default()).and_then(|tracee| tracee.detach(0)) {
            Ok(()) => 0,
            Err(e) => e.errno().unwrap_or(libc::EIO),
        };
        u8::from(tell.write_all(&errno.to_ne_bytes()).is_err())
    })?;
    let mut errno = [0; 4];
    let _ = told.read(&mut errno);
    match i32::from_ne_bytes(errno) {
        0 => Ok(0),
        errno => {
            let hint = "kernel.yama.ptrace_scope or a security module forbids it";
            Err(Error::Call { call: "ptrace(PTRACE_SEIZE)", errno, hint })
        }
    }
}

fn read_filter(metadata: bool) -> Result<i64, Error> {
    let program = on_getppid(Action::Errno(MARK));
    let (pid, _go) = sleeper(move || install(&program, Flags { log: true, ..Flags::NEW }).is_ok())?;
    let tracee = stopped(pid, Options::default())?;
    let count = std::iter::from_fn({
        let mut index = 0;
        let tracee = &tracee;
        move || {
            index += 1;
            tracee.filter(index - 1).transpose()
        }
    });
    // An outer filter of this process comes before.
    let filters = count.collect::<Result<Vec<_>, _>>()?;
    let last = filters.len().checked_sub(1).ok_or(unexpected("ptrace(PTRACE_SECCOMP_GET_FILTER)"))?;
    if metadata {
        return match tracee.filter_logs(last)? {
            Some(true) => Ok(0),
            _ => Err(unexpected("ptrace(PTRACE_SECCOMP_GET_METADATA)")),
        };
    }
    if filters[last] == program { Ok(0) } else { Err(unexpected("ptrace(PTRACE_SECCOMP_GET_FILTER)")) }
}

fn syscall_info() -> Result<i64, Error> {
    let (pid, mut go) = sleeper(|| true)?;
    let tracee = stopped(pid, Options::default())?;
    tracee.cont_to_syscall(0)?;
    wake(&mut go)?;
    // The restarted read, its end, or the call after it: whichever entry comes first.
    for _ in 0..8 {
        if wait_for(pid)?.stop == Stop::Syscall
            && let SyscallInfo::Entry { nr, .. } = tracee.syscall_info()?
        {
            return i64::try_from(nr).map_err(|_| unexpected("ptrace(PTRACE_GET_SYSCALL_INFO)"));
        }
        tracee.cont_to_syscall(0)?;
    }
    Err(unexpected("ptrace(PTRACE_GET_SYSCALL_INFO)"))
}

fn trace_action() -> Result<i64, Error> {
    let program = on_getppid(Action::Trace(DATA));
    let (pid, mut go) = sleeper(move || install(&program, Flags::NEW).is_ok())?;
    let tracee = stopped(pid, Options { seccomp: true, ..Options::default() })?;
    tracee.cont(0)?;
    wake(&mut go)?;
    match wait_for(pid)? {
        Event { stop: Stop::Seccomp, .. } if tracee.event_message()? == u64::from(DATA) => Ok(0),
        _ => Err(unexpected("ptrace(PTRACE_O_TRACESECCOMP)")),
    }
}

/// Calls of a child are led around its filter.
fn led_around() -> Result<i64, Error> {
    let ask = Action::Trace(DATA).to_ret();
    let program = fast::filter(ask);
    let (pid, mut go) = waiting(
        || true,
        move |parent| match install(&program, Flags::NEW) {
            Ok(_) => u8::from((0..64).any(|_| getppid() != parent)),
            Err(_) => 2,
        },
    )?;
    let tracee = Tracee::seize(pid, Options { seccomp: true, ..Options::default() })?;
    wake(&mut go)?;
    fast::trial(&tracee).map(|()| 0)
}

fn suspended() -> Result<i64, Error> {
    let program = on_getppid(Action::Errno(MARK));
    let (pid, mut go) = sleeper(move || install(&program, Flags::NEW).is_ok())?;
    let options = Options { suspend_seccomp: true, ..Options::default() };
    let tracee = stopped(pid, options).map_err(|e| match e {
        Error::Call { errno, .. } => Error::Call {
            call: "ptrace(PTRACE_O_SUSPEND_SECCOMP)",
            errno,
            hint: "needs CAP_SYS_ADMIN and a tracer without filters",
        },
        other => other,
    })?;
    tracee.cont(0)?;
    wake(&mut go)?;
    match wait_for(pid)?.stop {
        // Its getppid gave the real parent.
        Stop::Gone(outcome) if outcome.exit_code() == 0 => Ok(0),
        _ => Err(unexpected("ptrace(PTRACE_O_SUSPEND_SECCOMP)")),
    }
}

fn read_memory() -> Result<i64, Error> {
    let secret = std::hint::black_box([7u8, 6, 5, 4]);
    // The grandchild is a copy: the same bytes lie at the same address.
    let (pid, _go) = sleeper(|| true)?;
    let mut copy = [0; 4];
    memory::read_exact(pid, secret.as_ptr().addr() as u64, &mut copy)?;
    if copy == secret { Ok(0) } else { Err(unexpected("process_vm_readv")) }
}
