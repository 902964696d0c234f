//! What the kernel runs: a checked classic BPF program, an exact interpreter for it, and its bytes.

pub mod asm;
mod check;
mod code;
pub mod container;
pub mod disasm;
pub mod graph;
mod run;
pub mod trace;

pub(crate) use check::is_conditional;
pub use check::{CheckError, CheckErrorKind};
pub use code::Code;
pub(crate) use run::alu;
pub use run::{Emulation, Execution, Final};

use callgate_abi::{Endian, Insn};

/// A seccomp program the kernel would accept: every rule of `seccomp_check_filter` and
/// `bpf_check_classic` holds. It carries the byte order of the machine it is meant for, because the
/// halves of a 64-bit argument lie in that order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Program {
    insns: Vec<Insn>,
    endian: Endian,
}

impl Program {
    /// Checks a program for a little-endian machine.
    ///
    /// ```
    /// use callgate::abi::insn::{op, Insn};
    /// use callgate::Program;
    ///
    /// let allow_all = Program::new(vec![Insn::stmt(op::RET_K, 0x7fff_0000)]).unwrap();
    /// assert_eq!(allow_all.len(), 1);
    ///
    /// let error = Program::new(vec![Insn::stmt(op::LD_ABS, 2)]).unwrap_err();
    /// assert_eq!(error.to_string(), "instruction 0: load offset 2 is not a multiple of 4");
    /// ```
    pub fn new(insns: Vec<Insn>) -> Result<Program, CheckError> {
        Program::with_endian(insns, Endian::Little)
    }

    /// Checks a program for a machine of this byte order.
    pub fn with_endian(insns: Vec<Insn>, endian: Endian) -> Result<Program, CheckError> {
        check::check(&insns)?;
        Ok(Program { insns, endian })
    }

    /// The instructions.
    pub fn insns(&self) -> &[Insn] {
        &self.insns
    }

    /// How many instructions: 1–4096.
    #[expect(clippy::len_without_is_empty, reason = "a checked program is never empty")]
    pub fn len(&self) -> usize {
        self.insns.len()
    }

    /// The byte order of the machine it is meant for.
    pub fn endian(&self) -> Endian {
        self.endian
    }

    /// The program as `struct sock_filter` records in its machine's byte order.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.insns.len() * 8);
        for insn in &self.insns {
            let (code, k) = match self.endian {
                Endian::Little => (insn.code.to_le_bytes(), insn.k.to_le_bytes()),
                Endian::Big => (insn.code.to_be_bytes(), insn.k.to_be_bytes()),
            };
            bytes.extend_from_slice(&code);
            bytes.extend_from_slice(&[insn.jt, insn.jf]);
            bytes.extend_from_slice(&k);
        }
        bytes
    }

    /// Reads `struct sock_filter` records of the given byte order and checks them.
    pub fn from_bytes(bytes: &[u8], endian: Endian) -> Result<Program, CheckError> {
        let insns = decode(bytes, endian)?;
        Program::with_endian(insns, endian)
    }
}

/// Splits bytes into instructions without checking what they do.
pub fn decode(bytes: &[u8], endian: Endian) -> Result<Vec<Insn>, CheckError> {
    if !bytes.len().is_multiple_of(8) {
        return Err(CheckError {
            at: bytes.len() / 8,
            kind: CheckErrorKind::TruncatedInstruction(bytes.len()),
        });
    }
    Ok(bytes
        .chunks_exact(8)
        .map(|c| {
            let (code, k) = ([c[0], c[1]], [c[4], c[5], c[6], c[7]]);
            let (code, k) = match endian {
                Endian::Little => (u16::from_le_bytes(code), u32::from_le_bytes(k)),
                Endian::Big => (u16::from_be_bytes(code), u32::from_be_bytes(k)),
            };
            Insn { code, jt: c[2], jf: c[3], k }
        })
        .collect())
}
