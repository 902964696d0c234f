//! The kernel's own validity rules, with the reason and the place.
//!
//! Source: `kernel/seccomp.c` (`seccomp_check_filter`), `net/core/filter.c` (`bpf_check_classic`,
//! `check_load_and_stores`).

use callgate_abi::Insn;
use callgate_abi::insn::{MAX_INSNS, MEM_WORDS, op};
use std::fmt;

/// Why the kernel would refuse a program, and which instruction is to blame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckError {
    /// The instruction's index, from 0.
    pub at: usize,
    /// What is wrong with it.
    pub kind: CheckErrorKind,
}

/// What is wrong with an instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CheckErrorKind {
    /// The file's size in bytes is not a multiple of 8.
    TruncatedInstruction(usize),
    /// No instructions at all.
    Empty,
    /// More than 4096 instructions.
    TooLong(usize),
    /// An opcode seccomp does not admit.
    Opcode(u16),
    /// A load from an offset that is not a multiple of 4.
    Misaligned(u32),
    /// A load from beyond `struct seccomp_data`.
    OutOfData(u32),
    /// A jump beyond the end; the target is given.
    JumpOut(u64),
    /// A scratch word index above 15.
    ScratchIndex(u32),
    /// A scratch word read that some path has not written.
    ScratchUnset(u32),
    /// A division by the constant 0.
    DivideByZero,
    /// A shift by a constant of 32 or more.
    Shift(u32),
    /// The last instruction is no return.
    NoReturn,
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use CheckErrorKind as K;
        match self.kind {
            K::Empty => return f.write_str("the program is empty"),
            K::TooLong(n) => {
                return write!(f, "the program has {n} instructions, the kernel takes at most {MAX_INSNS}");
            }
            K::TruncatedInstruction(n) => {
                return write!(f, "{n} bytes are no whole number of 8-byte instructions");
            }
            _ => write!(f, "instruction {}: ", self.at)?,
        }
        match self.kind {
            K::Opcode(code) => write!(f, "opcode {code:#06x} is not one seccomp admits"),
            K::Misaligned(k) => write!(f, "load offset {k} is not a multiple of 4"),
            K::OutOfData(k) => write!(f, "load offset {k} is beyond the 64 bytes of struct seccomp_data"),
            K::JumpOut(to) => write!(f, "jump to {to} is beyond the end"),
            K::ScratchIndex(k) => write!(f, "scratch word {k} does not exist (0–15)"),
            K::ScratchUnset(k) => write!(f, "scratch word {k} is read before every path has written it"),
            K::DivideByZero => f.write_str("division by the constant 0"),
            K::Shift(k) => write!(f, "shift by {k}, at most 31"),
            K::NoReturn => f.write_str("the last instruction is not a return"),
            K::Empty | K::TooLong(_) | K::TruncatedInstruction(_) => Ok(()),
        }
    }
}

impl std::error::Error for CheckError {}

/// Checks what the kernel checks, in the order in which a reader meets the instructions.
pub(super) fn check(insns: &[Insn]) -> Result<(), CheckError> {
    use CheckErrorKind as K;
    if insns.is_empty() {
        return Err(CheckError { at: 0, kind: K::Empty });
    }
    if insns.len() > MAX_INSNS {
        return Err(CheckError { at: MAX_INSNS, kind: K::TooLong(insns.len()) });
    }
    for (at, insn) in insns.iter().enumerate() {
        check_insn(insn, at, insns.len()).map_err(|kind| CheckError { at, kind })?;
    }
    let last = insns.len() - 1;
    if !matches!(insns[last].code, op::RET_K | op::RET_A) {
        return Err(CheckError { at: last, kind: K::NoReturn });
    }
    check_scratch(insns)
}

fn check_insn(insn: &Insn, at: usize, len: usize) -> Result<(), CheckErrorKind> {
    use CheckErrorKind as K;
    let k = insn.k;
    match insn.code {
        op::LD_ABS if !k.is_multiple_of(4) => Err(K::Misaligned(k)),
        op::LD_ABS if k >= 64 => Err(K::OutOfData(k)),
        op::DIV_K if k == 0 => Err(K::DivideByZero),
        op::LSH_K | op::RSH_K if k >= 32 => Err(K::Shift(k)),
        op::LD_MEM | op::LDX_MEM | op::ST | op::STX if k as usize >= MEM_WORDS => Err(K::ScratchIndex(k)),
        op::JA => {
            let to = at as u64 + 1 + u64::from(k);
            if to < len as u64 { Ok(()) } else { Err(K::JumpOut(to)) }
        }
        code if is_conditional(code) => {
            let to = at + 1 + usize::from(insn.jt.max(insn.jf));
            if to < len { Ok(()) } else { Err(K::JumpOut(to as u64)) }
        }
        op::LD_ABS | op::LD_LEN | op::LD_IMM | op::LD_MEM | op::LDX_LEN | op::LDX_IMM | op::LDX_MEM => Ok(()),
        op::ST | op::STX | op::NEG | op::TAX | op::TXA | op::RET_K | op::RET_A => Ok(()),
        op::ADD_K | op::SUB_K | op::MUL_K | op::DIV_K | op::OR_K | op::AND_K | op::XOR_K => Ok(()),
        op::ADD_X | op::SUB_X | op::MUL_X | op::DIV_X | op::OR_X | op::AND_X | op::XOR_X => Ok(()),
        op::LSH_K | op::LSH_X | op::RSH_K | op::RSH_X => Ok(()),
        code => Err(K::Opcode(code)),
    }
}

/// Whether the opcode is a jump with two targets.
pub(crate) fn is_conditional(code: u16) -> bool {
    matches!(
        code,
        op::JEQ_K | op::JEQ_X | op::JGT_K | op::JGT_X | op::JGE_K | op::JGE_X | op::JSET_K | op::JSET_X
    )
}

/// Every scratch word must have been written on every path that reads it.
fn check_scratch(insns: &[Insn]) -> Result<(), CheckError> {
    let mut arriving = vec![u16::MAX; insns.len()];
    let mut written: u16 = 0;
    for (at, insn) in insns.iter().enumerate() {
        written &= arriving[at];
        match insn.code {
            op::ST | op::STX => written |= 1 << insn.k,
            op::LD_MEM | op::LDX_MEM if written & 1 << insn.k == 0 => {
                return Err(CheckError { at, kind: CheckErrorKind::ScratchUnset(insn.k) });
            }
            op::JA => {
                arriving[at + 1 + insn.k as usize] &= written;
                written = u16::MAX;
            }
            code if is_conditional(code) => {
                arriving[at + 1 + usize::from(insn.jt)] &= written;
                arriving[at + 1 + usize::from(insn.jf)] &= written;
                written = u16::MAX;
            }
            _ => {}
        }
    }
    Ok(())
}
