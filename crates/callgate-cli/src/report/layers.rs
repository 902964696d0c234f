//! The policies of an input, oldest first, each with what decides in it.

use callgate::abi::Word;
use callgate::{Action, Decided, Diagram, Filter, Policy, SeccompData};

/// Policies that the kernel combines; often one.
pub(crate) struct Layers<'a>(Vec<Layer<'a>>);

/// One of them.
pub(crate) struct Layer<'a> {
    pub(crate) policy: &'a Policy,
    decisions: Diagram<Decided>,
    filter: Filter,
}

impl<'a> Layers<'a> {
    /// `None` where there is no policy, or one is too large to say what decides.
    pub(crate) fn new(policies: Vec<&'a Policy>) -> Option<Layers<'a>> {
        let layer = |policy: &'a Policy| {
            let decisions = policy.decisions().ok()?;
            let filter = decisions.map(|decided| policy.action_of(*decided));
            Some(Layer { policy, decisions, filter })
        };
        let layers: Option<Vec<Layer<'_>>> = policies.into_iter().map(layer).collect();
        layers.filter(|all| !all.is_empty()).map(Layers)
    }

    /// What decides a call: the strictest of the policies, of equals the newest, as the kernel has it.
    pub(crate) fn decide(&self, call: &SeccompData) -> Option<(&'a Policy, Decided)> {
        let strictness = |layer: &&Layer<'_>| layer.filter.eval(call).precedence();
        let layer = self.0.iter().rev().min_by_key(strictness)?;
        Some((layer.policy, *layer.decisions.eval(call)))
    }

    /// What decides about a call whose arguments are not known, where all that ends as `wanted` says is one thing.
    pub(crate) fn decide_number(
        &self,
        token: u32,
        nr: u32,
        wanted: impl Fn(Action) -> bool,
    ) -> Option<(&'a Policy, Decided)> {
        // Of several policies, those that permit decide nothing.
        let alone = self.0.len() == 1;
        let mut deciding = self.0.iter().flat_map(|layer| {
            let here = layer.decisions.restrict(Word::ARCH, token).restrict(Word::NR, nr);
            let policy = layer.policy;
            let wanted = |decided: &Decided| {
                let action = policy.action_of(*decided);
                wanted(action) && (alone || !action.permits())
            };
            here.leaves().iter().copied().filter(wanted).map(|decided| (policy, decided)).collect::<Vec<_>>()
        });
        match (deciding.next(), deciding.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    }

    /// Each of them, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Layer<'a>> {
        self.0.iter()
    }
}

impl Layer<'_> {
    /// What the policy does with each call.
    pub(crate) fn filter(&self) -> &Filter {
        &self.filter
    }
}
