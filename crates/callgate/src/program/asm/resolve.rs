//! What the names in a text stand for, given what is known where they stand.

use super::Error;
use super::lex;
use super::tree::{Claim, Expr, Verdict, WordName};
use crate::program::disasm::flow::spell;
use crate::program::disasm::names::{Place, arch_named, constant_value, token_named};
use crate::program::disasm::value::{Field, Value};
use callgate_abi::{Arch, Errno, Syscall, Word};

/// The resolver at one instruction.
#[derive(Clone, Copy)]
pub(super) struct Resolver<'a> {
    /// What is known there.
    pub(super) place: Place<'a>,
}

/// Which names come first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Whatever is compared with this.
    Against(Value),
    /// An error number.
    Errno,
}

impl Resolver<'_> {
    fn a(self) -> Value {
        self.place.state.map_or(Value::Poison, |s| s.a)
    }

    /// The word a name stands for.
    pub(super) fn word(self, name: WordName<'_>) -> Result<Word, Error> {
        match name {
            WordName::Fixed(word) => Ok(word),
            WordName::Param { name, high, place } => self.place.param_word(name, high).ok_or_else(|| {
                let error = Error::new(place, format!("no call is known here that has an argument `{name}`"));
                match self.place.call().map(|(arch, call)| (arch, call, call.params(arch))) {
                    Some((_, call, Some(params))) => {
                        Error::new(place, format!("`{}` has no argument `{name}`", call.name()))
                            .suggest(name, params.iter().map(|p| p.name))
                    }
                    _ => error.help("write args[0] to args[5] with .lo or .hi"),
                }
            }),
        }
    }

    /// Checks what the text says of the accumulator.
    pub(super) fn claim(self, claim: &Claim<'_>) -> Result<(), Error> {
        // Behind an error there may be no call to name an argument of; one error is enough then.
        if self.a() == Value::Poison && self.place.state.is_some() {
            return Ok(());
        }
        let word = self.word(claim.word)?;
        let claimed = Field { word, mask: claim.mask, shift: claim.shift };
        let told = |f: Field| spell(f, &self.place.word_name(f.word));
        match self.a() {
            Value::Poison => Ok(()),
            Value::Field(held) if held == claimed => Ok(()),
            held => {
                let claimed = told(claimed);
                let but = match held {
                    Value::Field(field) => format!(" but `{}`", told(field)),
                    Value::Const(k) => format!(" but {k:#x}"),
                    _ => String::new(),
                };
                Err(Error::new(claim.place, format!("`A` does not hold `{claimed}` here{but}")))
            }
        }
    }

    /// A number.
    pub(super) fn number(self, expr: &Expr<'_>, wanted: Wanted) -> Result<u32, Error> {
        Ok(match expr {
            Expr::Number(n) => *n,
            Expr::Not(inner) => !self.number(inner, wanted)?,
            Expr::Or(left, right) => self.number(left, wanted)? | self.number(right, wanted)?,
            Expr::Shift(inner, by) => self.number(inner, wanted)? << by,
            Expr::Name { qualifier: Some((arch, at)), name, place } => {
                let all = Arch::ALL.iter().map(|a| a.name());
                let arch = arch_named(arch).ok_or_else(|| {
                    Error::new(*at, format!("`{arch}` is no architecture")).suggest(arch, all)
                })?;
                call_number(name, arch, *place)?
            }
            Expr::Name { qualifier: None, name, place } => self.name(name, *place, wanted)?,
        })
    }

    fn name(self, name: &str, place: lex::Place, wanted: Wanted) -> Result<u32, Error> {
        let call = Syscall::from_name(name);
        let call_arch = self.place.arch();
        let as_call = || call.zip(call_arch).and_then(|(c, arch)| c.number(arch));
        let as_arch = || token_named(name);
        let constants_of = self.place.call().map(|(arch, _)| arch).or(call_arch);
        let as_constant = || constants_of.and_then(|arch| constant_value(name, arch));
        let as_errno = || self.place.errno(name).map(u32::from);
        let found = match wanted {
            Wanted::Errno => as_errno(),
            Wanted::Against(Value::Field(f)) if f.word == Word::ARCH => as_arch(),
            Wanted::Against(Value::Field(f)) if f.word == Word::NR => as_call().or_else(as_constant),
            Wanted::Against(Value::Field(f)) if f.word.arg().is_some_and(|(_, high)| high) => {
                return Err(Error::new(
                    place,
                    format!("`{name}` is compared with the upper half of an argument"),
                )
                .help("compare the lower half, or write the upper half as a number"));
            }
            Wanted::Against(Value::Field(_)) => as_constant().or_else(as_errno),
            Wanted::Against(_) => {
                as_constant().or_else(as_call).or_else(as_arch).or_else(|| super::action_value(name))
            }
        };
        found.ok_or_else(|| self.unknown(name, call, place, wanted))
    }

    fn unknown(self, name: &str, call: Option<Syscall>, place: lex::Place, wanted: Wanted) -> Error {
        if let Wanted::Against(Value::Field(Field { word: Word::ARCH, .. })) = wanted {
            let all = Arch::ALL.iter().map(|a| a.name());
            return Error::new(place, format!("`{name}` is no architecture")).suggest(name, all);
        }
        if wanted == Wanted::Errno {
            let names = Errno::names().map(|(name, _)| name);
            return Error::new(place, format!("`{name}` is no error number")).suggest(name, names);
        }
        match (call, self.place.arch()) {
            (Some(_), Some(arch)) => Error::new(place, format!("`{name}` has no number on {}", arch.name())),
            (Some(_), None) => Error::new(place, format!("on which architecture is `{name}` meant?"))
                .help(format!("write `x86_64:{name}`, or `.arch x86_64` on the first line")),
            (None, arch) => {
                let params = self.place.call().and_then(|(arch, call)| call.params(arch)).unwrap_or(&[]);
                let error = Error::new(place, format!("unknown name `{name}`"));
                if params.iter().any(|p| p.answers_to(name)) {
                    return error.help(format!("an argument has two halves: `{name}.lo`, `{name}.hi`"));
                }
                let calls = Syscall::all().map(Syscall::name);
                let constants = params.iter().filter_map(|p| p.set).zip(std::iter::repeat(arch));
                let constants = constants.filter_map(|(set, arch)| Some(set.members(arch?))).flatten();
                let constants: Vec<&str> = constants.map(|(name, _)| name).collect();
                error.suggest(name, constants.into_iter().chain(calls))
            }
        }
    }

    /// A whole return value.
    pub(super) fn verdict(self, verdict: &Verdict<'_>) -> Result<u32, Error> {
        match verdict {
            Verdict::Value(expr) => self.number(expr, Wanted::Against(Value::Unknown)),
            Verdict::Action { base, data: None, .. } => Ok(*base),
            Verdict::Action { base, data: Some(expr), place } => {
                let errno = *base == 0x0005_0000;
                let wanted = if errno { Wanted::Errno } else { Wanted::Against(Value::Unknown) };
                let data = self.number(expr, wanted)?;
                if data > 0xffff {
                    return Err(Error::new(
                        *place,
                        format!("{data:#x} does not fit the 16 bits an action carries"),
                    ));
                }
                Ok(base | data)
            }
        }
    }
}

fn call_number(name: &str, arch: Arch, place: lex::Place) -> Result<u32, Error> {
    let Some(call) = Syscall::from_name(name) else {
        let names = Syscall::of_arch(arch).map(|(_, call)| call.name());
        return Err(Error::new(place, format!("`{name}` is no system call")).suggest(name, names));
    };
    call.number(arch).ok_or_else(|| Error::new(place, format!("`{name}` has no number on {}", arch.name())))
}
