//! Every call a notification, answered with `SECCOMP_USER_NOTIF_FLAG_CONTINUE`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use callgate_abi::Insn;

use super::caller::{Caller, Calls, name};
use super::guard::Guard;
use crate::error::Error;
use crate::install::Flags;
use crate::listener::{Delivery, Listener, Notification, Readiness};
use crate::spawn::{Command, Failure, Outcome, has_executed};

/// How long what is known of a thread is believed. Threads end unseen, and their numbers come round again.
const FRESH: Duration = Duration::from_secs(2);
/// How long nothing happens before that is told.
const MOMENT: Duration = Duration::from_millis(200);

/// Run `command` under `program`, which answers `SECCOMP_RET_USER_NOTIF` to the calls in question, to the end
/// of it and of all its descendants, and report each such call that begins after the command was executed. It
/// is reported when the kernel has been told to execute it: a call that a signal interrupts before comes
/// again.
///
/// Signals and job control work as with [`Command::forward_signals`]. Inside, programs may trace others, but no
/// other filter with a listener can be loaded (`EBUSY`). When this process dies, each process of the command is
/// killed at its next call of those in question: nobody else could answer.
///
/// # Errors
///
/// [`Failure`] when the command could not be executed or there are no notifications here; the command is then
/// killed.
pub fn notify_calls(
    command: Command<'_>,
    program: &[Insn],
    calls: &mut (dyn Calls + Send),
) -> Result<Outcome, Failure> {
    let flags = Flags { no_new_privs: true, new_listener: true, ..Flags::default() };
    let mut child = command.filter(program, flags).die_with_parent().forward_signals().spawn()?;
    let pid = child.pid();
    let made = child.listener().and_then(|listener| {
        let listener = listener.ok_or(Error::Refused { what: "the filter has no listener" })?;
        let guard = Guard::start(&listener)?;
        Ok((listener, guard))
    });
    let (listener, guard) = match made {
        Ok(made) => made,
        Err(failure) => {
            child.kill();
            return Err(failure);
        }
    };
    // Faster where there is one (Linux 6.6), and the same where not.
    let _ = listener.set_sync_wake_up(true);
    let (outcome, served) = std::thread::scope(|scope| {
        let worker = scope.spawn(|| serve(&listener, &guard, pid, calls));
        let outcome = child.wait();
        (outcome, worker.join())
    });
    drop(guard);
    match served {
        Ok(Ok(())) => outcome,
        Ok(Err(e)) => Err(e.into()),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Answers until no task has the filter any more. `main` is the command's process.
fn serve(listener: &Listener, guard: &Guard, main: i32, calls: &mut dyn Calls) -> Result<(), Error> {
    let mut callers = Callers { known: HashMap::new() };
    let mut executed = false;
    loop {
        match listener.wait(Some(MOMENT))? {
            Readiness::Ended => return Ok(()),
            Readiness::TimedOut => {
                calls.idle();
                continue;
            }
            Readiness::Ready => {}
        }
        let Some(Notification { id, tid, data }) = listener.recv()? else { return Ok(()) };
        guard.received(id);
        let tid = i32::try_from(tid).unwrap_or(0);
        executed |= tid == main && has_executed(main);
        if !executed {
            // Our own child on its way to the command.
            let _ = listener.respond_continue(id)?;
            continue;
        }
        let caller = callers.of(tid);
        calls.waits(&caller, &data);
        // Alive, so that what was read about it is not about another.
        if listener.is_valid(id)? && listener.respond_continue(id)? == Delivery::Delivered(()) {
            calls.called(&caller, &data);
        }
        match name(&data) {
            "prctl" => callers.forget(tid),
            "execve" | "execveat" | "exit_group" => callers.forget_process(caller.pid),
            "exit" => callers.forget(tid),
            _ => {}
        }
    }
}

/// What is known of threads, for a while.
struct Callers {
    known: HashMap<i32, (Instant, Caller)>,
}

impl Callers {
    fn of(&mut self, tid: i32) -> Caller {
        let now = Instant::now();
        if let Some((since, caller)) = self.known.get(&tid)
            && now.duration_since(*since) < FRESH
        {
            return caller.clone();
        }
        self.known.retain(|_, (since, _)| now.duration_since(*since) < FRESH);
        let caller = Caller::of(tid);
        self.known.insert(tid, (now, caller.clone()));
        caller
    }

    fn forget(&mut self, tid: i32) {
        self.known.remove(&tid);
    }

    fn forget_process(&mut self, pid: i32) {
        self.known.retain(|_, (_, caller)| caller.pid != pid);
    }
}
