//! Any input, whatever its form: a policy in any notation, a program in any wrapping, a built-in's name, a
//! running process.

mod foreign;
mod policy;
mod reading;
mod source;
mod weight;

pub(crate) use foreign::Foreign;
pub(crate) use reading::{From, Reading, from};
pub(crate) use source::{MOST_BYTES, loader, text_of};

use crate::failure::Failure;
use crate::live;
use crate::say::Say;
use crate::tuning::{Tuned, Tuning};
use callgate::abi::Endian;
use callgate::answer::{IfLost, OnLine};
use callgate::program::Code;
use callgate::program::container::{self, Container, Detected, ReadOptions};
use callgate::syntax::Parsed;
use callgate::{Arch, CompileError, Filter, LowerError, Policy, Program};
use callgate_formats::Format;
use source::{Bytes, Source};
use std::path::Path;

/// An input that has been read.
pub(crate) struct Input {
    /// As the user named it.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: Kind,
    /// The name of the format it is in.
    pub(crate) format: &'static str,
}

/// What an input is.
pub(crate) enum Kind {
    /// A policy in callgate's own language, with its text.
    Own(Box<Parsed>, Box<Policy>),
    /// Policies from another notation; several are a stack.
    Foreign(Box<Foreign>),
    /// Instructions, which the kernel may refuse.
    Code(Code),
    /// The filters of a thread, the one loaded first in front.
    Stack(Vec<Code>),
}

impl Input {
    /// Reads what `name` stands for and reports everything that is wrong with it.
    pub(crate) fn read(name: &str, reading: &Reading, say: &Say) -> Result<Input, Failure> {
        if let Some((from, rest)) = said_in_front(name) {
            let own = Reading { from: Some(from), ..reading.clone() };
            return Input::read(rest, &own, say);
        }
        let Bytes { name, bytes, pick } = match source::open(name)? {
            Source::Bytes(bytes) => bytes,
            Source::Process { pid, tid } => return process(name, pid, tid),
        };
        let (read, why) = match reading.from {
            Some(From::Container(container)) => (As::Program(Some(container)), SAID.to_owned()),
            Some(From::Format(format)) => (As::of(format), SAID.to_owned()),
            None if name.starts_with(source::BUILT_IN) => {
                (As::Policy(Format::Callgate), "it is built in".into())
            }
            None => detect(&name, &bytes)?,
        };
        if reading.verbose
            && let Some(format) = read.name()
        {
            say.line(&format!("callgate: {name}: taken for {format}: {why}"));
        }
        let kind = match read {
            As::Program(container) => program(&name, &bytes, container, reading).map(|(code, container)| {
                if reading.verbose && read.name().is_none() {
                    say.line(&format!("callgate: {name}: taken for {}: {why}", container.name()));
                }
                (Kind::Code(code), container.name())
            }),
            As::Policy(format) => source::text(&name, &bytes)
                .and_then(|text| match format {
                    Format::Callgate => policy::own(&name, text, reading, pick.as_deref(), say),
                    _ => policy::foreign(&name, text, format, reading, pick, say),
                })
                .map(|kind| (kind, format.name())),
        };
        let (kind, format) = kind.map_err(|mut failure| {
            failure.messages.extend(doubt(&name, &bytes, reading, &why));
            failure
        })?;
        Ok(Input { name, kind, format })
    }

    /// The policies: none for programs.
    pub(crate) fn policies(&self) -> Vec<&Policy> {
        match &self.kind {
            Kind::Own(_, policy) => vec![policy],
            Kind::Foreign(import) => import.policies.iter().map(|p| &p.policy).collect(),
            Kind::Code(_) | Kind::Stack(_) => Vec::new(),
        }
    }

    /// What a supervisor answers: the policy's `on` lines.
    pub(crate) fn on_lines(&self) -> &[OnLine] {
        match &self.kind {
            Kind::Own(parsed, _) => &parsed.on_lines,
            Kind::Foreign(_) | Kind::Code(_) | Kind::Stack(_) => &[],
        }
    }

    /// What the policy says of the time after its supervisor.
    pub(crate) fn if_lost(&self) -> Option<IfLost> {
        match &self.kind {
            Kind::Own(parsed, _) => parsed.if_lost,
            Kind::Foreign(_) | Kind::Code(_) | Kind::Stack(_) => None,
        }
    }

    /// Refuses a policy whose calls somebody must answer.
    pub(crate) fn needs_no_supervisor(&self) -> Result<(), Failure> {
        let Some(line) = self.on_lines().first() else { return Ok(()) };
        Err(Failure::input(format!(
            "{}: an `on` line needs somebody who answers: run the command with `callgate supervise {}`, or with \
             `run --agent SOCKET`",
            line.rule.origin, self.name
        )))
    }

    /// Says that what becomes of the input has no place for its `on` lines.
    pub(crate) fn leave_on_lines(&self, say: &Say) {
        if let Some(line) = self.on_lines().first() {
            say.error(&format!(
                "{}: the `on` lines are no part of a program: they are answered by `callgate supervise`",
                line.rule.origin
            ));
        }
    }

    /// The instructions, where the input is made of them: unchecked, a stack's in the order of loading.
    pub(crate) fn codes(&self) -> &[Code] {
        match &self.kind {
            Kind::Code(code) => std::slice::from_ref(code),
            Kind::Stack(codes) => codes,
            Kind::Own(..) | Kind::Foreign(_) => &[],
        }
    }

    /// What the input means: a stack as the kernel would combine it.
    pub(crate) fn filter(&self) -> Result<Filter, Failure> {
        self.meaning().map_err(Unread::failure)
    }

    /// The same for a command to run here. What somebody wrote is loaded as it is written, so that what is read back
    /// from the process is the policy; a built-in policy is for several machines, and of those only the
    /// conventions under which this machine's kernel can be called are compiled.
    pub(crate) fn filter_to_run(&self) -> Result<Filter, Failure> {
        if !self.name.starts_with(source::BUILT_IN) {
            return self.filter();
        }
        let here = |arch: &Arch| Arch::NATIVE.is_some_and(|it| it == *arch || it.siblings().contains(arch));
        self.meaning_of(|policy| {
            let kept = policy.arches.iter().filter(|a| here(a)).count();
            if kept == 0 || kept == policy.arches.len() {
                return policy.lower();
            }
            let mut policy = policy.clone();
            policy.arches.retain(here);
            policy.lower()
        })
        .map_err(Unread::failure)
    }

    /// The same, and whether an input that has no meaning is wrong or only too involved.
    pub(crate) fn meaning(&self) -> Result<Filter, Unread> {
        self.meaning_of(Policy::lower)
    }

    fn meaning_of(&self, lower: impl Fn(&Policy) -> Result<Filter, LowerError>) -> Result<Filter, Unread> {
        let mut filters: Vec<Filter> = Vec::new();
        for code in self.codes() {
            let program = self.check(code.clone()).map_err(Unread::Bad)?;
            filters.push(program.lift().map_err(|e| self.unknown(e))?);
        }
        for policy in self.policies() {
            filters.push(lower(policy).map_err(|e| match e {
                LowerError::TooLarge(_) => self.unknown(weight::unlowered(policy, &e)),
                e => Unread::Bad(self.failure(e)),
            })?);
        }
        let mut filters = filters.into_iter();
        let first = filters.next().ok_or_else(|| Unread::Bad(self.failure("holds no policy")))?;
        filters.try_fold(first, |all, next| all.stack(&next).map_err(|e| self.unknown(e)))
    }

    fn unknown(&self, e: impl std::fmt::Display) -> Unread {
        Unread::Unknown(format!("{}: what it means is unknown: {e}", self.name))
    }

    /// The one program the input is or compiles to.
    pub(crate) fn program(&self) -> Result<Program, Failure> {
        match (self.codes(), &self.policies()[..]) {
            ([code], _) => self.check(code.clone()),
            (_, [policy]) => policy.compile().map_err(|e| self.failure(weight::explained(policy, &e))),
            _ => self.filter()?.emit_for(self.endian()).map_err(|e| self.failure(e)),
        }
    }

    /// The one program the input is or compiles to, made for what the user says; a program is left as it is
    /// unless something is said.
    pub(crate) fn tuned(&self, tuning: &Tuning) -> Result<Program, Failure> {
        let tuned = tuning.read()?;
        if !tuning.is_given() {
            return self.program();
        }
        match &self.policies()[..] {
            [policy] => {
                policy.compile_with(&tuned.options()).map_err(|e| self.failure(weight::explained(policy, &e)))
            }
            _ => tuned.emit(&self.filter()?, self.endian()).map_err(|e| self.failure(e)),
        }
    }

    /// The program the input is, if it is one.
    pub(crate) fn code(&self) -> Result<Option<Program>, Failure> {
        match self.codes() {
            [code] => self.check(code.clone()).map(Some),
            _ => Ok(None),
        }
    }

    /// Compiles what the input means, or a change of it, once.
    pub(crate) fn emit(&self, filter: &Filter, tuned: &Tuned) -> Result<Program, Failure> {
        let policies = self.policies();
        for policy in &policies {
            policy.endian().map_err(|e| self.failure(e))?;
        }
        tuned.emit(filter, self.endian()).map_err(|e| match &policies[..] {
            [policy] => self.failure(weight::explained(policy, &CompileError::Emit(e))),
            _ => self.failure(e),
        })
    }

    /// The first architecture the input says it is for.
    pub(crate) fn arch(&self) -> Option<Arch> {
        self.policies().first().and_then(|p| p.arches.first().copied())
    }

    /// The byte order of the machine the input is for.
    fn endian(&self) -> Endian {
        let codes = self.codes().first().map(|c| c.endian);
        codes.or(self.arch().map(Arch::endian)).unwrap_or(Endian::Little)
    }

    pub(crate) fn check(&self, code: Code) -> Result<Program, Failure> {
        code.check().map_err(|e| self.failure(format!("the kernel would refuse this program: {e}")))
    }

    /// A failure of this input.
    pub(crate) fn failure(&self, e: impl std::fmt::Display) -> Failure {
        Failure::input(format!("{}: {e}", self.name))
    }
}

/// Why an input has no meaning.
pub(crate) enum Unread {
    /// It has one, but to find it out is beyond the budget.
    Unknown(String),
    /// It is wrong.
    Bad(Failure),
}

impl Unread {
    pub(crate) fn failure(self) -> Failure {
        match self {
            Unread::Unknown(why) => Failure::input(why),
            Unread::Bad(failure) => failure,
        }
    }
}

/// The format that stands in front of a file's name, where one does: `minijail:old.policy`. A file that is really
/// called so, a process, a built-in and a packaged profile are themselves.
fn said_in_front(name: &str) -> Option<(From, &str)> {
    let (format, rest) = name.split_once(':')?;
    if rest.is_empty() || source::is_packaged(name) || Path::new(name).exists() {
        return None;
    }
    Some((reading::from(format).ok()?, rest))
}

/// Why a file is taken for what it is, where the user said so.
const SAID: &str = "--from says so";
/// Why a file is taken for a policy of the own language, where nothing speaks for that.
const NOTHING_ELSE: &str = "no other format fits";

/// What to say beside the errors of a file that may be something else than it was taken for.
fn doubt(name: &str, bytes: &[u8], reading: &Reading, why: &str) -> Option<String> {
    let found = || detect(name, bytes).ok();
    match reading.from {
        None if why == NOTHING_ELSE => Some(format!(
            "{name}: read as a policy in callgate's language, since {why}; --from FORMAT says what it is"
        )),
        None => None,
        Some(from) => {
            let (other, why) = found()?;
            let other = other.name()?;
            (other != from.name() && why != NOTHING_ELSE).then(|| {
                format!(
                    "{name}: read as {} because --from says so; it looks like {other}: {why}",
                    from.name()
                )
            })
        }
    }
}

/// How a file is to be taken.
#[derive(Clone, Copy)]
enum As {
    /// For a program, in this wrapping if it is known.
    Program(Option<Container>),
    /// For a policy.
    Policy(Format),
}

impl As {
    /// What a user says it is.
    fn of(format: Format) -> As {
        if format == Format::Bpf { As::Program(Some(Container::Binary)) } else { As::of_any(format) }
    }

    /// What it was found to be: of programs, the wrapping is not known yet.
    fn of_any(format: Format) -> As {
        match format {
            Format::Bpf | Format::C | Format::Rust | Format::Asm | Format::Disasm => As::Program(None),
            format => As::Policy(format),
        }
    }

    /// The format's name, where it is known yet.
    fn name(self) -> Option<&'static str> {
        match self {
            As::Program(container) => container.map(Container::name),
            As::Policy(format) => Some(format.name()),
        }
    }
}

/// What a file is, and what gave it away.
fn detect(name: &str, bytes: &[u8]) -> Result<(As, String), Failure> {
    if bytes.is_empty() {
        return Err(Failure::input(format!(
            "{name}: empty; a policy has at least a default action, a program at least a return"
        )));
    }
    // What says so twice need not be held against every other format.
    if name.ends_with(".cg") && is_policy(bytes) {
        return Ok((As::Policy(Format::Callgate), "the name ends in .cg".into()));
    }
    let found = container::detect(bytes);
    if let Some(Detected { container, why }) = &found
        && is_distinct(*container, bytes)
    {
        return Ok((As::Program(Some(*container)), why.clone()));
    }
    if found.as_ref().is_some_and(|f| f.container == Container::Binary) && !bytes.len().is_multiple_of(8) {
        let why = source::text(name, bytes).err().map_or_else(Vec::new, |e| e.messages);
        let why = if why.is_empty() {
            vec![format!("{name}: not text: it has bytes that no text has")]
        } else {
            why
        };
        let len = bytes.len();
        return Err(Failure::input(format!(
            "{}; nor a program, whose {len} bytes would be a multiple of 8",
            why.join("; ")
        )));
    }
    let as_policy = callgate_formats::detect(Some(Path::new(name)), bytes)
        .map(|found| (As::of_any(found.format), found.why));
    // The readers of policies do not know every wrapping of a program.
    Ok(match (as_policy, found) {
        (Some(policy @ (As::Policy(_), _)), _) => policy,
        // A few short words are base64 digits, too.
        _ if is_policy(bytes) => {
            (As::Policy(Format::Callgate), "its first statement is one of callgate's language".into())
        }
        (Some(_), Some(found)) | (None, Some(found)) => (As::Program(Some(found.container)), found.why),
        (Some(program), None) => program,
        (None, None)
            if bytes.trim_ascii_start().starts_with(b"{") || bytes.trim_ascii_start().starts_with(b"[") =>
        {
            return Err(Failure::input(format!(
                "{name}: JSON of no format known here: there is neither defaultAction nor linux.seccomp, nor are there \
                 filters of threads; --from FORMAT says what it is"
            )));
        }
        (None, None) if [".yaml", ".yml"].iter().any(|end| name.ends_with(end)) => {
            return Err(Failure::input(format!(
                "{name}: YAML of no format known here: there is neither an object of kind SeccompProfile, nor are there \
                 default_action and syscalls; --from FORMAT says what it is"
            )));
        }
        (None, None) => (As::Policy(Format::Callgate), NOTHING_ELSE.into()),
    })
}

/// Whether the first statement begins as those of callgate's language do.
fn is_policy(bytes: &[u8]) -> bool {
    const WORDS: [&str; 10] =
        ["action", "allow", "arch", "default", "errno", "foreign", "group", "include", "notify", "on"];
    for line in bytes.split(|b| *b == b'\n') {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            return line.split([' ', '(']).next().is_some_and(|word| WORDS.contains(&word));
        }
    }
    false
}

/// Whether no policy could be taken for this wrapping.
fn is_distinct(container: Container, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    match container {
        Container::Asm | Container::SeccompToolsAsm => {
            let starts = [".arch ", "A = ", "$A = "];
            text.lines().any(|line| starts.iter().any(|start| line.trim_start().starts_with(start)))
        }
        Container::C | Container::Bytes | Container::Rust => text.contains("sock_filter"),
        Container::Macros
        | Container::Strace
        | Container::Tcpdump
        | Container::XtBpf
        | Container::BpfAsm
        | Container::SeccompTools
        | Container::Ceccomp => true,
        _ => false,
    }
}

fn program(
    name: &str,
    bytes: &[u8],
    container: Option<Container>,
    reading: &Reading,
) -> Result<(Code, Container), Failure> {
    let container = container.or_else(|| Some(container::detect(bytes)?.container));
    let arch = reading.arches.arch.first().copied();
    let options = ReadOptions { container, arch, endian: arch.map(|a| a.endian()) };
    let read = container::read(bytes, &options).map_err(|errors| {
        Failure::all(crate::failure::BAD_INPUT, errors.iter().map(|e| format!("{name}:{e}")).collect())
    })?;
    Ok((read.code, read.container))
}

/// The filters of a process: of all its threads, if they are the same.
fn process(name: &str, pid: i32, tid: Option<i32>) -> Result<Input, Failure> {
    let process = live::read(pid, tid)?;
    let stacks = process.stacks();
    let (codes, _) = match &stacks[..] {
        [one] => one,
        _ => {
            let threads: Vec<String> =
                stacks.iter().map(|(codes, threads)| live::describe(codes.len(), threads)).collect();
            return Err(Failure::input(format!(
                "{name}: its threads are filtered differently: {}; name one of them with pid:{pid}/TID",
                threads.join("; ")
            )));
        }
    };
    if codes.is_empty() {
        return Err(Failure::input(format!("{name}: {} is not filtered", process.comm)));
    }
    Ok(Input {
        name: format!("{name} ({})", process.comm),
        kind: Kind::Stack(codes.clone()),
        format: "process",
    })
}
