//! The command's own `execve`, where the policy forbids it.

use crate::failure::Failure;
use crate::input::Input;
use crate::random::random;
use crate::tuning::{Tuned, Tuning};
use callgate::{Arch, Filter, Program, Syscall};

/// The program to load, and the mark to execute the command with. A policy that forbids `execve` would stop
/// the command itself from being executed, so that one call is let through by a random mark in a register
/// that the kernel does not read, and that nobody else can know.
pub(crate) fn program(input: &Input, filter: &Filter, tuning: &Tuning) -> Result<(Program, u64), Failure> {
    let tuned = tuning.read()?;
    if passes(filter)
        && !tuning.is_given()
        && let Some(program) = input.code()?
    {
        // A program is loaded as it is.
        return Ok((program, 0));
    }
    of_filter(input, filter, &tuned)
}

/// The same for what a filter is made into.
pub(super) fn of_filter(input: &Input, filter: &Filter, tuned: &Tuned) -> Result<(Program, u64), Failure> {
    let execve = Arch::NATIVE.zip(Syscall::from_name("execve"));
    let Some((arch, execve)) = execve.filter(|_| !passes(filter)) else {
        return Ok((input.emit(filter, tuned)?, 0));
    };
    // Zero is what an unmarked call carries.
    let mark = random()?.max(1);
    let marked = filter.with_mark(arch, execve, mark).map_err(|e| input.failure(e))?;
    Ok((input.emit(&marked, tuned)?, mark))
}

/// Whether the command's own `execve` needs nothing.
fn passes(filter: &Filter) -> bool {
    let execve = Arch::NATIVE.zip(Syscall::from_name("execve"));
    execve.is_none_or(|(arch, execve)| filter.always_permits(arch, execve))
}
