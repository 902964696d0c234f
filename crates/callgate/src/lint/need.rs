//! Family D, the other half: calls that deserve a reason, and calls somebody cannot do without.

use super::codes::*;
use super::finding::{Draft, Place, Remedy};
use super::view::{Access, ArchView, Fixed, Permits, View, is, list};
use crate::diagnostic::Severity;
use crate::diagram::Diagram;
use crate::policy::Policy;
use callgate_abi::essential::{self, Need};
use callgate_abi::risk::{self, Level, Risk};
use callgate_abi::{Action, Arch, Errno, Kernel, SeccompData, Syscall, breakage, constant};

pub(super) fn check(view: &View<'_>, out: &mut Vec<Draft>) {
    for native in &view.arches {
        if view.calls(native.arch).all(|(nr, _)| view.access(native.arch, nr) == Access::Open) {
            continue;
        }
        deny_list(view, *native, out);
        risky(view, *native, out);
        read_chain(view, *native, out);
        ptrace(view, *native, out);
        if !native.deny_list {
            essentials(view, *native, out);
        }
        releases(view, *native, out);
    }
}

/// D1 and D9: what is not mentioned is permitted, calls to come included.
fn deny_list(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let arch = native.arch;
    let Some(last) = Syscall::last_number(arch) else { return };
    let beyond = last.saturating_add(1);
    if !native.deny_list || view.access(arch, beyond) != Access::Open {
        return;
    }
    if let Some(kernel) = view.options.kernel {
        // The filter knows what it restricts; a later call nobody can have thought of.
        let restricted = view.calls(arch).filter(|&(nr, _)| view.access(arch, nr) != Access::Open);
        let known = restricted.filter_map(|(_, call)| call.since(arch)).max();
        let newer: Vec<Syscall> = view
            .calls(arch)
            .filter(|&(nr, call)| {
                call.exists(arch, kernel) && call.since(arch) > known && view.access(arch, nr) == Access::Open
            })
            .map(|c| c.1)
            .collect();
        if let Some(nr) = newer.first().and_then(|c| c.number(arch)) {
            let message = format!(
                "{} of Linux {kernel} {} newer than everything the filter restricts, and permitted",
                list(newer.iter().map(|c| c.name())),
                is(newer.len())
            );
            let draft = Draft::new(NEWER, message)
                .on(arch)
                .witness(View::call(arch, nr))
                .at(Place::Setting("default"));
            out.push(draft.help("answer ENOSYS to calls newer than the policy: `unknown errno(ENOSYS)`"));
        }
    }
    let message = "calls that are not mentioned are permitted, those of later kernels included";
    let draft = Draft::new(DENY_LIST, message).on(arch).witness(View::call(arch, beyond));
    out.push(
        draft
            .at(Place::Setting("default"))
            .help("answer ENOSYS to calls newer than the policy: `unknown errno(ENOSYS)`")
            .remedy(Remedy::Setting("unknown", "unknown errno(ENOSYS)".into())),
    );
}

/// D5 and D6: permitted calls that have been ways out.
fn risky(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let arch = native.arch;
    let mut high: Vec<(&Risk, SeccompData)> = Vec::new();
    let mut rest: Vec<(&Risk, SeccompData)> = Vec::new();
    for risk in risk::all() {
        // io_uring, the terminal and listeners have findings of their own.
        let own = matches!(risk.call.name(), "ioctl" | "seccomp") || risk.call.name().starts_with("io_uring");
        if own || !view.exists(arch, risk.call) {
            continue;
        }
        let Some(call) = permits(view, arch, risk) else { continue };
        // Whoever starts threads cannot do without clone; what it is restricted to is a matter of its own.
        let common = matches!(risk.call.name(), "clone" | "clone3");
        match risk.level {
            Level::High if !common => high.push((risk, call)),
            Level::High | Level::Medium | Level::Low => rest.push((risk, call)),
        }
    }
    let severity = if native.deny_list { Severity::Note } else { Severity::Warning };
    for (found, severity, what) in [
        (high, severity, "by which sandboxes have been left"),
        (rest, Severity::Note, "which few programs need"),
    ] {
        let Some((_, witness)) = found.first() else { continue };
        let message =
            format!("{} {} permitted, {what}", list(found.iter().map(|f| f.0.call.name())), is(found.len()));
        let mut draft = Draft::new(RISKY, message).severity(severity).on(arch).witness(*witness);
        for (risk, _) in &found {
            let when = risk.condition.map_or(String::new(), |c| format!(" if {c}"));
            draft = draft.note(format!("{}{when}: {}", risk.call.name(), risk.reason));
        }
        out.push(draft);
    }
    terminal(view, native, out);
}

/// A call that the risk is about and that is permitted.
fn permits(view: &View<'_>, arch: Arch, risk: &Risk) -> Option<SeccompData> {
    let nr = risk.call.number(arch)?;
    if view.access(arch, nr) == Access::Denied {
        return None;
    }
    let Some(condition) = risk.condition else { return view.permitted(arch, nr) };
    if view.access(arch, nr) == Access::Open && condition.is_empty() {
        return view.permitted(arch, nr);
    }
    // The condition as a filter of its own, and the calls that both let through.
    let text = format!("arch {}\ndefault kill\nallow {} if {condition}\n", arch.name(), risk.call.name());
    let when = Policy::parse(&text).ok()?.lower().ok()?;
    let mut at = when.at_token(arch.token());
    while let Some(node) = at.node_index().map(|i| when.node(i)).filter(|n| n.level < 64) {
        at = if nr >> (63 - node.level) & 1 == 1 { node.hi } else { node.lo };
    }
    let when: Diagram<Action> = when.part(at);
    let both = when.zip(&view.filter.part(view.at(arch, nr)), |a, b| a.permits() && b.permits()).ok()?;
    let found = both.witness(|both| *both)?;
    Some(SeccompData { arch: arch.token(), nr, ..found })
}

fn terminal(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let arch = native.arch;
    let Some(nr) = Syscall::from_name("ioctl").and_then(|c| c.number(arch)) else { return };
    let faking = ["TIOCSTI", "TIOCLINUX"].into_iter().filter_map(|name| {
        let value = constant::value(name, arch)?;
        // Whatever its upper half, the kernel reads the low one; CG0120 looks at that.
        let fixed = Fixed::arg(1, u64::MAX, value);
        Some((name, view.find(arch, nr, &fixed, Action::permits_ref)?))
    });
    let found: Vec<_> = faking.collect();
    let Some((_, witness)) = found.first() else { return };
    let message = format!(
        "ioctl({}) can type into the terminal the program was started from",
        list(found.iter().map(|f| f.0))
    );
    let draft = Draft::new(TERMINAL, message).on(arch).witness(*witness);
    out.push(
        draft
            .note("only where the program keeps a terminal of somebody else's; Linux 6.2 can switch TIOCSTI off")
            .remedy(Remedy::Line("errno(EPERM) ioctl if cmd in {TIOCSTI, TIOCLINUX}".into())),
    );
}

/// D7: files can be read without a new program.
fn read_chain(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let arch = native.arch;
    let open =
        |names: &[&'static str]| names.iter().copied().find(|n| view.named(arch, n) == Some(Access::Open));
    let exec =
        ["execve", "execveat"].iter().any(|n| view.named(arch, n).is_some_and(|a| a != Access::Denied));
    if exec || native.deny_list {
        return;
    }
    let (Some(a), Some(b), Some(c)) = (
        open(&["openat", "open", "openat2"]),
        open(&["read", "pread64", "readv", "mmap", "sendfile"]),
        open(&["write", "writev", "sendto", "sendmsg", "sendfile"]),
    ) else {
        return;
    };
    let Some(witness) = Syscall::from_name(a).and_then(|s| s.number(arch)).map(|nr| View::call(arch, nr))
    else {
        return;
    };
    let message =
        format!("no program can be executed, but any file can be read and passed on: {}", list([a, b, c]));
    out.push(
        Draft::new(READ_CHAIN, message)
            .on(arch)
            .witness(witness)
            .help("Landlock limits which files can be opened"),
    );
}

/// D10: before Linux 4.8 the tracer could change the number after the filter had run.
fn ptrace(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    if view.options.kernel.is_none_or(|k| k >= Kernel::new(4, 8)) {
        return;
    }
    let Some(nr) = Syscall::from_name("ptrace").and_then(|c| c.number(native.arch)) else { return };
    let Some(witness) = view.permitted(native.arch, nr) else { return };
    let message =
        "ptrace is permitted: before Linux 4.8 a tracer could replace a call after the filter had passed it";
    out.push(Draft::new(PTRACE, message).on(native.arch).witness(witness));
}

/// D12: what a list of permitted calls forgets.
fn essentials(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let arch = native.arch;
    let executes =
        ["execve", "execveat"].iter().any(|n| view.named(arch, n).is_some_and(|a| a != Access::Denied));
    let threads = view.named(arch, "futex").is_some_and(|a| a != Access::Denied);
    let mut missing: Vec<(Severity, Need, Syscall, &'static str)> = Vec::new();
    for row in essential::all() {
        let mut here = row.on(arch).filter(|c| view.exists(arch, *c));
        let Some(usual) = here.clone().next() else { continue };
        if here.any(|c| view.of(arch, c) != Some(Access::Denied)) {
            continue;
        }
        // `restart_syscall` is the kernel's own doing, after a stop; few programs meet it.
        let rare = matches!(
            usual.name(),
            "restart_syscall" | "set_robust_list" | "rseq" | "access" | "faccessat" | "getrandom"
        );
        // The last thread of a process that starts no other ends with exit_group.
        let rare = rare || (usual.name() == "exit" && !threads);
        let severity = match row.need {
            Need::Always if !rare => Severity::Warning,
            Need::Exec if executes && !rare => Severity::Warning,
            Need::Exec if !executes => continue,
            Need::Threads if !threads => continue,
            _ => Severity::Note,
        };
        missing.push((severity, row.need, usual, row.reason));
    }
    for severity in [Severity::Warning, Severity::Note] {
        let rows: Vec<_> = missing.iter().filter(|m| m.0 == severity).collect();
        let Some((_, _, call, _)) = rows.first() else { continue };
        let Some(nr) = call.number(arch) else { continue };
        let names: Vec<&str> = rows.iter().map(|r| r.2.name()).collect();
        let message = format!(
            "{} {} denied, without which programs die in odd places",
            list(names.iter().copied()),
            is(names.len())
        );
        let mut draft =
            Draft::new(ESSENTIAL, message).severity(severity).on(arch).witness(View::call(arch, nr));
        for (_, need, call, reason) in &rows {
            draft = draft.note(format!("{} ({}): {reason}", call.name(), who(*need)));
        }
        if severity == Severity::Warning {
            draft = draft.remedy(Remedy::Line(format!("allow {}", names.join(", "))));
        }
        out.push(draft);
    }
}

fn who(need: Need) -> &'static str {
    match need {
        Need::Always => "every program",
        Need::Exec => "programs executed under the filter",
        Need::Libc => "programs with a C library",
        Need::Threads => "programs with threads",
        Need::Trouble => "programs that abort",
    }
}

/// D11: what given releases of a library or language call, and E1: how a refusal is taken.
fn releases(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let arch = native.arch;
    for (component, version) in &view.options.releases {
        for row in breakage::at(component, *version).filter(|b| b.is_on(arch) && view.exists(arch, b.call)) {
            let Some(nr) = row.call.number(arch) else { continue };
            let fixed = match row.constant {
                None => Fixed::default(),
                Some((argument, name)) => {
                    let index = row.call.params(arch).and_then(|p| p.iter().position(|p| p.name == argument));
                    let (Some(index), Some(value)) = (index, constant::value(name, arch)) else { continue };
                    Fixed::arg(index as u8, u64::MAX, value)
                }
            };
            if view.find(arch, nr, &fixed, Action::permits_ref).is_some() {
                continue;
            }
            let Some(witness) = view.find(arch, nr, &fixed, |a| !a.permits()) else { continue };
            let action = *view.filter.eval(&witness);
            let outcome = match action {
                Action::Errno(e) if e == Errno(Errno::ENOSYS.on(arch)) => row.on_enosys,
                Action::Errno(_) => row.on_eperm,
                _ => Some((breakage::Outcome::Fails, "the program is killed or left to somebody else")),
            };
            let constant = row.constant.map_or(String::new(), |c| format!("({})", c.1));
            let message = format!(
                "{component} {version} calls {}{constant}, which gets {}",
                row.call.name(),
                super::abi::action(&action)
            );
            let severity = match outcome {
                Some((breakage::Outcome::Works, _)) => Severity::Note,
                _ => Severity::Warning,
            };
            let mut draft =
                Draft::new(RELEASE, message).severity(severity).on(arch).witness(witness).note(row.what);
            if let Some((_, text)) = outcome {
                draft = draft.note(text);
            }
            out.push(draft);
        }
    }
}
