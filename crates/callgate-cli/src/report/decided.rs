//! What decided a call, in words.

use crate::input::{Input, decisions};
use callgate::abi::Word;
use callgate::{Action, Decided, Policy, SeccompData};

/// `by the rule at web.cg:12`, where the input says which.
pub(crate) fn of_call(input: &Input, call: &SeccompData) -> Option<String> {
    let (policy, diagram) = decisions(input)?;
    Some(words(policy, *diagram.eval(call)))
}

/// The same for a call whose arguments are not known: where all its rules that end as `wanted` says are one.
pub(crate) fn of_number(
    input: &Input,
    token: u32,
    nr: u32,
    wanted: impl Fn(Action) -> bool,
) -> Option<String> {
    let (policy, diagram) = decisions(input)?;
    let here = diagram.restrict(Word::ARCH, token).restrict(Word::NR, nr);
    let mut deciding = here.leaves().iter().filter(|d| wanted(policy.action_of(**d)));
    match (deciding.next(), deciding.next()) {
        (Some(one), None) => Some(words(policy, *one)),
        _ => None,
    }
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
