//! go-seccomp-bpf YAML: Elastic's library, also inside the configuration of Beats.

use crate::import::{Collect, Import};
use crate::options::Options;
use crate::place::{Error, Problem};
use crate::tree::{At, Keys, Oddity};
use crate::{Format, suggest, yaml};
use callgate::{Action, Arch, ArgCmp, ArgIndex, Call, Cond, Errno, Op, Policy, Rule, Syscall, Width};

/// Reads a policy: groups in order, the first that matches decides.
pub(crate) fn read(text: &str, options: &Options) -> Result<Import, Error> {
    let documents = yaml::parse(text)?;
    let [root] = &documents[..] else {
        return Err(Error::new(crate::Place::default(), "expected one YAML document"));
    };
    let mut collect = Collect::new(options);
    let root = At::root(root, Keys::Exact);
    let seccomp = root.get("seccomp");
    let policy = match &seccomp {
        Some(inner) => policy(inner, options, &mut collect)?,
        None => policy(&root, options, &mut collect)?,
    };
    collect.check()?;
    Ok(Import::one(Format::GoSeccomp, policy, collect))
}

fn policy(at: &At<'_, '_>, options: &Options, collect: &mut Collect) -> Result<Policy, Problem> {
    odd_keys(at, &["default_action", "syscalls", "enabled"], collect)?;
    if let Some(enabled) = at.get("enabled")
        && !enabled.boolean()?
    {
        collect.note(enabled.place(), "seccomp is switched off here; the policy is read all the same");
    }
    let arch = options.arches.as_ref().and_then(|a| a.first().copied()).unwrap_or(options.host);
    let Some(default) = at.get("default_action") else { return Err(at.problem("default_action is missing")) };
    let default = action(&default)?;
    let mut rules = Vec::new();
    let mut seen: Vec<Syscall> = Vec::new();
    if arch == Arch::X86_64 {
        rules.push(Rule {
            calls: vec![Call::Numbers(Arch::X32_BIT..=u32::MAX)],
            arches: Vec::new(),
            when: Cond::True,
            action: Action::Errno(Errno::ENOSYS),
            origin: collect.origin(&at.place()),
        });
    }
    let Some(groups) = at.get("syscalls") else { return Err(at.problem("syscalls is missing")) };
    for group in groups.elements()? {
        odd_keys(&group, &["action", "names", "names_with_args"], collect)?;
        let Some(action_at) = group.get("action") else { return Err(group.problem("action is missing")) };
        let action = action(&action_at)?;
        let effect = crate::profile::without(action, default);
        let mut calls = Vec::new();
        if let Some(names) = group.get("names") {
            for (name, place) in names.strings()? {
                let Some(call) = collect.syscall(name, || place.place(), effect) else { continue };
                if seen.contains(&call) {
                    collect.problem(place.problem(format!("{name} is listed twice")));
                }
                seen.push(call);
                if on_arch(call, arch, &place, collect) {
                    calls.push(Call::Named(call));
                }
            }
        }
        let origin = collect.origin(&group.place());
        if !calls.is_empty() {
            rules.push(Rule { calls, arches: Vec::new(), when: Cond::True, action, origin });
        }
        if let Some(list) = group.get("names_with_args") {
            for entry in list.elements()? {
                rules.extend(with_args(&entry, action, effect, arch, collect)?);
            }
        }
    }
    Ok(Policy {
        arches: vec![arch],
        rules,
        default,
        foreign: Vec::new(),
        bad_arch: default,
        x32: None,
        unknown: None,
    })
}

fn with_args(
    at: &At<'_, '_>,
    action: Action,
    effect: crate::Effect,
    arch: Arch,
    collect: &mut Collect,
) -> Result<Option<Rule>, Problem> {
    odd_keys(at, &["name", "arguments"], collect)?;
    let Some(name) = at.get("name") else { return Err(at.problem("name is missing")) };
    let mut all = Vec::new();
    if let Some(arguments) = at.get("arguments") {
        for argument in arguments.elements()? {
            all.push(condition(&argument, collect)?);
        }
    }
    if all.is_empty() {
        return Err(at.problem("arguments is missing or empty"));
    }
    let Some(call) = collect.syscall(name.string()?, || name.place(), effect) else { return Ok(None) };
    if !on_arch(call, arch, &name, collect) {
        return Ok(None);
    }
    Ok(Some(Rule {
        calls: vec![Call::Named(call)],
        arches: Vec::new(),
        when: if all.len() == 1 { all.remove(0) } else { Cond::All(all) },
        action,
        origin: collect.origin(&at.place()),
    }))
}

/// Whether the call has a number on the architecture; the library refuses it where it has none.
fn on_arch(call: Syscall, arch: Arch, at: &At<'_, '_>, collect: &mut Collect) -> bool {
    if call.number(arch).is_some() {
        return true;
    }
    let what = format!("{} has no number on {}", call.name(), arch.name());
    if collect.ignores_unknown() {
        collect.loss(at.place(), format!("{what}, left out"), crate::Effect::None);
    } else {
        collect.problem(at.problem(what));
    }
    false
}

fn condition(at: &At<'_, '_>, collect: &mut Collect) -> Result<Cond, Problem> {
    odd_keys(at, &["argument", "position", "operation", "value"], collect)?;
    let Some(index) = at.get("argument").or_else(|| at.get("position")) else {
        return Err(at.problem("argument is missing"));
    };
    let Some(arg) = ArgIndex::new(index.unsigned(u64::from(u8::MAX))? as u8) else {
        return Err(index.problem("system calls have arguments 0 to 5"));
    };
    let value = at.get("value").map_or(Ok(0), |v| v.unsigned(u64::MAX))?;
    let Some(operation) = at.get("operation") else { return Err(at.problem("operation is missing")) };
    let cmp = |op| Cond::Arg(ArgCmp { arg, width: Width::W64, op });
    let none_set = cmp(Op::MaskedEq { mask: value, value: 0 });
    Ok(match operation.string()?.to_ascii_lowercase().as_str() {
        "equal" => cmp(Op::Eq(value)),
        "notequal" => cmp(Op::Ne(value)),
        "greaterthan" => cmp(Op::Gt(value)),
        "lessthan" => cmp(less(at, Op::Lt(value), value, collect)),
        "greaterorequal" => cmp(Op::Ge(value)),
        "lessorequal" => cmp(less(at, Op::Le(value), value, collect)),
        "bitsset" => Cond::Not(Box::new(none_set)),
        "bitsnotset" => none_set,
        other => {
            let known = [
                "Equal",
                "NotEqual",
                "GreaterThan",
                "LessThan",
                "GreaterOrEqual",
                "LessOrEqual",
                "BitsSet",
                "BitsNotSet",
            ];
            let problem = operation.problem(format!("unknown operation {other:.40}"));
            return Err(match suggest::nearest(other, known) {
                Some(near) => problem.help(format!("did you mean {near}?")),
                None => problem,
            });
        }
    })
}

/// The library's own code for these two also holds for larger values with a small enough low word.
/// What was written is kept, and said.
fn less(at: &At<'_, '_>, op: Op, value: u64, collect: &mut Collect) -> Op {
    collect.note(
        at.place(),
        format!("go-seccomp-bpf's code also matches larger values whose low 32 bits are below those of {value:#x}; read as written"),
    );
    op
}

fn action(at: &At<'_, '_>) -> Result<Action, Problem> {
    let word = at.string()?;
    const WORDS: [(&str, Action); 7] = [
        ("kill_thread", Action::KILL_THREAD),
        ("kill_process", Action::KILL_PROCESS),
        ("trap", Action::Trap(0)),
        ("errno", Action::Errno(Errno::EPERM)),
        ("trace", Action::Trace(0)),
        ("log", Action::LOG),
        ("allow", Action::ALLOW),
    ];
    match WORDS.iter().find(|w| w.0.eq_ignore_ascii_case(word)) {
        Some((_, action)) => Ok(*action),
        None => {
            let problem = at.problem(format!("unknown action {word:.40}"));
            Err(match suggest::nearest(word, WORDS.iter().map(|w| w.0)) {
                Some(near) => problem.help(format!("did you mean {near}?")),
                None => problem,
            })
        }
    }
}

fn odd_keys(at: &At<'_, '_>, known: &[&str], collect: &mut Collect) -> Result<(), Problem> {
    for (key, member, oddity) in at.oddities(known)? {
        if oddity == Oddity::Unknown {
            let what = format!("the key {key:.60} is not known here and ignored");
            collect.note(
                member.place(),
                match suggest::nearest(key, known.iter().copied()) {
                    Some(near) => format!("{what}; did you mean {near}?"),
                    None => what,
                },
            );
        }
    }
    Ok(())
}
