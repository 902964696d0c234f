//! From a [`Program`] to a [`Policy`].

use super::ast::{Call, Comparison, Expr, ExprKind, Filter, Located, Program, Statement};
use super::names;
use crate::import::{Collect, Effect};
use crate::suggest;
use callgate::{Action, Arch, ArgCmp, ArgIndex, Call as PolicyCall, Cond, Op, Policy, Rule, Width};

/// The policy of a program on these architectures; problems go to `collect`.
pub(super) fn lower(program: &Program, arches: &[Arch], collect: &mut Collect) -> Policy {
    let default = program.default.unwrap_or(Action::KILL_THREAD);
    let mut lower = Lower { arches, collect, rules: Vec::new() };
    let mut used = vec![false; program.policies.len()];
    // A policy is expanded where it is first used, and only there. Only policies above can be used,
    // so the stack cannot hold one twice.
    let mut stack = vec![program.statements.iter()];
    while let Some(top) = stack.last_mut() {
        match top.next() {
            None => {
                stack.pop();
            }
            Some(Statement::Use(index)) => {
                if !std::mem::replace(&mut used[*index], true) {
                    stack.push(program.policies[*index].statements.iter());
                }
            }
            Some(Statement::Rules { action, filters }) => {
                for filter in filters {
                    lower.filter(filter, *action);
                }
            }
        }
    }
    let rules = std::mem::take(&mut lower.rules);
    // Names in policies that are never used are checked all the same.
    for policy in program.policies.iter().zip(&used).filter(|(_, used)| !**used).map(|(p, _)| p) {
        for statement in &policy.statements {
            if let Statement::Rules { action, filters } = statement {
                filters.iter().for_each(|f| lower.filter(f, *action));
            }
        }
    }
    Policy {
        arches: arches.to_vec(),
        rules,
        default,
        bad_arch: Action::KILL_THREAD,
        // Kafel does not look at bit 30: an x32 number is a number it has no rule for.
        x32: Some(default),
        unknown: None,
        foreign: Vec::new(),
    }
}

struct Lower<'a> {
    arches: &'a [Arch],
    collect: &'a mut Collect,
    rules: Vec<Rule>,
}

impl Lower<'_> {
    fn filter(&mut self, filter: &Filter, action: Action) {
        let here: Vec<Arch> = match &filter.on {
            Some(on) => self.arches.iter().copied().filter(|a| on.contains(a)).collect(),
            None => self.arches.to_vec(),
        };
        // Architectures on which the name means the same call and the condition reads the same share
        // a rule.
        let mut groups: Vec<(PolicyCall, Cond, Vec<Arch>)> = Vec::new();
        for arch in here {
            let Some((call, cond)) = self.on_arch(filter, arch, action) else { continue };
            match groups.iter_mut().find(|g| g.0 == call && g.1 == cond) {
                Some(group) => group.2.push(arch),
                None => groups.push((call, cond, vec![arch])),
            }
        }
        for (call, when, arches) in groups {
            let arches = if arches.len() == self.arches.len() { Vec::new() } else { arches };
            let origin = filter.at.source.origin(filter.at.pos);
            self.rules.push(Rule { calls: vec![call], arches, when, action, origin });
        }
    }

    fn on_arch(&mut self, filter: &Filter, arch: Arch, action: Action) -> Option<(PolicyCall, Cond)> {
        let effect = if action.permits() { Effect::Stricter } else { Effect::Weaker };
        let (call, params) = match &filter.call {
            Call::Number(number) => {
                let number = *number as u32;
                (PolicyCall::Numbers(number..=number), None)
            }
            Call::Named(name) => match names::resolve(name, arch) {
                Some(call) => (PolicyCall::Named(call), call.params(arch)),
                None => {
                    self.unknown_call(name, arch, &filter.at, effect);
                    return None;
                }
            },
        };
        let Some(expr) = &filter.when else { return Some((call, Cond::True)) };
        let args: Vec<(&str, Width)> = match (&filter.args, params) {
            // Arguments the policy names itself are 64 bits wide.
            (Some(named), _) => named.iter().map(|n| (&**n, Width::W64)).collect(),
            (None, Some(params)) => params.iter().map(|p| (p.name, p.width)).collect(),
            (None, None) => Vec::new(),
        };
        match condition(expr, &args) {
            Ok(cond) => Some((call, cond)),
            Err(problem) => {
                self.collect.problem(*problem);
                None
            }
        }
    }

    fn unknown_call(&mut self, name: &str, arch: Arch, at: &Located, effect: Effect) {
        let kind = format!("system call on {}", arch.name());
        match callgate::Syscall::from_name(name).and_then(|c| names::name_of(c, arch)) {
            Some(other) if other != name => {
                self.collect.unknown_in(&at.source, &kind, name, at.pos, effect, std::iter::empty());
                self.collect.advise(format!("kafel calls it {other}"));
            }
            _ => self.collect.unknown_in(&at.source, &kind, name, at.pos, effect, names::all(arch)),
        }
    }
}

type Problem = Box<crate::place::Problem>;

fn condition(expr: &Expr, args: &[(&str, Width)]) -> Result<Cond, Problem> {
    Ok(match &expr.kind {
        ExprKind::And(all) => Cond::All(all.iter().map(|e| condition(e, args)).collect::<Result<_, _>>()?),
        ExprKind::Or(any) => Cond::Any(any.iter().map(|e| condition(e, args)).collect::<Result<_, _>>()?),
        ExprKind::Not(inner) => Cond::Not(Box::new(condition(inner, args)?)),
        ExprKind::Compare(op, left, right) => compare(*op, bits(left, args)?, bits(right, args)?, &expr.at)?,
        ExprKind::Number(_) | ExprKind::Arg(_) | ExprKind::BitAnd(_) | ExprKind::BitOr(_) => {
            return Err(at(&expr.at, "expected a comparison, not a number"));
        }
    })
}

fn at(place: &Located, what: impl Into<String>) -> Problem {
    Box::new(place.source.problem(place.pos, what))
}

/// A number built from constants and at most one argument: `argument & mask | fixed`, no bit in both.
#[derive(Clone)]
struct Bits {
    arg: Option<(ArgIndex, String)>,
    mask: u64,
    fixed: u64,
    /// Whether an operand has 64 bits.
    wide: bool,
}

fn bits(expr: &Expr, args: &[(&str, Width)]) -> Result<Bits, Problem> {
    match &expr.kind {
        ExprKind::Number(n) => Ok(Bits { arg: None, mask: 0, fixed: *n, wide: *n > u64::from(u32::MAX) }),
        ExprKind::Arg(name) => {
            let found = args.iter().position(|a| a.0 == name);
            let index = found.and_then(|i| u8::try_from(i).ok()).and_then(ArgIndex::new);
            let (Some(i), Some(index)) = (found, index) else {
                let mut problem =
                    expr.at.source.problem(expr.at.pos, format!("no argument or constant is called {name}"));
                if let Some(near) = suggest::nearest(name, args.iter().map(|a| a.0)) {
                    problem = problem.help(format!("did you mean {near}?"));
                } else if !args.is_empty() {
                    let names: Vec<&str> = args.iter().map(|a| a.0).collect();
                    problem = problem.help(format!("the arguments are {}", names.join(", ")));
                }
                return Err(Box::new(problem));
            };
            Ok(Bits { arg: Some((index, name.clone())), mask: !0, fixed: 0, wide: args[i].1 == Width::W64 })
        }
        ExprKind::BitAnd(all) => join(all, args, &expr.at, |a, b| {
            let (may_a, may_b) = (a.mask | a.fixed, b.mask | b.fixed);
            (may_a & may_b & (a.mask | b.mask), a.fixed & b.fixed)
        }),
        ExprKind::BitOr(all) => join(all, args, &expr.at, |a, b| {
            let fixed = a.fixed | b.fixed;
            ((a.mask | b.mask) & !fixed, fixed)
        }),
        ExprKind::Compare(..) | ExprKind::And(_) | ExprKind::Or(_) | ExprKind::Not(_) => {
            Err(at(&expr.at, "expected a number, not a condition"))
        }
    }
}

fn join(
    all: &[Expr],
    args: &[(&str, Width)],
    place: &Located,
    op: fn(&Bits, &Bits) -> (u64, u64),
) -> Result<Bits, Problem> {
    let mut parts = all.iter();
    let mut out = match parts.next() {
        Some(first) => bits(first, args)?,
        None => return Err(at(place, "an operator without operands")),
    };
    for part in parts {
        let part = bits(part, args)?;
        let arg = one_arg(&out, &part, place)?;
        let (mask, fixed) = op(&out, &part);
        out = Bits { arg, mask, fixed, wide: out.wide || part.wide };
    }
    Ok(out)
}

/// The argument two numbers depend on, if it is not two arguments.
fn one_arg(a: &Bits, b: &Bits, place: &Located) -> Result<Option<(ArgIndex, String)>, Problem> {
    match (&a.arg, &b.arg) {
        (Some((i, left)), Some((j, right))) if i != j => Err(at(
            place,
            format!(
                "{left} and {right}: two arguments in one comparison; a policy compares one argument with constants"
            ),
        )),
        (Some(arg), _) | (None, Some(arg)) => Ok(Some(arg.clone())),
        (None, None) => Ok(None),
    }
}

const NEVER: Cond = Cond::Any(Vec::new());

fn compare(op: Comparison, left: Bits, right: Bits, place: &Located) -> Result<Cond, Problem> {
    let arg = one_arg(&left, &right, place)?;
    let wide = left.wide || right.wide;
    let (x, value, op) = if right.mask == 0 {
        (left, right.fixed, op)
    } else if left.mask == 0 {
        // Constant first: turn the comparison round.
        let op = match op {
            Comparison::Lt => Comparison::Gt,
            Comparison::Le => Comparison::Ge,
            Comparison::Gt => Comparison::Lt,
            Comparison::Ge => Comparison::Le,
            same => same,
        };
        (right, left.fixed, op)
    } else {
        let name = arg.map(|a| a.1).unwrap_or_default();
        return Err(at(
            place,
            format!("{name} is on both sides; a policy compares an argument with constants"),
        ));
    };
    let Some((arg, _)) = arg.filter(|_| x.mask != 0) else {
        let holds = match op {
            Comparison::Eq => x.fixed == value,
            Comparison::Ne => x.fixed != value,
            Comparison::Lt => x.fixed < value,
            Comparison::Le => x.fixed <= value,
            Comparison::Gt => x.fixed > value,
            Comparison::Ge => x.fixed >= value,
        };
        return Ok(if holds { Cond::True } else { NEVER });
    };
    let (width, full) = if wide { (Width::W64, u64::MAX) } else { (Width::W32, u64::from(u32::MAX)) };
    let mask = x.mask & full;
    if mask == full {
        let op = match op {
            Comparison::Eq => Op::Eq(value),
            Comparison::Ne => Op::Ne(value),
            Comparison::Lt => Op::Lt(value),
            Comparison::Le => Op::Le(value),
            Comparison::Gt => Op::Gt(value),
            Comparison::Ge => Op::Ge(value),
        };
        return Ok(Cond::Arg(ArgCmp { arg, width, op }));
    }
    let masked = Masked { arg, width, full, mask, fixed: x.fixed };
    Ok(match op {
        Comparison::Eq => masked.equals(value),
        Comparison::Ne => Cond::Not(Box::new(masked.equals(value))),
        Comparison::Lt => masked.below(value),
        Comparison::Ge => Cond::Not(Box::new(masked.below(value))),
        Comparison::Le if value == full => Cond::True,
        Comparison::Gt if value == full => NEVER,
        Comparison::Le => masked.below(value + 1),
        Comparison::Gt => Cond::Not(Box::new(masked.below(value + 1))),
    })
}

/// `argument & mask | fixed`, in `full` bits.
struct Masked {
    arg: ArgIndex,
    width: Width,
    full: u64,
    mask: u64,
    fixed: u64,
}

impl Masked {
    fn test(&self, mask: u64, value: u64) -> Cond {
        if mask == 0 {
            return Cond::True;
        }
        Cond::Arg(ArgCmp { arg: self.arg, width: self.width, op: Op::MaskedEq { mask, value } })
    }

    fn equals(&self, value: u64) -> Cond {
        if value & !self.mask & self.full != self.fixed & self.full {
            return NEVER;
        }
        self.test(self.mask, value & self.mask)
    }

    /// Below `value`: equal in all higher bits, and 0 where `value` has a 1.
    fn below(&self, value: u64) -> Cond {
        let mut any = Vec::new();
        for bit in (0..64).rev().map(|i| 1u64 << i).filter(|b| b & self.full != 0) {
            let higher = !(bit | (bit - 1)) & self.full;
            if value & bit != 0 && self.fixed & bit == 0 {
                any.push(self.test(self.mask & (higher | bit), value & self.mask & higher));
            }
            let is_variable = self.mask & bit != 0;
            if !is_variable && (value ^ self.fixed) & bit != 0 {
                break;
            }
        }
        Cond::Any(any)
    }
}
