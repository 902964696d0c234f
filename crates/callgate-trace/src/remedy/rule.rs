//! The rule that would allow a call.

use super::NoRemedy;
use callgate::abi::{Param, Role, Word};
use callgate::{
    Action, Arch, ArgCmp, ArgIndex, Call, Cond, Filter, Op, Origin, Policy, Rule, SeccompData, Syscall,
    Width, syntax,
};

/// The narrowest rule a person would write to allow a call of which `filter`, which is what `policy` means,
/// does not permit: for the call's convention only, with the values of the arguments on which the policy's
/// answer depends; where it depends on none, with those that choose what the call does (`cmd` of `ioctl`,
/// `domain` of `socket`). Pointers are never compared. With `with_args` false the arguments are not known.
///
/// # Errors
///
/// Why there is none.
pub fn rule(policy: &Policy, filter: &Filter, call: &SeccompData, with_args: bool) -> Result<Rule, NoRemedy> {
    let arch = Arch::of_call(call.arch, call.nr).filter(|a| policy.arches.contains(a));
    let Some(arch) = arch else {
        let name = Arch::of_call(call.arch, call.nr)
            .map_or_else(|| format!("audit token {:#010x}", call.arch), |a| a.name().to_owned());
        return Err(NoRemedy::Unlisted(name));
    };
    let here = filter.restrict(Word::ARCH, call.arch).restrict(Word::NR, call.nr);
    if with_args && here.eval(call).permits() || here.leaves().iter().all(|a| a.permits()) {
        return Err(NoRemedy::Permitted);
    }
    let deciding: Vec<u8> =
        (0..6).filter(|&i| here.depends_on(Word::arg_lo(i)) || here.depends_on(Word::arg_hi(i))).collect();
    if !with_args && here.leaves().len() > 1 {
        return Err(NoRemedy::ArgumentsNeeded);
    }
    let known = Syscall::from_number(arch, call.nr);
    let params = known.and_then(|c| c.params(arch)).unwrap_or_default();
    let compared: Vec<u8> = match () {
        () if !with_args => Vec::new(),
        () if deciding.is_empty() => choosing(known, params),
        () => deciding,
    };
    let comparisons =
        compared.into_iter().filter_map(|index| comparison(params, index, call)).collect::<Vec<_>>();
    Ok(Rule {
        calls: vec![known.map_or(Call::Numbers(call.nr..=call.nr), Call::Named)],
        arches: if policy.arches.len() > 1 { vec![arch] } else { Vec::new() },
        when: match <[Cond; 1]>::try_from(comparisons) {
            Ok([one]) => one,
            Err(none) if none.is_empty() => Cond::True,
            Err(several) => Cond::All(several),
        },
        action: Action::ALLOW,
        origin: Origin::default(),
    })
}

/// The parameters that choose what the call does.
fn choosing(call: Option<Syscall>, params: &[Param]) -> Vec<u8> {
    let named = matches!(call.map(Syscall::name), Some("socket" | "socketpair")).then_some(0);
    let commands = (0..).zip(params).filter(|(_, p)| p.role == Role::Command).map(|(i, _)| i);
    let mut all: Vec<u8> = params.iter().filter_map(|p| p.selector).chain(commands).chain(named).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn comparison(params: &[Param], index: u8, call: &SeccompData) -> Option<Cond> {
    let param = params.get(usize::from(index));
    if param.is_some_and(|p| matches!(p.role, Role::Pointer | Role::Path)) {
        return None;
    }
    let width = param.map_or(Width::W64, |p| p.width);
    let raw = call.args[usize::from(index)];
    let value = if width == Width::W32 { raw & 0xffff_ffff } else { raw };
    Some(Cond::Arg(ArgCmp { arg: ArgIndex::new(index)?, width, op: Op::Eq(value) }))
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
