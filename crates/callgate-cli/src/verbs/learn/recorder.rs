//! What is done with each call.

use crate::args::{Stacks, Via};
use crate::callers::{Callers, Captured, Spaces};
use crate::failure::Failure;
use crate::random::random;
use crate::say::Say;
use callgate::abi::Arch;
use callgate::{SeccompData, Syscall};
use callgate_sys::bpf::{Counted, FirstCall};
use callgate_sys::calls::{Caller, Calls};
use callgate_trace::learn::{Event, Journal, Recording, arguments_of};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How old counts may be in a file that is being written.
const PERIOD: Duration = Duration::from_secs(1);

/// A recording file that replaces what was there once the command has made its first call.
struct Late {
    path: PathBuf,
    file: Option<File>,
}

impl Write for Late {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.is_none() {
            self.file = Some(File::create(&self.path)?);
        }
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A thread's name, its program, and whether its calls were denied.
type Who = (String, Option<PathBuf>, bool);

/// Calls on their way into a recording.
pub(super) struct Recorder {
    via: Via,
    path: Option<PathBuf>,
    run: String,
    /// Opened by the first call.
    journal: Option<Journal<Late>>,
    checked: Instant,
    /// How many calls there were, or their number's lower bits.
    calls: u32,
    /// The first thing that went wrong with the file; nothing is written any more.
    failed: Option<io::Error>,
    /// Whether lines are written together, in the end.
    hold: bool,
    foreign: u64,
    /// Totals as they were told last.
    totals: BTreeMap<(Who, u32, u32, [u64; 6]), u64>,
    told: BTreeSet<&'static str>,
    callers: Option<Callers>,
    /// Those of the call that waits.
    waiting: Vec<String>,
    /// First calls of those that are counted without stopping, which were told.
    captured: Arc<Mutex<Vec<Captured>>>,
    /// The callers of those.
    firsts: Firsts,
    /// Whose callers were looked for last, for a program that is executed has others.
    program: Option<(i32, Option<PathBuf>)>,
    /// Calls as they have come before, and how many of each are not counted yet.
    known: HashMap<Known, (Caller, u64)>,
    /// The arguments that matter, as masks; `None` for calls that are looked at one by one.
    masks: HashMap<(u32, u32), Option<[u64; 6]>>,
    say: Say,
}

/// Callers by thread name, program, number, and arguments that matter.
type Firsts = BTreeMap<(String, Option<PathBuf>, u32, [u64; 6]), Vec<String>>;

/// A thread, and what it calls: convention, number, and the arguments that matter.
type Known = (i32, u32, u32, [u64; 6]);

/// How many calls are known at once.
const MOST: usize = 1 << 12;

impl Recorder {
    pub(super) fn new(
        record: Option<&Path>,
        via: Via,
        stacks: Stacks,
        say: &Say,
    ) -> Result<Recorder, Failure> {
        Ok(Recorder {
            via,
            path: record.map(Path::to_path_buf),
            run: run_name()?,
            journal: None,
            checked: Instant::now(),
            calls: 0,
            failed: None,
            hold: false,
            foreign: 0,
            totals: BTreeMap::new(),
            told: BTreeSet::new(),
            callers: (stacks != Stacks::Never).then(Callers::default),
            waiting: Vec::new(),
            captured: Arc::default(),
            firsts: Firsts::new(),
            program: None,
            known: HashMap::new(),
            masks: HashMap::new(),
            say: say.another(),
        })
    }

    /// The end of the run.
    pub(super) fn finish(mut self) -> Result<Recording, Failure> {
        self.settle();
        if self.foreign > 0 {
            let n = self.foreign;
            self.say.line(&format!("callgate: {n} calls of architectures unknown to callgate are left out"));
        }
        let finished =
            self.journal.as_mut().map_or(Ok(()), |j| if self.failed.is_none() { j.finish() } else { Ok(()) });
        if let Some(e) = self.failed.or(finished.err()) {
            let path = self.path.unwrap_or_default();
            return Err(Failure::input(format!("{}: {e}", path.display())));
        }
        Ok(self.journal.map_or_else(|| Recording::new(&self.run), |j| j.recording().clone()))
    }

    fn note(&mut self, done: io::Result<()>) {
        if let Err(e) = done
            && self.failed.is_none()
        {
            let path = self.path.as_deref().unwrap_or(Path::new("the recording"));
            self.say.error(&format!("{}: {e}; the rest is not recorded there", path.display()));
            self.failed = Some(e);
        }
    }

    fn checkpoint(&mut self) {
        self.settle();
        self.checked = Instant::now();
        if self.failed.is_none()
            && let Some(journal) = &mut self.journal
        {
            let done = journal.checkpoint();
            self.note(done);
        }
    }

    /// Calls that do not go as they would alone, each told once.
    fn warn(&mut self, caller: &Caller, call: &SeccompData) {
        /// `prctl(2)`: `PR_SET_SECCOMP`; `seccomp(2)`: `SECCOMP_SET_MODE_FILTER`, `…_FLAG_NEW_LISTENER`.
        const PR_SET_SECCOMP: u64 = 22;
        const SET_MODE_FILTER: u64 = 1;
        const NEW_LISTENER: u64 = 8;
        /// `include/uapi/linux/ptrace.h`: `PTRACE_TRACEME`, `…_ATTACH`, `…_SEIZE`.
        const TRACING: [u64; 3] = [0, 16, 0x4206];
        let arch = Arch::of_call(call.arch, call.nr);
        let name = arch.and_then(|a| Syscall::from_number(a, call.nr)).map_or("", Syscall::name);
        let filter = (name == "seccomp" && call.args[0] == SET_MODE_FILTER)
            || (name == "prctl" && call.args[0] == PR_SET_SECCOMP);
        let listener = name == "seccomp" && filter && call.args[1] & NEW_LISTENER != 0;
        let tracing = name == "ptrace" && TRACING.contains(&(call.args[0] & 0xffff_ffff));
        let warning = match self.via {
            Via::Trace if tracing => "traces another, which fails under a tracer: try --via notify",
            Via::Notify if listener => {
                "loads a filter with a listener, which fails (EBUSY) where there is one: try --via trace"
            }
            Via::Trace | Via::Notify if filter => {
                "loads a filter of its own: calls that it does not allow may be missing"
            }
            Via::Auto | Via::Trace | Via::Notify | Via::Bpf => return,
        };
        if self.told.insert(warning) {
            let program = caller.program.as_deref().unwrap_or(Path::new(&caller.comm));
            self.say.error(&format!("{} ({}) {warning}", program.display(), caller.pid));
        }
    }
}

impl Recorder {
    /// What is done with first calls that the kernel tells, at once, while their counts are read by another thread.
    pub(super) fn first_calls(&self) -> impl FnMut(FirstCall) + Send + use<> {
        let captured = self.captured.clone();
        let mut spaces = Spaces::default();
        move |first| {
            let first = spaces.capture(first);
            captured.lock().unwrap_or_else(PoisonError::into_inner).push(first);
        }
    }

    /// Names the callers of first calls that were told.
    fn name_callers(&mut self) {
        let captured = std::mem::take(&mut *self.captured.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(callers) = &mut self.callers else { return };
        for captured in captured {
            let FirstCall { caller, call, .. } = &captured.first;
            let key = (caller.comm.clone(), caller.program.clone(), call.nr, call.args);
            // One processor's first call may be another's second.
            let known = self.firsts.entry(key).or_default();
            if known.is_empty() {
                *known = callers.of_captured(&captured);
            }
        }
    }

    /// Calls that the kernel counted, as often as they have been made so far.
    pub(super) fn totals(&mut self, counted: &[Counted]) {
        self.name_callers();
        // The kernel's order is that of no run.
        let mut counted: Vec<&Counted> = counted.iter().collect();
        let order = |c: &Counted| (c.caller.program.clone(), c.caller.comm.clone(), c.call.arch, c.call.nr);
        counted.sort_by_cached_key(|c| (order(c), c.call.args, c.denied));
        self.hold = true;
        for Counted { caller, call, denied, count } in counted {
            let who = (caller.comm.clone(), caller.program.clone(), *denied);
            let last = self.totals.entry((who, call.arch, call.nr, call.args)).or_insert(0);
            let more = count.saturating_sub(*last);
            *last = *count;
            if more > 0 {
                self.count(caller, call, *denied, more);
            }
        }
        self.hold = false;
        let written = self.journal.as_mut().map_or(Ok(()), Journal::release);
        self.note(written);
        self.idle();
    }

    fn count(&mut self, caller: &Caller, call: &SeccompData, denied: bool, times: u64) {
        if self.journal.is_none() {
            let out = self.path.as_ref().map(|path| Late { path: path.clone(), file: None });
            match Journal::new(&self.run, out) {
                Ok(journal) => self.journal = Some(journal),
                Err(e) => {
                    self.note(Err(e));
                    self.journal = Journal::new(&self.run, None).ok();
                }
            }
        }
        let Some(journal) = &mut self.journal else { return };
        if self.hold {
            journal.hold();
        }
        let program = caller.program.as_ref().map_or_else(String::new, |p| p.to_string_lossy().into_owned());
        let mut event = Event { program: &program, thread: &caller.comm, call, denied, times, stack: &[] };
        // Whoever is traced stands still.
        let stack = if caller.tid == 0 {
            let key = (caller.comm.clone(), caller.program.clone(), call.nr, call.args);
            self.firsts.get(&key).cloned().unwrap_or_default()
        } else if self.via == Via::Notify {
            std::mem::take(&mut self.waiting)
        } else if let Some(callers) = &mut self.callers
            && !journal.recording().knows(&event)
        {
            callers_of(callers, &mut self.program, caller).of(caller.pid, caller.tid)
        } else {
            Vec::new()
        };
        event.stack = &stack;
        match journal.count(&event) {
            Ok(true) => {}
            Ok(false) => self.foreign = self.foreign.saturating_add(times),
            Err(e) => self.note(Err(e)),
        }
    }
}

impl Recorder {
    /// Counts what is known and has come again.
    fn settle(&mut self) {
        for ((_, arch, nr, args), (caller, times)) in std::mem::take(&mut self.known) {
            if times > 0 {
                let call = SeccompData { nr, arch, args, ..SeccompData::default() };
                self.count(&caller, &call, false, times);
            }
        }
    }

    /// What a call is known by; `None` where it is looked at each time.
    fn known(&mut self, caller: &Caller, call: &SeccompData) -> Option<Known> {
        let masks = self.masks.entry((call.arch, call.nr)).or_insert_with(|| masks(call));
        let mut args = (*masks)?;
        args.iter_mut().zip(call.args).for_each(|(mask, value)| *mask &= value);
        Some((caller.tid, call.arch, call.nr, args))
    }
}

/// Those that know of the program that a process executes now.
fn callers_of<'a>(
    callers: &'a mut Callers,
    last: &mut Option<(i32, Option<PathBuf>)>,
    caller: &Caller,
) -> &'a mut Callers {
    if last.as_ref() != Some(&(caller.pid, caller.program.clone())) {
        callers.forget(caller.pid);
        *last = Some((caller.pid, caller.program.clone()));
    }
    callers
}

/// Which bits of its arguments matter.
fn masks(call: &SeccompData) -> Option<[u64; 6]> {
    let mut masks = [0; 6];
    if let Some(arch) = Arch::of_call(call.arch, call.nr)
        && let Some(name) = Syscall::from_number(arch, call.nr)
    {
        if matches!(name.name(), "prctl" | "seccomp" | "ptrace") {
            return None;
        }
        for (index, bits) in arguments_of(name, arch) {
            masks[index] = u64::MAX.checked_shr(64 - bits).unwrap_or(0);
        }
    }
    Some(masks)
}

impl Calls for Recorder {
    fn waits(&mut self, caller: &Caller, call: &SeccompData) {
        self.waiting.clear();
        let known = self.known(caller, call);
        if self.callers.is_none() || known.is_some_and(|known| self.known.contains_key(&known)) {
            return;
        }
        let program = caller.program.as_ref().map_or_else(String::new, |p| p.to_string_lossy().into_owned());
        let thread = &caller.comm;
        let event = Event { program: &program, thread, call, denied: false, times: 1, stack: &[] };
        if self.journal.as_ref().is_some_and(|journal| journal.recording().knows(&event)) {
            return;
        }
        if let Some(callers) = &mut self.callers {
            let callers = callers_of(callers, &mut self.program, caller);
            self.waiting = callers.of_waiting(caller.pid, caller.tid);
        }
    }

    fn called(&mut self, caller: &Caller, call: &SeccompData) {
        let known = self.known(caller, call);
        // Most calls have come before, and are counted together.
        if let Some((before, times)) = known.and_then(|known| self.known.get_mut(&known))
            && before == caller
        {
            *times += 1;
        } else {
            self.count(caller, call, false, 1);
            self.warn(caller, call);
            if let Some(known) = known {
                if self.known.len() >= MOST || self.known.contains_key(&known) {
                    self.settle();
                }
                self.known.insert(known, (caller.clone(), 0));
            }
        }
        // The time is not asked for each call.
        self.calls = self.calls.wrapping_add(1);
        if self.calls.is_multiple_of(64) && self.checked.elapsed() >= PERIOD {
            self.checkpoint();
        }
    }

    fn counted(&mut self, caller: &Caller, call: &SeccompData, times: u64) {
        self.count(caller, call, false, times);
    }

    fn idle(&mut self) {
        if self.checked.elapsed() >= PERIOD {
            self.checkpoint();
        }
    }
}

/// That a result can be written there, found out before the command runs rather than when it has. The file is
/// left as it was.
pub(super) fn writable(path: &Path) -> Result<(), Failure> {
    if path == Path::new("-") {
        return Ok(());
    }
    let is_new = !path.exists();
    let opened = OpenOptions::new().append(true).create(true).open(path);
    let opened = opened.and_then(|_| if is_new { std::fs::remove_file(path) } else { Ok(()) });
    opened.map_err(|e| Failure::input(format!("{}: {e}", path.display())))
}

/// A name no other run has.
fn run_name() -> Result<String, Failure> {
    Ok(format!("{:016x}", random()?))
}
