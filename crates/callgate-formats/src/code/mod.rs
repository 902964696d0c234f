//! Writing programs: bytes, a C header, a Rust constant.
//!
//! *Here:* the parts they are made of. A file for several machines holds a program for each, since a program for
//! all of them is longer for none the better, and machines of different byte order have none in common.

mod c;
mod rust;

use crate::Format;
use crate::export::machines;
use crate::place::{Error, Place};
use callgate::abi::{Endian, Word};
use callgate::program::Code;
use callgate::program::container::{self, Container};
use callgate::{Arch, Policy, Program};
use std::fmt::Write as _;

/// What a file of source code holds.
pub(crate) struct Source<'a> {
    /// The constant's name.
    pub(crate) name: &'a str,
    /// What it was made from, for its comment.
    pub(crate) from: Option<&'a str>,
    /// The programs.
    pub(crate) parts: Vec<Part>,
}

/// A program for some architectures that one kernel serves.
pub(crate) struct Part {
    /// The architectures of the policy among them; none for a program that did not come from a policy.
    pub(crate) arches: Vec<Arch>,
    pub(crate) program: Program,
}

/// A policy as source code in C or Rust.
pub(crate) fn write(
    policy: &Policy,
    format: Format,
    name: Option<&str>,
    from: Option<&str>,
) -> Result<String, Error> {
    let source = Source { name: checked(name, format)?, from, parts: parts(policy)? };
    source.text(format)
}

/// A program as source code in C or Rust, instruction by instruction.
pub(crate) fn write_program(
    program: Program,
    format: Format,
    name: Option<&str>,
    from: Option<&str>,
) -> Result<String, Error> {
    let parts = vec![Part { arches: Vec::new(), program }];
    Source { name: checked(name, format)?, from, parts }.text(format)
}

/// A policy as one program's bytes.
pub(crate) fn raw(policy: &Policy) -> Result<Vec<u8>, Error> {
    let program = policy.compile().map_err(|e| whole(e.to_string()))?;
    Ok(Code::from(&program).to_bytes())
}

fn whole(what: impl Into<String>) -> Error {
    Error::new(Place::default(), what)
}

/// The name, if it is one in the language.
fn checked(name: Option<&str>, format: Format) -> Result<&str, Error> {
    let Some(name) = name else {
        return Ok(if format == Format::Rust { "FILTER" } else { "seccomp_filter" });
    };
    let mut letters = name.chars();
    let starts = letters.next().is_some_and(|c| c.is_ascii_alphabetic());
    if !starts || !letters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(whole(format!("{name:?} is no name for a constant: letters, digits and _ make one")));
    }
    Ok(name)
}

/// The programs of a policy, one for each kernel's architectures: each says what the policy says for every call that
/// such a kernel can be asked, which is checked here.
fn parts(policy: &Policy) -> Result<Vec<Part>, Error> {
    if policy.arches.is_empty() {
        return Err(whole("the policy lists no architecture"));
    }
    let all = policy.lower().map_err(|e| whole(e.to_string()))?;
    let mut parts: Vec<Part> = Vec::new();
    for arches in machines(policy) {
        let family: Vec<Arch> = arches[..1].iter().chain(arches[0].siblings()).copied().collect();
        let here = Policy { arches: arches.clone(), ..policy.clone() };
        let filter = here.lower().map_err(|e| whole(e.to_string()))?;
        let differs =
            |a: &Arch| all.restrict(Word::ARCH, a.token()) != filter.restrict(Word::ARCH, a.token());
        if let Some(differs) = family.iter().find(|a| differs(a)) {
            return Err(whole(format!(
                "the program for {} would not be the policy's (a defect of callgate)",
                differs.name()
            )));
        }
        let program = here.compile().map_err(|e| whole(e.to_string()))?;
        parts.push(Part { arches, program });
    }
    Ok(parts)
}

impl Source<'_> {
    fn text(&self, format: Format) -> Result<String, Error> {
        if format == Format::Rust { rust::text(self) } else { c::text(self) }
    }

    /// The sentences every file begins with, a line each.
    fn heading(&self) -> Vec<String> {
        let from = self.from.map_or_else(String::new, |f| format!(" from {}", one_line(f)));
        let mut lines = vec![format!("A seccomp filter, made by callgate{from}.")];
        let of_policy = self.parts.iter().all(|p| !p.arches.is_empty());
        lines.push(String::new());
        if of_policy {
            lines.push(
                "Proved: executed with symbols for the call's number and arguments, each program gave the"
                    .into(),
            );
            lines.push(
                "action of the policy for every call a kernel of its architectures can be asked.".into(),
            );
            for part in &self.parts {
                lines.push(format!("  {}: {} instructions", part.names(), part.program.len()));
            }
        } else {
            lines.push("The instructions are those it was made from, and pass the kernel's checks.".into());
        }
        lines
    }
}

impl Part {
    fn names(&self) -> String {
        self.arches.iter().map(|a| a.name()).collect::<Vec<_>>().join(", ")
    }

    /// The instructions as elements of an array, one a line.
    fn rows(&self, container: Container) -> Result<String, Error> {
        let code = Code::from(&self.program);
        let arch = self.arches.first().copied();
        let written = container::write(&code, container, arch).map_err(|e| whole(e.to_string()))?;
        let text = String::from_utf8(written).map_err(|e| whole(e.to_string()))?;
        let mut rows = String::new();
        // Without the array's head and end.
        for line in text.lines().skip(1).take(code.insns.len()) {
            let _ = writeln!(rows, "{line}");
        }
        Ok(rows)
    }

    fn is_big(&self) -> bool {
        self.program.endian() == Endian::Big
    }
}

/// A name that neither ends the comment it stands in nor begins another.
fn one_line(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect::<String>()
        .replace("*/", "*?/")
        .replace("/*", "/?*")
}
