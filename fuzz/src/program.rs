//! Programs and calls out of arbitrary bytes.

use callgate::abi::insn::{MEM_WORDS, op};
use callgate::abi::{Endian, Insn};
use callgate::{Arch, Program, SeccompData};

/// The byte order the first byte picks, and the rest.
pub(crate) fn endian(data: &[u8]) -> (Endian, &[u8]) {
    match data.split_first() {
        Some((first, rest)) => (if first & 1 == 1 { Endian::Big } else { Endian::Little }, rest),
        None => (Endian::Little, data),
    }
}

const OPS: &[u16] = &[
    op::LD_ABS,
    op::JEQ_K,
    op::JGT_K,
    op::JGE_K,
    op::JSET_K,
    op::RET_K,
    op::LD_ABS,
    op::AND_K,
    op::JA,
    op::LD_ABS,
    op::JEQ_K,
    op::JGE_K,
    op::LD_LEN,
    op::LD_IMM,
    op::LD_MEM,
    op::LDX_LEN,
    op::LDX_IMM,
    op::LDX_MEM,
    op::ST,
    op::STX,
    op::ADD_K,
    op::ADD_X,
    op::SUB_K,
    op::SUB_X,
    op::MUL_K,
    op::MUL_X,
    op::DIV_K,
    op::DIV_X,
    op::OR_K,
    op::OR_X,
    op::AND_X,
    op::LSH_K,
    op::LSH_X,
    op::RSH_K,
    op::RSH_X,
    op::NEG,
    op::XOR_K,
    op::XOR_X,
    op::JEQ_X,
    op::JGT_X,
    op::JGE_X,
    op::JSET_X,
    op::RET_A,
    op::TAX,
    op::TXA,
];

/// Constants that real filters are made of.
const KNOWN: &[u32] = &[
    0xc000_003e,
    0x4000_0003,
    0xc000_00b7,
    0,
    1,
    2,
    59,
    0x4000_0000,
    0x7fff_0000,
    0x0005_0001,
    0x8000_0000,
    0xffff_ffff,
    0x7fc0_0000,
    0x0003_0000,
    0xffff,
    0x7fff_ffff,
];

/// A program: records as they are if the first byte says so, otherwise records bent into valid instructions.
pub(crate) fn any(data: &[u8]) -> Option<Program> {
    const RAW: u8 = 2;
    let (endian, rest) = endian(data);
    let whole = &rest[..rest.len() / 8 * 8];
    if data.first()? & RAW == RAW {
        return Program::from_bytes(whole, endian).ok();
    }
    let count = whole.len() / 8;
    let mut insns: Vec<Insn> = whole.chunks_exact(8).enumerate().map(|(at, c)| bent(c, count - at)).collect();
    insns.push(Insn::stmt(op::RET_K, 0x7fff_0000));
    Program::with_endian(insns, endian).ok()
}

/// One valid instruction with `left` more behind it.
fn bent(record: &[u8], left: usize) -> Insn {
    let [pick, jt, jf, kind, k0, k1, k2, k3] = *record else { return Insn::stmt(op::RET_K, 0) };
    let raw = u32::from_le_bytes([k0, k1, k2, k3]);
    let k = match kind % 4 {
        0 => KNOWN[raw as usize % KNOWN.len()],
        1 => raw & 0xff,
        2 => 1 << (raw % 32),
        _ => raw,
    };
    let jump = |offset: u8| (usize::from(offset) % left.min(256)) as u8;
    match OPS[usize::from(pick) % OPS.len()] {
        op::LD_ABS => Insn::stmt(op::LD_ABS, raw % 16 * 4),
        op::DIV_K => Insn::stmt(op::DIV_K, k | 1),
        code @ (op::LSH_K | op::RSH_K) => Insn::stmt(code, k % 32),
        code @ (op::LD_MEM | op::LDX_MEM | op::ST | op::STX) => Insn::stmt(code, k % MEM_WORDS as u32),
        op::JA => Insn::stmt(op::JA, raw % left as u32),
        code if code & 7 == 5 => Insn::jump(code, k, jump(jt), jump(jf)),
        code => Insn::stmt(code, k),
    }
}

/// Pseudo-random numbers that the same input always gives.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(data: &[u8]) -> Numbers {
        let hash = data.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Numbers(hash | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 11) as usize % n
    }

    /// A word: one of `near` or next to it, small, or anything.
    fn word(&mut self, near: &[u32]) -> u32 {
        match self.below(6) {
            0..3 if !near.is_empty() => {
                near[self.below(near.len())].wrapping_add([0, 0, 1, u32::MAX][self.below(4)])
            }
            3 => 1 << self.below(32),
            4 => self.next() as u32,
            _ => self.below(400) as u32,
        }
    }

    /// A call, mostly of these architectures and with words near these.
    pub(crate) fn call(&mut self, arches: &[Arch], near: &[u32]) -> SeccompData {
        let arch = if arches.is_empty() { Arch::X86_64 } else { arches[self.below(arches.len())] };
        let token = if self.below(8) == 0 { self.word(near) } else { arch.token() };
        let mut wide = || u64::from(self.word(near)) << 32 | u64::from(self.word(near));
        let (ip, args) = (wide(), std::array::from_fn(|_| wide()));
        SeccompData { nr: self.word(near), arch: token, ip, args }
    }
}
