//! The counts, and what is asked for them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use callgate_abi::{Arch, SeccompData, Syscall};

use super::btf::Btf;
use super::kernel::{Map, attach, processors};
use super::programs::{
    self, ARGUMENTS, CELLED_NUMBERS, CELLED_WHOS, CELLS, DENIED, KEY, LAST, LOST, Maps, NAME, NAMES, NARROW,
    NUMBERS, Offsets, PATH, Scope, WHO, WHOS, number_of, table_len,
};
use super::ring::Ring;
use super::table::Table;
use crate::calls::Caller;
use crate::error::Error;
use crate::process;
use crate::ptrace::Point;

/// How many different calls with arguments there is room for; of others only how many were made is known.
const CALLS: u32 = 1 << 14;
/// For how many processors there are cells of their own at most.
const PROCESSORS: usize = 8;
const EXECUTABLES: u32 = 1 << 10;
/// How many threads may be in a call at once.
const THREADS: u32 = 1 << 14;

/// How many processes there is room for, from one look at whether they are alive to the next: more than as many
/// processors can make in that time.
fn processes(processors: usize) -> u32 {
    ((processors << 11) as u32).max(1 << 12)
}

/// How many bytes of first calls there is room for until they are read: for thirty a processor, which is what a program
/// makes before its first line.
fn ring_len(processors: usize) -> usize {
    (processors << 18).max(1 << 20)
}

/// Whose calls.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// Of a process that has not executed its command yet, and of those it will make, from its next `execve` on.
    Command(i32),
    /// Of a process and of those it will make, from now on.
    Process(i32),
    /// Of all in a control group and those below it, from now on: its folder in the second version's hierarchy.
    Cgroup(&'a Path),
}

/// The arguments of a call that matter, by position, with the bits of each that the kernel reads; two at most.
pub type Wanted<'a> = &'a dyn Fn(Syscall, Arch) -> Vec<(usize, u32)>;

/// A call, and how often it was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counted {
    /// Who made it. The process and the thread are not told apart: their numbers are 0.
    pub caller: Caller,
    /// The call; arguments that do not matter are 0.
    pub call: SeccompData,
    /// Whether a filter answered it, so that it was not executed.
    pub denied: bool,
    /// How often.
    pub count: u64,
}

/// The first call of its kind on a processor, and how the thread stood there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FirstCall {
    /// Who made it, with process and thread.
    pub caller: Caller,
    /// The call; arguments that do not matter are 0.
    pub call: SeccompData,
    /// Where the thread stood.
    pub point: Point,
    /// What was on its stack, from the stack pointer on.
    pub stack: Vec<u8>,
}

/// Counts, as long as it lives.
pub struct Counter {
    scope: Map,
    programs: Map,
    calls: Map,
    table: Table,
    processors: usize,
    ring: Option<Ring>,
    _others: [Option<Map>; 2],
    places: Vec<(Arch, u32, Vec<usize>)>,
    _attached: Vec<OwnedFd>,
}

impl Counter {
    /// Start counting; with `denied`, also the calls that filters answer, at some cost; with `stacks`, the stack of
    /// the first of each is kept for [`Counter::first_calls`].
    ///
    /// # Errors
    ///
    /// `EPERM` without `CAP_BPF` and `CAP_PERFMON`; [`Error::Refused`] where the kernel does not describe its
    /// structures, in a pid namespace of one's own, and on other machines than x86_64.
    pub fn start(
        target: Target<'_>,
        wanted: Wanted<'_>,
        denied: bool,
        stacks: bool,
    ) -> Result<Counter, Error> {
        if !cfg!(target_arch = "x86_64") {
            return Err(Error::Refused { what: "counting in the kernel is known for x86_64 only" });
        }
        if !matches!(target, Target::Cgroup(_)) && !in_initial_pid_namespace() {
            let what = "the kernel's tracepoints tell processes by other numbers than this pid namespace";
            return Err(Error::Refused { what });
        }
        let what = "the kernel does not tell how its structures are laid out (/sys/kernel/btf/vmlinux)";
        let offsets = Btf::of_kernel().and_then(|btf| Offsets::of(&btf)).ok_or(Error::Refused { what })?;
        let processors = processors().next_power_of_two().min(PROCESSORS);
        let running: Vec<i32> = match target {
            Target::Command(_) => Vec::new(),
            Target::Process(pid) => vec![pid],
            Target::Cgroup(folder) => {
                let pids = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
                pids.lines().filter_map(|l| l.parse().ok()).collect()
            }
        };
        let scope = Map::hash(4, 4, processes(processors) + running.len() as u32)?;
        let programs = Map::hash(4, PATH, EXECUTABLES)?;
        let calls = Map::hash(KEY, 8, CALLS)?;
        let whos = Map::hash(WHO, 8, WHOS as u32)?;
        let table = Table::new(table_len(processors))?;
        let inside = if denied { Some(Map::hash(4, 4, THREADS)?) } else { None };
        let ring = if stacks { Some(Ring::new(ring_len(processors))?) } else { None };
        let places = fill(&table, wanted);
        let maps = Maps {
            scope: scope.fd(),
            programs: programs.fd(),
            calls: calls.fd(),
            whos: whos.fd(),
            table: table.fd(),
            inside: inside.as_ref().map(Map::fd),
            ring: ring.as_ref().map(Ring::fd),
            processors,
        };
        let whom = match target {
            Target::Command(_) | Target::Process(_) => Scope::Processes,
            Target::Cgroup(folder) => cgroup(folder)?,
        };
        let mut counter = Counter {
            scope,
            programs,
            calls,
            table,
            processors,
            ring,
            _others: [Some(whos), inside],
            places,
            _attached: Vec::new(),
        };
        let bad = Error::Refused { what: "a program has a jump that is too long" };
        let mut tracepoints = vec![
            (programs::FORK, programs::fork(&maps, &offsets)),
            (programs::EXEC, programs::exec(&maps, &offsets, whom)),
            (programs::ENTER, programs::enter(&maps, &offsets, whom)),
        ];
        if denied {
            tracepoints.push((programs::LEAVE, programs::leave(&maps, &offsets, whom)));
        }
        if let Target::Command(pid) = target {
            counter.watch(pid, 0)?;
        }
        for pid in running {
            let number = counter.name(pid)?;
            counter.watch(pid, number)?;
        }
        for (tracepoint, program) in tracepoints {
            counter._attached.push(attach(tracepoint, &program.ok_or(bad)?)?);
        }
        Ok(counter)
    }

    fn watch(&self, pid: i32, program: u32) -> Result<(), Error> {
        self.scope.set(&pid.to_ne_bytes(), &program.to_ne_bytes())
    }

    /// The number of the program a process executes.
    fn name(&self, pid: i32) -> Result<u32, Error> {
        let path = process::executable(pid).unwrap_or_default();
        let mut bytes = [0; PATH];
        let name = path.as_os_str().as_bytes();
        let len = name.len().min(PATH - 1);
        bytes[..len].copy_from_slice(&name[..len]);
        let number = number_of(&bytes);
        self.programs.set(&number.to_ne_bytes(), &bytes)?;
        Ok(number)
    }

    /// All counts, as they are now.
    ///
    /// # Errors
    ///
    /// None that a caller could cause.
    pub fn counts(&self) -> Result<Vec<Counted>, Error> {
        // Who has been counted has a name.
        let mut hashed = Vec::new();
        for key in self.calls.keys()? {
            let Some(count) = self.calls.get(&key)?.and_then(|v| double(&v, 0)) else { continue };
            hashed.push((key, count));
        }
        let cells = self.cells();
        let callers = (0..=self.last()).map(|who| self.caller(who)).collect::<Result<Vec<_>, _>>()?;
        let mut all = Vec::new();
        for (who, nr, count) in cells {
            let Some(caller) = callers.get(who) else { continue };
            let call = SeccompData { nr, arch: Arch::X86_64.token(), ..SeccompData::default() };
            all.push(Counted { caller: caller.clone(), call, denied: false, count });
        }
        for (key, count) in hashed {
            let (Some(who), Some(nr)) = (word(&key, 0), word(&key, 4)) else { continue };
            let Some(caller) = callers.get((who & !(NARROW | DENIED)) as usize) else { continue };
            let arch = if who & NARROW == 0 { Arch::X86_64 } else { Arch::X86 };
            let mut call = SeccompData { nr, arch: arch.token(), ..SeccompData::default() };
            let places = self.places.iter().find(|(a, n, _)| (*a, *n) == (arch, nr));
            for (index, place) in places.iter().flat_map(|(_, _, places)| places).enumerate() {
                call.args[*place] = double(&key, 8 + 8 * index).unwrap_or(0);
            }
            all.push(Counted { caller: caller.clone(), call, denied: who & DENIED != 0, count });
        }
        Ok(all)
    }

    /// Tells the first calls as they are made, until the other end of `end` is closed. To be called by one thread.
    /// Only with `stacks`; it may be that the ring was full, and some are not told.
    ///
    /// # Errors
    ///
    /// None that a caller could cause.
    pub fn first_calls(&self, end: BorrowedFd<'_>, told: &mut dyn FnMut(FirstCall)) -> Result<(), Error> {
        let Some(ring) = &self.ring else { return Ok(()) };
        let mut callers = HashMap::new();
        loop {
            let over = ring.wait(end);
            let mut done = Ok(());
            ring.drain(&mut |record| match self.first(record, &mut callers) {
                Ok(first) => first.into_iter().for_each(&mut *told),
                Err(e) => done = Err(e),
            });
            done?;
            if over {
                return Ok(());
            }
        }
    }

    fn first(&self, record: &[u8], callers: &mut HashMap<usize, Caller>) -> Result<Option<FirstCall>, Error> {
        let Some(who) = word(record, 0).map(|who| who as usize) else { return Ok(None) };
        let caller = match callers.entry(who) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(self.caller(who)?),
        };
        let number = |at| word(record, at).map_or(0, u32::cast_signed);
        let register = |at| double(record, at).unwrap_or(0);
        let nr = word(record, 4).unwrap_or(0);
        let mut call =
            SeccompData { nr, arch: Arch::X86_64.token(), ip: register(32), ..SeccompData::default() };
        let places = self.places.iter().find(|(a, n, _)| (*a, *n) == (Arch::X86_64, nr));
        for (index, place) in places.iter().flat_map(|(_, _, places)| places).enumerate() {
            call.args[*place] = register(8 + 8 * index);
        }
        let len = usize::try_from(register(56)).unwrap_or(0);
        let stack = record.get(usize::from(programs::STACK.unsigned_abs())..).unwrap_or_default();
        let stack = stack.get(..len).unwrap_or_default().to_vec();
        let point = Point { ip: register(32), sp: register(40), fp: register(48), lr: 0 };
        let caller = Caller { tid: number(24), pid: number(28), ..caller.clone() };
        Ok(Some(FirstCall { caller, call, point, stack }))
    }

    /// The last number of a caller.
    fn last(&self) -> usize {
        // Beyond those that there is room for, it counts on.
        usize::try_from(self.table.double(LAST)).unwrap_or(WHOS).min(WHOS - 1)
    }

    /// Who has this number.
    fn caller(&self, who: usize) -> Result<Caller, Error> {
        let part = |at: usize| self.table.double(NAMES + who * NAME + at);
        let comm: Vec<u8> = [8, 16].into_iter().flat_map(|at| part(at).to_ne_bytes()).collect();
        Ok(Caller { pid: 0, tid: 0, comm: text(&comm), program: self.program(part(0) as u32)? })
    }

    /// The counts of the calls that have no arguments that matter: who, the call's number, how often.
    fn cells(&self) -> Vec<(usize, u32, u64)> {
        let mut all = Vec::new();
        for who in 0..CELLED_WHOS.min(self.last() + 1) {
            for nr in 0..CELLED_NUMBERS {
                let cell = |cpu: usize| CELLS + ((cpu * CELLED_WHOS + who) * CELLED_NUMBERS + nr) * 8;
                let counts = (0..self.processors).map(|cpu| self.table.double(cell(cpu)));
                let count = counts.fold(0, u64::saturating_add);
                if count > 0 {
                    all.push((who, nr as u32, count));
                }
            }
        }
        all
    }

    fn program(&self, number: u32) -> Result<Option<PathBuf>, Error> {
        if number == 0 {
            return Ok(None);
        }
        Ok(self.programs.get(&number.to_ne_bytes())?.map(|path| PathBuf::from(text(&path))))
    }

    /// How many calls or processes there was no room for.
    ///
    /// # Errors
    ///
    /// None that a caller could cause.
    pub fn lost(&self) -> Result<u64, Error> {
        Ok(self.table.double(LOST))
    }

    /// Whether any of the processes watched is alive; the others are forgotten.
    ///
    /// # Errors
    ///
    /// None that a caller could cause.
    pub fn is_populated(&self) -> Result<bool, Error> {
        let mut populated = false;
        for key in self.scope.keys()? {
            let pid = key.first_chunk::<4>().map_or(0, |b| i32::from_ne_bytes(*b));
            if process::is_alive(pid) { populated = true } else { self.scope.delete(&key) }
        }
        Ok(populated)
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_ne_bytes(*b))
}

fn double(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|b| u64::from_ne_bytes(*b))
}

/// A text up to its end.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|b| *b == 0).next().unwrap_or_default()).into_owned()
}

/// Fills in which arguments matter; where each is.
fn fill(table: &Table, wanted: Wanted<'_>) -> Vec<(Arch, u32, Vec<usize>)> {
    let mut places = Vec::new();
    for (arch, base) in [(Arch::X86_64, 0), (Arch::X86, NUMBERS)] {
        for (nr, call) in Syscall::of_arch(arch) {
            let index = nr as usize;
            let arguments = wanted(call, arch);
            if index >= NUMBERS || arguments.is_empty() {
                continue;
            }
            let mut word = 0_u32;
            for (place, (argument, bits)) in arguments.iter().take(2).enumerate() {
                let position = (*argument as u32 + 1).min(6);
                word |= (position | (64 - bits.clamp(&1, &64)) << 8) << (16 * place);
            }
            table.set_word(ARGUMENTS + (base + index) * 4, word);
            places.push((arch, nr, arguments.iter().take(2).map(|(argument, _)| *argument).collect()));
        }
    }
    places
}

/// A control group's number is its folder's, its level the number of folders above it.
fn cgroup(folder: &Path) -> Result<Scope, Error> {
    let refused = Error::Refused { what: "this is no folder of the cgroup2 hierarchy" };
    let folder = folder.canonicalize().map_err(|_| refused)?;
    if !folder.join("cgroup.procs").exists() {
        return Err(refused);
    }
    // The root is the last folder that has such a file.
    let level = folder.ancestors().skip(1).take_while(|f| f.join("cgroup.procs").exists()).count();
    let id = folder.metadata().map_err(|_| refused)?.ino();
    Ok(Scope::Cgroup { id, level: i32::try_from(level).map_err(|_| refused)? })
}

/// Source: `PROC_PID_INIT_INO`, `include/linux/proc_ns.h`.
fn in_initial_pid_namespace() -> bool {
    std::fs::metadata("/proc/self/ns/pid").is_ok_and(|m| m.ino() == 0xefff_fffc)
}
