//! Letting a stopped thread make a call of ours.

use super::super::event::{Stop, wait_stopped};
use super::super::tracee::Tracee;
use crate::error::Error;

/// Places in `struct user_regs_struct`, in words: `arch/x86/include/asm/user_64.h`.
const RAX: usize = 10;
const RDX: usize = 12;
const RSI: usize = 13;
const RDI: usize = 14;
const ORIG_RAX: usize = 15;
pub(super) const RIP: usize = 16;
const LEN: usize = 27 * 8;

/// What the call of these arguments returns in a thread that is stopped at the entry to another, by a filter; it is
/// stopped there again afterwards. No signal is delivered meanwhile.
///
/// # Errors
///
/// `ESRCH` when the thread has ended; the end is left to be waited for.
pub(super) fn call(tracee: &Tracee, nr: u32, args: [u64; 3]) -> Result<i64, Error> {
    let mut registers = [0; LEN];
    if tracee.registers(&mut registers)? != LEN {
        return Ok(-i64::from(libc::ENOSYS));
    }
    let mask = tracee.signal_mask()?;
    tracee.set_signal_mask(u64::MAX)?;
    let mut stops = Vec::new();
    let mut ours = registers;
    for (place, value) in [(ORIG_RAX, u64::from(nr)), (RDI, args[0]), (RSI, args[1]), (RDX, args[2])] {
        put(&mut ours, place, value);
    }
    tracee.set_registers(&ours)?;
    tracee.cont_to_syscall(0)?;
    while wait_stopped(tracee.tid())? != Stop::Syscall {
        stops.push(());
        tracee.cont_to_syscall(0)?;
    }
    tracee.registers(&mut ours)?;
    let result = get(&ours, RAX).cast_signed();
    // Back to in front of its own call, which it then makes again.
    let own = get(&registers, ORIG_RAX);
    let mut again = registers;
    put(&mut again, RIP, get(&registers, RIP).wrapping_sub(2));
    put(&mut again, RAX, own);
    put(&mut again, ORIG_RAX, u64::MAX);
    tracee.set_registers(&again)?;
    tracee.cont(0)?;
    while wait_stopped(tracee.tid())? != Stop::Seccomp {
        stops.push(());
        tracee.cont(0)?;
    }
    // Job control stopped it meanwhile, which no mask holds back: once more, unless it has been continued since, which
    // the mask does hold back.
    let stays = !stops.is_empty() && !continues(tracee.tid());
    tracee.set_signal_mask(mask)?;
    if stays {
        tracee.stop_again();
    }
    Ok(result)
}

/// Whether `SIGCONT` waits to be delivered: the kernel forgets it when a stop is asked for later, so that it is the
/// newer of the two.
fn continues(tid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    ["SigPnd:", "ShdPnd:"].iter().any(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let set = line.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
        set.is_some_and(|set| set >> (libc::SIGCONT - 1) & 1 == 1)
    })
}

/// The instruction pointer of a stopped thread.
pub(super) fn ip(tracee: &Tracee) -> Result<Option<u64>, Error> {
    let mut registers = [0; LEN];
    Ok((tracee.registers(&mut registers)? == LEN).then(|| get(&registers, RIP)))
}

fn get(registers: &[u8; LEN], place: usize) -> u64 {
    registers.get(place * 8..).and_then(|b| b.first_chunk()).map_or(0, |b| u64::from_le_bytes(*b))
}

fn put(registers: &mut [u8; LEN], place: usize, value: u64) {
    registers[place * 8..][..8].copy_from_slice(&value.to_le_bytes());
}
