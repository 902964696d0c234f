//! Family E: actions. What is answered, and who understands it.

use super::codes::*;
use super::finding::{Draft, Place, Remedy};
use super::subject::Loaded;
use super::view::{Access, ArchView, Fixed, View, is, list};
use crate::diagnostic::Severity;
use crate::diagram::Filter;
use callgate_abi::{Action, Arch, Errno, Kernel, SeccompData, Syscall, breakage, twin, variant};

pub(super) fn check(view: &View<'_>, layers: &[Loaded<'_>], out: &mut Vec<Draft>) {
    if view.filter.leaves().iter().all(|a| a.permits()) {
        let call = SeccompData::default();
        let message = match view.filter.leaves() {
            [Action::Log(_)] => "every call is permitted and logged: the filter of a trial",
            _ => "every call is permitted",
        };
        out.push(Draft::new(ALL_PERMITTED, message).witness(call).at(Place::Whole));
    }
    // Whose `on` lines answer has a supervisor, and with it the only listener of its stack.
    let supervised = layers.iter().filter_map(|l| l.parsed).any(|p| !p.on_lines.is_empty());
    for action in view.filter.leaves() {
        if !(supervised && matches!(action, Action::Notify(_))) {
            one(view, *action, out);
        }
    }
    for native in &view.arches {
        unknown_numbers(view, *native, out);
        wants_enosys(view, *native, out);
        vdso(view, *native, out);
    }
    stack(view, layers, out);
}

/// A call with this action: a named one where there is one.
fn example(view: &View<'_>, action: Action) -> (Option<Arch>, SeccompData) {
    for native in &view.arches {
        for (nr, _) in view.calls(native.arch) {
            if let Some(call) = view.find(native.arch, nr, &Fixed::default(), |a| *a == action) {
                return (Some(native.arch), call);
            }
        }
    }
    let call = view.filter.witness(|a| *a == action).unwrap_or_default();
    (Arch::of_call(call.arch, call.nr).filter(|a| view.arches.iter().any(|v| v.arch == *a)), call)
}

fn one(view: &View<'_>, action: Action, out: &mut Vec<Draft>) {
    let draft = match action {
        Action::Errno(Errno(0)) => {
            let message = "errno(0) reports success for a call that is not made";
            Draft::new(ERRNO_ZERO, message)
                .help("callers believe the result; an error number says that nothing happened")
        }
        Action::Errno(errno) if errno > Errno::MAX => {
            let message = format!("error number {} is above 4095: the kernel returns 4095", errno.0);
            Draft::new(ERRNO_LARGE, message)
        }
        Action::Unknown(raw) => {
            let message = format!("the action {raw:#010x} is none the kernel knows: it kills the process");
            Draft::new(UNKNOWN_ACTION, message).note("before Linux 4.14 it killed the thread")
        }
        Action::KillThread(_) => {
            // Under a foreign architecture there is one thread at most that would go on.
            let (arch, _) = example(view, action);
            let threads = arch.is_some_and(|arch| has_threads(view, arch));
            let message = "kill-thread ends one thread and leaves the others waiting for it";
            let draft = Draft::new(KILL_THREAD, message).help("kill the process");
            let draft = draft.remedy(Remedy::Word("kill-thread".into(), "kill".into()));
            if threads { draft } else { draft.severity(Severity::Note) }
        }
        Action::Trace(_) => {
            Draft::new(TRACE, "trace leaves the call to a tracer; without one it fails with ENOSYS")
                .note("the tracer may change the number; before Linux 4.8 the filter did not look again")
        }
        Action::Notify(_) => notify(view),
        Action::Trap(_) => {
            let (arch, _) = example(view, action);
            let denied = |names: [&'static str; 2]| {
                let all = arch.is_some_and(|a| {
                    names.iter().all(|n| view.named(a, n).is_none_or(|x| x == Access::Denied))
                });
                all.then_some(names[0])
            };
            let missing: Vec<&str> = [["rt_sigaction", "sigaction"], ["rt_sigreturn", "sigreturn"]]
                .into_iter()
                .filter_map(denied)
                .collect();
            if missing.is_empty() {
                return;
            }
            let message = format!(
                "trap sends SIGSYS, and {} {} denied: no handler can serve it",
                list(missing.iter().copied()),
                is(missing.len())
            );
            // A handler set up before the filter was loaded still runs, but cannot return.
            let severity = if missing.contains(&"rt_sigreturn") { Severity::Warning } else { Severity::Note };
            Draft::new(TRAP, message).severity(severity)
        }
        Action::Log(_) => {
            let usual = view.arches.iter().any(|a| {
                Syscall::last_number(a.arch)
                    .is_some_and(|last| view.filter.eval(&View::call(a.arch, last + 1)) == &action)
            });
            let draft = Draft::new(LOG, "log makes the call and records it: nothing is refused");
            if usual { draft } else { draft.severity(Severity::Note) }
        }
        Action::Allow(data) if data != 0 => {
            let message = format!("the permission carries the data {data:#x}, which nobody gets");
            Draft::new(ALLOW_DATA, message)
                .note("only SECCOMP_RET_ALLOW without data is cached: each such call runs the filter")
        }
        Action::Allow(_) | Action::Errno(_) | Action::KillProcess(_) => {
            return since(view, action, out);
        }
    };
    let (arch, call) = example(view, action);
    let mut draft = draft.witness(call);
    draft.arches.extend(arch);
    out.push(draft);
    since(view, action, out);
}

/// E10: actions have an age.
fn since(view: &View<'_>, action: Action, out: &mut Vec<Draft>) {
    let (since, instead) = match action {
        Action::KillProcess(_) => (Kernel::new(4, 14), "kills the thread"),
        Action::Log(_) => (Kernel::new(4, 14), "kills the thread"),
        Action::Notify(_) => (Kernel::new(5, 0), "kills the process"),
        _ => return,
    };
    if view.kernel >= since {
        return;
    }
    let (arch, call) = example(view, action);
    let message = format!(
        "{} is an action since Linux {since}; Linux {} {instead}",
        super::abi::action(&action),
        view.kernel
    );
    let mut draft = Draft::new(ACTION_SINCE, message).witness(call);
    draft.arches.extend(arch);
    out.push(draft);
}

fn has_threads(view: &View<'_>, arch: Arch) -> bool {
    const CLONE_THREAD: u64 = 0x0001_0000;
    let Some(nr) = Syscall::from_name("clone").and_then(|c| c.number(arch)) else { return false };
    let index = u8::from(matches!(arch, Arch::S390 | Arch::S390x));
    view.find(arch, nr, &Fixed::arg(index, CLONE_THREAD, CLONE_THREAD), |a| a.permits()).is_some()
        || view.named(arch, "clone3").is_some_and(|a| a != Access::Denied)
}

/// E7.
fn notify(view: &View<'_>) -> Draft {
    // SECCOMP_SET_MODE_FILTER with SECCOMP_FILTER_FLAG_NEW_LISTENER.
    let fixed = Fixed::arg(0, u64::from(u32::MAX), 1).and_arg(1, 8, 8);
    let listener = view.arches.iter().any(|a| {
        let nr = Syscall::from_name("seccomp").and_then(|c| c.number(a.arch));
        nr.is_some_and(|nr| view.find(a.arch, nr, &fixed, |a| a.permits()).is_some())
    });
    let message = if listener {
        "notify leaves the call to a supervisor, and where none listens seccomp may load a listener of the program's own"
    } else {
        "notify leaves the call to a supervisor; without one it fails with ENOSYS"
    };
    let draft = Draft::new(NOTIFY, message)
        .note("what a supervisor reads from the caller's memory can change before the call goes on");
    if listener { draft.severity(Severity::Warning) } else { draft }
}

/// E1: whoever tries a new call falls back after ENOSYS only.
fn unknown_numbers(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let Some(last) = Syscall::last_number(native.arch) else { return };
    let call = View::call(native.arch, last + 1);
    let Action::Errno(errno) = *view.filter.eval(&call) else { return };
    if errno.0 == Errno::ENOSYS.on(native.arch) || errno.0 == 0 {
        return;
    }
    let name = Errno::name_on(errno.0, native.arch).map_or_else(|| errno.0.to_string(), str::to_string);
    let message = format!("calls newer than the filter get {name}: programs fall back after ENOSYS only");
    out.push(
        Draft::new(UNKNOWN_ERRNO, message)
            .on(native.arch)
            .witness(call)
            .at(Place::Setting("default"))
            .help("answer ENOSYS to them: `unknown errno(ENOSYS)`")
            .remedy(Remedy::Setting("unknown", "unknown errno(ENOSYS)".into())),
    );
}

/// E1 again, for calls that are known to be tried first.
fn wants_enosys(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let arch = native.arch;
    let mut found: Vec<(Syscall, Errno, Vec<String>)> = Vec::new();
    for row in
        breakage::all().iter().filter(|b| b.wants_enosys() && b.is_on(arch) && view.exists(arch, b.call))
    {
        if row.constant.is_some() {
            continue;
        }
        let Some(nr) = row.call.number(arch) else { continue };
        let (Access::Denied, Action::Errno(errno)) =
            (view.access(arch, nr), *view.filter.eval(&View::call(arch, nr)))
        else {
            continue;
        };
        if errno.0 == Errno::ENOSYS.on(arch) || errno.0 == 0 || !can_fall_back(view, arch, row.call) {
            continue;
        }
        let text = format!("{} of {} {} on: {}", row.call.name(), row.component, row.since, row.what);
        match found.iter_mut().find(|f| f.0 == row.call) {
            Some(f) => f.2.push(text),
            None => found.push((row.call, errno, vec![text])),
        }
    }
    let Some(&(first, errno, _)) = found.first() else { return };
    let Some(nr) = first.number(arch) else { return };
    let names: Vec<&str> = found.iter().map(|f| f.0.name()).collect();
    let name = Errno::name_on(errno.0, arch).map_or_else(|| errno.0.to_string(), str::to_string);
    let message = format!(
        "{} {} answered {name}, after which callers do not fall back",
        list(names.iter().copied()),
        is(names.len())
    );
    let mut draft = Draft::new(WANTS_ENOSYS, message).on(arch).witness(View::call(arch, nr));
    for (_, _, texts) in &found {
        draft.notes.extend(texts.iter().take(2).cloned());
    }
    let line = format!("errno(ENOSYS) {}", names.join(", "));
    out.push(draft.help(format!("answer ENOSYS: `{line}`")).remedy(Remedy::Line(line)));
}

/// Whether a relative of the call is permitted, so that there is something to fall back to.
fn can_fall_back(view: &View<'_>, arch: Arch, call: Syscall) -> bool {
    let open = |other: Syscall| other != call && view.of(arch, other).is_some_and(|a| a != Access::Denied);
    twin::of(call).flat_map(|f| f.members()).any(open)
        || variant::of(call).any(|v| open(v.older) || open(v.newer))
}

/// G6: the C library asks the vDSO, and no filter hears of it.
fn vdso(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let denied: Vec<&str> = ["clock_gettime", "gettimeofday", "time", "getcpu"]
        .into_iter()
        .filter(|name| {
            native.deny_list
                && Syscall::from_name(name).is_some_and(|c| view.of(native.arch, c) == Some(Access::Denied))
        })
        .collect();
    let Some(nr) = denied.first().and_then(|n| Syscall::from_name(n)).and_then(|c| c.number(native.arch))
    else {
        return;
    };
    let message = format!(
        "{} {} denied, and the vDSO answers without a call",
        list(denied.iter().copied()),
        is(denied.len())
    );
    out.push(Draft::new(VDSO, message).on(native.arch).witness(View::call(native.arch, nr)));
}

/// E13: what stacking hides.
fn stack(view: &View<'_>, layers: &[Loaded<'_>], out: &mut Vec<Draft>) {
    let filters: Vec<&Filter> = layers.iter().filter_map(|l| l.filter.as_ref().ok()).collect();
    if filters.len() < 2 || filters.len() != layers.len() {
        return;
    }
    for (i, older) in filters.iter().enumerate() {
        let others = filters.iter().enumerate().filter(|o| o.0 != i).map(|o| o.1);
        let mut rest: Option<Filter> = None;
        for other in others {
            rest = match rest {
                None => Some((*other).clone()),
                Some(all) => all.stack(other).ok(),
            };
        }
        if rest.and_then(|r| r.on_real_calls().ok()).is_some_and(|r| r == view.filter) {
            let message = format!(
                "filter {} of {} changes nothing: the others refuse all it refuses",
                i + 1,
                filters.len()
            );
            out.push(Draft::new(IDLE_LAYER, message).at(Place::Whole));
        }
        for (j, newer) in filters.iter().enumerate().skip(i + 1) {
            let Ok(both) = older.zip(newer, |a, b| (*a, *b)) else { continue };
            let hides = |pair: &(Action, Action)| {
                pair.0 != pair.1 && pair.0.precedence() == pair.1.precedence() && !pair.0.permits()
            };
            let Some(call) = both.witness(hides) else { continue };
            let (a, b) = *both.eval(&call);
            let message = format!(
                "filter {} answers {} where filter {} answers {}: the newer one's data counts",
                i + 1,
                super::abi::action(&a),
                j + 1,
                super::abi::action(&b)
            );
            out.push(Draft::new(HIDDEN_DATA, message).witness(call).at(Place::Whole));
        }
    }
}
