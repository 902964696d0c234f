//! The policy language: text to [`Policy`] and back.
//!
//! Parsing never fails: it gives diagnostics, all of them in one run, and a policy if none is an
//! error. [`print()`] is its inverse, [`format()`] changes nothing but blanks. The language is described in
//! `docs/policy-language.md`, which is [`REFERENCE`].
//!
//! ```
//! use callgate::{Action, Policy, syntax};
//!
//! let policy = Policy::parse("arch x86_64\ndefault errno(EPERM)\nallow read, write\n").unwrap();
//! assert_eq!(policy.rules[0].action, Action::ALLOW);
//! assert_eq!(policy, Policy::parse(&syntax::print(&policy)).unwrap());
//! ```

mod ast;
mod codes;
mod condition;
mod format;
pub(crate) mod lexer;
mod load;
mod parser;
mod print;
mod reply;
mod report;
mod resolve;
mod tree;

pub use codes::CODES;
pub use format::{Formatted, format};
pub use print::{action_text, condition_text, on_line_text, print, print_with};

use crate::answer::{IfLost, OnLine};
use crate::diagnostic::{Diagnostic, Severity, Source, Span};
use crate::diagram::Filter;
use crate::policy::{Origin, Policy};
use callgate_abi::{Action, Arch, Errno, SeccompData, Syscall, Word};
use report::Report;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The language's reference, in Markdown.
pub const REFERENCE: &str = include_str!("../../policy-language.md");

/// Finds an included file: takes the path as written and the name of the file that includes it, gives
/// the name of the included one (the same for the same file: cycles are found by it) and its text, or
/// says why not.
pub type Loader<'a> = dyn FnMut(&str, &str) -> Result<(String, String), String> + 'a;

/// What a policy's text says.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The policy; `None` if any diagnostic is an error.
    pub policy: Option<Policy>,
    /// Where each of the policy's rules is written.
    pub rule_spans: Vec<Span>,
    /// Where each of its rules for unlisted architectures is written.
    pub foreign_spans: Vec<Span>,
    /// The cases of its `expect` lines.
    pub expects: Vec<Expect>,
    /// What a supervisor answers: its `on` lines. The policy is the same without them.
    pub on_lines: Vec<OnLine>,
    /// What becomes of the supervised command without its supervisor: the `if-lost` line, if there is one.
    pub if_lost: Option<IfLost>,
    /// What is wrong with it, by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The files it consists of, the main one first.
    pub sources: Vec<Source>,
}

/// One case of an `expect` line: this call, whatever its other arguments, must get this action.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expect {
    /// The convention the call is made under; the policy may not list it.
    pub arch: Arch,
    /// The call's number there.
    pub nr: u32,
    /// The call, if the number has a name.
    pub call: Option<Syscall>,
    /// The arguments; `None` stands for every value. Those that the kernel reads as 32 bits are
    /// zero-extended.
    pub args: [Option<u64>; 6],
    /// The instruction pointer; `None` stands for every value.
    pub ip: Option<u64>,
    /// The action that the line expects.
    pub action: Action,
    /// Where the line is.
    pub origin: Origin,
    /// The call as written: `socket(AF_INET, SOCK_STREAM)`.
    pub text: Arc<str>,
}

impl Expect {
    /// One of the calls that the case is about: what is not given is zero.
    pub fn witness(&self) -> SeccompData {
        let args = self.args.map(|a| a.unwrap_or(0));
        SeccompData { nr: self.nr, arch: self.arch.token(), ip: self.ip.unwrap_or(0), args }
    }

    /// A call the case is about that gets another action from the filter, and that action. What is not given
    /// stands for every value; an error number is meant as the architecture counts them.
    ///
    /// ```
    /// use callgate::syntax::parse;
    ///
    /// let text = "arch x86_64\ndefault kill\nallow read if fd == 0\nexpect read() allow\n";
    /// let parsed = parse("web.cg", text, &mut |_: &str, _: &str| Err(String::new()));
    /// let filter = parsed.policy.unwrap().lower().unwrap();
    /// let (action, call) = parsed.expects[0].contradiction(&filter).unwrap();
    /// assert_eq!((action, call.args[0]), (callgate::Action::KILL_PROCESS, 1));
    /// ```
    pub fn contradiction(&self, filter: &Filter) -> Option<(Action, SeccompData)> {
        let mut narrowed = filter.restrict(Word::ARCH, self.arch.token()).restrict(Word::NR, self.nr);
        let given = self.args.iter().copied().chain([self.ip]).enumerate();
        let mut call = self.witness();
        for (i, value) in given.filter_map(|(i, v)| Some((i as u8, v?))) {
            narrowed = narrowed
                .restrict(Word::arg_hi(i), (value >> 32) as u32)
                .restrict(Word::arg_lo(i), value as u32);
        }
        if self.arch.register_bits() == 32 {
            for i in 0..6 {
                narrowed = narrowed.restrict(Word::arg_hi(i), 0);
            }
        }
        let wanted = match self.action {
            Action::Errno(errno) => Action::Errno(Errno(errno.on(self.arch))),
            action => action,
        };
        let witness = narrowed.witness(|a| *a != wanted)?;
        for (arg, (given, found)) in call.args.iter_mut().zip(self.args.iter().zip(witness.args)) {
            if given.is_none() {
                *arg = found;
            }
        }
        if self.ip.is_none() {
            call.ip = witness.ip;
        }
        Some((*narrowed.eval(&witness), call))
    }
}

/// Reads a policy called `name`; `loader` finds what it includes. Built-in policies are found without it,
/// under `builtin:NAME`.
pub fn parse(name: &str, text: &str, loader: &mut Loader<'_>) -> Parsed {
    let mut report = Report::default();
    let files = load::load(name, text, loader, &mut report);
    let resolved = resolve::resolve(&files, &mut report);
    let sources: Vec<Source> = files.files.iter().map(|f| f.source.clone()).collect();
    let failed = report.has_errors();
    Parsed {
        policy: (!failed).then_some(resolved.policy),
        rule_spans: if failed { Vec::new() } else { resolved.rule_spans },
        foreign_spans: if failed { Vec::new() } else { resolved.foreign_spans },
        expects: resolved.expects,
        on_lines: resolved.on_lines,
        if_lost: resolved.if_lost,
        diagnostics: report.finish(&sources),
        sources,
    }
}

impl Parsed {
    /// The place of a rule or an `expect` line, for findings about what it means.
    pub fn span_of(&self, origin: &Origin) -> Option<Span> {
        let source = self.sources.iter().find(|s| Some(s.name()) == origin.file.as_ref())?;
        let (start, end) = source.line(origin.line as usize)?;
        Some(Span { source: source.clone(), start, end })
    }
}

/// Why a text is no policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// Every finding, at least one of them an error.
    pub diagnostics: Vec<Diagnostic>,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for diagnostic in self.diagnostics.iter().filter(|d| d.severity == Severity::Error) {
            if !std::mem::take(&mut first) {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
            if let Some(help) = &diagnostic.help {
                write!(f, " ({help})")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ParseError {}

impl Policy {
    /// Reads a policy in the language of `docs/policy-language.md`. It may include built-in policies,
    /// but no files; use [`parse()`] for those, and to see warnings.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the text; `on` lines, too, which a policy alone cannot keep.
    pub fn parse(text: &str) -> Result<Policy, ParseError> {
        let refuse = |_: &str, _: &str| Err("this policy comes from no file".to_string());
        let mut parsed = parse("<policy>", text, &mut { refuse });
        if let (Some(line), true) = (parsed.on_lines.first(), parsed.policy.is_some()) {
            let message = "`on` lines are answered by a supervisor, and a policy alone has none";
            let mut diagnostic = Diagnostic::error(codes::SUPERVISED, message);
            diagnostic.span = parsed.span_of(&line.rule.origin);
            parsed.diagnostics.push(diagnostic.help("read the text with `syntax::parse`"));
            parsed.policy = None;
        }
        parsed.policy.ok_or(ParseError { diagnostics: parsed.diagnostics })
    }
}

impl FromStr for Policy {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Policy, ParseError> {
        Policy::parse(text)
    }
}

/// The policy's text: see [`print()`].
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print(self))
    }
}
