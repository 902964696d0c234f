//! The layer of `arch`: one representative for every class of values the program tells apart.

use super::value::State;
use super::{LiftError, Lifter};
use crate::diagram::Ref;
use crate::program::is_conditional;
use callgate_abi::insn::op;
use callgate_abi::{Insn, Word};

/// Beyond this many classes `arch` is handled as bits like any other word.
const MOST_CLASSES: usize = 256;

impl Lifter<'_> {
    /// The diagram of the whole program.
    pub(super) fn program(&mut self) -> Result<Ref, LiftError> {
        if !self.reads(0, Word::ARCH) {
            return self.number_layer(0, State::START, None);
        }
        let offset = Word::ARCH.offset(self.endian);
        let Some(starts) = classes(self.insns, offset).filter(|s| s.len() <= MOST_CLASSES) else {
            return self.number_layer(0, State::START, None);
        };
        let mut segments: Vec<(u32, Ref)> = Vec::with_capacity(starts.len());
        for start in starts {
            let made = self.number_layer(0, State::START, Some(start))?;
            if segments.last().is_none_or(|last| last.1 != made) {
                segments.push((start, made));
            }
        }
        self.store.layer(Word::ARCH, &segments).map_err(Self::too_large(0))
    }
}

/// Where the classes of `arch` values begin: two values in one class pass and fail the same tests.
/// `None` if the program does anything with `arch` but compare it with constants.
fn classes(insns: &[Insn], offset: u32) -> Option<Vec<u32>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Holds {
        Arch,
        Other,
        Either,
    }
    let mut arriving: Vec<Option<Holds>> = vec![None; insns.len()];
    arriving[0] = Some(Holds::Other);
    let mut starts = vec![0u32];
    for (pc, insn) in insns.iter().enumerate() {
        let Some(holds) = arriving[pc] else { continue };
        let mut leave = |to: usize, holds: Holds| {
            let merged = match arriving[to] {
                Some(other) if other != holds => Holds::Either,
                _ => holds,
            };
            arriving[to] = Some(merged);
        };
        match insn.code {
            op::LD_ABS => leave(pc + 1, if insn.k == offset { Holds::Arch } else { Holds::Other }),
            op::LD_IMM | op::LD_LEN | op::LD_MEM | op::TXA => leave(pc + 1, Holds::Other),
            op::LDX_IMM | op::LDX_LEN | op::LDX_MEM | op::STX => leave(pc + 1, holds),
            op::JA => leave(pc + 1 + insn.k as usize, holds),
            op::RET_K => {}
            code if is_conditional(code) => {
                match (holds, code) {
                    (Holds::Other, _) => {}
                    (_, op::JEQ_K) => {
                        starts.push(insn.k);
                        starts.extend(insn.k.checked_add(1));
                    }
                    (_, op::JGE_K) => starts.push(insn.k),
                    (_, op::JGT_K) => starts.extend(insn.k.checked_add(1)),
                    _ => return None,
                }
                leave(pc + 1 + usize::from(insn.jt), holds);
                leave(pc + 1 + usize::from(insn.jf), holds);
            }
            op::RET_A if holds == Holds::Other => {}
            _ if holds == Holds::Other => leave(pc + 1, Holds::Other),
            _ => return None,
        }
    }
    starts.sort_unstable();
    starts.dedup();
    Some(starts)
}
