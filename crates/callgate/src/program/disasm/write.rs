//! From instructions to a listing.

use super::flow::{Flow, State};
use super::line::instruction;
use super::listing::{Line, Listing, Mark};
use super::names::Place;
use super::value::Value;
use crate::program::check::is_conditional;
use crate::program::container::endian::of_tests;
use crate::program::{CheckError, Code, check};
use callgate_abi::insn::op;
use callgate_abi::{Arch, Endian, Insn, Syscall, Word};

/// What a listing should show.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// The architecture whose names to use where the program's own tests leave several open, and
    /// whose names stand unqualified; it has no effect on a program that asks for others only.
    /// Without it, the one under which the program tests the most numbers.
    pub arch: Option<Arch>,
    /// Whether to show each instruction's fields, `[code jt jf k]` in hexadecimal.
    pub bytes: bool,
}

/// The remark on an instruction that no call gets to.
pub(in crate::program) const NEVER: &str = "never reached";

/// Writes a program as text which `asm` turns back into exactly these instructions. The program
/// need not be one the kernel accepts; what the kernel would say stands at the instruction.
/// Takes time linear in the length of the program.
pub fn disasm(code: &Code, options: &Options) -> Listing {
    let home = home_arch(code, options.arch);
    let refusal = check::check(&code.insns).err();
    let mut lines = header(code, home, refusal.as_ref());
    let mut flow = Flow::new(code.endian);
    let mut shown = Shown { arch: home, call: None };
    for (at, insn) in code.insns.iter().enumerate() {
        let place = Place { state: flow.arrive(), home };
        if let Some(line) = shown.change_of_arch(place) {
            lines.push(line);
        }
        let mut line = instruction(code, at, place);
        line.at = Some(at);
        if options.bytes {
            line.bytes = Some(fields(insn));
        }
        if let Some(signature) = shown.change_of_call(place, insn, code.endian) {
            line.note(Mark::Comment, signature);
        }
        if place.state.is_none() {
            line.note(Mark::Comment, NEVER);
        }
        if let Some(error) = refusal.as_ref().filter(|e| e.at == at) {
            let reason = error.to_string();
            let reason = reason.split_once(": ").map_or(reason.as_str(), |(_, r)| r);
            line.note(Mark::Error, format!("the kernel refuses this: {reason}"));
        }
        lines.push(line);
        flow.step(insn);
    }
    Listing { lines }
}

fn header(code: &Code, home: Option<Arch>, refusal: Option<&CheckError>) -> Vec<Line> {
    let count = code.insns.len();
    let mut title = Line::default();
    title.push(Mark::Comment, format!("# {count} instruction{}", if count == 1 { "" } else { "s" }));
    let mut lines = vec![title];
    if let Some(error) = refusal {
        let mut line = Line::default();
        line.push(Mark::Error, format!("# the kernel refuses this program: {error}"));
        lines.push(line);
    }
    let mut directive = |name: &str, value: &str| {
        let mut line = Line::default();
        line.push(Mark::Keyword, name);
        line.push(Mark::Plain, " ");
        line.push(Mark::Name, value);
        lines.push(line);
    };
    if let Some(arch) = home {
        directive(".arch", arch.name());
    }
    // Only where the assembler would not find it out.
    let found = home.map(Arch::endian).or_else(|| of_tests(&code.insns)).unwrap_or(Endian::Little);
    if code.endian != found {
        directive(".endian", if code.endian == Endian::Big { "big" } else { "little" });
    }
    lines
}

/// The architecture whose names stand unqualified: the hint, if the program asks for it or for
/// none, or else the one under which the program tests the most numbers.
fn home_arch(code: &Code, hint: Option<Arch>) -> Option<Arch> {
    let mut flow = Flow::new(code.endian);
    let mut tests = vec![0usize; Arch::ALL.len()];
    for insn in &code.insns {
        if let Some(state @ State { a: Value::Field(f), .. }) = flow.arrive()
            && is_conditional(insn.code)
        {
            let arch = match f.word {
                Word::ARCH if f.is_whole() => Arch::ALL.iter().find(|a| a.token() == insn.k).copied(),
                Word::NR => state.only_arch(),
                _ => None,
            };
            if let Some(at) = arch.and_then(|arch| Arch::ALL.iter().position(|a| *a == arch)) {
                tests[at] += 1;
            }
        }
        flow.step(insn);
    }
    let most = tests.iter().copied().max().unwrap_or(0);
    let tested = |arch: &Arch| Arch::ALL.iter().zip(&tests).any(|(a, n)| a == arch && *n > 0);
    if most == 0 {
        return hint;
    }
    let busiest = tests.iter().position(|n| *n == most).map(|i| Arch::ALL[i]);
    hint.filter(tested).or(busiest)
}

/// What the reader was last told.
struct Shown {
    arch: Option<Arch>,
    call: Option<(Arch, Syscall)>,
}

impl Shown {
    /// A line that says which architecture is meant from here on, when that is not the one before.
    fn change_of_arch(&mut self, place: Place<'_>) -> Option<Line> {
        let only = place.state?.only_arch()?;
        if self.arch.replace(only) == Some(only) {
            return None;
        }
        Some(Line::remark(format!("{}:", only.name())))
    }

    /// The signature of the call whose argument is loaded, when it is not the one before.
    fn change_of_call(&mut self, place: Place<'_>, insn: &Insn, endian: Endian) -> Option<String> {
        if insn.code != op::LD_ABS {
            return None;
        }
        Word::from_offset(insn.k, endian)?.arg()?;
        let call = place.call();
        let (arch, name) = call?;
        if self.call == call {
            return None;
        }
        self.call = call;
        let params: Vec<&str> = name.params(arch)?.iter().map(|p| p.name).collect();
        Some(format!("{}({})", name.name(), params.join(", ")))
    }
}

/// The fields of an instruction, as `asm` accepts them in brackets.
fn fields(insn: &Insn) -> String {
    format!("{:02x} {:02x} {:02x} {:08x}", insn.code, insn.jt, insn.jf, insn.k)
}
