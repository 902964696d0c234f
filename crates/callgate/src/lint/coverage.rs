//! Family D: what is covered. Other roads to what is denied, and calls somebody cannot do without.

use super::codes::*;
use super::finding::{Draft, Place, Remedy};
use super::guards;
use super::view::{Access, ArchView, Fixed, Permits, View, is, list, worst_first};
use crate::diagnostic::Severity;
use crate::syntax::action_text;
use callgate_abi::twin::{self, Kinship, Route};
use callgate_abi::{Action, Kernel, Syscall};
use std::collections::BTreeMap;

pub(super) fn check(view: &View<'_>, out: &mut Vec<Draft>) {
    for native in &view.arches {
        io_uring(view, *native, out);
        twins(view, *native, out);
        variants(view, *native, out);
        namespaces(view, *native, out);
        multiplexers(view, *native, out);
        executable_memory(view, *native, out);
    }
}

/// Whether the kernel the filter is for has the route.
fn is_there(view: &View<'_>, route: &Route) -> bool {
    route.since.is_none_or(|(major, minor)| Kernel::new(major.into(), minor.into()) <= view.kernel)
}

/// D4: the operations of a ring are seen by no filter.
fn io_uring(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let arch = native.arch;
    let Some(setup) = Syscall::from_name("io_uring_setup").and_then(|c| c.number(arch)) else { return };
    let Some(enter) = Syscall::from_name("io_uring_enter") else { return };
    let Some(witness) = view.permitted(arch, setup) else { return };
    // An operation is news only if neither a call it does the work of nor one that does the same is open.
    let mut operations: BTreeMap<u16, (&'static str, Vec<Syscall>)> = BTreeMap::new();
    for route in twin::routes_through(enter).filter(|r| is_there(view, r)) {
        // Passed through to drivers that expect it; few do, and a terminal's is not among them.
        if route.reaches.name() != "ioctl" {
            operations.entry(route.value).or_insert((route.selector, Vec::new())).1.push(route.reaches);
        }
    }
    let open = |call: Syscall| {
        let same = twin::of(call).filter(|f| f.kinship == Kinship::Same).flat_map(|f| f.members());
        std::iter::once(call).chain(same).any(|c| view.of(arch, c) == Some(Access::Open))
    };
    let mut reached: Vec<(Syscall, &'static str)> = Vec::new();
    for (selector, calls) in operations.values() {
        let here: Vec<Syscall> = calls.iter().copied().filter(|c| c.number(arch).is_some()).collect();
        if !here.iter().any(|c| open(*c)) {
            reached.extend(here.into_iter().map(|c| (c, *selector)));
        }
    }
    let calls = worst_first(reached.iter().map(|r| r.0).collect());
    let mut unique: Vec<Syscall> = Vec::new();
    for call in calls {
        if !unique.contains(&call) {
            unique.push(call);
        }
    }
    let Some(first) = unique.first().copied() else { return };
    let selector = reached.iter().find(|r| r.0 == first).map_or("", |r| r.1);
    let partial = view.of(arch, first) == Some(Access::Partial);
    let message = format!(
        "{} {} {}, but io_uring_setup is allowed: {selector} {}",
        list(unique.iter().map(|c| c.name())),
        is(unique.len()),
        if partial { "restricted" } else { "denied" },
        if unique.len() == 1 { "does the same" } else { "and its like do the same" },
    );
    let mut draft = Draft::new(IO_URING, message).on(arch).witness(witness);
    if let Some(denied) = first.number(arch).and_then(|nr| view.refused(arch, nr)) {
        draft = draft.related(denied, format!("{} is denied here", first.name()));
    }
    out.push(
        draft
            .note("a ring's operations are made by the kernel; no filter sees them")
            .help("deny io_uring_setup, io_uring_enter and io_uring_register with ENOSYS")
            .remedy(Remedy::Line("errno(ENOSYS) @io-uring".into())),
    );
}

/// D2, D11, C3: another call has the effect of a restricted one.
fn twins(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let arch = native.arch;
    // What undoes each call, with the reason.
    let mut by_open: BTreeMap<Syscall, (Vec<Syscall>, &'static str, bool)> = BTreeMap::new();
    let mut note = |open: Syscall, denied: Syscall, reason, same| {
        let entry = by_open.entry(open).or_insert((Vec::new(), reason, same));
        if !entry.0.contains(&denied) {
            entry.0.push(denied);
        }
        entry.2 |= same;
    };
    let is_open = |call: Syscall| view.exists(arch, call) && view.of(arch, call) == Some(Access::Open);
    for guard in guards::all() {
        let here =
            guard.guarded.iter().filter_map(|n| Syscall::from_name(n)).filter(|c| c.number(arch).is_some());
        let principal = here.clone().next().and_then(|c| c.number(arch));
        if !guard.any && !principal.is_some_and(|nr| view.is_restricted(native, nr)) {
            continue;
        }
        for denied in here {
            let Some(nr) = denied.number(arch) else { continue };
            let partial = view.access(arch, nr) == Access::Partial;
            if !view.is_restricted(native, nr) || (partial && !guard.arguments) {
                continue;
            }
            for open in guard.escapes.iter().filter_map(|n| Syscall::from_name(n)) {
                if open != denied && is_open(open) {
                    note(open, denied, guard.reason, guard.same);
                }
            }
        }
    }
    // Several open calls for the same denied ones are one finding.
    let mut gathered: Vec<(Vec<Syscall>, Vec<Syscall>, &'static str, bool)> = Vec::new();
    for (open, (denied, reason, same)) in by_open {
        match gathered.iter_mut().find(|g| g.1 == denied && g.2 == reason) {
            Some(group) => group.0.push(open),
            None => gathered.push((vec![open], denied, reason, same)),
        }
    }
    for (open, denied, reason, same) in gathered {
        let Some(witness) = open[0].number(arch).and_then(|nr| view.permitted(arch, nr)) else { continue };
        let partial = denied.iter().all(|d| view.of(arch, *d) == Some(Access::Partial));
        let message = format!(
            "{} {} {}, but {} {} open: {reason}",
            list(denied.iter().map(|c| c.name())),
            is(denied.len()),
            if partial { "restricted" } else { "denied" },
            list(open.iter().map(|c| c.name())),
            is(open.len()),
        );
        let mut draft = Draft::new(TWIN, message).on(arch).witness(witness);
        if !same {
            draft = draft.severity(Severity::Warning);
        }
        let refused = denied[0].number(arch).and_then(|nr| view.refused(arch, nr));
        if let Some(refused) = refused {
            draft = draft.related(refused, format!("{} is denied here", denied[0].name()));
        }
        let blind = open.iter().all(|c| twin::blind_spots_of(*c, arch).next().is_some());
        let names: Vec<&str> = open.iter().map(|c| c.name()).collect();
        let answer = match refused.map(|r| *view.filter.eval(&r)) {
            // Callers of a newer call fall back to an older one after ENOSYS only.
            _ if blind => "errno(ENOSYS)".to_string(),
            Some(action) if !partial => action_text(action),
            _ => {
                out.push(draft.help(format!("restrict {} as well", list(names))));
                continue;
            }
        };
        out.push(
            draft
                .help(format!(
                    "deny {} as well: `{answer} {}`",
                    list(names.iter().copied()),
                    names.join(", ")
                ))
                .remedy(Remedy::Line(format!("{answer} {}", names.join(", ")))),
        );
    }
}

/// D2, libseccomp's old blind spot: a call is denied, and its form for larger times or files is open.
fn variants(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let arch = native.arch;
    let mut open: Vec<(Syscall, Syscall, &'static str)> = Vec::new();
    for (nr, denied) in view.calls(arch) {
        if !view.is_restricted(native, nr) || !view.exists(arch, denied) {
            continue;
        }
        let newer = guards::variants(denied)
            .filter(|(_, newer)| view.exists(arch, *newer) && view.of(arch, *newer) == Some(Access::Open));
        open.extend(newer.map(|(reason, newer)| (denied, newer, reason)));
    }
    let Some(&(first, newer, _)) = open.first() else { return };
    let Some(witness) = newer.number(arch).and_then(|nr| view.permitted(arch, nr)) else { return };
    let message = format!(
        "{} {} denied, but newer forms are open: {}",
        list(open.iter().map(|o| o.0.name())),
        is(open.len()),
        list(open.iter().map(|o| o.1.name())),
    );
    let mut draft = Draft::new(TWIN, message).on(arch).witness(witness);
    for (denied, newer, reason) in &open {
        draft = draft.note(format!("{} for {}: {reason}", newer.name(), denied.name()));
    }
    let refused = first.number(arch).and_then(|nr| view.refused(arch, nr));
    if let Some(refused) = refused {
        draft = draft.related(refused, format!("{} is denied here", first.name()));
        let names: Vec<&str> = open.iter().map(|o| o.1.name()).collect();
        if open.iter().all(|o| view.of(arch, o.0) == Some(Access::Denied)) {
            let line = format!("{} {}", action_text(*view.filter.eval(&refused)), names.join(", "));
            draft = draft.help("deny them as well").remedy(Remedy::Line(line));
        }
    }
    out.push(draft);
}

/// New namespaces by one call although another refuses to make them, flag by flag.
fn namespaces(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    // `include/uapi/linux/sched.h`; the same on every architecture.
    const KINDS: [(&str, u64); 7] = [
        ("CLONE_NEWUSER", 0x1000_0000),
        ("CLONE_NEWNS", 0x0002_0000),
        ("CLONE_NEWNET", 0x4000_0000),
        ("CLONE_NEWPID", 0x2000_0000),
        ("CLONE_NEWIPC", 0x0800_0000),
        ("CLONE_NEWUTS", 0x0400_0000),
        ("CLONE_NEWCGROUP", 0x0200_0000),
    ];
    let arch = native.arch;
    // Clone's flags are its first argument but on s390 (and CRIS).
    let backwards = matches!(arch, callgate_abi::Arch::S390 | callgate_abi::Arch::S390x);
    let numbers = ["clone", "unshare"].map(|n| Syscall::from_name(n).and_then(|c| c.number(arch)));
    let [Some(clone), Some(unshare)] = numbers else { return };
    let find = |is_clone: bool, flag: u64, wanted: fn(&Action) -> bool| {
        let (nr, index) = if is_clone { (clone, u8::from(backwards)) } else { (unshare, 0) };
        view.find(arch, nr, &Fixed::arg(index, flag | 0xffff_ffff_0000_0000, flag), wanted)
    };
    for (denied_is_clone, denied, open) in [(true, "clone", "unshare"), (false, "unshare", "clone")] {
        let nr = if denied_is_clone { clone } else { unshare };
        // A call denied altogether and left out by a list of permitted ones says nothing about flags.
        if !view.is_restricted(native, nr) {
            continue;
        }
        let mut kinds = Vec::new();
        let mut witness = None;
        for (name, flag) in KINDS {
            let closed = find(denied_is_clone, flag, |a| a.permits()).is_none();
            let through = find(!denied_is_clone, flag, |a| a.permits());
            if let (true, Some(call)) = (closed, through) {
                kinds.push(name);
                witness.get_or_insert(call);
            }
        }
        let Some(witness) = witness else { continue };
        let message = format!("{denied} refuses {}, and {open} makes the same namespaces", list(kinds));
        let mut draft = Draft::new(TWIN, message).on(arch).witness(witness);
        if let Some(refused) = find(denied_is_clone, KINDS[0].1, |a| !a.permits()) {
            draft = draft.related(refused, format!("{denied} refuses them here"));
        }
        out.push(draft.help(format!("restrict {open} as well")));
    }
}

/// C4: a call whose first argument selects another's work.
fn multiplexers(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let arch = native.arch;
    let mut found: BTreeMap<Syscall, Vec<(Syscall, &'static str, callgate_abi::SeccompData)>> =
        BTreeMap::new();
    for route in twin::routes().iter().filter(|r| r.is_visible() && is_there(view, r)) {
        let (Some(carrier), Some(nr)) = (route.carrier.number(arch), route.reaches.number(arch)) else {
            continue;
        };
        if !view.is_restricted(native, nr) {
            continue;
        }
        let mask = if route.carrier.name() == "ipc" { 0xffff } else { u64::from(u32::MAX) };
        let fixed = Fixed::arg(0, mask, route.value.into());
        if let Some(call) = view.find(arch, carrier, &fixed, Action::permits_ref) {
            found.entry(route.carrier).or_default().push((route.reaches, route.selector, call));
        }
    }
    for (carrier, reached) in found {
        let calls = worst_first(reached.iter().map(|r| r.0).collect());
        let Some(&(_, selector, witness)) = reached.iter().find(|r| r.0 == calls[0]) else { continue };
        let message = format!(
            "{} {} restricted, but {}({selector}) does the same{}",
            list(calls.iter().map(|c| c.name())),
            is(calls.len()),
            carrier.name(),
            if carrier.name() == "socketcall" { " with arguments no filter sees" } else { "" },
        );
        let mut draft = Draft::new(MULTIPLEXER, message).on(arch).witness(witness);
        if let Some(refused) = calls[0].number(arch).and_then(|nr| view.refused(arch, nr)) {
            draft = draft.related(refused, format!("{} is restricted here", calls[0].name()));
        }
        let answer = format!("errno(ENOSYS) {} on {}", carrier.name(), arch.name());
        let help = format!("deny it: since Linux 4.3 C libraries make the calls themselves (`{answer}`)");
        out.push(draft.help(help).remedy(Remedy::Line(answer)));
    }
}

/// D3: mprotect may not make memory executable, something else may.
fn executable_memory(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    const PROT_WRITE: u64 = 2;
    const PROT_EXEC: u64 = 4;
    const SHM_EXEC: u64 = 0o100_000;
    let arch = native.arch;
    let find = |name: &str, index: u8, bits: u64| {
        let nr = Syscall::from_name(name)?.number(arch)?;
        view.find(arch, nr, &Fixed::arg(index, bits, bits), Action::permits_ref)
    };
    let open = |name: &str, index: u8, bits: u64| find(name, index, bits).is_some();
    let claims = open("mprotect", 2, 0) && !open("mprotect", 2, PROT_EXEC);
    if !claims {
        return;
    }
    // The old mmap of some 32-bit ABIs takes its arguments from memory.
    let in_memory =
        Syscall::from_name("mmap").is_some_and(|c| twin::blind_spots_of(c, arch).next().is_some());
    let ways = [
        (
            if in_memory { None } else { find("mmap", 2, PROT_WRITE | PROT_EXEC) },
            "mmap(PROT_WRITE|PROT_EXEC)",
        ),
        (if in_memory { find("mmap", 0, 0) } else { None }, "mmap, whose arguments lie in memory"),
        (find("mmap2", 2, PROT_WRITE | PROT_EXEC), "mmap2(PROT_WRITE|PROT_EXEC)"),
        (find("pkey_mprotect", 2, PROT_EXEC), "pkey_mprotect(PROT_EXEC)"),
        (find("shmat", 2, SHM_EXEC), "shmat(SHM_EXEC)"),
    ];
    let there: Vec<_> = ways.into_iter().filter_map(|(call, name)| Some((call?, name))).collect();
    let Some((witness, _)) = there.first() else { return };
    let message =
        format!("mprotect may not make memory executable, but {} can", list(there.iter().map(|w| w.1)));
    let mut draft = Draft::new(EXECUTABLE_MEMORY, message).on(arch).witness(*witness);
    let nr = Syscall::from_name("mprotect").and_then(|c| c.number(arch));
    if let Some(refused) =
        nr.and_then(|nr| view.find(arch, nr, &Fixed::arg(2, PROT_EXEC, PROT_EXEC), |a| !a.permits()))
    {
        draft = draft.related(refused, "mprotect(PROT_EXEC) is denied here");
    }
    let beyond: Vec<&str> = ["memfd_create", "personality", "execveat"]
        .into_iter()
        .filter(|n| view.named(arch, n) == Some(Access::Open))
        .collect();
    if !beyond.is_empty() {
        draft = draft.note(format!("{} can serve the same end", list(beyond)));
    }
    out.push(draft.at(Place::Witness));
}
