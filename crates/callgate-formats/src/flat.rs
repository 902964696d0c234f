//! A policy as writers need it: for one architecture, what each call gets under which conditions.

use callgate::{Action, Arch, ArgCmp, ArgIndex, Call, Cond, Op, Policy, Rule, Syscall, Width};

/// How many conjunctions a call's conditions may become.
const BUDGET: usize = 4096;
/// The most tests in one conjunction: every one is held against every other.
const LONGEST: usize = 256;

/// The conditions of a call are too many to be written out one by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooMany;

/// All of these hold.
pub(crate) type Conj = Vec<ArgCmp>;

/// A policy for one architecture.
pub(crate) struct Flat {
    pub(crate) arch: Arch,
    /// The action of numbers no rule speaks of.
    pub(crate) default: Action,
    /// The calls that are not simply given the default, by number.
    pub(crate) calls: Vec<FlatCall>,
}

/// One call: the first branch that holds decides, then `otherwise`.
pub(crate) struct FlatCall {
    pub(crate) call: Syscall,
    pub(crate) branches: Vec<(Conj, Action)>,
    pub(crate) otherwise: Action,
}

/// What happens to the calls of one architecture. Numbers without a name are left to the default:
/// notations that speak in names have no other way.
pub(crate) fn flatten(policy: &Policy, arch: Arch) -> Result<Flat, (Syscall, TooMany)> {
    let here = rules_of(policy, arch);
    let default = default_of(policy, &here);
    let mut calls = Vec::new();
    for (nr, call) in Syscall::of_arch(arch) {
        let (branches, otherwise) = decide(policy, &here, Some(call), nr).map_err(|e| (call, e))?;
        if otherwise != default || !branches.is_empty() {
            calls.push(FlatCall { call, branches, otherwise });
        }
    }
    Ok(Flat { arch, default, calls })
}

/// What happens to the numbers without a name that rules speak of, as far as these are few.
pub(crate) fn flatten_numbers(policy: &Policy, arch: Arch) -> Result<Vec<FlatNumber>, TooMany> {
    let here = rules_of(policy, arch);
    let default = default_of(policy, &here);
    let mut numbers = std::collections::BTreeSet::new();
    for range in here.iter().flat_map(|r| &r.calls).filter_map(|c| match c {
        Call::Numbers(range) => Some(range.clone()),
        Call::Any | Call::Named(_) => None,
    }) {
        numbers.extend(range.take(BUDGET).filter(|nr| Syscall::from_number(arch, *nr).is_none()));
    }
    let mut out = Vec::new();
    for nr in numbers.into_iter().take(BUDGET) {
        let (branches, otherwise) = decide(policy, &here, None, nr)?;
        if otherwise != default || !branches.is_empty() {
            out.push(FlatNumber { nr, branches, otherwise });
        }
    }
    Ok(out)
}

fn rules_of(policy: &Policy, arch: Arch) -> Vec<&Rule> {
    policy.rules.iter().filter(|r| r.arches.is_empty() || r.arches.contains(&arch)).collect()
}

fn default_of(policy: &Policy, here: &[&Rule]) -> Action {
    let for_all = |rule: &&&Rule| rule.calls.contains(&Call::Any) && rule.when == Cond::True;
    here.iter().find(for_all).map_or(policy.default, |r| r.action)
}

/// What decides one number.
fn decide(
    policy: &Policy,
    here: &[&Rule],
    call: Option<Syscall>,
    nr: u32,
) -> Result<(Vec<(Conj, Action)>, Action), TooMany> {
    let mut branches = Vec::new();
    let mut otherwise = policy.default;
    for rule in here.iter().filter(|r| r.calls.iter().any(|c| speaks_of(c, call, nr))) {
        let any = alternatives(&rule.when)?;
        if any.iter().any(Vec::is_empty) {
            otherwise = rule.action;
            break;
        }
        branches.extend(any.into_iter().map(|conj| (conj, rule.action)));
        if branches.len() > BUDGET {
            return Err(TooMany);
        }
    }
    // No other notation asks where a call comes from: it gets the strictest of what it could get.
    if branches.iter().any(|(conj, _)| conj.iter().any(|test| test.arg == ArgIndex::IP)) {
        let all = branches.iter().map(|b| b.1).chain([otherwise]);
        otherwise = all.min_by_key(|a| a.precedence()).unwrap_or(otherwise);
        branches.clear();
    }
    while branches.last().is_some_and(|b| b.1 == otherwise) {
        branches.pop();
    }
    Ok((branches, otherwise))
}

/// Whether a condition asks for the instruction pointer.
pub(crate) fn asks_where(when: &Cond) -> bool {
    match when {
        Cond::True => false,
        Cond::Arg(test) => test.arg == ArgIndex::IP,
        Cond::All(all) | Cond::Any(all) => all.iter().any(asks_where),
        Cond::Not(inner) => asks_where(inner),
    }
}

fn speaks_of(which: &Call, call: Option<Syscall>, nr: u32) -> bool {
    match which {
        Call::Any => true,
        Call::Named(named) => Some(*named) == call,
        Call::Numbers(range) => range.contains(&nr),
    }
}

/// A number without a name: the first branch that holds decides, then `otherwise`.
pub(crate) struct FlatNumber {
    pub(crate) nr: u32,
    pub(crate) branches: Vec<(Conj, Action)>,
    pub(crate) otherwise: Action,
}

impl FlatCall {
    /// Which conditions lead to which action, such that those of different actions never hold at once,
    /// whatever their order. Conditions that lead to `default` are left out.
    pub(crate) fn regions(&self, default: Action) -> Result<Vec<(Conj, Action)>, TooMany> {
        let mut regions: Vec<(Conj, Action)> = Vec::new();
        let end = (Vec::new(), self.otherwise);
        for (i, (conj, action)) in self.branches.iter().chain([&end]).enumerate() {
            if *action == default {
                continue;
            }
            let mut parts = vec![conj.clone()];
            for (earlier, other) in &self.branches[..i] {
                if other == action {
                    continue;
                }
                let mut rest = Vec::new();
                for part in parts {
                    if part.iter().any(|a| earlier.iter().any(|b| excludes(a, b))) {
                        rest.push(part);
                        continue;
                    }
                    for test in earlier {
                        for negated in negate(test) {
                            let mut more = part.clone();
                            if !more.contains(&negated) {
                                more.push(negated);
                            }
                            if possible(&more) {
                                rest.push(more);
                            }
                        }
                    }
                    if rest.len() > BUDGET {
                        return Err(TooMany);
                    }
                }
                parts = rest;
            }
            regions.extend(parts.into_iter().map(|p| (p, *action)));
            if regions.len() > BUDGET {
                return Err(TooMany);
            }
        }
        Ok(reduce(regions))
    }
}

/// Leaves out what another conjunction with the same action covers.
fn reduce(regions: Vec<(Conj, Action)>) -> Vec<(Conj, Action)> {
    let covers = |a: &(Conj, Action), b: &(Conj, Action)| a.1 == b.1 && a.0.iter().all(|t| b.0.contains(t));
    let mut kept: Vec<(Conj, Action)> = Vec::new();
    for region in regions {
        if kept.iter().any(|k| covers(k, &region)) {
            continue;
        }
        kept.retain(|k| !covers(&region, k));
        kept.push(region);
    }
    kept
}

/// A condition as a choice of conjunctions; an empty conjunction always holds, an empty choice never.
pub(crate) fn alternatives(cond: &Cond) -> Result<Vec<Conj>, TooMany> {
    expand(cond, false)
}

fn expand(cond: &Cond, negated: bool) -> Result<Vec<Conj>, TooMany> {
    Ok(match (cond, negated) {
        (Cond::True, false) => vec![Vec::new()],
        (Cond::True, true) => Vec::new(),
        (Cond::Arg(test), false) if !satisfiable(test) => Vec::new(),
        (Cond::Arg(test), false) => vec![vec![*test]],
        (Cond::Arg(test), true) if !satisfiable(test) => vec![Vec::new()],
        (Cond::Arg(test), true) => negate(test).into_iter().map(|t| vec![t]).collect(),
        (Cond::Not(inner), _) => expand(inner, !negated)?,
        (Cond::Any(list), false) | (Cond::All(list), true) => {
            let mut any = Vec::new();
            for cond in list {
                any.extend(expand(cond, negated)?);
                if any.len() > BUDGET {
                    return Err(TooMany);
                }
            }
            any
        }
        (Cond::All(list), false) | (Cond::Any(list), true) => {
            let mut product = vec![Vec::new()];
            for cond in list {
                let factor = expand(cond, negated)?;
                if product.len().saturating_mul(factor.len()) > BUDGET {
                    return Err(TooMany);
                }
                let mut next = Vec::new();
                for left in &product {
                    for right in &factor {
                        let mut both: Conj = left.clone();
                        both.extend(right.iter().filter(|t| !left.contains(t)));
                        if both.len() > LONGEST {
                            return Err(TooMany);
                        }
                        if possible(&both) {
                            next.push(both);
                        }
                    }
                }
                product = next;
            }
            product
        }
    })
}

/// Whether a test can hold at all.
fn satisfiable(test: &ArgCmp) -> bool {
    let low = if test.width == Width::W32 { 0xffff_ffff } else { u64::MAX };
    match test.op {
        Op::Lt(v) => v & low != 0,
        Op::Gt(v) => v & low != low,
        Op::MaskedEq { mask, value } => value & low & !mask == 0,
        _ => true,
    }
}

/// The opposite of a satisfiable test, as tests of which any suffices.
pub(crate) fn negate(test: &ArgCmp) -> Vec<ArgCmp> {
    let with = |op| ArgCmp { op, ..*test };
    let low = if test.width == Width::W32 { 0xffff_ffff } else { u64::MAX };
    match test.op {
        Op::Eq(v) => vec![with(Op::Ne(v))],
        Op::Ne(v) => vec![with(Op::Eq(v))],
        Op::Lt(v) => vec![with(Op::Ge(v))],
        Op::Ge(v) if v & low == 0 => Vec::new(),
        Op::Ge(v) => vec![with(Op::Lt(v))],
        Op::Gt(v) => vec![with(Op::Le(v))],
        Op::Le(v) if v & low == low => Vec::new(),
        Op::Le(v) => vec![with(Op::Gt(v))],
        Op::MaskedEq { mask, value } => (0..64)
            .map(|bit| 1u64 << bit)
            .filter(|bit| mask & low & bit != 0)
            .map(|bit| with(Op::MaskedEq { mask: bit, value: !value & bit }))
            .collect(),
    }
}

/// Whether nothing obvious speaks against all the tests holding at once.
fn possible(conj: &Conj) -> bool {
    conj.iter().enumerate().all(|(i, a)| conj[..i].iter().all(|b| !excludes(a, b)))
}

/// Whether two tests certainly exclude each other.
fn excludes(a: &ArgCmp, b: &ArgCmp) -> bool {
    if a.arg != b.arg || a.width != b.width {
        return false;
    }
    let tests = [a, b].map(|t| t.op);
    Set::of(a.width, &tests).is_empty()
}

/// The values of one argument that pass some tests of one width.
pub(crate) struct Set {
    low: u64,
    lo: u64,
    hi: u64,
    mask: u64,
    value: u64,
    not: Vec<u64>,
    never: bool,
}

impl Set {
    /// The values that pass all of `tests`.
    pub(crate) fn of(width: Width, tests: &[Op]) -> Set {
        let low = if width == Width::W32 { 0xffff_ffff } else { u64::MAX };
        let mut set = Set { low, lo: 0, hi: low, mask: 0, value: 0, not: Vec::new(), never: false };
        for test in tests {
            match *test {
                Op::Eq(v) => set.within(v & low, v & low),
                Op::Lt(v) if v & low == 0 => set.never = true,
                Op::Lt(v) => set.within(0, (v & low) - 1),
                Op::Le(v) => set.within(0, v & low),
                Op::Gt(v) if v & low == low => set.never = true,
                Op::Gt(v) => set.within((v & low) + 1, low),
                Op::Ge(v) => set.within(v & low, low),
                Op::Ne(v) => set.not.push(v & low),
                Op::MaskedEq { mask, value } => {
                    let (mask, value) = (mask & low, value & low);
                    set.never |= value & !mask != 0 || set.mask & mask & (set.value ^ value) != 0;
                    set.mask |= mask;
                    set.value |= value;
                }
            }
        }
        set.not.sort_unstable();
        set.not.dedup();
        let keep = |v: &u64| v & set.mask == set.value && (set.lo..=set.hi).contains(v);
        set.not = set.not.iter().copied().filter(keep).collect();
        set
    }

    fn within(&mut self, lo: u64, hi: u64) {
        self.lo = self.lo.max(lo);
        self.hi = self.hi.min(hi);
    }

    /// Whether the set is certainly empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.never
            || self.lo > self.hi
            || (self.lo == self.hi && (self.lo & self.mask != self.value || self.not.contains(&self.lo)))
    }

    /// The set as single tests of which any suffices; the empty list is the empty set, and `None`
    /// stands for every value.
    pub(crate) fn single_tests(&self) -> Option<Vec<Op>> {
        if self.is_empty() {
            return Some(Vec::new());
        }
        if self.mask == 0 {
            return self.intervals();
        }
        let mut cubes = vec![(self.mask, self.value)];
        if (self.lo, self.hi) != (0, self.low) {
            cubes = prefixes(self.lo, self.hi, self.low)
                .into_iter()
                .filter(|(m, v)| m & self.mask & (v ^ self.value) == 0)
                .map(|(m, v)| (m | self.mask, v | self.value))
                .collect();
        }
        for point in &self.not {
            let mut rest = Vec::new();
            for (mask, value) in cubes {
                if point & mask != value {
                    rest.push((mask, value));
                    continue;
                }
                for bit in (0..64).map(|b| 1u64 << b).filter(|b| self.low & b & !mask != 0) {
                    rest.push((mask | bit, value | (!point & bit)));
                }
            }
            cubes = rest;
        }
        Some(cubes.into_iter().map(|(mask, value)| test_of(mask, value, self.low)).collect())
    }

    /// Without a mask: the interval with its holes.
    fn intervals(&self) -> Option<Vec<Op>> {
        if (self.lo, self.hi) == (0, self.low) {
            match self.not[..] {
                [] => return None,
                [v] => return Some(vec![Op::Ne(v)]),
                _ => {}
            }
        }
        let mut tests = Vec::new();
        let mut from = Some(self.lo);
        for point in &self.not {
            if let Some(lo) = from
                && lo < *point
            {
                interval(lo, point - 1, self.low, &mut tests);
            }
            from = point.checked_add(1);
        }
        if let Some(lo) = from
            && lo <= self.hi
        {
            interval(lo, self.hi, self.low, &mut tests);
        }
        Some(tests)
    }
}

/// An interval as tests: one where one says it, blocks that share their upper bits otherwise.
fn interval(lo: u64, hi: u64, low: u64, tests: &mut Vec<Op>) {
    if lo == hi {
        tests.push(Op::Eq(lo));
    } else if lo == 0 {
        tests.push(Op::Le(hi));
    } else if hi == low {
        tests.push(Op::Ge(lo));
    } else {
        tests.extend(prefixes(lo, hi, low).into_iter().map(|(m, v)| test_of(m, v, low)));
    }
}

fn test_of(mask: u64, value: u64, low: u64) -> Op {
    if mask & low == low { Op::Eq(value) } else { Op::MaskedEq { mask, value } }
}

/// The blocks an interval falls into: the fewest (mask, value) pairs that fix upper bits only.
pub(crate) fn prefixes(lo: u64, hi: u64, low: u64) -> Vec<(u64, u64)> {
    let mut blocks = Vec::new();
    let mut at = lo;
    loop {
        // The largest block that starts here and stays inside.
        let mut size = if at == 0 { 63 } else { at.trailing_zeros() };
        while size > 0 && (1u64 << size) - 1 > hi - at {
            size -= 1;
        }
        let inside = (1u64 << size) - 1;
        if at == 0 && hi == u64::MAX {
            return vec![(0, 0)];
        }
        blocks.push((low & !inside, at));
        match at.checked_add(inside).and_then(|last| last.checked_add(1)) {
            Some(next) if next <= hi => at = next,
            _ => return blocks,
        }
    }
}

/// The arguments a conjunction speaks of, in order.
pub(crate) fn arguments(conj: &Conj) -> Vec<ArgIndex> {
    let mut args: Vec<ArgIndex> = conj.iter().map(|t| t.arg).collect();
    args.sort_unstable();
    args.dedup();
    args
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate::SeccompData;
    use proptest::prelude::*;

    fn op() -> impl Strategy<Value = Op> {
        let v = prop_oneof![0u64..12, Just(u64::MAX), Just(u64::MAX - 1), Just(1 << 32), Just(0xffff_ffff)];
        (0..7, v.clone(), v).prop_map(|(kind, a, b)| match kind {
            0 => Op::Eq(a),
            1 => Op::Ne(a),
            2 => Op::Lt(a),
            3 => Op::Le(a),
            4 => Op::Gt(a),
            5 => Op::Ge(a),
            _ => Op::MaskedEq { mask: a, value: b & a },
        })
    }

    fn test() -> impl Strategy<Value = ArgCmp> {
        (0u8..2, op(), any::<bool>()).prop_map(|(arg, op, narrow)| ArgCmp {
            arg: ArgIndex::new(arg).unwrap(),
            width: if narrow { Width::W32 } else { Width::W64 },
            op,
        })
    }

    fn cond() -> impl Strategy<Value = Cond> {
        let leaf = prop_oneof![Just(Cond::True), test().prop_map(Cond::Arg)];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Cond::All),
                prop::collection::vec(inner.clone(), 0..3).prop_map(Cond::Any),
                inner.prop_map(|c| Cond::Not(Box::new(c))),
            ]
        })
    }

    fn args() -> impl Strategy<Value = [u64; 2]> {
        let v = prop_oneof![
            0u64..12,
            Just(u64::MAX),
            Just(1 << 32),
            Just(0xffff_ffff),
            Just(5 | 1 << 40),
            any::<u64>()
        ];
        [v.clone(), v]
    }

    fn data(args: [u64; 2]) -> SeccompData {
        SeccompData { args: [args[0], args[1], 0, 0, 0, 0], ..SeccompData::default() }
    }

    fn holds(conj: &Conj, args: [u64; 2]) -> bool {
        conj.iter().all(|t| t.holds(Arch::X86_64, &data(args)))
    }

    proptest! {
        #[test]
        fn alternatives_mean_the_condition(cond in cond(), args in args()) {
            let any = alternatives(&cond).unwrap();
            prop_assert_eq!(any.iter().any(|c| holds(c, args)), cond.holds(Arch::X86_64, &data(args)));
        }

        #[test]
        fn regions_mean_the_branches(
            branches in prop::collection::vec((prop::collection::vec(test(), 1..3), 0u16..3), 0..4),
            otherwise in 0u16..3,
            points in prop::collection::vec(args(), 20),
        ) {
            let action = |n| Action::Errno(callgate::Errno(n));
            let call = FlatCall {
                call: Syscall::from_name("read").unwrap(),
                branches: branches.into_iter().map(|(c, a)| (c, action(a))).filter(|b| b.0.iter().all(satisfiable)).collect(),
                otherwise: action(otherwise),
            };
            let Ok(regions) = call.regions(action(0)) else { return Ok(()) };
            for args in points {
                let wanted = call.branches.iter().find(|b| holds(&b.0, args)).map_or(call.otherwise, |b| b.1);
                let found: Vec<Action> = regions.iter().filter(|r| holds(&r.0, args)).map(|r| r.1).collect();
                prop_assert!(found.iter().all(|a| *a == wanted));
                prop_assert_eq!(found.is_empty(), wanted == action(0));
            }
        }

        #[test]
        fn single_tests_mean_the_set(tests in prop::collection::vec(op(), 0..4), narrow: bool, points in prop::collection::vec(args(), 10)) {
            let width = if narrow { Width::W32 } else { Width::W64 };
            let arg = ArgIndex::new(0).unwrap();
            let single = Set::of(width, &tests).single_tests();
            let conj: Conj = tests.iter().map(|op| ArgCmp { arg, width, op: *op }).collect();
            for args in points {
                let found = match &single {
                    None => true,
                    Some(any) => any.iter().any(|op| holds(&vec![ArgCmp { arg, width, op: *op }], args)),
                };
                prop_assert_eq!(found, holds(&conj, args));
            }
        }
    }
}
