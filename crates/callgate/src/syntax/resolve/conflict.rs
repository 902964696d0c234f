//! Comparisons that cannot hold together, found without a decision diagram.

use crate::policy::{ArgCmp, Cond, Op};
use callgate_abi::Width;

/// What is known of one argument, read at one width, after some comparisons.
#[derive(Clone, Copy)]
struct Known {
    cmp: ArgCmp,
    /// Which conjunct said so last.
    at: usize,
    low: u64,
    high: u64,
    mask: u64,
    bits: u64,
}

/// The positions of two of `all` (or one twice) that cannot hold together. Looks at comparisons that
/// are conjuncts themselves, argument by argument; the rest is left to the compiled form.
pub(super) fn conflict(all: &[Cond]) -> Option<(usize, usize)> {
    // At most seven operands at two widths: linear, however many comparisons there are.
    let mut known: Vec<Known> = Vec::new();
    for (at, cond) in all.iter().enumerate() {
        let Cond::Arg(cmp) = cond else { continue };
        let same = |k: &Known| k.cmp.arg == cmp.arg && k.cmp.width == cmp.width;
        let max = if cmp.width == Width::W32 { u64::from(u32::MAX) } else { u64::MAX };
        let index = match known.iter().position(same) {
            Some(index) => index,
            None => {
                known.push(Known { cmp: *cmp, at, low: 0, high: max, mask: 0, bits: 0 });
                known.len() - 1
            }
        };
        let k = &mut known[index];
        let clash = match cmp.op {
            Op::Eq(v) => k.limit(v, v) || k.fix(max, v),
            Op::Ne(v) => k.low == k.high && k.low == v,
            Op::Lt(0) => true,
            Op::Lt(v) => k.limit(0, v - 1),
            Op::Le(v) => k.limit(0, v),
            Op::Gt(v) if v >= max => true,
            Op::Gt(v) => k.limit(v + 1, max),
            Op::Ge(v) => k.limit(v, max),
            Op::MaskedEq { mask, value } => k.fix(mask, value),
        };
        // A single value left must have the known bits.
        if clash || (k.low == k.high && k.low & k.mask != k.bits) {
            return Some((k.at, at));
        }
        k.at = at;
    }
    None
}

impl Known {
    /// Narrows the interval; whether nothing is left.
    fn limit(&mut self, low: u64, high: u64) -> bool {
        self.low = self.low.max(low);
        self.high = self.high.min(high);
        self.low > self.high
    }

    /// Learns bits; whether they contradict known ones.
    fn fix(&mut self, mask: u64, bits: u64) -> bool {
        let clash = (self.bits ^ bits) & self.mask & mask != 0 || bits & !mask != 0;
        self.mask |= mask;
        self.bits |= bits;
        clash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ArgIndex;

    fn on(ops: &[Op]) -> Option<(usize, usize)> {
        let arg = ArgIndex::new(0).unwrap();
        let cmp = |op: &Op| Cond::Arg(ArgCmp { arg, width: Width::W32, op: *op });
        conflict(&ops.iter().map(cmp).collect::<Vec<_>>())
    }

    #[test]
    fn conflicts() {
        let masked = |mask, value| Op::MaskedEq { mask, value };
        assert_eq!(on(&[Op::Eq(1), Op::Eq(2)]), Some((0, 1)));
        assert_eq!(on(&[Op::Ge(3), Op::Ne(9), Op::Lt(3)]), Some((1, 2)));
        assert_eq!(on(&[Op::Eq(3), Op::Ne(3)]), Some((0, 1)));
        assert_eq!(on(&[masked(7, 1), masked(3, 2)]), Some((0, 1)));
        assert_eq!(on(&[masked(7, 1), Op::Eq(2)]), Some((0, 1)));
        assert_eq!(on(&[Op::Ge(5), Op::Le(5), masked(1, 0)]), Some((1, 2)));
        assert_eq!(on(&[Op::Gt(u64::from(u32::MAX))]), Some((0, 0)));
        assert_eq!(on(&[Op::Ge(3), Op::Le(3), masked(1, 1), Op::Ne(4)]), None);
    }
}
