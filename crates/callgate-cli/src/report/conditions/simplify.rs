//! Fewer words for the same condition.

use callgate::abi::constant::Kind;
use callgate::{Arch, ArgCmp, ArgIndex, Cond, Op, Syscall, Width};

/// The same condition in fewer words: tests of one argument become one set of values or one mask.
pub(super) fn simplify(condition: &Cond, call: Option<(Syscall, Arch)>) -> Cond {
    Simplify { call }.cond(condition)
}

/// Ranges of values from first to last, ascending, with gaps in between.
type Ranges = Vec<(u64, u64)>;

/// What is left of 64 bits when the values of unsigned and of signed 32-bit numbers are taken out.
const NO_INT: (u64, u64) = (0x1_0000_0000, 0xffff_ffff_7fff_ffff);

/// An argument and how much of it is looked at.
type Operand = (ArgIndex, Width);

struct Simplify {
    call: Option<(Syscall, Arch)>,
}

impl Simplify {
    fn cond(&self, condition: &Cond) -> Cond {
        if let Some((operand, ranges)) = ranges(condition) {
            return self.member(operand, ranges);
        }
        match condition {
            Cond::True | Cond::Arg(_) => condition.clone(),
            Cond::Not(inner) => Cond::Not(Box::new(self.cond(inner))),
            Cond::All(all) => self.all(all),
            Cond::Any(any) => self.any(any),
        }
    }

    fn all(&self, all: &[Cond]) -> Cond {
        let mut flat = Vec::new();
        for condition in all {
            match condition {
                Cond::All(inner) => flat.extend(inner.iter()),
                other => flat.push(other),
            }
        }
        // Ranges of one operand meet, masks of one argument join; the rest stays in its place.
        let mut sets: Vec<(Operand, Ranges)> = Vec::new();
        let mut masks: Vec<Mask> = Vec::new();
        let mut others = Vec::new();
        for condition in flat {
            if let Some(mask) = Mask::of(condition) {
                match masks.iter().position(|m| m.joined(&mask).is_some()) {
                    Some(at) => masks[at] = masks[at].joined(&mask).unwrap_or(mask),
                    None => masks.push(mask),
                }
            } else if let Some((operand, ranges)) = ranges(condition) {
                match sets.iter_mut().find(|s| s.0 == operand) {
                    Some(set) => set.1 = intersection(&set.1, &ranges),
                    None => sets.push((operand, ranges)),
                }
            } else {
                others.push(self.cond(condition));
            }
        }
        // A low half with these values, and an upper half that is fixed, is a whole with these values.
        masks.retain(|mask| {
            let high = mask.width != Width::W32 && mask.mask == u64::MAX << 32;
            let low = sets.iter_mut().find(|s| s.0 == (mask.arg, Width::W32)).filter(|_| high);
            let Some((operand, ranges)) = low else { return true };
            operand.1 = mask.width;
            for range in ranges {
                *range = (range.0 | mask.value, range.1 | mask.value);
            }
            false
        });
        let mut parts: Vec<(u8, Cond)> = Vec::new();
        parts.extend(
            sets.into_iter().map(|(operand, ranges)| (operand.0.get(), self.member(operand, ranges))),
        );
        parts.extend(masks.into_iter().map(|mask| (mask.arg.get(), mask.cond())));
        parts.sort_by_key(|p| p.0);
        one(Cond::All, parts.into_iter().map(|p| p.1).chain(others).collect())
    }

    fn any(&self, any: &[Cond]) -> Cond {
        let mut flat = Vec::new();
        for condition in any {
            match condition {
                Cond::Any(inner) => flat.extend(inner.iter().cloned()),
                other => flat.push(other.clone()),
            }
        }
        // Alternatives that differ in one argument's values only are one.
        let mut sets: Vec<(Operand, Ranges, Vec<Cond>)> = Vec::new();
        let mut others = Vec::new();
        for alternative in flat {
            let Some((operand, ranges, rest)) = first(&alternative) else {
                others.push(self.cond(&alternative));
                continue;
            };
            match sets.iter_mut().find(|s| s.0 == operand && s.2 == rest) {
                Some(set) => set.1 = union(&set.1, &ranges),
                None => sets.push((operand, ranges, rest)),
            }
        }
        let mut parts = Vec::new();
        for (operand, ranges, rest) in sets {
            let whole = ranges == [(0, top(operand.1))];
            let head = (!whole || rest.is_empty()).then(|| self.member(operand, ranges));
            let all: Vec<Cond> = head.into_iter().chain(rest).collect();
            parts.push(if all.len() == 1 { self.cond(&all[0]) } else { self.all(&all) });
        }
        parts.extend(others);
        one(Cond::Any, parts)
    }

    /// A test whether the operand is among these values, by what is shorter: those or the others.
    fn member(&self, operand: Operand, ranges: Ranges) -> Cond {
        let all = top(operand.1);
        let others = complement(&ranges, all);
        let with = |op| Cond::Arg(ArgCmp { arg: operand.0, width: operand.1, op });
        match (&ranges[..], &others[..]) {
            ([], _) => return Cond::Any(Vec::new()),
            (_, []) => return Cond::True,
            ([(value, last)], _) if value == last => return with(Op::Eq(*value)),
            (_, [(value, last)]) if value == last => return with(Op::Ne(*value)),
            _ => {}
        }
        if let ([(0, last)], Some(set)) = (&ranges[..], self.set(operand.0))
            && set.is_flags()
            && (*last + 1).is_power_of_two()
            && *last > 7
        {
            return with(Op::MaskedEq { mask: all & !last, value: 0 });
        }
        let (members, rest) = (self.members(operand, &ranges), self.members(operand, &others));
        match (&ranges[..], &others[..]) {
            ([(0, last)], _) if members.len() == 1 => return with(Op::Le(*last)),
            ([(first, last)], _) if members.len() == 1 && *last == all => return with(Op::Ge(*first)),
            _ => {}
        }
        let range = |(low, high)| Cond::Any(vec![Cond::All(vec![with(Op::Ge(low)), with(Op::Le(high))])]);
        match (&ranges[..], &others[..]) {
            ([only], _) if *only == NO_INT => return range(NO_INT),
            (_, [only]) if *only == NO_INT => return Cond::Not(Box::new(range(NO_INT))),
            _ => {}
        }
        const LISTED: usize = 16;
        let size = |ranges: &Ranges| ranges.iter().map(|r| u128::from(r.1 - r.0) + 1).sum::<u128>();
        let (few, less) = (rest.len() < members.len(), size(&others) < size(&ranges));
        if rest.len() <= LISTED && less || few && members.len() > LISTED {
            Cond::Not(Box::new(Cond::Any(rest)))
        } else {
            Cond::Any(members)
        }
    }

    /// The values of ranges, one by one where they have names, else from first to last.
    fn members(&self, operand: Operand, ranges: &Ranges) -> Vec<Cond> {
        const FEW: u64 = 8;
        let with = |op| Cond::Arg(ArgCmp { arg: operand.0, width: operand.1, op });
        let mut members = Vec::new();
        for &(low, high) in ranges {
            if low == high {
                members.push(with(Op::Eq(low)));
            } else if high - low < FEW && (high - low < 2 || self.named(operand.0, low, high)) {
                members.extend((low..=high).map(|v| with(Op::Eq(v))));
            } else {
                members.push(Cond::All(vec![with(Op::Ge(low)), with(Op::Le(high))]));
            }
        }
        members
    }

    /// Whether values of the argument have names.
    fn named(&self, arg: ArgIndex, low: u64, high: u64) -> bool {
        let Some((set, (_, arch))) = self.set(arg).zip(self.call) else { return false };
        match set.kind() {
            Kind::Flags => high < 16,
            Kind::Values | Kind::Union | Kind::Choice => (low..=high).any(|v| set.name_of(v, arch).is_some()),
        }
    }

    fn set(&self, arg: ArgIndex) -> Option<callgate::abi::constant::Set> {
        let (call, arch) = self.call?;
        call.params(arch)?.get(usize::from(arg.get()))?.set
    }
}

/// `argument & mask == value`.
#[derive(Clone, Copy)]
struct Mask {
    arg: ArgIndex,
    width: Width,
    mask: u64,
    value: u64,
}

impl Mask {
    /// A mask that is tested, also a single bit that is not to be set.
    fn of(condition: &Cond) -> Option<Mask> {
        let (cmp, negated) = match condition {
            Cond::Arg(cmp) => (cmp, false),
            Cond::Not(inner) => match &**inner {
                Cond::Arg(cmp) => (cmp, true),
                Cond::True | Cond::All(_) | Cond::Any(_) | Cond::Not(_) => return None,
            },
            Cond::True | Cond::All(_) | Cond::Any(_) => return None,
        };
        let Op::MaskedEq { mask, value } = cmp.op else { return None };
        let (mask, value) = (mask & top(cmp.width), value & top(cmp.width));
        let possible = value & !mask == 0;
        let made = |value| Some(Mask { arg: cmp.arg, width: cmp.width, mask, value });
        match negated {
            false if possible => made(value),
            true if possible && mask.is_power_of_two() => made(mask ^ value),
            _ => None,
        }
    }

    /// Both at once, unless they contradict each other.
    fn joined(&self, other: &Mask) -> Option<Mask> {
        let both = self.mask & other.mask;
        let agree = self.arg == other.arg && self.value & both == other.value & both;
        let width = match (self.width, other.width) {
            (a, b) if a == b => a,
            (Width::Slot, _) | (_, Width::Slot) => Width::Slot,
            _ => Width::W64,
        };
        agree.then_some(Mask {
            arg: self.arg,
            width,
            mask: self.mask | other.mask,
            value: self.value | other.value,
        })
    }

    fn cond(self) -> Cond {
        let op = if self.mask == top(self.width) {
            Op::Eq(self.value)
        } else {
            Op::MaskedEq { mask: self.mask, value: self.value }
        };
        Cond::Arg(ArgCmp { arg: self.arg, width: self.width, op })
    }
}

fn one(many: fn(Vec<Cond>) -> Cond, mut parts: Vec<Cond>) -> Cond {
    if parts.len() == 1
        && let Some(part) = parts.pop()
    {
        return part;
    }
    many(parts)
}

/// The largest value.
fn top(width: Width) -> u64 {
    if width == Width::W32 { u64::from(u32::MAX) } else { u64::MAX }
}

/// An alternative as the values of the argument it tests first, and the rest.
fn first(alternative: &Cond) -> Option<(Operand, Ranges, Vec<Cond>)> {
    if let Some((operand, ranges)) = ranges(alternative) {
        return Some((operand, ranges, Vec::new()));
    }
    let Cond::All(all) = alternative else { return None };
    let (operand, values) = ranges(all.first()?)?;
    Some((operand, values, all[1..].to_vec()))
}

/// A condition on one operand alone as its values; `None` for one with masks or more arguments.
fn ranges(condition: &Cond) -> Option<(Operand, Ranges)> {
    match condition {
        Cond::True => None,
        Cond::Arg(cmp) => {
            let top = top(cmp.width);
            let low = |v: u64| v & top;
            // Beyond the width nothing is equal, and everything is less.
            let ranges = match cmp.op {
                Op::Eq(v) => vec![(low(v), low(v))],
                Op::Ne(v) => complement(&[(low(v), low(v))], top),
                Op::Lt(v) => low(v).checked_sub(1).map(|last| (0, last)).into_iter().collect(),
                Op::Le(v) => vec![(0, low(v))],
                Op::Gt(v) => Some(low(v)).filter(|v| *v < top).map(|v| (v + 1, top)).into_iter().collect(),
                Op::Ge(v) => vec![(low(v), top)],
                Op::MaskedEq { .. } => return None,
            };
            Some(((cmp.arg, cmp.width), ranges))
        }
        Cond::Not(inner) => {
            let (operand, inner) = ranges(inner)?;
            Some((operand, complement(&inner, top(operand.1))))
        }
        Cond::All(all) => combined(all, intersection),
        Cond::Any(any) => combined(any, union),
    }
}

fn combined(parts: &[Cond], with: fn(&Ranges, &Ranges) -> Ranges) -> Option<(Operand, Ranges)> {
    let mut parts = parts.iter().map(ranges);
    let first = parts.next()??;
    parts.try_fold(first, |(operand, all), part| {
        let (other, ranges) = part?;
        (other == operand).then(|| (operand, with(&all, &ranges)))
    })
}

fn complement(ranges: &[(u64, u64)], top: u64) -> Ranges {
    let mut out = Vec::new();
    let mut next = Some(0);
    for &(low, high) in ranges {
        if let Some(from) = next.filter(|from| *from < low) {
            out.push((from, low - 1));
        }
        next = high.checked_add(1);
    }
    out.extend(next.filter(|from| *from <= top).map(|from| (from, top)));
    out
}

fn union(a: &Ranges, b: &Ranges) -> Ranges {
    let mut all: Ranges = a.iter().chain(b).copied().collect();
    all.sort_unstable();
    let mut out: Ranges = Vec::new();
    for (low, high) in all {
        match out.last_mut() {
            Some(last) if last.1 == u64::MAX || low <= last.1 + 1 => last.1 = last.1.max(high),
            _ => out.push((low, high)),
        }
    }
    out
}

fn intersection(a: &Ranges, b: &Ranges) -> Ranges {
    let mut out = Vec::new();
    for &(low, high) in a {
        for &(from, to) in b {
            if low.max(from) <= high.min(to) {
                out.push((low.max(from), high.min(to)));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate::SeccompData;
    use callgate::syntax::condition_text;

    fn cmp(arg: u8, width: Width, op: Op) -> Cond {
        Cond::Arg(ArgCmp { arg: ArgIndex::new(arg).unwrap(), width, op })
    }

    fn w32(arg: u8, op: Op) -> Cond {
        cmp(arg, Width::W32, op)
    }

    fn shown(condition: Cond) -> String {
        condition_text(&simplify(&condition, None), None)
    }

    #[test]
    fn ranges_of_one_argument_are_one_set() {
        let between = |a, b| Cond::All(vec![w32(1, Op::Ge(a)), w32(1, Op::Le(b))]);
        let set = Cond::Any(vec![w32(1, Op::Le(3)), between(5, 70), w32(1, Op::Eq(90))]);
        assert_eq!(shown(set), "arg1:32 in {0..3, 5..70, 90}");
        assert_eq!(shown(between(1, 2)), "arg1:32 in {1, 2}");
        let outside = Cond::Any(vec![w32(1, Op::Lt(5)), w32(1, Op::Gt(70))]);
        assert_eq!(shown(outside), "arg1:32 not in {5..70}");
        assert_eq!(shown(Cond::Any(vec![w32(0, Op::Lt(5)), w32(0, Op::Ge(5))])), "true");
    }

    #[test]
    fn alternatives_with_the_same_rest_are_one() {
        let rest = || w32(3, Op::Eq(1));
        let any = Cond::Any(vec![
            Cond::All(vec![w32(0, Op::Ne(9)), rest()]),
            Cond::All(vec![w32(0, Op::Eq(9)), rest()]),
        ]);
        assert_eq!(shown(any), "arg3:32 == 1");
    }

    #[test]
    fn masks_of_one_argument_are_one() {
        let bit = 1 << 63;
        let all = Cond::All(vec![
            Cond::Not(Box::new(cmp(0, Width::W64, Op::MaskedEq { mask: bit, value: bit }))),
            cmp(0, Width::W64, Op::MaskedEq { mask: bit - 1 - 0xffff_ffff, value: 0 }),
            w32(0, Op::MaskedEq { mask: 0xffff_fff0, value: 0x30 }),
        ]);
        assert_eq!(shown(all), "arg0:64 & 0xfffffffffffffff0 == 48");
    }

    /// A stream of numbers, the same on every run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, n: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % n
        }

        fn value(&mut self) -> u64 {
            const EDGES: [u64; 8] =
                [0, 1, 2, 7, 0x7fff_ffff, 0xffff_ffff, 0x1_0000_0000, 0xffff_ffff_8000_0000];
            let edge = EDGES[self.below(8) as usize];
            edge.wrapping_add(self.below(4)).wrapping_sub(1)
        }

        fn cond(&mut self, depth: u64) -> Cond {
            let many = |n: &mut Numbers| (0..n.below(4)).map(|_| n.cond(depth - 1)).collect();
            match if depth == 0 { 0 } else { self.below(6) } {
                0..=2 => {
                    let value = self.value();
                    let op = match self.below(8) {
                        0 => Op::Eq(value),
                        1 => Op::Ne(value),
                        2 => Op::Lt(value),
                        3 => Op::Le(value),
                        4 => Op::Gt(value),
                        5 => Op::Ge(value),
                        6 => Op::MaskedEq { mask: 1 << self.below(40), value: 0 },
                        _ => Op::MaskedEq { mask: value, value: self.value() },
                    };
                    let width = if self.below(2) == 0 { Width::W32 } else { Width::W64 };
                    cmp(self.below(2) as u8, width, op)
                }
                3 => Cond::All(many(self)),
                4 => Cond::Any(many(self)),
                _ => Cond::Not(Box::new(self.cond(depth - 1))),
            }
        }
    }

    #[test]
    fn nothing_changes_its_meaning() {
        let mut numbers = Numbers(1);
        let calls = [None, Syscall::from_name("mmap"), Syscall::from_name("futex")];
        for _ in 0..4000 {
            let condition = numbers.cond(3);
            let call = calls[numbers.below(3) as usize].map(|c| (c, Arch::X86_64));
            let simple = simplify(&condition, call);
            for _ in 0..20 {
                let mut data = SeccompData::default();
                data.args[0] = numbers.value();
                data.args[1] = numbers.value();
                let (before, after) =
                    (condition.holds(Arch::X86_64, &data), simple.holds(Arch::X86_64, &data));
                assert_eq!(before, after, "{condition:?}\n{simple:?}\n{:x?}", data.args);
            }
        }
    }
}
