//! Goals beside what is reached, a line each.

use super::reference;
use crate::files::Result;

/// What a figure is held against.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    Most(f64),
    Least(f64),
}

/// The lines printed so far.
#[derive(Default)]
pub(super) struct Sheet {
    missed: usize,
}

impl Sheet {
    pub(super) fn line(&mut self, policy: &str, what: &str, figure: f64, limit: Limit) {
        let (reached, sign, limit) = match limit {
            Limit::Most(limit) => (figure <= limit + 1e-9, "<=", limit),
            Limit::Least(limit) => (figure >= limit - 1e-9, ">=", limit),
        };
        self.verdict(reached, policy, what, &format!("{figure:>8.3} {sign} {limit:.3}"));
    }

    /// A figure that is known, as printed.
    pub(super) fn same(&mut self, policy: &str, what: &str, figure: f64, printed: &str) {
        let same = reference::is(figure, printed);
        self.verdict(same, policy, what, &format!("{figure:>8.3} =  {printed}"));
    }

    /// A figure that no compiler could bring within the limit, and the one that is in the way.
    pub(super) fn out_of_reach(&self, policy: &str, what: &str, figure: f64, limit: f64, least: f64) {
        println!(
            "{:<7} {policy:<12} {what:<50} {figure:>8.3} <= {limit:.3}, nothing is below {least:.3}",
            "-"
        );
    }

    fn verdict(&mut self, reached: bool, policy: &str, what: &str, figures: &str) {
        self.missed += usize::from(!reached);
        println!("{:<7} {policy:<12} {what:<50} {figures}", if reached { "ok" } else { "MISSED" });
    }

    /// An error if a goal was missed.
    pub(super) fn end(self) -> Result<()> {
        match self.missed {
            0 => Ok(()),
            1 => Err("a goal is missed".into()),
            missed => Err(format!("{missed} goals are missed")),
        }
    }
}
