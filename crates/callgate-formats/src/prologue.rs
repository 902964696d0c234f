//! Writing for runc, which answers `ENOSYS` to every number above the largest its profile names: the profile must
//! name the last call that is answered otherwise, and none above. A name has different numbers on different
//! architectures, so that what is right for one can be too much for another; the comparison that follows tells.

use crate::container::OutRule;
use crate::flat::{Flat, FlatCall};
use crate::options::{Options, Runtime};
use callgate::{Action, Errno, Syscall};

const ENOSYS: Action = Action::Errno(Errno::ENOSYS);

/// Whether the runtime a profile is for adds the prologue before a filter with this default.
fn is_added(default: Action, options: &Options) -> bool {
    matches!(options.runtime, Some(Runtime::Runc | Runtime::Docker | Runtime::Containerd))
        && !matches!(default, Action::Allow(_) | Action::Log(_) | Action::Trace(_))
}

/// The rules with which runc's prologue begins where the policy's `ENOSYS` does.
pub(crate) fn fitted(
    flats: &[Flat],
    default: Action,
    mut rules: Vec<OutRule>,
    options: &Options,
) -> Vec<OutRule> {
    if !is_added(default, options) || rules.is_empty() {
        return rules;
    }
    let is_missing = |call: &FlatCall| call.branches.is_empty() && call.otherwise == ENOSYS;
    // The last call of each architecture that exists for the policy.
    let last: Vec<Option<(u32, Syscall)>> = flats
        .iter()
        .map(|flat| {
            let exists = |call: Syscall| match flat.calls.iter().find(|c| c.call == call) {
                Some(call) => !is_missing(call),
                None => flat.default != ENOSYS,
            };
            Syscall::of_arch(flat.arch).filter(|(_, call)| exists(*call)).max_by_key(|(nr, _)| *nr)
        })
        .collect();
    // A name can go if no architecture needs it: it is above the last, or gets the default anyway.
    let needless = |name: &str| {
        Syscall::from_name(name).is_some_and(|call| {
            flats.iter().zip(&last).all(|(flat, last)| {
                let by_default = flat.default == default && !flat.calls.iter().any(|c| c.call == call);
                call.number(flat.arch).is_none_or(|nr| by_default || last.is_none_or(|(last, _)| nr > last))
            })
        })
    };
    for rule in rules.iter_mut().filter(|r| r.action == ENOSYS && r.compares.is_empty()) {
        rule.names.retain(|name| !needless(name));
    }
    rules.retain(|rule| !rule.names.is_empty());
    // A rule with the default's action does nothing but being there.
    let mut names = Vec::new();
    for (flat, last) in flats.iter().zip(&last) {
        let named = rules
            .iter()
            .flat_map(|r| &r.names)
            .filter_map(|n| Syscall::from_name(n)?.number(flat.arch))
            .max();
        if let Some((nr, call)) = last
            && named.is_none_or(|named| named < *nr)
            && !names.contains(&call.name())
        {
            names.push(call.name());
        }
    }
    if !names.is_empty() {
        rules.push(OutRule { names, action: default, compares: Vec::new() });
    }
    rules
}
