//! What a text says, before names have numbers.

use super::lex::Place;
use callgate_abi::Word;

/// A whole text.
#[derive(Debug, Default)]
pub(super) struct Tree<'a> {
    /// The statements; each becomes one instruction.
    pub(super) statements: Vec<Placed<Statement<'a>>>,
    /// Which statement each label stands before.
    pub(super) labels: Vec<(Label<'a>, Place, usize)>,
    /// The `.arch` line.
    pub(super) arch: Option<Placed<&'a str>>,
    /// The `.endian` line.
    pub(super) endian: Option<Placed<&'a str>>,
    /// Whether registers are written `$A`, as ceccomp does.
    pub(super) dollar: bool,
}

/// A thing and where it begins.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) it: T,
    pub(super) place: Place,
    /// The bytes the text claims it has: code, jt, jf, k.
    pub(super) fields: Option<(Place, [u32; 4])>,
}

/// A label by name, or by number: `0012` and `12` are one label.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Label<'a> {
    Number(u64),
    Name(&'a str),
}

/// Where a jump goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    /// To the next instruction.
    Next,
    /// Over this many instructions.
    Over(u32),
    /// To a label; a number without a label of that name means different things in different notations.
    Label(Label<'a>, Place),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Register {
    A,
    X,
}

/// One instruction.
#[derive(Clone, Debug)]
pub(super) enum Statement<'a> {
    /// `A = WORD`.
    Load(WordName<'a>),
    /// `A = data[n]`.
    LoadData(Expr<'a>),
    /// `A = len`.
    LoadLen(Register),
    /// `A = 5`.
    LoadNumber(Register, Expr<'a>),
    /// `A = M[n]`.
    LoadScratch(Register, Expr<'a>),
    /// `M[n] = A`.
    Store(Register, Expr<'a>),
    /// `A = X` or `X = A`, by destination.
    Move(Register),
    /// `A = -A`.
    Negate,
    /// `A += …`, with the opcode of its constant form.
    Arithmetic(u16, Operand<'a>),
    Goto(Target<'a>),
    If(Test<'a>, Target<'a>, Target<'a>),
    ReturnA,
    Return(Verdict<'a>),
    /// `.insn code jt jf k`.
    Raw([u32; 4]),
}

/// A word of the call, as a text may name it.
#[derive(Clone, Copy, Debug)]
pub(super) enum WordName<'a> {
    Fixed(Word),
    /// A half of the argument with this parameter name.
    Param {
        name: &'a str,
        high: bool,
        place: Place,
    },
}

/// The right side of an operator.
#[derive(Clone, Debug)]
pub(super) enum Operand<'a> {
    X,
    Value(Expr<'a>),
}

/// A condition, without outer negations.
#[derive(Clone, Debug)]
pub(super) struct Test<'a> {
    /// What the text says the accumulator holds.
    pub(super) claim: Option<Claim<'a>>,
    /// The opcode of the constant form.
    pub(super) code: u16,
    /// The test is written the other way round.
    pub(super) negated: bool,
    pub(super) operand: Operand<'a>,
}

/// `word`, `(word & mask)`, `(word >> n)`, `((word & mask) >> n)` in place of `A`.
#[derive(Clone, Debug)]
pub(super) struct Claim<'a> {
    pub(super) word: WordName<'a>,
    pub(super) mask: u32,
    pub(super) shift: u32,
    pub(super) place: Place,
}

/// A number, perhaps by name.
#[derive(Clone, Debug)]
pub(super) enum Expr<'a> {
    Number(u32),
    Name { qualifier: Option<(&'a str, Place)>, name: &'a str, place: Place },
    Not(Box<Expr<'a>>),
    Or(Box<Expr<'a>>, Box<Expr<'a>>),
    Shift(Box<Expr<'a>>, u32),
}

/// What is returned.
#[derive(Clone, Debug)]
pub(super) enum Verdict<'a> {
    /// A whole value.
    Value(Expr<'a>),
    /// An action's upper half and its data.
    Action { base: u32, data: Option<Expr<'a>>, place: Place },
}
