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
    let mut stops = Stops { tracee, seen: false };
    let mut ours = registers;
    for (place, value) in [(ORIG_RAX, u64::from(nr)), (RDI, args[0]), (RSI, args[1]), (RDX, args[2])] {
        put(&mut ours, place, value);
    }
    tracee.set_registers(&ours)?;
    tracee.cont_to_syscall(0)?;
    while let Some(signal) = stops.before(Stop::Syscall)? {
        tracee.cont_to_syscall(signal)?;
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
    while let Some(signal) = stops.before(Stop::Seccomp)? {
        tracee.cont(signal)?;
    }
    tracee.set_signal_mask(mask)?;
    if stops.seen {
        // It was run although job control has stopped it, or may have been continued since, which no mask holds back:
        // the next stop tells which, as the kernel knows it then.
        tracee.interrupt()?;
    }
    Ok(result)
}

/// Stops that come between.
struct Stops<'a> {
    tracee: &'a Tracee,
    /// Whether there was one.
    seen: bool,
}

impl Stops<'_> {
    /// The signal to go on with at the next stop; `None` where that is the one that is wanted.
    ///
    /// `SIGSTOP` must be delivered, so that job control is in force and whoever waits for that is told. A stopped thread
    /// that is let run nevertheless stays stopped as far as others see (`ptrace(2)`, "Group-stop").
    fn before(&mut self, wanted: Stop) -> Result<Option<i32>, Error> {
        let stop = wait_stopped(self.tracee.tid())?;
        if stop == wanted {
            return Ok(None);
        }
        self.seen = true;
        Ok(Some(match stop {
            Stop::Signal(signal) => signal,
            _ => 0,
        }))
    }
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
