//! `run`: a command under a policy.

use crate::args::Run;
use crate::failure::{Failure, Outcome};
use crate::input::Input;
use crate::say::Say;
use callgate::{Arch, Program, Syscall};
use callgate_sys::install::Flags;
use callgate_sys::spawn::Command;
use std::io::Read;

pub(crate) fn run(args: &Run, say: &Say) -> Outcome {
    // What is wrong with the policy is bad input, as everywhere; nothing has been executed.
    let input = Input::read(&args.policy, &args.reading, say)?;
    let (program, mark) = passable(&input)?;
    let flags = Flags { no_new_privs: true, log: args.log, ..Flags::default() };
    let failed = |e: callgate_sys::spawn::Failure| Failure::new(e.exit_code(), e);
    let command = Command::new(&args.command).map_err(failed)?.filter(program.insns(), flags).mark(mark);
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

/// The program to load. A policy that forbids `execve` would stop the command itself from being
/// executed, so that one call is let through by a random mark that nobody else can know.
fn passable(input: &Input) -> Result<(Program, u64), Failure> {
    let program = input.program()?;
    let (Some(arch), Some(execve)) = (Arch::NATIVE, Syscall::from_name("execve")) else {
        return Ok((program, 0));
    };
    let filter = input.filter()?;
    if filter.always_permits(arch, execve) {
        return Ok((program, 0));
    }
    let mark = random()?;
    let marked = filter.with_mark(arch, execve, mark).map_err(|e| input.failure(e))?;
    let program = marked.emit_for(program.endian()).map_err(|e| input.failure(e))?;
    Ok((program, mark))
}

fn random() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|e| Failure::new(125, format!("/dev/urandom: {e}")))?;
    // Zero is what an unmarked call carries.
    Ok(u64::from_ne_bytes(bytes).max(1))
}
