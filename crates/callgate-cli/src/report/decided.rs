//! What decided a call, in words.

use crate::report::layers::Layers;
use callgate::{Action, Decided, Policy, SeccompData};

/// `by the rule at web.cg:12`, where the input says which.
pub(crate) fn of_call(layers: Option<&Layers<'_>>, call: &SeccompData) -> Option<String> {
    let (policy, decided) = layers?.decide(call)?;
    Some(words(policy, decided))
}

/// The same for a call whose arguments are not known: where all its rules that end as `wanted` says are one.
pub(crate) fn of_number(
    layers: &Layers<'_>,
    token: u32,
    nr: u32,
    wanted: impl Fn(Action) -> bool,
) -> Option<String> {
    let (policy, decided) = layers.decide_number(token, nr, wanted)?;
    Some(words(policy, decided))
}

pub(crate) fn words(policy: &Policy, decided: Decided) -> String {
    match decided {
        Decided::Rule(i) => format!("by the rule at {}", policy.rules[i as usize].origin),
        Decided::Foreign(i) => {
            format!("by the rule for unlisted architectures at {}", policy.foreign[i as usize].origin)
        }
        Decided::Default => "by default: no rule matches".into(),
        Decided::Unknown => "as a number newer than the tables".into(),
        Decided::X32 => "as an x32 number".into(),
        Decided::BadArch => "as an unlisted architecture".into(),
    }
}
