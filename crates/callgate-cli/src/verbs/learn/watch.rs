//! The command, watched.

use super::recorder::{Recorder, writable};
use super::write;
use crate::args::{Learn, Via};
use crate::failure::{CANNOT, Failure, Outcome};
use crate::say::Say;
use callgate::Action;
use callgate::abi::insn::{Insn, op};
use callgate_sys::calls::{Calls, notify_calls};
use callgate_sys::ptrace::trace_calls;
use callgate_sys::spawn::{self, Command};
use callgate_sys::{Error, Outcome as End};

pub(super) fn watch(args: &Learn, say: &Say) -> Outcome {
    // What is wrong with the default is found before the command runs.
    callgate::Policy::parse(&format!("default {}\n", args.default))
        .map_err(|_| Failure::input(format!("--default {}: no action", args.default)))?;
    for path in [args.record.as_deref(), args.output.output.as_deref()].into_iter().flatten() {
        writable(path)?;
    }
    let all = |ask: Action| Ok(vec![Insn::stmt(op::RET_K, ask.to_ret())]);
    let (end, recorder) = run(args, say, all, |via| Recorder::new(args.record.as_deref(), via, say))?;
    let written = recorder.finish().and_then(|recording| {
        let wanted = args.record.is_none() || args.output.output.is_some();
        if wanted { write::policy(args, &recording, say) } else { Ok(()) }
    });
    if let Err(failure) = written {
        // The command has run; what it ended with is still told, in words.
        say.error(&format!("{}: {end}", args.command[0].display()));
        return Err(failure);
    }
    end.pass_on()
}

/// Runs the command by the first way that is possible, under the program that asks with an action, and reports
/// to what is made for that way.
pub(super) fn run<C: Calls + Send>(
    args: &Learn,
    say: &Say,
    program: impl Fn(Action) -> Result<Vec<Insn>, Failure>,
    make: impl Fn(Via) -> Result<C, Failure>,
) -> Result<(End, C), Failure> {
    let command = || Command::new(&args.command).map(Command::die_with_parent).map_err(failure);
    if args.via != Via::Notify {
        say.line("callgate: learning by seccomp and ptrace");
        let mut calls = make(Via::Trace)?;
        match trace_calls(command()?, &program(Action::Trace(0))?, &mut calls) {
            Ok(end) => return Ok((end, calls)),
            // Nothing has been executed.
            Err(spawn::Failure::Setup(e)) if args.via == Via::Auto && is_tracing(&e) => {
                say.line(&format!("callgate: {e}"));
            }
            Err(e) => return Err(failure(e)),
        }
    }
    say.line("callgate: learning by seccomp notifications");
    let mut calls = make(Via::Notify)?;
    let end = notify_calls(command()?, &program(Action::Notify(0))?, &mut calls).map_err(failure)?;
    Ok((end, calls))
}

fn is_tracing(e: &Error) -> bool {
    matches!(e, Error::Call { call, .. } if call.starts_with("ptrace"))
}

pub(super) fn failure(e: spawn::Failure) -> Failure {
    match e {
        spawn::Failure::Setup(_) => Failure::new(CANNOT, e),
        _ => Failure::new(e.exit_code(), e),
    }
}
