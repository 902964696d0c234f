//! One call let through by a secret in a register the kernel does not read.

use super::{Filter, TooLarge};
use crate::build::arg64;
use crate::policy::{Call, Origin, Policy, Rule};
use callgate_abi::{Action, Arch, SeccompData, Syscall, Word};

impl Filter {
    /// Whether `call` is executed on `arch` whatever its arguments.
    pub fn always_permits(&self, arch: Arch, call: Syscall) -> bool {
        call.number(arch).is_some_and(|nr| {
            let data = SeccompData { arch: arch.token(), nr, ..SeccompData::default() };
            self.always(&data, &[Word::ARCH, Word::NR], |action| action.permits())
        })
    }

    /// Whether a call of number `nr` on `arch` gets an action that is `wanted`, whatever arguments it takes for that.
    pub fn can_get(&self, arch: Arch, nr: u32, wanted: impl Fn(Action) -> bool) -> bool {
        let data = SeccompData { arch: arch.token(), nr, ..SeccompData::default() };
        !self.always(&data, &[Word::ARCH, Word::NR], |action| !wanted(*action))
    }

    /// The filter that also allows `call` on `arch` when its sixth argument is `mark`. For a call of fewer
    /// arguments and a random mark this is a pass for whoever loads the filter and nobody else: the
    /// kernel ignores the register, and no program can guess it.
    pub fn with_mark(&self, arch: Arch, call: Syscall, mark: u64) -> Result<Filter, TooLarge> {
        let mut marked = Policy::new(Action::KILL_PROCESS);
        marked.arches = vec![arch];
        marked.rules.push(Rule {
            calls: vec![Call::Named(call)],
            arches: Vec::new(),
            when: arg64(5).eq(mark),
            action: Action::ALLOW,
            origin: Origin::default(),
        });
        let marked = match marked.lower() {
            Ok(marked) => marked,
            Err(crate::lower::LowerError::TooLarge(e)) => return Err(e),
            Err(crate::lower::LowerError::NoArch) => return Ok(self.clone()),
        };
        self.zip(&marked, |&action, mark| if mark.permits() { Action::ALLOW } else { action })
    }
}
