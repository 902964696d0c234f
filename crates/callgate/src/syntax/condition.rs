//! The parser's half for conditions and constant expressions.

use super::ast::{Cmp, Cond, CondKind, Expr, ExprKind, Item, Relation, Test};
use super::codes;
use super::lexer::{Kind, Loc};
use super::parser::{Parser, quoted};
use callgate_abi::Width;

/// How deeply parentheses and prefix operators may nest: recursion must stay within any thread's
/// stack.
pub(crate) const MAX_DEPTH: u32 = 128;

impl Parser<'_> {
    /// A condition: comparisons under `||`, `&&`, `!` and parentheses, loosest first.
    pub(crate) fn condition(&mut self) -> Option<Cond> {
        self.chain(Kind::OrOr, CondKind::Any, |p| p.chain(Kind::AndAnd, CondKind::All, Self::operand))
    }

    fn chain(
        &mut self,
        operator: Kind,
        build: fn(Vec<Cond>) -> CondKind,
        mut next: impl FnMut(&mut Self) -> Option<Cond>,
    ) -> Option<Cond> {
        let first = next(self)?;
        if self.peek().is_none_or(|t| t.kind != operator) {
            return Some(first);
        }
        let mut all = vec![first];
        while self.eat(operator) {
            all.push(next(self)?);
        }
        let loc = all[0].loc.to(all[all.len() - 1].loc);
        Some(Cond { loc, kind: build(all) })
    }

    fn operand(&mut self) -> Option<Cond> {
        self.nested(|p| p.operand_inside())
    }

    fn operand_inside(&mut self) -> Option<Cond> {
        let token = self.peek_or_end("a condition")?;
        match token.kind {
            Kind::Not => {
                self.advance();
                let inner = self.operand()?;
                Some(Cond { loc: token.loc.to(inner.loc), kind: CondKind::Not(Box::new(inner)) })
            }
            Kind::LParen if !self.parenthesized_mask() => {
                self.advance();
                let inner = self.condition()?;
                self.expect(Kind::RParen, "`)`")?;
                Some(Cond { loc: token.loc.to(self.previous()), ..inner })
            }
            Kind::LParen => self.comparison(),
            Kind::Word => match (self.text(token.loc), self.peek_at(1).map(|t| t.kind)) {
                ("all", Some(Kind::LParen)) => self.function(token.loc, CondKind::All),
                ("any", Some(Kind::LParen)) => self.function(token.loc, CondKind::Any),
                ("true", _) => {
                    self.advance();
                    Some(Cond { loc: token.loc, kind: CondKind::True })
                }
                _ => self.comparison(),
            },
            _ => self.unexpected(token, "an argument's name, `!` or `(`"),
        }
    }

    /// `all(…)` and `any(…)`: what `&&` and `||` cannot write, none or one operand.
    fn function(&mut self, start: Loc, build: fn(Vec<Cond>) -> CondKind) -> Option<Cond> {
        self.advance();
        self.advance();
        let mut all = Vec::new();
        while !self.eat(Kind::RParen) {
            if !all.is_empty() {
                self.expect(Kind::Comma, "`,` or `)`")?;
                if self.eat(Kind::RParen) {
                    break;
                }
            }
            all.push(self.condition()?);
        }
        Some(Cond { loc: start.to(self.previous()), kind: build(all) })
    }

    /// Whether the parenthesis ahead holds an argument with its mask, as C writes it:
    /// `(flags & O_CREAT) != 0`.
    fn parenthesized_mask(&self) -> bool {
        let kind = |ahead| self.peek_at(ahead).map(|t| t.kind);
        if kind(1) != Some(Kind::Word) {
            return false;
        }
        let mut at = if kind(2) == Some(Kind::Colon) { 4 } else { 2 };
        if kind(at) != Some(Kind::And) {
            return false;
        }
        let mut depth = 1;
        while depth > 0 {
            at += 1;
            match kind(at) {
                Some(Kind::LParen) => depth += 1,
                Some(Kind::RParen) => depth -= 1,
                // Anything of a condition's makes it one: the mask is over.
                Some(Kind::Word | Kind::Number | Kind::Or | Kind::Tilde | Kind::Minus) => {}
                _ => return false,
            }
        }
        let word = |t| self.is_word(t, "in") || self.is_word(t, "not");
        self.peek_at(at + 1).is_some_and(|t| relation(t.kind).is_some() || word(t))
    }

    fn comparison(&mut self) -> Option<Cond> {
        let start = self.peek_or_end("a comparison")?.loc;
        let parenthesized = self.eat(Kind::LParen);
        let arg = self.expect(Kind::Word, "an argument's name")?.loc;
        let mut width = None;
        if self.eat(Kind::Colon) {
            let kind =
                if self.peek().is_some_and(|t| t.kind == Kind::Word) { Kind::Word } else { Kind::Number };
            let loc = self.expect(kind, "a width, `32` or `64`")?.loc;
            width = Some(match self.text(loc) {
                "32" => Width::W32,
                "64" => Width::W64,
                "slot" => Width::Slot,
                other => {
                    let message = format!("an argument is 32 or 64 bits wide, not {}", quoted(other));
                    return self.error(codes::WIDTH, loc, message);
                }
            });
        }
        let mask = if self.eat(Kind::And) {
            let mask = if parenthesized { self.expression()? } else { self.term()? };
            if !parenthesized && self.peek().is_some_and(|t| t.kind == Kind::Or) {
                let loc = mask.loc.to(self.peek()?.loc);
                let message = "a mask of several constants needs parentheses";
                let help = format!("write `{} & (A | B) == …`", self.text(arg));
                return self.error_with_help(codes::SYNTAX, loc, message, help);
            }
            Some(mask)
        } else {
            None
        };
        if parenthesized {
            self.expect(Kind::RParen, "`)`")?;
        }
        let test = self.test(start, mask.is_some())?;
        Some(Cond { loc: start.to(self.previous()), kind: CondKind::Cmp(Cmp { arg, width, mask, test }) })
    }

    fn test(&mut self, start: Loc, masked: bool) -> Option<Test> {
        let Some(token) = self.peek().filter(|t| !matches!(t.kind, Kind::AndAnd | Kind::OrOr | Kind::RParen))
        else {
            let loc = start.to(self.previous());
            let written = self.text(loc);
            if masked {
                let message = format!("{} says not what the bits must be", quoted(written));
                let help = format!("write `{written} != 0` (any of them) or `{written} == …`");
                return self.error_with_help(codes::OPERATOR, loc, message, help);
            }
            let message = format!("expected a comparison after {}", quoted(written));
            return self.error(codes::SYNTAX, loc, message);
        };
        self.advance();
        if let Some(relation) = relation(token.kind) {
            if masked && !matches!(relation, Relation::Eq | Relation::Ne) {
                let message = format!("a masked argument cannot be compared with `{}`", self.text(token.loc));
                let help = "use `==`, `!=`, `in` or `not in`";
                return self.error_with_help(codes::OPERATOR, token.loc, message, help);
            }
            return Some(Test::Is(relation, self.expression()?));
        }
        let negated = self.is_word(token, "not");
        if negated {
            let next = self.peek_or_end("`in`")?;
            if !self.eat_word("in") {
                return self.unexpected(next, "`in`");
            }
        } else if token.kind == Kind::Assign {
            return self.error_with_help(codes::OPERATOR, token.loc, "`=` compares nothing", "write `==`");
        } else if !self.is_word(token, "in") {
            return self.unexpected(token, "a comparison (`==`, `!=`, `<`, `in`, `&` …)");
        }
        Some(Test::In { negated, items: self.items(masked)? })
    }

    fn items(&mut self, masked: bool) -> Option<Vec<Item>> {
        self.expect(Kind::LBrace, "`{`")?;
        let mut items = Vec::new();
        while !self.eat(Kind::RBrace) {
            if !items.is_empty() {
                self.expect(Kind::Comma, "`,` or `}`")?;
                if self.eat(Kind::RBrace) {
                    break;
                }
            }
            let first = self.expression()?;
            if self.eat(Kind::DotDot) {
                if masked {
                    let message = "a masked argument is in no range";
                    return self.error(codes::OPERATOR, self.previous(), message);
                }
                items.push(Item::Range(first, self.expression()?));
            } else {
                items.push(Item::One(first));
            }
        }
        if items.is_empty() {
            return self.error(codes::CONTRADICTION, self.previous(), "nothing is in an empty set");
        }
        Some(items)
    }

    /// `A | B | …`
    pub(crate) fn expression(&mut self) -> Option<Expr> {
        let first = self.term()?;
        if self.peek().is_none_or(|t| t.kind != Kind::Or) {
            return Some(first);
        }
        let mut all = vec![first];
        while self.eat(Kind::Or) {
            all.push(self.term()?);
        }
        let loc = all[0].loc.to(all[all.len() - 1].loc);
        Some(Expr { loc, kind: ExprKind::Or(all) })
    }

    fn term(&mut self) -> Option<Expr> {
        self.nested(|p| p.term_inside())
    }

    fn term_inside(&mut self) -> Option<Expr> {
        let token = self.peek_or_end("a number or a constant")?;
        self.advance();
        match token.kind {
            Kind::Number => {
                let value = self.number(token.loc)?;
                Some(Expr { loc: token.loc, kind: ExprKind::Number(value) })
            }
            Kind::Minus => {
                let number = self.expect(Kind::Number, "a number after `-`")?.loc;
                let value = self.number(number)?;
                Some(Expr { loc: token.loc.to(number), kind: ExprKind::Minus(value) })
            }
            Kind::Word => Some(Expr { loc: token.loc, kind: ExprKind::Const }),
            Kind::Tilde => {
                let inner = self.term()?;
                Some(Expr { loc: token.loc.to(inner.loc), kind: ExprKind::Complement(Box::new(inner)) })
            }
            Kind::LParen => {
                let inner = self.expression()?;
                self.expect(Kind::RParen, "`)`")?;
                Some(Expr { loc: token.loc.to(self.previous()), ..inner })
            }
            _ => self.unexpected(token, "a number or a constant"),
        }
    }

    fn nested<T>(&mut self, inside: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth == MAX_DEPTH {
            let loc = self.peek().map_or_else(|| self.previous(), |t| t.loc);
            let message = format!("nested more than {MAX_DEPTH} levels deep");
            return self.error(codes::DEPTH, loc, message);
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }
}

fn relation(kind: Kind) -> Option<Relation> {
    Some(match kind {
        Kind::Eq => Relation::Eq,
        Kind::Ne => Relation::Ne,
        Kind::Lt => Relation::Lt,
        Kind::Le => Relation::Le,
        Kind::Gt => Relation::Gt,
        Kind::Ge => Relation::Ge,
        _ => return None,
    })
}
