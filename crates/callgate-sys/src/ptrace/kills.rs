//! Watching a command for the calls its filters kill it for.
//!
//! The command runs at full speed: it is stopped where it gets a signal, makes or ends a process, and where
//! it executes a program. A filter's kill shows at the very end, when the registers still hold the call.

use callgate_abi::{Arch, SeccompData};

use super::event::Stop;
use super::follow::{Followed, Watcher, follow, follow_if_wanted};
use super::tracee::{Options, Tracee};
use crate::error::Error;
use crate::process;
use crate::spawn::{Command, Failure, Outcome};

/// `PTRACE_EVENT_EXIT`, `include/uapi/linux/ptrace.h`.
const EVENT_EXIT: i32 = 6;

/// A thread that dies of `SIGSYS`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kill {
    /// The process.
    pub pid: i32,
    /// The thread.
    pub tid: i32,
    /// The thread's name.
    pub comm: String,
    /// The call it was making or had made last. Where a filter killed the whole process, its other threads
    /// die of the same signal: theirs are calls the filter permits. `None` where the registers of this
    /// machine are not known.
    pub call: Option<SeccompData>,
}

/// Run `command` to the end of it and of all its descendants, and report every thread that dies of `SIGSYS`,
/// whether a filter kills it or it does not catch a filter's trap.
///
/// Signals and job control work as with [`Command::forward_signals`]. All children of the calling thread are
/// waited for, so it should have no others. While it is traced, a program cannot be traced by another: a
/// debugger inside does not work.
///
/// # Errors
///
/// [`Failure`] when the command could not be executed or tracing is not permitted; the command is then
/// killed.
pub fn trace_kills(command: Command<'_>, on_kill: &mut dyn FnMut(&Kill)) -> Result<Outcome, Failure> {
    let options = Options { exit: true, exit_kill: true, ..Options::default() };
    follow(command, options, &mut Watch { on_kill, wanted: &mut |_| true })
}

/// The same for the command alone, whose children nobody watches: run it to its own end. It stops where it gets a
/// signal, makes a thread, or ends, and cannot be traced by others meanwhile; its children can. The command is told
/// to die with this process by [`Command::die_with_parent`], or else it lives on.
///
/// # Errors
///
/// As [`trace_kills`].
pub fn trace_own_kills(command: Command<'_>, on_kill: &mut dyn FnMut(&Kill)) -> Result<Outcome, Failure> {
    let options = Options { exit: true, threads: true, ..Options::default() };
    follow(command, options, &mut Watch { on_kill, wanted: &mut |_| true })
}

/// The same where tracing is permitted, and as long as `wanted` says so of each program that the command executes, which
/// stands still: otherwise it runs on all the same, and nobody is told of anything. How far it was watched.
///
/// # Errors
///
/// [`Failure`] when the command could not be executed.
pub fn trace_own_kills_if_wanted(
    command: Command<'_>,
    wanted: &mut dyn FnMut(i32) -> bool,
    on_kill: &mut dyn FnMut(&Kill),
) -> Result<(Outcome, Followed), Failure> {
    let options = Options { exit: true, threads: true, ..Options::default() };
    follow_if_wanted(command, options, &mut Watch { on_kill, wanted })
}

struct Watch<'a> {
    on_kill: &'a mut dyn FnMut(&Kill),
    wanted: &'a mut dyn FnMut(i32) -> bool,
}

impl Watcher for Watch<'_> {
    fn stopped(&mut self, tracee: &Tracee, stop: Stop, _: bool) -> Result<(), Error> {
        if let Some(kill) = kill_at(tracee, stop)? {
            (self.on_kill)(&kill);
        }
        Ok(())
    }

    fn resume(&self, tracee: &Tracee, signal: i32) -> Result<(), Error> {
        tracee.cont(signal)
    }

    fn wants(&mut self, tracee: &Tracee) -> bool {
        (self.wanted)(tracee.tid())
    }

    fn forget(&mut self, _: i32) {}
}

/// The end of a thread by `SIGSYS`, where that is what it stopped for.
pub(super) fn kill_at(tracee: &Tracee, stop: Stop) -> Result<Option<Kill>, Error> {
    // The message is the status for `waitpid`.
    let dies = |status: u64| status & 0x7f == u64::from(libc::SIGSYS.unsigned_abs());
    if stop != Stop::Other(EVENT_EXIT) || !dies(tracee.event_message()?) {
        return Ok(None);
    }
    let task = process::task(tracee.tid()).ok();
    Ok(Some(Kill {
        pid: task.as_ref().map_or(tracee.tid(), |t| t.pid),
        tid: tracee.tid(),
        comm: task.map_or_else(String::new, |t| t.comm),
        call: call_of(tracee)?,
    }))
}

/// The call in a stopped thread's registers.
pub(super) fn call_of(tracee: &Tracee) -> Result<Option<SeccompData>, Error> {
    let Some(places) = Places::NATIVE else { return Ok(None) };
    let mut registers = [0; 512];
    let len = tracee.registers(&mut registers)?;
    let token = tracee.syscall_arch()?;
    let places = match len {
        // `struct user_regs_struct` of i386.
        68 => &Places::I386,
        _ if token == Arch::X86.token() && cfg!(target_arch = "x86_64") => &Places::INT80,
        _ => &places,
    };
    let word = |index: usize| -> u64 {
        let bytes = registers.get(index * places.width..).unwrap_or_default();
        match (places.width, bytes.first_chunk::<8>(), bytes.first_chunk::<4>()) {
            (8, Some(word), _) => u64::from_ne_bytes(*word),
            (4, _, Some(word)) => u64::from(u32::from_ne_bytes(*word)),
            _ => 0,
        }
    };
    let narrow = Arch::ALL.iter().any(|a| a.token() == token && a.register_bits() == 32);
    let args = places.args.map(|index| if narrow { word(index) & 0xffff_ffff } else { word(index) });
    Ok(Some(SeccompData { nr: word(places.nr) as u32, arch: token, ip: word(places.ip), args }))
}

/// Where a call's parts lie among the registers, in words.
struct Places {
    width: usize,
    nr: usize,
    args: [usize; 6],
    ip: usize,
}

impl Places {
    /// `arch/x86/include/asm/user_32.h`: ebx ecx edx esi edi ebp, orig_eax, eip.
    const I386: Places = Places { width: 4, nr: 11, args: [0, 1, 2, 3, 4, 5], ip: 12 };
    /// The 32-bit gate of a 64-bit program: the registers of `arch/x86/include/asm/user_64.h`.
    const INT80: Places = Places { width: 8, nr: 15, args: [5, 11, 12, 13, 14, 4], ip: 16 };

    const NATIVE: Option<Places> = if cfg!(target_arch = "x86_64") {
        Some(Places { width: 8, nr: 15, args: [14, 13, 12, 7, 9, 8], ip: 16 })
    } else if cfg!(target_arch = "x86") {
        Some(Places::I386)
    } else if cfg!(target_arch = "aarch64") {
        // `struct user_pt_regs`: x0 to x30, sp, pc.
        Some(Places { width: 8, nr: 8, args: [0, 1, 2, 3, 4, 5], ip: 32 })
    } else if cfg!(target_arch = "riscv64") {
        // `struct user_regs_struct`: pc, x1 to x31; a0 is x10, a7 is x17.
        Some(Places { width: 8, nr: 17, args: [10, 11, 12, 13, 14, 15], ip: 0 })
    } else {
        None
    };
}
