//! The interpreter: what the kernel's BPF machine does, instruction by instruction.
//!
//! Source: `kernel/bpf/core.c` by way of `net/core/filter.c` (`bpf_convert_filter`).

use super::Program;
use callgate_abi::insn::{MEM_WORDS, op};
use callgate_abi::{Action, SeccompData, Word};

/// The outcome of one run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Execution {
    /// The value returned.
    pub ret: u32,
    /// How many instructions were executed, the return included.
    pub steps: u32,
    /// The index of the last instruction executed.
    pub last: usize,
    /// How the run ended.
    pub end: Final,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Final {
    /// At a return.
    Return,
    /// At a division by a register that held 0, which returns 0.
    DividedByZero,
}

/// How the kernel's evaluation of a program for its cache ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Emulation {
    /// Whether the call is allowed whatever its arguments, as far as the evaluator can see.
    pub allows: bool,
    /// How many instructions it looked at.
    pub steps: u32,
}

impl Execution {
    /// The returned value as an action.
    pub fn action(&self) -> Action {
        Action::from_ret(self.ret)
    }
}

impl Program {
    /// Runs the program on one call. Both registers start at 0, as in the kernel.
    pub fn run(&self, data: &SeccompData) -> Execution {
        self.run_with(data, |_| {})
    }

    /// Runs the program on one call and shows the index of every instruction before it is executed.
    pub fn run_with(&self, data: &SeccompData, mut visit: impl FnMut(usize)) -> Execution {
        let (mut a, mut x, mut mem) = (0u32, 0u32, [0u32; MEM_WORDS]);
        let (mut pc, mut steps) = (0usize, 0u32);
        loop {
            let insn = self.insns[pc];
            visit(pc);
            steps += 1;
            let done = |ret, end| Execution { ret, steps, last: pc, end };
            let k = insn.k;
            let mut next = pc + 1;
            let mut jump = |taken: bool| next += usize::from(if taken { insn.jt } else { insn.jf });
            match insn.code {
                op::LD_ABS => a = Word::from_offset(k, self.endian).map_or(0, |w| w.of(data)),
                op::LD_LEN => a = 64,
                op::LDX_LEN => x = 64,
                op::LD_IMM => a = k,
                op::LDX_IMM => x = k,
                op::LD_MEM => a = mem[k as usize],
                op::LDX_MEM => x = mem[k as usize],
                op::ST => mem[k as usize] = a,
                op::STX => mem[k as usize] = x,
                op::TAX => x = a,
                op::TXA => a = x,
                op::NEG => a = a.wrapping_neg(),
                op::JA => next += k as usize,
                op::JEQ_K => jump(a == k),
                op::JEQ_X => jump(a == x),
                op::JGT_K => jump(a > k),
                op::JGT_X => jump(a > x),
                op::JGE_K => jump(a >= k),
                op::JGE_X => jump(a >= x),
                op::JSET_K => jump(a & k != 0),
                op::JSET_X => jump(a & x != 0),
                op::RET_K => return done(k, Final::Return),
                op::RET_A => return done(a, Final::Return),
                op::DIV_X if x == 0 => return done(0, Final::DividedByZero),
                code => a = alu(code, a, if code & 0x08 != 0 { x } else { k }),
            }
            pc = next;
        }
    }

    /// Whether the kernel's cache of always-allowed calls (Linux 5.11) would hold this number.
    pub fn always_allows(&self, token: u32, nr: u32) -> bool {
        self.emulate(token, nr).allows
    }

    /// What the kernel does to fill its cache of always-allowed calls (Linux 5.11): its evaluator follows
    /// loads of `nr` and `arch`, jumps on constants and `AND` with a constant to a return of exactly
    /// `SECCOMP_RET_ALLOW`, and gives up at anything else.
    ///
    /// Source: `kernel/seccomp.c` (`seccomp_is_const_allow`).
    pub fn emulate(&self, token: u32, nr: u32) -> Emulation {
        let (mut a, mut pc, mut steps) = (0u32, 0usize, 0u32);
        loop {
            let insn = self.insns[pc];
            let k = insn.k;
            pc += 1;
            steps += 1;
            let mut jump = |taken: bool| pc += usize::from(if taken { insn.jt } else { insn.jf });
            match insn.code {
                op::LD_ABS if k == Word::NR.offset(self.endian) => a = nr,
                op::LD_ABS if k == Word::ARCH.offset(self.endian) => a = token,
                op::AND_K => a &= k,
                op::JA => pc += k as usize,
                op::JEQ_K => jump(a == k),
                op::JGT_K => jump(a > k),
                op::JGE_K => jump(a >= k),
                op::JSET_K => jump(a & k != 0),
                op::RET_K => return Emulation { allows: k == Action::ALLOW.to_ret(), steps },
                _ => return Emulation { allows: false, steps },
            }
        }
    }
}

/// An arithmetic instruction on two known operands; `code` may be the K or the X form. Division by
/// zero is the caller's to handle.
pub(crate) fn alu(code: u16, a: u32, b: u32) -> u32 {
    match code & !0x08 {
        op::ADD_K => a.wrapping_add(b),
        op::SUB_K => a.wrapping_sub(b),
        op::MUL_K => a.wrapping_mul(b),
        op::DIV_K => a.checked_div(b).unwrap_or(0),
        op::OR_K => a | b,
        op::AND_K => a & b,
        op::XOR_K => a ^ b,
        op::LSH_K => a.wrapping_shl(b),
        op::RSH_K => a.wrapping_shr(b),
        _ => a,
    }
}
