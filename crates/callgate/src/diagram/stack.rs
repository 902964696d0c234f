//! Several filters as the kernel combines them.

use super::{Filter, TooLarge};

impl Filter {
    /// This filter with a newer one loaded on top of it: all filters run, the strictest action wins,
    /// and between equal actions the newest filter's data does.
    ///
    /// Source: `kernel/seccomp.c` (`seccomp_run_filters`).
    pub fn stack(&self, newer: &Filter) -> Result<Filter, TooLarge> {
        self.zip(newer, |&old, &new| if old.precedence() < new.precedence() { old } else { new })
    }
}
