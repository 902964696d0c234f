//! Whether a listing says what the program does.

use crate::chain::Rules;
use crate::compile::condition;
use crate::tree::{Id, Test, Tree};
use callgate::{Action, Arch, ArgCmp, ArgIndex, Call, Cond, Op, Origin, Policy, Rule, Width};

/// A listing of more paths than this is not understood.
const MOST: usize = 1024;

/// Whether the tree, read from top to bottom, gives every call the action that the rules give it.
pub(super) fn is_listed(rules: &Rules, arch: Arch, default: u32) -> bool {
    if !rules.tree().is_known() {
        return false;
    }
    if let [_] = rules.chains() {
        return true;
    }
    let mut listed = Listed { tree: rules.tree(), narrow: crate::token::is_narrow(arch), rules: Vec::new() };
    if !listed.level(rules.tree().first(None), &mut Vec::new()) {
        return false;
    }
    let meant = rules.ordered().into_iter().map(|c| (condition(arch, &c.compares), c.action));
    let lowered = |rules: Vec<(Cond, u32)>| policy(arch, default, rules).lower();
    match (lowered(listed.rules), lowered(meant.collect())) {
        (Ok(listed), Ok(meant)) => listed == meant,
        _ => false,
    }
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
    fn level(&mut self, first: Option<Id>, path: &mut Vec<Cond>) -> bool {
        let mut at = first;
        while let Some(id) = at {
            let node = self.tree.node(id);
            let Some(test) = self.test(id) else { return false };
            for (branch, when) in [(node.yes, test.clone()), (node.no, Cond::Not(Box::new(test)))] {
                path.push(when);
                let fits = match (branch.action(), branch.next()) {
                    (Some(action), _) => {
                        self.rules.push((Cond::All(path.clone()), action));
                        self.rules.len() <= MOST
                    }
                    (None, Some(next)) => self.level(self.tree.first(Some(next)), path),
                    (None, None) => true,
                };
                path.pop();
                if !fits {
                    return false;
                }
            }
            at = self.tree.after(id);
        }
        true
    }

    fn test(&self, id: Id) -> Option<Cond> {
        let node = self.tree.node(id);
        let (mask, value) = (u64::from(node.mask), u64::from(node.value));
        let (width, op) = if node.high && !self.narrow {
            let op = match node.test {
                Test::Eq => Op::MaskedEq { mask: u64::from(u32::MAX) << 32, value: value << 32 },
                Test::Gt => Op::Gt(value << 32 | u64::from(u32::MAX)),
                Test::Ge => Op::Ge(value << 32),
                Test::Masked => Op::MaskedEq { mask: mask << 32, value: value << 32 },
            };
            (Width::W64, op)
        } else {
            let op = match node.test {
                Test::Eq => Op::Eq(value),
                Test::Gt => Op::Gt(value),
                Test::Ge => Op::Ge(value),
                Test::Masked => Op::MaskedEq { mask, value },
            };
            (Width::W32, op)
        };
        Some(Cond::Arg(ArgCmp { arg: ArgIndex::new(node.arg)?, width, op }))
    }
}
