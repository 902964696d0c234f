//! Family F, for policies: rules that do nothing, or something else than they say.

use super::codes::*;
use super::finding::{Draft, Place, Remedy};
use super::subject::Loaded;
use crate::diagnostic::Severity;
use crate::policy::{Call, Cond, Decided, Policy, Rule};
use crate::syntax::action_text;
use callgate_abi::{Arch, SeccompData};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(layers: &[Loaded<'_>], out: &mut Vec<Draft>) {
    for (layer, loaded) in layers.iter().enumerate() {
        let Some(policy) = loaded.policy else { continue };
        let Ok(decisions) = policy.decisions() else { continue };
        let mut deciding = vec![false; policy.rules.len()];
        for leaf in decisions.leaves() {
            if let Decided::Rule(i) = leaf {
                deciding[*i as usize] = true;
            }
        }
        let groups = statements(policy, loaded);
        let index = Index::new(policy);
        for group in &groups {
            let alive = group.iter().any(|i| deciding[*i]);
            if alive {
                always(policy, layer, group, out);
                redundant(policy, layer, group, &index, out);
            } else {
                dead(policy, layer, group, out);
            }
        }
        together(policy, layer, &deciding, &index, out);
        overlaps(policy, layer, &deciding, out);
    }
}

/// The rules of each statement: one line may stand for several.
fn statements(policy: &Policy, loaded: &Loaded<'_>) -> Vec<Vec<usize>> {
    let key = |i: usize| match loaded.parsed.and_then(|p| p.rule_spans.get(i)) {
        Some(span) => Some((span.source.name().to_string(), span.start)),
        None => {
            let origin = &policy.rules[i].origin;
            let known = origin.line != 0 || origin.path.is_some();
            known.then(|| (origin.to_string(), 0))
        }
    };
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut last = None;
    for i in 0..policy.rules.len() {
        let here = key(i);
        match groups.last_mut() {
            Some(group) if here.is_some() && here == last => group.push(i),
            _ => groups.push(vec![i]),
        }
        last = here;
    }
    groups
}

/// Which rules speak about which calls.
struct Index<'a> {
    named: BTreeMap<callgate_abi::Syscall, Vec<usize>>,
    /// Rules with raw numbers or `any`.
    wide: Vec<usize>,
    policy: &'a Policy,
}

impl<'a> Index<'a> {
    fn new(policy: &'a Policy) -> Index<'a> {
        let mut index = Index { named: BTreeMap::new(), wide: Vec::new(), policy };
        for (i, rule) in policy.rules.iter().enumerate() {
            for call in &rule.calls {
                match call {
                    Call::Named(call) => index.named.entry(*call).or_default().push(i),
                    Call::Any | Call::Numbers(_) => index.wide.push(i),
                }
            }
        }
        index.wide.dedup();
        index
    }

    /// The rules that may speak about a call that one of `group` speaks about; `None`: all.
    fn near(&self, group: &[usize]) -> Option<BTreeSet<usize>> {
        let mut near: BTreeSet<usize> = self.wide.iter().copied().collect();
        for &i in group {
            for call in &self.policy.rules[i].calls {
                match call {
                    Call::Named(call) => near.extend(self.named.get(call).into_iter().flatten()),
                    Call::Any | Call::Numbers(_) => return None,
                }
            }
        }
        Some(near)
    }
}

fn describe(policy: &Policy, group: &[usize]) -> String {
    let rule = &policy.rules[group[0]];
    let mut names: Vec<String> = Vec::new();
    for call in group.iter().flat_map(|i| &policy.rules[*i].calls) {
        let name = match call {
            Call::Any => "any call".to_string(),
            Call::Named(call) => call.name().to_string(),
            Call::Numbers(range) if range.start() == range.end() => range.start().to_string(),
            Call::Numbers(range) => format!("{}..{}", range.start(), range.end()),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let names = super::view::list(names.iter().map(String::as_str));
    format!("`{}` for {}", action_text(rule.action), if names.is_empty() { "nothing" } else { &names })
}

/// A policy that is nothing but one rule; its decisions tell where the rule applies.
fn alone(policy: &Policy, rule: &Rule) -> Policy {
    Policy { rules: vec![rule.clone()], foreign: Vec::new(), unknown: None, ..policy.clone() }
}

/// A call the rule speaks about.
fn matched(policy: &Policy, rule: &Rule) -> Option<SeccompData> {
    alone(policy, rule).decisions().ok()?.witness(|d| *d == Decided::Rule(0))
}

fn dead(policy: &Policy, layer: usize, group: &[usize], out: &mut Vec<Draft>) {
    let what = describe(policy, group);
    let place = Place::Rule(layer, group[0]);
    let whole = |code, message: String| Draft::new(code, message).at(place.clone()).remedy(Remedy::Drop);
    let calls: Vec<SeccompData> = group.iter().filter_map(|i| matched(policy, &policy.rules[*i])).collect();
    let Some(&call) = calls.first() else {
        let conditional = |i: &usize| policy.rules[*i].when != Cond::True;
        let reachable = |i: &usize| {
            let open = Rule { when: Cond::True, ..policy.rules[*i].clone() };
            matched(policy, &open).is_some()
        };
        if let Some(i) = group.iter().find(|i| conditional(i) && reachable(i)) {
            let draft = Draft::new(NEVER, format!("the condition of {what} never holds"));
            out.push(draft.at(Place::Rule(layer, *i)).remedy(Remedy::Drop));
        } else {
            let message = format!("{what} is about no call of the policy's architectures");
            out.push(whole(DEAD_RULE, message).severity(Severity::Note));
        }
        return;
    };
    // Who decides instead: the same verdict makes the rule superfluous, another makes it a mistake.
    let mut different = None;
    for call in &calls {
        let decided = policy.decide(call);
        if policy.action_of(decided) != policy.rules[group[0]].action {
            different.get_or_insert(*call);
        }
    }
    let shown = different.unwrap_or(call);
    let instead = action_text(policy.action_of(policy.decide(&shown)));
    let draft = match different {
        Some(_) => whole(DEAD_RULE, format!("{what} never decides: rules before it answer `{instead}`")),
        None => {
            let message = format!("{what} never decides: rules before it say the same");
            whole(DEAD_RULE, message).severity(Severity::Note)
        }
    };
    out.push(draft.related(shown, "decided here already").witness(shown));
}

/// B6, F6: a condition that could as well not be there.
fn always(policy: &Policy, layer: usize, group: &[usize], out: &mut Vec<Draft>) {
    for &i in group {
        let rule = &policy.rules[i];
        if rule.when == Cond::True {
            continue;
        }
        let open = Rule { when: Cond::True, ..rule.clone() };
        let (Ok(with), Ok(without)) = (alone(policy, rule).decisions(), alone(policy, &open).decisions())
        else {
            continue;
        };
        if with == without && with.leaves().contains(&Decided::Rule(0)) {
            let message = format!("the condition of {} always holds", describe(policy, &[i]));
            let mut draft = Draft::new(ALWAYS, message).at(Place::Rule(layer, i));
            draft.witness = matched(policy, rule);
            out.push(draft);
            return;
        }
    }
}

/// F6: conditions of several rules of which one always holds. Container runtimes read two comparisons of one
/// argument as two rules.
fn together(policy: &Policy, layer: usize, deciding: &[bool], index: &Index<'_>, out: &mut Vec<Draft>) {
    let mut looked_at: BTreeSet<Vec<usize>> = BTreeSet::new();
    for (call, rules) in &index.named {
        let mut by_action: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for &i in rules.iter().filter(|i| deciding[**i]) {
            by_action.entry(policy.rules[i].action).or_default().push(i);
        }
        for (action, rules) in by_action {
            let conditional = rules.len() > 1 && rules.iter().all(|i| policy.rules[*i].when != Cond::True);
            if !conditional || !looked_at.insert(rules.clone()) {
                continue;
            }
            let only = |open: bool| {
                let when = |when: &Cond| if open { Cond::True } else { when.clone() };
                let rules = rules.iter().map(|i| &policy.rules[*i]);
                let rules =
                    rules.map(|r| Rule { calls: vec![Call::Named(*call)], when: when(&r.when), ..r.clone() });
                let policy =
                    Policy { rules: rules.collect(), foreign: Vec::new(), unknown: None, ..policy.clone() };
                Some(policy.decisions().ok()?.map(|d| matches!(d, Decided::Rule(_))))
            };
            if only(false).is_some_and(|with| Some(with) == only(true)) {
                let message = format!(
                    "of the conditions of {} rules `{}` for {}, one always holds",
                    rules.len(),
                    action_text(action),
                    call.name()
                );
                let mut draft = Draft::new(ALWAYS, message).at(Place::Rule(layer, rules[0]));
                draft.witness = matched(policy, &policy.rules[rules[0]]);
                out.push(draft);
            }
        }
    }
}

/// F4, E12: without the statement the filter would be the same.
fn redundant(policy: &Policy, layer: usize, group: &[usize], index: &Index<'_>, out: &mut Vec<Draft>) {
    let near = index.near(group);
    let lonely = near.as_ref().is_some_and(|near| near.iter().all(|i| group.contains(i)));
    let same = if lonely && policy.unknown.is_none() {
        // Nobody else speaks about these calls: the default would.
        group.iter().all(|i| policy.rules[*i].action == policy.default)
    } else {
        let keep = |i: &usize| near.as_ref().is_none_or(|near| near.contains(i));
        let part = |without: bool| {
            let rules = (0..policy.rules.len()).filter(|i| keep(i) && !(without && group.contains(i)));
            Policy { rules: rules.map(|i| policy.rules[i].clone()).collect(), ..policy.clone() }
        };
        match (part(false).lower(), part(true).lower()) {
            (Ok(with), Ok(without)) => with == without,
            _ => false,
        }
    };
    if same {
        let message = format!("{} changes nothing: what follows says the same", describe(policy, group));
        let mut draft =
            Draft::new(REDUNDANT_RULE, message).at(Place::Rule(layer, group[0])).remedy(Remedy::Drop);
        draft.witness = matched(policy, &policy.rules[group[0]]);
        out.push(draft);
    }
}

/// F5: two conditions of which neither contains the other, with different verdicts where both hold.
fn overlaps(policy: &Policy, layer: usize, deciding: &[bool], out: &mut Vec<Draft>) {
    /// Beyond this many pairs nobody reads on.
    const MOST: usize = 400;
    let conditional: Vec<usize> =
        (0..policy.rules.len()).filter(|i| deciding[*i] && policy.rules[*i].when != Cond::True).collect();
    let mut pairs = 0;
    for (at, &i) in conditional.iter().enumerate() {
        for &j in &conditional[at + 1..] {
            let (a, b) = (&policy.rules[i], &policy.rules[j]);
            let shared = a.calls.iter().any(|c| b.calls.contains(c));
            if a.action == b.action || !shared || !on_same_arch(a, b) {
                continue;
            }
            pairs += 1;
            if pairs > MOST {
                return;
            }
            let (Ok(first), Ok(second)) = (alone(policy, a).decisions(), alone(policy, b).decisions()) else {
                continue;
            };
            let is = |d: &Decided| *d == Decided::Rule(0);
            let Ok(both) = first.zip(&second, |a, b| (is(a), is(b))) else { continue };
            let has = |pair| both.leaves().contains(&pair);
            if !has((true, true)) || !has((true, false)) || !has((false, true)) {
                continue;
            }
            let Some(call) = both.witness(|pair| *pair == (true, true)) else { continue };
            if policy.decide(&call) != Decided::Rule(i as u32) {
                continue;
            }
            let message = format!(
                "the conditions of {} and of {} overlap: the first decides",
                describe(policy, &[i]),
                describe(policy, &[j])
            );
            out.push(
                Draft::new(OVERLAP, message)
                    .at(Place::Rule(layer, j))
                    .witness(call)
                    .related(call, "decided here"),
            );
        }
    }
}

fn on_same_arch(a: &Rule, b: &Rule) -> bool {
    let any = |arches: &[Arch]| arches.is_empty();
    any(&a.arches) || any(&b.arches) || a.arches.iter().any(|x| b.arches.contains(x))
}
