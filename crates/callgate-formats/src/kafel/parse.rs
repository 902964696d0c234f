//! From words to a [`Program`]: kafel's grammar.

use super::ast::{Call, Comparison, Expr, ExprKind, Filter, Located, Policy, Program, Statement};
use super::lex::{Kind, Token, tokens};
use crate::options::Options;
use crate::place::Error;
use crate::scan::{Pos, Source};
use crate::suggest;
use callgate::{Action, Arch, Errno};
use std::collections::BTreeMap;
use std::rc::Rc;

/// How deep files may include each other (kafel's own bound).
const MAX_INCLUDE_DEPTH: usize = 16;
/// How many files one policy may include in total.
const MAX_INCLUDES: usize = 256;
/// How deep conditions may nest.
const MAX_EXPR_DEPTH: usize = 64;

/// Parses a policy and everything it includes.
pub(super) fn parse(source: Source, options: &Options) -> Result<Program, Error> {
    let mut all = Parser { options, program: Program::default(), defines: BTreeMap::new(), includes: 0 };
    let is_empty = !all.file(source.clone(), 0)?;
    if is_empty {
        return Err(source.error(Pos { line: 1, col: 1 }, "the policy is empty"));
    }
    Ok(all.program)
}

/// The action a word names.
const ACTIONS: &[&str] =
    &["ALLOW", "LOG", "KILL", "KILL_THREAD", "KILL_PROCESS", "DENY", "USER_NOTIF", "ERRNO", "TRAP", "TRACE"];

struct Parser<'a> {
    options: &'a Options,
    program: Program,
    defines: BTreeMap<String, u64>,
    includes: usize,
}

/// The words of one file.
struct Words {
    source: Rc<Source>,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser<'_> {
    /// One file; says whether it held anything.
    fn file(&mut self, source: Source, depth: usize) -> Result<bool, Error> {
        let tokens = tokens(&source)?;
        let mut words = Words { source: Rc::new(source), tokens, next: 0, depth };
        let mut any = false;
        loop {
            match words.peek() {
                Kind::End => return Ok(any),
                Kind::Directive("define") => self.define(&mut words)?,
                Kind::Directive(_) => self.include(&mut words)?,
                Kind::Word(w) if w == "POLICY" => self.policy(&mut words)?,
                Kind::Word(w) if w == "DEFAULT" => {
                    let pos = words.pos();
                    words.bump();
                    let action = action(&mut words)?;
                    if self.program.default.replace(action).is_some() {
                        return Err(words.source.error(pos, "a second DEFAULT"));
                    }
                }
                _ => {
                    let statements = self.statements(&mut words)?;
                    self.program.statements.extend(statements);
                }
            }
            any = true;
        }
    }

    fn define(&mut self, words: &mut Words) -> Result<(), Error> {
        words.bump();
        let pos = words.pos();
        let name = words.name("a constant's name")?;
        let value = words.number("the constant's value")?;
        match self.defines.insert(name.clone(), value) {
            None => Ok(()),
            Some(_) => Err(words.source.error(pos, format!("{name} is already defined"))),
        }
    }

    fn include(&mut self, words: &mut Words) -> Result<(), Error> {
        words.bump();
        let mut any = false;
        loop {
            let pos = words.pos();
            match words.bump() {
                Kind::Text(path) => {
                    any = true;
                    self.includes += 1;
                    if words.depth >= MAX_INCLUDE_DEPTH || self.includes > MAX_INCLUDES {
                        return Err(words.source.error(pos, format!("{path}: includes nest too deep")));
                    }
                    let base = words.source.directory();
                    let source = words.source.include(&base, &path, pos, self.options)?;
                    self.file(source, words.depth + 1)?;
                }
                Kind::Newline | Kind::End if any => return Ok(()),
                other => {
                    let message =
                        format!("expected a file name in quotes after #include, not {}", other.shown());
                    return Err(words.source.error(pos, message));
                }
            }
        }
    }

    fn policy(&mut self, words: &mut Words) -> Result<(), Error> {
        words.bump();
        let pos = words.pos();
        let name = words.name("the policy's name")?;
        if self.program.policies.iter().any(|p| p.name == name) {
            return Err(words.source.error(pos, format!("policy {name} is already defined")));
        }
        words.expect("{")?;
        let statements = if words.is("}") { Vec::new() } else { self.statements(words)? };
        words.expect("}")?;
        self.program.policies.push(Policy { name, statements });
        Ok(())
    }

    fn statements(&mut self, words: &mut Words) -> Result<Vec<Statement>, Error> {
        let mut out = vec![self.statement(words)?];
        while words.eat(",") {
            out.push(self.statement(words)?);
        }
        Ok(out)
    }

    fn statement(&mut self, words: &mut Words) -> Result<Statement, Error> {
        if matches!(words.peek(), Kind::Word(w) if w == "USE") {
            words.bump();
            let pos = words.pos();
            let name = words.name("a policy's name")?;
            let known = &self.program.policies;
            return match known.iter().position(|p| p.name == name) {
                Some(index) => Ok(Statement::Use(index)),
                None => {
                    let mut problem = words.source.problem(pos, format!("no policy is called {name}"));
                    if let Some(near) = suggest::nearest(&name, known.iter().map(|p| &*p.name)) {
                        problem = problem.help(format!("did you mean {near}?"));
                    }
                    Err(problem.into())
                }
            };
        }
        let action = action(words)?;
        words.expect("{")?;
        let mut filters = Vec::new();
        if !words.is("}") {
            filters.push(self.filter(words)?);
            while words.eat(",") {
                filters.push(self.filter(words)?);
            }
        }
        words.expect("}")?;
        Ok(Statement::Rules { action, filters })
    }

    fn filter(&mut self, words: &mut Words) -> Result<Filter, Error> {
        let at = words.here();
        let name = words.name("a system call")?;
        let call = if name == "SYSCALL" && words.eat("[") {
            let number = words.number("a system call's number")?;
            words.expect("]")?;
            Call::Number(number)
        } else if let Some(number) = self.defines.get(&name) {
            Call::Number(*number)
        } else {
            Call::Named(name)
        };
        let mut args = None;
        if words.eat("(") {
            let list = args.insert(Vec::new());
            while !words.is(")") {
                if !list.is_empty() {
                    words.expect(",")?;
                }
                let pos = words.pos();
                list.push(words.name("an argument's name")?);
                if list.len() > 6 {
                    return Err(words.source.error(pos, "a call has at most six arguments"));
                }
            }
            words.expect(")")?;
        }
        let on = self.on(words)?;
        let mut when = None;
        if words.eat("{") {
            if !words.is("}") {
                when = Some(self.condition(words, 0)?);
            }
            words.expect("}")?;
        }
        Ok(Filter { at, call, args, on, when })
    }

    fn on(&mut self, words: &mut Words) -> Result<Option<Vec<Arch>>, Error> {
        if !matches!(words.peek(), Kind::Word(w) if w == "ON") {
            return Ok(None);
        }
        words.bump();
        let mut list = Vec::new();
        if words.eat("{") {
            loop {
                list.push(arch(words)?);
                if !words.eat(",") {
                    break;
                }
            }
            words.expect("}")?;
        } else {
            list.push(arch(words)?);
        }
        Ok(Some(list))
    }

    /// Alternatives: `,` binds loosest, then `||`; both mean the same.
    fn condition(&self, words: &mut Words, depth: usize) -> Result<Expr, Error> {
        needs_condition(self.list(words, depth)?)
    }

    fn list(&self, words: &mut Words, depth: usize) -> Result<Expr, Error> {
        chain(words, ",", needs_condition, ExprKind::Or, |words| {
            chain(words, "||", needs_condition, ExprKind::Or, |words| {
                chain(words, "&&", needs_condition, ExprKind::And, |words| self.comparison(words, depth))
            })
        })
    }

    fn comparison(&self, words: &mut Words, depth: usize) -> Result<Expr, Error> {
        let depth = words.deeper(depth)?;
        let at = words.here();
        if words.eat("!") {
            let inner = needs_condition(self.comparison(words, depth)?)?;
            return Ok(Expr { at, kind: ExprKind::Not(Box::new(inner)) });
        }
        let left = self.bits(words, depth)?;
        let op = match words.peek() {
            Kind::Mark("==") => Comparison::Eq,
            Kind::Mark("!=") => Comparison::Ne,
            Kind::Mark("<") => Comparison::Lt,
            Kind::Mark("<=") => Comparison::Le,
            Kind::Mark(">") => Comparison::Gt,
            Kind::Mark(">=") => Comparison::Ge,
            _ => return Ok(left),
        };
        let at = words.here();
        words.bump();
        let right = self.bits(words, depth)?;
        let (left, right) = (needs_number(left)?, needs_number(right)?);
        Ok(Expr { at, kind: ExprKind::Compare(op, Box::new(left), Box::new(right)) })
    }

    fn bits(&self, words: &mut Words, depth: usize) -> Result<Expr, Error> {
        chain(words, "|", needs_number, ExprKind::BitOr, |words| {
            chain(words, "&", needs_number, ExprKind::BitAnd, |words| self.operand(words, depth))
        })
    }

    fn operand(&self, words: &mut Words, depth: usize) -> Result<Expr, Error> {
        let at = words.here();
        let kind = match words.bump() {
            Kind::Number(n) => ExprKind::Number(n),
            Kind::Word(w) => match self.defines.get(&w) {
                Some(n) => ExprKind::Number(*n),
                None => ExprKind::Arg(w),
            },
            Kind::Mark("(") => {
                let depth = words.deeper(depth)?;
                let inner = self.list(words, depth)?;
                words.expect(")")?;
                return Ok(inner);
            }
            other => {
                let message = format!("expected an argument's name or a number, not {}", other.shown());
                return Err(at.source.error(at.pos, message));
            }
        };
        Ok(Expr { at, kind })
    }
}

/// Operands that `mark` separates: the operand itself where there is only one.
fn chain(
    words: &mut Words,
    mark: &str,
    check: fn(Expr) -> Result<Expr, Error>,
    join: fn(Vec<Expr>) -> ExprKind,
    mut operand: impl FnMut(&mut Words) -> Result<Expr, Error>,
) -> Result<Expr, Error> {
    let first = operand(words)?;
    if !words.is(mark) {
        return Ok(first);
    }
    let at = first.at.clone();
    let mut all = vec![check(first)?];
    while words.eat(mark) {
        all.push(check(operand(words)?)?);
    }
    Ok(Expr { at, kind: join(all) })
}

fn needs_condition(expr: Expr) -> Result<Expr, Error> {
    if expr.kind.is_condition() {
        return Ok(expr);
    }
    Err(expr.at.source.error(expr.at.pos, "expected a comparison, not a number"))
}

fn needs_number(expr: Expr) -> Result<Expr, Error> {
    if !expr.kind.is_condition() {
        return Ok(expr);
    }
    Err(expr.at.source.error(expr.at.pos, "expected a number, not a condition"))
}

fn action(words: &mut Words) -> Result<Action, Error> {
    let pos = words.pos();
    let shown = words.peek().shown();
    let word = match words.bump() {
        Kind::Word(word) => word,
        _ => return Err(words.source.error(pos, format!("expected an action, not {shown}"))),
    };
    Ok(match &*word {
        "ALLOW" => Action::ALLOW,
        "LOG" => Action::LOG,
        "KILL" | "KILL_THREAD" | "DENY" => Action::KILL_THREAD,
        "KILL_PROCESS" => Action::KILL_PROCESS,
        "USER_NOTIF" => Action::Notify(0),
        "ERRNO" => Action::Errno(Errno(action_data(words)?)),
        "TRAP" => Action::Trap(action_data(words)?),
        "TRACE" => Action::Trace(action_data(words)?),
        _ => {
            let mut problem = words.source.problem(pos, format!("expected an action, not {shown}"));
            if let Some(near) = suggest::nearest(&word, ACTIONS.iter().copied()) {
                problem = problem.help(format!("did you mean {near}?"));
            }
            return Err(problem.into());
        }
    })
}

/// The number in parentheses after an action: a literal, no constant.
fn action_data(words: &mut Words) -> Result<u16, Error> {
    words.expect("(")?;
    let pos = words.pos();
    let value = words.number("a number (constants are not allowed here)")?;
    words.expect(")")?;
    u16::try_from(value).map_err(|_| words.source.error(pos, format!("{value} is above 65535")))
}

fn arch(words: &mut Words) -> Result<Arch, Error> {
    let pos = words.pos();
    let name = words.name("an architecture")?;
    super::names::arch(&name).ok_or_else(|| words.source.error(pos, format!("unknown architecture {name}")))
}

impl Words {
    fn peek(&self) -> &Kind {
        &self.tokens[self.next].kind
    }

    fn pos(&self) -> Pos {
        self.tokens[self.next].pos
    }

    fn here(&self) -> Located {
        Located { source: Rc::clone(&self.source), pos: self.pos() }
    }

    fn bump(&mut self) -> Kind {
        let kind = self.tokens[self.next].kind.clone();
        // The last word is the end; it is never passed.
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        kind
    }

    fn is(&self, mark: &str) -> bool {
        matches!(self.peek(), Kind::Mark(m) if *m == mark)
    }

    fn eat(&mut self, mark: &str) -> bool {
        let found = self.is(mark);
        if found {
            self.bump();
        }
        found
    }

    fn expect(&mut self, mark: &str) -> Result<(), Error> {
        let (pos, shown) = (self.pos(), self.peek().shown());
        if self.eat(mark) {
            return Ok(());
        }
        Err(self.source.error(pos, format!("expected `{mark}`, not {shown}")))
    }

    fn name(&mut self, what: &str) -> Result<String, Error> {
        let pos = self.pos();
        match self.bump() {
            Kind::Word(word) => Ok(word),
            other => Err(self.source.error(pos, format!("expected {what}, not {}", other.shown()))),
        }
    }

    fn number(&mut self, what: &str) -> Result<u64, Error> {
        let pos = self.pos();
        match self.bump() {
            Kind::Number(number) => Ok(number),
            other => Err(self.source.error(pos, format!("expected {what}, not {}", other.shown()))),
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, Error> {
        if depth >= MAX_EXPR_DEPTH {
            return Err(self.source.error(self.pos(), "the condition nests too deep"));
        }
        Ok(depth + 1)
    }
}
