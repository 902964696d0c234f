//! Calls counted in the kernel, read from time to time.
//!
//! # Safety
//!
//! Only the calling thread's mask changes, and is put back; waiting for a signal writes nothing. A thread of ours asks to
//! be scheduled before others.
#![expect(unsafe_code, reason = "sigtimedwait, sched_setscheduler")]

use std::os::fd::AsFd;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::bpf::{Counted, Counter, FirstCall, Target, Wanted};
use crate::error::Error;
use crate::signal::Mask;
use crate::spawn::{Command, Failure, Outcome};

/// How often the counts are read.
const PERIOD: Duration = Duration::from_millis(250);
/// How often it is looked whether anybody is left.
const MOMENT: Duration = Duration::from_millis(20);

/// Who is told all counts as they are, again and again: every quarter of a second, and at the end.
pub type Totals<'a> = &'a mut (dyn FnMut(&[Counted]) + Send);

/// Who is told the first call of each kind, with the stack, soon after it was made, by a thread of its own.
pub type Firsts<'a> = &'a mut (dyn FnMut(FirstCall) + Send);

/// What came of counting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tally {
    /// How many calls are missing from the counts, as there were too many different ones.
    pub lost: u64,
}

/// Run `command` to the end of it and of all its descendants, unfiltered and not stopped, while the kernel counts
/// the calls it makes after it was executed, with `denied` also those that filters answer. `ready` is called when counting has begun, before the command does.
///
/// Signals and job control work as with [`Command::forward_signals`], until the command itself has ended. When
/// this process dies, so does the command, and counting ends; its descendants go on.
///
/// # Errors
///
/// As [`Counter::start`], and [`Failure`] when the command could not be executed; nothing is left running.
pub fn count_calls(
    command: Command<'_>,
    wanted: Wanted<'_>,
    denied: bool,
    ready: &mut dyn FnMut(),
    totals: Totals<'_>,
    firsts: Option<Firsts<'_>>,
) -> Result<(Outcome, Tally), Failure> {
    let (alive, end) = std::os::unix::net::UnixStream::pair().map_err(|_| Error::last("socketpair", ""))?;
    let child = command.hold().die_with_parent().forward_signals().spawn()?;
    let counter = match Counter::start(Target::Command(child.pid()), wanted, denied, firsts.is_some()) {
        Ok(counter) => counter,
        Err(e) => {
            child.kill();
            return Err(e.into());
        }
    };
    let (stop, stopped) = channel::<()>();
    let (counter, totals) = (&counter, totals);
    let (outcome, read) = std::thread::scope(|scope| {
        let firsts = firsts.map(|told| {
            let (begun, begins) = channel::<()>();
            let firsts = scope.spawn(move || {
                hurry();
                drop(begun);
                counter.first_calls(end.as_fd(), told)
            });
            // It may be over in a moment.
            let _ = begins.recv();
            firsts
        });
        ready();
        child.release();
        let worker = scope.spawn(move || -> Result<(), Error> {
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                // Forgets those that have ended.
                counter.is_populated()?;
                totals(&counter.counts()?);
            }
            let mut last = Instant::now();
            while counter.is_populated()? {
                std::thread::sleep(MOMENT);
                if last.elapsed() >= PERIOD {
                    totals(&counter.counts()?);
                    last = Instant::now();
                }
            }
            // Who made the first calls is told before how many there were in the end.
            drop(alive);
            let told = firsts.map_or(Ok(Ok(())), |firsts| firsts.join());
            told.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            totals(&counter.counts()?);
            Ok(())
        });
        let outcome = child.wait();
        drop(stop);
        (outcome, worker.join())
    });
    match read {
        Ok(read) => read?,
        Err(panic) => std::panic::resume_unwind(panic),
    }
    Ok((outcome?, Tally { lost: counter.lost()? }))
}

/// Count the calls of what is running already, with `denied` also those that filters answer, from now on, until it has ended, until `patience` is over, or
/// until this process is interrupted (`SIGINT`, `SIGTERM`, `SIGHUP`), which then only ends the counting. `ready` is
/// called when counting has begun.
///
/// # Errors
///
/// As [`Counter::start`].
pub fn count_running(
    target: Target<'_>,
    wanted: Wanted<'_>,
    denied: bool,
    patience: Option<Duration>,
    ready: &mut dyn FnMut(),
    totals: Totals<'_>,
    firsts: Option<Firsts<'_>>,
) -> Result<Tally, Error> {
    let interrupts = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];
    let old = Mask::none().set();
    let mask = interrupts.iter().fold(old, |mask, signal| mask.with(*signal));
    mask.set();
    let done = Counter::start(target, wanted, denied, firsts.is_some()).and_then(|counter| {
        let (alive, end) =
            std::os::unix::net::UnixStream::pair().map_err(|_| Error::last("socketpair", ""))?;
        std::thread::scope(|scope| {
            let counter = &counter;
            let firsts = firsts.map(|told| {
                scope.spawn(move || {
                    hurry();
                    counter.first_calls(end.as_fd(), told)
                })
            });
            ready();
            let watched = wait_until(counter, target, patience, totals, &interrupts);
            drop(alive);
            // Who made the first calls is told before how many there were in the end.
            match firsts.map_or(Ok(Ok(())), |thread| thread.join()) {
                Ok(told) => told.and(watched)?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
            totals(&counter.counts()?);
            Ok(Tally { lost: counter.lost()? })
        })
    });
    old.set();
    done
}

/// Whoever made the call may have ended before it is looked at: let the calling thread come before all others, for the
/// short while that takes, where that is permitted.
fn hurry() {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: a valid structure; concerns the calling thread alone, and what fails changes nothing.
    unsafe {
        libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const parameters)
    };
}

fn wait_until(
    counter: &Counter,
    target: Target<'_>,
    patience: Option<Duration>,
    totals: &mut (dyn FnMut(&[Counted]) + Send),
    interrupts: &[i32],
) -> Result<(), Error> {
    let wanted = interrupts.iter().fold(Mask::none(), |mask, signal| mask.with(*signal));
    let (start, mut last) = (Instant::now(), Instant::now());
    loop {
        let pause = libc::timespec { tv_sec: 0, tv_nsec: MOMENT.subsec_nanos().into() };
        // SAFETY: all pointers are valid; nothing is written.
        let signal = unsafe { libc::sigtimedwait(wanted.as_ptr(), std::ptr::null_mut(), &raw const pause) };
        let gone = match target {
            Target::Cgroup(folder) => !folder.join("cgroup.procs").exists(),
            Target::Command(_) | Target::Process(_) => !counter.is_populated()?,
        };
        if signal > 0 || gone || patience.is_some_and(|p| start.elapsed() >= p) {
            return Ok(());
        }
        if last.elapsed() >= PERIOD {
            totals(&counter.counts()?);
            last = Instant::now();
        }
    }
}
