//! An installed libseccomp, asked through a small C program: this workspace never links it.

mod spec;

pub(crate) use spec::{Comparison, Spec, SpecRule};

use crate::files::Result;
use crate::helper::Helper;
use callgate::{Arch, Syscall};
use std::collections::HashMap;
use std::fmt::Write as _;

/// The library a program would get that asks for it by its name.
pub(crate) const USUAL: &str = "libseccomp.so.2";

const HELPER: &str = include_str!("helper.c");
const NO_LIBRARY: i32 = 3;

/// How the library was set to write its code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Optimize {
    /// One test after the other, in order of the rules' priority.
    Linear = 1,
    /// A binary tree of numbers.
    Tree = 2,
}

/// Why the library gave no program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// It returned an error: which step, and the code.
    Refused(String),
    /// It never returned.
    Endless,
    /// It crashed on this signal.
    Crashed(i32),
}

/// A running helper.
pub(crate) struct Library {
    helper: Helper,
    /// As `MAJOR.MINOR.MICRO`.
    pub(crate) version: String,
    numbers: HashMap<(Arch, Syscall), Option<u32>>,
}

impl Library {
    /// Opens the library with this name or path; `Ok(None)` if it is not there or there is no C compiler,
    /// after saying so on standard error.
    pub(crate) fn open(path: &str) -> Result<Option<Library>> {
        let Some(mut helper) = Helper::start("libseccomp", HELPER, &[path])? else { return Ok(None) };
        let hello = helper.line()?;
        if let Some(version) = hello.strip_prefix("version ") {
            let version = version.to_string();
            return Ok(Some(Library { helper, version, numbers: HashMap::new() }));
        }
        let status = helper.end()?;
        if status.code() == Some(NO_LIBRARY) {
            return Ok(None);
        }
        Err(format!("libseccomp helper: {status}, said {hello:?}"))
    }

    /// The number the library has for a call; `None` if it has none.
    pub(crate) fn number(&mut self, arch: Arch, call: Syscall) -> Result<Option<u32>> {
        if let Some(known) = self.numbers.get(&(arch, call)) {
            return Ok(*known);
        }
        let answer = self.helper.ask(&format!("name {:x} {}\n", token(arch), call.name()))?;
        let number: i64 = answer.parse().map_err(|_| format!("libseccomp helper: answer {answer:?}"))?;
        let number = u32::try_from(number).ok();
        self.numbers.insert((arch, call), number);
        Ok(number)
    }

    /// Whether a rule about this call is about this call: rules give native numbers, and the library has
    /// made-up ones for calls of other machines, some of them shared.
    pub(crate) fn can_name(&mut self, call: Syscall) -> Result<bool> {
        Ok(self.helper.ask(&format!("call {}\n", call.name()))? == call.name())
    }

    /// The program the library makes of these rules, as `struct sock_filter` records in the byte order of
    /// the architectures.
    pub(crate) fn build(
        &mut self,
        spec: &Spec,
        optimize: Optimize,
    ) -> Result<std::result::Result<Vec<u8>, Refusal>> {
        let answer = self.helper.ask(&request(spec, optimize, 0))?;
        match answer.split_once(' ') {
            Some(("bpf", hex)) => {
                let digit = |i: usize| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok();
                let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(digit).collect();
                bytes.map(Ok).ok_or_else(|| format!("libseccomp helper: answer {answer:?}"))
            }
            _ => Ok(Err(refusal(&answer)?)),
        }
    }

    /// The shortest time of so many builds, rules to exported program, in nanoseconds.
    pub(crate) fn time(
        &mut self,
        spec: &Spec,
        optimize: Optimize,
        rounds: u32,
    ) -> Result<std::result::Result<u64, Refusal>> {
        let answer = self.helper.ask(&request(spec, optimize, rounds))?;
        match answer.split_once(' ') {
            Some(("time", ns)) => {
                ns.parse().map(Ok).map_err(|_| format!("libseccomp helper: answer {answer:?}"))
            }
            _ => Ok(Err(refusal(&answer)?)),
        }
    }
}

fn refusal(answer: &str) -> Result<Refusal> {
    const SIGALRM: i32 = 14;
    match answer.split_once(' ') {
        Some(("refused", why)) => Ok(Refusal::Refused(why.to_string())),
        Some(("signal", number)) => match number.parse() {
            Ok(SIGALRM) => Ok(Refusal::Endless),
            Ok(number) => Ok(Refusal::Crashed(number)),
            Err(_) => Err(format!("libseccomp helper: answer {answer:?}")),
        },
        _ => Err(format!("libseccomp helper: answer {answer:?}")),
    }
}

fn request(spec: &Spec, optimize: Optimize, rounds: u32) -> String {
    let mut out = format!(
        "policy {rounds} {:x} {:x} {:x} {} {}\n",
        optimize as u32,
        spec.default.to_ret(),
        spec.bad_arch.to_ret(),
        spec.arches.len(),
        spec.rules.len()
    );
    for &arch in &spec.arches {
        let _ = writeln!(out, "{:x}", token(arch));
    }
    for rule in &spec.rules {
        let _ = write!(out, "{} {:x} {}", rule.call.name(), rule.action.to_ret(), rule.when.len());
        for cmp in &rule.when {
            let (op, a, b) = cmp.as_libseccomp();
            let _ = write!(out, " {:x} {op:x} {a:x} {b:x}", cmp.arg.get());
        }
        out.push('\n');
    }
    out
}

/// What libseccomp calls an architecture: the audit token, but x32 has one of its own.
fn token(arch: Arch) -> u32 {
    if arch == Arch::X32 { 0x4000_003e } else { arch.token() }
}
