//! Family B: widths, signs and masks. What of an argument the kernel reads, and what the filter does.

use super::codes::*;
use super::finding::{Draft, Place};
use super::subject::Loaded;
use super::view::{Access, ArchView, Fixed, View, is, list, param, search};
use crate::diagnostic::Severity;
use crate::diagram::Diagram;
use crate::policy::{ArgCmp, Call, Cond, Op, Policy};
use callgate_abi::{Action, Arch, Param, Role, SeccompData, Syscall, Width, Word};

pub(super) fn check(view: &View<'_>, layers: &[Loaded<'_>], out: &mut Vec<Draft>) {
    for native in &view.arches {
        let mut gathered = Gathered::default();
        for (nr, call) in view.calls(native.arch) {
            let at = view.at(native.arch, nr);
            if view.access_at(at) != Access::Partial {
                continue;
            }
            let Some(params) = call.params(native.arch) else { continue };
            let part = view.filter.part(at);
            for (index, param) in params.iter().enumerate().take(6) {
                let one = One { native: *native, nr, call, index: index as u8, param, part: &part };
                if native.arch.register_bits() == 64 {
                    ignored_bits(&one, &mut gathered, out);
                    low_half(&one, out);
                }
                flag_equality(view, &one, out);
                free_bits(&one, &mut gathered);
            }
            if call.name() == "personality" {
                personality(view, *native, nr, out);
            }
        }
        gathered.report(native.arch, out);
        if native.arch == Arch::X86 {
            gate(view, *native, out);
        }
    }
    for (i, layer) in layers.iter().enumerate() {
        if let Some(policy) = layer.policy {
            signed_order(policy, i, out);
        }
    }
}

/// Arguments of which there is little to say one by one.
#[derive(Default)]
struct Gathered {
    wide: Vec<(String, SeccompData)>,
    free: Vec<(String, SeccompData)>,
}

impl Gathered {
    fn report(self, arch: Arch, out: &mut Vec<Draft>) {
        if let Some((_, call)) = self.wide.first() {
            let titles = list(self.wide.iter().map(|w| w.0.as_str()));
            let verb = is(self.wide.len());
            let message = format!(
                "{titles} {verb} compared as 64 bits and the kernel reads 32: stray upper bits deny the call"
            );
            out.push(
                Draft::new(HIGH_BITS_DENY, message)
                    .on(arch)
                    .witness(*call)
                    .help("compare the low 32 bits only"),
            );
        }
        if let Some((_, call)) = self.free.first() {
            let titles = list(self.free.iter().map(|w| w.0.as_str()));
            let message = format!(
                "{titles} may have bits that mean nothing yet: a flag of a later kernel would be permitted"
            );
            out.push(Draft::new(FREE_BITS, message).on(arch).witness(*call));
        }
    }
}

/// One argument of one call.
struct One<'a> {
    native: ArchView,
    nr: u32,
    call: Syscall,
    index: u8,
    param: &'a Param,
    /// The call's part of the filter.
    part: &'a Diagram<Action>,
}

impl One<'_> {
    fn hi(&self) -> Word {
        Word::arg_hi(self.index)
    }

    fn lo(&self) -> Word {
        Word::arg_lo(self.index)
    }

    fn call(&self, found: SeccompData) -> SeccompData {
        SeccompData { arch: self.native.arch.token(), nr: self.nr, ..found }
    }

    fn title(&self) -> String {
        format!("`{}` of {}", self.param.name, self.call.name())
    }

    /// A call that satisfies `wanted`, of its own action and of that with the argument's upper half zero.
    fn compare_with_clean(&self, wanted: impl Fn(bool, bool) -> bool) -> Option<SeccompData> {
        let clean = self.part.restrict(self.hi(), 0);
        let both = clean.zip(self.part, |a, b| (a.permits(), b.permits())).ok()?;
        both.witness(|&(clean, dirty)| wanted(clean, dirty)).map(|found| self.call(found))
    }
}

/// B1 where registers have 32 bits: on x86 a 64-bit program can call by `int $0x80`, and its registers are shown
/// to the filter whole.
fn gate(view: &View<'_>, native: ArchView, out: &mut Vec<Draft>) {
    let here = view.whole.restrict(Word::ARCH, native.arch.token());
    if !(0..6).any(|i| here.depends_on(Word::arg_hi(i))) {
        return;
    }
    for (nr, call) in view.calls(native.arch) {
        let part = here.restrict(Word::NR, nr);
        let Some(params) = call.params(native.arch).filter(|_| part.leaves().len() > 1) else { continue };
        for (index, param) in params.iter().enumerate().take(6) {
            let one = One { native, nr, call, index: index as u8, param, part: &part };
            if !part.depends_on(one.hi()) {
                continue;
            }
            let Some(call) = one.compare_with_clean(|clean, dirty| !clean && dirty) else { continue };
            let value = call.args[index];
            let message = format!(
                "{} is compared as 64 bits under a convention of 32: a 64-bit program passes with {value:#x} by `int $0x80`, which is {:#x} to the kernel",
                one.title(),
                value & 0xffff_ffff,
            );
            let mut clean = call;
            clean.args[index] &= 0xffff_ffff;
            let draft = Draft::new(HIGH_BITS_PASS, message).on(native.arch).witness(call);
            let draft = draft.related(clean, "without the upper bits the call is denied here");
            out.push(draft.help("look at the low half of the argument only"));
        }
    }
}

/// B1 and B3: the kernel cuts the argument to 32 bits, the filter does not.
fn ignored_bits(one: &One<'_>, gathered: &mut Gathered, out: &mut Vec<Draft>) {
    if one.param.width != Width::W32 || !one.part.depends_on(one.hi()) {
        return;
    }
    if let Some(call) = one.compare_with_clean(|clean, dirty| !clean && dirty) {
        let message = format!(
            "{} is compared as 64 bits and the kernel reads 32: {:#x} passes, and is {:#x} to the kernel",
            one.title(),
            call.args[usize::from(one.index)],
            call.args[usize::from(one.index)] & 0xffff_ffff,
        );
        let mut clean = call;
        clean.args[usize::from(one.index)] &= 0xffff_ffff;
        let draft = Draft::new(HIGH_BITS_PASS, message).on(one.native.arch).witness(call);
        let draft = draft.related(clean, "without the upper bits the call is denied here");
        out.push(draft.help(format!(
            "compare the low 32 bits only: `{0}` without `:64`, or a masked comparison with 0xffffffff",
            one.param.name
        )));
        return;
    }
    let Some(call) = one.compare_with_clean(|clean, dirty| clean && !dirty) else { return };
    // A C library passes a negative `int` sign-extended or zero-extended, as it pleases.
    let negative = |hi: u32| {
        let fixed = Fixed::arg(one.index, 0xffff_ffff_8000_0000, u64::from(hi) << 32 | 0x8000_0000);
        search(one.part, one.part.root(), &fixed, |a: &Action| a.permits())
    };
    let (zero, ones) = (negative(0), negative(u32::MAX));
    let ((Some(spelled), None) | (None, Some(spelled)), true) = ((zero, ones), one.param.signed) else {
        gathered.wide.push((one.title(), call));
        return;
    };
    let message = format!(
        "{} is compared as 64 bits: a negative value passes as {:#x} only, and callers extend the sign as they please",
        one.title(),
        spelled.args[usize::from(one.index)],
    );
    let draft =
        Draft::new(HIGH_BITS_DENY, message).severity(Severity::Warning).on(one.native.arch).witness(call);
    out.push(draft.help("compare the low 32 bits only"));
}

/// B2: the kernel reads 64 bits, the filter 32.
fn low_half(one: &One<'_>, out: &mut Vec<Draft>) {
    let counts =
        matches!(one.param.role, Role::Size | Role::Offset | Role::Pointer | Role::Path | Role::Value);
    if one.param.width != Width::W64 || one.native.arch.pointer_bits() != 64 || !counts {
        return;
    }
    if !one.part.depends_on(one.lo()) || one.part.depends_on(one.hi()) {
        return;
    }
    // Masks of low bits (alignment, flags) say nothing about the number; a limit or an equality asks
    // the highest bit too, and keeps arbitrary numbers out.
    let top = one.part.restrict(one.lo(), 0x8000_0000);
    let arbitrary = [0x9d5f_3c71, 0x2ab3_74d6, 0x6e1b_c88f];
    let passes = |lo: u32| {
        search(one.part, one.part.root(), &Fixed::arg(one.index, u64::MAX, lo.into()), |a: &Action| {
            a.permits()
        })
    };
    if top == one.part.restrict(one.lo(), 0) || arbitrary.iter().all(|n| passes(*n).is_some()) {
        return;
    }
    let fixed = Fixed::arg(one.index, u64::from(u32::MAX) << 32, 1 << 32);
    let Some(found) = search(one.part, one.part.root(), &fixed, |a: &Action| a.permits()) else {
        return;
    };
    let call = one.call(found);
    let value = call.args[usize::from(one.index)];
    let message = format!(
        "only the low 32 bits of {} are compared: {value:#x} passes as {:#x}",
        one.title(),
        value & 0xffff_ffff
    );
    let draft = Draft::new(LOW_HALF, message).on(one.native.arch).witness(call);
    out.push(draft.help(format!("compare all 64 bits: `{}:64`", one.param.name)));
}

/// B7: a denied value passes as soon as any flag is added to it.
fn flag_equality(view: &View<'_>, one: &One<'_>, out: &mut Vec<Draft>) {
    let Some(set) = one.param.set.filter(|s| s.is_flags()) else { return };
    // The type of a socket carries flags; other fields below a mask do not mix with what is above.
    let multiplexes = matches!(one.call.name(), "ipc" | "socketcall");
    let carries_flags = !multiplexes && (one.param.role == Role::Flags || one.param.name == "type");
    if !carries_flags || !one.part.depends_on(one.lo()) {
        return;
    }
    let arch = one.native.arch;
    let bits: Vec<u64> =
        set.members(arch).map(|m| m.1).filter(|v| v.is_power_of_two() && *v <= u64::from(u32::MAX)).collect();
    for value in isolated(one) {
        let fixed = Fixed::arg(one.index, u64::MAX, value.into());
        let Some(denied) = view.find(arch, one.nr, &fixed, |a| !a.permits()) else { continue };
        let with = |bit: u64| {
            let mut call = denied;
            call.args[usize::from(one.index)] |= bit;
            call
        };
        let spare: Vec<u64> = bits.iter().copied().filter(|b| u64::from(value) & b == 0).collect();
        let passes = spare.iter().filter(|b| view.filter.eval(&with(**b)).permits()).count();
        if spare.len() < 2 || passes < spare.len() {
            continue;
        }
        // The highest flag changes the call least: the low bits are often a type or a mode.
        let Some(bit) = spare.into_iter().max() else { continue };
        let message = format!(
            "{} is denied when it is exactly {value:#x}: with {} added it passes",
            one.title(),
            set.name_of(bit, arch).map_or_else(|| format!("{bit:#x}"), str::to_string)
        );
        let draft = Draft::new(FLAG_EQUALITY, message).on(arch).witness(with(bit));
        out.push(draft.related(denied, "denied here").help("test the bits that matter under a mask"));
        return;
    }
}

/// Values of the argument's low half that are denied while both neighbours are permitted.
fn isolated(one: &One<'_>) -> Vec<u32> {
    const MOST: usize = 512;
    // With every other argument as in some denied call, the low half is a line of segments.
    let Some(denied) = one.part.witness(|a| !a.permits()) else { return Vec::new() };
    let mut line = one.part.clone();
    for i in 0..Word::COUNT {
        if let Some(word) = Word::from_index(i).filter(|w| *w != one.lo()) {
            line = line.restrict(word, word.of(&denied));
        }
    }
    let Some(segments) = line.segments(line.root(), one.lo(), MOST) else { return Vec::new() };
    let permits = |i: usize| segments.get(i).is_some_and(|s| line.leaf(s.1).permits());
    let alone = |i: &usize| {
        let (start, _) = segments[*i];
        let single = segments.get(i + 1).is_some_and(|next| next.0 == start + 1);
        !permits(*i) && single && (*i == 0 || permits(i - 1)) && permits(i + 1)
    };
    (0..segments.len()).filter(alone).map(|i| segments[i].0).collect()
}

/// B8: a call is permitted by some of a flags argument's bits, and the others are free.
fn free_bits(one: &One<'_>, gathered: &mut Gathered) {
    let Some(set) = one.param.set.filter(|s| s.is_flags()) else { return };
    if !one.part.depends_on(one.lo()) || one.native.deny_list {
        return;
    }
    let free = !(set.members(one.native.arch).fold(0, |all, m| all | m.1) as u32);
    if free == 0 {
        return;
    }
    let fixed = Fixed::arg(one.index, free.into(), free.into());
    let found = search(one.part, one.part.root(), &fixed, |a: &Action| a.permits());
    if let Some(found) = found {
        gathered.free.push((format!("{} ({free:#x})", one.title()), one.call(found)));
    }
}

/// B9: `personality(0xffffffff)` asks and changes nothing.
fn personality(view: &View<'_>, native: ArchView, nr: u32, out: &mut Vec<Draft>) {
    let of = |value: u64, wanted: fn(&Action) -> bool| {
        view.find(native.arch, nr, &Fixed::arg(0, u64::MAX, value), wanted)
    };
    let (Some(_), Some(query)) = (of(0, |a| a.permits()), of(0xffff_ffff, |a| !a.permits())) else { return };
    let message = "personality(0) is permitted, and personality(0xffffffff), which only asks, is not";
    out.push(Draft::new(PERSONALITY, message).on(native.arch).witness(query));
}

/// B4: an order on a signed argument counts negative values as the largest.
fn signed_order(policy: &Policy, layer: usize, out: &mut Vec<Draft>) {
    for (i, rule) in policy.rules.iter().enumerate() {
        let mut found: Option<(Syscall, &'static Param, ArgCmp)> = None;
        comparisons(&rule.when, &mut |cmp| {
            let ordered = matches!(cmp.op, Op::Gt(_) | Op::Ge(_) | Op::Lt(_) | Op::Le(_));
            if !ordered || found.is_some() {
                return;
            }
            for call in &rule.calls {
                let Call::Named(call) = call else { continue };
                let here = |a: &&Arch| rule.arches.is_empty() || rule.arches.contains(a);
                let param = policy.arches.iter().filter(here).find_map(|a| param(*call, *a, cmp.arg.get()));
                if let Some(param) = param.filter(|p| p.signed) {
                    found = Some((*call, param, *cmp));
                    return;
                }
            }
        });
        let Some((call, param, cmp)) = found else { continue };
        let (Op::Gt(value) | Op::Ge(value) | Op::Lt(value) | Op::Le(value)) = cmp.op else { continue };
        let bits = if cmp.width == Width::W32 { 32 } else { 64 };
        let negative = value >> (bits - 1) & 1 == 1;
        let message = format!(
            "`{}` of {} is signed, and comparisons have no sign: -1 counts as {:#x}",
            param.name,
            call.name(),
            u64::MAX >> (64 - bits)
        );
        let severity = if negative { Severity::Warning } else { Severity::Note };
        out.push(Draft::new(SIGNED_ORDER, message).severity(severity).at(Place::Rule(layer, i)));
    }
}

fn comparisons(cond: &Cond, f: &mut dyn FnMut(&ArgCmp)) {
    match cond {
        Cond::True => {}
        Cond::Arg(cmp) => f(cmp),
        Cond::All(all) | Cond::Any(all) => all.iter().for_each(|c| comparisons(c, f)),
        Cond::Not(inner) => comparisons(inner, f),
    }
}
