//! A program without the instructions no call gets to.

use super::flow;
use crate::program::{Program, is_conditional};
use callgate_abi::insn::op;

/// What [`tidy`] found and made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tidied {
    /// The program without them; proved equal to the original.
    pub program: Program,
    /// The indices of the instructions no call gets to.
    pub unreachable: Vec<usize>,
    /// The tests some call gets to that always come out the same way, and which way.
    pub constant: Vec<(usize, bool)>,
}

/// Removes the instructions no call gets to. The order of the others is kept.
///
/// `None` if the program is beyond the budget, or the result could not be proved equal.
pub fn tidy(program: &Program) -> Option<Tidied> {
    let insns = program.insns();
    let seen = flow::seen(program).ok()?;
    let mut at = Vec::with_capacity(insns.len());
    let mut kept = 0;
    for s in &seen {
        at.push(kept);
        kept += usize::from(s.reached);
    }
    let (mut new, mut unreachable, mut constant) = (Vec::with_capacity(kept), Vec::new(), Vec::new());
    for (pc, &insn) in insns.iter().enumerate() {
        if !seen[pc].reached {
            unreachable.push(pc);
            continue;
        }
        let mut insn = insn;
        let skip = |offset: usize| at[pc + 1 + offset] - at[pc] - 1;
        if insn.code == op::JA {
            insn.k = u32::try_from(skip(insn.k as usize)).ok()?;
        } else if is_conditional(insn.code) {
            if seen[pc].taken != seen[pc].passed {
                constant.push((pc, seen[pc].taken));
            }
            // The way nobody takes leads where the other one does.
            let (jt, jf) = match (seen[pc].taken, seen[pc].passed) {
                (true, false) => (insn.jt, insn.jt),
                (false, true) => (insn.jf, insn.jf),
                _ => (insn.jt, insn.jf),
            };
            insn.jt = u8::try_from(skip(usize::from(jt))).ok()?;
            insn.jf = u8::try_from(skip(usize::from(jf))).ok()?;
        }
        new.push(insn);
    }
    let shorter = Program::with_endian(new, program.endian()).ok()?;
    let equal = shorter.lift().ok()? == program.lift().ok()?;
    equal.then_some(Tidied { program: shorter, unreachable, constant })
}
