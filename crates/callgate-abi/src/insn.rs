//! The classic BPF instruction (`struct sock_filter`) and the opcodes seccomp accepts.
//!
//! Source: `include/uapi/linux/filter.h`, `include/uapi/linux/bpf_common.h`.

/// One instruction: 8 bytes, `u16 code, u8 jt, u8 jf, u32 k`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(C)]
pub struct Insn {
    /// Opcode.
    pub code: u16,
    /// How many instructions a true test skips.
    pub jt: u8,
    /// How many instructions a false test skips.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

impl Insn {
    /// An instruction without jump offsets.
    pub const fn stmt(code: u16, k: u32) -> Insn {
        Insn { code, jt: 0, jf: 0, k }
    }

    /// A conditional jump.
    pub const fn jump(code: u16, k: u32, jt: u8, jf: u8) -> Insn {
        Insn { code, jt, jf, k }
    }
}

/// The opcodes the kernel's `seccomp_check_filter` admits, by their usual assembler names.
pub mod op {
    /// `A = *(u32 *)(data + k)`.
    pub const LD_ABS: u16 = 0x20;
    /// `A = sizeof(struct seccomp_data)`.
    pub const LD_LEN: u16 = 0x80;
    /// `A = k`.
    pub const LD_IMM: u16 = 0x00;
    /// `A = M[k]`.
    pub const LD_MEM: u16 = 0x60;
    /// `X = sizeof(struct seccomp_data)`.
    pub const LDX_LEN: u16 = 0x81;
    /// `X = k`.
    pub const LDX_IMM: u16 = 0x01;
    /// `X = M[k]`.
    pub const LDX_MEM: u16 = 0x61;
    /// `M[k] = A`.
    pub const ST: u16 = 0x02;
    /// `M[k] = X`.
    pub const STX: u16 = 0x03;
    /// `A += k`.
    pub const ADD_K: u16 = 0x04;
    /// `A += X`.
    pub const ADD_X: u16 = 0x0c;
    /// `A -= k`.
    pub const SUB_K: u16 = 0x14;
    /// `A -= X`.
    pub const SUB_X: u16 = 0x1c;
    /// `A *= k`.
    pub const MUL_K: u16 = 0x24;
    /// `A *= X`.
    pub const MUL_X: u16 = 0x2c;
    /// `A /= k`; `k` must not be 0.
    pub const DIV_K: u16 = 0x34;
    /// `A /= X`; returns 0 from the program when `X` is 0.
    pub const DIV_X: u16 = 0x3c;
    /// `A |= k`.
    pub const OR_K: u16 = 0x44;
    /// `A |= X`.
    pub const OR_X: u16 = 0x4c;
    /// `A &= k`.
    pub const AND_K: u16 = 0x54;
    /// `A &= X`.
    pub const AND_X: u16 = 0x5c;
    /// `A <<= k`; `k` must be below 32.
    pub const LSH_K: u16 = 0x64;
    /// `A <<= X & 31`.
    pub const LSH_X: u16 = 0x6c;
    /// `A >>= k`; `k` must be below 32.
    pub const RSH_K: u16 = 0x74;
    /// `A >>= X & 31`.
    pub const RSH_X: u16 = 0x7c;
    /// `A = -A`.
    pub const NEG: u16 = 0x84;
    /// `A ^= k`.
    pub const XOR_K: u16 = 0xa4;
    /// `A ^= X`.
    pub const XOR_X: u16 = 0xac;
    /// `pc += k`.
    pub const JA: u16 = 0x05;
    /// `pc += A == k ? jt : jf`.
    pub const JEQ_K: u16 = 0x15;
    /// `pc += A == X ? jt : jf`.
    pub const JEQ_X: u16 = 0x1d;
    /// `pc += A > k ? jt : jf`, unsigned.
    pub const JGT_K: u16 = 0x25;
    /// `pc += A > X ? jt : jf`, unsigned.
    pub const JGT_X: u16 = 0x2d;
    /// `pc += A >= k ? jt : jf`, unsigned.
    pub const JGE_K: u16 = 0x35;
    /// `pc += A >= X ? jt : jf`, unsigned.
    pub const JGE_X: u16 = 0x3d;
    /// `pc += A & k ? jt : jf`.
    pub const JSET_K: u16 = 0x45;
    /// `pc += A & X ? jt : jf`.
    pub const JSET_X: u16 = 0x4d;
    /// `return k`.
    pub const RET_K: u16 = 0x06;
    /// `return A`.
    pub const RET_A: u16 = 0x16;
    /// `X = A`.
    pub const TAX: u16 = 0x07;
    /// `A = X`.
    pub const TXA: u16 = 0x87;
}

/// The longest program the kernel takes (`BPF_MAXINSNS`).
pub const MAX_INSNS: usize = 4096;
/// How many scratch words a program has (`BPF_MEMWORDS`).
pub const MEM_WORDS: usize = 16;
