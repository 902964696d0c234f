//! Conditions, for one call on one architecture.

use super::Resolver;
use super::argument::{Argument, Env, is_fixed};
use super::conflict::conflict;
use super::value::low;
use crate::diagnostic::Diagnostic;
use crate::policy::{ArgCmp, Cond, Op};
use crate::syntax::ast::{self, Cmp, CondKind, Expr, Item, Relation, Test};
use crate::syntax::codes;
use crate::syntax::lexer::Loc;
use crate::syntax::parser::quoted;
use callgate_abi::Width;

/// What a condition's meaning depends on.
#[derive(Clone, Copy)]
pub(super) struct Needs {
    /// Argument names or widths that are looked up.
    pub(super) call: bool,
    /// Constants, negative numbers or complements.
    pub(super) arch: bool,
}

impl Resolver<'_> {
    pub(super) fn needs(&self, cond: &ast::Cond) -> Needs {
        let mut needs = Needs { call: false, arch: false };
        cond.comparisons(&mut |cmp| {
            needs.call |= !is_fixed(self.text(cmp.arg), cmp.width);
            cmp.expressions(&mut |e| needs.arch |= !e.is_plain());
        });
        needs.arch |= needs.call;
        needs
    }

    /// The condition in the environment; `None` if anything is wrong with it.
    pub(super) fn cond(&mut self, cond: &ast::Cond, env: Env) -> Option<Cond> {
        Some(match &cond.kind {
            CondKind::True => Cond::True,
            CondKind::Cmp(cmp) => self.comparison(cmp, cond.loc, env)?,
            CondKind::Not(inner) => Cond::Not(Box::new(self.cond(inner, env)?)),
            CondKind::Any(all) => Cond::Any(self.conds(all, env)?),
            CondKind::All(written) => {
                let all = self.conds(written, env)?;
                if let Some((a, b)) = conflict(&all).filter(|_| !env.unchecked) {
                    self.contradiction(written[a].loc, written[b].loc, cond.loc);
                    return None;
                }
                Cond::All(all)
            }
        })
    }

    fn conds(&mut self, all: &[ast::Cond], env: Env) -> Option<Vec<Cond>> {
        // Every one is looked at, so that all errors are reported.
        let resolved: Vec<_> = all.iter().map(|c| self.cond(c, env)).collect();
        resolved.into_iter().collect()
    }

    fn contradiction(&mut self, a: Loc, b: Loc, whole: Loc) {
        let (first, second) = (quoted(self.text(a)), quoted(self.text(b)));
        let d = Diagnostic::error(
            codes::CONTRADICTION,
            format!("{second} cannot hold together with what precedes it, such as {first}"),
        );
        let d = d.label(self.span(a), "this must hold as well").help(KEEP);
        // One report per condition, however many architectures it is looked at for.
        if self.first(codes::CONTRADICTION, whole) {
            let span = self.span(b);
            self.report.push(d.at(span));
        }
    }

    fn comparison(&mut self, cmp: &Cmp, loc: Loc, env: Env) -> Option<Cond> {
        let argument = self.argument(cmp.arg, cmp.width, env)?;
        let mask = match &cmp.mask {
            Some(mask) => Some(self.value(mask, &argument, env)?),
            // Where the kernel looks at 16 bits of a mode, the others must not tell two calls apart.
            None => self.narrow_mask(&argument, &cmp.test, loc),
        };
        if mask == Some(0) {
            let d = Diagnostic::warning(codes::ALWAYS, "a mask of zero looks at no bit");
            self.say(d, cmp.mask.as_ref().map_or(loc, |m| m.loc));
        }
        let arg = |op| Cond::Arg(ArgCmp { arg: argument.index, width: argument.width, op });
        let (negated, items) = match &cmp.test {
            Test::Is(relation, expr) => {
                let value = self.value(expr, &argument, env)?;
                return Some(match mask {
                    None => arg(self.relation(*relation, value, argument.width, loc, env)?),
                    Some(mask) => {
                        self.check_mask(mask, value, expr.loc, env)?;
                        let equal = arg(Op::MaskedEq { mask, value });
                        if *relation == Relation::Ne { Cond::Not(Box::new(equal)) } else { equal }
                    }
                });
            }
            Test::In { negated, items } => (*negated, items),
        };
        let mut any = Vec::with_capacity(items.len());
        for item in items {
            any.push(match item {
                // One text for all architectures: what a value's name means nothing on, it leaves out.
                Item::One(expr) if self.files.is_built_in(self.file) && self.has_no_value(expr, env) => {
                    continue;
                }
                Item::One(expr) => {
                    let value = self.value(expr, &argument, env)?;
                    match mask {
                        None => arg(Op::Eq(value)),
                        Some(mask) => {
                            self.check_mask(mask, value, expr.loc, env)?;
                            arg(Op::MaskedEq { mask, value })
                        }
                    }
                }
                Item::Range(first, last) => {
                    let (low, high) = self.range(first, last, &argument, env)?;
                    Cond::All(vec![arg(Op::Ge(low)), arg(Op::Le(high))])
                }
            });
        }
        let any = Cond::Any(any);
        Some(if negated { Cond::Not(Box::new(any)) } else { any })
    }

    /// The mask that stands for the bits looked at in tests for equality.
    fn narrow_mask(&mut self, argument: &Argument, test: &Test, loc: Loc) -> Option<u64> {
        let bits = u32::from(argument.bits?);
        let equality = match test {
            Test::Is(relation, _) => matches!(relation, Relation::Eq | Relation::Ne),
            Test::In { items, .. } => items.iter().all(|item| matches!(item, Item::One(_))),
        };
        if !equality {
            let message = format!("the kernel looks at {bits} bits of this argument, the comparison at 32");
            let d = Diagnostic::warning(codes::NARROW, message);
            self.say(d.help("a width of `:32` says that this is meant"), loc);
        }
        equality.then(|| low(bits))
    }

    fn range(&mut self, first: &Expr, last: &Expr, argument: &Argument, env: Env) -> Option<(u64, u64)> {
        let (low, high) = (self.value(first, argument, env)?, self.value(last, argument, env)?);
        if low > high && !env.unchecked {
            let d = Diagnostic::error(codes::RANGE, "this range holds no value")
                .note("values are compared without sign, a negative one as the large number it is");
            self.say(d, first.loc.to(last.loc));
            return None;
        }
        Some((low, high))
    }

    fn relation(&mut self, relation: Relation, value: u64, width: Width, loc: Loc, env: Env) -> Option<Op> {
        let max = if width == Width::W32 { low(32) } else { low(64) };
        let never = (relation == Relation::Lt && value == 0) || (relation == Relation::Gt && value >= max);
        let always = (relation == Relation::Ge && value == 0) || (relation == Relation::Le && value >= max);
        let unsigned = "arguments are compared without sign, a negative one as the large number it is";
        if never && !env.unchecked {
            let message = format!("{} can never hold", quoted(self.text(loc)));
            self.say(Diagnostic::error(codes::CONTRADICTION, message).note(unsigned).help(KEEP), loc);
            return None;
        }
        if always && !env.unchecked {
            let message = format!("{} always holds", quoted(self.text(loc)));
            self.say(Diagnostic::warning(codes::ALWAYS, message).note(unsigned), loc);
        }
        Some(match relation {
            Relation::Eq => Op::Eq(value),
            Relation::Ne => Op::Ne(value),
            Relation::Lt => Op::Lt(value),
            Relation::Le => Op::Le(value),
            Relation::Gt => Op::Gt(value),
            Relation::Ge => Op::Ge(value),
        })
    }

    fn check_mask(&mut self, mask: u64, value: u64, loc: Loc, env: Env) -> Option<()> {
        if value & !mask == 0 || env.unchecked {
            return Some(());
        }
        let message =
            format!("{} has bits outside the mask {mask:#x}: {:#x}", quoted(self.text(loc)), value & !mask);
        self.say(
            Diagnostic::error(codes::MASK, message).note("such a comparison can never hold").help(KEEP),
            loc,
        );
        None
    }
}

const KEEP: &str = "to keep a condition that never holds write `if?` instead of `if`";
