//! Two filters side by side: where they differ, and whether one permits what the other forbids.

use crate::diagram::{Diagram, Filter, TooLarge};
use callgate_abi::{Action, Arch, SeccompData, Syscall, Word};

/// What a change means for what a program may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Change {
    /// Executed by the second filter, not by the first.
    NewlyAllowed,
    /// Executed by the first filter, not by the second.
    NewlyDenied,
    /// Another action, but executed by both or by neither.
    Changed,
}

impl Change {
    /// The change from one action to another; `None` if they are the same.
    pub fn of(before: Action, after: Action) -> Option<Change> {
        if before == after {
            return None;
        }
        Some(match (before.permits(), after.permits()) {
            (false, true) => Change::NewlyAllowed,
            (true, false) => Change::NewlyDenied,
            _ => Change::Changed,
        })
    }
}

/// How much an action lets a call do, for "no weaker than": whoever permits, asks or logs is ordered by
/// the kernel's precedence, and every refusal is as good as another.
pub fn strength(action: Action) -> i32 {
    match action {
        Action::KillProcess(_)
        | Action::KillThread(_)
        | Action::Trap(_)
        | Action::Errno(_)
        | Action::Unknown(_) => Action::Errno(callgate_abi::Errno(0)).precedence(),
        Action::Notify(_) | Action::Trace(_) | Action::Log(_) | Action::Allow(_) => action.precedence(),
    }
}

impl Filter {
    /// Both filters' actions for every call.
    pub fn beside(&self, other: &Filter) -> Result<Diagram<(Action, Action)>, TooLarge> {
        self.zip(other, |&a, &b| (a, b))
    }

    /// A call for which the two actions satisfy `wanted`, the most telling there is: under an architecture
    /// that is really in use and with a number that has a name, where possible.
    pub fn counterexample(
        &self,
        other: &Filter,
        mut wanted: impl FnMut(Action, Action) -> bool,
    ) -> Result<Option<SeccompData>, TooLarge> {
        Ok(self.beside(other)?.telling_witness(|&(a, b)| wanted(a, b)))
    }

    /// A call that this filter permits more of than `other` does: proof that it is weaker. `None` means
    /// that it is no weaker on any input.
    pub fn weaker_than(&self, other: &Filter) -> Result<Option<SeccompData>, TooLarge> {
        self.counterexample(other, |a, b| strength(a) > strength(b))
    }

    /// Whether this filter does with every call what `before` did or what `aim` would do: a step from the one
    /// towards the other, that changes nothing else.
    pub fn is_between(&self, before: &Filter, aim: &Filter) -> Result<bool, TooLarge> {
        let pairs = before.beside(self)?;
        let right = pairs.zip(aim, |(before, now), aim| now == before || now == aim)?;
        Ok(right.leaves().iter().all(|right| *right))
    }
}

impl<L> Diagram<L> {
    /// As [`Diagram::witness`], preferring calls a person can make: common architectures first, named
    /// numbers before unnamed ones.
    pub fn telling_witness(&self, mut wanted: impl FnMut(&L) -> bool) -> Option<SeccompData>
    where
        L: Clone + Eq + std::hash::Hash,
    {
        let anywhere = self.witness(&mut wanted)?;
        let native = Arch::NATIVE.into_iter();
        for arch in native.chain(Arch::ALL.iter().copied()) {
            let here = self.restrict(Word::ARCH, arch.token());
            let Some(found) = here.witness(&mut wanted) else { continue };
            let mut best = found;
            if Syscall::from_number(arch, best.nr).is_none() {
                let named = Syscall::of_arch(arch).find_map(|(nr, _)| {
                    let witness = here.restrict(Word::NR, nr).witness(&mut wanted)?;
                    Some(SeccompData { nr, ..witness })
                });
                best = named.unwrap_or(best);
            }
            return Some(SeccompData { arch: arch.token(), ..best });
        }
        Some(anywhere)
    }
}
