//! `supervise`: a command whose notified calls are answered by the policy's `on` lines, or an agent that
//! answers for those that hand their listener over.

mod listen;
mod person;
mod tell;

use super::run::pass;
use crate::args::Supervise;
use crate::failure::{CANNOT, Failure, Outcome};
use crate::input::{Input, Kind};
use crate::say::Say;
use crate::tuning::Tuning;
use callgate::answer::IfLost;
use callgate::notify::{Listener, Options, Readiness};
use callgate::syntax::Parsed;
use callgate_sys::spawn::{self, Command};
use callgate_trace::supervise::{Home, Nobody, Person, Table, answer};
use person::Terminal;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tell::Tell;

/// How many calls may be worked on at the same time. Each costs a thread, while it lasts.
const WORKERS: usize = 256;

pub(crate) fn supervise(args: &Supervise, say: &Say) -> Outcome {
    let input = Input::read(&args.policy, &args.reading, say)?;
    let Kind::Own(parsed, policy) = &input.kind else {
        return Err(input
            .failure("only a policy in callgate's language has `on` lines; `callgate convert` makes one"));
    };
    if parsed.on_lines.is_empty() {
        return Err(input.failure("has no `on` lines to answer by; `callgate help policy` shows them"));
    }
    let tell = Tell::new(args, say)?;
    let table = Table::new(parsed.on_lines.clone());
    let terminal = match args.ask {
        true => Some(Terminal::open(policy, say)?),
        false => None,
    };
    if terminal.is_none() && parsed.on_lines.iter().any(|l| l.asks) {
        say.error("without --ask every question is answered no");
    }
    let person: &dyn Person = terminal.as_ref().map_or(&Nobody, |t| t);
    let starts_it = args.listen.is_none() && args.listener_fd.is_none();
    if parsed.if_lost == Some(IfLost::Kill) && !starts_it {
        return Err(input.failure(
            "`if-lost kill` cannot be kept for what another process has started; its calls will fail: \
             `if-lost errno(ENOSYS)`",
        ));
    }
    if let Some(number) = args.listener_fd {
        let listener = Listener::inherited(number).map_err(Failure::input)?;
        let served = serve(&listener, &table, person, &tell, Some(&own_home()?), None);
        tell.end();
        return served.map(|()| 0).map_err(|e| Failure::input(format!("descriptor {number}: {e}")));
    }
    match &args.listen {
        Some(path) => listen::listen(path, args.seqpacket, &table, person, &tell, say),
        None => command(args, &input, parsed, &table, person, &tell, say),
    }
}

fn command(
    args: &Supervise,
    input: &Input,
    parsed: &Parsed,
    table: &Table,
    person: &dyn Person,
    tell: &Tell<'_>,
    say: &Say,
) -> Outcome {
    let failed = |e: spawn::Failure| Failure::new(e.exit_code(), e);
    let home = own_home()?;
    let (program, mark) = pass::program(input, &input.filter_to_run()?, &Tuning::default())?;
    let flags = Options::default().flags();
    let command = Command::new(&args.command).map_err(failed)?.filter(program.insns(), flags).mark(mark);
    let command = match args.if_lost.map_or(parsed.if_lost.unwrap_or_default(), IfLost::from) {
        IfLost::Kill => command.die_with_parent(),
        // Its own execve carries the mark where it would be handed over, so that until it is executed, and has given up
        // its share of the listener, it makes no call that would wait for an answer.
        IfLost::Enosys => command,
    };
    let mut child = command.forward_signals().spawn().map_err(failed)?;
    let listener = match child.listener() {
        Ok(Some(listener)) => Listener::new(OwnedFd::from(listener)).map_err(|e| Failure::new(CANNOT, e))?,
        Ok(None) => return Err(Failure::new(CANNOT, "the kernel returned no listener")),
        Err(e) => {
            child.kill();
            return Err(failed(e));
        }
    };
    // Faster, where the kernel has it.
    let _ = listener.set_sync_wake_up(true);
    let name = args.command[0].display();
    std::thread::scope(|scope| {
        let served = scope.spawn(|| serve(&listener, table, person, tell, Some(&home), None));
        let outcome = child.wait();
        // The command's last words; of what it left behind nobody takes care any more.
        if listener.wait(Some(Duration::ZERO)).is_ok_and(|r| r == Readiness::Ended) {
            if let Ok(Err(e)) = served.join() {
                say.error(&e.to_string());
            }
        } else {
            tell.settle();
        }
        tell.end();
        match outcome {
            Ok(outcome) => {
                if outcome.is_sigsys() {
                    say.error(&format!("{name}: {outcome}: the filter did not let it make a call"));
                }
                outcome.pass_on()
            }
            Err(e) => {
                say.error(&e.to_string());
                let unsaid = matches!(e, spawn::Failure::Exec { .. }) && !parsed.on_lines.is_empty();
                if unsaid && !matches!(e, spawn::Failure::Exec { errno: libc::ENOENT, .. }) {
                    say.error(
                        "its own execve is a call like any other: the policy or a line must let it through",
                    );
                }
                // Threads that wait for calls of processes left behind would keep this from ending.
                std::process::exit(i32::from(e.exit_code()))
            }
        }
    })
}

/// What this process was started in: the command's paths are its own.
fn own_home() -> Result<Home, Failure> {
    Home::own().map_err(|e| Failure::new(CANNOT, format!("/proc: {e}")))
}

/// Answers all calls of a listener; returns when nobody is left to make any.
fn serve(
    listener: &Listener,
    table: &Table,
    person: &dyn Person,
    tell: &Tell<'_>,
    home: Option<&Home>,
    container: Option<&str>,
) -> Result<(), callgate::notify::Error> {
    listener.serve(WORKERS, |call| {
        let _busy = tell.busy();
        let event = answer(call, table, home, person);
        tell.event(&event, container);
    })
}
