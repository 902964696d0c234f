//! The value of a constant expression for one argument on one architecture.

use super::Resolver;
use super::argument::{Argument, Env};
use super::groups::list;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{Expr, ExprKind};
use crate::syntax::codes;
use crate::syntax::lexer::Loc;
use crate::syntax::parser::quoted;
use callgate_abi::{Arch, Width, constant};

impl Resolver<'_> {
    /// The value of `expr` as `argument` sees it. One that does not fit is an error.
    pub(super) fn value(&mut self, expr: &Expr, argument: &Argument, env: Env) -> Option<u64> {
        // A slot has 64 bits whatever the registers have.
        let whole = argument.width == Width::Slot;
        let narrow_arch = !whole && env.arch.is_some_and(|a| a.register_bits() == 32);
        let bits = if argument.width == Width::W32 || narrow_arch { 32 } else { 64 };
        let value = self.evaluate(expr, argument, bits, env)?;
        let limit = if argument.width == Width::W32 || (env.narrow && !whole) { low(32) } else { low(64) };
        if value > limit && !env.unchecked {
            let message = format!("{} does not fit an argument of 32 bits", quoted(self.text(expr.loc)));
            let d = Diagnostic::error(codes::VALUE_WIDE, message);
            let d = if env.narrow { d } else { d.help("a width of `:64` compares the whole register") };
            self.say(d, expr.loc);
            return None;
        }
        Some(value)
    }

    fn evaluate(&mut self, expr: &Expr, argument: &Argument, bits: u32, env: Env) -> Option<u64> {
        match &expr.kind {
            ExprKind::Number(value) => Some(*value),
            ExprKind::Minus(value) => {
                if *value > 1 << (bits - 1) {
                    let message =
                        format!("{} does not fit an argument of {bits} bits", quoted(self.text(expr.loc)));
                    self.error(codes::VALUE_WIDE, expr.loc, message);
                    return None;
                }
                Some(value.wrapping_neg() & low(bits))
            }
            ExprKind::Const => self.constant(expr.loc, argument, bits, env),
            ExprKind::Complement(inner) => Some(!self.evaluate(inner, argument, bits, env)? & low(bits)),
            ExprKind::Or(all) => {
                let mut value = 0;
                for part in all {
                    value |= self.evaluate(part, argument, bits, env)?;
                }
                Some(value)
            }
        }
    }

    fn constant(&mut self, loc: Loc, argument: &Argument, bits: u32, env: Env) -> Option<u64> {
        let name = self.text(loc);
        let value = match env.arch {
            Some(arch) => constant::value(name, arch),
            None => None,
        };
        let Some(value) = value else {
            self.no_constant(loc, name, env);
            return None;
        };
        if let (Some(set), Some(arch)) = (argument.set, env.arch)
            && !set.has(name, arch)
        {
            let message = format!("`{name}` is none of the values this argument takes");
            self.say(Diagnostic::warning(codes::CONSTANT_FOREIGN, message), loc);
        }
        // Negative constants (`AT_FDCWD`) are kept as 64 bits.
        let negative = value as i64;
        Some(if (-(1 << 31)..0).contains(&negative) { value & low(bits) } else { value })
    }

    /// Whether an expression is a constant that the environment's architecture does not have.
    pub(super) fn has_no_value(&self, expr: &Expr, env: Env) -> bool {
        matches!(expr.kind, ExprKind::Const)
            && env.arch.is_some_and(|arch| constant::value(self.text(expr.loc), arch).is_none())
    }

    fn no_constant(&mut self, loc: Loc, name: &str, env: Env) {
        if env.arch.is_none() {
            let message = format!("`{name}` has no value where the architecture is unknown");
            let d = Diagnostic::error(codes::CONSTANT_ABSENT, message).help("write a number");
            return self.say(d, loc);
        }
        let having: Vec<Arch> =
            Arch::ALL.iter().copied().filter(|a| constant::value(name, *a).is_some()).collect();
        if !having.is_empty() {
            let here = list(env.arch.as_slice());
            let d = Diagnostic::error(codes::CONSTANT_ABSENT, format!("`{name}` has no value on {here}"))
                .note(format!("it has one on {}", list(&having)))
                .help("limit the rule with `on`, or write a number");
            return self.say(d, loc);
        }
        let d = Diagnostic::error(codes::CONSTANT, format!("unknown constant `{name}`"));
        self.unknown(d, loc, constant::names());
    }
}

/// A mask of the low `bits`, 32 or 64.
pub(super) fn low(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}
