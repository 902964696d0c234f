//! From statements to instructions.

use super::lex::Place;
use super::resolve::{Resolver, Wanted};
use super::tree::{Expr, Label, Operand, Placed, Register, Statement, Target, Test, Tree};
use super::{Error, Options};
use crate::program::Code;
use crate::program::container::endian::of_tests;
use crate::program::disasm::flow::Flow;
use crate::program::disasm::names;
use crate::program::disasm::value::Value;
use callgate_abi::insn::op;
use callgate_abi::{Arch, Endian, Insn};
use std::collections::BTreeMap;

/// Encodes every statement; those with errors become returns nobody will see.
pub(super) fn encode(tree: &Tree<'_>, options: &Options, errors: &mut Vec<Error>) -> Code {
    let home = home(tree, options, errors);
    let labels = labels(tree, errors);
    let given = endian(tree, options, errors);
    let mut found = Vec::new();
    let mut code = encode_for(tree, home, given.unwrap_or(Endian::Little), &labels, &mut found);
    // Without a word on the byte order, the architectures the program asks for tell.
    let asked = given.or_else(|| of_tests(&code.insns)).or(home.map(Arch::endian));
    if asked == Some(Endian::Big) && code.endian != Endian::Big {
        found.clear();
        code = encode_for(tree, home, Endian::Big, &labels, &mut found);
    }
    errors.append(&mut found);
    code
}

fn encode_for(
    tree: &Tree<'_>,
    home: Option<Arch>,
    endian: Endian,
    labels: &Labels<'_>,
    errors: &mut Vec<Error>,
) -> Code {
    let mut flow = Flow::new(endian);
    let mut insns = Vec::with_capacity(tree.statements.len());
    for (at, statement) in tree.statements.iter().enumerate() {
        let resolver = Resolver { place: names::Place { state: flow.arrive(), home } };
        let encoder = Encoder { at, tree, endian, labels, resolver };
        match encoder.statement(statement) {
            Ok(insn) => {
                flow.step(&insn);
                insns.push(insn);
            }
            Err(error) => {
                errors.push(error);
                let jumps =
                    matches!(statement.it, Statement::If(..) | Statement::Goto(_) | Statement::Return(_));
                flow.step_unreadable(!jumps);
                insns.push(Insn::stmt(op::RET_K, 0));
            }
        }
    }
    Code { insns, endian }
}

fn home(tree: &Tree<'_>, options: &Options, errors: &mut Vec<Error>) -> Option<Arch> {
    let Some(Placed { it: name, place, .. }) = tree.arch else { return options.arch };
    let arch = names::arch_named(name);
    if arch.is_none() {
        let all = Arch::ALL.iter().map(|a| a.name());
        errors.push(Error::new(place, format!("`{name}` is no architecture")).suggest(name, all));
    }
    arch
}

/// The byte order the text or the caller states.
fn endian(tree: &Tree<'_>, options: &Options, errors: &mut Vec<Error>) -> Option<Endian> {
    match tree.endian {
        Some(Placed { it: "big", .. }) => return Some(Endian::Big),
        Some(Placed { it: "little", .. }) => return Some(Endian::Little),
        Some(Placed { it, place, .. }) => {
            errors.push(Error::new(place, format!("`{it}` is no byte order: `little` or `big`")));
        }
        None => {}
    }
    // The text's own `.arch` says more about it than what the caller supposes.
    let own = tree.arch.as_ref().and_then(|arch| names::arch_named(arch.it)).map(Arch::endian);
    own.or(options.endian)
}

type Labels<'a> = BTreeMap<Label<'a>, usize>;

fn labels<'a>(tree: &Tree<'a>, errors: &mut Vec<Error>) -> Labels<'a> {
    let mut labels = Labels::new();
    for (label, place, at) in &tree.labels {
        if labels.insert(*label, *at).is_some() {
            errors.push(Error::new(*place, format!("there are two labels `{}`", show(*label))));
        }
    }
    labels
}

fn show(label: Label<'_>) -> String {
    match label {
        Label::Number(n) => n.to_string(),
        Label::Name(name) => name.to_string(),
    }
}

struct Encoder<'a, 't> {
    at: usize,
    tree: &'a Tree<'t>,
    endian: Endian,
    labels: &'a Labels<'t>,
    resolver: Resolver<'a>,
}

impl Encoder<'_, '_> {
    fn statement(&self, statement: &Placed<Statement<'_>>) -> Result<Insn, Error> {
        let insn = self.insn(&statement.it)?;
        let fields = [u32::from(insn.code), insn.jt.into(), insn.jf.into(), insn.k];
        match statement.fields {
            Some((place, claimed)) if claimed != fields => {
                let show = |[c, t, f, k]: [u32; 4]| format!("[{c:02x} {t:02x} {f:02x} {k:08x}]");
                let message =
                    format!("the fields are {}, but the text means {}", show(claimed), show(fields));
                Err(Error::new(place, message).help("change both, or leave the fields out"))
            }
            _ => Ok(insn),
        }
    }

    fn insn(&self, statement: &Statement<'_>) -> Result<Insn, Error> {
        let number = |expr: &Expr<'_>| self.resolver.number(expr, Wanted::Against(Value::Unknown));
        Ok(match statement {
            Statement::Load(word) => Insn::stmt(op::LD_ABS, self.resolver.word(*word)?.offset(self.endian)),
            Statement::LoadData(offset) => Insn::stmt(op::LD_ABS, number(offset)?),
            Statement::LoadLen(Register::A) => Insn::stmt(op::LD_LEN, 0),
            Statement::LoadLen(Register::X) => Insn::stmt(op::LDX_LEN, 0),
            Statement::LoadNumber(Register::A, value) => Insn::stmt(op::LD_IMM, number(value)?),
            Statement::LoadNumber(Register::X, value) => Insn::stmt(op::LDX_IMM, number(value)?),
            Statement::LoadScratch(Register::A, slot) => Insn::stmt(op::LD_MEM, number(slot)?),
            Statement::LoadScratch(Register::X, slot) => Insn::stmt(op::LDX_MEM, number(slot)?),
            Statement::Store(Register::A, slot) => Insn::stmt(op::ST, number(slot)?),
            Statement::Store(Register::X, slot) => Insn::stmt(op::STX, number(slot)?),
            Statement::Move(Register::A) => Insn::stmt(op::TXA, 0),
            Statement::Move(Register::X) => Insn::stmt(op::TAX, 0),
            Statement::Negate => Insn::stmt(op::NEG, 0),
            Statement::Arithmetic(code, operand) => {
                let (code, k) = self.operand(*code, operand)?;
                Insn::stmt(code, k)
            }
            Statement::Goto(target) => Insn::stmt(op::JA, self.distance(*target)?.0),
            Statement::If(test, then, otherwise) => self.test(test, *then, *otherwise)?,
            Statement::ReturnA => Insn::stmt(op::RET_A, 0),
            Statement::Return(verdict) => Insn::stmt(op::RET_K, self.resolver.verdict(verdict)?),
            Statement::Raw([code, jt, jf, k]) => {
                Insn { code: *code as u16, jt: *jt as u8, jf: *jf as u8, k: *k }
            }
        })
    }

    fn operand(&self, code: u16, operand: &Operand<'_>) -> Result<(u16, u32), Error> {
        let a = self.resolver.place.state.map_or(Value::Unknown, |s| s.a);
        match operand {
            Operand::X => Ok((code | 0x08, 0)),
            Operand::Value(expr) => Ok((code, self.resolver.number(expr, Wanted::Against(a))?)),
        }
    }

    fn test(&self, test: &Test<'_>, then: Target<'_>, otherwise: Target<'_>) -> Result<Insn, Error> {
        if let Some(claim) = &test.claim {
            self.resolver.claim(claim)?;
        }
        let (code, k) = self.operand(test.code, &test.operand)?;
        let (jt, jf) = (self.short(then)?, self.short(otherwise)?);
        Ok(if test.negated { Insn::jump(code, k, jf, jt) } else { Insn::jump(code, k, jt, jf) })
    }

    /// The distance of a conditional jump.
    fn short(&self, target: Target<'_>) -> Result<u8, Error> {
        let (distance, place) = self.distance(target)?;
        u8::try_from(distance).map_err(|_| {
            let line = self.tree.statements[self.at].place.line;
            let message =
                format!("this jumps over {distance} instructions, a conditional jump reaches over 255");
            Error::new(place, message)
                .help(format!("let line {line} test the other way round and skip a `goto`"))
        })
    }

    /// How many instructions are jumped over.
    fn distance(&self, target: Target<'_>) -> Result<(u32, Place), Error> {
        let own = self.tree.statements[self.at].place;
        let (label, place) = match target {
            Target::Next => return Ok((0, own)),
            Target::Over(n) => return Ok((n, own)),
            Target::Label(label, place) => (label, place),
        };
        let to = match (self.labels.get(&label), label) {
            (Some(to), _) => *to,
            (None, Label::Number(n)) => self.unlabelled(n, place)?,
            (None, Label::Name(name)) => {
                let names = self.labels.keys().filter_map(|l| match l {
                    Label::Name(name) => Some(*name),
                    Label::Number(_) => None,
                });
                return Err(Error::new(place, format!("there is no label `{name}`")).suggest(name, names));
            }
        };
        let distance = to.checked_sub(self.at + 1).and_then(|d| u32::try_from(d).ok()).ok_or_else(|| {
            Error::new(place, format!("`{}` lies behind: jumps go forward only", show(label)))
        })?;
        Ok((distance, place))
    }

    /// A number that is no label: in ceccomp's notation a line from 1, in that of seccomp-tools a
    /// distance; in a text with numbered lines it can only be a mistake.
    fn unlabelled(&self, n: u64, place: Place) -> Result<usize, Error> {
        let numbered = self.labels.keys().any(|l| matches!(l, Label::Number(_)));
        let to = usize::try_from(n).ok().filter(|_| !numbered);
        let to =
            to.and_then(|n| if self.tree.dollar { n.checked_sub(1) } else { (self.at + 1).checked_add(n) });
        to.ok_or_else(|| {
            Error::new(place, format!("there is no instruction {n}"))
                .help("to jump over n instructions, write `goto +n`")
        })
    }
}
