//! The rules of one architecture: what a rule given by a native number becomes there.

use crate::chain::{Compare, Rules, canonical};
use crate::known;
use crate::name;
use crate::token;
use callgate::abi::Kernel;
use callgate::{Arch, Op};
use libc::{EDOM, EEXIST, EFAULT, EINVAL, c_int};
use std::collections::BTreeMap;

/// Rules by call number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ArchRules {
    pub(crate) arch: Arch,
    /// Negative numbers other than -1 stand for calls the architecture lacks; they match nothing.
    pub(crate) calls: BTreeMap<i32, Rules>,
}

/// A rule as it was asked for.
pub(crate) struct Asked<'a> {
    pub(crate) action: u32,
    /// A number of the native architecture.
    pub(crate) number: i32,
    pub(crate) compares: &'a [Compare],
    /// Refuse what could only be done differently than asked.
    pub(crate) exact: bool,
}

/// A rule as it is kept.
struct Kept {
    number: i32,
    compares: Vec<Compare>,
}

/// The rules of a call with a new one among them.
pub(crate) type Changed = (i32, Rules);

impl ArchRules {
    pub(crate) fn new(arch: Arch) -> ArchRules {
        ArchRules { arch, calls: BTreeMap::new() }
    }

    /// These rules, and one with this action for each other call of that kernel.
    pub(crate) fn with_known(&self, kernel: Kernel, action: u32) -> ArchRules {
        let known = known::numbers(self.arch, kernel).map(|nr| (nr.cast_signed(), Rules::only(action)));
        let mut calls: BTreeMap<i32, Rules> = known.collect();
        calls.extend(self.calls.iter().map(|(number, rules)| (*number, rules.clone())));
        ArchRules { arch: self.arch, calls }
    }

    /// What changes with a rule, if it may be added: nothing, the rules of the call, or those of its multiplexer
    /// and its own.
    pub(crate) fn prepare(&self, asked: &Asked<'_>) -> Result<Vec<Changed>, c_int> {
        let narrow = token::is_narrow(self.arch);
        let number = translate(self.arch, asked.number)?;
        let mut kept = Vec::with_capacity(1);
        let direct = |number| Kept { number, compares: canonical(asked.compares, narrow) };
        let pseudo = self.pseudo_of(number);
        if let Some((multiplexer, sub)) = pseudo.and_then(|p| name::multiplexed(self.arch, p)) {
            if asked.exact && !asked.compares.is_empty() {
                return Err(EINVAL);
            }
            // The other arguments are kept as they are, though they lie elsewhere in a multiplexed call.
            let mut compares: Vec<Compare> = vec![Compare { arg: 0, op: Op::Eq(sub.into()) }];
            compares.extend(asked.compares.iter().filter(|c| c.arg != 0));
            if let Some(through) = multiplexer.call().number(self.arch) {
                kept.push(Kept { number: through.cast_signed(), compares: canonical(&compares, narrow) });
            }
            if let Some(own) = multiplexer.call_of(sub).and_then(|c| c.number(self.arch)) {
                kept.push(direct(own.cast_signed()));
            }
        } else if number >= -1 {
            kept.push(direct(number));
        } else if asked.exact {
            return Err(EDOM);
        } else if !self.multiplexes() {
            kept.push(direct(number));
        }
        let change = |rule: Kept| {
            let mut rules = self.calls.get(&rule.number).cloned().unwrap_or_default();
            rules.add(asked.action, rule.compares, narrow).map_err(|_| EEXIST)?;
            Ok((rule.number, rules))
        };
        kept.into_iter().map(change).collect()
    }

    /// Takes over what [`ArchRules::prepare`] made.
    pub(crate) fn add(&mut self, changed: Vec<Changed>) {
        self.calls.extend(changed);
    }

    /// The negative number of a call that can be reached through a multiplexer, whichever number was given.
    fn pseudo_of(&self, number: i32) -> Option<i32> {
        if number < 0 {
            return Some(number);
        }
        if !self.multiplexes() {
            return None;
        }
        name::call_of_number(self.arch, number).map(|call| name::number_of(self.arch, call))
    }

    fn multiplexes(&self) -> bool {
        callgate::abi::multiplex::Multiplexer::Socketcall.is_on(self.arch)
    }
}

/// A native number as this architecture counts.
pub(crate) fn translate(arch: Arch, number: i32) -> Result<i32, c_int> {
    if number == -1 || Some(arch) == Arch::NATIVE {
        return Ok(number);
    }
    let native = Arch::NATIVE.ok_or(EFAULT)?;
    let call = name::call_of_number(native, number).ok_or(EFAULT)?;
    Ok(name::number_of(arch, call))
}
