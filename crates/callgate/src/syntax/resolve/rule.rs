//! Rules. One statement becomes one rule, unless its names mean different numbers for different calls
//! or architectures.

use super::Resolver;
use super::argument::Env;
use super::groups::{Member, Part};
use super::when::Needs;
use crate::policy::{ArgCmp, Call, Cond, Op, Rule};
use crate::syntax::ast::{self, Kind, TargetKind};
use crate::syntax::lexer::Loc;
use callgate_abi::{Action, Arch, Width};

impl Resolver<'_> {
    /// Appends the rules of a statement, or reports what is wrong with it.
    pub(super) fn rule(&mut self, rule: &ast::Rule, loc: Loc) {
        let rules = self.rules_of(rule, loc);
        let span = self.span(loc);
        self.ruled.spans.extend(rules.iter().map(|_| span.clone()));
        self.ruled.rules.extend(rules);
    }

    /// The same for a rule about unlisted architectures, where names mean nothing.
    pub(super) fn foreign_rule(&mut self, rule: &ast::Rule, loc: Loc) {
        let listed = std::mem::take(&mut self.arches);
        let rules = self.rules_of(rule, loc);
        self.arches = listed;
        let span = self.span(loc);
        self.foreign.spans.extend(rules.iter().map(|_| span.clone()));
        self.foreign.rules.extend(rules);
    }

    pub(super) fn rules_of(&mut self, rule: &ast::Rule, loc: Loc) -> Vec<Rule> {
        let numbers = rule.targets.iter().any(|t| matches!(t.kind, TargetKind::Numbers(..)));
        let Some(on) = self.on(&rule.on, numbers) else { return Vec::new() };
        let arches = effective(&self.arches, &on);
        let members = self.targets(&rule.targets, &arches);
        // A wrong name among the calls says nothing about the condition: go on with the others.
        let mut whens = Vec::new();
        let mut fine = members.is_some();
        for (when, calls) in self.by_condition(members.unwrap_or_default()) {
            let files = self.files;
            let mut parts = Vec::new();
            if let Some(part) = when
                && let Kind::Rule(member) = &files.files[part.file].statements[part.statement].kind
                && let Some(cond) = &member.when
            {
                parts.push((part.file, cond));
            }
            parts.extend(rule.when.as_ref().map(|cond| (self.file, cond)));
            match self.conditional(&parts, rule, &calls, on.clone(), &arches) {
                Some(rules) => whens.extend(rules),
                None => fine = false,
            }
        }
        if !fine {
            return Vec::new();
        }
        let origin = self.origin(loc);
        let build =
            |(calls, arches, when)| Rule { calls, arches, when, action: rule.action, origin: origin.clone() };
        whens.into_iter().map(build).collect()
    }

    /// Members by condition, those without one first (none at all: an empty list of them).
    fn by_condition(&self, members: Vec<Member>) -> Vec<(Option<Part>, Vec<Call>)> {
        if members.iter().all(|m| m.when.is_none()) {
            return vec![(None, members.into_iter().map(|m| m.call).collect())];
        }
        let mut all: Vec<(Option<Part>, Vec<Call>)> = Vec::new();
        let (always, sometimes): (Vec<_>, Vec<_>) = members.into_iter().partition(|m| m.when.is_none());
        if !always.is_empty() || sometimes.is_empty() {
            all.push((None, always.into_iter().map(|m| m.call).collect()));
        }
        for member in sometimes {
            let written = member.when.and_then(|part| self.condition_text(part));
            let same = |other: &Option<Part>| other.and_then(|part| self.condition_text(part)) == written;
            match all.iter_mut().find(|(when, _)| when.is_some() && same(when)) {
                Some((_, calls)) => calls.push(member.call),
                None => all.push((member.when, vec![member.call])),
            }
        }
        all
    }

    fn condition_text(&self, part: Part) -> Option<&str> {
        let file = &self.files.files[part.file];
        match &file.statements[part.statement].kind {
            Kind::Rule(rule) => rule.when.as_ref().map(|cond| cond.loc.of(file.source.text())),
            _ => None,
        }
    }

    /// The conditions, each with its file, for every call and architecture; equal ones are gathered.
    fn conditional(
        &mut self,
        parts: &[(usize, &ast::Cond)],
        rule: &ast::Rule,
        calls: &[Call],
        on: Vec<Arch>,
        arches: &[Arch],
    ) -> Option<Vec<Gathered>> {
        let home = self.file;
        let mut needs = Needs { call: false, arch: false };
        for (file, cond) in parts {
            self.enter(*file);
            let here = self.needs(cond);
            needs.call |= here.call;
            needs.arch |= here.arch;
        }
        self.enter(home);
        let narrow = !arches.is_empty() && arches.iter().all(|a| a.register_bits() == 32);
        let env = Env { call: None, arch: None, narrow, unchecked: rule.unchecked };
        if !needs.arch || arches.is_empty() {
            return Some(vec![(calls.to_vec(), on, self.conjunction(parts, env)?)]);
        }
        let mut conds = Vec::new();
        let mut rows = Vec::with_capacity(calls.len());
        if needs.call {
            for call in calls {
                let named = if let Call::Named(call) = call { Some(*call) } else { None };
                let exists = |arch| named.is_none_or(|c| c.number(arch).is_some());
                let row =
                    self.row(parts, Env { call: named, ..env }, rule.action, arches, exists, &mut conds);
                rows.push(row.map(|row| (vec![call.clone()], row)));
            }
        } else {
            let row = self.row(parts, env, rule.action, arches, |_| true, &mut conds);
            rows.push(row.map(|row| (calls.to_vec(), row)));
        }
        let rows: Option<Vec<_>> = rows.into_iter().collect();
        Some(gather(rows?, conds, on, arches))
    }

    fn conjunction(&mut self, parts: &[(usize, &ast::Cond)], env: Env) -> Option<Cond> {
        let home = self.file;
        let mut all = Vec::with_capacity(parts.len());
        for (file, cond) in parts {
            self.enter(*file);
            all.push(self.cond(cond, env));
        }
        self.enter(home);
        let mut all: Vec<Cond> = all.into_iter().collect::<Option<_>>()?;
        Some(match all.len() {
            0 => Cond::True,
            1 => all.remove(0),
            _ => Cond::All(all),
        })
    }

    /// For one call: the index into the conditions for every architecture that has it.
    fn row(
        &mut self,
        parts: &[(usize, &ast::Cond)],
        env: Env,
        action: Action,
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
                let env = Env { arch: Some(*arch), ..env };
                let mut parts = parts;
                if let [(file, cond), rest @ ..] = parts
                    && self.files.is_built_in(*file)
                {
                    // A member of a built-in group whose condition cannot be asked here.
                    let home = self.file;
                    self.enter(*file);
                    let askable = self.has_arguments(cond, env);
                    self.enter(home);
                    if !askable && action.permits() {
                        row[i] = Some(NEVER);
                        continue;
                    }
                    if !askable {
                        parts = rest;
                    }
                }
                let Some(resolved) = self.conjunction(parts, env) else {
                    fine = false;
                    continue;
                };
                let same = |c: &Cond| *c == resolved || (bits == 32 && same_when_narrow(c, &resolved));
                row[i] = Some(conds.iter().position(same).unwrap_or_else(|| {
                    conds.push(resolved);
                    conds.len() - 1
                }));
            }
        }
        fine.then_some(row)
    }
}

/// The listed architectures that a rule limited to `on` is about, each once.
pub(crate) fn effective(listed: &[Arch], on: &[Arch]) -> Vec<Arch> {
    let mut arches: Vec<Arch> = Vec::new();
    for arch in if on.is_empty() { listed } else { on } {
        if listed.contains(arch) && !arches.contains(arch) {
            arches.push(*arch);
        }
    }
    arches
}

/// Calls with the condition's index for each architecture; `None` where the call does not exist.
type Row = (Vec<Call>, Vec<Option<usize>>);

/// A rule without its action: calls, the architectures it is limited to, condition.
type Gathered = (Vec<Call>, Vec<Arch>, Cond);

/// The index that stands for no rule at all: a permission that cannot be limited as the group demands is
/// not given.
const NEVER: usize = usize::MAX;

/// Rows to rules: one for each condition and set of architectures. The rules of one statement have one
/// action, so their order does not matter.
fn gather(rows: Vec<Row>, conds: Vec<Cond>, on: Vec<Arch>, arches: &[Arch]) -> Vec<Gathered> {
    // Calls that exist nowhere go where they do no harm: with the first rule.
    let (rows, nowhere): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|r| r.1.iter().any(Option::is_some));
    let mut nowhere: Vec<Call> = nowhere.into_iter().flat_map(|r| r.0).collect();
    let mut rules: Vec<Gathered> = Vec::new();
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
        None if rows.is_empty() => rules.push((nowhere, on, Cond::Any(Vec::new()))),
        None => {}
    }
    rules
}

/// Whether two conditions are one on architectures with 32-bit registers, where no argument has an
/// upper half.
fn same_when_narrow(a: &Cond, b: &Cond) -> bool {
    match (a, b) {
        (Cond::True, Cond::True) => true,
        (Cond::Arg(a), Cond::Arg(b)) if a.width == Width::Slot || b.width == Width::Slot => a == b,
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
