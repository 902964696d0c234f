//! `run`: a command under a policy.

use crate::args::Run;
use crate::failure::{Failure, Outcome};
use crate::input::Input;
use crate::say::Say;
use callgate_sys::install::Flags;
use callgate_sys::spawn::Command;

pub(crate) fn run(args: &Run, say: &Say) -> Outcome {
    // What is wrong with the policy is bad input, as everywhere; nothing has been executed.
    let program = Input::read(&args.policy, &args.reading, say)?.program()?;
    let flags = Flags { no_new_privs: true, log: args.log, ..Flags::default() };
    let failed = |e: callgate_sys::spawn::Failure| Failure::new(e.exit_code(), e);
    let command = Command::new(&args.command).map_err(failed)?.filter(program.insns(), flags);
    if args.exec {
        return Err(failed(command.exec()));
    }
    let child = command.forward_signals().spawn().map_err(failed)?;
    let outcome = child.wait().map_err(failed)?;
    if outcome.is_sigsys() {
        say.error(&format!("{}: {outcome}: the policy kills for a call it made", args.command[0].display()));
    }
    outcome.pass_on()
}
