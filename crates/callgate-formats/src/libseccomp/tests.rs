use super::*;
use callgate::{Errno, SeccompData};
use proptest::prelude::*;

const ERRNO: Action = Action::Errno(Errno::EPERM);
const ENOSYS: Action = Action::Errno(Errno::ENOSYS);

fn call(name: &str) -> Target {
    Target::Call(Syscall::from_name(name).unwrap())
}

fn eq(arg: u8, value: u64) -> Compare {
    Compare { arg, op: Op::Eq(value) }
}

fn set(arches: &[Arch]) -> RuleSet {
    let mut set = RuleSet::new(Action::KILL_PROCESS, arches.to_vec());
    for line in 1..20 {
        set.source(Origin { line, ..Origin::default() });
    }
    set
}

fn eval(policy: &Policy, arch: Arch, name: &str, args: [u64; 2]) -> Action {
    let nr = Syscall::from_name(name).unwrap().number(arch).unwrap();
    let args = [args[0], args[1], 0, 0, 0, 0];
    policy.eval(&SeccompData { nr, arch: arch.token(), ip: 0, args })
}

#[test]
fn without_conditions_wins_wherever_it_stands() {
    for reversed in [false, true] {
        let mut set = set(&[Arch::X86_64]);
        let mut rules = [(Action::ALLOW, vec![]), (ERRNO, vec![eq(0, 1)])];
        if reversed {
            rules.reverse();
        }
        let added: Vec<_> =
            rules.iter().enumerate().map(|(i, (a, c))| set.add(call("read"), *a, c, i).unwrap()).collect();
        let second = if reversed { Added::Overrules(0) } else { Added::Overruled(0) };
        assert_eq!(added, [Added::New, second]);
        assert_eq!(eval(&set.finish().0, Arch::X86_64, "read", [1, 0]), Action::ALLOW);
    }
}

#[test]
fn of_two_without_conditions_the_first_stays() {
    let mut set = set(&[Arch::X86_64]);
    set.add(call("read"), ERRNO, &[], 0).unwrap();
    assert_eq!(set.add(call("read"), Action::ALLOW, &[], 1), Ok(Added::Overruled(0)));
    assert_eq!(set.add(call("read"), ERRNO, &[], 2), Ok(Added::Redundant(0)));
    assert_eq!(eval(&set.finish().0, Arch::X86_64, "read", [0, 0]), ERRNO);
}

#[test]
fn a_mask_of_nothing_is_no_condition() {
    let mut set = set(&[Arch::X86_64]);
    let all = Compare { arg: 0, op: Op::MaskedEq { mask: 0, value: 7 } };
    set.add(call("read"), ERRNO, &[eq(1, 1)], 0).unwrap();
    assert_eq!(set.add(call("read"), Action::ALLOW, &[all], 1), Ok(Added::Overrules(0)));
    assert_eq!(eval(&set.finish().0, Arch::X86_64, "read", [0, 1]), Action::ALLOW);
}

#[test]
fn masked_values_lose_the_bits_outside_the_mask() {
    let mut set = set(&[Arch::X86_64]);
    let test = Compare { arg: 0, op: Op::MaskedEq { mask: 0xf, value: 0x13 } };
    set.add(call("read"), Action::ALLOW, &[test], 0).unwrap();
    assert_eq!(eval(&set.finish().0, Arch::X86_64, "read", [0xf3, 0]), Action::ALLOW);
}

#[test]
fn what_the_library_refuses() {
    let mut set = set(&[Arch::X86_64]);
    assert_eq!(set.add(call("read"), Action::KILL_PROCESS, &[], 0), Err(Refused::Default));
    assert_eq!(set.add(call("read"), ERRNO, &[eq(0, 1), eq(0, 2)], 0), Err(Refused::Arguments));
    assert_eq!(set.add(call("read"), ERRNO, &[eq(6, 1)], 0), Err(Refused::Arguments));
    set.add(call("read"), ERRNO, &[eq(0, 1)], 0).unwrap();
    assert_eq!(set.add(call("read"), ENOSYS, &[eq(0, 1)], 1), Err(Refused::Conflict(0)));
    // The longer chain first, then its beginning with another action; the other way round it loses.
    set.add(call("write"), ERRNO, &[eq(1, 0), eq(0, 1)], 2).unwrap();
    assert_eq!(set.add(call("write"), ENOSYS, &[eq(0, 1)], 3), Err(Refused::Conflict(2)));
    set.add(call("open"), ERRNO, &[eq(0, 1)], 4).unwrap();
    assert_eq!(set.add(call("open"), ENOSYS, &[eq(0, 1), eq(1, 0)], 5), Ok(Added::Overruled(4)));
    assert_eq!(set.add(call("open"), ERRNO, &[eq(0, 1), eq(1, 0)], 6), Ok(Added::Redundant(4)));
}

#[test]
fn the_higher_argument_decides_whatever_the_order() {
    for reversed in [false, true] {
        let mut set = set(&[Arch::X86_64]);
        let mut rules = [(ERRNO, eq(0, 5)), (Action::ALLOW, eq(1, 3))];
        if reversed {
            rules.reverse();
        }
        for (i, (action, test)) in rules.iter().enumerate() {
            set.add(call("read"), *action, &[*test], i).unwrap();
        }
        let (policy, overlaps) = set.finish();
        assert_eq!(overlaps.pairs.len(), 1);
        assert_eq!(eval(&policy, Arch::X86_64, "read", [5, 3]), Action::ALLOW);
        assert_eq!(eval(&policy, Arch::X86_64, "read", [5, 4]), ERRNO);
        assert_eq!(eval(&policy, Arch::X86_64, "read", [4, 4]), Action::KILL_PROCESS);
    }
}

#[test]
fn the_tighter_test_of_one_argument_decides() {
    let mut set = set(&[Arch::X86_64]);
    let test = |op| [Compare { arg: 0, op }];
    set.add(call("read"), ERRNO, &test(Op::Ge(2)), 0).unwrap();
    set.add(call("read"), ENOSYS, &test(Op::Ge(8)), 1).unwrap();
    set.add(call("read"), Action::ALLOW, &test(Op::Eq(3)), 2).unwrap();
    let (policy, _) = set.finish();
    let found: Vec<Action> = [1, 2, 3, 8].map(|v| eval(&policy, Arch::X86_64, "read", [v, 0])).into();
    assert_eq!(found, [Action::KILL_PROCESS, ERRNO, Action::ALLOW, ENOSYS]);
}

#[test]
fn thirty_two_bit_conventions_look_at_low_halves() {
    let mut set = set(&[Arch::X86_64, Arch::X86, Arch::X32]);
    set.add(call("read"), Action::ALLOW, &[eq(0, 1 << 32 | 5)], 0).unwrap();
    let (policy, _) = set.finish();
    assert_eq!(eval(&policy, Arch::X86, "read", [5, 0]), Action::ALLOW);
    assert_eq!(eval(&policy, Arch::X32, "read", [5, 0]), Action::ALLOW);
    assert_eq!(eval(&policy, Arch::X32, "read", [7 << 32 | 5, 0]), Action::ALLOW);
    assert_eq!(eval(&policy, Arch::X86_64, "read", [5, 0]), Action::KILL_PROCESS);
    assert_eq!(eval(&policy, Arch::X86_64, "read", [1 << 32 | 5, 0]), Action::ALLOW);
}

#[test]
fn multiplexed_calls_are_reached_both_ways() {
    let mut set = set(&[Arch::X86_64, Arch::X86]);
    set.add(call("socket"), Action::ALLOW, &[eq(0, 2), eq(1, 1)], 0).unwrap();
    let (policy, _) = set.finish();
    assert_eq!(eval(&policy, Arch::X86, "socket", [2, 1]), Action::ALLOW);
    assert_eq!(eval(&policy, Arch::X86, "socketcall", [1, 1]), Action::ALLOW);
    assert_eq!(eval(&policy, Arch::X86, "socketcall", [2, 1]), Action::KILL_PROCESS);
    assert_eq!(eval(&policy, Arch::X86_64, "socket", [2, 1]), Action::ALLOW);
}

#[test]
fn foreign_architectures_and_x32() {
    let policy = set(&[Arch::X86_64]).finish().0;
    let at = |arch: u32, nr| policy.eval(&SeccompData { nr, arch, ..SeccompData::default() });
    assert_eq!(at(Arch::X86_64.token(), 0x4000_0001), Action::KILL_THREAD);
    assert_eq!(at(Arch::X86_64.token(), u32::MAX), Action::KILL_PROCESS);
    assert_eq!(at(Arch::X86.token(), 1), Action::KILL_THREAD);
    let both = set(&[Arch::X86_64, Arch::X32]).finish().0;
    let x32 = SeccompData { nr: 0x4000_0001, arch: Arch::X32.token(), ..SeccompData::default() };
    assert_eq!(both.eval(&x32), Action::KILL_PROCESS);
}

fn compare() -> impl Strategy<Value = Compare> {
    let v = prop_oneof![0u64..5, Just(u64::MAX), Just(1 << 32)];
    (0u8..3, 0..7, v.clone(), v).prop_map(|(arg, kind, a, b)| Compare {
        arg,
        op: match kind {
            0 => Op::Eq(a),
            1 => Op::Ne(a),
            2 => Op::Lt(a),
            3 => Op::Le(a),
            4 => Op::Gt(a),
            5 => Op::Ge(a),
            _ => Op::MaskedEq { mask: a, value: b },
        },
    })
}

fn value() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0u64..6, 1 => Just(u64::MAX), 1 => Just(1 << 32)]
}

/// Whether all comparisons hold, as libseccomp documents them.
fn holds(compares: &[Compare], args: [u64; 3], narrow: bool) -> bool {
    compares.iter().all(|c| {
        let cut = |v: u64| if narrow { v & 0xffff_ffff } else { v };
        let a = cut(args[usize::from(c.arg)]);
        match c.op {
            Op::Eq(v) => a == cut(v),
            Op::Ne(v) => a != cut(v),
            Op::Lt(v) => a < cut(v),
            Op::Le(v) => a <= cut(v),
            Op::Gt(v) => a > cut(v),
            Op::Ge(v) => a >= cut(v),
            Op::MaskedEq { mask, value } => a & cut(mask) == cut(value & mask),
        }
    })
}

proptest! {
    /// Whatever the rules: the action is that of a rule that matches, of the unconditional one if
    /// there is one, and the default exactly where none matches.
    #[test]
    fn a_union_of_matches(
        rules in prop::collection::vec((0u16..3, prop::collection::vec(compare(), 0..3)), 0..6),
        points in prop::collection::vec([value(), value(), value()], 20),
    ) {
        for arch in [Arch::X86_64, Arch::X86, Arch::X32] {
            let mut set = set(&[Arch::X86_64, Arch::X86, Arch::X32]);
            let mut taken: Vec<(Action, Vec<Compare>)> = Vec::new();
            for (i, (n, compares)) in rules.iter().enumerate() {
                let action = Action::Errno(Errno(*n));
                if set.add(call("read"), action, compares, i).is_ok() {
                    taken.push((action, compares.to_vec()));
                }
            }
            let (policy, _) = set.finish();
            let trivial = |c: &Compare| matches!(c.op, Op::MaskedEq { mask, .. } if mask == 0);
            let always = taken.iter().find(|t| t.1.iter().all(trivial));
            for args in &points {
                let nr = Syscall::from_name("read").unwrap().number(arch).unwrap();
                let cut = |v: u64| if arch == Arch::X86 { v & 0xffff_ffff } else { v };
                let data = SeccompData { nr, arch: arch.token(), ip: 0, args: [cut(args[0]), cut(args[1]), cut(args[2]), 0, 0, 0] };
                let found = policy.eval(&data);
                let narrow = arch != Arch::X86_64;
                let matching: Vec<Action> = taken.iter().filter(|t| holds(&t.1, *args, narrow)).map(|t| t.0).collect();
                match always {
                    Some((action, _)) => prop_assert_eq!(found, *action),
                    None if matching.is_empty() => prop_assert_eq!(found, Action::KILL_PROCESS),
                    None => prop_assert!(matching.contains(&found), "{:?} not in {:?}", found, matching),
                }
            }
        }
    }
}

/// Chains of one call, made by adding them.
fn overlaps(rules: &[(Action, Vec<Compare>)]) -> Overlaps {
    let mut set = RuleSet::new(Action::KILL_PROCESS, vec![Arch::X86_64]);
    for (action, compares) in rules {
        let source = set.source(Origin::default());
        let _ = set.add(call("read"), *action, compares, source);
    }
    set.finish().1
}

/// Many rules are compared with those they can meet, not with all.
#[test]
fn rules_that_are_apart_are_never_compared() {
    const MANY: u64 = 50_000;
    let rules = |test: &dyn Fn(u64) -> Vec<Compare>| -> Vec<(Action, Vec<Compare>)> {
        (0..MANY).map(|i| (if i % 2 == 0 { ERRNO } else { ENOSYS }, test(i))).collect()
    };
    for apart in [
        rules(&|i| vec![eq(0, i)]),
        rules(&|i| vec![eq(0, 1), eq(1, i)]),
        rules(&|i| vec![Compare { arg: 0, op: Op::Ne(MANY) }, eq(1, i)]),
    ] {
        let found = overlaps(&apart);
        assert_eq!((found.pairs.len(), found.more, found.tests()), (0, false, 0));
    }
    // One that meets all, and all that meet all.
    let mut one = rules(&|i| vec![eq(0, i)]);
    one.truncate(900);
    one.push((Action::ALLOW, vec![eq(1, 0)]));
    let found = overlaps(&one);
    assert_eq!((found.pairs.len(), found.more), (900, false));
    assert!(found.tests() < 2000, "{}", found.tests());
    let found = overlaps(&rules(&|i| vec![Compare { arg: 0, op: Op::Ge(i + 1) }]));
    assert!(found.more && found.pairs.len() == 1000);
}

/// Conflicts are found without looking at every rule again, and adding is no search.
#[test]
fn many_rules_are_added() {
    let mut set = RuleSet::new(Action::KILL_PROCESS, vec![Arch::X86_64]);
    let source = set.source(Origin::default());
    for i in 0..50_000 {
        assert_eq!(set.add(call("read"), ERRNO, &[eq(0, 1), eq(1, i)], source), Ok(Added::New));
    }
    set.add(call("read"), ENOSYS, &[eq(0, 1), eq(2, 0)], source).unwrap();
    for _ in 0..50_000 {
        assert_eq!(set.add(call("read"), ERRNO, &[eq(0, 1)], source), Err(Refused::Conflict(0)));
    }
    assert_eq!(set.add(call("read"), ENOSYS, &[], source), Ok(Added::Overrules(0)));
}

proptest! {
    /// The sweep finds the pairs that comparing everything with everything finds.
    #[test]
    fn overlaps_are_those_of_all_pairs(
        rules in prop::collection::vec((0u16..3, prop::collection::vec(compare(), 1..3)), 0..12),
    ) {
        let rules: Vec<(Action, Vec<Compare>)> =
            rules.into_iter().map(|(n, c)| (Action::Errno(Errno(n)), c)).collect();
        let mut set = RuleSet::new(Action::KILL_PROCESS, vec![Arch::X86_64]);
        for (i, (action, compares)) in rules.iter().enumerate() {
            set.source(Origin::default());
            let _ = set.add(call("read"), *action, compares, i);
        }
        let mut chains: Vec<&Chain> =
            set.entries.get(&call("read")).map(|e| e.chains.values().collect()).unwrap_or_default();
        chains.sort_by_key(|c| c.place);
        chains.sort_by(|a, b| tree_order(&a.compares, &b.compares));
        let mut all = std::collections::BTreeSet::new();
        for (i, a) in chains.iter().enumerate() {
            for b in &chains[i + 1..] {
                if a.action != b.action && overlap::may_overlap(&a.compares, &b.compares) {
                    all.insert((a.source, b.source));
                }
            }
        }
        let mut found = Overlaps::default();
        found.find(&chains);
        prop_assert_eq!(found.pairs, all);
    }
}
