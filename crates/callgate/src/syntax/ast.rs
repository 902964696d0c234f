//! Statements as written: shapes and places. Names stay places in the text until they are looked up.

use super::lexer::Loc;
use crate::answer::{IfLost, Ports};
use callgate_abi::{Action, Errno, Width};

/// One statement.
pub(crate) struct Statement {
    /// From its first to its last token.
    pub(crate) loc: Loc,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    /// `arch x86_64, x32`
    Arch(Vec<Name>),
    /// `default kill` and its like.
    Setting(Setting, Action),
    /// `if-lost kill`
    IfLost(IfLost),
    /// `allow read if fd == 0`
    Rule(Rule),
    /// `foreign errno(EPERM) 59`
    Foreign(Rule),
    /// `group @mine = read, write`; the name's place includes the `@`.
    Group { name: Loc, targets: Vec<Target> },
    /// `include "other.cg"`
    Include { loc: Loc, path: String },
    /// `expect read(0) allow`
    Expect(Expect),
    /// `on mkdirat errno(EPERM)`
    On(On),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Setting {
    Default,
    Foreign,
    X32,
    Unknown,
}

/// A word, and whether a `?` follows it.
#[derive(Clone, Copy)]
pub(crate) struct Name {
    pub(crate) loc: Loc,
    pub(crate) optional: bool,
}

pub(crate) struct Rule {
    pub(crate) action: Action,
    pub(crate) targets: Vec<Target>,
    pub(crate) on: Vec<Name>,
    pub(crate) when: Option<Cond>,
    /// Written `if?`: the condition may be one that never holds.
    pub(crate) unchecked: bool,
}

#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) loc: Loc,
    pub(crate) kind: TargetKind,
    pub(crate) optional: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum TargetKind {
    /// A call's name: the target's place.
    Call,
    /// A group's name, `@` included: the target's place.
    Group,
    /// Numbers, both ends included.
    Numbers(u32, u32),
    /// `any`
    Any,
    /// `none`
    None,
}

pub(crate) struct Cond {
    pub(crate) loc: Loc,
    pub(crate) kind: CondKind,
}

pub(crate) enum CondKind {
    True,
    Cmp(Cmp),
    All(Vec<Cond>),
    Any(Vec<Cond>),
    Not(Box<Cond>),
}

pub(crate) struct Cmp {
    /// The argument's name, without width.
    pub(crate) arg: Loc,
    pub(crate) width: Option<Width>,
    pub(crate) mask: Option<Expr>,
    pub(crate) test: Test,
}

pub(crate) enum Test {
    Is(Relation, Expr),
    In { negated: bool, items: Vec<Item> },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Relation {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

pub(crate) enum Item {
    One(Expr),
    Range(Expr, Expr),
}

/// A constant expression.
pub(crate) struct Expr {
    pub(crate) loc: Loc,
    pub(crate) kind: ExprKind,
}

pub(crate) enum ExprKind {
    Number(u64),
    /// `-n`
    Minus(u64),
    /// A named constant: the expression's place.
    Const,
    /// `~e`
    Complement(Box<Expr>),
    /// `a | b`
    Or(Vec<Expr>),
}

/// Calls, and what a supervisor answers.
pub(crate) struct On {
    pub(crate) rule: Rule,
    /// Written `ask`.
    pub(crate) asks: bool,
    pub(crate) reply: Reply,
}

pub(crate) struct Reply {
    pub(crate) loc: Loc,
    pub(crate) kind: ReplyKind,
}

pub(crate) enum ReplyKind {
    Errno(Errno),
    Return(i64),
    /// `below` and the path.
    Open(Vec<(bool, Text)>),
    Connect(Vec<Text>),
    Bind(Vec<Ports>),
    Log,
    ContinueUnchecked,
}

/// A string, without quotes and escapes.
pub(crate) struct Text {
    pub(crate) loc: Loc,
    pub(crate) text: String,
}

pub(crate) struct Expect {
    pub(crate) calls: Vec<ExpectCall>,
    pub(crate) action: Action,
    pub(crate) on: Vec<Name>,
}

pub(crate) struct ExpectCall {
    pub(crate) target: Target,
    pub(crate) args: Vec<ExpectArg>,
}

pub(crate) struct ExpectArg {
    /// `fd` in `fd = 3`; without it the position counts.
    pub(crate) name: Option<Loc>,
    /// `None` for `_`.
    pub(crate) value: Option<Expr>,
    pub(crate) loc: Loc,
}

impl Cond {
    /// Calls `f` with every comparison.
    pub(crate) fn comparisons<'a>(&'a self, f: &mut dyn FnMut(&'a Cmp)) {
        match &self.kind {
            CondKind::True => {}
            CondKind::Cmp(cmp) => f(cmp),
            CondKind::All(all) | CondKind::Any(all) => all.iter().for_each(|c| c.comparisons(f)),
            CondKind::Not(c) => c.comparisons(f),
        }
    }
}

impl Cmp {
    /// Calls `f` with every expression.
    pub(crate) fn expressions<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        self.mask.iter().for_each(&mut *f);
        match &self.test {
            Test::Is(_, e) => f(e),
            Test::In { items, .. } => items.iter().for_each(|item| match item {
                Item::One(e) => f(e),
                Item::Range(a, b) => {
                    f(a);
                    f(b);
                }
            }),
        }
    }
}

impl Expr {
    /// Whether it is a plain number, the same for every width and architecture.
    pub(crate) fn is_plain(&self) -> bool {
        match &self.kind {
            ExprKind::Number(_) => true,
            ExprKind::Or(all) => all.iter().all(Expr::is_plain),
            ExprKind::Minus(_) | ExprKind::Const | ExprKind::Complement(_) => false,
        }
    }
}
