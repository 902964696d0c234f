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

fn of_comparison(arch: Arch, cmp: &ArgCmp) -> Option<(Field, [Option<(u64, u64)>; 2])> {
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
