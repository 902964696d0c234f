//! Family A: conventions. Which numbers mean which calls, and who checks.

use super::codes::*;
use super::finding::{Draft, Place, Remedy};
use super::subject::Loaded;
use super::view::{Access, ArchView, Fixed, View, is, list, param, worst_first};
use crate::diagnostic::Severity;
use crate::policy::{Call, Cond, Policy};
use callgate_abi::{Action, Arch, Syscall, Word};

pub(super) fn check(view: &View<'_>, layers: &[Loaded<'_>], out: &mut Vec<Draft>) {
    if view.filter.depends_on(Word::ARCH) {
        view.arches.iter().for_each(|a| foreign(view, *a, out));
        same_numbers(view, out);
        foreign_numbers(view, out);
    } else {
        view.arches.iter().for_each(|a| no_arch_check(view, *a, out));
    }
    view.arches.iter().filter(|a| a.arch == Arch::X86_64).for_each(|a| {
        x32(view, *a, out);
        minus_one(view, out);
    });
    compat(view, out);
    wrong_arch(view, out);
    for (i, layer) in layers.iter().enumerate() {
        byte_order(view, layer, out);
        if let Some(policy) = layer.policy {
            moving_arguments(policy, i, out);
        }
    }
    view.arches.iter().for_each(|a| absent_arguments(view, *a, out));
}

/// Calls that are refused natively and permitted to the same process under another convention.
fn open_elsewhere(view: &View<'_>, native: ArchView, other: Arch) -> Vec<Syscall> {
    let calls = view.calls(other).filter(|&(nr, call)| {
        view.exists(other, call)
            && view.access(other, nr) == Access::Open
            && view.of(native.arch, call).is_some_and(|a| a == Access::Denied)
    });
    worst_first(calls.map(|c| c.1).collect())
}

/// The other conventions of the same machine, one for each audit token.
fn others(native: ArchView) -> impl Iterator<Item = Arch> {
    let siblings = native.arch.siblings();
    let first = move |(i, a): &(usize, &Arch)| siblings[..*i].iter().all(|b| b.token() != a.token());
    siblings.iter().enumerate().filter(first).map(|s| *s.1).filter(move |a| a.token() != native.arch.token())
}

fn no_arch_check(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    for other in others(native) {
        let open = open_elsewhere(view, native, other);
        let Some((call, nr)) = open.first().and_then(|c| Some((*c, c.number(other)?))) else { continue };
        let message = format!(
            "the architecture is not checked: {} {} denied by {} numbers, and permitted to {} calls",
            list(open.iter().map(|c| c.name())),
            is(open.len()),
            native.arch.name(),
            other.name()
        );
        let mut draft = Draft::new(NO_ARCH_CHECK, message).on(native.arch).at(Place::Whole);
        draft = draft.witness(View::call(other, nr)).help(format!(
            "load `arch` first and refuse every token but {:#010x}; `{}` has another number under each convention",
            native.arch.token(),
            call.name()
        ));
        out.push(draft);
    }
}

fn foreign(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let known = |arch: Arch| view.arches.iter().any(|a| a.arch.token() == arch.token());
    for other in others(native) {
        let treated_apart = view.apart.iter().any(|a| a.token() == other.token());
        if known(other) || treated_apart {
            continue;
        }
        let open = open_elsewhere(view, native, other);
        let Some(nr) = open.first().and_then(|c| c.number(other)) else { continue };
        let message = format!(
            "{} {} denied on {}, and open to {} calls: unknown architectures are let through",
            list(open.iter().map(|c| c.name())),
            is(open.len()),
            native.arch.name(),
            other.name()
        );
        let draft = Draft::new(FOREIGN, message)
            .on(native.arch)
            .witness(View::call(other, nr))
            .at(Place::Setting("foreign"))
            .note(format!("a {} process can make {} calls at any time", native.arch.name(), other.name()))
            .help(format!(
                "refuse what is not {}, or load a filter for {} as well",
                native.arch.name(),
                other.name()
            ))
            .remedy(Remedy::Setting("foreign", "foreign kill".into()));
        out.push(draft);
    }
}

/// Two conventions with one treatment of numbers that mean different calls.
fn same_numbers(view: &View<'_>, out: &mut Vec<Draft>) {
    for (i, a) in view.arches.iter().enumerate() {
        for b in &view.arches[i + 1..] {
            if a.arch.token() == b.arch.token()
                || view.filter.at_token(a.arch.token()) != view.filter.at_token(b.arch.token())
            {
                continue;
            }
            // The names must differ for a number that is treated otherwise than its neighbours.
            let differs = view.calls(a.arch).find(|&(nr, call)| {
                let other = Syscall::from_number(b.arch, nr);
                other.is_some_and(|o| o != call)
                    && view.access(a.arch, nr) != Access::Open
                    && view.of(b.arch, call).is_some_and(|access| access == Access::Open)
            });
            let differs = differs.or_else(|| {
                view.calls(a.arch).find(|&(nr, call)| {
                    view.access(a.arch, nr) == Access::Open
                        && Syscall::from_number(b.arch, nr).is_some_and(|o| o != call)
                        && view.of(b.arch, call).is_some_and(|access| access == Access::Denied)
                })
            });
            let Some((nr, call)) = differs else { continue };
            let other = Syscall::from_number(b.arch, nr).map_or("nothing", Syscall::name);
            let message = format!(
                "{} and {} are tested for the same numbers: {nr} is {} on one and {other} on the other",
                a.arch.name(),
                b.arch.name(),
                call.name()
            );
            let witness = call.number(b.arch).map(|nr| View::call(b.arch, nr));
            let mut draft = Draft::new(OTHER_NUMBERS, message).on(a.arch).on(b.arch).at(Place::Whole);
            draft.witness = witness;
            out.push(draft.help("test the numbers of each architecture after its own check of `arch`"));
        }
    }
}

/// Numbers tested where nobody knows what they mean.
fn foreign_numbers(view: &View<'_>, out: &mut Vec<Draft>) {
    let Some(token) = view.foreign else { return };
    let at = view.filter.at_token(token);
    let part = view.filter.part(at);
    if !part.depends_on(Word::NR) {
        return;
    }
    let Some(call) = part.witness(|a| !a.permits()).or_else(|| part.witness(|a| a.permits())) else { return };
    let witness = callgate_abi::SeccompData { arch: token, ..call };
    let message =
        "call numbers are tested for architectures that are not known, where any number may be any call";
    // Only conventions of the same machine can ever be met.
    let met = view.arches.iter().any(|a| {
        let met = |other: Arch| view.apart.iter().all(|b| b.token() != other.token());
        others(*a).any(met)
    });
    let permits = part.leaves().iter().any(|a| a.permits());
    let severity = if permits && met { Severity::Warning } else { Severity::Note };
    out.push(
        Draft::new(OTHER_NUMBERS, message).severity(severity).witness(witness).at(Place::Setting("foreign")),
    );
}

fn x32(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let hole = |(nr, call): &(u32, Syscall)| {
        view.access(Arch::X32, *nr) == Access::Open
            && call.number(Arch::X86_64).is_some_and(|native_nr| view.is_restricted(native, native_nr))
    };
    let open: Vec<Syscall> = worst_first(view.calls(Arch::X32).filter(hole).map(|c| c.1).collect());
    let Some((call, nr)) = open.first().and_then(|c| Some((*c, c.number(Arch::X32)?))) else { return };
    let message = format!(
        "{} {} denied, and open as {} with bit 30 set: there is no guard against x32 numbers",
        list(open.iter().map(|c| c.name())),
        is(open.len()),
        if open.len() == 1 { "a number" } else { "numbers" }
    );
    let mut draft = Draft::new(X32, message).on(Arch::X86_64).witness(View::call(Arch::X32, nr));
    if let Some(refused) = call.number(Arch::X86_64).and_then(|nr| view.refused(Arch::X86_64, nr)) {
        draft = draft.related(refused, format!("{} is denied here", call.name()));
    }
    out.push(
        draft
            .at(Place::Setting("x32"))
            .note("x32 calls have x86_64's audit token; kernels built without x32 answer ENOSYS to them")
            .help("refuse every number from 0x40000000 on, with ENOSYS as a kernel without x32 does")
            .remedy(Remedy::Setting("x32", "x32 errno(ENOSYS)".into())),
    );
}

fn minus_one(view: &View<'_>, out: &mut Vec<Draft>) {
    let last = view.access(Arch::X86_64, u32::MAX);
    if last == Access::Denied || view.access(Arch::X86_64, u32::MAX - 1) != Access::Denied {
        return;
    }
    let message = "x32 numbers are refused, but 0xffffffff is let through";
    let note = "the kernel answers ENOSYS to it; a tracer uses it to skip a call";
    let draft = Draft::new(X32_MINUS_ONE, message).on(Arch::X86_64).note(note);
    out.push(draft.witness(View::call(Arch::X86_64, u32::MAX)).at(Place::Setting("x32")));
}

/// Calls denied on purpose under one convention and open under a sibling that the filter knows.
fn compat(view: &View<'_>, out: &mut Vec<Draft>) {
    for native in view.arches.iter().filter(|a| a.arch.register_bits() == 64) {
        for other in &view.arches {
            let sibling = native.arch.siblings().contains(&other.arch);
            if !sibling || other.arch.token() == native.arch.token() {
                continue;
            }
            let same = view.filter.at_token(native.arch.token()) == view.filter.at_token(other.arch.token());
            if same {
                continue;
            }
            let weaker = view.calls(other.arch).filter(|&(nr, call)| {
                view.exists(other.arch, call)
                    && view.access(other.arch, nr) == Access::Open
                    && view.of(native.arch, call) == Some(Access::Denied)
            });
            let open = worst_first(weaker.map(|c| c.1).collect());
            let Some((call, nr)) = open.first().and_then(|c| Some((*c, c.number(other.arch)?))) else {
                continue;
            };
            let message = format!(
                "{} {} denied on {} and open on {}",
                list(open.iter().map(|c| c.name())),
                is(open.len()),
                native.arch.name(),
                other.arch.name()
            );
            let severity = if native.deny_list { Severity::Warning } else { Severity::Note };
            let mut draft = Draft::new(COMPAT, message).severity(severity).on(other.arch);
            if let Some(refused) = call.number(native.arch).and_then(|nr| view.refused(native.arch, nr)) {
                draft = draft
                    .related(refused, format!("{} is denied on {} here", call.name(), native.arch.name()));
            }
            let note =
                format!("a {} process can make {} calls at any time", native.arch.name(), other.arch.name());
            out.push(draft.witness(View::call(other.arch, nr)).note(note));
        }
    }
}

/// An architecture that was asked for and on which nothing runs.
fn wrong_arch(view: &View<'_>, out: &mut Vec<Draft>) {
    for &arch in &view.options.arches {
        let any = view
            .calls(arch)
            .any(|(nr, _)| view.find(arch, nr, &Fixed::default(), |a| !is_refusal(a)).is_some());
        let Some((nr, _)) = view.calls(arch).next() else { continue };
        if any {
            continue;
        }
        let at = View::call(arch, nr);
        let treated: Vec<&str> = view.apart.iter().map(|a| a.name()).collect();
        let mut draft = Draft::new(
            WRONG_ARCH,
            format!(
                "no call at all is permitted on {}: each gets {}",
                arch.name(),
                action(view.filter.eval(&at))
            ),
        );
        if !treated.is_empty() {
            draft = draft.note(format!("the filter knows {}", list(treated)));
        }
        out.push(draft.on(arch).witness(at).at(Place::Setting("arch")));
    }
}

/// Whether a call is refused for good, without anybody being asked.
fn is_refusal(action: &Action) -> bool {
    !action.permits() && !matches!(action, Action::Notify(_) | Action::Trace(_))
}

pub(super) fn action(action: &Action) -> String {
    crate::syntax::action_text(*action)
}

fn byte_order(view: &View<'_>, layer: &Loaded<'_>, out: &mut Vec<Draft>) {
    let (Some(endian), Ok(filter)) = (layer.endian(), &layer.filter) else { return };
    let asks_arguments =
        (0..6).any(|i| filter.depends_on(Word::arg_hi(i)) || filter.depends_on(Word::arg_lo(i)));
    if !asks_arguments || !filter.depends_on(Word::ARCH) {
        return;
    }
    for arch in filter.arches() {
        if arch.endian() == endian || !view.arches.iter().any(|a| a.arch == arch) {
            continue;
        }
        let message = format!(
            "arguments are read in {} byte order, and {} has the other: the halves of each are swapped",
            if endian == callgate_abi::Endian::Little { "little-endian" } else { "big-endian" },
            arch.name()
        );
        out.push(Draft::new(BYTE_ORDER, message).on(arch).at(Place::Whole));
    }
}

/// Comparisons by position where the position means another argument elsewhere.
fn moving_arguments(policy: &Policy, layer: usize, out: &mut Vec<Draft>) {
    for (i, rule) in policy.rules.iter().enumerate() {
        let mut indices = Vec::new();
        positions(&rule.when, &mut indices);
        let arches: Vec<Arch> = policy
            .arches
            .iter()
            .copied()
            .filter(|a| rule.arches.is_empty() || rule.arches.contains(a))
            .collect();
        for call in &rule.calls {
            let Call::Named(call) = call else { continue };
            for &index in &indices {
                let here = |arch: &Arch| {
                    call.number(*arch).and(call.params(*arch)).map(|_| (*arch, param(*call, *arch, index)))
                };
                let mut names = arches.iter().filter_map(here);
                let Some((first, Some(param))) = names.next() else { continue };
                let other =
                    names.find(|(_, other)| other.is_some_and(|o| !same_argument(o.name, param.name)));
                let Some((arch, Some(other))) = other else { continue };
                let message = format!(
                    "argument {index} of {} is `{}` on {} and `{}` on {}",
                    call.name(),
                    param.name,
                    first.name(),
                    other.name,
                    arch.name()
                );
                let draft = Draft::new(ARGUMENT_MOVES, message).at(Place::Rule(layer, i));
                out.push(draft.help("write a rule for each architecture"));
            }
        }
    }
}

/// Whether two names are spellings of one argument: `clone_flags` and `flags`, `offset` and `off`.
fn same_argument(a: &str, b: &str) -> bool {
    let plain = |name: &str| name.trim_start_matches("__").trim_start_matches("u_").to_string();
    let (a, b) = (plain(a), plain(b));
    a == b || a.ends_with(&format!("_{b}")) || b.ends_with(&format!("_{a}"))
}

fn positions(cond: &Cond, out: &mut Vec<u8>) {
    match cond {
        Cond::True => {}
        Cond::Arg(cmp) => {
            if cmp.arg.get() < 6 && !out.contains(&cmp.arg.get()) {
                out.push(cmp.arg.get());
            }
        }
        Cond::All(all) | Cond::Any(all) => all.iter().for_each(|c| positions(c, out)),
        Cond::Not(inner) => positions(inner, out),
    }
}

/// Registers that the call does not read decide.
fn absent_arguments(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let mut found: Vec<(String, Syscall, u32)> = Vec::new();
    for (nr, call) in view.calls(native.arch) {
        let at = view.at(native.arch, nr);
        if view.access_at(at) != Access::Partial {
            continue;
        }
        let Some(params) = call.params(native.arch) else { continue };
        let asked = |i: &u8| view.asks(at, Word::arg_lo(*i)) || view.asks(at, Word::arg_hi(*i));
        if let Some(index) = (params.len() as u8..6).find(asked) {
            found.push((format!("argument {index} of {}", call.name()), call, nr));
        }
    }
    let Some((_, call, nr)) = found.first() else { return };
    let takes = match call.params(native.arch).map_or(0, <[_]>::len) {
        _ if found.len() > 1 => "these calls do not take them".to_string(),
        0 => "the call takes none".to_string(),
        n => format!("the call takes {n}"),
    };
    let verb = if found.len() == 1 { "decides" } else { "decide" };
    let message = format!("{} {verb}, and {takes}", list(found.iter().map(|f| f.0.as_str())));
    let mut draft = Draft::new(NO_ARGUMENT, message).on(native.arch);
    draft.witness = view.permitted(native.arch, *nr);
    out.push(draft.note("whatever the caller left in the register is what is compared"));
}
