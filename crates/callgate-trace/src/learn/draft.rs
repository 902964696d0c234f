//! From what was seen to the text of a policy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fmt::Write;

use callgate::Policy;
use callgate_abi::{Action, Arch, SeccompData, Syscall, risk, twin};

use super::arguments::{self, Shape};
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
    /// those that are a risk of their own.
    pub margin: bool,
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

/// What is known of one call on one architecture.
#[derive(Default)]
struct Evidence {
    count: u64,
    runs: BTreeSet<String>,
    programs: BTreeSet<String>,
    /// The values seen; `None` once there were too many.
    values: Option<BTreeSet<Vec<u64>>>,
}

/// Write the policy that permits what was recorded. It is compiled, and asked about every call recorded,
/// before it is returned.
///
/// # Errors
///
/// When nothing was recorded, the default action cannot be understood, or the policy is not what it should be.
pub fn draft(recording: &Recording, style: &Style) -> Result<Draft, DraftError> {
    let mut seen: BTreeMap<Arch, BTreeMap<Syscall, Evidence>> = BTreeMap::new();
    let mut unknown = BTreeSet::new();
    for (key, counts) in recording.calls() {
        let Some(call) = Syscall::from_number(key.arch, key.nr) else {
            unknown.insert((key.arch, key.nr));
            continue;
        };
        let fresh = || Evidence { values: Some(BTreeSet::new()), ..Evidence::default() };
        let evidence = seen.entry(key.arch).or_default().entry(call).or_insert_with(fresh);
        evidence.count = counts.values().fold(evidence.count, |sum, n| sum.saturating_add(*n));
        evidence.runs.extend(counts.keys().cloned());
        evidence.programs.insert(key.program.clone());
        match (&mut evidence.values, &key.args) {
            (Some(values), Some(args)) => {
                values.insert(args.clone());
            }
            (values, _) => *values = None,
        }
    }
    if seen.is_empty() {
        return Err(DraftError::Empty);
    }
    // Constants by name where the language knows them for the argument, and where not, by value.
    let text = [true, false].map(|names| text(&seen, &unknown, recording.runs(), style, names));
    let verdicts = text.each_ref().map(|text| verify(text, recording));
    let [named, plain] = text;
    match verdicts {
        [Ok(()), _] => Ok(Draft { text: named, unknown }),
        [_, Ok(())] => Ok(Draft { text: plain, unknown }),
        [_, Err(e)] => Err(e),
    }
}

fn text(
    seen: &BTreeMap<Arch, BTreeMap<Syscall, Evidence>>,
    unknown: &BTreeSet<(Arch, u32)>,
    runs: usize,
    style: &Style,
    names: bool,
) -> String {
    let arches: Vec<_> = seen.keys().map(|a| a.name()).collect();
    let plural = if runs == 1 { "" } else { "s" };
    let mut text = format!("# learned by callgate from {runs} run{plural}\n");
    let _ = write!(text, "arch {}\ndefault {}\n", arches.join(", "), style.default);
    for (arch, calls) in seen {
        let on = if seen.len() > 1 { format!(" on {}", arch.name()) } else { String::new() };
        let _ = write!(text, "\n# called on {}\n", arch.name());
        for (call, evidence) in calls {
            let condition = condition(*call, *arch, evidence, names);
            let remark = remark(evidence, runs);
            let _ = writeln!(text, "allow {}{on}{condition}  # {remark}", call.name());
        }
        let has = |call: &Syscall| call.number(*arch).is_some() && !calls.contains_key(call);
        let always: BTreeSet<_> = ALWAYS.iter().filter_map(|n| Syscall::from_name(n)).filter(&has).collect();
        rest(&mut text, "needed by every program", &always, &on);
        if style.margin {
            let free = calls.iter().filter(|(call, evidence)| condition_free(**call, *arch, evidence));
            let twins = free.flat_map(|(call, _)| twin::of(*call)).flat_map(twin::Family::members);
            let harmless = |c: &Syscall| arguments::of(c.name()).is_empty() && risk::of(*c).is_none();
            let twins = twins.filter(|c| has(c) && !always.contains(c) && harmless(c));
            rest(&mut text, "margin: they do what calls above do", &twins.collect(), &on);
        }
    }
    for (arch, nr) in unknown {
        let _ = write!(text, "\n# called, but in no table, so not permitted: {nr} on {}\n", arch.name());
    }
    text
}

fn condition_free(call: Syscall, arch: Arch, evidence: &Evidence) -> bool {
    condition(call, arch, evidence, false).is_empty()
}

fn rest(text: &mut String, why: &str, calls: &BTreeSet<Syscall>, on: &str) {
    if !calls.is_empty() {
        let names: Vec<_> = calls.iter().map(|c| c.name()).collect();
        let _ = write!(text, "\n# {why}\nallow {}{on}\n", names.join(",\n    "));
    }
}

fn remark(evidence: &Evidence, runs: usize) -> String {
    let times = if evidence.count == 1 { "once".to_owned() } else { format!("{} times", evidence.count) };
    let program = evidence.programs.first().map_or("", String::as_str);
    // A path may hold anything, a comment ends with its line.
    let program = program.escape_debug().to_string();
    let more = match evidence.programs.len() {
        0 | 1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    let by = if program.is_empty() { String::new() } else { format!(" by {program}{more}") };
    let seen = if runs > 1 { format!(", seen {}/{runs}", evidence.runs.len()) } else { String::new() };
    format!("{times}{by}{seen}")
}

/// The condition on a call's arguments, constants by name if so wanted; empty where there is none to make.
fn condition(call: Syscall, arch: Arch, evidence: &Evidence, names: bool) -> String {
    let (Some(values), Some(params)) = (&evidence.values, call.params(arch)) else { return String::new() };
    let mut parts = Vec::new();
    for (place, (index, shape)) in arguments::of(call.name()).iter().enumerate() {
        let Some(param) = params.get(*index) else { continue };
        let of_param = || values.iter().filter_map(|v| v.get(place).copied());
        let name = |value: u64| {
            let named = param.set.filter(|_| names).and_then(|s| s.name_of(value, arch));
            named.map_or_else(|| format!("{value:#x}"), str::to_owned)
        };
        match shape {
            Shape::Listed => {
                let listed: BTreeSet<_> = of_param().collect();
                let listed: Vec<_> = listed.into_iter().map(name).collect();
                parts.push(format!("{} in {{{}}}", param.name, listed.join(", ")));
            }
            Shape::Masked(mask, bits) => {
                let listed: BTreeSet<_> = of_param().map(|v| v & bits).collect();
                let listed: Vec<_> = listed.into_iter().map(name).collect();
                parts.push(format!("{} & {mask} in {{{}}}", param.name, listed.join(", ")));
            }
            Shape::Without(mask, bits) => {
                if of_param().all(|v| v & bits == 0) {
                    parts.push(format!("{} & {mask} == 0", param.name));
                }
            }
        }
    }
    if parts.is_empty() { String::new() } else { format!(" if {}", parts.join(" && ")) }
}

/// That the text is a policy which compiles, and permits what was seen.
fn verify(text: &str, recording: &Recording) -> Result<(), DraftError> {
    let policy = Policy::parse(text).map_err(|e| DraftError::Invalid(e.to_string()))?;
    policy.compile().map_err(|e| DraftError::Invalid(e.to_string()))?;
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
