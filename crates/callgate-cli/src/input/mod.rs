//! Any input, whatever its form: a policy in any notation, a program in any wrapping, a built-in's name, a
//! running process.

mod policy;
mod reading;
mod source;
mod weight;

pub(crate) use reading::{From, Reading, from};
pub(crate) use source::{loader, text_of};

use crate::failure::Failure;
use crate::live;
use crate::say::Say;
use crate::tuning::Tuning;
use callgate::abi::Endian;
use callgate::program::Code;
use callgate::program::container::{self, Container, Detected, ReadOptions};
use callgate::syntax::Parsed;
use callgate::{Arch, Decided, Diagram, Filter, Policy, Program};
use callgate_formats::{Format, Import};
use source::{Bytes, Source};
use std::path::Path;

/// An input that has been read.
pub(crate) struct Input {
    /// As the user named it.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What an input is.
pub(crate) enum Kind {
    /// A policy in callgate's own language, with its text.
    Own(Box<Parsed>, Box<Policy>),
    /// Policies from another notation; several are a stack.
    Foreign(Box<Import>),
    /// Instructions, which the kernel may refuse.
    Code(Code),
    /// The filters of a thread, the one loaded first in front.
    Stack(Vec<Code>),
}

impl Input {
    /// Reads what `name` stands for and reports everything that is wrong with it.
    pub(crate) fn read(name: &str, reading: &Reading, say: &Say) -> Result<Input, Failure> {
        let Bytes { name, bytes, pick } = match source::open(name)? {
            Source::Bytes(bytes) => bytes,
            Source::Process { pid, tid } => return process(name, pid, tid),
        };
        let read = match reading.from {
            Some(From::Container(container)) => As::Program(Some(container)),
            Some(From::Format(format)) => As::of(format),
            None => detect(&name, &bytes)?,
        };
        let kind = match read {
            As::Program(container) => Kind::Code(program(&name, &bytes, container, reading)?),
            As::Policy(Format::Callgate) => {
                policy::own(&name, source::text(&name, &bytes)?, reading, pick.as_deref(), say)?
            }
            As::Policy(format) => {
                policy::foreign(&name, source::text(&name, &bytes)?, format, reading, pick, say)?
            }
        };
        Ok(Input { name, kind })
    }

    /// The policies: none for programs.
    pub(crate) fn policies(&self) -> Vec<&Policy> {
        match &self.kind {
            Kind::Own(_, policy) => vec![policy],
            Kind::Foreign(import) => import.policies.iter().map(|p| &p.policy).collect(),
            Kind::Code(_) | Kind::Stack(_) => Vec::new(),
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
        let mut filters: Vec<Filter> = Vec::new();
        for code in self.codes() {
            filters.push(self.check(code.clone())?.lift().map_err(|e| self.failure(e))?);
        }
        for policy in self.policies() {
            filters.push(policy.lower().map_err(|e| self.failure(weight::unlowered(policy, &e)))?);
        }
        let mut filters = filters.into_iter();
        let first = filters.next().ok_or_else(|| self.failure("holds no policy"))?;
        filters.try_fold(first, |all, next| all.stack(&next).map_err(|e| self.failure(e)))
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
        // Whatever is wrong with the input is reported in the same words.
        let program = self.program()?;
        if !tuning.is_given() {
            return Ok(program);
        }
        tuned.emit(&self.filter()?, program.endian()).map_err(|e| self.failure(e))
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

    fn check(&self, code: Code) -> Result<Program, Failure> {
        code.check().map_err(|e| self.failure(format!("the kernel would refuse this program: {e}")))
    }

    /// A failure of this input.
    pub(crate) fn failure(&self, e: impl std::fmt::Display) -> Failure {
        Failure::input(format!("{}: {e}", self.name))
    }
}

/// How a file is to be taken.
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
}

fn detect(name: &str, bytes: &[u8]) -> Result<As, Failure> {
    if bytes.is_empty() {
        return Err(Failure::input(format!("{name}: empty; a policy has at least a default action")));
    }
    let found = container::detect(bytes);
    if let Some(Detected { container, .. }) = &found
        && is_distinct(*container, bytes)
    {
        return Ok(As::Program(Some(*container)));
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
    let as_policy =
        callgate_formats::detect(Some(Path::new(name)), bytes).map(|found| As::of_any(found.format));
    // The readers of policies do not know every wrapping of a program.
    match (as_policy, found) {
        (Some(policy @ As::Policy(_)), _) => Ok(policy),
        // A few short words are base64 digits, too.
        _ if is_policy(bytes) => Ok(As::Policy(Format::Callgate)),
        (Some(program), _) => Ok(program),
        (None, Some(found)) => Ok(As::Program(Some(found.container))),
        (None, None)
            if bytes.trim_ascii_start().starts_with(b"{") || bytes.trim_ascii_start().starts_with(b"[") =>
        {
            Err(Failure::input(format!(
                "{name}: JSON of no format known here: there is neither defaultAction nor linux.seccomp, nor are there \
                 filters of threads; --from FORMAT says what it is"
            )))
        }
        (None, None) => Ok(As::Policy(Format::Callgate)),
    }
}

/// Whether the first statement begins as those of callgate's language do.
fn is_policy(bytes: &[u8]) -> bool {
    const WORDS: [&str; 8] = ["action", "allow", "arch", "default", "errno", "foreign", "group", "include"];
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    let word = lines.next().and_then(|l| l.split([' ', '(']).next());
    word.is_some_and(|word| WORDS.contains(&word))
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
) -> Result<Code, Failure> {
    let container = container.or_else(|| Some(container::detect(bytes)?.container));
    let arch = reading.arches.arch.first().copied();
    let options = ReadOptions { container, arch, endian: arch.map(|a| a.endian()) };
    let read = container::read(bytes, &options).map_err(|errors| Failure {
        code: crate::failure::BAD_INPUT,
        messages: errors.iter().map(|e| format!("{name}:{e}")).collect(),
    })?;
    Ok(read.code)
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
    Ok(Input { name: format!("{name} ({})", process.comm), kind: Kind::Stack(codes.clone()) })
}

/// The diagram of what decides each call, with the policy it is about: for inputs that are one policy.
pub(crate) fn decisions(input: &Input) -> Option<(&Policy, Diagram<Decided>)> {
    match input.policies()[..] {
        [policy] => Some((policy, policy.decisions().ok()?)),
        _ => None,
    }
}
