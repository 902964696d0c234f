//! The command, watched.

use super::recorder::{Recorder, writable};
use super::write;
use crate::args::{Learn, Stacks, Via};
use crate::failure::{CANNOT, Failure, Outcome};
use crate::say::Say;
use callgate::Action;
use callgate::abi::insn::{Insn, op};
use callgate_sys::bpf::{Counted, Target};
use callgate_sys::calls::{Calls, Firsts, Tally, count_calls, count_running, notify_calls};
use callgate_sys::process::{self, Mode};
use callgate_sys::ptrace::{trace_calls, trace_calls_fast};
use callgate_sys::spawn::{self, Command};
use callgate_sys::{Error, Outcome as End};
use callgate_trace::learn::arguments_of;
use std::path::Path;

pub(super) fn watch(args: &Learn, say: &Say) -> Outcome {
    // What is wrong with the default is found before the command runs.
    callgate::Policy::parse(&format!("default {}\n", args.default))
        .map_err(|_| Failure::input(format!("--default {}: no action", args.default)))?;
    present(args)?;
    write::possible(args)?;
    for path in [args.record.as_deref(), args.output.output.as_deref()].into_iter().flatten() {
        writable(path)?;
    }
    if args.fast && !matches!(args.via, Via::Auto | Via::Trace) {
        return Err(Failure::input("--fast goes with --via trace only"));
    }
    let (end, recorder) = match counted(args, say)? {
        Some(done) => done,
        None => {
            let all = |ask: Action| Ok(vec![Insn::stmt(op::RET_K, ask.to_ret())]);
            let (end, recorder) =
                run(args, say, all, |via| Recorder::new(args.record.as_deref(), via, args.stacks, say))?;
            (Some(end), recorder)
        }
    };
    let written = recorder.finish().and_then(|recording| {
        let wanted = args.record.is_none() || args.output.output.is_some();
        if wanted { write::policy(args, &recording, say) } else { Ok(()) }
    });
    if let Err(failure) = written {
        // The command has run; what it ended with is still told, in words.
        if let Some(end) = end {
            say.error(&format!("{}: {end}", args.command[0].display()));
        }
        return Err(failure);
    }
    end.map_or(Ok(0), |end| end.pass_on())
}

/// By the kernel's own counts, where that is wanted and possible. What was running before does not end with us.
fn counted(args: &Learn, say: &Say) -> Result<Option<(Option<End>, Recorder)>, Failure> {
    let running = args.pid.is_some() || args.cgroup.is_some();
    if args.fast || !matches!(args.via, Via::Auto | Via::Bpf) {
        let what = "--pid and --cgroup need --via bpf: what runs already cannot be filtered from outside";
        return if running { Err(Failure::input(what)) } else { Ok(None) };
    }
    let mut recorder = Recorder::new(args.record.as_deref(), Via::Bpf, args.stacks, say)?;
    let wanted = &arguments_of;
    // Only where somebody is filtered can calls be denied.
    let denied = filtered(args);
    let mut first_calls = recorder.first_calls();
    let firsts: Option<Firsts<'_>> = (args.stacks != Stacks::Never).then_some(&mut first_calls);
    let mut totals = |counted: &[Counted]| recorder.totals(counted);
    let done = match (args.pid, &args.cgroup) {
        (Some(pid), _) => {
            let mut ready =
                || say.line("callgate: learning by eBPF, until the process ends or an interrupt (Ctrl-C)");
            count_running(
                Target::Process(pid),
                wanted,
                denied,
                args.patience(),
                &mut ready,
                &mut totals,
                firsts,
            )
            .map(|t| (None, t))
        }
        (None, Some(folder)) => {
            let mut ready = || say.line("callgate: learning by eBPF, until an interrupt (Ctrl-C)");
            count_running(
                Target::Cgroup(folder),
                wanted,
                denied,
                args.patience(),
                &mut ready,
                &mut totals,
                firsts,
            )
            .map(|t| (None, t))
        }
        (None, None) => {
            let command = Command::new(&args.command).map_err(failure)?;
            let mut ready = || say.line("callgate: learning by eBPF");
            match count_calls(command, wanted, denied, &mut ready, &mut totals, firsts) {
                Ok((end, tally)) => Ok((Some(end), tally)),
                Err(spawn::Failure::Setup(e)) => Err(e),
                Err(e) => return Err(failure(e)),
            }
        }
    };
    match done {
        Ok((end, Tally { lost })) => {
            if lost > 0 {
                say.error(&format!(
                    "{lost} calls or processes are missing: there were too many different ones"
                ));
            }
            Ok(Some((end, recorder)))
        }
        // Nothing has been executed.
        Err(_) if args.via == Via::Auto && !running => Ok(None),
        Err(e) => Err(Failure::new(CANNOT, e)),
    }
}

/// Whether what is to be watched has a filter: the processes there are, or callgate, from which a command has it.
fn filtered(args: &Learn) -> bool {
    let group = args.cgroup.as_ref().map(|folder| std::fs::read_to_string(folder.join("cgroup.procs")));
    let pids: Vec<i32> = match (args.pid, group) {
        (Some(pid), _) => vec![pid],
        (None, Some(pids)) => pids.unwrap_or_default().lines().filter_map(|l| l.parse().ok()).collect(),
        // The only thread there is yet, and the one that starts the command.
        (None, None) => {
            let own = process::task(std::process::id().cast_signed());
            return own.map_or(true, |own| own.mode != Mode::Disabled);
        }
    };
    let tasks = pids.into_iter().flat_map(|pid| process::tasks(pid).unwrap_or_default());
    tasks.into_iter().any(|task| task.mode != Mode::Disabled)
}

/// That there is what is to be watched.
fn present(args: &Learn) -> Result<(), Failure> {
    if let Some(pid) = args.pid
        && !Path::new(&format!("/proc/{pid}")).exists()
    {
        return Err(Failure::input(format!("there is no process {pid}")));
    }
    if let Some(folder) = &args.cgroup
        && !folder.join("cgroup.procs").exists()
    {
        let what = "this is no control group's folder in the cgroup2 hierarchy";
        return Err(Failure::input(format!("{}: {what}", folder.display())));
    }
    Ok(())
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
    if args.via == Via::Bpf {
        let what = "--via bpf only counts calls; --confirm needs them one by one: --via trace or notify";
        return Err(Failure::input(what));
    }
    if args.via != Via::Notify {
        say.line(if args.fast {
            "callgate: learning by seccomp and ptrace, and by changing the text of what is watched"
        } else {
            "callgate: learning by seccomp and ptrace"
        });
        let mut calls = make(Via::Trace)?;
        let traced = if args.fast {
            trace_calls_fast(command()?, Action::Trace(0).to_ret(), &arguments_of, &mut calls)
        } else {
            trace_calls(command()?, &program(Action::Trace(0))?, &mut calls)
        };
        match traced {
            Ok(end) => return Ok((end, calls)),
            // Nothing has been executed.
            Err(spawn::Failure::Setup(e)) if args.via == Via::Auto && !args.fast && is_tracing(&e) => {
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
