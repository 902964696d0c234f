//! Which filters are in force together, from watching them being loaded.

use callgate::Arch;
use callgate::program::Code;
use callgate_sys::process;
use callgate_sys::ptrace::{Load, Loaded};
use callgate_sys::{Flags, process::Task};
use std::collections::BTreeMap;

/// The stacks of the threads that loaded something.
pub(super) struct Stacks {
    /// How many filters a command of ours has before it loads any.
    outer: usize,
    stacks: BTreeMap<i32, Stack>,
}

struct Stack {
    codes: Vec<Code>,
    arch: Arch,
    pid: i32,
    comm: String,
    /// Whether every thread of the process has it.
    all_threads: bool,
}

impl Stacks {
    pub(super) fn new() -> Stacks {
        let me = i32::try_from(std::process::id()).ok().and_then(|pid| process::task(pid).ok());
        Stacks { outer: me.map_or(0, |me| filters(&me)), stacks: BTreeMap::new() }
    }

    /// A load came into force. The thread stands still meanwhile.
    pub(super) fn push(&mut self, load: &Load, code: &Code) {
        let mut codes = match self.stacks.get(&load.tid) {
            Some(stack) => stack.codes.clone(),
            None => self.inherited(load),
        };
        codes.push(code.clone());
        let sync = match load.what {
            Loaded::Filter { flags, .. } => Flags::from_bits(flags).0.tsync,
            Loaded::Strict => false,
        };
        if sync {
            for stack in self.stacks.values_mut().filter(|s| s.pid == load.pid) {
                stack.codes.clone_from(&codes);
                stack.all_threads = true;
            }
        }
        let (arch, comm) = (load.arch, load.comm.clone());
        self.stacks.insert(load.tid, Stack { codes, arch, pid: load.pid, comm, all_threads: sync });
    }

    /// What the thread had from the one that made it: as many of that one's filters as it has itself beside
    /// the one just loaded. Filters stay in order and are never removed, so the count tells which.
    fn inherited(&self, load: &Load) -> Vec<Code> {
        let Ok(task) = process::task(load.tid) else { return Vec::new() };
        let count = filters(&task).saturating_sub(self.outer + 1);
        let ancestors = [Some(load.pid), parent(load.pid)].into_iter().flatten();
        // Whoever made it may be gone, and its stack then be found only among all others.
        let mut all = ancestors
            .filter_map(|tid| self.stacks.get(&tid))
            .chain(self.of_process(parent(load.pid)))
            .chain(self.stacks.values());
        let from = all.find(|stack| stack.codes.len() >= count);
        from.map_or_else(Vec::new, |stack| stack.codes[..count].to_vec())
    }

    fn of_process(&self, pid: Option<i32>) -> impl Iterator<Item = &Stack> {
        self.stacks.values().filter(move |stack| Some(stack.pid) == pid)
    }

    /// Every stack with whose it is, by thread; threads with the same one once.
    pub(super) fn all(&self) -> impl Iterator<Item = (&[Code], Option<Arch>, String)> {
        let mut seen: Vec<(i32, &[Code])> = Vec::new();
        self.stacks.iter().filter_map(move |(tid, stack)| {
            let new = !seen.contains(&(stack.pid, &stack.codes));
            seen.push((stack.pid, &stack.codes));
            let whose = match stack.all_threads {
                true => format!("every thread of {} ({})", stack.pid, stack.comm),
                false => format!("{tid} ({})", stack.comm),
            };
            new.then_some((&stack.codes[..], Some(stack.arch), whose))
        })
    }
}

fn filters(task: &Task) -> usize {
    task.filters.map_or(0, |n| n as usize)
}

/// The process that made this one, or has adopted it since.
fn parent(pid: i32) -> Option<i32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
}
