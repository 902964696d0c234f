//! What was written: an ordered list of rules anybody may build, first match wins.

use callgate_abi::{Action, Arch, SeccompData, Syscall, Width};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A policy: for every call of every listed architecture the first rule that matches decides;
/// where none does, `default` does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The conventions the rules speak about.
    pub arches: Vec<Arch>,
    /// The rules, in order.
    pub rules: Vec<Rule>,
    /// The action for calls no rule matches.
    pub default: Action,
    /// Rules for calls made under an architecture that is not listed, first match wins: they name
    /// numbers or everything, since names mean nothing there, and compare whole 64-bit arguments.
    /// Their `arches` are not looked at.
    pub foreign: Vec<Rule>,
    /// The action for calls made under an architecture that is not listed and that no rule of
    /// `foreign` matches.
    pub bad_arch: Action,
    /// The action for numbers with the x32 bit when x86_64 is listed and x32 is not; `None` means
    /// `bad_arch`. Rules that name raw numbers come first.
    pub x32: Option<Action>,
    /// The action for numbers newer than the tables ([`Syscall::last_number`]) that no rule matches;
    /// `None` means `default`.
    pub unknown: Option<Action>,
}

/// One rule: these calls, under this condition, get this action.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The calls; a call matches if any entry does.
    pub calls: Vec<Call>,
    /// The listed architectures the rule is limited to; empty means all of the policy's.
    pub arches: Vec<Arch>,
    /// The condition on the arguments.
    pub when: Cond,
    /// What happens.
    pub action: Action,
    /// Where it was written.
    pub origin: Origin,
}

/// Which calls a rule is about.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Call {
    /// Every number of the listed architectures, known or not.
    Any,
    /// The call with this name, wherever it has a number.
    Named(Syscall),
    /// Raw numbers, as `seccomp_data.nr` shows them (x32 numbers with bit 30).
    Numbers(RangeInclusive<u32>),
}

/// A condition on the arguments.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Cond {
    /// Always.
    True,
    /// One comparison.
    Arg(ArgCmp),
    /// All of these (none: always).
    All(Vec<Cond>),
    /// Any of these (none: never).
    Any(Vec<Cond>),
    /// The opposite.
    Not(Box<Cond>),
}

/// A comparison of one argument with constants.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ArgCmp {
    /// Which argument.
    pub arg: ArgIndex,
    /// How many of its bits take part. On a 32-bit architecture the upper half of an argument means
    /// nothing to the kernel and is looked at only by a test of the whole [slot](Width::Slot).
    pub width: Width,
    /// The test. Values and masks of a 32-bit comparison use the low 32 bits only.
    pub op: Op,
}

/// An argument's position, 0–5; 6 stands for the instruction pointer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ArgIndex(u8);

/// An unsigned test against constants.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Equal.
    Eq(u64),
    /// Not equal.
    Ne(u64),
    /// Below.
    Lt(u64),
    /// At most.
    Le(u64),
    /// Above.
    Gt(u64),
    /// At least.
    Ge(u64),
    /// `argument & mask == value`; never true when `value` has bits outside `mask`.
    MaskedEq {
        /// The bits looked at.
        mask: u64,
        /// What they must be.
        value: u64,
    },
}

/// Where a rule was written. It is not part of what a policy means: any two origins are equal, so
/// that policies compare by meaning.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The file, as the user named it.
    pub file: Option<Arc<str>>,
    /// Line, from 1; 0 if there is none.
    pub line: u32,
    /// A place inside a structured file (a JSON path, a key), where a line says too little.
    pub path: Option<Arc<str>>,
}

impl PartialEq for Origin {
    fn eq(&self, _: &Origin) -> bool {
        true
    }
}

impl Eq for Origin {}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.file.as_deref().unwrap_or("<policy>"))?;
        if self.line != 0 {
            write!(f, ":{}", self.line)?;
        }
        if let Some(path) = &self.path {
            write!(f, ": {path}")?;
        }
        Ok(())
    }
}

/// What decided a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Decided {
    /// The rule with this index in [`Policy::rules`].
    Rule(u32),
    /// The rule with this index in [`Policy::foreign`].
    Foreign(u32),
    /// No rule: the default.
    Default,
    /// No rule, and the number is newer than the tables.
    Unknown,
    /// An x32 number where x32 is not listed.
    X32,
    /// An architecture that is not listed.
    BadArch,
}

impl ArgIndex {
    /// The instruction pointer, as an operand of comparisons.
    pub const IP: ArgIndex = ArgIndex(6);

    /// Argument `index`, 0–5.
    pub const fn new(index: u8) -> Option<ArgIndex> {
        if index < 6 { Some(ArgIndex(index)) } else { None }
    }

    /// 0–5, or 6 for the instruction pointer.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Policy {
    /// A policy without rules for the architecture this code runs on: everything gets `default`,
    /// foreign architectures kill the process.
    pub fn new(default: Action) -> Policy {
        Policy {
            arches: Arch::NATIVE.into_iter().collect(),
            rules: Vec::new(),
            default,
            foreign: Vec::new(),
            bad_arch: Action::KILL_PROCESS,
            x32: None,
            unknown: None,
        }
    }

    /// The action for one call, by the plainest reading of the rules. The compiler is judged
    /// against this function.
    pub fn eval(&self, data: &SeccompData) -> Action {
        self.action_of(self.decide(data))
    }

    /// What decides one call, by the plainest reading of the rules.
    pub fn decide(&self, data: &SeccompData) -> Decided {
        if !self.arches.iter().any(|a| a.token() == data.arch) {
            let decides = |rule: &Rule| {
                rule.calls.iter().any(|c| match c {
                    Call::Any => true,
                    Call::Named(_) => false,
                    Call::Numbers(range) => range.contains(&data.nr),
                }) && rule.when.holds(FOREIGN, data)
            };
            return self
                .foreign
                .iter()
                .position(decides)
                .map_or(Decided::BadArch, |i| Decided::Foreign(i as u32));
        }
        let Some(arch) = Arch::of_call(data.arch, data.nr) else { return Decided::BadArch };
        let listed = self.arches.contains(&arch);
        for (i, rule) in self.rules.iter().enumerate() {
            let here = rule.arches.is_empty()
                || rule.arches.contains(&arch)
                || (!listed && rule.arches.iter().any(|a| a.token() == data.arch));
            if here
                && rule.calls.iter().any(|c| c.matches(arch, listed, data.nr))
                && rule.when.holds(arch, data)
            {
                return Decided::Rule(i as u32);
            }
        }
        if !listed {
            if arch == Arch::X32 { Decided::X32 } else { Decided::BadArch }
        } else if is_unknown(arch, data.nr) {
            Decided::Unknown
        } else {
            Decided::Default
        }
    }

    /// The action that goes with a decision of this policy, as a value of the kernel's: error
    /// numbers are the policy's own.
    pub fn action_of(&self, decided: Decided) -> Action {
        match decided {
            Decided::Rule(i) => self.rules[i as usize].action,
            Decided::Foreign(i) => self.foreign[i as usize].action,
            Decided::Default => self.default,
            Decided::Unknown => self.unknown.unwrap_or(self.default),
            Decided::X32 => self.x32.unwrap_or(self.bad_arch),
            Decided::BadArch => self.bad_arch,
        }
    }
}

/// Conditions under an unlisted architecture look at whole arguments, as on any 64-bit one.
pub(crate) const FOREIGN: Arch = Arch::X86_64;

/// Whether a number is newer than the tables for `arch`.
pub(crate) fn is_unknown(arch: Arch, nr: u32) -> bool {
    Syscall::last_number(arch).is_some_and(|last| nr > last) && Syscall::from_number(arch, nr).is_none()
}

impl Call {
    fn matches(&self, arch: Arch, listed: bool, nr: u32) -> bool {
        match self {
            Call::Any => listed,
            Call::Named(call) => listed && call.number(arch) == Some(nr),
            Call::Numbers(range) => range.contains(&nr),
        }
    }
}

impl Cond {
    /// Whether the condition holds for a call made under `arch`.
    pub fn holds(&self, arch: Arch, data: &SeccompData) -> bool {
        match self {
            Cond::True => true,
            Cond::Arg(cmp) => cmp.holds(arch, data),
            Cond::All(all) => all.iter().all(|c| c.holds(arch, data)),
            Cond::Any(any) => any.iter().any(|c| c.holds(arch, data)),
            Cond::Not(c) => !c.holds(arch, data),
        }
    }
}

impl ArgCmp {
    /// Whether the comparison holds for a call made under `arch`.
    pub fn holds(&self, arch: Arch, data: &SeccompData) -> bool {
        let raw = match self.arg.get() {
            6 => data.ip,
            i => data.args[i as usize],
        };
        let low = |v: u64| if self.width == Width::W32 { v & 0xffff_ffff } else { v };
        let cut = arch.register_bits() == 32 && self.width != Width::Slot;
        let a = if cut { raw & 0xffff_ffff } else { low(raw) };
        match self.op {
            Op::Eq(v) => a == low(v),
            Op::Ne(v) => a != low(v),
            Op::Lt(v) => a < low(v),
            Op::Le(v) => a <= low(v),
            Op::Gt(v) => a > low(v),
            Op::Ge(v) => a >= low(v),
            Op::MaskedEq { mask, value } => a & low(mask) == low(value),
        }
    }
}
