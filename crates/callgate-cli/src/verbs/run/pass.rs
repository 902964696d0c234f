//! The command's own `execve`, where the policy forbids it.

use crate::failure::{BEFORE_EXEC, Failure};
use crate::input::Input;
use crate::tuning::Tuning;
use callgate::{Arch, Program, Syscall};
use std::io::Read;

/// The program to load, and the mark to execute the command with. A policy that forbids `execve` would stop
/// the command itself from being executed, so that one call is let through by a random mark in a register
/// that the kernel does not read, and that nobody else can know.
pub(super) fn program(input: &Input, tuning: &Tuning) -> Result<(Program, u64), Failure> {
    let program = input.tuned(tuning)?;
    let (Some(arch), Some(execve)) = (Arch::NATIVE, Syscall::from_name("execve")) else {
        return Ok((program, 0));
    };
    let filter = input.filter()?;
    if filter.always_permits(arch, execve) {
        return Ok((program, 0));
    }
    let mark = random()?;
    let marked = filter.with_mark(arch, execve, mark).map_err(|e| input.failure(e))?;
    let program = tuning.read()?.emit(&marked, program.endian()).map_err(|e| input.failure(e))?;
    Ok((program, mark))
}

fn random() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|e| Failure::new(BEFORE_EXEC, format!("/dev/urandom: {e}")))?;
    // Zero is what an unmarked call carries.
    Ok(u64::from_ne_bytes(bytes).max(1))
}
