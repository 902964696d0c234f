//! Numbers, names, words of the call, and returns.

use super::Error;
use super::lex::{Place, Token};
use super::parse::{Parsed, Parser};
use super::tree::{Expr, Operand, Statement, Verdict, WordName};
use callgate_abi::{Action, Word};

/// Actions by their names in policies, in `<linux/seccomp.h>` and in other tools' assemblers. Upper case
/// `KILL` has always meant the thread; the policy language's `kill` means the process.
const ACTIONS: &[(&str, u32)] = &[
    ("allow", Action::ALLOW.to_ret()),
    ("log", Action::LOG.to_ret()),
    ("errno", 0x0005_0000),
    ("trap", 0x0003_0000),
    ("trace", 0x7ff0_0000),
    ("notify", 0x7fc0_0000),
    ("kill", Action::KILL_PROCESS.to_ret()),
    ("kill-process", Action::KILL_PROCESS.to_ret()),
    ("kill-thread", Action::KILL_THREAD.to_ret()),
    ("ALLOW", Action::ALLOW.to_ret()),
    ("LOG", Action::LOG.to_ret()),
    ("ERRNO", 0x0005_0000),
    ("TRAP", 0x0003_0000),
    ("TRACE", 0x7ff0_0000),
    ("USER_NOTIF", 0x7fc0_0000),
    ("NOTIFY", 0x7fc0_0000),
    ("KILL", Action::KILL_THREAD.to_ret()),
    ("KILL_THREAD", Action::KILL_THREAD.to_ret()),
    ("KILL_PROCESS", Action::KILL_PROCESS.to_ret()),
];

/// An action's value by one of its names, data 0.
pub(in crate::program) fn action_value(name: &str) -> Option<u32> {
    let name = name.strip_prefix("SECCOMP_RET_").unwrap_or(name);
    ACTIONS.iter().find(|a| a.0 == name).map(|a| a.1)
}

impl<'a> Parser<'a> {
    /// What follows `return`.
    pub(super) fn returns(&mut self) -> Parsed<Statement<'a>> {
        self.advance(1);
        let place = self.place();
        let Token::Word(name) = self.peek() else {
            return Ok(Statement::Return(Verdict::Value(self.expr()?)));
        };
        if matches!(name, "A" | "$A" | "a") {
            self.advance(1);
            return Ok(Statement::ReturnA);
        }
        let mut base = action_value(name);
        let mut words = 1;
        if self.peek_at(1) == Token::Sign("-")
            && self.glued(1)
            && let (Token::Word(second), true) = (self.peek_at(2), self.glued(2))
        {
            base = action_value(&format!("{name}-{second}"));
            words = 3;
        }
        let Some(base) = base else {
            if self.peek_at(1) == Token::Sign("(") || name.bytes().all(|b| b.is_ascii_lowercase()) {
                let names = ACTIONS.iter().map(|a| a.0);
                return Err(Error::new(place, format!("`{name}` is no action")).suggest(name, names));
            }
            return Ok(Statement::Return(Verdict::Value(self.expr()?)));
        };
        self.advance(words);
        let mut data = None;
        if self.peek() == Token::Sign("(") {
            self.advance(1);
            data = Some(self.expr()?);
            self.sign(")")?;
        } else if self.peek() == Token::Sign("|") {
            self.advance(1);
            data = Some(self.expr()?);
        } else if name == "errno" {
            return Err(Error::new(place, "`errno` needs an error number").help("write `errno(EPERM)`"));
        }
        Ok(Statement::Return(Verdict::Action { base, data, place }))
    }

    /// The right side of an operator.
    pub(super) fn operand(&mut self) -> Parsed<Operand<'a>> {
        match self.peek() {
            Token::Word("X" | "$X" | "x") => {
                self.advance(1);
                Ok(Operand::X)
            }
            _ => Ok(Operand::Value(self.expr()?)),
        }
    }

    /// `[expr]`.
    pub(super) fn bracketed(&mut self) -> Parsed<Expr<'a>> {
        self.sign("[")?;
        let inside = self.expr()?;
        self.sign("]")?;
        Ok(inside)
    }

    /// Terms joined by `|`.
    pub(super) fn expr(&mut self) -> Parsed<Expr<'a>> {
        self.nested_expr(0)
    }

    fn nested_expr(&mut self, depth: usize) -> Parsed<Expr<'a>> {
        // A 32-bit word has no more bits than this to join; the tree of terms stays shallow enough to walk.
        const MOST: usize = 256;
        let mut left = self.term(depth)?;
        let mut terms = 1;
        while self.peek() == Token::Sign("|") {
            terms += 1;
            if terms > MOST {
                return Err(Error::new(self.place(), format!("more than {MOST} values joined by `|`")));
            }
            self.advance(1);
            left = Expr::Or(Box::new(left), Box::new(self.term(depth)?));
        }
        Ok(left)
    }

    fn term(&mut self, depth: usize) -> Parsed<Expr<'a>> {
        const DEEPEST: usize = 32;
        let place = self.place();
        if depth > DEEPEST {
            return Err(Error::new(place, "too many brackets inside one another"));
        }
        let term = match self.peek() {
            Token::Number(_) => Expr::Number(self.number()?),
            Token::Sign("-") => {
                self.advance(1);
                Expr::Number(self.number()?.wrapping_neg())
            }
            Token::Sign("~") => {
                self.advance(1);
                Expr::Not(Box::new(self.term(depth + 1)?))
            }
            Token::Sign("(") => {
                self.advance(1);
                let inside = self.nested_expr(depth + 1)?;
                self.sign(")")?;
                inside
            }
            Token::Word(word) if !matches!(word, "if" | "goto" | "else" | "return" | "next") => {
                self.name()?
            }
            _ => return Err(self.expected("a number or a name")),
        };
        if self.peek() != Token::Sign("<<") {
            return Ok(term);
        }
        self.advance(1);
        let place = self.place();
        match self.number()? {
            by @ 0..32 => Ok(Expr::Shift(Box::new(term), by)),
            by => Err(Error::new(place, format!("a 32-bit number cannot be shifted by {by}"))),
        }
    }

    /// `name`, `arch:name` or `arch.name`.
    fn name(&mut self) -> Parsed<Expr<'a>> {
        let place = self.place();
        let Token::Word(first) = self.next() else { return Err(self.expected("a name")) };
        if matches!(self.peek(), Token::Sign(":" | "."))
            && self.glued(0)
            && let (Token::Word(name), true) = (self.peek_at(1), self.glued(1))
        {
            let at = self.peek_place(1);
            self.advance(2);
            return Ok(Expr::Name { qualifier: Some((first, place)), name, place: at });
        }
        Ok(Expr::Name { qualifier: None, name: first, place })
    }

    /// A number that fits 32 bits.
    pub(super) fn number(&mut self) -> Parsed<u32> {
        let place = self.place();
        let Token::Number(text) = self.peek() else { return Err(self.expected("a number")) };
        self.advance(1);
        number(text, self.dollar(), place)
    }

    /// A word of the call, if one is named here.
    pub(super) fn word(&mut self) -> Parsed<Option<WordName<'a>>> {
        let place = self.place();
        let Token::Word(name) = self.peek() else { return Ok(None) };
        let fixed = |word| Ok(Some(WordName::Fixed(word)));
        let bracket = self.peek_at(1) == Token::Sign("[");
        match name {
            "nr" | "sys_number" | "$syscall_nr" if !self.dotted() => {
                self.advance(1);
                fixed(Word::NR)
            }
            "arch" | "$arch" if !self.dotted() => {
                self.advance(1);
                fixed(Word::ARCH)
            }
            "$low_pc" | "$high_pc" => {
                self.advance(1);
                fixed(if name == "$low_pc" { Word::IP_LO } else { Word::IP_HI })
            }
            "ip" | "instruction_pointer" => {
                self.advance(1);
                let high = self.half()?;
                fixed(if high.unwrap_or(false) { Word::IP_HI } else { Word::IP_LO })
            }
            "args" | "args_h" | "$low_args" | "$high_args" if bracket => {
                self.advance(2);
                let index_place = self.place();
                let index = match self.number()? {
                    i @ 0..6 => i as u8,
                    i => {
                        return Err(Error::new(index_place, format!("a call has arguments 0 to 5, not {i}")));
                    }
                };
                self.sign("]")?;
                let high = match name {
                    "args" => self.half()?.unwrap_or(false),
                    "$low_args" => false,
                    _ => true,
                };
                fixed(if high { Word::arg_hi(index) } else { Word::arg_lo(index) })
            }
            _ if self.dotted() => {
                self.advance(1);
                let high = self.half()?.unwrap_or(false);
                Ok(Some(WordName::Param { name, high, place }))
            }
            _ => Ok(None),
        }
    }

    /// Whether `.lo` or `.hi` follows the word here.
    pub(super) fn dotted(&self) -> bool {
        self.peek_at(1) == Token::Sign(".")
            && self.glued(1)
            && self.glued(2)
            && matches!(self.peek_at(2), Token::Word("lo" | "hi"))
    }

    /// `.lo`, `.hi` or `>> 32`; says whether the high half is meant.
    fn half(&mut self) -> Parsed<Option<bool>> {
        match (self.peek(), self.peek_at(1)) {
            (Token::Sign("."), Token::Word(half @ ("lo" | "hi"))) => {
                self.advance(2);
                Ok(Some(half == "hi"))
            }
            (Token::Sign(">>"), Token::Number("32" | "0x20")) => {
                self.advance(2);
                Ok(Some(true))
            }
            (Token::Sign("."), _) => {
                self.advance(1);
                Err(self.expected("`lo` or `hi`"))
            }
            _ => Ok(None),
        }
    }
}

/// Reads decimal, `0x`, `0b` and `0o` numbers; `0777` where ceccomp's notation makes it octal.
fn number(text: &str, octal: bool, place: Place) -> Parsed<u32> {
    let bare = text.replace('_', "").to_ascii_lowercase();
    let (digits, radix) = match bare.get(..2) {
        Some("0x") => (&bare[2..], 16),
        Some("0b") => (&bare[2..], 2),
        Some("0o") => (&bare[2..], 8),
        Some(two) if two.starts_with('0') && octal => (&bare[1..], 8),
        Some(two) if two.starts_with('0') && bare.bytes().any(|b| b != b'0') => {
            return Err(Error::new(place, format!("`{text}`: is this octal or decimal?"))
                .help("write 0o… for octal, or leave out the leading zeros"));
        }
        _ => (bare.as_str(), 10),
    };
    let value = u64::from_str_radix(digits, radix).map_err(|e| match e.kind() {
        std::num::IntErrorKind::PosOverflow => Error::new(place, format!("{text} does not fit 32 bits")),
        _ => Error::new(place, format!("`{text}` is no number")),
    })?;
    u32::try_from(value).map_err(|_| {
        Error::new(place, format!("{text} does not fit 32 bits"))
            .help("compare the halves, `.hi` and `.lo`, apart")
    })
}
