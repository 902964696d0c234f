//! From tokens to statements.

use super::Error;
use super::lex::{Lexeme, Place, Token};
use super::tree::{Label, Placed, Register, Statement, Target, Tree};
use callgate_abi::insn::op;

/// Reads a text. A line with an error is left out of the tree and the next one is read.
pub(super) fn parse<'a>(lexemes: &'a [Lexeme<'a>], errors: &mut Vec<Error>) -> Tree<'a> {
    let mut parser = Parser { lexemes, at: 0, tree: Tree::default() };
    parser.tree.dollar =
        lexemes.iter().any(|l| matches!(l.token, Token::Word(w) if matches!(w, "$A" | "$X")));
    while parser.peek() != Token::End {
        let start = parser.place();
        if let Err(error) = parser.line() {
            errors.push(error);
            parser.skip_past_line(start);
        }
    }
    parser.tree
}

/// The reader. Its parts are spread over this file, `expr.rs` and `cond.rs`.
pub(super) struct Parser<'a> {
    lexemes: &'a [Lexeme<'a>],
    at: usize,
    tree: Tree<'a>,
}

pub(super) type Parsed<T> = Result<T, Error>;

impl<'a> Parser<'a> {
    fn line(&mut self) -> Parsed<()> {
        self.labels()?;
        if self.peek() == Token::End {
            return Ok(());
        }
        if self.peek() == Token::Sign(".") && self.peek_at(1) != Token::Word("insn") {
            return self.directive();
        }
        let fields = self.fields()?;
        let place = self.place();
        let it = self.statement()?;
        self.tree.statements.push(Placed { it, place, fields });
        Ok(())
    }

    fn labels(&mut self) -> Parsed<()> {
        while self.peek_at(1) == Token::Sign(":") {
            let place = self.place();
            let label = match self.peek() {
                Token::Word("next") => return Err(Error::new(place, "`next` cannot be a label")),
                Token::Word(name) => Label::Name(name),
                Token::Number(digits) => Label::Number(decimal(digits, place)?),
                _ => return Ok(()),
            };
            self.at += 2;
            self.tree.labels.push((label, place, self.tree.statements.len()));
        }
        Ok(())
    }

    /// The instruction's fields before the words: in brackets as this crate writes them, or as four
    /// `0x` columns as other disassemblers do.
    fn fields(&mut self) -> Parsed<Option<(Place, [u32; 4])>> {
        let place = self.place();
        if let Token::Fields(text) = self.peek() {
            self.at += 1;
            let numbers: Vec<u32> =
                text.split_ascii_whitespace().filter_map(|w| u32::from_str_radix(w, 16).ok()).collect();
            let four = <[u32; 4]>::try_from(numbers).ok();
            let four = four.filter(|_| text.split_ascii_whitespace().count() == 4);
            return match four {
                Some(fields) => Ok(Some((place, fields))),
                None => Err(Error::new(place, "expected four hexadecimal fields, `[code jt jf k]`")),
            };
        }
        if !(0..4).all(|i| matches!(self.peek_at(i), Token::Number(n) if n.starts_with("0x"))) {
            return Ok(None);
        }
        let mut fields = [0; 4];
        for field in &mut fields {
            *field = self.number()?;
        }
        Ok(Some((place, fields)))
    }

    fn directive(&mut self) -> Parsed<()> {
        let place = self.place();
        self.at += 1;
        let name = match self.next() {
            Token::Word(name) => name,
            _ => return Err(Error::new(place, "expected `.arch`, `.endian` or `.insn`")),
        };
        match name {
            "arch" | "endian" => {
                let place = self.place();
                let it = match self.next() {
                    Token::Word(word) => word,
                    _ => return Err(Error::new(place, format!("`.{name}` needs a name"))),
                };
                let slot = if name == "arch" { &mut self.tree.arch } else { &mut self.tree.endian };
                if slot.is_some() || !self.tree.statements.is_empty() {
                    return Err(Error::new(
                        place,
                        format!("`.{name}` may stand once, before the first instruction"),
                    ));
                }
                *slot = Some(Placed { it, place, fields: None });
            }
            _ => {
                return Err(Error::new(place, format!("unknown directive `.{name}`"))
                    .suggest(name, ["arch", "endian", "insn"]));
            }
        }
        Ok(())
    }

    /// `.insn code jt jf k`, the instruction as it is.
    fn raw(&mut self) -> Parsed<Statement<'a>> {
        self.at += 2;
        let mut fields = [0; 4];
        for (field, limit) in fields.iter_mut().zip([0xffff, 0xff, 0xff, u32::MAX]) {
            let place = self.place();
            *field = self.number()?;
            if *field > limit {
                return Err(Error::new(
                    place,
                    format!("{field:#x} is more than this field holds ({limit:#x})"),
                ));
            }
        }
        Ok(Statement::Raw(fields))
    }

    fn statement(&mut self) -> Parsed<Statement<'a>> {
        let place = self.place();
        if self.peek() == Token::Sign(".") && self.peek_at(1) == Token::Word("insn") {
            return self.raw();
        }
        let Token::Word(word) = self.peek() else {
            return Err(self.expected("an instruction"));
        };
        match word {
            "A" | "$A" | "a" => self.accumulator(),
            "X" | "$X" | "x" => self.index(),
            "M" | "mem" | "$mem" if self.peek_at(1) == Token::Sign("[") => {
                self.at += 1;
                let slot = self.bracketed()?;
                self.sign("=")?;
                Ok(Statement::Store(self.register()?, slot))
            }
            "if" => self.conditional(),
            "goto" | "jmp" | "jump" => Ok(Statement::Goto(self.goto()?)),
            "return" => self.returns(),
            _ => Err(Error::new(place, format!("`{word}` begins no instruction"))
                .suggest(word, ["if", "goto", "return", "A", "X", "M"])),
        }
    }

    /// `A = …`, `A += …`, `A == … ? L : L`.
    fn accumulator(&mut self) -> Parsed<Statement<'a>> {
        let place = self.peek_place(1);
        let Token::Sign(sign) = self.peek_at(1) else {
            return Err(Error::new(place, "expected an operator after `A`"));
        };
        let code = match sign {
            "=" => {
                self.at += 2;
                return self.load();
            }
            "+=" => op::ADD_K,
            "-=" => op::SUB_K,
            "*=" => op::MUL_K,
            "/=" => op::DIV_K,
            "&=" => op::AND_K,
            "|=" => op::OR_K,
            "^=" => op::XOR_K,
            "<<=" => op::LSH_K,
            ">>=" => op::RSH_K,
            "%=" => {
                return Err(Error::new(place, "seccomp admits no remainder")
                    .help("for a power of two, mask: `A &= n - 1`"));
            }
            "==" | "!=" | "<" | "<=" | ">" | ">=" | "&" => return self.ternary(),
            _ => return Err(Error::new(place, format!("`{sign}` cannot follow `A` here"))),
        };
        self.at += 2;
        Ok(Statement::Arithmetic(code, self.operand()?))
    }

    /// `X = …`.
    fn index(&mut self) -> Parsed<Statement<'a>> {
        self.at += 1;
        self.sign("=")?;
        Ok(match self.peek() {
            Token::Word("A" | "$A" | "a") => {
                self.at += 1;
                Statement::Move(Register::X)
            }
            Token::Word("len" | "$scmp_data_len") => {
                self.at += 1;
                Statement::LoadLen(Register::X)
            }
            Token::Word("M" | "mem" | "$mem") if self.peek_at(1) == Token::Sign("[") => {
                self.at += 1;
                Statement::LoadScratch(Register::X, self.bracketed()?)
            }
            _ => Statement::LoadNumber(Register::X, self.expr()?),
        })
    }

    /// What follows `A =`.
    fn load(&mut self) -> Parsed<Statement<'a>> {
        let place = self.place();
        if self.peek() == Token::Sign("-") && matches!(self.peek_at(1), Token::Word("A" | "$A" | "a")) {
            self.at += 2;
            return Ok(Statement::Negate);
        }
        // An argument may well be called `len`, or `x`.
        if self.dotted()
            && let Some(word) = self.word()?
        {
            return Ok(Statement::Load(word));
        }
        let bracket = self.peek_at(1) == Token::Sign("[");
        match self.peek() {
            Token::Word("X" | "$X" | "x") => {
                self.at += 1;
                return Ok(Statement::Move(Register::A));
            }
            Token::Word("A" | "$A" | "a") => {
                return Err(
                    Error::new(place, "one instruction has one operator").help("write `A += …` and the like")
                );
            }
            Token::Word("len" | "$scmp_data_len") => {
                self.at += 1;
                return Ok(Statement::LoadLen(Register::A));
            }
            Token::Word("M" | "mem" | "$mem") if bracket => {
                self.at += 1;
                return Ok(Statement::LoadScratch(Register::A, self.bracketed()?));
            }
            Token::Word("data") if bracket => {
                self.at += 1;
                return Ok(Statement::LoadData(self.bracketed()?));
            }
            _ => {}
        }
        if let Some(word) = self.word()? {
            return Ok(Statement::Load(word));
        }
        if let (Token::Word(name), true) = (self.peek(), bracket) {
            let known = ["args", "args_h", "data", "M", "mem"];
            return Err(Error::new(place, format!("there is no `{name}[…]`")).suggest(name, known));
        }
        Ok(Statement::LoadNumber(Register::A, self.expr()?))
    }

    fn register(&mut self) -> Parsed<Register> {
        match self.peek() {
            Token::Word("A" | "$A" | "a") => {
                self.at += 1;
                Ok(Register::A)
            }
            Token::Word("X" | "$X" | "x") => {
                self.at += 1;
                Ok(Register::X)
            }
            _ => Err(self.expected("`A` or `X`")),
        }
    }

    /// `goto TARGET`.
    pub(super) fn goto(&mut self) -> Parsed<Target<'a>> {
        match self.peek() {
            Token::Word("goto" | "jmp" | "jump") => self.at += 1,
            _ => return Err(self.expected("`goto`")),
        }
        self.target()
    }

    pub(super) fn target(&mut self) -> Parsed<Target<'a>> {
        let place = self.place();
        match self.next() {
            Token::Word("next") => Ok(Target::Next),
            Token::Word(name) => Ok(Target::Label(Label::Name(name), place)),
            Token::Number(digits) => Ok(Target::Label(Label::Number(decimal(digits, place)?), place)),
            Token::Sign("+") => Ok(Target::Over(self.number()?)),
            _ => {
                self.at -= 1;
                Err(self.expected("a label, `next` or `+n`"))
            }
        }
    }

    pub(super) fn peek(&self) -> Token<'a> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Token<'a> {
        self.lexemes.get(self.at + ahead).map_or(Token::End, |l| l.token)
    }

    pub(super) fn peek_place(&self, ahead: usize) -> Place {
        let last = self.lexemes.len() - 1;
        self.lexemes[(self.at + ahead).min(last)].place
    }

    /// Whether the token that far ahead follows without a blank.
    pub(super) fn glued(&self, ahead: usize) -> bool {
        self.lexemes.get(self.at + ahead).is_some_and(|l| l.glued)
    }

    pub(super) fn place(&self) -> Place {
        self.peek_place(0)
    }

    pub(super) fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at += 1;
        token
    }

    pub(super) fn advance(&mut self, by: usize) {
        self.at += by;
    }

    /// Where the reader is, to come back to with [`Parser::rewind`].
    pub(super) fn mark(&self) -> usize {
        self.at
    }

    pub(super) fn rewind(&mut self, mark: usize) {
        self.at = mark;
    }

    pub(super) fn sign(&mut self, sign: &'static str) -> Parsed<()> {
        if self.peek() == Token::Sign(sign) {
            self.at += 1;
            return Ok(());
        }
        Err(self.expected(&format!("`{sign}`")))
    }

    pub(super) fn expected(&self, what: &str) -> Error {
        let found = match self.peek() {
            Token::Word(w) | Token::Number(w) => format!("`{w}`"),
            Token::Sign(s) => format!("`{s}`"),
            Token::Fields(_) => "an instruction's fields".to_string(),
            Token::End => "the end of the text".to_string(),
        };
        Error::new(self.place(), format!("expected {what}, found {found}"))
    }

    pub(super) fn dollar(&self) -> bool {
        self.tree.dollar
    }

    /// Goes on at the first token on a later line than both the error and the line's beginning.
    fn skip_past_line(&mut self, start: Place) {
        // The token that could not be read may already be on the next line, and is then read again.
        let line = start.line;
        let mut at = self.lexemes.partition_point(|l| l.place.line <= line);
        if at >= self.lexemes.len() {
            at = self.lexemes.len() - 1;
        }
        self.at = at;
    }
}

fn decimal(digits: &str, place: Place) -> Parsed<u64> {
    digits
        .parse()
        .map_err(|_| Error::new(place, format!("`{digits}` is no label: letters first, or digits only")))
}
