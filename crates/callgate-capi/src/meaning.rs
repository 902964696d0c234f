//! What the rules of one call mean.
//!
//! A call gets the action of a rule that matches it. Where rules with different actions match one call, the first
//! in libseccomp's tree decides, read from top to bottom; but libseccomp's tree is not always true to the rules,
//! and then [`Rules::ordered`] says which one decides.

use crate::chain::Rules;
use crate::compile::condition;
use crate::tree::{Branch, Id, Question, Relation, Tree};
use callgate::{Action, Arch, ArgCmp, ArgIndex, Call, Cond, Filter, Op, Origin, Policy, Rule, Width};

/// A tree of more paths than this is not read.
const MOST: usize = 1024;

/// Conditions with their actions, the first that holds deciding.
pub(crate) type Decisions = Vec<(Cond, u32)>;

/// The rules with comparisons as ordered decisions.
pub(crate) fn decisions(rules: &Rules, arch: Arch, default: u32) -> Decisions {
    let chains = rules.chains();
    let is_mixed = chains.iter().any(|c| c.action != chains[0].action);
    if is_mixed
        && let Some(listed) = listed(rules.tree(), arch)
        && is_true(&listed, rules, arch, default)
    {
        return listed;
    }
    rules.ordered().into_iter().map(|c| (condition(arch, &c.compares), c.action)).collect()
}

/// Whether libseccomp's tree says what the rules mean.
pub(crate) fn is_listed(rules: &Rules, arch: Arch, default: u32) -> bool {
    let Some(listed) = listed(rules.tree(), arch) else { return false };
    rules.chains().len() == 1 || is_true(&listed, rules, arch, default)
}

/// Whether decisions are those of the rules: an action only where a rule has it, and one wherever a rule matches.
fn is_true(listed: &Decisions, rules: &Rules, arch: Arch, default: u32) -> bool {
    let Some(found) = filter(arch, default, listed.clone()) else { return false };
    let of = |action: Option<u32>| {
        let chains = rules.chains().iter().filter(|c| action.is_none_or(|a| a == c.action));
        filter(arch, default, chains.map(|c| (condition(arch, &c.compares), c.action)).collect())
    };
    let default = Action::from_ret(default);
    let mut actions: Vec<u32> = rules.chains().iter().map(|c| c.action).collect();
    actions.sort_unstable();
    actions.dedup();
    // Wherever a rule matches, and only there.
    let Some(all) = of(None) else { return false };
    let covers = found.zip(&all, |a, b| (*a == default) == (*b == default));
    covers.is_ok_and(|same| same.witness(|same| !same).is_none())
        && actions.into_iter().all(|action| {
            let action_of = Action::from_ret(action);
            let Some(having) = of(Some(action)) else { return false };
            let apart = found.zip(&having, |a, b| *a == action_of && *b == default);
            apart.is_ok_and(|apart| apart.witness(|apart| *apart).is_none())
        })
}

fn filter(arch: Arch, default: u32, rules: Decisions) -> Option<Filter> {
    policy(arch, default, rules).lower().ok()
}

/// The paths of a tree; `None` if there are too many, or nobody knows the tree.
fn listed(tree: &Tree, arch: Arch) -> Option<Decisions> {
    let mut listed = Listed { tree, narrow: crate::token::is_narrow(arch), rules: Vec::new() };
    let read = tree.is_known() && listed.level(tree.top(), &mut Vec::new());
    read.then_some(listed.rules)
}

fn policy(arch: Arch, default: u32, rules: Vec<(Cond, u32)>) -> Policy {
    let default = Action::from_ret(default);
    let rule = |(when, action)| Rule {
        calls: vec![Call::Numbers(0..=0)],
        arches: Vec::new(),
        when,
        action: Action::from_ret(action),
        origin: Origin::default(),
    };
    let rules = rules.into_iter().map(rule).collect();
    Policy {
        arches: vec![arch],
        rules,
        default,
        foreign: Vec::new(),
        bad_arch: default,
        x32: None,
        unknown: None,
    }
}

/// The paths of a tree as rules, the first that matches deciding.
struct Listed<'a> {
    tree: &'a Tree,
    narrow: bool,
    rules: Vec<(Cond, u32)>,
}

impl Listed<'_> {
    /// The rules from a level on; `false` if there are too many.
    fn level(&mut self, tests: &[Id], path: &mut Vec<Cond>) -> bool {
        for id in tests {
            let test = self.tree.test(*id);
            let Some(holds) = self.condition(test.question) else { return false };
            for (branch, when) in [(test.yes, holds.clone()), (test.no, Cond::Not(Box::new(holds)))] {
                path.push(when);
                let fits = match branch {
                    Branch::Acts(action) => {
                        self.rules.push((Cond::All(path.clone()), action));
                        self.rules.len() <= MOST
                    }
                    Branch::Leads(next) => self.level(self.tree.beside(next), path),
                    Branch::Nothing => true,
                };
                path.pop();
                if !fits {
                    return false;
                }
            }
        }
        true
    }

    fn condition(&self, asked: Question) -> Option<Cond> {
        let (mask, value) = (u64::from(asked.mask), u64::from(asked.value));
        let (width, op) = if asked.high && !self.narrow {
            let op = match asked.relation {
                Relation::Eq => Op::MaskedEq { mask: u64::from(u32::MAX) << 32, value: value << 32 },
                Relation::Gt => Op::Gt(value << 32 | u64::from(u32::MAX)),
                Relation::Ge => Op::Ge(value << 32),
                Relation::Masked => Op::MaskedEq { mask: mask << 32, value: value << 32 },
            };
            (Width::W64, op)
        } else {
            let op = match asked.relation {
                Relation::Eq => Op::Eq(value),
                Relation::Gt => Op::Gt(value),
                Relation::Ge => Op::Ge(value),
                Relation::Masked => Op::MaskedEq { mask, value },
            };
            (Width::W32, op)
        };
        Some(Cond::Arg(ArgCmp { arg: ArgIndex::new(asked.arg)?, width, op }))
    }
}
