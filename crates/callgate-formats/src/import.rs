//! Reading: what every reader returns, and the way to each of them.

use crate::amend::{Permit, amend, is_amended};
use crate::detect::Format;

use crate::options::Options;
use crate::place::{Error, Place, Problem};
use crate::scan::{Pos, Source};
use crate::{
    android, easyseccomp, firejail, go_seccomp, kafel, lxc, minijail, nsjail, oci, pledge, seccompiler,
    snapd, spo, suggest, systemd,
};
use callgate::{Action, Arch, Origin, Policy, SeccompData, Syscall};
use std::fmt;
use std::sync::Arc;

/// What a file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Import {
    /// What the file was read as.
    pub format: Format,
    /// The policies, in the file's order; never empty.
    pub policies: Vec<Named>,
    /// Whether the policies are a stack the kernel combines (every one of them filters each call)
    /// rather than alternatives to pick from by name.
    pub stack: bool,
    /// What could not be carried over, in the file's order.
    pub losses: Vec<Loss>,
    /// What is worth saying although it changes nothing: duplicates, entries without effect.
    pub notes: Vec<Note>,
    /// The flags the filter is to be installed with; `None` if the file does not say.
    pub flags: Option<Flags>,
    /// Where the notification descriptor is to be sent, if the file says so.
    pub listener: Option<Listener>,
    /// Files nobody named that were read with this one, in their order: a unit's drop-ins, a profile's bases.
    pub beside: Vec<Arc<str>>,
}

/// A policy with its name in a file that holds several.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// The name, as in `vmm.json#vcpu`; `None` in files that hold one policy.
    pub name: Option<String>,
    /// The policy.
    pub policy: Policy,
}

/// Something a reader or writer could not carry over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loss {
    /// The file, where it need not be the one that is read: a policy's rules may come from several.
    pub file: Option<Arc<str>>,
    /// Where: in the file read, or (writing) the policy rule's origin.
    pub place: Place,
    /// What was lost.
    pub what: String,
    /// What that does to the result.
    pub effect: Effect,
    /// A call that shows it; writers have one for each loss.
    pub witness: Option<Witness>,
}

/// A call that two policies decide differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Witness {
    /// The call.
    pub call: SeccompData,
    /// What the policy does.
    pub before: Action,
    /// What the written one does.
    pub now: Action,
}

/// How a result differs from its source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Effect {
    /// No call is decided differently.
    None,
    /// Some calls are refused that were allowed; none the other way round.
    Stricter,
    /// Calls are decided differently, but none that was refused is executed (another error number,
    /// another way of dying).
    Different,
    /// Some calls are executed that were refused.
    Weaker,
}

impl Effect {
    /// The effect of a call that gets `now` instead of `before`. Calls that ask somebody (`Notify`,
    /// `Trace`) stand between those that are refused and those that are executed.
    pub fn of(before: Action, now: Action) -> Effect {
        let openness = |action: Action| match action {
            Action::Allow(_) | Action::Log(_) => 2,
            Action::Notify(_) | Action::Trace(_) => 1,
            Action::KillProcess(_)
            | Action::KillThread(_)
            | Action::Trap(_)
            | Action::Errno(_)
            | Action::Unknown(_) => 0,
        };
        match openness(now).cmp(&openness(before)) {
            std::cmp::Ordering::Greater => Effect::Weaker,
            std::cmp::Ordering::Less => Effect::Stricter,
            std::cmp::Ordering::Equal if before == now => Effect::None,
            std::cmp::Ordering::Equal => Effect::Different,
        }
    }
}

/// Something worth saying about a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// Where.
    pub place: Place,
    /// What.
    pub what: String,
}

/// `SECCOMP_FILTER_FLAG_*` (`seccomp(2)`), as far as policies name them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    /// Filter every thread of the process.
    pub tsync: bool,
    /// Log every action but `Allow`.
    pub log: bool,
    /// Do not turn on the speculative-store-bypass mitigation.
    pub spec_allow: bool,
    /// A notified call waits unkillably except for fatal signals.
    pub wait_killable: bool,
}

/// Where a container runtime sends the notification descriptor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listener {
    /// The Unix socket.
    pub path: String,
    /// A string handed over with it.
    pub metadata: Option<String>,
}

/// Reads a file of a known format.
///
/// ```
/// use callgate::Action;
/// use callgate_formats::{Format, Options, read};
/// let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}"#;
/// let import = read(text, Format::Oci, &Options::default()).unwrap();
/// assert_eq!(import.policies[0].policy.default, Action::Errno(callgate::Errno::EPERM));
/// ```
///
/// # Errors
/// Everything wrong with the file, with its place.
pub fn read(text: &str, format: Format, options: &Options) -> Result<Import, Error> {
    let read = || {
        let mut import = read_as(text, format, options)?;
        if let Some(name) = &options.pick {
            let picked = import.pick(name)?.clone();
            import.policies = vec![picked];
        }
        Ok(import)
    };
    read().map_err(|e: Error| e.in_file(options.file.as_ref()))
}

fn read_as(text: &str, format: Format, options: &Options) -> Result<Import, Error> {
    match format {
        Format::Oci | Format::Docker | Format::Containers => oci::read(text, format, options),
        Format::Spo => spo::read(text, options),
        Format::Seccompiler => seccompiler::read(text, options),
        Format::GoSeccomp => go_seccomp::read(text, options),
        Format::Easyseccomp => easyseccomp::read(text, options),
        Format::Firejail => firejail::read(text, options),
        Format::Android => android::read(text, options),
        Format::Pledge => pledge::read(text, options),
        Format::Nsjail => nsjail::read(text, options),
        Format::Snapd => snapd::read(text, options),
        Format::Lxc => lxc::read(text, options),
        Format::Kafel => kafel::read(text, options),
        Format::Systemd => systemd::read(text, options),
        Format::Minijail | Format::MinijailPython => minijail::read(text, format, options),
        _ => Err(Error::new(Place::default(), format!("{} files cannot be read", format.name()))),
    }
}

/// Feeds arbitrary bytes to a reader, adds a call to what was read where that is known how to, and drops the result; it
/// must return. The entry of every fuzz target. Whatever other file the reader asks for holds the same bytes.
pub fn fuzz_read(format: Format, bytes: &[u8]) {
    let text: Arc<str> = String::from_utf8_lossy(bytes).into();
    for ignore_unknown in [false, true] {
        let options = Options { ignore_unknown, ..Options::new(Arch::X86_64) };
        if read(&text, format, &options).is_ok() && is_amended(format) {
            for permit in Permit::some() {
                drop(amend(&text, format, &options, &permit));
            }
        }
    }
    let same = Arc::clone(&text);
    let options = Options {
        ignore_unknown: true,
        file: Some("folder/a-b@c.service".into()),
        open: Some(Arc::new(move |_| Ok(same.to_string()))),
        list: Some(Arc::new(|_| Ok(vec!["a.conf".into(), "b.yaml".into()]))),
        bases: vec!["base.yaml".into()],
        ..Options::new(Arch::X86_64)
    };
    drop(read(&text, format, &options));
}

impl Import {
    /// An import of one policy without a name, with what `collect` gathered.
    pub fn one(format: Format, policy: Policy, collect: Collect) -> Import {
        Import::several(format, vec![Named { name: None, policy }], collect)
    }

    /// An import of several alternatives, with what `collect` gathered.
    pub fn several(format: Format, policies: Vec<Named>, collect: Collect) -> Import {
        Import {
            format,
            policies,
            stack: false,
            losses: collect.losses,
            notes: collect.notes,
            flags: None,
            listener: None,
            beside: Vec::new(),
        }
    }
}

/// The most problems that are gathered: a file of nothing but errors must not become a gigabyte of messages.
const MOST_PROBLEMS: usize = 100;

/// What a reader gathers on its way: problems, so that one run reports all of them, losses and notes.
/// Create one per file, ask [`Collect::check`] at the end.
#[derive(Clone, Debug, Default)]
pub struct Collect {
    ignore_unknown: bool,
    file: Option<Arc<str>>,
    problems: Vec<Problem>,
    /// What was lost so far.
    pub losses: Vec<Loss>,
    /// What is worth saying so far.
    pub notes: Vec<Note>,
}

impl Collect {
    /// For a file read with these options.
    pub fn new(options: &Options) -> Collect {
        Collect { ignore_unknown: options.ignore_unknown, file: options.file.clone(), ..Collect::default() }
    }

    /// Records a problem; reading goes on, and fails at [`Collect::check`].
    pub fn problem(&mut self, problem: Problem) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// Records a loss.
    pub fn loss(&mut self, place: Place, what: impl Into<String>, effect: Effect) {
        self.losses.push(Loss { file: None, place, what: what.into(), effect, witness: None });
    }

    /// Records a note.
    pub fn note(&mut self, place: Place, what: impl Into<String>) {
        self.notes.push(Note { place, what: what.into() });
    }

    /// The call with this name. An unknown one is a problem with advice or, when the user chose to
    /// leave unknown names out, a loss with this effect.
    pub fn syscall(&mut self, name: &str, place: impl FnOnce() -> Place, effect: Effect) -> Option<Syscall> {
        let call = Syscall::from_name(name);
        if call.is_none() {
            self.unknown("system call", name, place(), effect, Syscall::all().map(Syscall::name));
        }
        call
    }

    /// A name nobody knows: a problem with advice from `candidates`, or a loss with this effect.
    pub fn unknown<'a>(
        &mut self,
        kind: &str,
        name: &str,
        place: Place,
        effect: Effect,
        candidates: impl IntoIterator<Item = &'a str>,
    ) {
        let shown: String = name.chars().take(80).collect();
        let what = format!("unknown {kind} {}", if shown.is_empty() { "\"\"" } else { &shown });
        if self.ignore_unknown {
            self.loss(place, format!("{what}, left out"), effect);
        } else if self.problems.len() < MOST_PROBLEMS {
            let mut problem = Problem::new(place, what);
            if let Some(near) = suggest::nearest(name, candidates) {
                problem = problem.help(format!("did you mean {near}?"));
            }
            self.problem(problem);
        }
    }

    /// Whether names nobody knows are to be left out.
    pub fn ignores_unknown(&self) -> bool {
        self.ignore_unknown
    }

    /// [`Collect::unknown`] at a place of a text that may be an included one.
    pub(crate) fn unknown_in<'a>(
        &mut self,
        source: &Source,
        kind: &str,
        name: &str,
        pos: Pos,
        effect: Effect,
        candidates: impl IntoIterator<Item = &'a str>,
    ) {
        let place = if self.ignore_unknown { source.place(pos) } else { Place::at(pos.line, pos.col) };
        let before = self.problems.len();
        self.unknown(kind, name, place, effect, candidates);
        if let Some(problem) = self.problems.get_mut(before) {
            problem.file = source.name.clone();
        }
    }

    /// Adds advice to the problem recorded last, unless it has some.
    pub(crate) fn advise(&mut self, help: impl Into<String>) {
        if self.ignore_unknown {
            return;
        }
        if let Some(last) = self.problems.last_mut()
            && last.help.is_none()
        {
            last.help = Some(help.into());
        }
    }

    /// The origin of a rule written at a place of this file.
    pub fn origin(&self, place: &Place) -> Origin {
        Origin { file: self.file.clone(), line: place.line, path: place.path.clone() }
    }

    /// Whether a problem was recorded.
    pub(crate) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Fails if a problem was recorded.
    ///
    /// # Errors
    /// All problems recorded so far.
    pub fn check(&mut self) -> Result<(), Error> {
        if self.problems.is_empty() { Ok(()) } else { Err(Error::from(std::mem::take(&mut self.problems))) }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Effect::None => "no effect",
            Effect::Stricter => "stricter",
            Effect::Different => "different",
            Effect::Weaker => "weaker",
        })
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.lead(self.file.as_deref(), f)?;
        write!(f, "{} ({})", self.what, self.effect)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.to_string();
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.what)
    }
}
