//! The call that the command is killed for, from its registers, where the kernel's log is not to be read.
//!
//! Whoever is traced cannot be traced by another, and is woken by signals that it ignores. So it is not done unasked
//! where nothing comes of it, or where it could make a difference: not to programs that look for their own leaks at the
//! end, for which they trace themselves.

use super::{deadly, hint, kills, unknown};
use crate::args::Run;
use crate::callers::{Callers, traces_itself};
use crate::failure::{Failure, Outcome};
use crate::input::Input;
use crate::report::denial::Judge;
use crate::say::Say;
use callgate::{Arch, Filter, Syscall};
use callgate_sys::probe::can_trace;
use callgate_sys::ptrace::{Followed, Kill, trace_own_kills, trace_own_kills_if_wanted};
use callgate_sys::spawn::{self, Command};
use callgate_trace::callers::in_short;
use callgate_trace::decode::Live;
use callgate_trace::remedy::Known;

/// Whether the command is watched though nobody asked for that: some call of this machine's own convention is the
/// command's end; the call by which the kernel goes on with one that a signal interrupted is not, for a tracee is woken by
/// signals that others do not notice; and there is no filter already that forbids tracing.
pub(super) fn by_itself(filter: &Filter) -> bool {
    let Some(arch) = Arch::NATIVE else { return false };
    let goes_on =
        || Syscall::from_name("restart_syscall").is_some_and(|call| filter.always_permits(arch, call));
    deadly(filter).next().is_some() && goes_on() && can_trace()
}

pub(super) fn run(args: &Run, input: &Input, filter: &Filter, command: Command<'_>, say: &Say) -> Outcome {
    let name = args.command[0].display();
    let mut said = None;
    let mut killed = |kill: &Kill| {
        let Some(call) = kill.call.filter(|_| said.is_none()) else { return };
        // What explains the policy is only made where there is something to explain.
        let Ok(judge) = Judge::new(input) else { return };
        // Where the whole process is killed, its other threads die of calls that are permitted.
        if kills(judge.action(&call)) {
            let denial = judge.denial(&call, &Live(kill.tid), Known::ALL);
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
    let failed = |e: spawn::Failure| Failure::new(e.exit_code(), e);
    let (outcome, followed) = if args.trace {
        (trace_own_kills(command, &mut killed).map_err(failed)?, Followed::ToTheEnd)
    } else {
        let mut wanted = |pid| !traces_itself(pid);
        trace_own_kills_if_wanted(command, &mut wanted, &mut killed).map_err(failed)?
    };
    if outcome.is_sigsys() {
        let why = said.unwrap_or_else(|| match followed {
            Followed::ToTheEnd => "it was sent the signal, or had a filter of its own".to_owned(),
            Followed::UntilExecuted => {
                format!(
                    "{}; `callgate run --trace` says which, if it may not look for leaks",
                    unknown(filter)
                )
            }
            Followed::NotAtAll => format!("{}; it could not be traced to find out which", unknown(filter)),
        });
        say.error(&format!("{name}: {outcome}: {why}"));
    }
    hint(filter, outcome, args, say);
    outcome.pass_on()
}
