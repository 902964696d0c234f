//! The notification descriptor: everything a supervisor does with it.
//!
//! # Safety
//!
//! Raw calls take no pointers; the signal handler does nothing.
#![expect(unsafe_code, reason = "raw calls and a signal handler in a child")]

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::thread;

use callgate_abi::Action;

use super::loading::{MARK, getppid, on_getppid};
use super::trial::{ask, unexpected};
use super::{Feature, feature};
use crate::error::Error;
use crate::install::{Flags, install};
use crate::listener::{Delivery, Listener, Notification, Slot};

const LISTEN: Flags = Flags { new_listener: true, ..Flags::NEW };

pub(super) fn probe(features: &mut Vec<Feature>) -> Result<(), Error> {
    let mut add = |name, since, needed_for, trial| features.push(feature(name, since, needed_for, trial));
    add(
        "notify.answer",
        "5.0",
        "supervising calls",
        ask(|| {
            served(LISTEN, "ioctl(SECCOMP_IOCTL_NOTIF_SEND)", 42, |l, call| {
                l.respond_value(call.id, 42).map(drop)
            })?;
            let error = -i64::from(MARK.0);
            served(LISTEN, "ioctl(SECCOMP_IOCTL_NOTIF_SEND)", error, |l, call| {
                l.respond_errno(call.id, MARK).map(drop)
            })
        })?,
    );
    add(
        "notify.id-valid",
        "5.0",
        "looking at a caller without mistaking it for another",
        ask(|| {
            served(LISTEN, "ioctl(SECCOMP_IOCTL_NOTIF_ID_VALID)", 42, |l, call| {
                let before = l.is_valid(call.id)?;
                l.respond_value(call.id, 42).map(drop)?;
                if before && !l.is_valid(call.id)? { Ok(()) } else { Err(unexpected("ID_VALID")) }
            })
        })?,
    );
    add("notify.continue", "5.5", "letting a notified call through", ask(continued)?);
    add("notify.add-fd", "5.9", "opening files and connecting on a caller's behalf", ask(|| added(false))?);
    add("notify.add-fd-send", "5.14", "the same in one step", ask(|| added(true))?);
    add(
        "notify.sync-wake-up",
        "6.6",
        "fast answers",
        ask(|| {
            served(LISTEN, "ioctl(SECCOMP_IOCTL_NOTIF_SET_FLAGS)", 42, |l, call| {
                l.set_sync_wake_up(true)?;
                l.respond_value(call.id, 42).map(drop)
            })
        })?,
    );
    add("notify.wait-killable", "5.19", "supervising programs that are sent many signals", ask(shielded)?);
    add(
        "notify.end",
        "6.11",
        "several workers on one listener that all learn of the last caller's exit",
        ask(|| {
            let (listener, caller) = notified(LISTEN, getppid)?;
            let call = next(&listener)?;
            let _ = listener.respond_value(call.id, 0)?;
            let _ = caller.join();
            // Blocks for ever where it is missing: the trial's time runs out.
            match listener.recv()? {
                None => Ok(0),
                Some(_) => Err(unexpected("ioctl(SECCOMP_IOCTL_NOTIF_RECV)")),
            }
        })?,
    );
    Ok(())
}

/// A thread of this child that makes `calls` under a filter that notifies `getppid`.
fn notified<T: Send + 'static>(
    flags: Flags,
    calls: impl FnOnce() -> T + Send + 'static,
) -> Result<(Listener, thread::JoinHandle<T>), Error> {
    let lost = Error::Refused { what: "the filtered thread is gone" };
    let (sender, receiver) = mpsc::channel();
    let caller = thread::spawn(move || {
        let _ = sender.send(install(&on_getppid(Action::Notify(0)), flags));
        calls()
    });
    let fd = receiver.recv().map_err(|_| lost)??.ok_or(unexpected("SECCOMP_FILTER_FLAG_NEW_LISTENER"))?;
    Ok((Listener::new(fd)?, caller))
}

fn next(listener: &Listener) -> Result<Notification, Error> {
    listener.recv()?.ok_or(unexpected("ioctl(SECCOMP_IOCTL_NOTIF_RECV)"))
}

/// Notify one call, let `serve` answer, and see that the caller got `expected`.
fn served(
    flags: Flags,
    call: &'static str,
    expected: i64,
    serve: impl FnOnce(&Listener, Notification) -> Result<(), Error>,
) -> Result<i64, Error> {
    let (listener, caller) = notified(flags, getppid)?;
    serve(&listener, next(&listener)?)?;
    match caller.join() {
        Ok(got) if got == expected => Ok(0),
        _ => Err(unexpected(call)),
    }
}

fn continued() -> Result<i64, Error> {
    let real = getppid();
    served(LISTEN, "SECCOMP_USER_NOTIF_FLAG_CONTINUE", real, |l, call| l.respond_continue(call.id).map(drop))
}

/// Pass a descriptor, with or without the answer. Caller and supervisor share their table: a number that was
/// free before must be a descriptor afterwards.
fn added(send: bool) -> Result<i64, Error> {
    const CALL: &str = "ioctl(SECCOMP_IOCTL_NOTIF_ADDFD)";
    let source =
        File::open("/proc/self/status").map_err(|_| Error::Refused { what: "/proc is not mounted" })?;
    let (listener, caller) = notified(LISTEN, getppid)?;
    let call = next(&listener)?;
    let number = if send {
        listener.respond_fd(call.id, source.as_fd(), Slot::Lowest, true)?
    } else {
        let number = listener.add_fd(call.id, source.as_fd(), Slot::Lowest, true)?;
        if let Delivery::Delivered(number) = number {
            let _ = listener.respond_value(call.id, i64::from(number))?;
        }
        number
    };
    match (number, caller.join()) {
        (Delivery::Delivered(number), Ok(got)) if i64::from(number) == got => {
            // SAFETY: takes no pointers.
            let is_open = unsafe { libc::fcntl(number.cast_signed(), libc::F_GETFD) } == libc::FD_CLOEXEC;
            if is_open { Ok(0) } else { Err(unexpected(CALL)) }
        }
        _ => Err(unexpected(CALL)),
    }
}

extern "C" fn ignore(_: i32) {}

/// Whether a call that was received survives a signal.
fn shielded() -> Result<i64, Error> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all zero is a valid action, completed before use.
    unsafe {
        (*action.as_mut_ptr()).sa_sigaction = ignore as *const () as usize;
        libc::sigaction(libc::SIGUSR1, action.as_ptr(), std::ptr::null_mut());
    }
    let flags = Flags { wait_killable_recv: true, ..LISTEN };
    served(flags, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 42, |l, call| {
        // SAFETY: takes no pointers; the thread is one of this process.
        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), call.tid, libc::SIGUSR1) };
        if l.respond_value(call.id, 42)?.is_delivered() {
            Ok(())
        } else {
            Err(unexpected("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"))
        }
    })
}
