//! Conditions.

use super::Error;
use super::lex::Token;
use super::parse::{Parsed, Parser};
use super::tree::{Claim, Statement, Target, Test};
use callgate_abi::insn::op;

impl<'a> Parser<'a> {
    /// `if COND goto T [[,] else goto F]`.
    pub(super) fn conditional(&mut self) -> Parsed<Statement<'a>> {
        self.advance(1);
        let test = self.negations()?;
        let then = self.goto()?;
        if self.peek() == Token::Sign(",") {
            self.advance(1);
        }
        let mut otherwise = Target::Next;
        if self.peek() == Token::Word("else") {
            self.advance(1);
            otherwise = self.goto()?;
        }
        Ok(Statement::If(test, then, otherwise))
    }

    /// `A == K ? T : F`.
    pub(super) fn ternary(&mut self) -> Parsed<Statement<'a>> {
        let test = self.comparison()?;
        self.sign("?")?;
        let then = self.target()?;
        self.sign(":")?;
        Ok(Statement::If(test, then, self.target()?))
    }

    /// A comparison inside any number of `!` and brackets.
    fn negations(&mut self) -> Parsed<Test<'a>> {
        let (mut negated, mut open) = (false, 0usize);
        loop {
            match self.peek() {
                Token::Sign("!") => {
                    self.advance(1);
                    negated = !negated;
                    if self.peek() != Token::Sign("(") {
                        return Err(self.expected("`(`"));
                    }
                }
                Token::Sign("(") if !self.claims_ahead() => {
                    self.advance(1);
                    open += 1;
                }
                _ => break,
            }
        }
        let mut test = self.comparison()?;
        for _ in 0..open {
            self.sign(")")?;
        }
        test.negated ^= negated;
        Ok(test)
    }

    /// `A == K` and the like; instead of `A` it may say what `A` holds.
    fn comparison(&mut self) -> Parsed<Test<'a>> {
        let claim = self.claim()?;
        let place = self.place();
        let (code, negated) = match self.next() {
            Token::Sign("==") => (op::JEQ_K, false),
            Token::Sign("!=") => (op::JEQ_K, true),
            Token::Sign(">") => (op::JGT_K, false),
            Token::Sign("<=") => (op::JGT_K, true),
            Token::Sign(">=") => (op::JGE_K, false),
            Token::Sign("<") => (op::JGE_K, true),
            Token::Sign("&") => (op::JSET_K, false),
            Token::Sign("=") => return Err(Error::new(place, "`=` assigns").help("compare with `==`")),
            Token::Sign("&&" | "||") => {
                return Err(Error::new(place, "one instruction makes one test").help("use a second `if`"));
            }
            _ => {
                self.rewind(self.mark() - 1);
                return Err(self.expected("a comparison"));
            }
        };
        let operand = self.operand()?;
        let after = self.place();
        match self.peek() {
            Token::Sign("==" | "!=" | "<" | "<=" | ">" | ">=") if code == op::JSET_K => {
                Err(Error::new(after, "one instruction cannot mask and compare")
                    .help("mask first, `A &= …`; or test for any of the bits, `A & …`"))
            }
            Token::Sign("&&" | "||") => {
                Err(Error::new(after, "one instruction makes one test").help("use a second `if`"))
            }
            _ => Ok(Test { claim, code, negated, operand }),
        }
    }

    /// `A`, or what the text says it holds.
    fn claim(&mut self) -> Parsed<Option<Claim<'a>>> {
        let place = self.place();
        if matches!(self.peek(), Token::Word("A" | "$A" | "a")) && !self.dotted() {
            self.advance(1);
            return Ok(None);
        }
        let bracket = self.peek() == Token::Sign("(");
        if bracket {
            self.advance(1);
        }
        let inner = bracket && self.peek() == Token::Sign("(");
        if inner {
            self.advance(1);
        }
        let before = self.place();
        let Some(word) = self.word()? else {
            let error = Error::new(before, "only `A` can be tested");
            return Err(match self.peek() {
                Token::Word(name) => error
                    .suggest(name, ["A", "nr", "arch"])
                    .help("or what it holds: `nr`, `arch`, `args[0].lo`, `fd.lo`"),
                _ => self.expected("`A`"),
            });
        };
        let (mut mask, mut shift) = (u32::MAX, 0);
        if bracket && self.peek() == Token::Sign("&") {
            self.advance(1);
            mask = self.number()?;
        }
        if inner {
            self.sign(")")?;
        }
        // As in C, `w & m >> s` would shift the mask.
        if bracket && (inner || mask == u32::MAX) && self.peek() == Token::Sign(">>") {
            self.advance(1);
            shift = self.number()?;
        }
        if bracket {
            self.sign(")")?;
        }
        Ok(Some(Claim { word, mask, shift, place }))
    }

    /// Whether the bracket here encloses the left side of a comparison, as in `(fd.lo & 0xff) == 3`.
    fn claims_ahead(&mut self) -> bool {
        let mark = self.mark();
        let is_claim = self.claim().is_ok_and(|claim| claim.is_some())
            && matches!(self.peek(), Token::Sign("==" | "!=" | "<" | "<=" | ">" | ">=" | "&"));
        self.rewind(mark);
        is_claim
    }
}
