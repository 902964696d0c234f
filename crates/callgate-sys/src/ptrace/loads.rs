//! Watching a command load filters.
//!
//! Every call of the command and its children is stopped at (`PTRACE_SYSCALL`): slower than letting a
//! filter of our own pick out the two calls that matter, but it changes nothing the command could see in
//! its status, needs no privilege, and cannot be outranked by a filter the command loads.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use callgate_abi::insn::MAX_INSNS;
use callgate_abi::{Arch, Insn, Syscall};

use super::event::{Event, Stop, wait_for};
use super::follow::{Watcher, follow};
use super::tracee::{Options, SyscallInfo, Tracee};
use crate::error::Error;
use crate::install::Flags;
use crate::spawn::{Command, Failure, Outcome};
use crate::{memory, process};

/// An attempt to load a filter or to enter strict mode, by `seccomp(2)` or `prctl(PR_SET_SECCOMP)`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Load {
    /// The process.
    pub pid: i32,
    /// The thread that made the call.
    pub tid: i32,
    /// The thread's name at that time.
    pub comm: String,
    /// The convention of the call: the ABI of the program that made it.
    pub arch: Arch,
    /// The call: `seccomp` or `prctl`.
    pub call: Syscall,
    /// What was to be loaded.
    pub what: Loaded,
    /// Whether it was.
    pub result: LoadResult,
}

/// What was to be loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Loaded {
    /// Strict mode.
    Strict,
    /// A filter.
    Filter {
        /// The program, read from the thread's memory at the entry to the call.
        program: Result<Vec<Insn>, Error>,
        /// The `SECCOMP_FILTER_FLAG_*` bits ([`Flags::from_bits`]); 0 by `prctl`.
        flags: u32,
    },
}

/// What the kernel answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadResult {
    /// It is in force.
    InForce,
    /// It is in force, and this is the number of the listener in the process that loaded it.
    Listener(i32),
    /// It is not in force, as this thread could not follow (`SECCOMP_FILTER_FLAG_TSYNC`).
    NotSynced(i32),
    /// It is not in force: the error number.
    Failed(i32),
}

/// A thread that the command itself begins to trace, as a debugger does. A thread has one tracer, so it is
/// watched no longer, nor are the processes it makes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LetGo {
    /// The thread.
    pub tid: i32,
    /// Its name.
    pub comm: String,
    /// The thread that traces it from now on, its parent if it asked to be traced itself.
    pub by: i32,
    /// That one's name.
    pub by_comm: String,
}

impl LoadResult {
    /// Whether it is in force.
    pub fn is_in_force(self) -> bool {
        matches!(self, LoadResult::InForce | LoadResult::Listener(_))
    }
}

/// Run `command` to the end of it and of all its descendants, and report every load to `on_load`, failed ones
/// included, in the order in which they are answered. Filters of the command itself ([`Command::filter`])
/// are not reported. Once `on_load` breaks, the rest runs without stopping at calls. Where the command traces
/// processes itself, `on_let_go` is told which are its own from then on.
///
/// Signals and job control work as with [`Command::forward_signals`]. All children of the calling thread are
/// waited for, so it should have no others.
///
/// # Errors
///
/// [`Failure`] when the command could not be executed or tracing is not permitted; the command is then
/// killed.
pub fn trace_loads(
    command: Command<'_>,
    on_load: &mut dyn FnMut(&Load) -> ControlFlow<()>,
    on_let_go: &mut dyn FnMut(&LetGo),
) -> Result<Outcome, Failure> {
    let mut watch =
        Watch { watching: true, pending: BTreeMap::new(), let_go: Vec::new(), on_load, on_let_go };
    follow(command, Options::default(), &mut watch)
}

/// A load that has begun.
struct Pending {
    arch: Arch,
    call: Syscall,
    what: Loaded,
}

struct Watch<'a> {
    watching: bool,
    /// The threads that are about to load something.
    pending: BTreeMap<i32, Pending>,
    /// The threads just detached from.
    let_go: Vec<i32>,
    on_load: &'a mut dyn FnMut(&Load) -> ControlFlow<()>,
    on_let_go: &'a mut dyn FnMut(&LetGo),
}

impl Watcher for Watch<'_> {
    fn stopped(&mut self, tracee: &Tracee, stop: Stop, executed: bool) -> Result<(), Error> {
        if stop == Stop::Syscall {
            match tracee.syscall_info()? {
                SyscallInfo::Entry { arch, nr, args, .. } if executed => {
                    self.entry(tracee, arch, nr, args);
                    if let Some((who, by)) = claimed(tracee.tid(), arch, nr, args) {
                        self.cede(tracee, who, by);
                    }
                }
                SyscallInfo::Exit { value, is_error, .. } => self.exit(tracee, value, is_error),
                SyscallInfo::Entry { .. } | SyscallInfo::None | SyscallInfo::Seccomp { .. } => {}
            }
        }
        Ok(())
    }

    fn resume(&self, tracee: &Tracee, signal: i32) -> Result<(), Error> {
        if self.watching { tracee.cont_to_syscall(signal) } else { tracee.cont(signal) }
    }

    fn forget(&mut self, tid: i32) {
        self.pending.remove(&tid);
    }

    fn let_go(&mut self) -> Vec<i32> {
        std::mem::take(&mut self.let_go)
    }
}

impl Watch<'_> {
    fn entry(&mut self, tracee: &Tracee, token: u32, nr: u64, args: [u64; 6]) {
        match begun(tracee.tid(), token, nr, args) {
            Some(pending) => self.pending.insert(tracee.tid(), pending),
            None => self.pending.remove(&tracee.tid()),
        };
    }

    /// Detaches from a thread, so that another can attach. Where that fails, the other will fail, too, as it
    /// would have.
    fn cede(&mut self, caller: &Tracee, who: i32, by: i32) {
        if who == caller.tid() {
            if Tracee::new(who).detach(0).is_err() {
                return;
            }
        } else {
            let target = Tracee::new(who);
            if target.interrupt().is_err() {
                return;
            }
            // Whatever it stopped for, it stands still.
            let signal = match wait_for(who) {
                Ok(Event { stop: Stop::Signal(signal), .. }) => signal,
                Ok(_) => 0,
                Err(_) => return,
            };
            // One that is gone is no longer followed, either.
            let _ = target.detach(signal);
        }
        self.pending.remove(&who);
        self.let_go.push(who);
        let comm = |tid| process::task(tid).map_or_else(|_| String::new(), |t| t.comm);
        (self.on_let_go)(&LetGo { tid: who, comm: comm(who), by, by_comm: comm(by) });
    }

    fn exit(&mut self, tracee: &Tracee, value: i64, is_error: bool) {
        let tid = tracee.tid();
        let Some(Pending { arch, call, what }) = self.pending.remove(&tid) else { return };
        let task = process::task(tid).ok();
        let load = Load {
            pid: task.as_ref().map_or(tid, |t| t.pid),
            tid,
            comm: task.map_or_else(String::new, |t| t.comm),
            arch,
            call,
            result: result_of(&what, value, is_error),
            what,
        };
        if (self.on_load)(&load).is_break() {
            self.watching = false;
        }
    }
}

/// The thread that a call would make somebody else's tracee, and whose.
fn claimed(tid: i32, token: u32, nr: u64, args: [u64; 6]) -> Option<(i32, i32)> {
    const TRACEME: u32 = 0;
    const ATTACH: u32 = 16;
    const SEIZE: u32 = 0x4206;
    let nr = u32::try_from(nr).ok()?;
    let arch = Arch::of_call(token, nr)?;
    Syscall::from_number(arch, nr).filter(|c| c.name() == "ptrace")?;
    match args[0] as u32 {
        // A child of this process would become its tracee again.
        TRACEME => {
            let pid = process::task(tid).ok()?.pid;
            let parent = process::parent(pid)?;
            (parent != std::process::id().cast_signed()).then_some((tid, parent))
        }
        ATTACH | SEIZE => Some((args[1] as u32).cast_signed()).filter(|who| *who > 0).map(|who| (who, tid)),
        _ => None,
    }
}

/// The load a call would be.
fn begun(tid: i32, token: u32, nr: u64, args: [u64; 6]) -> Option<Pending> {
    let nr = u32::try_from(nr).ok()?;
    let arch = Arch::of_call(token, nr)?;
    let call = Syscall::from_number(arch, nr)?;
    // The kernel takes operation, mode and flags as 32-bit numbers, but prctl's arguments as longs.
    let what = match call.name() {
        "seccomp" => match args[0] as u32 {
            libc::SECCOMP_SET_MODE_STRICT => Loaded::Strict,
            libc::SECCOMP_SET_MODE_FILTER => {
                Loaded::Filter { program: program_at(tid, arch, args[2]), flags: args[1] as u32 }
            }
            _ => return None,
        },
        "prctl" if args[0] as u32 == libc::PR_SET_SECCOMP.cast_unsigned() => match args[1] {
            mode if mode == u64::from(libc::SECCOMP_MODE_STRICT) => Loaded::Strict,
            mode if mode == u64::from(libc::SECCOMP_MODE_FILTER) => {
                Loaded::Filter { program: program_at(tid, arch, args[2]), flags: 0 }
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(Pending { arch, call, what })
}

fn result_of(what: &Loaded, value: i64, is_error: bool) -> LoadResult {
    let number = i32::try_from(value).unwrap_or(0);
    let listener = match what {
        Loaded::Strict => false,
        Loaded::Filter { flags, .. } => Flags::from_bits(*flags).0.new_listener,
    };
    if is_error || value < 0 {
        LoadResult::Failed(-number)
    } else if listener {
        LoadResult::Listener(number)
    } else if value > 0 {
        LoadResult::NotSynced(number)
    } else {
        LoadResult::InForce
    }
}

/// The program a `struct sock_fprog` in another process describes.
fn program_at(tid: i32, arch: Arch, address: u64) -> Result<Vec<Insn>, Error> {
    // x32 and n32 have 64-bit registers but 32-bit pointers.
    let narrow =
        arch.register_bits() == 32 || matches!(arch, Arch::X32 | Arch::Mips64n32 | Arch::Mipsel64n32);
    let mut len = [0; 2];
    memory::read_exact(tid, address, &mut len)?;
    let at = if narrow {
        let mut pointer = [0; 4];
        memory::read_exact(tid, address.wrapping_add(4), &mut pointer)?;
        u64::from(u32::from_ne_bytes(pointer))
    } else {
        let mut pointer = [0; 8];
        memory::read_exact(tid, address.wrapping_add(8), &mut pointer)?;
        u64::from_ne_bytes(pointer)
    };
    // The kernel refuses longer ones.
    let len = usize::from(u16::from_ne_bytes(len)).min(MAX_INSNS);
    let mut bytes = vec![0; len * size_of::<Insn>()];
    memory::read_exact(tid, at, &mut bytes)?;
    Ok(bytes.chunks_exact(size_of::<Insn>()).map(insn_from).collect())
}

fn insn_from(bytes: &[u8]) -> Insn {
    let at = |index: usize| bytes.get(index).copied().unwrap_or(0);
    Insn {
        code: u16::from_ne_bytes([at(0), at(1)]),
        jt: at(2),
        jf: at(3),
        k: u32::from_ne_bytes([at(4), at(5), at(6), at(7)]),
    }
}
