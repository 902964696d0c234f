//! What a program does with one call, instruction by instruction.

use super::check::is_conditional;
use super::disasm::flow::{is_arithmetic, test};
use super::disasm::{Line, Options, disasm};
use super::run::alu;
use super::{Code, Execution, Program};
use callgate_abi::insn::{MEM_WORDS, op};
use callgate_abi::{Action, Arch, Insn, SeccompData, Syscall, Word};
use std::fmt;

/// One executed instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The instruction as its listing shows it; [`Line::at`] is its index.
    pub line: Line,
    /// What it did.
    pub effect: Effect,
}

/// What an instruction did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Loaded a word of the call into A.
    Loaded(Word, u32),
    /// Put a value into A.
    A(u32),
    /// Put a value into X.
    X(u32),
    /// Put a value into a scratch word.
    Scratch(u32, u32),
    /// Tested A, and went on at an instruction.
    Tested {
        /// What was tested.
        a: u32,
        /// How the test ended.
        outcome: bool,
        /// The index of the next instruction.
        to: usize,
    },
    /// Went on at an instruction.
    Jumped(usize),
    /// Returned a value.
    Returned(u32),
    /// Divided by 0, which returns 0.
    DividedByZero,
}

/// A whole run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// The executed instructions.
    pub steps: Vec<Step>,
    /// How it ended.
    pub execution: Execution,
    data: SeccompData,
}

/// Runs a program on one call and writes down every step. `options` are those of its listing.
///
/// ```
/// use callgate::program::asm::{self, assemble};
/// use callgate::program::disasm::Options;
/// use callgate::program::trace::trace;
/// use callgate::{Arch, SeccompData};
///
/// let text = "A = arch\nif arch != x86_64 goto kill\nreturn allow\nkill: return kill-process";
/// let program = assemble(text, &asm::Options::default()).unwrap().check().unwrap();
/// let call = SeccompData { arch: Arch::X86_64.token(), ..SeccompData::default() };
/// assert_eq!(trace(&program, &call, &Options::default()).to_string(), "   0: A = arch                    A = 0xc000003e (x86_64)
///    1: if arch != x86_64 goto 3    no: goes on
///    2: return allow
/// returns allow (0x7fff0000) after 3 instructions
/// ");
/// ```
pub fn trace(program: &Program, data: &SeccompData, options: &Options) -> Trace {
    let listing = disasm(&Code::from(program), options);
    let lines: Vec<&Line> = listing.instructions().collect();
    let mut machine = Machine { program, data, a: 0, x: 0, mem: [0; MEM_WORDS] };
    let mut steps = Vec::new();
    let execution = program.run_with(data, |at| {
        steps.push(Step { line: lines[at].clone(), effect: machine.step(at) });
    });
    Trace { steps, execution, data: *data }
}

/// The registers beside the interpreter, which shows only where it is.
struct Machine<'a> {
    program: &'a Program,
    data: &'a SeccompData,
    a: u32,
    x: u32,
    mem: [u32; MEM_WORDS],
}

impl Machine<'_> {
    fn step(&mut self, at: usize) -> Effect {
        const BYTES: u32 = 64;
        let insn = self.program.insns()[at];
        let Insn { code, jt, jf, k } = insn;
        let slot = k as usize % MEM_WORDS;
        match code {
            op::LD_ABS => match Word::from_offset(k, self.program.endian()) {
                Some(word) => {
                    self.a = word.of(self.data);
                    Effect::Loaded(word, self.a)
                }
                None => self.set_a(0),
            },
            op::LD_LEN => self.set_a(BYTES),
            op::LDX_LEN => self.set_x(BYTES),
            op::LD_IMM => self.set_a(k),
            op::LDX_IMM => self.set_x(k),
            op::LD_MEM => self.set_a(self.mem[slot]),
            op::LDX_MEM => self.set_x(self.mem[slot]),
            op::ST | op::STX => {
                self.mem[slot] = if code == op::ST { self.a } else { self.x };
                Effect::Scratch(k, self.mem[slot])
            }
            op::TAX => self.set_x(self.a),
            op::TXA => self.set_a(self.x),
            op::NEG => self.set_a(self.a.wrapping_neg()),
            op::JA => Effect::Jumped(at + 1 + k as usize),
            op::RET_K => Effect::Returned(k),
            op::RET_A => Effect::Returned(self.a),
            op::DIV_X if self.x == 0 => Effect::DividedByZero,
            _ if is_arithmetic(code) => {
                let operand = if code & 0x08 != 0 { self.x } else { k };
                self.set_a(alu(code, self.a, operand))
            }
            _ => {
                debug_assert!(is_conditional(code), "a checked program has no other opcodes");
                let operand = if code & 0x08 != 0 { self.x } else { k };
                let outcome = test(code, self.a, operand);
                Effect::Tested { a: self.a, outcome, to: at + 1 + usize::from(if outcome { jt } else { jf }) }
            }
        }
    }

    fn set_a(&mut self, value: u32) -> Effect {
        self.a = value;
        Effect::A(value)
    }

    fn set_x(&mut self, value: u32) -> Effect {
        self.x = value;
        Effect::X(value)
    }
}

impl Trace {
    /// The indices of the executed instructions, ascending.
    pub fn executed(&self) -> impl Iterator<Item = usize> {
        self.steps.iter().filter_map(|s| s.line.at)
    }

    fn remark(&self, step: &Step) -> Option<String> {
        Some(match step.effect {
            Effect::Loaded(word, value) => match self.name(word, value) {
                Some(name) => format!("A = {} ({name})", show(value)),
                None => format!("A = {}", show(value)),
            },
            Effect::A(value) => format!("A = {}", show(value)),
            Effect::X(value) => format!("X = {}", show(value)),
            Effect::Scratch(slot, value) => format!("M[{slot}] = {}", show(value)),
            Effect::Tested { outcome, to, .. } => {
                // The line may be written the other way round than the instruction.
                let text = step.line.text();
                let inverted =
                    text.starts_with("if !(") || [" != ", " <= ", " < "].iter().any(|o| text.contains(o));
                let answer = if outcome != inverted { "yes" } else { "no" };
                let next = step.line.at.is_some_and(|at| at + 1 == to);
                if next { format!("{answer}: goes on") } else { format!("{answer}: goes to {to}") }
            }
            Effect::Returned(value) if step.line.text() == "return A" => format!("A = {}", show(value)),
            Effect::DividedByZero => "divides by 0".to_string(),
            Effect::Jumped(_) | Effect::Returned(_) => return None,
        })
    }

    fn name(&self, word: Word, value: u32) -> Option<&'static str> {
        match word {
            Word::ARCH => Arch::ALL.iter().find(|a| a.token() == value).map(|a| a.name()),
            Word::NR => {
                let arch = Arch::of_call(self.data.arch, value)?;
                Syscall::from_number(arch, value).map(Syscall::name)
            }
            _ => None,
        }
    }
}

fn show(value: u32) -> String {
    if value < 10 { value.to_string() } else { format!("{value:#x}") }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDEST: usize = 48;
        let texts: Vec<String> = self.steps.iter().map(|s| s.line.text()).collect();
        let width = texts.iter().map(|t| t.chars().count()).filter(|w| *w <= WIDEST).max().unwrap_or(0);
        for (step, text) in self.steps.iter().zip(&texts) {
            write!(f, "{:>4}: ", step.line.at.unwrap_or(0))?;
            match self.remark(step) {
                Some(remark) => writeln!(f, "{text:width$}    {remark}")?,
                None => writeln!(f, "{text}")?,
            }
        }
        let Execution { ret, steps, .. } = self.execution;
        let plural = if steps == 1 { "" } else { "s" };
        let action =
            super::disasm::action_text(Action::from_ret(ret), Arch::of_call(self.data.arch, self.data.nr));
        writeln!(f, "returns {action} ({ret:#x}) after {steps} instruction{plural}")
    }
}
