//! Conditions to text.

use super::join;
use super::names::{Known, Naming};
use crate::policy::{ArgCmp, Cond, Op};

/// A condition's text: with names, or with indices and widths that mean the same for every call.
pub(super) fn text(cond: &Cond, naming: Option<Naming<'_>>) -> String {
    let mut out = String::new();
    Writer { naming }.write(cond, &Known::new(), &mut out);
    out
}

struct Writer<'a> {
    naming: Option<Naming<'a>>,
}

impl Writer<'_> {
    fn write(&self, cond: &Cond, known: &Known, out: &mut String) {
        match cond {
            Cond::True => out.push_str("true"),
            Cond::Arg(cmp) => self.comparison(cmp, false, known, out),
            Cond::Not(inner) => match &**inner {
                Cond::Arg(cmp @ ArgCmp { op: Op::MaskedEq { .. }, .. }) => {
                    self.comparison(cmp, true, known, out)
                }
                Cond::Any(all) if set_of(all).is_some() => self.set(all, " not in {", known, out),
                inner => {
                    out.push('!');
                    self.parenthesized(inner, known, out);
                }
            },
            Cond::Any(all) if set_of(all).is_some() => self.set(all, " in {", known, out),
            Cond::All(all) => self.chain(all, " && ", "all", &fixed(known, all), out),
            Cond::Any(all) => self.chain(all, " || ", "any", known, out),
        }
    }

    fn parenthesized(&self, cond: &Cond, known: &Known, out: &mut String) {
        out.push('(');
        self.write(cond, known, out);
        out.push(')');
    }

    fn chain(&self, all: &[Cond], operator: &str, function: &str, known: &Known, out: &mut String) {
        if all.len() < 2 {
            out.push_str(function);
            out.push('(');
            all.iter().for_each(|c| self.write(c, known, out));
            out.push(')');
            return;
        }
        for (i, cond) in all.iter().enumerate() {
            if i > 0 {
                out.push_str(operator);
            }
            let chained = match cond {
                Cond::All(inner) => inner.len() > 1,
                Cond::Any(inner) => inner.len() > 1 && set_of(inner).is_none(),
                Cond::True | Cond::Arg(_) | Cond::Not(_) => false,
            };
            if chained { self.parenthesized(cond, known, out) } else { self.write(cond, known, out) }
        }
    }

    fn comparison(&self, cmp: &ArgCmp, negated: bool, known: &Known, out: &mut String) {
        let (operator, value) = match cmp.op {
            Op::Eq(v) => ("==", v),
            Op::Ne(v) => ("!=", v),
            Op::Lt(v) => ("<", v),
            Op::Le(v) => ("<=", v),
            Op::Gt(v) => (">", v),
            Op::Ge(v) => (">=", v),
            Op::MaskedEq { value, .. } if negated => ("!=", value),
            Op::MaskedEq { value, .. } => ("==", value),
        };
        self.operand(cmp, known, out);
        out.push(' ');
        out.push_str(operator);
        out.push(' ');
        out.push_str(&self.value(cmp, value, known));
    }

    /// The argument, with its mask.
    fn operand(&self, cmp: &ArgCmp, known: &Known, out: &mut String) {
        out.push_str(&super::names::argument(cmp, self.naming));
        if let Op::MaskedEq { mask, .. } = cmp.op {
            let mask = match self.naming {
                Some(naming) if naming.is_whole(cmp, mask) => return,
                Some(naming) => naming.mask(cmp, mask, known),
                None => format!("{mask:#x}"),
            };
            out.push_str(" & ");
            out.push_str(&mask);
        }
    }

    fn set(&self, all: &[Cond], word: &str, known: &Known, out: &mut String) {
        let Some(first) = set_of(all) else { return };
        self.operand(&first, known, out);
        out.push_str(word);
        let item = |cond: &Cond| match member(cond) {
            Some((_, low, Some(high))) => {
                format!("{}..{}", self.value(&first, low, known), self.value(&first, high, known))
            }
            Some((cmp, value, None)) => self.value(&cmp, value, known),
            None => String::new(),
        };
        join(out, all.iter().map(item));
        out.push('}');
    }

    fn value(&self, cmp: &ArgCmp, value: u64, known: &Known) -> String {
        match self.naming {
            Some(naming) => naming.value(cmp, value, known),
            None => super::names::number(value),
        }
    }
}

/// What is known where all of these hold.
fn fixed(known: &Known, all: &[Cond]) -> Known {
    let mut known = known.clone();
    known.extend(all.iter().filter_map(|cond| match cond {
        Cond::Arg(ArgCmp { arg, op: Op::Eq(value), .. }) => Some((arg.get(), *value)),
        _ => None,
    }));
    known
}

/// If the alternatives are values and ranges of one operand, as `in {…}` writes them: the operand.
fn set_of(all: &[Cond]) -> Option<ArgCmp> {
    let (first, ..) = member(all.first()?)?;
    let mask = |cmp: &ArgCmp| match cmp.op {
        Op::MaskedEq { mask, .. } => Some(mask),
        _ => None,
    };
    let alike = |c: &Cond| {
        member(c).is_some_and(|(cmp, ..)| {
            cmp.arg == first.arg && cmp.width == first.width && mask(&cmp) == mask(&first)
        })
    };
    all.iter().all(alike).then_some(first)
}

/// A member of a set: its operand, its value, and for a range the last one.
fn member(cond: &Cond) -> Option<(ArgCmp, u64, Option<u64>)> {
    match cond {
        Cond::Arg(cmp) => match cmp.op {
            Op::Eq(value) | Op::MaskedEq { value, .. } => Some((*cmp, value, None)),
            _ => None,
        },
        Cond::All(both) => match both.as_slice() {
            [Cond::Arg(a), Cond::Arg(b)] if a.arg == b.arg && a.width == b.width => match (a.op, b.op) {
                (Op::Ge(low), Op::Le(high)) => Some((*a, low, Some(high))),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}
