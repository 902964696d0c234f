//! A file with one call more: what a person would add to it, in the file's own notation, proved to allow the call and
//! to change nothing else.

mod json;
mod lines;
mod place;
mod systemd;
mod yaml;

use crate::detect::Format;
use crate::import::{Import, Named, read};
use crate::options::Options;
use callgate::abi::multiplex;
use callgate::{
    Action, ArgCmp, ArgIndex, Call, Cond, Filter, Op, Origin, Rule, SeccompData, Syscall, TooLarge, Width,
};
use std::fmt;

/// A call that a file is to permit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Permit {
    /// The call as it was made.
    pub data: SeccompData,
    /// Which call it is.
    pub call: Syscall,
    /// What its arguments must be; none where any will do. Notations that compare no arguments leave this out.
    pub compared: Vec<ArgCmp>,
}

impl Permit {
    /// A few to try readers with.
    pub(crate) fn some() -> Vec<Permit> {
        let sample = |name: &str, compared: &[u8]| {
            let call = Syscall::from_name(name)?;
            let nr = call.number(callgate::Arch::X86_64)?;
            let data = SeccompData { nr, arch: callgate::Arch::X86_64.token(), ip: 0, args: [16; 6] };
            let equal =
                |index: &u8| Some(ArgCmp { arg: ArgIndex::new(*index)?, width: Width::W32, op: Op::Eq(16) });
            Some(Permit { data, call, compared: compared.iter().filter_map(equal).collect() })
        };
        [sample("mount", &[]), sample("socket", &[0])].into_iter().flatten().collect()
    }
}

/// A file with a call more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Amended {
    /// The whole text, where it was not changed as it was.
    pub text: String,
    /// What was added, or said in words where a name was taken out, with the line of the new text where that is, from 1.
    pub added: Vec<(usize, String)>,
    /// Whether more is permitted than the comparisons say: the notation has none, or the call can be made in a way that
    /// shows no arguments.
    pub any_arguments: bool,
}

/// Why a file is not amended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Unamended {
    /// Files of this format are not written into.
    Format(Format),
    /// Nothing was found that permits the call and changes nothing else: something else in the file, or beside it,
    /// denies it too.
    NoPlace,
    /// What the file means is too large to compare.
    TooLarge(String),
}

impl fmt::Display for Unamended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unamended::Format(format) => write!(f, "{} files are not changed", format.name()),
            Unamended::NoPlace => {
                f.write_str("nothing could be added that allows this call and changes nothing else")
            }
            Unamended::TooLarge(e) => f.write_str(e),
        }
    }
}

impl std::error::Error for Unamended {}

impl From<TooLarge> for Unamended {
    fn from(e: TooLarge) -> Unamended {
        Unamended::TooLarge(e.to_string())
    }
}

/// A text that may do, to be proved.
struct Candidate {
    text: String,
    /// What was added, and where it starts.
    added: Vec<(usize, String)>,
}

impl Candidate {
    /// `text` with `added` at `at`; `before` and `behind` stand around it.
    fn insert(text: &str, at: usize, before: &str, added: &str, behind: &str) -> Candidate {
        let (head, tail) = text.split_at(at);
        let added_at = (at + before.len(), added.to_owned());
        Candidate { text: [head, before, added, behind, tail].concat(), added: vec![added_at] }
    }

    /// With what was added to its text.
    fn then(mut self, next: Candidate) -> Candidate {
        let (grown, from) = (next.text.len() - self.text.len(), next.added.iter().map(|a| a.0).min());
        for (at, _) in &mut self.added {
            if from.is_some_and(|from| from <= *at) {
                *at += grown;
            }
        }
        self.added.extend(next.added);
        self.added.sort_unstable();
        Candidate { text: next.text, added: self.added }
    }
}

/// Adds a call to the text of a file, which `options` say how to read. Proved of the result, read the same way: the
/// call is permitted, and each call is decided as before or, where it is one of those meant, as it would be
/// with a rule in front that permits them; nothing is lost in reading that was not lost before.
///
/// ```
/// use callgate::{Arch, SeccompData, Syscall};
/// use callgate_formats::{Format, Options, Permit, amend};
/// let call = Syscall::from_name("getpid").unwrap();
/// let data = SeccompData { nr: 39, arch: Arch::X86_64.token(), ip: 0, args: [0; 6] };
/// let permit = Permit { data, call, compared: Vec::new() };
/// let amended = amend("read: 1\n", Format::Minijail, &Options::new(Arch::X86_64), &permit).unwrap();
/// assert_eq!(amended.text, "read: 1\ngetpid: 1\n");
/// assert_eq!(amended.added, [(2, "getpid: 1".to_owned())]);
/// ```
///
/// # Errors
/// Where nothing makes that true, or the file cannot be read.
pub fn amend(text: &str, format: Format, options: &Options, permit: &Permit) -> Result<Amended, Unamended> {
    let import = read(text, format, options).map_err(|_| Unamended::NoPlace)?;
    let before = meanings(&import, &[])?;
    let narrow = meanings(&import, &front(permit.call, &permit.compared))?;
    let wide = meanings(&import, &front(permit.call, &[]))?;
    for compared in [&permit.compared[..], &[]] {
        for candidate in candidates(text, format, options, permit, compared)? {
            let Ok(after) = read(&candidate.text, format, options) else { continue };
            if !is_like(&after, &import) {
                continue;
            }
            let now = meanings(&after, &[])?;
            let permitted = now.iter().all(|f| f.eval(&permit.data).permits());
            if permitted && are_between(&now, &before, &wide)? {
                let any_arguments = !are_between(&now, &before, &narrow)?;
                let Candidate { text, added } = candidate;
                let line = |at: usize| text[..at].matches('\n').count() + 1;
                let added = added.into_iter().map(|(at, added)| (line(at), added)).collect();
                return Ok(Amended { text, added, any_arguments });
            }
        }
        if compared.is_empty() {
            break;
        }
    }
    Err(Unamended::NoPlace)
}

/// Whether [`amend`] writes into files of a format.
pub const fn is_amended(format: Format) -> bool {
    matches!(
        format,
        Format::Oci
            | Format::Docker
            | Format::Containers
            | Format::Seccompiler
            | Format::Spo
            | Format::GoSeccomp
            | Format::Minijail
            | Format::MinijailPython
            | Format::Lxc
            | Format::Snapd
            | Format::Firejail
            | Format::Systemd
    )
}

fn candidates(
    text: &str,
    format: Format,
    options: &Options,
    permit: &Permit,
    compared: &[ArgCmp],
) -> Result<Vec<Candidate>, Unamended> {
    let name = permit.call.name();
    let pick = options.pick.as_deref();
    Ok(match format {
        Format::Oci | Format::Docker | Format::Containers => json::container(text, name, compared),
        Format::Seccompiler => json::thread(text, pick, name, compared),
        Format::Spo => yaml::spo(text, name, compared),
        Format::GoSeccomp => yaml::go_seccomp(text, name, compared),
        Format::Minijail | Format::MinijailPython => lines::minijail(text, name, compared),
        Format::Lxc => lines::lxc(text, name, compared),
        Format::Snapd => lines::snapd(text, name, compared),
        Format::Firejail => lines::firejail(text, name, compared),
        Format::Systemd => systemd::unit(text, permit, compared),
        _ => return Err(Unamended::Format(format)),
    })
}

/// Rules in front of all others that permit a call. Whatever its arguments, that is also the call by way of a
/// multiplexer, which many notations mean by its name.
fn front(call: Syscall, compared: &[ArgCmp]) -> Vec<Rule> {
    let rule = |call, tests: &[ArgCmp]| Rule {
        calls: vec![Call::Named(call)],
        arches: Vec::new(),
        when: match tests {
            [] => Cond::True,
            [one] => Cond::Arg(*one),
            several => Cond::All(several.iter().map(|c| Cond::Arg(*c)).collect()),
        },
        action: Action::ALLOW,
        origin: Origin::default(),
    };
    let mut rules = vec![rule(call, compared)];
    if compared.is_empty()
        && let Some((multiplexer, sub)) = multiplex::of_call(call)
        && let Some(arg) = ArgIndex::new(0)
    {
        let op = Op::MaskedEq { mask: multiplexer.mask().into(), value: sub.into() };
        rules.push(rule(multiplexer.call(), &[ArgCmp { arg, width: Width::W32, op }]));
    }
    rules
}

/// What each of a file's policies means, with rules in front of its own.
fn meanings(import: &Import, front: &[Rule]) -> Result<Vec<Filter>, Unamended> {
    let with_front = |named: &Named| {
        let mut policy = named.policy.clone();
        policy.rules.splice(0..0, front.iter().cloned());
        policy.lower().map_err(|e| Unamended::TooLarge(e.to_string()))
    };
    import.policies.iter().map(with_front).collect()
}

/// Whether each policy of a stack does what it did or what it should do. Taken together they may then still refuse a call
/// in another way than before, as they should.
fn are_between(now: &[Filter], before: &[Filter], aim: &[Filter]) -> Result<bool, TooLarge> {
    for ((now, before), aim) in now.iter().zip(before).zip(aim) {
        if !now.is_between(before, aim)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a file was read as another was, but for what its policies say.
fn is_like(after: &Import, before: &Import) -> bool {
    after.losses.len() <= before.losses.len()
        && (after.flags, after.stack, &after.listener) == (before.flags, before.stack, &before.listener)
        && after.policies.iter().map(|p| &p.name).eq(before.policies.iter().map(|p| &p.name))
}

/// An equality with what tells how the field's notations compare: in 64 bits, unless a mask is needed because
/// a caller may pass a negative number of 32 bits either way.
struct Equality {
    index: u8,
    value: u64,
    /// Whether only the low half counts.
    low: bool,
    /// Whether the high half may be either.
    masked: bool,
}

/// The equalities, if there is nothing else.
fn equalities(compared: &[ArgCmp]) -> Option<Vec<Equality>> {
    let equality = |c: &ArgCmp| {
        let Op::Eq(value) = c.op else { return None };
        let low = c.width == Width::W32;
        Some(Equality { index: c.arg.get(), value, low, masked: low && value >> 31 != 0 })
    };
    compared.iter().map(equality).collect()
}
