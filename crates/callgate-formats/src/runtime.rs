//! From a resolved container profile to a policy, as one runtime or another compiles it.

use crate::import::{Collect, Import};
use crate::libseccomp::{Added, Compare, Refused, RuleSet, Target};
use crate::options::{Options, Runtime};
use crate::place::{Error, Problem};
use crate::profile::{Profile, ProfileRule};
use crate::{Flags, Format};
use callgate::{Action, Arch, Call, Cond, Errno, Origin, Policy, Rule};

/// Compiles a profile as `options.runtime` would.
pub(crate) fn compile(
    profile: Profile,
    format: Format,
    options: &Options,
    mut collect: Collect,
) -> Result<Import, Error> {
    collect.check()?;
    let arches = arches(&profile, options, &mut collect)?;
    let Some(default) = profile.default else {
        collect.note(crate::Place::default(), "no default action and no rules: seccomp is off");
        return Ok(Import::one(format, open_policy(arches), collect));
    };
    let default = taken(default, &crate::Place::default(), options, &mut collect).unwrap_or(default);
    let mut set = RuleSet::new(default, arches);
    for rule in &profile.rules {
        add(&mut set, rule, default, options, &mut collect);
    }
    collect.check()?;
    let sources: Vec<Origin> = (0..profile.rules.len()).map(|i| set.origin(i).clone()).collect();
    let (mut policy, overlaps) = set.finish();
    for (a, b) in overlaps.pairs {
        collect.note(
            profile.rules[a].place.clone(),
            format!(
                "overlaps with {} and its other action; libseccomp's choice may depend on their order",
                sources[b]
            ),
        );
    }
    if overlaps.more {
        collect.note(crate::Place::default(), "more rules overlap than are listed here");
    }
    if matches!(options.runtime, Some(Runtime::Runc | Runtime::Docker | Runtime::Containerd)) {
        let prologue = enosys_prologue(&profile, &policy);
        policy.rules.splice(0..0, prologue);
    }
    let flags = profile.flags.or(match options.runtime {
        Some(
            Runtime::Runc
            | Runtime::Docker
            | Runtime::Containerd
            | Runtime::Crun
            | Runtime::Podman
            | Runtime::Crio,
        ) => Some(Flags { spec_allow: true, ..Flags::default() }),
        Some(Runtime::Youki | Runtime::Libseccomp | Runtime::Firecracker | Runtime::Gvisor) | None => None,
    });
    Ok(Import { flags, listener: profile.listener, ..Import::one(format, policy, collect) })
}

/// Everything is executed, under every architecture.
fn open_policy(arches: Vec<Arch>) -> Policy {
    Policy {
        arches,
        rules: Vec::new(),
        default: Action::ALLOW,
        foreign: Vec::new(),
        bad_arch: Action::ALLOW,
        x32: Some(Action::ALLOW),
        unknown: None,
    }
}

/// The architectures of the filter, the host's first: libseccomp always has it in the set.
fn arches(profile: &Profile, options: &Options, collect: &mut Collect) -> Result<Vec<Arch>, Error> {
    if let Some(arches) = &options.arches {
        return Ok(arches.clone());
    }
    let mut arches = vec![options.host];
    if options.runtime == Some(Runtime::Gvisor) {
        if !profile.arches.is_empty() {
            collect.note(crate::Place::default(), "gVisor ignores architectures");
        }
        return Ok(arches);
    }
    for arch in &profile.arches {
        if arch.endian() != options.host.endian() {
            return Err(Error::new(
                crate::Place::default(),
                format!(
                    "{} has another byte order than {}: libseccomp does not mix them in one filter",
                    arch.name(),
                    options.host.name()
                ),
            ));
        }
        if !arches.contains(arch) {
            arches.push(*arch);
        }
    }
    if !profile.arches.is_empty() && !profile.arches.contains(&options.host) {
        collect.note(
            crate::Place::default(),
            format!("the profile does not list {}, the host; libseccomp includes it", options.host.name()),
        );
    }
    Ok(arches)
}

/// Adds the rules one entry of `syscalls` stands for.
fn add(set: &mut RuleSet, rule: &ProfileRule, default: Action, options: &Options, collect: &mut Collect) {
    let source = set.source(collect.origin(&rule.place));
    let Some(action) = taken(rule.action, &rule.place, options, collect) else { return };
    if action == default {
        collect.note(rule.place.clone(), "the action is the default; the rule has no effect");
        return;
    }
    for alternative in alternatives(rule, options, collect) {
        for call in &rule.calls {
            let name = call.name();
            match set.add(Target::Call(*call), action, &alternative, source) {
                Ok(Added::New) | Err(Refused::Default) => {}
                Ok(Added::Redundant(other)) => {
                    let other = path(set, other, source);
                    collect.note(
                        rule.place.clone(),
                        format!("{name} adds nothing: {other} already decides it so"),
                    );
                }
                Ok(Added::Overruled(other)) => {
                    let other = path(set, other, source);
                    collect.note(
                        rule.place.clone(),
                        format!("{name} has no effect here: {other} decides it, with another action"),
                    );
                }
                Ok(Added::Overrules(other)) => {
                    let other = path(set, other, source);
                    collect.note(rule.place.clone(), format!("{name} without conditions makes its rule in {other}, with another action, ineffective"));
                }
                Err(Refused::Conflict(other)) => {
                    let other = path(set, other, source);
                    collect.problem(Problem::new(
                        rule.place.clone(),
                        format!("{name} has the same conditions in {other} with another action; libseccomp refuses that"),
                    ));
                }
                Err(Refused::Arguments) => collect.problem(Problem::new(
                    rule.place.clone(),
                    format!("libseccomp refuses the conditions on {name}"),
                )),
            }
        }
    }
}

/// The action a runtime takes this one for; `None` if it refuses it, which is a problem then.
fn taken(action: Action, place: &crate::Place, options: &Options, collect: &mut Collect) -> Option<Action> {
    if options.runtime != Some(Runtime::Gvisor) {
        return Some(action);
    }
    match action {
        Action::Errno(e) if e != Errno::EPERM => {
            collect.note(place.clone(), "gVisor answers EPERM whatever the error number");
            Some(Action::Errno(Errno::EPERM))
        }
        Action::KillProcess(_) | Action::Log(_) | Action::Notify(_) | Action::Unknown(_) => {
            collect.problem(Problem::new(place.clone(), "gVisor does not support this action"));
            None
        }
        Action::Errno(_) | Action::KillThread(_) | Action::Trap(_) | Action::Trace(_) | Action::Allow(_) => {
            Some(action)
        }
    }
}

fn path(set: &RuleSet, other: usize, this: usize) -> String {
    if other == this {
        return "the same rule".into();
    }
    let origin = set.origin(other);
    match &origin.path {
        Some(path) => path.to_string(),
        None => format!("line {}", origin.line),
    }
}

/// The conjunctions a rule stands for. All conditions must hold, except that runtimes make each
/// condition a rule of its own as soon as one argument is compared twice.
fn alternatives(rule: &ProfileRule, options: &Options, collect: &mut Collect) -> Vec<Vec<Compare>> {
    let mut compares = rule.compares.clone();
    match options.runtime {
        Some(Runtime::Youki) => {
            if rule.empty_args {
                collect.note(rule.place.clone(), "youki adds no rule where args is an empty list");
                return Vec::new();
            }
            if compares.is_empty() {
                return vec![Vec::new()];
            }
            if compares.len() > 1 {
                collect.note(
                    rule.place.clone(),
                    "youki makes every condition a rule of its own: any of them suffices",
                );
            }
            return compares.into_iter().map(|c| vec![c]).collect();
        }
        Some(Runtime::Crun | Runtime::Podman | Runtime::Crio) if compares.len() > 6 => {
            collect.note(rule.place.clone(), "crun reads six conditions and drops the others");
            compares.truncate(6);
        }
        _ => {}
    }
    let twice = (0..6).any(|i| compares.iter().filter(|c| c.arg == i).count() > 1);
    if twice {
        collect.note(
            rule.place.clone(),
            "one argument is compared more than once, so runtimes take the conditions as alternatives: any of them suffices",
        );
        return compares.into_iter().map(|c| vec![c]).collect();
    }
    vec![compares]
}

/// runc's answer to calls newer than the profile: whatever the default, a number above the largest of
/// all the calls the profile names is `ENOSYS`, before any rule is looked at. Left out where the
/// default lets calls through.
fn enosys_prologue(profile: &Profile, policy: &Policy) -> Vec<Rule> {
    if matches!(policy.default, Action::Allow(_) | Action::Log(_) | Action::Trace(_))
        || profile.rules.is_empty()
    {
        return Vec::new();
    }
    let mut rules = Vec::new();
    for arch in &policy.arches {
        let base = if *arch == Arch::X32 { Arch::X32_BIT } else { 0 };
        let named = profile.rules.iter().flat_map(|r| &r.calls);
        let last = named.filter_map(|c| c.number(*arch)).max().unwrap_or(base);
        // On x86_64, numbers with the x32 bit are none of its business.
        let end = if *arch == Arch::X86_64 { Arch::X32_BIT - 1 } else { u32::MAX };
        let mut calls = Vec::new();
        if last < end {
            calls.push(Call::Numbers(last + 1..=end));
        }
        if matches!(arch, Arch::S390 | Arch::S390x) {
            calls.push(Call::Numbers(0..=0));
        }
        rules.push(Rule {
            calls,
            arches: vec![*arch],
            when: Cond::True,
            action: Action::Errno(Errno::ENOSYS),
            origin: Origin {
                path: Some("runc's prologue: newer than every call of the profile".into()),
                ..Origin::default()
            },
        });
    }
    rules
}
