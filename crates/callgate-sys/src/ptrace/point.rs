//! Where a stopped thread stands.

use super::tracee::Tracee;

/// The registers that its callers can be found by.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Point {
    /// The instruction pointer.
    pub ip: u64,
    /// The stack pointer.
    pub sp: u64,
    /// The frame pointer: `rbp`, `x29`.
    pub fp: u64,
    /// The return address on machines that keep it in a register (`x30`), or 0.
    pub lr: u64,
}

/// Where a thread stands that waits in a call, as `/proc` tells: without frame pointer and return address. `None` for one that
/// runs, and without the right to trace it.
///
/// Source: `proc_pid_syscall(5)`.
pub fn point_in_call(tid: i32) -> Option<Point> {
    let text = std::fs::read_to_string(format!("/proc/{tid}/syscall")).ok()?;
    let mut words = text.split_whitespace().rev();
    let mut word = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
    let (ip, sp) = (word()?, word()?);
    Some(Point { ip, sp, ..Point::default() })
}

/// Where a thread stands that the calling thread traces and that is stopped; `None` for a 32-bit one, and on
/// machines whose registers are not known.
pub fn point(tid: i32) -> Option<Point> {
    let mut registers = [0; 512];
    let len = Tracee::new(tid).registers(&mut registers).ok()?;
    let word = |index: usize| registers.get(index * 8..)?.first_chunk().map(|b| u64::from_ne_bytes(*b));
    // `struct user_regs_struct`, `arch/x86/include/asm/user_64.h`; `struct user_pt_regs`: x0 to x30, sp, pc.
    match len {
        216 if cfg!(target_arch = "x86_64") => {
            Some(Point { ip: word(16)?, sp: word(19)?, fp: word(4)?, lr: 0 })
        }
        272 if cfg!(target_arch = "aarch64") => {
            Some(Point { ip: word(32)?, sp: word(31)?, fp: word(29)?, lr: word(30)? })
        }
        _ => None,
    }
}
