//! Reading the filters of a running thread.

use callgate_abi::Insn;

use super::event::{Stop, wait_for};
use super::tracee::{Options, Tracee};
use crate::error::Error;

/// A filter in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attached {
    /// The program, as it was loaded.
    pub program: Vec<Insn>,
    /// Whether it was loaded with [`Flags::log`](crate::Flags::log); `None` before Linux 4.16.
    pub logs: Option<bool>,
}

/// The filters of thread `tid`, in the order in which they were loaded. Other threads of its process may
/// have others: ask for each.
///
/// The thread is stopped for the moment it takes. A call it sleeps in is restarted afterwards; for some
/// (`nanosleep`, `poll`, `futex` with a relative timeout) the kernel does that through `restart_syscall`,
/// which a strict filter kills. `may_restart` is asked, with the filters, whether they allow it; if not, on
/// x86 the call is made to start from the beginning, its timeout included, instead.
///
/// A call that waits for a supervisor's answer is notified anew.
///
/// # Errors
///
/// As [`Tracee::seize`] and [`Tracee::filter`].
pub fn filters(tid: i32, may_restart: &dyn Fn(&[Attached]) -> bool) -> Result<Vec<Attached>, Error> {
    let tracee = Tracee::seize(tid, Options::default())?;
    tracee.interrupt()?;
    let signal = match wait_for(tid)?.stop {
        Stop::Gone(_) => {
            let hint = "the thread ended meanwhile";
            return Err(Error::Call { call: "ptrace(PTRACE_INTERRUPT)", errno: libc::ESRCH, hint });
        }
        // Arrived before the interruption; handed on below.
        Stop::Signal(signal) => signal,
        Stop::Syscall
        | Stop::Group(_)
        | Stop::Trap
        | Stop::Fork
        | Stop::Exec
        | Stop::Seccomp
        | Stop::Other(_) => 0,
    };
    let filters = read_all(&tracee);
    let spared = match &filters {
        Ok(filters) if signal == 0 && !may_restart(filters) => avoid_restart(&tracee),
        _ => Ok(()),
    };
    tracee.detach(signal)?;
    spared?;
    filters
}

fn read_all(tracee: &Tracee) -> Result<Vec<Attached>, Error> {
    let mut filters = Vec::new();
    while let Some(program) = tracee.filter(filters.len())? {
        let logs = match tracee.filter_logs(filters.len()) {
            Ok(logs) => logs,
            Err(Error::Call { errno: libc::EIO, .. }) => None,
            Err(e) => return Err(e),
        };
        filters.push(Attached { program, logs });
    }
    Ok(filters)
}

/// Where a call was interrupted that would go on by `restart_syscall`, let it start over instead.
fn avoid_restart(tracee: &Tracee) -> Result<(), Error> {
    // Kernel-internal results of an interrupted call, `include/linux/errno.h`.
    const ERESTART_RESTARTBLOCK: i32 = -516;
    const ERESTARTNOHAND: i32 = -514;
    if !cfg!(any(target_arch = "x86_64", target_arch = "x86")) {
        return Ok(());
    }
    let mut registers = [0; 512];
    let len = tracee.registers(&mut registers)?;
    // Where rax or eax lies in `struct user_regs_struct` of each width.
    let (at, wide) = match len {
        68 => (6 * 4, false),
        216 => (10 * 8, true),
        _ => return Ok(()),
    };
    let Some(low) = registers[at..].first_chunk::<4>() else { return Ok(()) };
    if i32::from_le_bytes(*low) != ERESTART_RESTARTBLOCK {
        return Ok(());
    }
    if wide {
        registers[at..at + 8].copy_from_slice(&i64::from(ERESTARTNOHAND).to_le_bytes());
    } else {
        registers[at..at + 4].copy_from_slice(&ERESTARTNOHAND.to_le_bytes());
    }
    tracee.set_registers(&registers[..len])
}
