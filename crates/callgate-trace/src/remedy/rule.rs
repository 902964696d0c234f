//! The rule that would allow a call.

use super::NoRemedy;
use callgate::abi::{Param, Role, Word};
use callgate::{
    Action, Arch, ArgCmp, ArgIndex, Call, Cond, Filter, Op, Origin, Policy, Rule, SeccompData, Syscall,
    Width, syntax,
};

/// Which arguments of a call are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known(u8);

impl Known {
    /// All six.
    pub const ALL: Known = Known(0x3f);
    /// None: an audit record holds no arguments.
    pub const NONE: Known = Known(0);

    /// These without one of them, counted from 0; from 6 on there is none to leave out.
    #[must_use]
    pub const fn without(self, index: u8) -> Known {
        if index < 6 { Known(self.0 & !(1 << index)) } else { self }
    }

    /// Whether an argument is known, counted from 0.
    pub const fn has(self, index: u8) -> bool {
        index < 6 && self.0 >> index & 1 != 0
    }
}

/// The narrowest rule a person would write to allow a call of which `filter`, which is what `policy` means,
/// does not permit: for the call's convention only, with the [`compared`] arguments.
///
/// # Errors
///
/// Why there is none.
pub fn rule(policy: &Policy, filter: &Filter, call: &SeccompData, known: Known) -> Result<Rule, NoRemedy> {
    let comparisons: Vec<Cond> = compared(policy, filter, call, known)?.into_iter().map(Cond::Arg).collect();
    let arch = Arch::of_call(call.arch, call.nr);
    let named = arch.and_then(|arch| Syscall::from_number(arch, call.nr));
    Ok(Rule {
        calls: vec![named.map_or(Call::Numbers(call.nr..=call.nr), Call::Named)],
        arches: arch.filter(|_| policy.arches.len() > 1).into_iter().collect(),
        when: match <[Cond; 1]>::try_from(comparisons) {
            Ok([one]) => one,
            Err(none) if none.is_empty() => Cond::True,
            Err(several) => Cond::All(several),
        },
        action: Action::ALLOW,
        origin: Origin::default(),
    })
}

/// What a rule that allows a call should compare: the values of the arguments on which the policy's answer
/// depends; where it depends on none, those that choose what the call does (`cmd` of `ioctl`, `domain` of
/// `socket`). Pointers are never compared, nor what is not known.
///
/// # Errors
///
/// Why there is no such rule.
pub fn compared(
    policy: &Policy,
    filter: &Filter,
    call: &SeccompData,
    known: Known,
) -> Result<Vec<ArgCmp>, NoRemedy> {
    let arch = Arch::of_call(call.arch, call.nr).filter(|a| policy.arches.contains(a));
    let Some(arch) = arch else {
        let name = Arch::of_call(call.arch, call.nr)
            .map_or_else(|| format!("audit token {:#010x}", call.arch), |a| a.name().to_owned());
        return Err(NoRemedy::Unlisted(name));
    };
    let here = filter.restrict(Word::ARCH, call.arch).restrict(Word::NR, call.nr);
    let answer = answer(&here, call, known);
    if answer.leaves().iter().all(|a| a.permits()) {
        return Err(NoRemedy::Permitted);
    }
    if answer.leaves().len() > 1 {
        return Err(NoRemedy::ArgumentsNeeded);
    }
    let depends = |i: &u8| here.depends_on(Word::arg_lo(*i)) || here.depends_on(Word::arg_hi(*i));
    let deciding: Vec<u8> = (0..6).filter(depends).collect();
    let named = Syscall::from_number(arch, call.nr);
    let params = named.and_then(|c| c.params(arch)).unwrap_or_default();
    let indices = if deciding.is_empty() { choosing(named, params, arch, call) } else { deciding };
    Ok(indices.into_iter().filter(|i| known.has(*i)).filter_map(|i| comparison(params, i, call)).collect())
}

/// What a filter says of one call, by all of it that is known: one leaf, unless it depends on the rest.
pub fn answer(filter: &Filter, call: &SeccompData, known: Known) -> Filter {
    let known = (0..6).filter(|i| known.has(*i));
    let halves = known.flat_map(|i| {
        let value = call.args[usize::from(i)];
        [(Word::arg_lo(i), value as u32), (Word::arg_hi(i), (value >> 32) as u32)]
    });
    let place = [(Word::IP_LO, call.ip as u32), (Word::IP_HI, (call.ip >> 32) as u32)];
    let here = filter.restrict(Word::ARCH, call.arch).restrict(Word::NR, call.nr);
    place.into_iter().chain(halves).fold(here, |all, (word, value)| all.restrict(word, value))
}

/// The parameters that choose what a call does. The second one of `prctl` is among them where the first says that it
/// is a choice, and not where it is an address or a number.
fn choosing(named: Option<Syscall>, params: &[Param], arch: Arch, call: &SeccompData) -> Vec<u8> {
    let sockets = matches!(named.map(Syscall::name), Some("socket" | "socketpair")).then_some(0);
    let commands = (0..).zip(params).filter(|(_, p)| p.role == Role::Command).map(|(i, _)| i);
    let mut all: Vec<u8> = params.iter().filter_map(|p| p.selector).chain(commands).chain(sockets).collect();
    let is_choice = |index: u8| {
        let Some(param) = params.get(usize::from(index)) else { return true };
        param.selector.is_none_or(|by| param.set_for(value(params, by, call), arch).is_some())
    };
    all.retain(|index| is_choice(*index));
    all.sort_unstable();
    all.dedup();
    all
}

fn comparison(params: &[Param], index: u8, call: &SeccompData) -> Option<ArgCmp> {
    let param = params.get(usize::from(index));
    if param.is_some_and(|p| matches!(p.role, Role::Pointer | Role::Path)) {
        return None;
    }
    let width = param.map_or(Width::W64, |p| p.width);
    Some(ArgCmp { arg: ArgIndex::new(index)?, width, op: Op::Eq(value(params, index, call)) })
}

/// An argument as far as the kernel looks at it.
fn value(params: &[Param], index: u8, call: &SeccompData) -> u64 {
    let raw = call.args[usize::from(index)];
    let narrow = params.get(usize::from(index)).is_some_and(|p| p.width == Width::W32);
    if narrow { raw & 0xffff_ffff } else { raw }
}

/// A rule as a line of a policy.
pub fn line(policy: &Policy, rule: &Rule) -> String {
    let alone =
        Policy { rules: vec![rule.clone()], foreign: Vec::new(), x32: None, unknown: None, ..policy.clone() };
    let text = syntax::print(&alone);
    // The settings come first, and a blank line.
    let rules = text.split_once("\n\n").map_or(&*text, |(_, rules)| rules);
    rules.trim_end().to_owned()
}
