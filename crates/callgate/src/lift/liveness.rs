//! Which registers and words matter from each instruction on.

use crate::program::is_conditional;
use callgate_abi::insn::op;
use callgate_abi::{Endian, Insn, Word};

/// The accumulator's bit in a live set; bits 0–15 are the scratch words.
pub(super) const A: u32 = 1 << 16;
/// The index register's bit in a live set.
pub(super) const X: u32 = 1 << 17;

/// Per instruction: the registers live on entry, and the words loaded from there on. Jumps only go
/// forward, so one pass from the end sees every path.
pub(super) fn scan(insns: &[Insn], endian: Endian) -> (Vec<u32>, Vec<u16>) {
    let mut live = vec![0u32; insns.len()];
    let mut reads = vec![0u16; insns.len()];
    for (pc, insn) in insns.iter().enumerate().rev() {
        let (mut alive, mut words) = (0, 0);
        let mut join = |to: usize| {
            alive |= live[to];
            words |= reads[to];
        };
        match insn.code {
            op::RET_K | op::RET_A => {}
            op::JA => join(pc + 1 + insn.k as usize),
            code if is_conditional(code) => {
                join(pc + 1 + usize::from(insn.jt));
                join(pc + 1 + usize::from(insn.jf));
            }
            _ => join(pc + 1),
        }
        let (uses, writes) = effect(insn);
        live[pc] = alive & !writes | uses;
        reads[pc] = words;
        if insn.code == op::LD_ABS
            && let Some(word) = Word::from_offset(insn.k, endian)
        {
            reads[pc] |= 1 << word.index();
        }
    }
    (live, reads)
}

/// Per instruction: the bits of the accumulator that can matter on entry. A sum of two words is too
/// large for a diagram; its low byte, which is all a following mask leaves, is not.
pub(super) fn demanded_bits(insns: &[Insn]) -> Vec<u32> {
    let mut demand = vec![0u32; insns.len() + 1];
    for (pc, insn) in insns.iter().enumerate().rev() {
        let next = demand[pc + 1];
        let k = insn.k;
        demand[pc] = match insn.code {
            op::LD_ABS | op::LD_LEN | op::LD_IMM | op::LD_MEM | op::TXA | op::RET_K => 0,
            op::JA => demand[pc + 1 + k as usize],
            op::JSET_K => k | demand[pc + 1 + usize::from(insn.jt)] | demand[pc + 1 + usize::from(insn.jf)],
            op::AND_K => next & k,
            op::OR_K => next & !k,
            op::XOR_K | op::AND_X | op::OR_X | op::XOR_X => next,
            op::LDX_IMM | op::LDX_LEN | op::LDX_MEM | op::STX => next,
            op::LSH_K => next >> k,
            op::RSH_K => next << k,
            op::ADD_K | op::ADD_X | op::SUB_K | op::SUB_X | op::MUL_K | op::MUL_X | op::NEG => up_to(next),
            _ => u32::MAX,
        };
    }
    demand
}

/// Every bit up to the highest one set: what a sum needs of its operands.
pub(super) fn up_to(bits: u32) -> u32 {
    if bits == 0 { 0 } else { u32::MAX >> bits.leading_zeros() }
}

/// The registers an instruction uses and the ones it overwrites.
fn effect(insn: &Insn) -> (u32, u32) {
    let mem = 1u32 << (insn.k & 15);
    match insn.code {
        op::LD_ABS | op::LD_LEN | op::LD_IMM => (0, A),
        op::LDX_LEN | op::LDX_IMM => (0, X),
        op::LD_MEM => (mem, A),
        op::LDX_MEM => (mem, X),
        op::ST => (A, mem),
        op::STX => (X, mem),
        op::TAX => (A, X),
        op::TXA => (X, A),
        op::RET_K | op::JA => (0, 0),
        op::RET_A | op::NEG => (A, 0),
        code => (if code & 0x08 != 0 { A | X } else { A }, 0),
    }
}
