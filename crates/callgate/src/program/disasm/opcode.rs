//! Opcodes beyond those seccomp admits, in words.

use super::flow::is_arithmetic;
use crate::program::check::is_conditional;
use callgate_abi::insn::op;

/// Whether seccomp admits the opcode.
pub(super) fn is_admitted(code: u16) -> bool {
    is_arithmetic(code)
        || is_conditional(code)
        || matches!(
            code,
            op::LD_ABS | op::LD_LEN | op::LD_IMM | op::LD_MEM | op::LDX_LEN | op::LDX_IMM | op::LDX_MEM
        )
        || matches!(code, op::ST | op::STX | op::JA | op::RET_K | op::RET_A | op::TAX | op::TXA)
}

/// Whether an admitted instruction takes nothing from `k`.
pub(super) fn ignores_k(code: u16) -> bool {
    let from_x = code & 0x08 != 0 && (is_conditional(code) || is_arithmetic(code));
    from_x || matches!(code, op::LD_LEN | op::LDX_LEN | op::NEG | op::RET_A | op::TAX | op::TXA)
}

/// What an opcode that seccomp does not admit would be in classic BPF.
///
/// Source: `include/uapi/linux/bpf_common.h`, `include/uapi/linux/filter.h`.
pub(super) fn describe(code: u16) -> String {
    if code > 0xff {
        return "no classic BPF opcode".to_string();
    }
    let size = match code & 0x18 {
        0x00 => "word",
        0x08 => "half-word",
        0x10 => "byte",
        _ => "double word",
    };
    match code & 0x07 {
        class @ (0 | 1) => {
            let register = if class == 0 { 'A' } else { 'X' };
            let from = match code & 0xe0 {
                0x00 => "the instruction",
                0x20 => "a fixed offset",
                0x40 => "an offset in X",
                0x60 => "scratch memory",
                0x80 => "the length",
                0xa0 => "an IP header length",
                _ => return "no classic BPF opcode".to_string(),
            };
            format!("load of a {size} into {register} from {from}")
        }
        4 if code & 0xf0 == 0x90 => "remainder, which packet filters have".to_string(),
        6 => "return of X".to_string(),
        _ => "no classic BPF opcode".to_string(),
    }
}
