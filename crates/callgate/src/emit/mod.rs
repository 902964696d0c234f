//! Filter → Program: code for a function, proved to be that function.
//!
//! A diagram is planned into a graph of tests on whole words (`plan`), equal tests with equal outcomes
//! being one (`graph`), and laid out backwards from the returns so that every jump's length is known
//! when it is written (`layout`). Dispatch on `arch` and `nr` uses only what the kernel's cache of
//! always-allowed calls understands.

mod graph;
mod layout;
mod plan;
mod profile;

pub use profile::{Profile, ProfileError};

use crate::diagram::{Filter, Limits};
use crate::lift::LiftError;
use crate::lower::LowerError;
use crate::policy::Policy;
use crate::program::{CheckError, Program};
use callgate_abi::insn::MAX_INSNS;
use callgate_abi::{Arch, Endian, Insn};
use std::fmt;

/// Why a filter has no program.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EmitError {
    /// The program would be longer than the kernel takes.
    TooLong {
        /// How many instructions it would have.
        len: usize,
    },
    /// The program could not be read back, so nothing is proved.
    Unread(LiftError),
    /// The program does not mean what the filter means: a defect of the compiler, caught.
    Unproved,
    /// The program breaks a rule of the kernel's: a defect of the compiler, caught.
    Invalid(CheckError),
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EmitError::TooLong { len } => {
                write!(f, "the program would have {len} instructions, the kernel takes at most {MAX_INSNS}")
            }
            EmitError::Unread(e) => write!(f, "the compiled program could not be read back: {e}"),
            EmitError::Unproved => {
                f.write_str("the compiled program differs from the policy (a defect of the compiler)")
            }
            EmitError::Invalid(e) => {
                write!(f, "the compiled program is invalid (a defect of the compiler): {e}")
            }
        }
    }
}

impl std::error::Error for EmitError {}

/// Why a policy could not be compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CompileError {
    /// The policy has no filter.
    Lower(LowerError),
    /// The filter has no program.
    Emit(EmitError),
    /// One program cannot serve two byte orders.
    MixedEndian(Arch, Arch),
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompileError::Lower(e) => write!(f, "{e}"),
            CompileError::Emit(e) => write!(f, "{e}"),
            CompileError::MixedEndian(a, b) => {
                write!(f, "{} and {} differ in byte order; no program serves both", a.name(), b.name())
            }
        }
    }
}

impl std::error::Error for CompileError {}

/// What a program is to be fast on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Target {
    /// Kernels that answer plain permissions from a cache (Linux 5.11, x86 and others): only the calls
    /// it cannot hold are weighed.
    #[default]
    Bitmap,
    /// Kernels that run the program for every call.
    Raw,
    /// No call in particular: the longest path is as short as a quick look makes it, however often each call
    /// is made.
    Even,
}

/// How to compile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options<'a> {
    /// The byte order of the machine.
    pub endian: Endian,
    /// What the program is to be fast on.
    pub target: Target,
    /// How often each call is made.
    pub profile: &'a Profile,
    /// Whether bits may be tested by `JSET`. Without it they are masked and compared, which takes an
    /// instruction more: for readers of programs that know only what libseccomp emits.
    pub bit_tests: bool,
    /// The architectures in the order in which they are asked for, one after the other; without any, those
    /// there are most machines of come first.
    pub arches: &'a [Arch],
    /// Calls whose ways may be no longer than in another program. Only [`Target::Even`] heeds it.
    pub bound: Bound<'a>,
}

/// How long the way to a call may be, in tests of its number. Calls are given by audit token and number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Bound<'a> {
    /// As long as it takes.
    #[default]
    None,
    /// No longer than if these calls were asked for one after the other, before all others of their architecture.
    Row(&'a [(u32, u32)]),
    /// No longer than in a binary tree of these calls whose leaves hold so many of them, one after the other, the
    /// highest number first in either.
    Leaves(&'a [(u32, u32)], usize),
}

impl Default for Options<'_> {
    /// Little-endian, for kernels with the cache, by the profile that ships.
    fn default() -> Self {
        Options {
            endian: Endian::Little,
            target: Target::Bitmap,
            profile: Profile::shipped(),
            bit_tests: true,
            arches: &[],
            bound: Bound::None,
        }
    }
}

impl Filter {
    /// Compiles for a little-endian machine, and proves it: the program has been lifted and found
    /// equal to this filter.
    pub fn emit(&self) -> Result<Program, EmitError> {
        self.emit_for(Endian::Little)
    }

    /// Compiles for a machine of this byte order, and proves it.
    pub fn emit_for(&self, endian: Endian) -> Result<Program, EmitError> {
        self.emit_with(&Options { endian, ..Options::default() })
    }

    /// Compiles as told, and proves it.
    pub fn emit_with(&self, options: &Options<'_>) -> Result<Program, EmitError> {
        let endian = options.endian;
        let (graph, root) = plan::plan(self, options);
        let insns = layout::layout(&graph, root, endian);
        if insns.len() > MAX_INSNS {
            return Err(EmitError::TooLong { len: insns.len() });
        }
        prove(insns, endian, self)
    }
}

/// The program of these instructions, once it has been read back and found to mean `filter`.
fn prove(insns: Vec<Insn>, endian: Endian, filter: &Filter) -> Result<Program, EmitError> {
    let program = Program::with_endian(insns, endian).map_err(EmitError::Invalid)?;
    match program.means(filter, Limits::default()) {
        Ok(true) => Ok(program),
        Ok(false) => Err(EmitError::Unproved),
        Err(e) => Err(EmitError::Unread(e)),
    }
}

impl Policy {
    /// Lowers, emits and proves: the program does exactly what the policy says.
    pub fn compile(&self) -> Result<Program, CompileError> {
        self.compile_with(&Options::default())
    }

    /// As [`Policy::compile`], as told; the byte order is that of the policy's architectures.
    pub fn compile_with(&self, options: &Options<'_>) -> Result<Program, CompileError> {
        let endian = self.endian()?;
        let filter = self.lower().map_err(CompileError::Lower)?;
        filter.emit_with(&Options { endian, ..*options }).map_err(CompileError::Emit)
    }

    /// The byte order of the policy's architectures; little where it lists none.
    ///
    /// # Errors
    /// [`CompileError::MixedEndian`]: they differ in it.
    pub fn endian(&self) -> Result<Endian, CompileError> {
        let Some(&first) = self.arches.first() else { return Ok(Endian::Little) };
        match self.arches.iter().find(|a| a.endian() != first.endian()) {
            Some(&other) => Err(CompileError::MixedEndian(first, other)),
            None => Ok(first.endian()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate_abi::insn::op;

    /// What adds two words up has a short program, whichever words and however many bits.
    #[test]
    fn sums_of_words_stay_short() {
        use crate::program::asm;
        for (first, second, op, mask, value) in [
            ("ip.lo", "ip.hi", "+=", 0xfff_u32, 0_u32),
            ("args[0].hi", "args[0].lo", "+=", 0xf, 3),
            ("args[4].lo", "args[1].hi", "+=", 0xff, 200),
            ("args[1].lo", "args[3].lo", "-=", 0x3ff, 17),
            ("args[3].lo", "args[1].lo", "-=", 0x3ff, 17),
        ] {
            let text = format!(
                "A = {first}\nX = A\nA = {second}\nA {op} X\nA &= {mask}\nif A == {value} goto ok\n\
                 A = args[5].lo\nif A == 1 goto ok\nreturn kill\nok: return allow\n"
            );
            let program = asm::assemble(&text, &asm::Options::default()).unwrap().check().unwrap();
            let filter = program.lift().unwrap();
            // Proved there; a byte's sum and no more is left.
            let again = filter.emit().unwrap();
            assert!(again.len() <= program.len() + 2, "{first} {op} {second}: {again:?}");
        }
    }

    /// Another word loaded, another value returned: no such program leaves the compiler.
    #[test]
    fn nothing_wrong_is_proved() {
        let policy = "arch x86_64, x86\ndefault errno(EPERM)\nallow read, write, close\n\
                      allow mprotect if prot & PROT_EXEC == 0\nallow fcntl if cmd in {F_GETFD, F_SETFD, F_GETFL}\n";
        let filter = Policy::parse(policy).unwrap().lower().unwrap();
        let program = filter.emit().unwrap();
        assert!(prove(program.insns().to_vec(), Endian::Little, &filter).is_ok());
        let corruptible = |at: &usize| matches!(program.insns()[*at].code, op::LD_ABS | op::RET_K);
        for at in (0..program.len()).filter(corruptible) {
            let mut insns = program.insns().to_vec();
            insns[at].k ^= 4;
            let refused = prove(insns, Endian::Little, &filter).unwrap_err();
            assert!(matches!(refused, EmitError::Unproved | EmitError::Invalid(_)), "{at}: {refused}");
        }
    }
}
