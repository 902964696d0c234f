//! Running a command under a tracer that follows all its descendants and stays out of the way.

use std::collections::BTreeSet;

use super::event::{Event, Stop, Waited, wait_for, wait_or_signal};
use super::tracee::{Options, Tracee};
use crate::error::Error;
use crate::spawn::{Child, Command, Failure, Outcome, forward};

/// What is done at the stops that are no business of the follower's.
pub(super) trait Watcher {
    /// The thread stands still for this reason; it goes on when this returns. `executed` says whether the
    /// command has been executed yet: before, it is a copy of this process.
    fn stopped(&mut self, tracee: &Tracee, stop: Stop, executed: bool) -> Result<(), Error>;

    /// Let the thread go on, delivering `signal` (0: none).
    fn resume(&self, tracee: &Tracee, signal: i32) -> Result<(), Error>;

    /// Whether the signal that the last [`Watcher::stopped`] was about is not the program's.
    fn keeps_signal(&mut self) -> bool {
        false
    }

    /// The thread is gone, or its number now belongs to another.
    fn forget(&mut self, tid: i32);

    /// The command has executed a program, and stands still: whether it is to be followed any longer. Asked of
    /// [`follow_if_wanted`] alone.
    fn wants(&mut self, _tracee: &Tracee) -> bool {
        true
    }

    /// A moment has passed, or a child has ended.
    fn idle(&mut self) {}

    /// The threads that the last [`Watcher::stopped`] detached from: they are no longer followed.
    fn let_go(&mut self) -> Vec<i32> {
        Vec::new()
    }
}

/// Runs `command` to the end of it and of all its descendants, or of its own threads if only those are to be
/// followed. Signals and job control work as with
/// [`Command::forward_signals`].
pub(super) fn follow(
    command: Command<'_>,
    options: Options,
    watcher: &mut dyn Watcher,
) -> Result<Outcome, Failure> {
    let child = command.hold().forward_signals().spawn()?;
    if let Err(e) = attach(child.pid(), options, watcher) {
        child.kill();
        return Err(e.into());
    }
    match Follower::new(&child, watcher).run(&child)? {
        Some(outcome) => Ok(outcome),
        None => child.wait(),
    }
}

/// How far a command was followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Followed {
    /// To its end.
    ToTheEnd,
    /// Until it executed a program that it was not wanted of.
    UntilExecuted,
    /// Not at all: tracing is not permitted.
    NotAtAll,
}

/// The same where tracing is permitted, and as long as it is wanted; or else the command runs on its own.
pub(super) fn follow_if_wanted(
    command: Command<'_>,
    options: Options,
    watcher: &mut dyn Watcher,
) -> Result<(Outcome, Followed), Failure> {
    let child = command.hold().forward_signals().spawn()?;
    if attach(child.pid(), options, watcher).is_err() {
        child.release();
        return child.wait().map(|outcome| (outcome, Followed::NotAtAll));
    }
    match Follower::new(&child, watcher).run(&child)? {
        Some(outcome) => Ok((outcome, Followed::ToTheEnd)),
        None => child.wait().map(|outcome| (outcome, Followed::UntilExecuted)),
    }
}

/// Attach to the held child and set it going.
fn attach(pid: i32, options: Options, watcher: &dyn Watcher) -> Result<(), Error> {
    let tracee = Tracee::seize(pid, Options { follow: !options.threads, ..options })?;
    tracee.interrupt()?;
    match wait_for(pid)?.stop {
        Stop::Gone(_) => {
            Err(Error::Call { call: "ptrace(PTRACE_SEIZE)", errno: libc::ESRCH, hint: "the child is gone" })
        }
        Stop::Signal(signal) => watcher.resume(&tracee, signal),
        Stop::Syscall
        | Stop::Group(_)
        | Stop::Trap
        | Stop::Fork
        | Stop::Exec
        | Stop::Seccomp
        | Stop::Other(_) => watcher.resume(&tracee, 0),
    }
}

struct Follower<'a> {
    /// The command's process.
    main: i32,
    /// Whether it is the command yet, rather than our own child on the way there.
    executed: bool,
    outcome: Option<Outcome>,
    /// The threads that have been seen.
    tracees: BTreeSet<i32>,
    /// Threads told of by their parents, but not seen yet.
    expected: BTreeSet<i32>,
    /// Threads seen to end before their parents told of them.
    gone_early: BTreeSet<i32>,
    /// The command is not followed any longer.
    left: bool,
    watcher: &'a mut dyn Watcher,
}

impl<'a> Follower<'a> {
    fn new(child: &Child, watcher: &'a mut dyn Watcher) -> Follower<'a> {
        Follower {
            main: child.pid(),
            executed: false,
            outcome: None,
            tracees: BTreeSet::from([child.pid()]),
            expected: BTreeSet::new(),
            gone_early: BTreeSet::new(),
            left: false,
            watcher,
        }
    }

    /// From where the child is let go on; `None` if it has been left, to be waited for as one that was never traced.
    fn run(&mut self, child: &Child) -> Result<Option<Outcome>, Failure> {
        child.release();
        let relay = forward::Relay::new(self.main)?;
        std::thread::scope(|scope| {
            scope.spawn(|| relay.run());
            let done = self.follow(&relay);
            relay.finish();
            done
        })?;
        if self.left {
            forward::take_in();
            return Ok(None);
        }
        let hint = "somebody else reaped the command";
        let outcome = self.outcome.ok_or(Error::Call { call: "waitpid", errno: libc::ECHILD, hint })?;
        child.judge(outcome, self.executed).map(Some)
    }

    /// One event after another, until nobody is left.
    fn follow(&mut self, relay: &forward::Relay) -> Result<(), Error> {
        while !(self.left || self.tracees.is_empty() && self.expected.is_empty()) {
            match wait_or_signal()? {
                Waited::Event(event) => self.handle(event)?,
                Waited::Interrupted => self.watcher.idle(),
                Waited::Nobody => break,
            }
            if self.outcome.is_some() {
                relay.ended();
            }
        }
        Ok(())
    }

    fn handle(&mut self, Event { tid, stop }: Event) -> Result<(), Error> {
        if let Stop::Gone(outcome) = stop {
            if tid == self.main {
                self.outcome = Some(outcome);
            }
            self.watcher.forget(tid);
            if !self.tracees.remove(&tid) && !self.expected.remove(&tid) {
                self.gone_early.insert(tid);
            }
            return Ok(());
        }
        self.expected.remove(&tid);
        self.tracees.insert(tid);
        let tracee = Tracee::new(tid);
        match self.answer(&tracee, stop) {
            // Killed while it was stopped: its end will be told.
            Err(Error::Call { errno: libc::ESRCH, .. }) => Ok(()),
            other => other,
        }
    }

    /// Do what a stop calls for, and let the thread go on.
    fn answer(&mut self, tracee: &Tracee, stop: Stop) -> Result<(), Error> {
        let mut signal = 0;
        match stop {
            Stop::Fork => {
                let new = tid_of(tracee.event_message()?);
                if !self.gone_early.remove(&new) && !self.tracees.contains(&new) {
                    self.expected.insert(new);
                }
            }
            Stop::Exec => {
                let former = tid_of(tracee.event_message()?);
                if former != tracee.tid() {
                    self.tracees.remove(&former);
                    self.watcher.forget(former);
                }
                self.watcher.forget(tracee.tid());
                self.executed |= tracee.tid() == self.main;
                let alone = self.tracees.len() == 1 && self.expected.is_empty();
                if tracee.tid() == self.main && alone && !self.watcher.wants(tracee) {
                    tracee.detach(0)?;
                    self.left = true;
                    return Ok(());
                }
            }
            Stop::Group(signal) => {
                tracee.listen()?;
                if tracee.tid() == self.main && self.outcome.is_none() {
                    forward::stop_self(signal);
                    forward::pass_on_continuation(self.main);
                }
                return Ok(());
            }
            Stop::Signal(pending) => {
                self.watcher.stopped(tracee, stop, self.executed)?;
                signal = if self.watcher.keeps_signal() { 0 } else { pending };
            }
            Stop::Syscall | Stop::Seccomp | Stop::Other(_) => {
                self.watcher.stopped(tracee, stop, self.executed)?;
            }
            Stop::Trap | Stop::Gone(_) => {}
        }
        let let_go = self.watcher.let_go();
        for tid in &let_go {
            self.expected.remove(tid);
            // The command itself remains a child, whose end will be told.
            if *tid != self.main {
                self.tracees.remove(tid);
            }
        }
        if let_go.contains(&tracee.tid()) {
            return Ok(());
        }
        self.watcher.resume(tracee, signal)
    }
}

fn tid_of(message: u64) -> i32 {
    // Thread numbers are positive and below 2^22.
    i32::try_from(message).unwrap_or(0)
}
