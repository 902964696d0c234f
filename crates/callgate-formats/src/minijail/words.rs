//! What names mean: calls, constants and numbers on one architecture.

use crate::import::{Collect, Effect};
use crate::names;
use crate::options::Options;
use crate::place::Problem;
use crate::scan::{Pos, Source};
use crate::suggest;
use callgate::{Arch, ArgCmp, ArgIndex, Cond, Errno, Op, Syscall, Width};

/// The operators of an atom, `argN OP constant`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    /// `&`: any of the bits.
    AnyBit,
    /// `in`: no other bits.
    Only,
}

impl Operator {
    pub(super) fn from_text(text: &str) -> Option<Operator> {
        Some(match text {
            "==" => Operator::Eq,
            "!=" => Operator::Ne,
            "<" => Operator::Lt,
            "<=" => Operator::Le,
            ">" => Operator::Gt,
            ">=" => Operator::Ge,
            "&" => Operator::AnyBit,
            "in" => Operator::Only,
            _ => return None,
        })
    }

    /// The atom as a condition: unsigned, with all bits of a register.
    pub(super) fn atom(self, arg: ArgIndex, value: u64, arch: Arch) -> Cond {
        let width = if arch.register_bits() == 32 { Width::W32 } else { Width::W64 };
        let cond = |op| Cond::Arg(ArgCmp { arg, width, op });
        match self {
            Operator::Eq => cond(Op::Eq(value)),
            Operator::Ne => cond(Op::Ne(value)),
            Operator::Lt => cond(Op::Lt(value)),
            Operator::Le => cond(Op::Le(value)),
            Operator::Gt => cond(Op::Gt(value)),
            Operator::Ge => cond(Op::Ge(value)),
            Operator::AnyBit => Cond::Not(Box::new(cond(Op::MaskedEq { mask: value, value: 0 }))),
            Operator::Only => {
                let rest = if width == Width::W32 { !value & 0xffff_ffff } else { !value };
                cond(Op::MaskedEq { mask: rest, value: 0 })
            }
        }
    }
}

/// The call with this name; it must have a number on the architecture.
pub(super) fn syscall(
    name: &str,
    arch: Arch,
    source: &Source,
    pos: Pos,
    effect: Effect,
    collect: &mut Collect,
) -> Option<Syscall> {
    // minijail's tables call Arm's private calls by the kernel's __ARM_NR_ names.
    let plain = if arch == Arch::Arm { name.strip_prefix("ARM_").unwrap_or(name) } else { name };
    let found = Syscall::from_name(plain).filter(|c| c.number(arch).is_some());
    if found.is_none() {
        let kind = format!("system call on {}", arch.name());
        let known = Syscall::of_arch(arch).map(|(_, call)| call.name());
        collect.unknown_in(source, &kind, name, pos, effect, known);
    }
    found
}

/// The value of a named constant.
pub(super) fn named(name: &str, arch: Arch, options: &Options) -> Option<u64> {
    let from_file = options.constants.as_ref().and_then(|c| c.value(name, arch)).and_then(|v| fit(v, arch));
    from_file
        .or_else(|| names::constant(name, arch).map(|v| v & register(arch)))
        .or_else(|| Errno::from_name(name).map(|e| u64::from(e.0)))
}

/// Fits a number into a register, negative ones by their two's complement; `None` if it does not fit.
pub(super) fn fit(value: i128, arch: Arch) -> Option<u64> {
    let bits = arch.register_bits();
    if value >= 1i128 << bits || value < -(1i128 << (bits - 1)) {
        return None;
    }
    Some((value as u64) & register(arch))
}

/// All bits of a register.
pub(super) fn register(arch: Arch) -> u64 {
    if arch.register_bits() == 32 { 0xffff_ffff } else { u64::MAX }
}

/// Argument `argN`.
pub(super) fn argument(word: &str) -> Option<ArgIndex> {
    ArgIndex::new(word.strip_prefix("arg")?.parse().ok()?)
}

/// A constant nobody knows.
pub(super) fn unknown_constant(word: &str, source: &Source, pos: Pos) -> Problem {
    let shown: String = word.chars().take(80).collect();
    let problem = source.problem(pos, format!("unknown constant `{shown}`"));
    match suggest::nearest(word, suggest::constants()) {
        Some(near) => problem.help(format!("did you mean {near}?")),
        None => problem,
    }
}
