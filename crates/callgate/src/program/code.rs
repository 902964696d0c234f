//! Instructions nobody has checked yet.

use super::{CheckError, Program, decode};
use callgate_abi::{Endian, Insn};

/// An instruction list as some file gave it: the kernel may refuse it, and a reader may still want
/// to see it. [`Code::check`] makes a [`Program`] of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Code {
    /// The instructions.
    pub insns: Vec<Insn>,
    /// The byte order of the machine it is meant for, which decides where the halves of a 64-bit
    /// argument lie.
    pub endian: Endian,
}

impl Code {
    /// Reads `struct sock_filter` records of one byte order.
    pub fn from_bytes(bytes: &[u8], endian: Endian) -> Result<Code, CheckError> {
        Ok(Code { insns: decode(bytes, endian)?, endian })
    }

    /// Applies the kernel's rules.
    ///
    /// ```
    /// use callgate::program::Code;
    /// use callgate::abi::Endian;
    ///
    /// let code = Code::from_bytes(&[0x28, 0, 0, 0, 0, 0, 0, 0], Endian::Little).unwrap();
    /// assert_eq!(
    ///     code.check().unwrap_err().to_string(),
    ///     "instruction 0: opcode 0x0028 is not one seccomp admits"
    /// );
    /// ```
    pub fn check(self) -> Result<Program, CheckError> {
        Program::with_endian(self.insns, self.endian)
    }

    /// The `struct sock_filter` records in the code's own byte order.
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
}

impl From<&Program> for Code {
    fn from(program: &Program) -> Code {
        Code { insns: program.insns().to_vec(), endian: program.endian() }
    }
}
