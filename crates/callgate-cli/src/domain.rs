//! Part of all calls, to which a comparison is limited.

use crate::failure::Failure;
use callgate::abi::Kernel;
use callgate::{Action, Arch, Call, Cond, Filter, Origin, Policy, Rule, Syscall};

/// Which calls are looked at: those that all of these admit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Domain {
    /// Under these architectures; all, if empty.
    pub(crate) arches: Vec<Arch>,
    /// With these names; all, if empty.
    pub(crate) calls: Vec<Syscall>,
    /// Of this kernel.
    pub(crate) kernel: Option<Kernel>,
}

impl Domain {
    /// The filter where calls outside of the domain are all alike.
    pub(crate) fn limit(&self, filter: Filter) -> Result<Filter, Failure> {
        if self.arches.is_empty() && self.calls.is_empty() && self.kernel.is_none() {
            return Ok(filter);
        }
        let inside = self.policy().lower().map_err(Failure::input)?;
        inside
            .zip(&filter, |inside, action| if inside.permits() { *action } else { Action::KILL_PROCESS })
            .map_err(Failure::input)
    }

    /// A policy that allows just the calls of the domain.
    fn policy(&self) -> Policy {
        let arches = if self.arches.is_empty() { Arch::ALL.to_vec() } else { self.arches.clone() };
        let rule = |arch: Arch, calls: Vec<Call>| Rule {
            calls,
            arches: vec![arch],
            when: Cond::True,
            action: Action::ALLOW,
            origin: Origin::default(),
        };
        let rules = arches.iter().map(|&arch| rule(arch, self.calls(arch))).collect();
        Policy { arches, rules, ..Policy::new(Action::KILL_PROCESS) }
    }

    fn calls(&self, arch: Arch) -> Vec<Call> {
        if self.calls.is_empty() && self.kernel.is_none() {
            return vec![Call::Any];
        }
        let wanted = |call: &Syscall| self.calls.is_empty() || self.calls.contains(call);
        let exists = |call: &Syscall| self.kernel.is_none_or(|kernel| call.exists(arch, kernel));
        let calls = Syscall::of_arch(arch).map(|c| c.1).filter(|c| wanted(c) && exists(c));
        calls.map(Call::Named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate::SeccompData;

    #[test]
    fn what_is_outside_does_not_differ() {
        let openat2 = Syscall::from_name("openat2").unwrap();
        let all = Policy::new(Action::ALLOW).lower().unwrap();
        let action = |domain: &Domain, arch: Arch, nr: u32| {
            let limited = domain.limit(all.clone()).unwrap();
            *limited.eval(&SeccompData { nr, arch: arch.token(), ..SeccompData::default() })
        };
        let old = Domain { arches: vec![Arch::X86_64], kernel: Some(Kernel::new(5, 5)), ..Domain::default() };
        let nr = openat2.number(Arch::X86_64).unwrap();
        assert_eq!(action(&old, Arch::X86_64, nr), Action::KILL_PROCESS);
        assert_eq!(action(&old, Arch::X86_64, 0), Action::ALLOW);
        assert_eq!(action(&old, Arch::X86_64, Arch::X32_BIT), Action::KILL_PROCESS);
        let one = Domain { calls: vec![openat2], ..Domain::default() };
        assert_eq!(action(&one, Arch::X86_64, nr), Action::ALLOW);
        assert_eq!(action(&one, Arch::X86_64, 0), Action::KILL_PROCESS);
    }
}
