//! The least that loading a policy's program takes, by the model, by tests for equality and order whoever arranges them:
//! what the kernel takes for any program, and for its cache at least, and the instructions that no order spares.

use super::measure::{CACHED, load, numbers};
use callgate::abi::Word;
use callgate::{Arch, Cond, Filter, Op, Policy, Width};
use std::collections::BTreeSet;

/// What the kernel emulates at least for a number: the architecture loaded and tested, the number loaded and tested, the
/// return.
const KNOWN: u64 = 5;
/// The same under an architecture that the policy does not list, whose numbers need not be looked at.
const FOREIGN: u64 = 3;

/// Microseconds.
pub(super) fn least(policy: &Policy, filter: &Filter) -> f64 {
    let emulated = CACHED.iter().map(|arch| {
        let each = if policy.arches.contains(arch) { KNOWN } else { FOREIGN };
        numbers(*arch).count() as u64 * each
    });
    let listed = CACHED.iter().filter(|arch| policy.arches.contains(arch));
    // An equality test finds both ends of one number, an ordering test one end of a stretch.
    let calls: usize = listed.map(|arch| edges(filter, *arch).div_ceil(2)).sum();
    load(calls + values(policy) + filter.leaves().len(), emulated.sum())
}

/// How often what happens to a call changes from one number to the next.
fn edges(filter: &Filter, arch: Arch) -> usize {
    let here = filter.restrict(Word::ARCH, arch.token());
    let behind: Vec<Filter> = numbers(arch).map(|nr| here.restrict(Word::NR, nr)).collect();
    behind.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// The tests that no sharing between calls spares: values that follow each other are one, since two of any length are
/// told apart by one ordering test.
fn values(policy: &Policy) -> usize {
    let mut all = BTreeSet::new();
    policy.rules.iter().for_each(|rule| gather(&rule.when, &mut all));
    let follows = |(arg, mask, value): &(u8, u64, u64)| {
        value.checked_sub(1).is_some_and(|before| *mask == u64::MAX && all.contains(&(*arg, *mask, before)))
    };
    all.iter().filter(|value| !follows(value)).count()
}

/// Arguments, masks and values.
fn gather(cond: &Cond, all: &mut BTreeSet<(u8, u64, u64)>) {
    match cond {
        Cond::True => {}
        Cond::Not(inner) => gather(inner, all),
        Cond::All(parts) | Cond::Any(parts) => parts.iter().for_each(|part| gather(part, all)),
        Cond::Arg(cmp) => {
            // Two widths of one comparison may be one test.
            let low = |v: u64| if cmp.width == Width::W32 { v & u64::from(u32::MAX) } else { v };
            let (mask, value) = match cmp.op {
                Op::MaskedEq { mask, value } => (low(mask), low(value)),
                Op::Eq(v) | Op::Ne(v) | Op::Lt(v) | Op::Le(v) | Op::Gt(v) | Op::Ge(v) => (u64::MAX, low(v)),
            };
            all.insert((cmp.arg.get(), mask, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: &str, expected: usize) {
        assert_eq!(values(&Policy::parse(policy).unwrap()), expected, "{policy}");
    }

    #[test]
    fn values_are_counted_once() {
        let head = "arch x86_64\ndefault errno(EPERM)\n";
        check(&format!("{head}allow read"), 0);
        check(&format!("{head}allow ioctl if cmd in {{1, 5, 9}}\nallow fcntl if cmd == 5"), 3);
        // One stretch, and one that lies apart.
        check(&format!("{head}allow ioctl if cmd in {{1, 2, 3, 7}}"), 2);
        check(&format!("{head}allow mprotect if prot & 4 == 0 && prot & 8 == 0"), 2);
    }

    #[test]
    fn nothing_is_loaded_sooner() {
        let one = Policy::parse("arch x86_64\ndefault errno(EPERM)\nallow read").unwrap();
        assert_eq!(edges(&one.lower().unwrap(), Arch::X86_64), 1);
        assert!(least(&one, &one.lower().unwrap()) > super::super::measure::FIXED);
    }
}
