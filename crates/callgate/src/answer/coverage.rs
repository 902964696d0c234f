//! Whether lines and rules meet: calls that nobody answers, lines about calls that nobody hands over.

use super::{Answer, OnLine};
use crate::diagram::Filter;
use crate::lower::LowerError;
use crate::policy::Policy;
use callgate_abi::{Action, SeccompData};

/// A call that the policy hands over and no line answers for certain: it fails. `log` answers nothing, and
/// neither does a line that may pass the call on, as one about paths or addresses does.
///
/// # Errors
///
/// A policy beyond the budget of [`Policy::lower`].
pub fn uncovered(policy: &Policy, lines: &[OnLine]) -> Result<Option<SeccompData>, LowerError> {
    let answering = lines.iter().filter(|l| l.answer != Answer::Log);
    let answered = about(policy, answering)?;
    beside(policy, &answered, |notified, answered| notified && !answered)
}

/// A call that the policy hands over and the line is about; `None` if there is none.
///
/// # Errors
///
/// As [`uncovered`].
pub fn notified_by(policy: &Policy, line: &OnLine) -> Result<Option<SeccompData>, LowerError> {
    beside(policy, &about(policy, std::iter::once(line))?, |notified, line| notified && line)
}

/// The filter that notifies what the lines are about, and nothing else.
fn about<'l>(policy: &Policy, lines: impl Iterator<Item = &'l OnLine>) -> Result<Filter, LowerError> {
    let lines = Policy {
        arches: policy.arches.clone(),
        rules: lines.map(|l| l.rule.clone()).collect(),
        bad_arch: Action::ALLOW,
        ..Policy::new(Action::ALLOW)
    };
    lines.lower()
}

fn beside(
    policy: &Policy,
    lines: &Filter,
    wanted: fn(bool, bool) -> bool,
) -> Result<Option<SeccompData>, LowerError> {
    let both = policy
        .lower()?
        .zip(lines, |a, b| wanted(matches!(a, Action::Notify(_)), matches!(b, Action::Notify(_))));
    Ok(both.map_err(LowerError::from)?.telling_witness(|leaf| *leaf))
}
