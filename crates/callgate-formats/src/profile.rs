//! The core every container dialect shares: OCI's `linux.seccomp` object, decoded.

use crate::import::{Collect, Effect, Flags, Listener};
use crate::libseccomp::Compare;
use crate::place::{Place, Problem};
use crate::suggest;
use crate::tree::{At, Oddity};
use callgate::{Action, Arch, Errno, Op, Syscall};

/// A profile after the conditions of its dialect are resolved: what a runtime receives.
#[derive(Default)]
pub(crate) struct Profile {
    /// `None`: no default action and no rules, seccomp is off.
    pub(crate) default: Option<Action>,
    /// As listed; the native one need not be among them.
    pub(crate) arches: Vec<Arch>,
    pub(crate) rules: Vec<ProfileRule>,
    pub(crate) flags: Option<Flags>,
    pub(crate) listener: Option<Listener>,
}

/// One entry of `syscalls`.
pub(crate) struct ProfileRule {
    pub(crate) place: Place,
    pub(crate) calls: Vec<Syscall>,
    pub(crate) action: Action,
    pub(crate) compares: Vec<Compare>,
    /// Whether `args` is there but holds nothing.
    pub(crate) empty_args: bool,
}

/// What the dialects decode differently inside `syscalls`.
pub(crate) trait Dialect {
    /// The architecture whose numbering bare error numbers are in.
    fn host(&self) -> Arch;

    /// The keys of the profile it knows.
    fn keys(&self) -> &'static [&'static str];

    /// The keys of a rule it knows.
    fn rule_keys(&self) -> &'static [&'static str];

    /// Whether the rule at this place is for this host.
    fn wanted(&self, rule: &At<'_, '_>, collect: &mut Collect) -> Result<bool, Problem> {
        let _ = (rule, collect);
        Ok(true)
    }

    /// Whether a rule may have one `name`.
    fn one_name(&self) -> bool {
        false
    }

    /// The architectures, where the dialect has its own way to list them.
    fn arches(&self, profile: &At<'_, '_>, collect: &mut Collect) -> Result<Vec<Arch>, Problem> {
        listed_arches(profile, collect)
    }

    /// The key that holds an error number by name, for a rule or (true) for the default.
    fn errno_name(&self, default: bool) -> Option<&'static str> {
        let _ = default;
        None
    }

    /// The largest value of an argument.
    fn max_value(&self) -> u64 {
        u64::MAX
    }

    /// Whether an error number of 0 stands for "not given".
    fn zero_errno_is_unset(&self) -> bool {
        false
    }

    /// Whether an error number beside an action that takes none is an error.
    fn strict_errno(&self) -> bool {
        false
    }
}

/// Actions by name, with what `errnoRet` means for them.
const ACTIONS: [(&str, Action); 9] = [
    ("SCMP_ACT_KILL", Action::KILL_THREAD),
    ("SCMP_ACT_KILL_PROCESS", Action::KILL_PROCESS),
    ("SCMP_ACT_KILL_THREAD", Action::KILL_THREAD),
    ("SCMP_ACT_TRAP", Action::Trap(0)),
    ("SCMP_ACT_ERRNO", Action::Errno(Errno::EPERM)),
    ("SCMP_ACT_TRACE", Action::Trace(1)),
    ("SCMP_ACT_ALLOW", Action::ALLOW),
    ("SCMP_ACT_LOG", Action::LOG),
    ("SCMP_ACT_NOTIFY", Action::Notify(0)),
];

/// The largest error number libseccomp takes.
const MAX_ERRNO: u64 = 4094;

/// Architectures by libseccomp's token names.
const ARCHES: [(&str, Arch); 23] = [
    ("SCMP_ARCH_X86", Arch::X86),
    ("SCMP_ARCH_X86_64", Arch::X86_64),
    ("SCMP_ARCH_X32", Arch::X32),
    ("SCMP_ARCH_ARM", Arch::Arm),
    ("SCMP_ARCH_AARCH64", Arch::Aarch64),
    ("SCMP_ARCH_LOONGARCH64", Arch::Loongarch64),
    ("SCMP_ARCH_M68K", Arch::M68k),
    ("SCMP_ARCH_MIPS", Arch::Mips),
    ("SCMP_ARCH_MIPSEL", Arch::Mipsel),
    ("SCMP_ARCH_MIPS64", Arch::Mips64),
    ("SCMP_ARCH_MIPSEL64", Arch::Mipsel64),
    ("SCMP_ARCH_MIPS64N32", Arch::Mips64n32),
    ("SCMP_ARCH_MIPSEL64N32", Arch::Mipsel64n32),
    ("SCMP_ARCH_PARISC", Arch::Parisc),
    ("SCMP_ARCH_PARISC64", Arch::Parisc64),
    ("SCMP_ARCH_PPC", Arch::Ppc),
    ("SCMP_ARCH_PPC64", Arch::Ppc64),
    ("SCMP_ARCH_PPC64LE", Arch::Ppc64le),
    ("SCMP_ARCH_RISCV64", Arch::Riscv64),
    ("SCMP_ARCH_S390", Arch::S390),
    ("SCMP_ARCH_S390X", Arch::S390x),
    ("SCMP_ARCH_SH", Arch::Sh),
    ("SCMP_ARCH_SHEB", Arch::Sheb),
];

/// Decodes the profile object.
pub(crate) fn decode(
    at: &At<'_, '_>,
    dialect: &dyn Dialect,
    collect: &mut Collect,
) -> Result<Profile, Problem> {
    odd_keys(at, dialect.keys(), collect)?;
    let mut profile = Profile { flags: flags(at, collect)?, listener: listener(at)?, ..Profile::default() };
    let syscalls = at.get("syscalls");
    let name = match at.get("defaultAction") {
        Some(action) => action.string()?,
        None => "",
    };
    let empty = match &syscalls {
        Some(list) => list.elements()?.len() == 0,
        None => true,
    };
    if name.is_empty() {
        if !empty {
            return Err(at.problem("there is no defaultAction"));
        }
        return Ok(profile);
    }
    let default_at = at.get("defaultAction").unwrap_or(*at);
    let errno = errno(at, "defaultErrnoRet", dialect.errno_name(true), dialect, collect)?;
    let default = action(&default_at, name, errno, dialect, collect)?;
    if matches!(default, Action::Notify(_)) {
        collect.problem(default_at.problem("the default action cannot be SCMP_ACT_NOTIFY"));
    }
    profile.default = Some(default);
    profile.arches = dialect.arches(at, collect)?;
    if let Some(list) = &syscalls {
        for rule in list.elements()? {
            // A rule that cannot be decoded is reported, and the others still are.
            match decode_rule(&rule, dialect, default, collect) {
                Ok(Some(rule)) => profile.rules.push(rule),
                Ok(None) => {}
                Err(problem) => collect.problem(problem),
            }
        }
    }
    Ok(profile)
}

fn decode_rule(
    at: &At<'_, '_>,
    dialect: &dyn Dialect,
    default: Action,
    collect: &mut Collect,
) -> Result<Option<ProfileRule>, Problem> {
    odd_keys(at, dialect.rule_keys(), collect)?;
    let Some(action_at) = at.get("action") else { return Err(at.problem("the rule has no action")) };
    let errno = errno(at, "errnoRet", dialect.errno_name(false), dialect, collect)?;
    let action = action(&action_at, action_at.string()?, errno, dialect, collect)?;
    let args = at.get("args");
    let mut compares = Vec::new();
    if let Some(args) = &args {
        for arg in args.elements()? {
            compares.push(compare(&arg, dialect, collect)?);
        }
    }
    // Known names are looked up even where the rule is for another host: a slip is a slip.
    let calls = names(at, dialect, action, default, collect)?;
    if !dialect.wanted(at, collect)? {
        return Ok(None);
    }
    if matches!(action, Action::Notify(_)) && calls.iter().any(|c| c.name() == "write") {
        collect.problem(
            at.problem("SCMP_ACT_NOTIFY cannot be used for write: the supervisor is told through it"),
        );
    }
    Ok(Some(ProfileRule {
        place: at.place(),
        calls,
        action,
        empty_args: compares.is_empty() && args.is_some(),
        compares,
    }))
}

fn names(
    at: &At<'_, '_>,
    dialect: &dyn Dialect,
    action: Action,
    default: Action,
    collect: &mut Collect,
) -> Result<Vec<Syscall>, Problem> {
    let effect = without(action, default);
    let mut calls = Vec::new();
    let one = if dialect.one_name() { at.get("name") } else { None };
    let list = at.get("names");
    if let Some(list) = &list {
        for (name, place) in list.strings()? {
            calls.extend(collect.syscall(name, || place.place(), effect));
        }
    }
    match &one {
        Some(one) if one.string()?.is_empty() => {}
        Some(one) if list.as_ref().is_some_and(|l| l.elements().is_ok_and(|e| e.len() > 0)) => {
            return Err(one.problem("a rule has either name or names, not both"));
        }
        Some(one) => calls.extend(collect.syscall(one.string()?, || one.place(), effect)),
        None => {}
    }
    if calls.is_empty() && list.is_none() && one.is_none() {
        collect.note(at.place(), "the rule names no system call and has no effect");
    }
    Ok(calls)
}

/// What leaving out a rule with this action does where the default takes its place.
pub(crate) fn without(action: Action, default: Action) -> Effect {
    Effect::of(action, default)
}

fn odd_keys(at: &At<'_, '_>, known: &[&str], collect: &mut Collect) -> Result<(), Problem> {
    for (key, member, oddity) in at.oddities(known)? {
        match oddity {
            // By convention a comment.
            Oddity::Unknown if key.starts_with('_') => {}
            Oddity::Unknown => odd_key(key, "key", member.place(), known, collect),
            Oddity::Overridden => {
                collect.note(member.place(), format!("a later {key:.60} takes the place of this one"));
            }
        }
    }
    Ok(())
}

/// A key that runtimes pass over. One that looks like a mistake for a known one is no small matter: what it
/// was to say is lost.
pub(crate) fn odd_key(key: &str, kind: &str, place: Place, known: &[&str], collect: &mut Collect) {
    let what = format!("the {kind} {key:.60} is not known here and ignored");
    match suggest::nearest(key, known.iter().copied()) {
        Some(near) if near != "comment" => {
            collect.loss(place, format!("{what}; did you mean {near}?"), Effect::Different);
        }
        _ => collect.note(place, what),
    }
}

fn action(
    at: &At<'_, '_>,
    name: &str,
    errno: Option<(u16, At<'_, '_>)>,
    dialect: &dyn Dialect,
    collect: &mut Collect,
) -> Result<Action, Problem> {
    let Some((_, action)) = ACTIONS.iter().find(|a| a.0 == name) else {
        let problem = at.problem(format!("unknown action {name:.60}"));
        let upper = format!("SCMP_ACT_{}", name.to_ascii_uppercase());
        return Err(match suggest::nearest(name, ACTIONS.iter().map(|a| a.0)) {
            Some(near) => problem.help(format!("did you mean {near}?")),
            None if ACTIONS.iter().any(|a| a.0 == upper) => problem.help(format!("did you mean {upper}?")),
            None => problem,
        });
    };
    Ok(match (action, errno) {
        (Action::Errno(_), Some((n, _))) => Action::Errno(Errno(n)),
        (Action::Trace(_), Some((n, _))) => Action::Trace(n),
        (_, Some((_, at))) if dialect.strict_errno() => {
            return Err(at.problem(format!("{name} takes no error number")));
        }
        (_, Some((_, at))) => {
            collect.note(at.place(), format!("{name} takes no error number; it is ignored"));
            *action
        }
        (_, None) => *action,
    })
}

fn errno<'p, 't>(
    at: &'p At<'p, 't>,
    key: &str,
    name_key: Option<&'static str>,
    dialect: &dyn Dialect,
    collect: &mut Collect,
) -> Result<Option<(u16, At<'p, 't>)>, Problem> {
    let mut found = None;
    if let Some(number) = at.get(key) {
        let n = number.unsigned(u64::from(u32::MAX))?;
        if n > MAX_ERRNO {
            return Err(number
                .problem(format!("error number {n} is above {MAX_ERRNO}, the largest libseccomp takes")));
        }
        if n != 0 || !dialect.zero_errno_is_unset() {
            let n = u16::try_from(n).unwrap_or(u16::MAX);
            let errno = Errno::from_raw_on(n, dialect.host()).unwrap_or(Errno(n));
            found = Some((errno.0, number));
        }
    }
    if let Some(name_at) = name_key.and_then(|k| at.get(k)) {
        let name = name_at.string()?;
        if !name.is_empty() {
            let number = match name.parse::<u16>() {
                Ok(n) if u64::from(n) <= MAX_ERRNO => {
                    Errno::from_raw_on(n, dialect.host()).unwrap_or(Errno(n)).0
                }
                Ok(n) => {
                    return Err(name_at.problem(format!("error number {n} is above {MAX_ERRNO}")));
                }
                Err(_) => {
                    Errno::from_name(name)
                        .ok_or_else(|| {
                            let problem = name_at.problem(format!("unknown error name {name:.40}"));
                            let names = (1..=133).filter_map(|n| Errno(n).name());
                            match suggest::nearest(name, names) {
                                Some(near) => problem.help(format!("did you mean {near}?")),
                                None => problem,
                            }
                        })?
                        .0
                }
            };
            if let Some((other, place)) = found
                && other != number
            {
                let key = name_key.unwrap_or_default();
                collect.note(place.place(), format!("{key} {name} takes precedence over this number"));
            }
            found = Some((number, name_at));
        }
    }
    Ok(found)
}

fn compare(at: &At<'_, '_>, dialect: &dyn Dialect, collect: &mut Collect) -> Result<Compare, Problem> {
    odd_keys(at, &["index", "value", "valueTwo", "op"], collect)?;
    let number = |key: &str, max| at.get(key).map_or(Ok(0), |n| n.unsigned(max));
    let index = number("index", u64::from(u32::MAX))?;
    if index > 5 {
        let place = at.get("index").map_or_else(|| at.place(), |i| i.place());
        return Err(Problem::new(place, format!("system calls have arguments 0 to 5, not {index}")));
    }
    let value = number("value", dialect.max_value())?;
    let two = number("valueTwo", dialect.max_value())?;
    let Some(op_at) = at.get("op") else { return Err(at.problem("the comparison has no op")) };
    let op = match op_at.string()? {
        "SCMP_CMP_NE" => Op::Ne(value),
        "SCMP_CMP_LT" => Op::Lt(value),
        "SCMP_CMP_LE" => Op::Le(value),
        "SCMP_CMP_EQ" => Op::Eq(value),
        "SCMP_CMP_GE" => Op::Ge(value),
        "SCMP_CMP_GT" => Op::Gt(value),
        "SCMP_CMP_MASKED_EQ" => Op::MaskedEq { mask: value, value: two },
        other => {
            let problem = op_at.problem(format!("unknown operator {other:.40}"));
            let known = ["EQ", "NE", "LT", "LE", "GE", "GT", "MASKED_EQ"].map(|o| format!("SCMP_CMP_{o}"));
            return Err(match suggest::nearest(other, known.iter().map(String::as_str)) {
                Some(near) => problem.help(format!("did you mean {near}?")),
                None => problem,
            });
        }
    };
    if let Op::MaskedEq { mask, value } = op
        && value & !mask != 0
        && let Some(two) = at.get("valueTwo")
    {
        collect.note(two.place(), format!("bits outside the mask {mask:#x} are ignored"));
    }
    Ok(Compare { arg: index as u8, op })
}

/// The `architectures` list.
pub(crate) fn listed_arches(profile: &At<'_, '_>, collect: &mut Collect) -> Result<Vec<Arch>, Problem> {
    let mut arches = Vec::new();
    if let Some(list) = profile.get("architectures") {
        for (name, at) in list.strings()? {
            match arch(name) {
                Some(arch) => arches.push(arch),
                // Stands for the host, which is in the set anyway.
                None if name == "SCMP_ARCH_NATIVE" => {}
                None => unknown_arch(name, at.place(), collect),
            }
        }
    }
    Ok(arches)
}

/// Reports an architecture nobody knows.
pub(crate) fn unknown_arch(name: &str, place: Place, collect: &mut Collect) {
    collect.unknown("architecture", name, place, Effect::Stricter, ARCHES.iter().map(|a| a.0));
}

/// The architecture with this `SCMP_ARCH_` name.
pub(crate) fn arch(name: &str) -> Option<Arch> {
    ARCHES.iter().find(|a| a.0 == name).map(|a| a.1)
}

/// The `SCMP_ARCH_` name of an architecture.
pub(crate) fn arch_name(arch: Arch) -> &'static str {
    ARCHES.iter().find(|a| a.1 == arch).map_or("SCMP_ARCH_NATIVE", |a| a.0)
}

fn flags(at: &At<'_, '_>, collect: &mut Collect) -> Result<Option<Flags>, Problem> {
    let Some(list) = at.get("flags") else { return Ok(None) };
    let mut flags = Flags::default();
    const KNOWN: [&str; 4] = [
        "SECCOMP_FILTER_FLAG_TSYNC",
        "SECCOMP_FILTER_FLAG_LOG",
        "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    ];
    for (name, at) in list.strings()? {
        match KNOWN.iter().position(|k| *k == name) {
            Some(0) => flags.tsync = true,
            Some(1) => flags.log = true,
            Some(2) => flags.spec_allow = true,
            Some(_) => flags.wait_killable = true,
            None => collect.unknown("flag", name, at.place(), Effect::Different, KNOWN),
        }
    }
    Ok(Some(flags))
}

fn listener(at: &At<'_, '_>) -> Result<Option<Listener>, Problem> {
    let Some(path) = at.get("listenerPath") else { return Ok(None) };
    let path = path.string()?;
    if path.is_empty() {
        return Ok(None);
    }
    let metadata = at.get("listenerMetadata").map(|m| m.string().map(str::to_string)).transpose()?;
    Ok(Some(Listener { path: path.to_string(), metadata }))
}
