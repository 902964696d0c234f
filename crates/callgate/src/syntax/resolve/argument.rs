//! Which argument a name means in a call.

use super::Resolver;
use crate::diagnostic::Diagnostic;
use crate::policy::ArgIndex;
use crate::syntax::codes;
use crate::syntax::lexer::Loc;
use callgate_abi::constant::Set;
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
    /// The constants it takes, if known.
    pub(super) set: Option<Set>,
}

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
            return Some(Argument { index: ArgIndex::IP, width: width.unwrap_or(Width::W64), set: None });
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
        // prctl's second argument is `arg2` in its manual page, but the third by position.
        let name = self.text(loc);
        let namesake = params.and_then(|p| p.iter().position(|p| p.answers_to(name)));
        if let (Some(other), None) = (namesake.filter(|n| *n != usize::from(index.get())), width) {
            let call = env.call.map_or("this call", |c| c.name());
            let d =
                Diagnostic::error(codes::ARGUMENT, format!("`{name}` could mean two arguments of `{call}`"))
                    .note(format!(
                        "positions count from 0; what the manual calls `{name}` is at position {other}"
                    ))
                    .help(format!("write `arg{other}:64` for that one, `{name}:64` for position {digits}"));
            self.say(d, loc);
            return None;
        }
        if let (Some(width), None) = (width, param) {
            return Some(Argument { index, width, set: None });
        }
        if let Some(param) = param {
            return Some(Argument { index, width: width.unwrap_or(param.width), set: param.set });
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
        let found = params.iter().position(|p| p.answers_to(name));
        if let Some((index, param)) =
            found.and_then(|i| Some((ArgIndex::new(u8::try_from(i).ok()?)?, &params[i])))
        {
            return Some(Argument { index, width: width.unwrap_or(param.width), set: param.set });
        }
        let names: Vec<_> = params.iter().map(|p| p.name).collect();
        let having = if names.is_empty() {
            format!("`{}` takes none", call.name())
        } else {
            format!("`{}` takes {}", call.name(), names.join(", "))
        };
        let d = Diagnostic::error(codes::ARGUMENT, format!("unknown argument `{name}`")).note(having);
        self.unknown(d, loc, names.into_iter());
        None
    }
}
