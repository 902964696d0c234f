//! Rules. One statement becomes one rule, unless its names mean different numbers for different calls
//! or architectures.

use super::Lowering;
use super::argument::Env;
use super::when::Needs;
use crate::policy::{ArgCmp, Call, Cond, Op, Rule};
use crate::syntax::ast::{self, TargetKind};
use crate::syntax::lexer::Loc;
use callgate_abi::{Action, Arch, Width};

impl Lowering<'_> {
    /// Appends the rules of a statement, or reports what is wrong with it.
    pub(super) fn rule(&mut self, rule: &ast::Rule, loc: Loc) {
        let numbers = rule.targets.iter().any(|t| matches!(t.kind, TargetKind::Numbers(..)));
        let Some(on) = self.on(&rule.on, numbers) else { return };
        let mut arches: Vec<Arch> = Vec::new();
        for arch in if on.is_empty() { &self.arches } else { &on } {
            if self.arches.contains(arch) && !arches.contains(arch) {
                arches.push(*arch);
            }
        }
        let calls = self.targets(&rule.targets, &arches);
        // A wrong name among the calls says nothing about the condition: go on with the others.
        let whens = match &rule.when {
            None => Some(vec![(calls.clone().unwrap_or_default(), on, Cond::True)]),
            Some(cond) => {
                let needs = self.needs(cond);
                self.conditional(
                    cond,
                    rule.unchecked,
                    needs,
                    calls.as_deref().unwrap_or_default(),
                    on,
                    &arches,
                )
            }
        };
        let (Some(_), Some(whens)) = (calls, whens) else { return };
        for (calls, arches, when) in whens {
            self.push(calls, arches, when, rule.action, loc);
        }
    }

    fn push(&mut self, calls: Vec<Call>, arches: Vec<Arch>, when: Cond, action: Action, loc: Loc) {
        let origin = self.origin(loc);
        self.rules.push(Rule { calls, arches, when, action, origin });
        let span = self.span(loc);
        self.rule_spans.push(span);
    }

    /// The condition for every call and architecture, equal ones gathered.
    fn conditional(
        &mut self,
        cond: &ast::Cond,
        unchecked: bool,
        needs: Needs,
        calls: &[Call],
        on: Vec<Arch>,
        arches: &[Arch],
    ) -> Option<Vec<(Vec<Call>, Vec<Arch>, Cond)>> {
        let narrow = !arches.is_empty() && arches.iter().all(|a| a.register_bits() == 32);
        let env = Env { call: None, arch: None, narrow, unchecked };
        if !needs.arch || arches.is_empty() {
            return Some(vec![(calls.to_vec(), on, self.cond(cond, env)?)]);
        }
        let mut conds = Vec::new();
        let mut rows = Vec::with_capacity(calls.len());
        if needs.call {
            for call in calls {
                let named = if let Call::Named(call) = call { Some(*call) } else { None };
                let exists = |arch| named.is_none_or(|c| c.number(arch).is_some());
                let row = self.row(cond, Env { call: named, ..env }, arches, exists, &mut conds);
                rows.push(row.map(|row| (vec![call.clone()], row)));
            }
        } else {
            let row = self.row(cond, env, arches, |_| true, &mut conds);
            rows.push(row.map(|row| (calls.to_vec(), row)));
        }
        let rows: Option<Vec<_>> = rows.into_iter().collect();
        Some(gather(rows?, conds, on, arches))
    }

    /// For one call: the index into the conditions for every architecture that has it.
    fn row(
        &mut self,
        cond: &ast::Cond,
        env: Env,
        arches: &[Arch],
        exists: impl Fn(Arch) -> bool,
        conds: &mut Vec<Cond>,
    ) -> Option<Vec<Option<usize>>> {
        let mut row = vec![None; arches.len()];
        let mut fine = true;
        // Wide architectures first: a narrow one may share their condition, but not the reverse.
        for bits in [64, 32] {
            for (i, arch) in arches.iter().enumerate().filter(|a| a.1.register_bits() == bits) {
                if !exists(*arch) {
                    continue;
                }
                let Some(lowered) = self.cond(cond, Env { arch: Some(*arch), ..env }) else {
                    fine = false;
                    continue;
                };
                let same = |c: &Cond| *c == lowered || (bits == 32 && same_when_narrow(c, &lowered));
                row[i] = Some(conds.iter().position(same).unwrap_or_else(|| {
                    conds.push(lowered);
                    conds.len() - 1
                }));
            }
        }
        fine.then_some(row)
    }
}

/// Calls with the condition's index for each architecture; `None` where the call does not exist.
type Row = (Vec<Call>, Vec<Option<usize>>);

/// Rows to rules: one for each condition and set of architectures. The rules of one statement have one
/// action, so their order does not matter.
fn gather(
    rows: Vec<Row>,
    conds: Vec<Cond>,
    on: Vec<Arch>,
    arches: &[Arch],
) -> Vec<(Vec<Call>, Vec<Arch>, Cond)> {
    // Calls that exist nowhere go where they do no harm: with the first rule.
    let (rows, nowhere): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|r| r.1.iter().any(Option::is_some));
    let mut nowhere: Vec<Call> = nowhere.into_iter().flat_map(|r| r.0).collect();
    let mut rules: Vec<(Vec<Call>, Vec<Arch>, Cond)> = Vec::new();
    for (id, cond) in conds.into_iter().enumerate() {
        let first = rules.len();
        for (calls, row) in &rows {
            let here = |cell: &Option<usize>| *cell == Some(id);
            if !row.iter().any(here) {
                continue;
            }
            let everywhere = row.iter().all(|cell| cell.is_none() || here(cell));
            let limited = if everywhere {
                on.clone()
            } else {
                arches.iter().zip(row).filter(|(_, cell)| here(cell)).map(|(arch, _)| *arch).collect()
            };
            match rules[first..].iter_mut().find(|r| r.1 == limited) {
                Some(rule) => rule.0.extend(calls.iter().cloned()),
                None => rules.push((calls.clone(), limited, cond.clone())),
            }
        }
    }
    match rules.first_mut() {
        Some(rule) => {
            nowhere.append(&mut rule.0);
            rule.0 = nowhere;
        }
        None => rules.push((nowhere, on, Cond::Any(Vec::new()))),
    }
    rules
}

/// Whether two conditions are one on architectures with 32-bit registers, where no argument has an
/// upper half.
fn same_when_narrow(a: &Cond, b: &Cond) -> bool {
    match (a, b) {
        (Cond::True, Cond::True) => true,
        (Cond::Arg(a), Cond::Arg(b)) => a.arg == b.arg && narrow(a) == narrow(b),
        (Cond::Not(a), Cond::Not(b)) => same_when_narrow(a, b),
        (Cond::All(a), Cond::All(b)) | (Cond::Any(a), Cond::Any(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_when_narrow(a, b))
        }
        _ => false,
    }
}

fn narrow(cmp: &ArgCmp) -> Op {
    let low = |v: u64| v & u64::from(u32::MAX);
    let cut = |v: u64| if cmp.width == Width::W32 { low(v) } else { v };
    match cmp.op {
        Op::Eq(v) => Op::Eq(cut(v)),
        Op::Ne(v) => Op::Ne(cut(v)),
        Op::Lt(v) => Op::Lt(cut(v)),
        Op::Le(v) => Op::Le(cut(v)),
        Op::Gt(v) => Op::Gt(cut(v)),
        Op::Ge(v) => Op::Ge(cut(v)),
        Op::MaskedEq { mask, value } => Op::MaskedEq { mask: low(mask), value: cut(value) },
    }
}
