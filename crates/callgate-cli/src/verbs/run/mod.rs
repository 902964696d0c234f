//! `run`: a command under a policy.

mod agent;
mod log;
pub(crate) mod pass;
mod traced;
mod view;
mod watch;

use crate::args::Run;
use crate::failure::{Failure, Outcome};
use crate::input::Input;
use crate::report::{decided, words};
use crate::say::Say;
use callgate::{Action, Arch, SeccompData, Syscall};
use callgate_sys::install::Flags;
use callgate_sys::spawn::{self, Command};

pub(crate) fn run(args: &Run, say: &Say) -> Outcome {
    // What is wrong with the policy is bad input, as everywhere; nothing has been executed.
    let input = Input::read(&args.policy, &args.reading, say)?;
    if args.agent.is_none() {
        // Nobody would answer.
        input.needs_no_supervisor()?;
    }
    if (args.json || args.report_fd.is_some()) && !(args.report || args.complain) {
        return Err(Failure::input("--json and --report-fd go with --report or --complain"));
    }
    if args.report || args.complain {
        return watch::watch(args, &input, say);
    }
    let (program, mark) = pass::program(&input, &args.tuning)?;
    let flags = Flags { no_new_privs: true, log: args.log, ..Flags::default() };
    let failed = |e: spawn::Failure| Failure::new(e.exit_code(), e);
    let flags = if args.agent.is_some() { agent::flags(flags) } else { flags };
    let command = Command::new(&args.command).map_err(failed)?.filter(program.insns(), flags).mark(mark);
    if args.exec {
        return Err(failed(command.exec()));
    }
    // Who kills callgate means the command.
    let command = command.die_with_parent();
    if args.trace {
        return traced::run(args, &input, command, say);
    }
    let name = args.command[0].display();
    let what = Policy { input: &input };
    // What is in the log before has nothing to do with the command.
    let log = log::Log::open();
    // Before there is anything that could wait for it.
    let agent = args.agent.as_deref().map(agent::connect).transpose()?;
    let mut child = command.forward_signals().spawn().map_err(failed)?;
    if let Some(agent) = agent {
        child = agent::hand_over(child, &agent, args)?;
    }
    let pid = child.pid();
    let outcome = child.wait().map_err(failed)?;
    if outcome.is_sigsys() {
        let why = log.and_then(|log| log.kill_of(pid)).map_or_else(
            || "the filter did not let it make a call; `callgate run --trace` says which".to_owned(),
            |record| what.logged(&record),
        );
        say.error(&format!("{name}: {outcome}: {why}"));
    }
    outcome.pass_on()
}

/// The policy in force.
struct Policy<'a> {
    input: &'a Input,
}

impl Policy<'_> {
    /// What the kernel's log says about it: the call without its arguments.
    fn logged(&self, record: &log::Record) -> String {
        let arch = Arch::of_call(record.arch, record.nr);
        let call = arch.and_then(|a| Syscall::from_number(a, record.nr));
        let call = match (call, arch) {
            (Some(call), Some(arch)) => format!("{} on {}", call.name(), arch.name()),
            _ => words::call(&SeccompData { nr: record.nr, arch: record.arch, ..SeccompData::default() }),
        };
        let by = decided::of_number(self.input, record.arch, record.nr, kills);
        format!("it called {call}{}", self.by(by))
    }

    fn by(&self, decided: Option<String>) -> String {
        decided.map_or_else(String::new, |by| format!(", {by}"))
    }
}

/// Whether the action may be the end of a process by `SIGSYS`.
fn kills(action: Action) -> bool {
    match action {
        Action::KillProcess(_) | Action::KillThread(_) | Action::Trap(_) | Action::Unknown(_) => true,
        Action::Errno(_) | Action::Notify(_) | Action::Trace(_) | Action::Log(_) | Action::Allow(_) => false,
    }
}
