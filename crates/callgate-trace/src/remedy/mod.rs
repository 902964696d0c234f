//! The rule that would allow a call, and a policy with that rule.

mod patch;
mod rule;

pub use patch::{Patch, patch};
pub use rule::{Known, answer, compared, line, rule};

use std::fmt;

/// Why there is no remedy.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NoRemedy {
    /// The policy permits the call already.
    Permitted,
    /// The call was made under a convention the policy does not list: no rule can speak about it.
    Unlisted(String),
    /// What the policy does depends on arguments, which are not known.
    ArgumentsNeeded,
    /// The policy is too large to decide about.
    TooLarge(String),
    /// No place was found where the rule decides the call and changes nothing else.
    NoPlace,
}

impl fmt::Display for NoRemedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoRemedy::Permitted => f.write_str("the policy permits the call"),
            NoRemedy::Unlisted(arch) => write!(f, "the policy's `arch` line does not list {arch}"),
            NoRemedy::ArgumentsNeeded => {
                f.write_str("what the policy does depends on the call's arguments, which are not known")
            }
            NoRemedy::TooLarge(e) => f.write_str(e),
            NoRemedy::NoPlace => {
                f.write_str("no line could be added that allows this call and changes nothing else")
            }
        }
    }
}

impl std::error::Error for NoRemedy {}
