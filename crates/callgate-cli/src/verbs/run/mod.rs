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
use crate::report::layers::Layers;
use crate::report::{decided, words};
use crate::say::Say;
use callgate::{Action, Arch, Filter, SeccompData, Syscall};
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
    let filter = input.filter_to_run()?;
    let (program, mark) = pass::program(&input, &filter, &args.tuning)?;
    let flags = Flags { no_new_privs: true, log: args.log, ..Flags::default() };
    let failed = |e: spawn::Failure| Failure::new(e.exit_code(), e);
    let flags = if args.agent.is_some() { agent::flags(flags) } else { flags };
    let command = Command::new(&args.command).map_err(failed)?.filter(program.insns(), flags).mark(mark);
    if args.exec {
        return Err(failed(command.exec()));
    }
    // Who kills callgate means the command.
    let command = command.die_with_parent();
    // What is in the log before has nothing to do with the command.
    let log = if args.trace { None } else { log::Log::open() };
    let unasked = || log.is_none() && !args.no_trace && args.agent.is_none() && traced::by_itself(&filter);
    if args.trace || unasked() {
        return traced::run(args, &input, &filter, command, say);
    }
    let name = args.command[0].display();
    let what = Policy { input: &input };
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
            || format!("{}; `callgate run --trace` says which", unknown(&filter)),
            |record| what.logged(&record),
        );
        say.error(&format!("{name}: {outcome}: {why}"));
    }
    hint(&filter, outcome, args, say);
    outcome.pass_on()
}

/// What shells make of the end of what they run by `SIGSYS`.
const AS_SHELLS_TELL: u8 = 159;

/// Where it looks as if the filter killed a child of the command: how that is found out.
fn hint(filter: &Filter, outcome: spawn::Outcome, args: &Run, say: &Say) {
    if outcome == spawn::Outcome::Exited(AS_SHELLS_TELL) && deadly(filter).next().is_some() {
        let name = args.command[0].display();
        say.error(&format!(
            "{name}: {outcome}: so do shells end when SIGSYS has killed what they run; `callgate run --report` \
             names the calls of children, too"
        ));
    }
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
        let by = Layers::new(self.input.policies())
            .and_then(|layers| decided::of_number(&layers, record.arch, record.nr, kills));
        format!("it called {call}{}", self.by(by))
    }

    fn by(&self, decided: Option<String>) -> String {
        decided.map_or_else(String::new, |by| format!(", {by}"))
    }
}

/// What is known of a call that nobody saw: that it is one of those the filter kills for, where these are few.
fn unknown(filter: &Filter) -> String {
    const FEW: usize = 6;
    let calls: Vec<&str> = deadly(filter).map(Syscall::name).take(FEW + 1).collect();
    match &calls[..] {
        [] | [_, _, _, _, _, _, _, ..] => "the filter did not let it make a call".to_owned(),
        few => format!(
            "the filter did not let it make a call, {}, or one of another architecture",
            few.join(", ")
        ),
    }
}

/// The calls of this machine's own convention that the filter kills for.
fn deadly(filter: &Filter) -> impl Iterator<Item = Syscall> {
    let of_arch = |arch| Syscall::of_arch(arch).map(move |(nr, call)| (arch, nr, call));
    let all = Arch::NATIVE.into_iter().flat_map(of_arch);
    all.filter(|(arch, nr, _)| filter.can_get(*arch, *nr, kills)).map(|(.., call)| call)
}

/// Whether the action may be the end of a process by `SIGSYS`.
fn kills(action: Action) -> bool {
    match action {
        Action::KillProcess(_) | Action::KillThread(_) | Action::Trap(_) | Action::Unknown(_) => true,
        Action::Errno(_) | Action::Notify(_) | Action::Trace(_) | Action::Log(_) | Action::Allow(_) => false,
    }
}
