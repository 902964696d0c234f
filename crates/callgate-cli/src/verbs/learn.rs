//! `learn`: a policy from what a command calls.

use crate::args::Learn;
use crate::failure::{BEFORE_EXEC, CANNOT, Failure, Outcome};
use crate::say::Say;
use callgate_sys::ptrace::trace_calls;
use callgate_sys::spawn::{self, Command};
use callgate_trace::learn::{DraftError, Recording, Style, draft};
use std::fs::OpenOptions;
use std::io::Read;
use std::path::Path;

pub(crate) fn learn(args: &Learn, say: &Say) -> Outcome {
    if !args.merge.is_empty() {
        let mut all = Recording::default();
        for path in &args.merge {
            let name = path.display();
            let text = std::fs::read_to_string(path).map_err(|e| Failure::input(format!("{name}: {e}")))?;
            let (recording, cut) =
                Recording::from_lines(&text).map_err(|e| Failure::input(format!("{name}: {e}")))?;
            if cut {
                say.line(&format!("callgate: {name}: the recording is cut off; it is read up to there"));
            }
            all.merge(&recording);
        }
        write(args, &all, say)?;
        return Ok(0);
    }
    // What is wrong with the default is found before the command runs.
    callgate::Policy::parse(&format!("default {}\n", args.default))
        .map_err(|_| Failure::input(format!("--default {}: no action", args.default)))?;
    for path in [args.record.as_deref(), args.output.output.as_deref()].into_iter().flatten() {
        writable(path)?;
    }
    let run = run_name()?;
    let mut recording = Recording::new(&run);
    let mut foreign = 0_u64;
    let failed = |e: spawn::Failure| match e {
        spawn::Failure::Setup(_) => Failure::new(CANNOT, e),
        _ => Failure::new(e.exit_code(), e),
    };
    let command = Command::new(&args.command).map_err(failed)?.die_with_parent();
    say.line("callgate: learning by seccomp and ptrace");
    let outcome = trace_calls(command, &mut |caller, call| {
        let program = caller.program.as_ref().map_or_else(String::new, |p| p.to_string_lossy().into_owned());
        if !recording.count(&run, &program, &caller.comm, call) {
            foreign = foreign.saturating_add(1);
        }
    })
    .map_err(failed)?;
    if foreign > 0 {
        say.line(&format!("callgate: {foreign} calls of architectures unknown to callgate are left out"));
    }
    if let Err(failure) = write(args, &recording, say) {
        // The command has run; what it ended with is still told, in words.
        say.error(&format!("{}: {outcome}", args.command[0].display()));
        return Err(failure);
    }
    outcome.pass_on()
}

fn write(args: &Learn, recording: &Recording, say: &Say) -> Result<(), Failure> {
    if let Some(path) = &args.record {
        std::fs::write(path, recording.to_lines())
            .map_err(|e| Failure::input(format!("{}: {e}", path.display())))?;
        if args.output.output.is_none() {
            return Ok(());
        }
    }
    let style = Style { default: args.default.clone(), margin: args.margin };
    let draft = draft(recording, &style).map_err(|e| match e {
        DraftError::Empty => Failure::input("no calls were recorded, so there is no policy to write"),
        e => Failure::input(e),
    })?;
    for (arch, nr) in &draft.unknown {
        say.line(&format!("callgate: call {nr} on {} is in no table: not permitted", arch.name()));
    }
    args.output.text(&draft.text)
}

/// That a result can be written there, found out before the command runs rather than when it has. The file is
/// left as it was.
fn writable(path: &Path) -> Result<(), Failure> {
    let is_new = !path.exists();
    let opened = OpenOptions::new().append(true).create(true).open(path);
    let opened = opened.and_then(|_| if is_new { std::fs::remove_file(path) } else { Ok(()) });
    opened.map_err(|e| Failure::input(format!("{}: {e}", path.display())))
}

/// A name no other run has.
fn run_name() -> Result<String, Failure> {
    let mut bytes = [0; 8];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|e| Failure::new(BEFORE_EXEC, format!("/dev/urandom: {e}")))?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}
