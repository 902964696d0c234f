//! Which argument a name means in a call.

use super::Resolver;
use crate::diagnostic::Diagnostic;
use crate::policy::ArgIndex;
use crate::syntax::ast;
use crate::syntax::codes;
use crate::syntax::lexer::Loc;
use callgate_abi::constant::{self, Set};
use callgate_abi::{Arch, Param, Syscall, Width};

/// The call and the architecture that names are looked up for. Both are absent where the condition is
/// the same for all of them.
#[derive(Clone, Copy)]
pub(super) struct Env {
    pub(super) call: Option<Syscall>,
    pub(super) arch: Option<Arch>,
    /// Whether all architectures of the rule have 32-bit registers.
    pub(super) narrow: bool,
    /// `if?`: conditions that never hold are kept.
    pub(super) unchecked: bool,
}

/// An argument that a name stands for.
pub(super) struct Argument {
    pub(super) index: ArgIndex,
    pub(super) width: Width,
    /// How many of its low bits the kernel looks at, where that is fewer than `width` says and the text
    /// does not give a width itself.
    pub(super) bits: Option<u8>,
    /// The constants it takes, if known.
    pub(super) set: Option<Set>,
}

impl Argument {
    pub(super) fn plain(index: ArgIndex, width: Width) -> Argument {
        Argument { index, width, bits: None, set: None }
    }

    pub(super) fn of(index: ArgIndex, width: Option<Width>, param: &Param) -> Argument {
        let bits = (width.is_none() && param.bits < 32).then_some(param.bits);
        Argument { index, width: width.unwrap_or_else(|| looked_at(param)), bits, set: param.set }
    }
}

/// How much of a parameter makes a difference: `flags` of clone is a `long` of which 32 bits are used, and
/// what stands above them must not tell two calls apart.
pub(crate) fn looked_at(param: &Param) -> Width {
    if param.bits <= 32 { Width::W32 } else { param.width }
}

/// The position of the parameter with this name, its printed one before others.
fn position(params: &[Param], name: &str) -> Option<usize> {
    let printed = params.iter().position(|p| p.name == name);
    printed.or_else(|| params.iter().position(|p| p.answers_to(name))).filter(|_| name != PAD)
}

/// What arguments are called that manual pages count from 1 (`arg2` of prctl).
const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// What a register that an ABI skips is called.
pub(crate) const PAD: &str = "_pad";

/// The index in `arg0` … `arg5`, or whatever number stands there.
pub(crate) fn positional(name: &str) -> Option<&str> {
    name.strip_prefix("arg").filter(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether an argument written like this is the same for all calls.
pub(super) fn is_fixed(name: &str, width: Option<Width>) -> bool {
    name == "ip" || (positional(name).is_some() && width.is_some())
}

impl Resolver<'_> {
    /// The argument called `name`, which stands at `loc`, in the environment's call.
    pub(super) fn argument(&mut self, loc: Loc, width: Option<Width>, env: Env) -> Option<Argument> {
        let name = self.text(loc);
        if name == "ip" {
            return Some(Argument::plain(ArgIndex::IP, width.unwrap_or(Width::W64)));
        }
        let params = match (env.call, env.arch) {
            (Some(call), Some(arch)) => call.params(arch),
            _ => None,
        };
        match positional(name) {
            Some(digits) => self.numbered(loc, digits, width, params, env),
            None => self.named(loc, name, width, params, env),
        }
    }

    fn numbered(
        &mut self,
        loc: Loc,
        digits: &str,
        width: Option<Width>,
        params: Option<&[Param]>,
        env: Env,
    ) -> Option<Argument> {
        let Some(index) = digits.parse().ok().and_then(ArgIndex::new) else {
            let message = format!("there is no `arg{digits}`: a call has six arguments, `arg0` to `arg5`");
            self.error(codes::ARGUMENT, loc, message);
            return None;
        };
        let param = params.and_then(|p| p.get(usize::from(index.get())));
        // prctl's `second` is `arg2` in its manual page, but `arg1` by position.
        let ordinal = usize::from(index.get()).checked_sub(1).map(|n| ORDINALS[n]);
        let namesake = ordinal.zip(params).and_then(|(word, p)| Some((word, position(p, word)?)));
        if let (Some((word, at)), None) = (namesake, width) {
            let name = self.text(loc);
            let call = env.call.map_or("this call", |c| c.name());
            let d =
                Diagnostic::error(codes::ARGUMENT, format!("`{name}` could mean two arguments of `{call}`"))
                    .note(format!(
                        "positions count from 0; what the manual calls `{name}` is at position {at}"
                    ))
                    .help(format!("write `{word}` for that one, `{name}:64` for position {digits}"));
            self.say(d, loc);
            return None;
        }
        if let (Some(width), None) = (width, param) {
            return Some(Argument::plain(index, width));
        }
        if let Some(param) = param {
            return Some(Argument::of(index, width, param));
        }
        let why = match (env.call, params) {
            (Some(call), Some(params)) => format!("`{}` takes {} arguments", call.name(), params.len()),
            (Some(call), None) => format!("the arguments of `{}` are not known", call.name()),
            (None, _) => "calls without a name may differ".to_string(),
        };
        let code = if params.is_some() { codes::ARGUMENT_UNUSED } else { codes::WIDTH };
        let d = Diagnostic::error(code, format!("how wide is `arg{digits}`? {why}"));
        self.say(d.help(format!("write `arg{digits}:32` or `arg{digits}:64`")), loc);
        None
    }

    fn named(
        &mut self,
        loc: Loc,
        name: &str,
        width: Option<Width>,
        params: Option<&[Param]>,
        env: Env,
    ) -> Option<Argument> {
        let Some(call) = env.call else {
            let d = Diagnostic::error(codes::WIDTH, format!("which argument is `{name}`?"))
                .note("numbers and `any` have no argument names")
                .help("write `arg0:32`, `arg0:64` …");
            self.say(d, loc);
            return None;
        };
        let Some(params) = params else {
            let message =
                format!("unknown argument `{name}`: those of `{}` have no known names", call.name());
            let d = Diagnostic::error(codes::ARGUMENT, message).help("write `arg0:32`, `arg0:64` …");
            self.say(d, loc);
            return None;
        };
        let found = position(params, name);
        if let Some((index, param)) =
            found.and_then(|i| Some((ArgIndex::new(u8::try_from(i).ok()?)?, &params[i])))
        {
            return Some(Argument::of(index, width, param));
        }
        let names: Vec<_> = params.iter().map(|p| p.name).filter(|n| *n != PAD).collect();
        let arch = env.arch.map_or("", |a| a.name());
        let having = if names.is_empty() {
            format!("`{}` takes none", call.name())
        } else {
            format!("on {arch}, `{}` takes {}", call.name(), names.join(", "))
        };
        let d = Diagnostic::error(codes::ARGUMENT, format!("unknown argument `{name}`")).note(having);
        let elsewhere =
            self.arches.iter().any(|a| call.params(*a).is_some_and(|p| position(p, name).is_some()));
        if elsewhere {
            self.say(d.help("limit the rule with `on` to architectures that have it"), loc);
        } else if env.arch.is_some_and(|a| constant::value(name, a).is_some()) {
            self.say(d.help("the argument stands first, the constant last"), loc);
        } else {
            self.unknown(d, loc, names.into_iter());
        }
        None
    }

    /// Whether all arguments of a condition have a place in the environment's call. Those of x86's `mmap`
    /// do not: they lie in memory.
    pub(super) fn has_arguments(&self, cond: &ast::Cond, env: Env) -> bool {
        let params = env.call.zip(env.arch).and_then(|(call, arch)| call.params(arch)).unwrap_or_default();
        let mut all = true;
        cond.comparisons(&mut |cmp| all &= position(params, self.text(cmp.arg)).is_some());
        all
    }
}
