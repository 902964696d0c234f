//! The filters of a running process, thread by thread.

use crate::failure::{CANNOT, Failure};
use callgate::abi::insn::{Insn, op};
use callgate::abi::{Endian, Word};
use callgate::program::Code;
use callgate::{Action, Arch, Program, SeccompData, Syscall};
use callgate_sys::process::{self, Mode, Task};
use callgate_sys::ptrace::{self, Attached};
use std::io::Read;

/// A process whose filters were read.
pub(crate) struct Process {
    pub(crate) pid: i32,
    /// The name of its first thread.
    pub(crate) comm: String,
    /// The ABI of the program it executes.
    pub(crate) arch: Option<Arch>,
    pub(crate) threads: Vec<Thread>,
}

/// One of its threads.
pub(crate) struct Thread {
    pub(crate) task: Task,
    /// Its filters, the one loaded first in front; strict mode is told by the task.
    pub(crate) filters: Vec<Loaded>,
}

/// A filter in force.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub(crate) code: Code,
    /// Whether it was loaded with `SECCOMP_FILTER_FLAG_LOG`, where the kernel tells.
    pub(crate) logs: Option<bool>,
}

/// Reads the filters of a process, or of one thread of it.
pub(crate) fn read(pid: i32, tid: Option<i32>) -> Result<Process, Failure> {
    let tasks = process::tasks(pid).map_err(|e| match e.errno() {
        Some(libc::ENOENT) => Failure::input(format!("there is no process {pid}")),
        _ => Failure::input(format!("process {pid}: {e}")),
    })?;
    let arch = arch_of(pid);
    let mut threads = Vec::new();
    let comm = tasks.first().map(|t| t.comm.clone()).unwrap_or_default();
    for task in tasks {
        if tid.is_some_and(|tid| tid != task.tid) {
            continue;
        }
        let filters = match task.mode {
            Mode::Disabled | Mode::Strict => Vec::new(),
            Mode::Filter => match filters(&task, arch) {
                Ok(filters) => filters,
                // Gone since it was listed.
                Err(e) if e.errno() == Some(libc::ESRCH) => continue,
                Err(e) => return Err(refused(&task, &e)),
            },
        };
        threads.push(Thread { task, filters });
    }
    match (threads.is_empty(), tid) {
        (true, Some(tid)) => Err(Failure::input(format!("process {pid} has no thread {tid}"))),
        (true, None) => Err(Failure::input(format!("process {pid} is gone"))),
        (false, _) => Ok(Process { pid, comm, arch, threads }),
    }
}

impl Process {
    /// The different stacks of filters, each with the threads that have it. Strict mode is a stack of the
    /// program that means the same.
    pub(crate) fn stacks(&self) -> Vec<(Vec<Code>, Vec<&Task>)> {
        let mut stacks: Vec<(Vec<Code>, Vec<&Task>)> = Vec::new();
        for thread in &self.threads {
            let codes: Vec<Code> = match thread.task.mode {
                Mode::Strict => vec![strict(self.arch)],
                Mode::Disabled | Mode::Filter => thread.filters.iter().map(|f| f.code.clone()).collect(),
            };
            match stacks.iter_mut().find(|s| s.0 == codes) {
                Some(stack) => stack.1.push(&thread.task),
                None => stacks.push((codes, vec![&thread.task])),
            }
        }
        stacks
    }
}

/// `2 filters on 811 (worker) and 3 more`.
pub(crate) fn describe(filters: usize, threads: &[&Task]) -> String {
    let count = match filters {
        0 => "no filter".to_owned(),
        1 => "1 filter".to_owned(),
        n => format!("{n} filters"),
    };
    let first = threads.first().map_or_else(String::new, |t| format!("{} ({})", t.tid, t.comm));
    match threads.len() {
        0 | 1 => format!("{count} on {first}"),
        n => format!("{count} on {first} and {} more", n - 1),
    }
}

/// What strict mode does, as a program: the four calls of that mode, under the convention of the program
/// alone, and the end of the thread for all others.
///
/// Source: `kernel/seccomp.c`, `mode1_syscalls`.
pub(crate) fn strict(arch: Option<Arch>) -> Code {
    let arch = arch.or(Arch::NATIVE).unwrap_or(Arch::X86_64);
    let number = |name| Syscall::from_name(name).and_then(|call: Syscall| call.number(arch));
    // Where there is an old and a new way back from a signal handler, the list has the old one.
    let back = number("sigreturn").or(number("rt_sigreturn"));
    let allowed: Vec<u32> =
        [number("read"), number("write"), number("exit"), back].into_iter().flatten().collect();
    let endian = arch.endian();
    let kill = allowed.len() as u8;
    let mut insns = vec![
        Insn::stmt(op::LD_ABS, Word::ARCH.offset(endian)),
        Insn::jump(op::JEQ_K, arch.token(), 0, kill + 1),
        Insn::stmt(op::LD_ABS, Word::NR.offset(endian)),
    ];
    insns.extend((0..kill).zip(&allowed).map(|(i, nr)| Insn::jump(op::JEQ_K, *nr, kill - i, 0)));
    insns.push(Insn::stmt(op::RET_K, Action::KILL_THREAD.to_ret()));
    insns.push(Insn::stmt(op::RET_K, Action::ALLOW.to_ret()));
    Code { insns, endian }
}

fn filters(task: &Task, arch: Option<Arch>) -> Result<Vec<Loaded>, callgate_sys::Error> {
    let attached = ptrace::filters(task.tid, &|filters| may_restart(filters, arch))?;
    let endian = Arch::NATIVE.map_or(Endian::Little, |a| a.endian());
    Ok(attached
        .into_iter()
        .map(|a| Loaded { code: Code { insns: a.program, endian }, logs: a.logs })
        .collect())
}

/// Whether the filters let a call that was interrupted go on by `restart_syscall`.
fn may_restart(filters: &[Attached], arch: Option<Arch>) -> bool {
    let restart = arch.and_then(|a| Some((a, Syscall::from_name("restart_syscall")?.number(a)?)));
    let Some((arch, nr)) = restart else { return false };
    let data = SeccompData { arch: arch.token(), nr, ..SeccompData::default() };
    filters.iter().all(|filter| {
        Program::with_endian(filter.program.clone(), arch.endian())
            .is_ok_and(|program| program.run(&data).action().permits())
    })
}

/// The ABI of the program a process executes, as its file says.
///
/// Source: `elf(5)`.
pub(crate) fn arch_of(pid: i32) -> Option<Arch> {
    const CLASS: usize = 4;
    const MACHINE: usize = 18;
    let mut head = [0; 20];
    std::fs::File::open(format!("/proc/{pid}/exe")).ok()?.read_exact(&mut head).ok()?;
    let wide = head[CLASS] == 2;
    let native = Arch::NATIVE?;
    let machine = match native.endian() {
        Endian::Little => u16::from_le_bytes([head[MACHINE], head[MACHINE + 1]]),
        Endian::Big => u16::from_be_bytes([head[MACHINE], head[MACHINE + 1]]),
    };
    Some(match (machine, wide) {
        (3, _) => Arch::X86,
        (62, true) => Arch::X86_64,
        (62, false) => Arch::X32,
        (40, _) => Arch::Arm,
        (183, _) => Arch::Aarch64,
        _ => native,
    })
}

/// What stands in the way of reading a thread's filters, and what can be said without them.
fn refused(task: &Task, e: &callgate_sys::Error) -> Failure {
    let count = match task.filters {
        Some(1) => "1 filter, which".to_owned(),
        Some(n) => format!("{n} filters, which"),
        None => "filters, which".to_owned(),
    };
    Failure::new(CANNOT, format!("{} ({}) has {count} cannot be read: {e}", task.tid, task.comm))
}
