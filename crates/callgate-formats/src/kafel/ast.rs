//! A kafel policy as written, with includes expanded, constants replaced and policies looked up.

use crate::scan::{Pos, Source};
use callgate::{Action, Arch};
use std::rc::Rc;

/// A file's statements in force, and its default.
#[derive(Debug, Default)]
pub(super) struct Program {
    /// Every policy that is defined, in order; those no `USE` reaches decide nothing.
    pub(super) policies: Vec<Policy>,
    /// The statements outside policies.
    pub(super) statements: Vec<Statement>,
    pub(super) default: Option<Action>,
}

/// `POLICY name { … }`.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) name: String,
    pub(super) statements: Vec<Statement>,
}

#[derive(Debug)]
pub(super) enum Statement {
    /// `USE`, with the index of the policy.
    Use(usize),
    /// An action and what it applies to.
    Rules { action: Action, filters: Vec<Filter> },
}

/// A call with conditions.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) at: Located,
    pub(super) call: Call,
    /// The names given to the arguments, `write(fd, buf)`.
    pub(super) args: Option<Vec<String>>,
    /// The architectures after `ON`.
    pub(super) on: Option<Vec<Arch>>,
    pub(super) when: Option<Expr>,
}

#[derive(Debug)]
pub(super) enum Call {
    Named(String),
    Number(u64),
}

/// A place, in whichever file it is.
#[derive(Clone, Debug)]
pub(super) struct Located {
    pub(super) source: Rc<Source>,
    pub(super) pos: Pos,
}

#[derive(Debug)]
pub(super) struct Expr {
    pub(super) at: Located,
    pub(super) kind: ExprKind,
}

#[derive(Debug)]
pub(super) enum ExprKind {
    Number(u64),
    /// An argument by name.
    Arg(String),
    BitAnd(Vec<Expr>),
    BitOr(Vec<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl ExprKind {
    /// Whether the expression is a condition rather than a number.
    pub(super) fn is_condition(&self) -> bool {
        match self {
            ExprKind::Number(_) | ExprKind::Arg(_) | ExprKind::BitAnd(_) | ExprKind::BitOr(_) => false,
            ExprKind::Compare(..) | ExprKind::And(_) | ExprKind::Or(_) | ExprKind::Not(_) => true,
        }
    }
}
