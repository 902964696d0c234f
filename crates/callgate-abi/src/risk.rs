//! Calls that deserve a reason before a policy for untrusted code permits them.
//!
//! Source: `data/risks.txt`.

use crate::syscall::Syscall;
use crate::tables::risk as table;

/// How bad it is to permit a call to code one does not trust.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// Obsolete or without use for a confined program.
    Low,
    /// A large or rarely tested part of the kernel, or a way to learn or disturb what is outside.
    Medium,
    /// A way out of the sandbox, or into the kernel, that has been used.
    High,
}

/// Why a call is risky.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Risk {
    /// The call.
    pub call: Syscall,
    /// How bad.
    pub level: Level,
    /// When it is risky, as a condition in the policy language; `None` means always.
    pub condition: Option<&'static str>,
    /// Why, a clause.
    pub reason: &'static str,
}

/// Every risky call, by name.
pub fn all() -> &'static [Risk] {
    table::RISKS
}

/// Why `call` is risky, if it is.
///
/// ```
/// use callgate_abi::{Syscall, risk};
///
/// let bpf = risk::of(Syscall::from_name("bpf").unwrap()).unwrap();
/// assert_eq!(bpf.level, risk::Level::High);
/// assert!(risk::of(Syscall::from_name("read").unwrap()).is_none());
/// ```
pub fn of(call: Syscall) -> Option<&'static Risk> {
    all().binary_search_by_key(&call, |r| r.call).ok().map(|at| &all()[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_and_explained() {
        assert!(all().is_sorted_by(|a, b| a.call < b.call));
        for risk in all() {
            assert_eq!(of(risk.call), Some(risk));
            assert!(!risk.reason.is_empty() && !risk.reason.ends_with('.'), "{}", risk.call.name());
        }
    }

    #[test]
    fn conditional_risks_keep_their_condition() {
        let clone = of(Syscall::from_name("clone").unwrap()).unwrap();
        assert!(clone.condition.unwrap().contains("CLONE_NEWUSER"));
        assert_eq!(of(Syscall::from_name("mount").unwrap()).unwrap().condition, None);
    }
}
