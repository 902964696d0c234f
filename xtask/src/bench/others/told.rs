//! What another compiler is told of a policy, and whether its program does that.

use super::super::cases::{Case, cases};
use super::super::subject::Subject;
use crate::files::Result;
use callgate::syntax::action_text;
use callgate::{Action, Arch, ArgCmp, Call, Cond, Filter, Op, Policy, Program, Rule, Syscall, Width};
use std::ops::RangeInclusive;

/// A call's rule, as a list of cases of comparisons that hold together; one empty case is no condition.
pub(super) struct ToldRule {
    pub(super) nr: u32,
    pub(super) action: Action,
    pub(super) cases: Vec<Case>,
}

/// What a compiler is told: rules for x86_64, first match wins.
pub(super) struct Told {
    pub(super) rules: Vec<ToldRule>,
    pub(super) default: Action,
    pub(super) bad_arch: Action,
}

/// What a compiler has words for.
pub(super) struct Words {
    /// A comparison as it is told; `None` if it cannot be.
    pub(super) comparison: fn(ArgCmp) -> Option<ArgCmp>,
    /// Whether a call may have rules with different actions.
    pub(super) ordered: bool,
    /// The action for other architectures; `None` if it is told.
    pub(super) bad_arch: Option<Action>,
}

/// More numbers than anybody lists.
const RANGE: usize = 16;

impl Told {
    /// The policy in those words; an error says what is missing.
    pub(super) fn new(policy: &Policy, words: &Words) -> Result<Told> {
        if policy.arches != [Arch::X86_64] {
            return Err("it compiles for one architecture".into());
        }
        if !policy.foreign.is_empty() {
            return Err("no words for rules about other architectures".into());
        }
        let bad_arch = words.bad_arch.unwrap_or(policy.bad_arch);
        let mut told = Told { rules: Vec::new(), default: policy.default, bad_arch };
        for rule in &policy.rules {
            if !rule.arches.is_empty() && !rule.arches.contains(&Arch::X86_64) {
                continue;
            }
            let cases = cases(&rule.when).ok_or("a condition of too many cases")?;
            let comparison =
                |cmp: &ArgCmp| (words.comparison)(*cmp).ok_or_else(|| format!("no words for {:?}", cmp.op));
            let in_words = |case: &Case| case.iter().map(comparison).collect::<Result<Case>>();
            let cases: Vec<Case> = cases.iter().map(in_words).collect::<Result<_>>()?;
            if cases.is_empty() {
                continue;
            }
            for call in &rule.calls {
                for nr in numbers(call)? {
                    told.rules.push(ToldRule { nr, action: rule.action, cases: cases.clone() });
                }
            }
        }
        told.settle(words.ordered)?;
        Ok(told)
    }

    /// Leaves out what is behind a rule without condition, and rules that do what happens anyway.
    fn settle(&mut self, ordered: bool) -> Result<()> {
        let mut rules: Vec<ToldRule> = Vec::new();
        for rule in std::mem::take(&mut self.rules) {
            let same = |r: &&ToldRule| r.nr == rule.nr;
            if rules.iter().filter(same).any(|r| r.cases.contains(&Vec::new())) {
                continue;
            }
            rules.push(rule);
        }
        let actions = |nr: u32| {
            let mut actions: Vec<Action> = rules.iter().filter(|r| r.nr == nr).map(|r| r.action).collect();
            actions.dedup();
            actions
        };
        if !ordered && rules.iter().any(|rule| actions(rule.nr).len() > 1) {
            return Err("no words for rules about a call in their order".into());
        }
        let idle: Vec<bool> = rules.iter().map(|r| actions(r.nr) == [self.default]).collect();
        let kept = rules.into_iter().zip(idle).filter(|(_, idle)| !idle);
        self.rules = kept.map(|(rule, _)| rule).collect();
        Ok(())
    }

    /// The numbers with a rule, each once, with its rules in their order.
    pub(super) fn calls(&self) -> Vec<(u32, Vec<&ToldRule>)> {
        let mut calls: Vec<(u32, Vec<&ToldRule>)> = Vec::new();
        for rule in &self.rules {
            match calls.iter_mut().find(|(nr, _)| *nr == rule.nr) {
                Some((_, rules)) => rules.push(rule),
                None => calls.push((rule.nr, vec![rule])),
            }
        }
        calls
    }

    /// What was told, as a policy again. Numbers of x32 and those newer than any table are like any other.
    fn policy(&self) -> Policy {
        let all = |case: &Case| Cond::All(case.iter().map(|cmp| Cond::Arg(*cmp)).collect());
        let rule = |rule: &ToldRule| Rule {
            calls: vec![Call::Numbers(rule.nr..=rule.nr)],
            arches: Vec::new(),
            when: Cond::Any(rule.cases.iter().map(all).collect()),
            action: rule.action,
            origin: callgate::Origin::default(),
        };
        Policy {
            arches: vec![Arch::X86_64],
            rules: self.rules.iter().map(rule).collect(),
            bad_arch: self.bad_arch,
            x32: Some(self.default),
            ..Policy::new(self.default)
        }
    }

    /// The subject with what was told in the place of its policy.
    pub(super) fn subject(&self, subject: &Subject) -> Result<Subject> {
        let policy = self.policy();
        let filter = policy.lower().map_err(|e| format!("{}: {e}", subject.name))?;
        let (events, profile) = (subject.events.clone(), subject.profile.clone());
        Ok(Subject { name: subject.name.clone(), policy, filter, events, profile })
    }

    /// What the program is beside the subject's filter: `equal`; or, if it does what it was told, in what that differs;
    /// or a call that it answers otherwise.
    pub(super) fn meaning(&self, program: &Program, subject: &Subject) -> Result<String> {
        let odd = |e: &dyn std::fmt::Display| format!("{}: {e}", subject.name);
        let filter = program.lift().map_err(|e| odd(&e))?;
        if filter == subject.filter {
            return Ok("equal".into());
        }
        let told = self.policy();
        let meant = told.lower().map_err(|e| odd(&e))?;
        if filter != meant {
            return difference(&filter, &meant).map_err(|e| odd(&e));
        }
        let ours = &subject.policy;
        let mut not_told = Vec::new();
        let alike = Policy { bad_arch: ours.bad_arch, x32: ours.x32, unknown: ours.unknown, ..told.clone() };
        if alike.lower().map_err(|e| odd(&e))? != subject.filter {
            not_told.push("widths");
        }
        if told.x32 != Some(ours.x32.unwrap_or(ours.bad_arch)) {
            not_told.push("x32");
        }
        if told.bad_arch != ours.bad_arch {
            not_told.push("other architectures");
        }
        if ours.unknown.is_some_and(|unknown| unknown != ours.default) {
            not_told.push("new numbers");
        }
        Ok(format!("but for {}", not_told.join(", ")))
    }
}

/// A call that two filters answer differently, and how.
pub(in crate::bench) fn difference(theirs: &Filter, meant: &Filter) -> Result<String> {
    let call = theirs.counterexample(meant, |a, b| a != b).map_err(|e| e.to_string())?;
    let call = call.ok_or("two filters differ for no call")?;
    let arch = Arch::ALL.iter().copied().find(|arch| arch.token() == call.arch);
    let name = match arch.map(|arch| (arch, Syscall::from_number(arch, call.nr))) {
        Some((_, Some(name))) => name.name().to_string(),
        Some((arch, None)) => format!("number {:#x} of {}", call.nr, arch.name()),
        None => format!("number {:#x} of architecture {:#x}", call.nr, call.arch),
    };
    let told = call.args.iter().rposition(|arg| *arg != 0).map_or(0, |last| last + 1);
    let args: Vec<String> = call.args[..told].iter().map(|arg| format!("{arg:#x}")).collect();
    let [is, should] = [theirs, meant].map(|filter| action_text(*filter.eval(&call)));
    Ok(format!("differs: {name}({}): {is}, not {should}", args.join(", ")))
}

fn numbers(call: &Call) -> Result<RangeInclusive<u32>> {
    match call {
        Call::Any => Err("no words for every call".into()),
        Call::Named(call) => Ok(match call.number(Arch::X86_64) {
            Some(nr) => nr..=nr,
            #[expect(clippy::reversed_empty_ranges, reason = "a call that x86_64 has not is no number")]
            None => 1..=0,
        }),
        Call::Numbers(range) if range.clone().count() <= RANGE => Ok(range.clone()),
        Call::Numbers(_) => Err("no words for ranges of numbers".into()),
    }
}

/// The value of a comparison of 32 bits, whatever stands above them.
pub(super) fn narrow(op: Op) -> Op {
    let low = |value: u64| value & 0xffff_ffff;
    match op {
        Op::Eq(v) => Op::Eq(low(v)),
        Op::Ne(v) => Op::Ne(low(v)),
        Op::Lt(v) => Op::Lt(low(v)),
        Op::Le(v) => Op::Le(low(v)),
        Op::Gt(v) => Op::Gt(low(v)),
        Op::Ge(v) => Op::Ge(low(v)),
        Op::MaskedEq { mask, value } => Op::MaskedEq { mask: low(mask), value: low(value) },
    }
}

/// A comparison for compilers that compare 64 bits: of 32 bits, a mask is one of 64 that looks at those.
pub(super) fn wide(cmp: ArgCmp) -> ArgCmp {
    let op = if cmp.width == Width::W32 { narrow(cmp.op) } else { cmp.op };
    ArgCmp { width: Width::W64, op, ..cmp }
}

/// A test as the drivers read it: its word, the value, and the mask.
pub(super) fn spelled_op(op: Op) -> (&'static str, u64, u64) {
    match op {
        Op::Eq(v) => ("eq", v, 0),
        Op::Ne(v) => ("ne", v, 0),
        Op::Lt(v) => ("lt", v, 0),
        Op::Le(v) => ("le", v, 0),
        Op::Gt(v) => ("gt", v, 0),
        Op::Ge(v) => ("ge", v, 0),
        Op::MaskedEq { mask, value } => ("masked", value, mask),
    }
}
