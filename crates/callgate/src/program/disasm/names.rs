//! Names for numbers and numbers for names, at one point of a program.
//!
//! Both directions live here so that they stay inverses: a name is only offered for a number when
//! looking the name up at the same point gives that number back.

use super::flow::State;
use super::value::{Field, Value};
use callgate_abi::arch::{audit_name, audit_token};
use callgate_abi::{Arch, Errno, Param, Syscall, Width, Word, constant};

/// One point of a program, for naming.
#[derive(Clone, Copy)]
pub(in crate::program) struct Place<'a> {
    /// What is known there; `None` if it is never reached.
    pub(in crate::program) state: Option<&'a State>,
    /// The architecture whose names the text uses unqualified.
    pub(in crate::program) home: Option<Arch>,
}

impl Place<'_> {
    /// The architecture whose tables apply.
    pub(in crate::program) fn arch(self) -> Option<Arch> {
        let arch = match self.state {
            Some(state) => state.naming_arch(self.home),
            None => self.home,
        };
        // The token does not tell x32 from x86_64; the text's own choice does.
        self.home.filter(|h| arch.is_some_and(|a| a.token() == h.token())).or(arch)
    }

    /// The one call that can be here.
    pub(in crate::program) fn call(self) -> Option<(Arch, Syscall)> {
        self.state?.call(self.home)
    }

    /// The parameters of the one call that can be here.
    fn params(self) -> Option<&'static [Param]> {
        let (arch, call) = self.call()?;
        call.params(arch)
    }

    fn param(self, word: Word) -> Option<&'static Param> {
        self.params()?.get(usize::from(word.arg()?.0))
    }

    /// How the text writes a word: by the parameter's name where one call is left.
    pub(in crate::program) fn word_name(self, word: Word) -> String {
        let Some((index, high)) = word.arg() else {
            return if word == Word::ARCH { "arch" } else { "nr" }.to_string();
        };
        let half = if high { "hi" } else { "lo" };
        if index == 6 {
            return format!("ip.{half}");
        }
        match self.param(word) {
            Some(param) if self.param_word(param.name, high) == Some(word) => {
                format!("{}.{half}", param.name)
            }
            _ => format!("args[{index}].{half}"),
        }
    }

    /// The half of the argument with this parameter name.
    pub(in crate::program) fn param_word(self, name: &str, high: bool) -> Option<Word> {
        if name == "ip" || !is_plain(name) {
            return None;
        }
        let index = self.params()?.iter().position(|p| p.answers_to(name))?;
        let index = u8::try_from(index).ok().filter(|i| *i < 6)?;
        Some(if high { Word::arg_hi(index) } else { Word::arg_lo(index) })
    }

    /// The name of a number that is compared with the accumulator.
    pub(in crate::program) fn name(self, a: Value, k: u32) -> Option<String> {
        let Value::Field(field) = a else { return None };
        if !field.is_whole() && field.word.arg().is_none() {
            return None;
        }
        match field.word {
            Word::ARCH => {
                let known = Arch::ALL.iter().find(|a| a.token() == k).map(|a| a.name());
                known.or(audit_name(k)).map(str::to_string)
            }
            Word::NR => self.call_name(k),
            _ => self.constant(field, k, false),
        }
    }

    /// The name of a set of bits that the accumulator is masked with or tested for.
    pub(in crate::program) fn mask_name(self, a: Value, k: u32) -> Option<String> {
        let Value::Field(field) = a else { return None };
        self.constant(field, k, true)
    }

    /// A system-call number's name, qualified unless it belongs to the text's own architecture.
    pub(in crate::program) fn call_name(self, nr: u32) -> Option<String> {
        let arch = Arch::of_call(self.arch()?.token(), nr)?;
        let call = Syscall::from_number(arch, nr)?;
        let name = call.name();
        if Some(arch) == self.home { Some(name.to_string()) } else { Some(format!("{}:{name}", arch.name())) }
    }

    /// An error number's name in the numbering of the architecture at hand.
    pub(in crate::program) fn errno_name(self, number: u16) -> Option<&'static str> {
        let name = match self.arch() {
            Some(arch) => Errno::name_on(number, arch),
            None => Errno(number).name(),
        }?;
        if self.errno(name) == Some(number) { Some(name) } else { None }
    }

    /// The error number with this name in the numbering of the architecture at hand.
    pub(in crate::program) fn errno(self, name: &str) -> Option<u16> {
        let errno = Errno::from_name(name)?;
        Some(self.arch().map_or(errno.0, |arch| errno.on(arch)))
    }

    fn constant(self, field: Field, k: u32, bits: bool) -> Option<String> {
        let (index, high) = field.word.arg()?;
        let value = field.spread(k);
        if index == 6 || high || value >> field.shift != k {
            return None;
        }
        let (arch, _) = self.call()?;
        let param = self.param(field.word)?;
        let set = param.set?;
        if value == 0 && set.is_flags() && (bits || !field.is_whole()) {
            // None of some of the bits is not the flag that is named for having none of all.
            return None;
        }
        let fits = |name: &str| constant_value(name, arch) == Some(value);
        if field.shift == 0 {
            let wide = u64::from(value);
            let signed = i64::from(value as i32) as u64;
            let name = set.name_of(wide, arch).or_else(|| {
                // A negative constant (`AT_FDCWD`) of a 32-bit parameter.
                if param.width == Width::W32 { set.name_of(signed, arch) } else { None }
            });
            if let Some(name) = name
                && is_plain(name)
                && fits(name)
            {
                return Some(name.to_string());
            }
            if set.is_flags() && value.count_ones() > 1 {
                return flags(set, value, arch);
            }
        }
        None
    }
}

/// Several flags joined by `|`, if they make up the value exactly.
fn flags(set: constant::Set, value: u32, arch: Arch) -> Option<String> {
    const MOST: usize = 6;
    let mut left = value;
    let mut names: Vec<&str> = Vec::new();
    // Larger members first, so that a name for several bits wins over names for each.
    let mut members: Vec<(&str, u32)> = set
        .members(arch)
        .filter_map(|(name, v)| Some((name, u32::try_from(v).ok()?)))
        .filter(|(name, v)| *v != 0 && v & value == *v && is_plain(name))
        .filter(|(name, v)| constant_value(name, arch) == Some(*v))
        .collect();
    members.sort_by_key(|(_, v)| (std::cmp::Reverse(v.count_ones()), *v));
    for (name, v) in members {
        if v & left == v {
            left &= !v;
            names.push(name);
        }
    }
    if left != 0 || names.len() > MOST { None } else { Some(names.join("|")) }
}

/// Whether the text can hold the name as one word.
fn is_plain(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The value of a constant, wherever in the program it stands.
pub(in crate::program) fn constant_value(name: &str, arch: Arch) -> Option<u32> {
    let value = constant::value(name, arch)?;
    let high = (value >> 32) as u32;
    // Either a 32-bit number, or one that was widened with its sign.
    if high == 0 || high == u32::MAX { Some(value as u32) } else { None }
}

/// An architecture under any of the names in use; seccomp-tools leaves `AUDIT_` away.
pub(in crate::program) fn arch_named(name: &str) -> Option<Arch> {
    Arch::parse(name).or_else(|| Arch::parse(&format!("AUDIT_{}", name.to_ascii_uppercase())))
}

/// An audit token by name, also one of an architecture without tables.
pub(in crate::program) fn token_named(name: &str) -> Option<u32> {
    arch_named(name).map(Arch::token).or_else(|| audit_token(name))
}
