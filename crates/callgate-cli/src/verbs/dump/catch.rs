//! Catching what a command loads.

use super::show::{Form, Show};
use super::stacks::Stacks;
use super::{Found, combined};
use crate::args::Dump;
use crate::failure::{FINDINGS, Failure, Outcome};
use crate::live;
use crate::say::Say;
use callgate::abi::Endian;
use callgate::program::Code;
use callgate::{Arch, Errno};
use callgate_sys::ptrace::{LetGo, Load, LoadResult, Loaded, trace_loads};
use callgate_sys::{Command, Flags, pidfd};
use serde_json::json;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::Path;

/// Runs the command and shows every filter that comes into force.
pub(super) fn command(args: &Dump, form: Form, say: &Say) -> Outcome {
    if form == Form::Raw && args.output.is_none() && args.limit != Some(1) && !args.combine {
        return Err(Failure::input(
            "a command may load several filters: name a prefix for --raw with -o, or ask for one with -l 1",
        ));
    }
    // Where the results cannot go, the command is not run: it would be killed at its first load.
    if let Some(folder) = args.output.as_deref().and_then(Path::parent).filter(|f| !f.as_os_str().is_empty())
        && !folder.is_dir()
    {
        return Err(Failure::input(format!("{}: no such directory", folder.display())));
    }
    let failed = |e: callgate_sys::spawn::Failure| Failure::new(e.exit_code(), e);
    let command = Command::new(&args.command).map_err(failed)?;
    let mut show = Show::new(args, form, say);
    let mut stacks = Stacks::new();
    let mut found = Vec::new();
    let mut result = Ok(());
    let mut loads = 0;
    // What must wait for the end: stacks grow, and JSON is one document.
    let at_once = !args.combine && form != Form::Json;
    let mut on_load = |load: &Load| {
        let Some(one) = caught(load, say) else { return ControlFlow::Continue(()) };
        loads += 1;
        stacks.push(load, &one.code);
        if at_once {
            result = show.one(&one);
        } else {
            found.push(one);
        }
        if result.is_err() || args.limit.is_some_and(|limit| loads >= limit) {
            if args.kill || result.is_err() {
                kill(load.pid);
            }
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    let mut let_go = |thread: &LetGo| {
        say.line(&format!(
            "callgate: {} ({}) is traced by {} ({}) from here on: what it loads is not seen",
            thread.tid, thread.comm, thread.by, thread.by_comm
        ));
    };
    let outcome = trace_loads(command, &mut on_load, &mut let_go).map_err(failed)?;
    result?;
    if args.combine {
        found = stacks
            .all()
            .map(|(codes, arch, whose)| combined(codes, arch, whose, json!({})))
            .collect::<Result<_, _>>()?;
    }
    let name = args.command[0].display();
    if !(outcome.exit_code() == 0 || args.kill && args.limit.is_some_and(|limit| loads >= limit)) {
        say.error(&format!("{name}: {outcome}"));
    }
    if !at_once {
        let command: Vec<_> = args.command.iter().map(|a| a.to_string_lossy()).collect();
        show.all(&found, json!({ "command": command, "status": outcome.exit_code() }))?;
    }
    if loads == 0 {
        return Err(Failure::new(FINDINGS, format!("{name}: no filter was loaded")));
    }
    Ok(0)
}

/// Whether the call only asks the kernel what it knows: with no filter at all, or with arguments that no
/// kernel takes.
fn is_question(load: &Load) -> bool {
    match (&load.what, load.result) {
        (Loaded::Filter { program: Err(_), .. }, LoadResult::Failed(e)) => {
            e == libc::EFAULT || e == libc::EINVAL
        }
        (Loaded::Strict, LoadResult::Failed(e)) => e == libc::EINVAL && load.call.name() == "seccomp",
        _ => false,
    }
}

/// The filter of a load that succeeded; says why the others did not.
fn caught(load: &Load, say: &Say) -> Option<Found> {
    if is_question(load) {
        return None;
    }
    let who = format!("{} ({})", load.tid, load.comm);
    let failed = |why: &str| {
        let what = match load.what {
            Loaded::Strict => "strict mode",
            Loaded::Filter { .. } => "a filter",
        };
        say.error(&format!("{who} tried to load {what} by {}: {why}", load.call.name()));
        None
    };
    let how = match load.result {
        LoadResult::InForce => String::new(),
        LoadResult::Listener(fd) => format!(", listener on its descriptor {fd}"),
        LoadResult::NotSynced(tid) => return failed(&format!("thread {tid} has other filters")),
        LoadResult::Failed(e) => {
            let name = u16::try_from(e).ok().and_then(|e| Errno::name_on(e, load.arch));
            return failed(&name.map_or_else(|| e.to_string(), str::to_owned));
        }
    };
    let (code, flags, strict) = match &load.what {
        Loaded::Strict => (live::strict(Some(load.arch)), 0, true),
        Loaded::Filter { program: Ok(insns), flags } => {
            let endian = Arch::NATIVE.map_or(Endian::Little, |a| a.endian());
            (Code { insns: insns.clone(), endian }, *flags, false)
        }
        Loaded::Filter { program: Err(e), .. } => {
            return failed(&format!("it succeeded, but was not seen: {e}"));
        }
    };
    let count = code.insns.len();
    let size = if strict { "strict mode".to_owned() } else { format!("{count} instructions") };
    let with = if flags == 0 { String::new() } else { format!(", {}", flag_names(flags).join(" | ")) };
    Some(Found {
        arch: Some(load.arch),
        title: format!("{size}, loaded by {who} with {}{with}{how}", load.call.name()),
        facts: json!({
            "pid": load.pid,
            "tid": load.tid,
            "comm": load.comm,
            "arch": load.arch.name(),
            "call": load.call.name(),
            "strict": strict,
            "flags": flags,
            "flag_names": flag_names(flags),
            "listener": match load.result { LoadResult::Listener(fd) => Some(fd), _ => None },
        }),
        code,
    })
}

fn flag_names(bits: u32) -> Vec<String> {
    let (flags, rest) = Flags::from_bits(bits);
    let names = [
        (flags.tsync, "TSYNC"),
        (flags.log, "LOG"),
        (flags.spec_allow, "SPEC_ALLOW"),
        (flags.new_listener, "NEW_LISTENER"),
        (flags.tsync_esrch, "TSYNC_ESRCH"),
        (flags.wait_killable_recv, "WAIT_KILLABLE_RECV"),
    ];
    let mut names: Vec<String> = names.iter().filter(|n| n.0).map(|n| n.1.to_owned()).collect();
    if rest != 0 {
        names.push(format!("{rest:#x}"));
    }
    names
}

/// Ends the process; one that is gone already needs no end.
fn kill(pid: i32) {
    if let Ok(process) = pidfd::open(pid) {
        let _ = pidfd::send_signal(process.as_fd(), libc::SIGKILL);
    }
}
