//! Rules as libseccomp takes them, and the policy that means the same.

use callgate::{Action, Arch, ArgCmp, ArgIndex, Call, Cond, Op, Origin, Policy, Rule, Syscall, Width};

/// What a libseccomp context is told, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Spec {
    /// The architectures of one byte order.
    pub(crate) arches: Vec<Arch>,
    pub(crate) default: Action,
    pub(crate) bad_arch: Action,
    /// A call gets the action of any rule that matches; nothing may match two of different actions.
    pub(crate) rules: Vec<SpecRule>,
}

/// One `seccomp_rule_add`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SpecRule {
    pub(crate) call: Syscall,
    pub(crate) action: Action,
    /// All of these hold; each argument at most once.
    pub(crate) when: Vec<Comparison>,
}

/// One `struct scmp_arg_cmp`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Comparison {
    pub(crate) arg: ArgIndex,
    pub(crate) op: Op,
}

impl Comparison {
    /// `SCMP_CMP_*` and its two operands.
    pub(crate) fn as_libseccomp(&self) -> (u32, u64, u64) {
        match self.op {
            Op::Ne(v) => (1, v, 0),
            Op::Lt(v) => (2, v, 0),
            Op::Le(v) => (3, v, 0),
            Op::Eq(v) => (4, v, 0),
            Op::Ge(v) => (5, v, 0),
            Op::Gt(v) => (6, v, 0),
            Op::MaskedEq { mask, value } => (7, mask, value),
        }
    }
}

impl Spec {
    /// The policy that means what libseccomp documents these rules to mean.
    pub(crate) fn policy(&self) -> Policy {
        let mut rules = Vec::new();
        if self.arches.contains(&Arch::X86_64) && !self.arches.contains(&Arch::X32) {
            // The one number with the x32 bit that is not refused: tracers use it to skip a call.
            rules.push(rule(Call::Numbers(u32::MAX..=u32::MAX), &[Arch::X86_64], Cond::True, self.default));
        }
        for spec in &self.rules {
            for width in [Width::W32, Width::W64] {
                let here: Vec<Arch> = self.arches.iter().copied().filter(|a| width_on(*a) == width).collect();
                if !here.is_empty() {
                    let compare =
                        |c: &Comparison| Cond::Arg(ArgCmp { arg: c.arg, width, op: truncated(c.op, width) });
                    let when = Cond::All(spec.when.iter().map(compare).collect());
                    rules.push(rule(Call::Named(spec.call), &here, when, spec.action));
                }
            }
        }
        Policy {
            arches: self.arches.clone(),
            rules,
            default: self.default,
            foreign: Vec::new(),
            bad_arch: self.bad_arch,
            x32: None,
            unknown: None,
        }
    }
}

/// libseccomp compares the low 32 bits on every architecture that it counts as one of 32 bits, x32
/// among them although its registers have 64.
fn width_on(arch: Arch) -> Width {
    if arch.pointer_bits() == 32 { Width::W32 } else { Width::W64 }
}

/// The values libseccomp compares with, masked values included.
fn truncated(op: Op, width: Width) -> Op {
    match op {
        Op::MaskedEq { mask, value } if width == Width::W32 => {
            Op::MaskedEq { mask: mask & 0xffff_ffff, value: value & mask & 0xffff_ffff }
        }
        Op::MaskedEq { mask, value } => Op::MaskedEq { mask, value: value & mask },
        other => other,
    }
}

fn rule(call: Call, arches: &[Arch], when: Cond, action: Action) -> Rule {
    Rule { calls: vec![call], arches: arches.to_vec(), when, action, origin: Origin::default() }
}
