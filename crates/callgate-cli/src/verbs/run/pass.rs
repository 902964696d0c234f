//! The command's own `execve`, where the policy forbids it.

use crate::failure::{BEFORE_EXEC, Failure};
use crate::input::Input;
use callgate::abi::Endian;
use callgate::{Arch, Filter, Program, Syscall};
use std::io::Read;

/// The program to load, and the mark to execute the command with. A policy that forbids `execve` would stop
/// the command itself from being executed, so that one call is let through by a random mark in a register
/// that the kernel does not read, and that nobody else can know.
pub(super) fn program(input: &Input) -> Result<(Program, u64), Failure> {
    let program = input.program()?;
    let filter = input.filter()?;
    if passes(&filter) {
        return Ok((program, 0));
    }
    marked(input, &filter, program.endian())
}

/// The same for what a filter is made into.
pub(super) fn of_filter(input: &Input, filter: &Filter, endian: Endian) -> Result<(Program, u64), Failure> {
    if passes(filter) {
        return Ok((filter.emit_for(endian).map_err(|e| input.failure(e))?, 0));
    }
    marked(input, filter, endian)
}

fn passes(filter: &Filter) -> bool {
    let execve = Arch::NATIVE.zip(Syscall::from_name("execve"));
    execve.is_none_or(|(arch, execve)| filter.always_permits(arch, execve))
}

fn marked(input: &Input, filter: &Filter, endian: Endian) -> Result<(Program, u64), Failure> {
    let (Some(arch), Some(execve)) = (Arch::NATIVE, Syscall::from_name("execve")) else {
        return Ok((filter.emit_for(endian).map_err(|e| input.failure(e))?, 0));
    };
    let mark = random()?;
    let marked = filter.with_mark(arch, execve, mark).map_err(|e| input.failure(e))?;
    Ok((marked.emit_for(endian).map_err(|e| input.failure(e))?, mark))
}

fn random() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|e| Failure::new(BEFORE_EXEC, format!("/dev/urandom: {e}")))?;
    // Zero is what an unmarked call carries.
    Ok(u64::from_ne_bytes(bytes).max(1))
}
