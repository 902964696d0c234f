//! Conditions as lists of cases: each case a list of comparisons that hold together.

use callgate::{Arch, ArgCmp, Call, Cond, Decided, Op, Policy, Rule, SeccompData, Width};

/// Comparisons that hold together.
pub(super) type Case = Vec<ArgCmp>;

/// More cases than any rule that people write.
const MOST: usize = 1000;

/// The condition's cases; `None` if there are more than a thousand.
pub(super) fn cases(cond: &Cond) -> Option<Vec<Case>> {
    of(cond, true)
}

fn of(cond: &Cond, wanted: bool) -> Option<Vec<Case>> {
    match cond {
        Cond::True => Some(if wanted { vec![Vec::new()] } else { Vec::new() }),
        Cond::Arg(cmp) => Some(comparison(*cmp, wanted)),
        Cond::Not(inner) => of(inner, !wanted),
        Cond::All(parts) => {
            if wanted {
                product(parts, wanted)
            } else {
                sum(parts, wanted)
            }
        }
        Cond::Any(parts) => {
            if wanted {
                sum(parts, wanted)
            } else {
                product(parts, wanted)
            }
        }
    }
}

fn sum(parts: &[Cond], wanted: bool) -> Option<Vec<Case>> {
    let mut all = Vec::new();
    for part in parts {
        all.extend(of(part, wanted)?);
    }
    (all.len() <= MOST).then_some(all)
}

fn product(parts: &[Cond], wanted: bool) -> Option<Vec<Case>> {
    let mut all: Vec<Case> = vec![Vec::new()];
    for part in parts {
        let more = of(part, wanted)?;
        if all.len() * more.len() > MOST {
            return None;
        }
        let with = |case: &Case| more.iter().map(|m| [&case[..], &m[..]].concat()).collect::<Vec<_>>();
        all = all.iter().flat_map(with).collect();
    }
    Some(all)
}

fn comparison(cmp: ArgCmp, wanted: bool) -> Vec<Case> {
    let one = |op| vec![vec![ArgCmp { op, ..cmp }]];
    match (cmp.op, wanted) {
        (Op::MaskedEq { mask, value }, _) if value & !mask != 0 => {
            if wanted {
                Vec::new()
            } else {
                vec![Vec::new()]
            }
        }
        (op, true) => one(op),
        (Op::Eq(v), false) => one(Op::Ne(v)),
        (Op::Ne(v), false) => one(Op::Eq(v)),
        (Op::Lt(v), false) => one(Op::Ge(v)),
        (Op::Le(v), false) => one(Op::Gt(v)),
        (Op::Gt(v), false) => one(Op::Le(v)),
        (Op::Ge(v), false) => one(Op::Lt(v)),
        // Unequal under a mask: one bit of it is different.
        (Op::MaskedEq { mask, value }, false) => (0..64)
            .map(|bit| 1u64 << bit)
            .filter(|bit| mask & bit != 0)
            .map(|bit| vec![ArgCmp { op: Op::MaskedEq { mask: bit, value: !value & bit }, ..cmp }])
            .collect(),
    }
}

/// Arguments for every case of the rules about a call that can decide it; zeros where no rule asks.
pub(super) fn alternatives(policy: &Policy, arch: Arch, nr: u32) -> Vec<[u64; 6]> {
    let mut found: Vec<[u64; 6]> = Vec::new();
    for (i, rule) in policy.rules.iter().enumerate().filter(|(_, rule)| concerns(rule, arch, nr)) {
        for case in cases(&rule.when).unwrap_or_default() {
            let Some(args) = satisfying(&case, arch) else { continue };
            let data = SeccompData { nr, arch: arch.token(), ip: 0, args };
            if policy.decide(&data) == Decided::Rule(i as u32) && !found.contains(&args) {
                found.push(args);
            }
        }
    }
    if found.is_empty() {
        found.push([0; 6]);
    }
    found
}

/// Whether the rule may decide the call.
fn concerns(rule: &Rule, arch: Arch, nr: u32) -> bool {
    (rule.arches.is_empty() || rule.arches.contains(&arch))
        && rule.calls.iter().any(|call| match call {
            Call::Any => true,
            Call::Named(call) => call.number(arch) == Some(nr),
            Call::Numbers(range) => range.contains(&nr),
        })
}

/// Arguments for which all of these hold, if looking at the numbers they name finds some.
pub(super) fn satisfying(case: &Case, arch: Arch) -> Option<[u64; 6]> {
    let mut args = [0u64; 6];
    for (index, arg) in args.iter_mut().enumerate() {
        let mine: Vec<&ArgCmp> = case.iter().filter(|c| usize::from(c.arg.get()) == index).collect();
        let set = mine.iter().fold(0, |bits, c| match c.op {
            Op::MaskedEq { value, .. } => bits | value,
            _ => bits,
        });
        let mut candidates = vec![0, set];
        for cmp in &mine {
            candidates.extend(match cmp.op {
                Op::Eq(v) | Op::Le(v) | Op::Ge(v) => vec![v],
                Op::Ne(v) => vec![v ^ 1, v.wrapping_add(2)],
                Op::Lt(v) => vec![v.wrapping_sub(1)],
                Op::Gt(v) => vec![v.wrapping_add(1)],
                Op::MaskedEq { value, .. } => vec![value],
            });
        }
        let narrow = |v: u64, cmp: &ArgCmp| if cmp.width == Width::W32 { v & 0xffff_ffff } else { v };
        *arg = candidates.into_iter().map(|v| mine.iter().fold(v, |v, c| narrow(v, c))).find(|v| {
            let mut data = SeccompData { arch: arch.token(), ..SeccompData::default() };
            data.args[index] = *v;
            mine.iter().all(|c| c.holds(arch, &data))
        })?;
    }
    Some(args)
}
