//! Any input, whatever its form: a policy in any notation, a program, a built-in's name.

use crate::args::Arches;
use crate::failure::Failure;
use crate::say::Say;
use callgate::abi::Endian;
use callgate::program::Code;
use callgate::syntax::{self, Parsed};
use callgate::{Arch, Diagram, Filter, Policy, Program, builtin};
use callgate_formats::{Capabilities, Detected, Format, Import, Kernel, Options, Runtime};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Nothing real is larger; hostile input stops here.
const MOST_BYTES: u64 = 32 << 20;

/// How inputs are to be read.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Reading {
    #[command(flatten)]
    pub(crate) arches: Arches,
    /// What the input is, if it should not be guessed
    #[arg(long, value_name = "FORMAT", value_parser = format_name, help_heading = "Reading")]
    pub(crate) from: Option<Format>,
    /// The capabilities of the process the policy is for, separated by commas
    #[arg(long, value_name = "CAPS", value_parser = capabilities, help_heading = "Reading")]
    pub(crate) caps: Option<Capabilities>,
    /// The kernel the policy is for
    #[arg(long, value_name = "X.Y", value_parser = kernel, help_heading = "Reading")]
    pub(crate) kernel: Option<Kernel>,
    /// Whose reading is meant where implementations of a format differ
    #[arg(long, value_name = "RUNTIME", value_parser = runtime, help_heading = "Reading")]
    pub(crate) as_runtime: Option<Runtime>,
    /// Leave out names nobody knows instead of refusing the file
    #[arg(long, help_heading = "Reading")]
    pub(crate) ignore_unknown: bool,
    /// Whether a file may hold several alternatives of which none is picked.
    #[arg(skip)]
    pub(crate) every: bool,
}

fn format_name(name: &str) -> Result<Format, String> {
    Format::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Format::ALL.iter().map(|f| f.name()).collect();
        format!("no such format; there are {}", names.join(", "))
    })
}

fn capabilities(text: &str) -> Result<Capabilities, String> {
    Capabilities::parse(text)
}

fn kernel(text: &str) -> Result<Kernel, String> {
    Kernel::from_release(text).ok_or_else(|| "a kernel version is two numbers, as 6.1".into())
}

fn runtime(text: &str) -> Result<Runtime, String> {
    Runtime::from_name(text).ok_or_else(|| {
        let names: Vec<_> = Runtime::ALL.iter().map(|r| r.name()).collect();
        format!("no such runtime; there are {}", names.join(", "))
    })
}

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
}

impl Input {
    /// Reads what `name` stands for and reports everything that is wrong with it.
    pub(crate) fn read(name: &str, reading: &Reading, say: &Say) -> Result<Input, Failure> {
        let (shown, bytes, pick) = open(name)?;
        let detected = match reading.from {
            Some(format) => Detected { format, why: "--from says so".into() },
            None => detect(&shown, &bytes)?,
        };
        let kind = match detected.format {
            Format::Bpf => Kind::Code(raw(&shown, &bytes, reading)?),
            Format::Callgate => own(&shown, text(&shown, &bytes)?, reading, say)?,
            format => foreign(&shown, text(&shown, &bytes)?, format, reading, pick, say)?,
        };
        Ok(Input { name: shown, kind })
    }

    /// The policies: none for a program.
    pub(crate) fn policies(&self) -> Vec<&Policy> {
        match &self.kind {
            Kind::Own(_, policy) => vec![policy],
            Kind::Foreign(import) => import.policies.iter().map(|p| &p.policy).collect(),
            Kind::Code(_) => Vec::new(),
        }
    }

    /// What the input means: a stack as the kernel would combine it.
    pub(crate) fn filter(&self) -> Result<Filter, Failure> {
        if let Kind::Code(code) = &self.kind {
            return self.check(code.clone())?.lift().map_err(|e| self.failure(e));
        }
        let mut filters = self.policies().into_iter().map(|p| p.lower().map_err(|e| self.failure(e)));
        let first = filters.next().ok_or_else(|| self.failure("holds no policy"))??;
        filters.try_fold(first, |all, next| all.stack(&next?).map_err(|e| self.failure(e)))
    }

    /// The one program the input is or compiles to.
    pub(crate) fn program(&self) -> Result<Program, Failure> {
        match &self.kind {
            Kind::Code(code) => self.check(code.clone()),
            _ => match self.policies()[..] {
                [policy] => policy.compile().map_err(|e| self.failure(e)),
                _ => {
                    let endian = self
                        .policies()
                        .first()
                        .and_then(|p| p.arches.first())
                        .map_or(Endian::Little, |a| a.endian());
                    self.filter()?.emit_for(endian).map_err(|e| self.failure(e))
                }
            },
        }
    }

    fn check(&self, code: Code) -> Result<Program, Failure> {
        code.check().map_err(|e| self.failure(format!("the kernel would refuse this program: {e}")))
    }

    /// A failure of this input.
    pub(crate) fn failure(&self, e: impl std::fmt::Display) -> Failure {
        Failure::input(format!("{}: {e}", self.name))
    }
}

/// The bytes an argument stands for, with the name to show and the part picked by `#`.
fn open(name: &str) -> Result<(String, Vec<u8>, Option<Arc<str>>), Failure> {
    if name == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|e| Failure::input(format!("standard input: {e}")))?;
        return limited("<stdin>".into(), bytes, None);
    }
    let built_in = name.strip_prefix("builtin:").unwrap_or(name);
    if let Some(text) = builtin::get(built_in) {
        return Ok((format!("builtin:{built_in}"), text.as_bytes().to_vec(), None));
    }
    let (path, pick) = match name.rsplit_once('#') {
        Some((path, pick)) if !Path::new(name).exists() => (path, Some(pick.into())),
        _ => (name, None),
    };
    match read_file(Path::new(path)) {
        Ok(bytes) => limited(path.into(), bytes, pick),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !name.contains(['/', '.']) => {
            let names: Vec<_> = builtin::names().collect();
            Err(Failure::input(format!(
                "{name}: no such file, and no built-in policy of that name ({})",
                names.join(", ")
            )))
        }
        Err(e) => Err(Failure::input(format!("{path}: {e}"))),
    }
}

fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(std::io::Error::other("is a directory"));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn limited(
    name: String,
    bytes: Vec<u8>,
    pick: Option<Arc<str>>,
) -> Result<(String, Vec<u8>, Option<Arc<str>>), Failure> {
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::input(format!(
            "{name}: larger than {} MiB, which no policy is",
            MOST_BYTES >> 20
        )));
    }
    Ok((name, bytes, pick))
}

fn text<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, Failure> {
    std::str::from_utf8(bytes).map_err(|e| {
        let line = bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        Failure::input(format!(
            "{name}:{line}: not text: a byte that is no UTF-8 at offset {}",
            e.valid_up_to()
        ))
    })
}

fn detect(name: &str, bytes: &[u8]) -> Result<Detected, Failure> {
    if bytes.is_empty() {
        return Err(Failure::input(format!("{name}: empty; a policy has at least a default action")));
    }
    if let Some(found) = callgate_formats::detect(Some(Path::new(name)), bytes) {
        return Ok(found);
    }
    if std::str::from_utf8(bytes).is_ok_and(|t| !t.contains('\0')) {
        return Ok(Detected { format: Format::Callgate, why: "it is text of no other known form".into() });
    }
    if bytes.len().is_multiple_of(8) {
        return Ok(Detected { format: Format::Bpf, why: "it is binary, a multiple of eight bytes".into() });
    }
    Err(Failure::input(format!(
        "{name}: neither text nor a program ({} bytes are no multiple of 8)",
        bytes.len()
    )))
}

/// The byte order in which more of the records are instructions seccomp admits.
fn raw(name: &str, bytes: &[u8], reading: &Reading) -> Result<Code, Failure> {
    let failure = |e| Failure::input(format!("{name}: {e}"));
    let endian = reading.arches.arch.first().map(|a| a.endian());
    let little = Code::from_bytes(bytes, Endian::Little).map_err(failure)?;
    let big = Code::from_bytes(bytes, Endian::Big).map_err(failure)?;
    let plausible = |code: &Code| code.insns.iter().filter(|i| i.code < 0x100).count();
    Ok(match endian {
        Some(Endian::Big) => big,
        Some(Endian::Little) => little,
        None if plausible(&big) > plausible(&little) => big,
        None => little,
    })
}

/// Finds an included file, relative to the one that includes it.
pub(crate) fn loader(path: &str, from: &str) -> Result<(String, String), String> {
    let base = Path::new(from).parent().unwrap_or(Path::new(""));
    let file: PathBuf = base.join(path);
    let bytes = read_file(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{}: not text", file.display()))?;
    Ok((plain(&file).display().to_string(), text))
}

/// The path without `.` and `a/..`, so that one file has one name.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if out.file_name().is_some() => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

/// The text of a file, or of standard input for `-`, with the name to show.
pub(crate) fn text_of(name: &str) -> Result<(String, String), Failure> {
    let (shown, bytes, _) = open(name)?;
    let text = text(&shown, &bytes)?.to_owned();
    Ok((shown, text))
}

fn own(name: &str, text: &str, reading: &Reading, say: &Say) -> Result<Kind, Failure> {
    let mut loader = loader;
    let mut parsed = syntax::parse(name, text, &mut loader);
    for diagnostic in &parsed.diagnostics {
        say.diagnostic(diagnostic);
    }
    let Some(mut policy) = parsed.policy.take() else {
        let errors = parsed.diagnostics.iter().filter(|d| d.is_error()).count();
        return Err(Failure::input(format!("{name}: {errors} error{}", if errors == 1 { "" } else { "s" })));
    };
    if !reading.arches.arch.is_empty() {
        retarget(name, &mut policy, &reading.arches.arch)?;
    }
    Ok(Kind::Own(Box::new(parsed), Box::new(policy)))
}

/// Limits a policy to the architectures asked for. One the policy does not list is an error: its rules
/// were not written for it.
fn retarget(name: &str, policy: &mut Policy, arches: &[Arch]) -> Result<(), Failure> {
    if let Some(missing) = arches.iter().find(|a| !policy.arches.contains(a)) {
        let listed: Vec<_> = policy.arches.iter().map(|a| a.name()).collect();
        return Err(Failure::input(format!(
            "{name}: the policy is not for {}; its `arch` line lists {}",
            missing.name(),
            listed.join(", ")
        )));
    }
    policy.arches.retain(|a| arches.contains(a));
    Ok(())
}

fn foreign(
    name: &str,
    text: &str,
    format: Format,
    reading: &Reading,
    pick: Option<Arc<str>>,
    say: &Say,
) -> Result<Kind, Failure> {
    let mut options = Options { file: Some(name.into()), pick, ..Options::default() };
    if let Some(&host) = reading.arches.arch.first() {
        options.host = host;
        options.arches = Some(reading.arches.arch.clone());
    }
    options.caps = reading.caps.clone();
    options.kernel = reading.kernel;
    options.runtime = reading.as_runtime;
    options.ignore_unknown = reading.ignore_unknown;
    options.open = Some(Arc::new(|path: &Path| {
        String::from_utf8(read_file(path)?).map_err(|_| std::io::Error::other("not text"))
    }));
    let import = callgate_formats::read(text, format, &options).map_err(Failure::input)?;
    for loss in &import.losses {
        say.line(&format!("callgate: {}: {} ({:?})", loss.place, loss.what, loss.effect));
    }
    if import.policies.len() > 1 && !import.stack && !reading.every {
        let names: Vec<_> = import.policies.iter().filter_map(|p| p.name.as_deref()).collect();
        return Err(Failure::input(format!(
            "{name}: holds several policies; pick one with {name}#NAME: {}",
            names.join(", ")
        )));
    }
    Ok(Kind::Foreign(Box::new(import)))
}

/// The diagram of what decides each call, with the policy it is about: for inputs that are one policy.
pub(crate) fn decisions(input: &Input) -> Option<(&Policy, Diagram<callgate::Decided>)> {
    match input.policies()[..] {
        [policy] => Some((policy, policy.decisions().ok()?)),
        _ => None,
    }
}
