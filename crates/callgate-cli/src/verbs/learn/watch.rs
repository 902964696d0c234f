//! The command, watched.

use super::recorder::{Recorder, writable};
use super::write;
use crate::args::{Learn, Via};
use crate::failure::{CANNOT, Failure, Outcome};
use crate::say::Say;
use callgate_sys::calls::{NOTIFY_ALL, TRACE_ALL, notify_calls};
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
    let (end, recorder) = run(args, say)?;
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

/// Runs the command by the first way that is possible.
fn run(args: &Learn, say: &Say) -> Result<(End, Recorder), Failure> {
    let command = || Command::new(&args.command).map(Command::die_with_parent).map_err(failure);
    let record = args.record.as_deref();
    if args.via != Via::Notify {
        say.line("callgate: learning by seccomp and ptrace");
        let mut recorder = Recorder::new(record, Via::Trace, say)?;
        match trace_calls(command()?, &TRACE_ALL, &mut recorder) {
            Ok(end) => return Ok((end, recorder)),
            // Nothing has been executed.
            Err(spawn::Failure::Setup(e)) if args.via == Via::Auto && is_tracing(&e) => {
                say.line(&format!("callgate: {e}"));
            }
            Err(e) => return Err(failure(e)),
        }
    }
    say.line("callgate: learning by seccomp notifications");
    let mut recorder = Recorder::new(record, Via::Notify, say)?;
    let end = notify_calls(command()?, &NOTIFY_ALL, &mut recorder).map_err(failure)?;
    Ok((end, recorder))
}

fn is_tracing(e: &Error) -> bool {
    matches!(e, Error::Call { call, .. } if call.starts_with("ptrace"))
}

fn failure(e: spawn::Failure) -> Failure {
    match e {
        spawn::Failure::Setup(_) => Failure::new(CANNOT, e),
        _ => Failure::new(e.exit_code(), e),
    }
}
