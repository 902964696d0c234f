//! The settings beside the lists: where a policy denies at least what one of them does, the unit says so, and
//! what the lists cannot say for want of conditions is said by it.

use super::read::read;
use super::settings::NAMESPACES;
use crate::export::{machines, widest};
use crate::import::Effect;
use crate::options::Options;
use callgate::abi::{Word, constant};
use callgate::{Action, Arch, Diagram, Errno, Filter, Policy, SeccompData, Syscall};
use std::collections::BTreeSet;
use std::hash::Hash;

/// The switches that restrict arguments. The others deny whole calls, which the lists can.
const SWITCHES: &[&str] =
    &["MemoryDenyWriteExecute", "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality"];

/// A family no kernel has.
const NO_FAMILY: u64 = 255;

/// Settings, and what they do together.
pub(super) struct Companions {
    /// `MemoryDenyWriteExecute=yes`.
    pub(super) lines: Vec<String>,
    /// The architectures of each machine the policy is for, and the filter the lines make there.
    machines: Vec<(Vec<Arch>, Option<Filter>)>,
}

/// The settings that change nothing about a policy but, perhaps, the error of what it denies.
///
/// Only those are of use on which a call of `conditional` depends.
pub(super) fn companions(
    policy: &Policy,
    wanted: &Filter,
    host: Arch,
    conditional: &[(Arch, Syscall)],
) -> Companions {
    let machines = machines(policy).into_iter().map(|m| (m, None)).collect();
    let mut found = Companions { lines: Vec::new(), machines };
    let switches = SWITCHES.iter().map(|name| format!("{name}=yes"));
    for line in families(policy, host).into_iter().chain(namespaces(policy, host)).chain(switches) {
        let unit = format!("[Service]\n{line}\n");
        let on = |machine: &[Arch]| read(&unit, &Options::new(widest(machine))).ok()?.filter().ok();
        let filters: Option<Vec<Filter>> = found.machines.iter().map(|(machine, _)| on(machine)).collect();
        let Some(filters) = filters else { continue };
        let each = || found.machines.iter().map(|m| &m.0).zip(&filters);
        let matters = each().any(|(machine, filter)| {
            let here = conditional.iter().filter(|(arch, _)| machine.contains(arch));
            here.filter_map(|(arch, call)| Some((*arch, call.number(*arch)?)))
                .any(|(arch, nr)| of_call(filter, arch, nr).leaves().len() > 1)
        });
        if matters && each().all(|(machine, filter)| denies_as_much(wanted, filter, machine)) {
            for ((_, all), filter) in found.machines.iter_mut().zip(filters) {
                *all = match all.take() {
                    Some(before) => before.stack(&filter).ok(),
                    None => Some(filter),
                };
            }
            found.lines.push(line);
        }
    }
    found
}

/// Whether a policy denies what the filter denies, for the calls of these architectures.
fn denies_as_much(wanted: &Filter, filter: &Filter, arches: &[Arch]) -> bool {
    arches.iter().all(|arch| {
        let here = |f: &Filter| usual(&f.restrict(Word::ARCH, arch.token()));
        let more = here(wanted).zip(&here(filter), |a, b| a.permits() && !b.permits());
        more.is_ok_and(|more| !more.leaves().contains(&true))
    })
}

impl Companions {
    /// Whether a call that the lists permit is decided as the policy wants, but for the error.
    pub(super) fn decide(&self, wanted: &Filter, arch: Arch, call: Syscall) -> bool {
        let machine = self.machines.iter().find(|(machine, _)| machine.contains(&arch));
        let (Some((_, Some(filter))), Some(nr)) = (machine, call.number(arch)) else { return false };
        let effects = of_call(wanted, arch, nr).zip(&of_call(filter, arch, nr), |a, b| Effect::of(*a, *b));
        effects.is_ok_and(|all| {
            !all.leaves().contains(&Effect::Weaker)
                && usual(&all).leaves().iter().all(|e| matches!(e, Effect::None | Effect::Different))
        })
    }
}

/// The calls whose arguments fit 32 bits. Policies look at the low half of an `int`, systemd at all of it; what other
/// values get is no reason to refuse the call altogether.
fn usual<L: Clone + Eq + Hash>(diagram: &Diagram<L>) -> Diagram<L> {
    (0..6).fold(diagram.clone(), |d, arg| d.restrict(Word::arg_hi(arg), 0))
}

fn of_call(filter: &Filter, arch: Arch, nr: u32) -> Filter {
    filter.restrict(Word::ARCH, arch.token()).restrict(Word::NR, nr)
}

fn eval(policy: &Policy, host: Arch, name: &str, args: &[u64]) -> Option<Action> {
    let nr = Syscall::from_name(name)?.number(host)?;
    let mut data = SeccompData { nr, arch: host.token(), ..SeccompData::default() };
    data.args[..args.len()].copy_from_slice(args);
    Some(policy.eval(&data))
}

/// `RestrictAddressFamilies=`, if sockets are denied by their family.
fn families(policy: &Policy, host: Arch) -> Option<String> {
    let denied = |family: u64| eval(policy, host, "socket", &[family]).is_some_and(|a| !a.permits());
    let mut known: Vec<(&str, u64)> = constant::Set::from_name("address_family")?
        .members(host)
        .filter(|(name, v)| *v != 0 && *v < NO_FAMILY && *name != "AF_MAX")
        .collect();
    // Some have two names.
    let mut seen = BTreeSet::new();
    known.retain(|(_, value)| seen.insert(*value));
    let list = |wanted: bool| -> Vec<&str> {
        known.iter().filter(|(_, v)| denied(*v) == wanted).map(|(name, _)| *name).collect()
    };
    match (denied(NO_FAMILY), list(true), list(false)) {
        (true, _, allowed) if !allowed.is_empty() => {
            Some(format!("RestrictAddressFamilies={}", allowed.join(" ")))
        }
        (false, denied, _) if !denied.is_empty() => {
            Some(format!("RestrictAddressFamilies=~{}", denied.join(" ")))
        }
        _ => None,
    }
}

/// `RestrictNamespaces=`, if making some of them is denied.
fn namespaces(policy: &Policy, host: Arch) -> Option<String> {
    let denied = |flag: u64| eval(policy, host, "unshare", &[flag]) == Some(Action::Errno(Errno::EPERM));
    let free: Vec<&str> = NAMESPACES.iter().filter(|(_, flag)| !denied(*flag)).map(|n| n.0).collect();
    if free.len() == NAMESPACES.len() {
        return None;
    }
    Some(if free.is_empty() {
        "RestrictNamespaces=yes".into()
    } else {
        format!("RestrictNamespaces={}", free.join(" "))
    })
}
