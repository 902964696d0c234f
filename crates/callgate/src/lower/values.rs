//! Conditions on one argument, as the ranges of values that satisfy them: a list of values is laid over a function at
//! once, and not value by value.

use super::width;
use crate::policy::{ArgCmp, Cond, Op};
use callgate_abi::Arch;

/// What a condition looks at: an argument, and whether both halves of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) arg: u8,
    pub(super) wide: bool,
}

/// Adds the ranges of values with which the condition holds, and says of which argument; `None`, and nothing added, if
/// it is not about the ranges of one argument.
pub(super) fn ranges(arch: Arch, condition: &Cond, out: &mut Vec<(u64, u64)>) -> Option<Field> {
    match condition {
        Cond::Arg(cmp) => {
            let (field, ranges) = of_comparison(arch, cmp)?;
            out.extend(ranges.into_iter().flatten());
            Some(field)
        }
        // What lies within two bounds.
        Cond::All(all) => {
            let mut within: Option<(Field, (u64, u64))> = None;
            let mut is_empty = false;
            for part in all {
                let Cond::Arg(cmp) = part else { return None };
                let (field, ranges) = of_comparison(arch, cmp)?;
                let (low, high) = match ranges {
                    [Some(one), None] | [None, Some(one)] => one,
                    [Some(_), Some(_)] => return None,
                    [None, None] => {
                        is_empty = true;
                        (0, 0)
                    }
                };
                within = Some(match within {
                    None => (field, (low, high)),
                    Some((same, known)) if same == field => (field, (low.max(known.0), high.min(known.1))),
                    Some(_) => return None,
                });
            }
            let (field, (low, high)) = within?;
            if !is_empty && low <= high {
                out.push((low, high));
            }
            Some(field)
        }
        Cond::True | Cond::Any(_) | Cond::Not(_) => None,
    }
}

/// The values that satisfy a comparison: at most two ranges, the ends included.
type Ranges = [Option<(u64, u64)>; 2];

fn of_comparison(arch: Arch, cmp: &ArgCmp) -> Option<(Field, Ranges)> {
    let (wide, of) = width(arch, cmp);
    let most = if wide { u64::MAX } else { u32::MAX.into() };
    let up_to = |v: u64| (0, v.min(most));
    let below = |v: u64| v.checked_sub(1).map(up_to);
    let from = |v: u64| (v <= most).then_some((v, most));
    let above = |v: u64| v.checked_add(1).and_then(from);
    let ranges = match cmp.op {
        Op::Eq(v) => [Some((of(v), of(v))).filter(|_| of(v) <= most), None],
        Op::Ne(v) => [below(of(v)), above(of(v))],
        Op::Lt(v) => [below(of(v)), None],
        Op::Le(v) => [Some(up_to(of(v))), None],
        Op::Gt(v) => [above(of(v)), None],
        Op::Ge(v) => [from(of(v)), None],
        Op::MaskedEq { mask, value } => {
            let (free, value) = (!of(mask) & most, of(value));
            // The bits that are not looked at must be the lowest.
            if free & free.wrapping_add(1) != 0 {
                return None;
            }
            [Some((value, value | free)).filter(|_| value & !of(mask) == 0 && value <= most), None]
        }
    };
    Some((Field { arg: cmp.arg.get(), wide }, ranges))
}

/// Sorts ranges, and makes one of those that meet.
pub(super) fn merge(ranges: &mut Vec<(u64, u64)>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let meet = last.1.checked_add(1).is_none_or(|end| next.0 <= end);
        if meet {
            last.1 = last.1.max(next.1);
        }
        meet
    });
}

#[cfg(test)]
mod tests {
    use crate::policy::{ArgCmp, ArgIndex, Call, Cond, Op, Origin, Policy, Rule};
    use callgate_abi::{Action, Arch, SeccompData, Syscall, Width};

    /// Numbers that look random, the same each time.
    fn numbers() -> impl FnMut(usize) -> usize {
        let mut state = 1_u64;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        }
    }

    const EDGES: [u64; 12] =
        [0, 1, 2, 3, 0x7f, 0x80, 0xffff_fffe, 0xffff_ffff, 1 << 32, (1 << 32) + 1, u64::MAX - 1, u64::MAX];

    fn condition(number: &mut impl FnMut(usize) -> usize, depth: usize) -> Cond {
        let width = [Width::W32, Width::W64, Width::Slot][number(3)];
        let arg = ArgIndex::new(number(2) as u8).unwrap();
        let (a, b) = (EDGES[number(EDGES.len())], EDGES[number(EDGES.len())]);
        let ops = [Op::Eq(a), Op::Ne(a), Op::Lt(a), Op::Le(a), Op::Gt(a), Op::Ge(a)];
        let is = |op| Cond::Arg(ArgCmp { arg, width, op });
        match number(if depth > 0 { 12 } else { 8 }) {
            6 => is(Op::MaskedEq { mask: [!0x7f, 0x80, 0xffff_ff80, !1][number(4)], value: a & b }),
            7 => Cond::All(vec![is(Op::Ge(a.min(b))), is(Op::Le(a.max(b)))]),
            8 => Cond::Not(Box::new(condition(number, depth - 1))),
            9 => Cond::All((0..number(3)).map(|_| condition(number, depth - 1)).collect()),
            10.. => Cond::Any((0..number(6)).map(|_| condition(number, depth - 1)).collect()),
            simple => is(ops[simple]),
        }
    }

    /// Rules one upon the other over lists of values at the ends of what an argument can be, held against the plain
    /// reading of each comparison.
    #[test]
    fn values_at_once_are_values_one_by_one() {
        let mut number = numbers();
        let call = Syscall::from_name("ioctl").unwrap();
        for round in 0..2000 {
            let arch = [Arch::X86_64, Arch::X86][number(2)];
            let mut policy = Policy::new(Action::KILL_PROCESS);
            policy.arches = vec![arch];
            for rule in 0..=number(3) as u16 {
                policy.rules.push(Rule {
                    calls: vec![Call::Named(call)],
                    arches: Vec::new(),
                    when: condition(&mut number, 2),
                    action: Action::Trap(rule),
                    origin: Origin::default(),
                });
            }
            let filter = policy.lower().unwrap();
            for first in EDGES {
                for second in EDGES {
                    let args = [first, second, 0, 0, 0, 0];
                    let data =
                        SeccompData { nr: call.number(arch).unwrap(), arch: arch.token(), ip: 0, args };
                    let expected = policy.action_of(policy.decide(&data));
                    assert_eq!(*filter.eval(&data), expected, "round {round}: {args:x?}\n{policy:#?}");
                }
            }
        }
    }
}
