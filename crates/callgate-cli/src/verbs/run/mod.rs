//! `run`: a command under a policy.

mod log;
mod pass;

use crate::args::Run;
use crate::failure::{Failure, Outcome};
use crate::input::Input;
use crate::report::{decided, words};
use crate::say::Say;
use callgate::{Action, Arch, Program, SeccompData, Syscall};
use callgate_sys::install::Flags;
use callgate_sys::ptrace::{Kill, trace_kills};
use callgate_sys::spawn::{self, Command};

pub(crate) fn run(args: &Run, say: &Say) -> Outcome {
    // What is wrong with the policy is bad input, as everywhere; nothing has been executed.
    let input = Input::read(&args.policy, &args.reading, say)?;
    let (program, mark) = pass::program(&input, &args.tuning)?;
    let flags = Flags { no_new_privs: true, log: args.log, ..Flags::default() };
    let failed = |e: spawn::Failure| Failure::new(e.exit_code(), e);
    let command = Command::new(&args.command).map_err(failed)?.filter(program.insns(), flags).mark(mark);
    if args.exec {
        return Err(failed(command.exec()));
    }
    // Who kills callgate means the command.
    let command = command.die_with_parent();
    let name = args.command[0].display();
    let what = Policy { input: &input, program: &program };
    if args.report {
        let outcome = trace_kills(command, &mut |kill| {
            if let Some(line) = what.killed(kill) {
                say.error(&line);
            }
        });
        let outcome = outcome.map_err(failed)?;
        if outcome.is_sigsys() {
            say.error(&format!("{name}: {outcome}"));
        }
        outcome.pass_on();
    }
    // What is in the log before has nothing to do with the command.
    let log = log::Log::open();
    let child = command.forward_signals().spawn().map_err(failed)?;
    let pid = child.pid();
    let outcome = child.wait().map_err(failed)?;
    if outcome.is_sigsys() {
        let why = log.and_then(|log| log.kill_of(pid)).map_or_else(
            || "the filter did not let it make a call; `callgate run --report` says which".to_owned(),
            |record| what.logged(&record),
        );
        say.error(&format!("{name}: {outcome}: {why}"));
    }
    outcome.pass_on()
}

/// The policy in force.
struct Policy<'a> {
    input: &'a Input,
    program: &'a Program,
}

impl Policy<'_> {
    /// What a thread was killed for; `None` if it was not by this filter.
    fn killed(&self, kill: &Kill) -> Option<String> {
        let who = format!("{} ({})", kill.tid, kill.comm);
        let Some(call) = kill.call else { return Some(format!("{who}: killed by signal 31 (SIGSYS)")) };
        let action = self.program.run(&call).action();
        kills(action).then(|| {
            let arch = Arch::of_call(call.arch, call.nr);
            let action = words::action(action, arch);
            let by = decided::of_call(self.input, &call);
            // What is left in the registers behind the last parameter says nothing.
            let params = arch.and_then(|a| Syscall::from_number(a, call.nr)?.params(a)).map_or(6, <[_]>::len);
            let mut shown = call;
            shown.args[params.min(6)..].fill(0);
            format!("{who}: {} = {action}{}", words::call(&shown), self.by(by))
        })
    }

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
