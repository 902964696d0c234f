//! From rules to a policy. The programs easyseccomp makes look at numbers and low words alone, under
//! whatever architecture, unless a rule asks for `$arch`.

use super::read::Relation;
use crate::import::{Collect, Effect};
use crate::options::Options;
use crate::place::Error;
use crate::scan::{Pos, Source};
use callgate::abi::Kernel;
use callgate::{Action, Arch, ArgCmp, ArgIndex, Call, Cond, Op, Policy, Rule, Syscall, Width};
use std::ops::RangeInclusive;

/// What a test is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Variable {
    Arch,
    Syscall,
    Arg(u8),
}

/// A number, or a name and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Value {
    Number(u32),
    Name(String, Pos),
}

/// One test of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Test {
    Compare { variable: Variable, mask: Option<Value>, relation: Relation, value: Value, pos: Pos },
    In { variable: Variable, negated: bool, values: Vec<Value>, pos: Pos },
    Kernel { variable: Variable, version: String, pos: Pos },
}

/// Collects the rules of a policy.
pub(super) struct Lower<'a> {
    source: &'a Source,
    host: Arch,
    rules: Vec<Pending>,
    default: Option<Action>,
}

/// A rule whose architectures are not resolved yet.
struct Pending {
    numbers: Vec<RangeInclusive<u32>>,
    when: Cond,
    /// The tokens the rule is limited to.
    only: Option<Vec<u32>>,
    /// The tokens the rule is not for.
    not: Vec<u32>,
    action: Action,
    pos: Pos,
}

impl<'a> Lower<'a> {
    pub(super) fn new(source: &'a Source, options: &Options) -> Lower<'a> {
        Lower { source, host: options.host, rules: Vec::new(), default: None }
    }

    /// Adds a rule; without tests it ends the policy.
    pub(super) fn rule(
        &mut self,
        tests: &[Test],
        action: Action,
        pos: Pos,
        collect: &mut Collect,
    ) -> Result<(), Error> {
        if self.default.is_some() {
            collect.note(self.source.place(pos), "never reached: a rule above has no condition");
            return Ok(());
        }
        if tests.is_empty() {
            self.default = Some(action);
            return Ok(());
        }
        let mut rule = Pending {
            numbers: vec![0..=u32::MAX],
            when: Cond::True,
            only: None,
            not: Vec::new(),
            action,
            pos,
        };
        let effect = if action.permits() { Effect::Stricter } else { Effect::Weaker };
        for test in tests {
            self.apply(test, &mut rule, effect, collect)?;
        }
        self.rules.push(rule);
        Ok(())
    }

    fn apply(
        &self,
        test: &Test,
        rule: &mut Pending,
        effect: Effect,
        collect: &mut Collect,
    ) -> Result<(), Error> {
        match test {
            Test::Kernel { variable: Variable::Syscall, version, pos } => {
                let Some(kernel) = Kernel::from_release(version) else {
                    return Err(self.source.error(*pos, format!("{version} is no kernel version")));
                };
                let here = Syscall::of_arch(self.host);
                let known = here.filter(|(_, call)| call.since(self.host).is_some_and(|k| k <= kernel));
                intersect(&mut rule.numbers, &known.map(|(nr, _)| nr..=nr).collect::<Vec<_>>());
            }
            Test::Kernel { pos, .. } => {
                return Err(self.source.error(*pos, "KERNEL() is a set of system calls"));
            }
            Test::In { variable, negated, values, pos } => {
                let mut numbers = Vec::new();
                for value in values {
                    // A call without a number on this architecture is left out of a set.
                    match self.value(*variable, value, *pos, effect, collect)? {
                        Some(Some(number)) => numbers.push(number),
                        Some(None) => {}
                        None => return Ok(()),
                    }
                }
                self.among(*variable, *negated, &numbers, rule);
            }
            Test::Compare { variable, mask, relation, value, pos } => {
                let number = match self.value(*variable, value, *pos, effect, collect)? {
                    Some(Some(number)) => number,
                    Some(None) => {
                        let what = format!(
                            "the call has no number on {}; easyseccomp would apply the action to every call",
                            self.host.name()
                        );
                        return Err(self.source.error(*pos, what));
                    }
                    None => return Ok(()),
                };
                let mask = match mask {
                    None => None,
                    Some(mask) => match self.value(*variable, mask, *pos, effect, collect)? {
                        Some(Some(mask)) => Some(mask),
                        _ => return Err(self.source.error(*pos, "expected a number as the mask")),
                    },
                };
                self.compare(*variable, mask, *relation, number, *pos, rule)?;
            }
        }
        Ok(())
    }

    fn compare(
        &self,
        variable: Variable,
        mask: Option<u32>,
        relation: Relation,
        value: u32,
        pos: Pos,
        rule: &mut Pending,
    ) -> Result<(), Error> {
        match (variable, mask) {
            (Variable::Arg(index), mask) => and(&mut rule.when, masked(index, mask, relation, value)),
            (_, Some(_)) => return Err(self.source.error(pos, "only arguments can be masked")),
            (Variable::Syscall, None) => {
                let ranges = match relation {
                    Relation::Eq => vec![value..=value],
                    Relation::Ne => complement(&[value]),
                    Relation::Lt => value.checked_sub(1).map(|last| 0..=last).into_iter().collect(),
                    Relation::Le => vec![0..=value],
                    Relation::Gt => value.checked_add(1).map(|first| first..=u32::MAX).into_iter().collect(),
                    Relation::Ge => vec![value..=u32::MAX],
                };
                intersect(&mut rule.numbers, &ranges);
            }
            (Variable::Arch, None) => match relation {
                Relation::Eq => self.among(variable, false, &[value], rule),
                Relation::Ne => self.among(variable, true, &[value], rule),
                _ => return Err(self.source.error(pos, "$arch can only be equal or not")),
            },
        }
        Ok(())
    }

    fn among(&self, variable: Variable, negated: bool, values: &[u32], rule: &mut Pending) {
        match variable {
            Variable::Arg(index) => {
                let any = Cond::Any(values.iter().map(|v| masked(index, None, Relation::Eq, *v)).collect());
                and(&mut rule.when, if negated { Cond::Not(Box::new(any)) } else { any });
            }
            Variable::Syscall if negated => intersect(&mut rule.numbers, &complement(values)),
            Variable::Syscall => {
                intersect(&mut rule.numbers, &values.iter().map(|v| *v..=*v).collect::<Vec<_>>());
            }
            Variable::Arch if negated => rule.not.extend(values),
            Variable::Arch => {
                let kept = |token: &u32| rule.only.as_ref().is_none_or(|only| only.contains(token));
                rule.only = Some(values.iter().copied().filter(kept).collect());
            }
        }
    }

    /// The number of a value; the inner `None` for a call without one here, the outer for an unknown
    /// name, which has been reported.
    fn value(
        &self,
        variable: Variable,
        value: &Value,
        pos: Pos,
        effect: Effect,
        collect: &mut Collect,
    ) -> Result<Option<Option<u32>>, Error> {
        let (name, at) = match value {
            Value::Number(number) => return Ok(Some(Some(*number))),
            Value::Name(name, at) => (name, *at),
        };
        match variable {
            Variable::Arg(_) => Err(self.source.error(pos, "arguments are compared with numbers only")),
            Variable::Arch => match token(name) {
                Some(token) => Ok(Some(Some(token))),
                None => {
                    let known = Arch::ALL.iter().map(|a| a.name());
                    collect.unknown_in(self.source, "architecture", name, at, effect, known);
                    Ok(None)
                }
            },
            Variable::Syscall => {
                let (call, arch) = match name.split_once('@') {
                    None => (name.as_str(), Some(self.host)),
                    Some((call, arch)) => (call, Arch::from_name(arch)),
                };
                let Some(arch) = arch else {
                    return Err(self.source.error(at, format!("unknown architecture in @{name}")));
                };
                match Syscall::from_name(call) {
                    Some(call) => Ok(Some(call.number(arch))),
                    None => {
                        let known = Syscall::all().map(Syscall::name);
                        collect.unknown_in(self.source, "system call", call, at, effect, known);
                        Ok(None)
                    }
                }
            }
        }
    }

    /// The policy.
    pub(super) fn finish(self, collect: &mut Collect) -> Result<Policy, Error> {
        collect.check()?;
        let Some(default) = self.default else {
            return Err(self.source.error(Pos::default(), "the last rule must have no condition"));
        };
        // Every architecture a rule names is listed; the rest is foreign.
        let mut arches = vec![self.host];
        for token in self.rules.iter().flat_map(|r| r.only.iter().flatten().chain(&r.not)) {
            if let Some(arch) = Arch::ALL.iter().find(|a| a.token() == *token && **a != Arch::X32)
                && !arches.contains(arch)
            {
                arches.push(*arch);
            }
        }
        let mut policy = Policy { bad_arch: default, x32: Some(default), ..Policy::new(default) };
        for rule in &self.rules {
            let here: Vec<Arch> = arches
                .iter()
                .copied()
                .filter(|a| rule.only.as_ref().is_none_or(|only| only.contains(&a.token())))
                .filter(|a| !rule.not.contains(&a.token()))
                .collect();
            let written = |arches: Vec<Arch>| Rule {
                calls: rule.numbers.iter().cloned().map(Call::Numbers).collect(),
                arches,
                when: rule.when.clone(),
                action: rule.action,
                origin: self.source.origin(rule.pos),
            };
            if !here.is_empty() {
                policy.rules.push(written(if here.len() == arches.len() { Vec::new() } else { here }));
            }
            if rule.only.is_none() {
                policy.foreign.push(written(Vec::new()));
            }
        }
        policy.arches = arches;
        Ok(policy)
    }
}

/// What `$arch` is compared with for a name of libseccomp's. x32 has a token there that no call has.
fn token(name: &str) -> Option<u32> {
    match name {
        "x32" => Some(0x4000_003e),
        _ => Arch::from_name(name).map(Arch::token),
    }
}

fn and(when: &mut Cond, more: Cond) {
    *when = match std::mem::replace(when, Cond::True) {
        Cond::True => more,
        Cond::All(mut all) => {
            all.push(more);
            Cond::All(all)
        }
        one => Cond::All(vec![one, more]),
    };
}

/// A test of an argument's low word, of the bits of a mask if there is one.
fn masked(index: u8, mask: Option<u32>, relation: Relation, value: u32) -> Cond {
    let Some(arg) = ArgIndex::new(index) else { return Cond::Any(Vec::new()) };
    let test = |op| Cond::Arg(ArgCmp { arg, width: Width::W32, op });
    let v = u64::from(value);
    let Some(mask) = mask.filter(|m| *m != u32::MAX) else {
        return test(match relation {
            Relation::Eq => Op::Eq(v),
            Relation::Ne => Op::Ne(v),
            Relation::Lt => Op::Lt(v),
            Relation::Le => Op::Le(v),
            Relation::Gt => Op::Gt(v),
            Relation::Ge => Op::Ge(v),
        });
    };
    let equal = |value: u32| match value & !mask {
        0 => test(Op::MaskedEq { mask: mask.into(), value: value.into() }),
        _ => Cond::Any(Vec::new()),
    };
    // Below a value: equal to it in the higher bits, and 0 where it has a 1.
    let below = |value: u32| {
        let mut any = Vec::new();
        for bit in (0..32).rev().map(|b| 1u32 << b) {
            let higher = !(bit | (bit - 1));
            if value & bit != 0 {
                let seen = mask & (higher | bit);
                any.push(match seen {
                    0 => Cond::True,
                    _ => test(Op::MaskedEq { mask: seen.into(), value: (value & mask & higher).into() }),
                });
                if mask & bit == 0 {
                    break;
                }
            }
        }
        Cond::Any(any)
    };
    let not = |cond| Cond::Not(Box::new(cond));
    match relation {
        Relation::Eq => equal(value),
        Relation::Ne => not(equal(value)),
        Relation::Lt => below(value),
        Relation::Ge => not(below(value)),
        Relation::Le => value.checked_add(1).map_or(Cond::True, below),
        Relation::Gt => value.checked_add(1).map_or(Cond::Any(Vec::new()), |v| not(below(v))),
    }
}

/// Every number but these.
fn complement(values: &[u32]) -> Vec<RangeInclusive<u32>> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut out = Vec::new();
    let mut from = Some(0u32);
    for value in sorted {
        if let Some(first) = from.filter(|f| *f < value) {
            out.push(first..=value - 1);
        }
        from = value.checked_add(1);
    }
    out.extend(from.map(|first| first..=u32::MAX));
    out
}

fn intersect(numbers: &mut Vec<RangeInclusive<u32>>, with: &[RangeInclusive<u32>]) {
    let mut out = Vec::new();
    for a in numbers.iter() {
        for b in with {
            let (first, last) = (*a.start().max(b.start()), *a.end().min(b.end()));
            if first <= last {
                out.push(first..=last);
            }
        }
    }
    out.sort_unstable_by_key(|r| (*r.start(), *r.end()));
    out.dedup();
    *numbers = out;
}
