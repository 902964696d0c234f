//! Calls that make up a group.

use std::collections::BTreeSet;

use callgate_abi::group::Group;
use callgate_abi::{Arch, Syscall, risk};

use super::arguments;

/// Fewer calls than this are clearer by their own names.
const FEWEST: usize = 3;

/// A group in place of calls.
pub(super) struct Folded {
    pub(super) group: &'static Group,
    /// Those that were called.
    pub(super) called: Vec<Syscall>,
    /// Those that were not.
    pub(super) others: Vec<Syscall>,
}

/// Groups that stand for calls seen without conditions (`free`) and for no call seen with one (`bound`): all
/// their calls were seen, or with `wider` at least half of them, the others being harmless. The largest first;
/// no call is in two.
pub(super) fn fold(
    free: &BTreeSet<Syscall>,
    bound: &BTreeSet<Syscall>,
    arch: Arch,
    wider: bool,
) -> Vec<Folded> {
    let mut all: Vec<Folded> =
        Group::all().iter().filter_map(|g| folded(g, free, bound, arch, wider)).collect();
    all.sort_by_key(|f| (f.others.len(), std::cmp::Reverse(f.called.len()), f.group.name));
    if wider {
        all.sort_by_key(|f| std::cmp::Reverse(f.called.len()));
    }
    let mut taken = BTreeSet::new();
    all.retain(|f| {
        let fresh = f.called.iter().chain(&f.others).all(|call| !taken.contains(call));
        if fresh {
            taken.extend(f.called.iter().chain(&f.others).copied());
        }
        fresh
    });
    all
}

fn folded(
    group: &'static Group,
    free: &BTreeSet<Syscall>,
    bound: &BTreeSet<Syscall>,
    arch: Arch,
    wider: bool,
) -> Option<Folded> {
    // An older release's set is no name for a new policy; a set of what to deny is none for what to allow.
    if !group.is_current() || matches!(group.name, "default" | "obsolete" | "known") {
        return None;
    }
    let entries: Vec<_> = group.entries_on(arch).collect();
    if entries.iter().any(|(call, condition)| condition.is_some() || bound.contains(call)) {
        return None;
    }
    let (called, others): (Vec<Syscall>, Vec<Syscall>) =
        entries.into_iter().map(|(call, _)| call).partition(|call| free.contains(call));
    let harmless = |call: &Syscall| arguments::of(call.name()).is_empty() && risk::of(*call).is_none();
    let fits = others.is_empty() || wider && called.len() >= others.len() && others.iter().all(harmless);
    (fits && called.len() >= FEWEST).then_some(Folded { group, called, others })
}
