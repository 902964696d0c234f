//! From what was seen to the text of a policy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fmt::Write;

use callgate::Policy;
use callgate_abi::{Action, Arch, SeccompData, Syscall, risk, twin};

use super::arguments;
use super::evidence::{Evidence, gather};
use super::groups::{self, Folded};
use super::recording::Recording;

/// Calls that a program may come to make without having made them while it was watched: the kernel restarts
/// calls and returns from signal handlers by the first three (`signal(7)`), the next end it, and the rest
/// replace the calls of `vdso(7)` where the clock source cannot be read from there.
const ALWAYS: [&str; 10] = [
    "restart_syscall",
    "rt_sigreturn",
    "sigreturn",
    "exit",
    "exit_group",
    "clock_gettime",
    "clock_gettime64",
    "gettimeofday",
    "time",
    "getcpu",
];

/// What the policy should be like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Style {
    /// What happens to calls that were not seen, as the policy language writes it.
    pub default: String,
    /// Permit other calls that do the same as one that was seen without conditions on its arguments, except
    /// those that are a risk of their own; and where values of an argument are listed, those that C libraries
    /// began to use with some release.
    pub margin: bool,
    /// Permit whole groups of which at least half was seen, if the rest is no risk of its own.
    pub generalise: bool,
}

impl Default for Style {
    fn default() -> Style {
        Style { default: "kill".to_owned(), margin: false, generalise: false }
    }
}

/// A policy made from a recording.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// The policy's text.
    pub text: String,
    /// Numbers that were called and are in no table: the policy does not permit them.
    pub unknown: BTreeSet<(Arch, u32)>,
}

/// Why no policy was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DraftError {
    /// Nothing was called.
    Empty,
    /// The policy cannot be compiled.
    Invalid(String),
    /// The policy would not permit a call that was seen.
    Denies(String),
}

impl fmt::Display for DraftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DraftError::Empty => f.write_str("nothing was called"),
            DraftError::Invalid(why) => write!(f, "the policy cannot be compiled: {why}"),
            DraftError::Denies(call) => write!(f, "the policy would not permit {call}, which was called"),
        }
    }
}

impl std::error::Error for DraftError {}

/// Write the policy that permits what was recorded. It is compiled, and asked about every call recorded,
/// before it is returned.
///
/// # Errors
///
/// When nothing was recorded, the default action cannot be understood, or the policy is not what it should be.
pub fn draft(recording: &Recording, style: &Style) -> Result<Draft, DraftError> {
    let (seen, unknown) = gather(recording);
    if seen.is_empty() {
        return Err(DraftError::Empty);
    }
    let write = |names: bool, groups: bool| {
        Text { seen: &seen, unknown: &unknown, runs: recording.runs(), style, names, groups }.write()
    };
    // Constants by name where the language knows them for the argument, and where not, by value.
    let named = write(true, false);
    let (plain, names) = match verify(&named, recording) {
        Ok(_) => (named, true),
        Err(_) => (write(false, false), false),
    };
    let exact = verify(&plain, recording)?;
    let text = write(names, true);
    // Groups say the same in fewer lines, or else they are left out.
    let grouped = verify(&text, recording)?;
    let same = style.generalise || exact.lower().is_ok_and(|exact| grouped.lower() == Ok(exact));
    Ok(Draft { text: if same { text } else { plain }, unknown })
}

/// A policy being written.
struct Text<'a> {
    seen: &'a BTreeMap<Arch, BTreeMap<Syscall, Evidence>>,
    unknown: &'a BTreeSet<(Arch, u32)>,
    runs: usize,
    style: &'a Style,
    /// Constants by name.
    names: bool,
    /// Calls by group.
    groups: bool,
}

impl Text<'_> {
    fn write(&self) -> String {
        let arches: Vec<_> = self.seen.keys().map(|a| a.name()).collect();
        let plural = if self.runs == 1 { "" } else { "s" };
        let mut text = format!("# learned by callgate from {} run{plural}\n", self.runs);
        let _ = write!(text, "arch {}\ndefault {}\n", arches.join(", "), self.style.default);
        for (arch, calls) in self.seen {
            let on = if self.seen.len() > 1 { format!(" on {}", arch.name()) } else { String::new() };
            self.called(&mut text, *arch, calls, &on);
            self.uncalled(&mut text, *arch, calls, &on);
        }
        for (arch, nr) in self.unknown {
            let _ = write!(text, "\n# called, but in no table, so not permitted: {nr} on {}\n", arch.name());
        }
        text
    }

    fn condition(&self, call: Syscall, arch: Arch, evidence: &Evidence) -> String {
        evidence.condition(call, arch, self.names, self.style.margin)
    }

    /// What was called: groups first, then call by call.
    fn called(&self, text: &mut String, arch: Arch, calls: &BTreeMap<Syscall, Evidence>, on: &str) {
        let free = calls.iter().filter(|(call, evidence)| self.condition(**call, arch, evidence).is_empty());
        let free: BTreeSet<Syscall> = free.map(|(call, _)| *call).collect();
        let bound: BTreeSet<Syscall> = calls.keys().filter(|c| !free.contains(c)).copied().collect();
        let groups =
            if self.groups { groups::fold(&free, &bound, arch, self.style.generalise) } else { Vec::new() };
        let mut told = BTreeSet::new();
        for Folded { group, called, others } in groups {
            let share = match others.len() {
                0 => "all".to_owned(),
                n => format!("{} of {}", called.len(), called.len() + n),
            };
            let _ = writeln!(text, "\n# {share} of @{} called on {}", group.name, arch.name());
            for call in &called {
                let remark = calls.get(call).map_or_else(String::new, |e| e.remark(*call, self.runs));
                let _ = writeln!(text, "#   {}: {remark}", call.name());
            }
            if !others.is_empty() {
                let names: Vec<_> = others.iter().map(|c| c.name()).collect();
                let _ = writeln!(text, "# not called, and permitted all the same: {}", names.join(", "));
            }
            let _ = writeln!(text, "allow @{}{on}", group.name);
            told.extend(called);
        }
        let _ = writeln!(text, "\n# called on {}", arch.name());
        for (call, evidence) in calls.iter().filter(|(call, _)| !told.contains(call)) {
            let condition = self.condition(*call, arch, evidence);
            let remark = evidence.remark(*call, self.runs);
            text.push_str(&evidence.callers());
            let _ = writeln!(text, "allow {}{on}{condition}  # {remark}", call.name());
        }
    }

    /// What was not called, and is permitted all the same.
    fn uncalled(&self, text: &mut String, arch: Arch, calls: &BTreeMap<Syscall, Evidence>, on: &str) {
        let has = |call: &Syscall| call.number(arch).is_some() && !calls.contains_key(call);
        let always: BTreeSet<_> = ALWAYS.iter().filter_map(|n| Syscall::from_name(n)).filter(&has).collect();
        rest(text, "needed by every program", &always, on);
        if self.style.margin {
            let free =
                calls.iter().filter(|(call, evidence)| self.condition(**call, arch, evidence).is_empty());
            let twins = free.flat_map(|(call, _)| twin::of(*call)).flat_map(twin::Family::members);
            let harmless = |c: &Syscall| arguments::of(c.name()).is_empty() && risk::of(*c).is_none();
            let twins = twins.filter(|c| has(c) && !always.contains(c) && harmless(c));
            rest(text, "margin: they do what calls above do", &twins.collect(), on);
        }
    }
}

fn rest(text: &mut String, why: &str, calls: &BTreeSet<Syscall>, on: &str) {
    if !calls.is_empty() {
        let names: Vec<_> = calls.iter().map(|c| c.name()).collect();
        let _ = write!(text, "\n# {why}\nallow {}{on}\n", names.join(",\n    "));
    }
}

/// The policy the text is, if it compiles and permits what was seen.
fn verify(text: &str, recording: &Recording) -> Result<Policy, DraftError> {
    let policy = Policy::parse(text).map_err(|e| DraftError::Invalid(e.to_string()))?;
    policy.compile().map_err(|e| DraftError::Invalid(e.to_string()))?;
    permits(&policy, recording)?;
    Ok(policy)
}

/// That a policy permits every call recorded whose number is in the tables.
///
/// # Errors
///
/// [`DraftError::Denies`] with the first that it does not.
pub fn permits(policy: &Policy, recording: &Recording) -> Result<(), DraftError> {
    for (key, _) in recording.calls() {
        let Some(call) = Syscall::from_number(key.arch, key.nr) else { continue };
        let mut data = SeccompData { nr: key.nr, arch: key.arch.token(), ..SeccompData::default() };
        for ((index, _), value) in arguments::of(call.name()).iter().zip(key.args.iter().flatten()) {
            data.args[*index] = *value;
        }
        if !matches!(policy.eval(&data), Action::Allow(_)) {
            return Err(DraftError::Denies(format!("{} on {}", call.name(), key.arch.name())));
        }
    }
    Ok(())
}
