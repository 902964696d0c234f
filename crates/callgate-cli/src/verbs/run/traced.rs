//! `run --trace`: the call that the command is killed for, from its registers, where the kernel's log is not to be read.

use super::kills;
use crate::args::Run;
use crate::callers::Callers;
use crate::failure::{Failure, Outcome};
use crate::input::Input;
use crate::report::denial::Judge;
use crate::say::Say;
use callgate_sys::ptrace::{Kill, trace_own_kills};
use callgate_sys::spawn::{self, Command};
use callgate_trace::callers::in_short;
use callgate_trace::decode::Live;

pub(super) fn run(args: &Run, input: &Input, command: Command<'_>, say: &Say) -> Outcome {
    let judge = Judge::new(input)?;
    let name = args.command[0].display();
    let mut said = None;
    let mut killed = |kill: &Kill| {
        // Where the whole process is killed, its other threads die of calls that are permitted.
        if let Some(call) = kill.call.filter(|call| kills(judge.action(call)))
            && said.is_none()
        {
            let denial = judge.denial(&call, &Live(kill.tid));
            let mut text = denial.sentence();
            let stack = Callers::default().of(kill.pid, kill.tid);
            if !stack.is_empty() {
                text.push_str(&format!("\n    from {}", in_short(&stack)));
            }
            if let Some(advice) = denial.advice() {
                text.push_str(&format!("\n    {advice}"));
            }
            said = Some(text);
        }
    };
    let outcome =
        trace_own_kills(command, &mut killed).map_err(|e: spawn::Failure| Failure::new(e.exit_code(), e))?;
    if outcome.is_sigsys() {
        let why = said.unwrap_or_else(|| "it was sent the signal, or had a filter of its own".to_owned());
        say.error(&format!("{name}: {outcome}: {why}"));
    }
    outcome.pass_on()
}
