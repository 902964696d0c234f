//! Family F, for programs: instructions that do nothing, or something unusual.

use super::codes::*;
use super::finding::{Draft, Place};
use super::flow;
use super::subject::{Loaded, Unclear};
use super::view::{Access, View, is, list};
use crate::diagnostic::Severity;
use crate::program::{Final, Program, is_conditional};
use callgate_abi::insn::op;
use callgate_abi::{SeccompData, Syscall};

/// What keeps a layer from being understood.
pub(super) fn unclear(layers: &[Loaded<'_>], out: &mut Vec<Draft>) {
    for (i, layer) in layers.iter().enumerate() {
        let Err(why) = &layer.filter else { continue };
        let which = if layers.len() > 1 { format!("filter {}: ", i + 1) } else { String::new() };
        out.push(match why {
            Unclear::Refused(e) => {
                Draft::new(REFUSED, format!("{which}the kernel would refuse the program: {e}"))
            }
            Unclear::Lift(e) => Draft::new(
                UNKNOWN_MEANING,
                format!("{which}what the program means could not be determined: {e}"),
            )
            .note("nothing is known about it, and nothing is claimed"),
            Unclear::Lower(e) => Draft::new(
                UNKNOWN_MEANING,
                format!("{which}what the policy means could not be determined: {e}"),
            )
            .note("nothing is known about it, and nothing is claimed"),
        });
    }
}

/// The kernel limits what one process may have loaded: each program counts with four instructions more,
/// and as it is translated, which makes it no shorter (`kernel/seccomp.c`, `MAX_INSNS_PER_PATH`).
fn too_many(layers: &[Loaded<'_>], out: &mut Vec<Draft>) {
    const MOST: usize = 32768;
    let total: usize = layers.iter().filter_map(|l| l.program.as_ref()).map(|p| p.len() + 4).sum();
    if total > MOST {
        let message = format!("the stack counts as {total} instructions, and a process may have {MOST}");
        out.push(
            Draft::new(REFUSED, message)
                .at(Place::Whole)
                .note("the last filters would not be loaded (ENOMEM)"),
        );
    }
}

pub(super) fn check(view: Option<&View<'_>>, layers: &[Loaded<'_>], out: &mut Vec<Draft>) {
    too_many(layers, out);
    let several = layers.len() > 1;
    for (i, layer) in layers.iter().enumerate() {
        let Some(program) = &layer.program else { continue };
        let which = if several { format!("filter {}: ", i + 1) } else { String::new() };
        reachability(program, &which, out);
        arithmetic(program, layer, &which, out);
        if let (Some(view), false) = (view, several) {
            uncached(view, program, out);
            deep(view, program, out);
        }
    }
}

/// F1 and F2.
fn reachability(program: &Program, which: &str, out: &mut Vec<Draft>) {
    let Ok(seen) = flow::seen(program) else {
        let message =
            format!("{which}which instructions are reached could not be determined within the budget");
        out.push(Draft::new(UNREACHABLE, message).at(Place::Whole));
        return;
    };
    let unreached: Vec<usize> = (0..seen.len()).filter(|i| !seen[*i].reached).collect();
    if !unreached.is_empty() {
        let message = format!(
            "{which}no call reaches {} of {} instructions: {}",
            unreached.len(),
            program.len(),
            numbers(&unreached)
        );
        out.push(Draft::new(UNREACHABLE, message).at(Place::Whole));
    }
    let constant: Vec<usize> = (0..seen.len())
        .filter(|&i| {
            let insn = program.insns()[i];
            is_conditional(insn.code)
                && insn.jt != insn.jf
                && seen[i].reached
                && seen[i].taken != seen[i].passed
        })
        .collect();
    if !constant.is_empty() {
        let message = format!("{which}{} jumps always go one way: {}", constant.len(), numbers(&constant));
        out.push(Draft::new(CONSTANT_BRANCH, message).at(Place::Whole));
    }
}

/// Instruction numbers as ranges, the first few.
fn numbers(list: &[usize]) -> String {
    const SHOWN: usize = 8;
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &n in list {
        match ranges.last_mut() {
            Some(last) if last.1 + 1 == n => last.1 = n,
            _ => ranges.push((n, n)),
        }
    }
    let text = |r: &(usize, usize)| if r.0 == r.1 { r.0.to_string() } else { format!("{}–{}", r.0, r.1) };
    let mut shown: Vec<String> = ranges.iter().take(SHOWN).map(text).collect();
    if ranges.len() > SHOWN {
        shown.push("…".into());
    }
    shown.join(", ")
}

/// F8.
fn arithmetic(program: &Program, layer: &Loaded<'_>, which: &str, out: &mut Vec<Draft>) {
    let at = |codes: &[u16]| -> Vec<usize> {
        program
            .insns()
            .iter()
            .enumerate()
            .filter(|(_, i)| codes.contains(&i.code))
            .map(|(at, _)| at)
            .collect()
    };
    let divisions = at(&[op::DIV_X]);
    if !divisions.is_empty() {
        let zero = layer.filter.as_ref().ok().and_then(|filter| divides_by_zero(program, filter));
        let message = format!(
            "{which}a division by a register (instruction {}) kills when it holds zero",
            numbers(&divisions)
        );
        let mut draft = Draft::new(DIVISION, message).at(Place::Whole);
        match zero {
            Some(call) => draft.witness = Some(call),
            None => draft = draft.severity(Severity::Note),
        }
        out.push(draft);
    }
    let shifts = at(&[op::LSH_X, op::RSH_X]);
    if !shifts.is_empty() {
        let message =
            format!("{which}a shift by a register (instruction {}) uses its low five bits", numbers(&shifts));
        out.push(Draft::new(SHIFT, message).at(Place::Whole));
    }
    let returns = at(&[op::RET_A]);
    if !returns.is_empty() {
        let message = format!("{which}a computed value is returned (instruction {})", numbers(&returns));
        let draft = Draft::new(RETURN_A, message).at(Place::Whole);
        out.push(draft.note("the kernel caches no call on such a path"));
    }
}

/// A call that ends in a division by zero, among those that the filter tells apart.
fn divides_by_zero(program: &Program, filter: &crate::diagram::Filter) -> Option<SeccompData> {
    let samples = filter.leaves().iter().filter_map(|leaf| filter.witness(|l| l == leaf));
    samples.chain([SeccompData::default()]).find(|call| program.run(call).end == Final::DividedByZero)
}

/// F9.
fn uncached(view: &View<'_>, program: &Program, out: &mut Vec<Draft>) {
    for native in &view.arches {
        let open = view.calls(native.arch).filter(|&(nr, call)| {
            view.exists(native.arch, call) && view.access(native.arch, nr) == Access::Open
        });
        let (mut cached, mut missed): (usize, Vec<(u32, Syscall)>) = (0, Vec::new());
        for (nr, call) in open {
            if program.always_allows(native.arch.token(), nr) {
                cached += 1;
            } else {
                missed.push((nr, call));
            }
        }
        let Some((nr, _)) = missed.first() else { continue };
        let message = format!(
            "{} of {} permitted calls cannot be cached, {} among them",
            missed.len(),
            missed.len() + cached,
            list(missed.iter().map(|m| m.1.name()))
        );
        out.push(
            Draft::new(UNCACHED, message)
                .on(native.arch)
                .at(Place::Whole)
                .witness(View::call(native.arch, *nr))
                .note("the kernel follows tests of nr and arch against constants only, up to a plain ALLOW"),
        );
    }
}

/// F10.
fn deep(view: &View<'_>, program: &Program, out: &mut Vec<Draft>) {
    /// Instructions; below this the filter costs less than the call's own entry.
    const MANY: u32 = 120;
    const FREQUENT: [&str; 10] =
        ["read", "write", "futex", "epoll_wait", "recvfrom", "sendto", "openat", "mmap", "poll", "ioctl"];
    for native in &view.arches {
        let mut slow: Vec<(&str, u32, SeccompData)> = Vec::new();
        for name in FREQUENT {
            let Some(nr) = Syscall::from_name(name).and_then(|c| c.number(native.arch)) else { continue };
            let Some(call) = view.permitted(native.arch, nr) else { continue };
            let steps = program.run(&call).steps;
            if steps > MANY && !program.always_allows(native.arch.token(), nr) {
                slow.push((name, steps, call));
            }
        }
        let Some(worst) = slow.iter().max_by_key(|s| s.1) else { continue };
        let message = format!(
            "{} {} frequent and {} up to {} instructions each time",
            list(slow.iter().map(|s| s.0)),
            is(slow.len()),
            if slow.len() == 1 { "runs" } else { "run" },
            worst.1
        );
        out.push(Draft::new(DEEP, message).on(native.arch).at(Place::Whole).witness(worst.2));
    }
}
