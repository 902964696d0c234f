//! Which machine a program is meant for.

use crate::program::asm::Error;
use crate::program::check::is_conditional;
use crate::program::disasm::flow::is_arithmetic;
use crate::program::{Code, decode};
use callgate_abi::insn::op;
use callgate_abi::{Arch, Endian, Insn};

/// The byte order of raw records: the one in which more opcodes are opcodes. Every opcode is below
/// 256, so that in the other order its low byte is 0 and it reads as no opcode, unless it is 0.
pub(super) fn of_records(bytes: &[u8]) -> Endian {
    let score = |endian| {
        let insns = decode(bytes, endian).unwrap_or_default();
        insns.iter().filter(|insn| is_known(insn.code)).count()
    };
    if score(Endian::Big) > score(Endian::Little) { Endian::Big } else { Endian::Little }
}

fn is_known(code: u16) -> bool {
    is_arithmetic(code)
        || is_conditional(code)
        || matches!(code, op::LD_ABS | op::LD_LEN | op::LD_IMM | op::LD_MEM | op::LDX_LEN)
        || matches!(code, op::LDX_IMM | op::LDX_MEM | op::ST | op::STX | op::JA)
        || matches!(code, op::RET_K | op::RET_A | op::TAX | op::TXA)
}

/// Puts a byte order to instructions whose fields were read as numbers: that of the architectures
/// they ask for, if those agree, and otherwise little-endian.
pub(super) fn settle(
    insns: Result<Vec<Insn>, Vec<Error>>,
    given: Option<Endian>,
) -> Result<Code, Vec<Error>> {
    let insns = insns?;
    let endian = given.or_else(|| of_tests(&insns)).unwrap_or(Endian::Little);
    Ok(Code { insns, endian })
}

/// The byte order of the architectures a program asks for, if they agree on one.
pub(in crate::program) fn of_tests(insns: &[Insn]) -> Option<Endian> {
    const ARCH_OFFSET: u32 = 4;
    let mut loaded = false;
    let mut orders = Vec::new();
    for insn in insns {
        match insn.code {
            op::LD_ABS => loaded = insn.k == ARCH_OFFSET,
            op::JEQ_K if loaded => {
                orders.extend(Arch::ALL.iter().find(|a| a.token() == insn.k).map(|a| a.endian()));
            }
            _ => {}
        }
    }
    let first = orders.first().copied()?;
    if orders.iter().all(|e| *e == first) { Some(first) } else { None }
}
