//! A program without the instructions no call gets to and the tests that decide nothing.

use super::flow;
use crate::diagram::{Filter, TooLarge};
use crate::lift::LiftError;
use crate::program::{CheckError, Program, is_conditional};
use callgate_abi::Insn;
use callgate_abi::insn::op;
use std::fmt;

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

/// Why a program could not be tidied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Untidied {
    /// Which instructions calls get to is beyond the budget.
    Unknown(TooLarge),
    /// The result could not be read back, so nothing is proved.
    Unread(LiftError),
    /// The result does not mean what the program means: a defect, caught.
    Unproved,
    /// The result breaks a rule of the kernel's: a defect, caught.
    Invalid(CheckError),
}

impl fmt::Display for Untidied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Untidied::Unknown(e) => write!(f, "which instructions calls get to is unknown: {e}"),
            Untidied::Unread(e) => write!(f, "the tidied program could not be read back: {e}"),
            Untidied::Unproved => {
                f.write_str("the tidied program differs from the original (a defect of the optimizer)")
            }
            Untidied::Invalid(e) => {
                write!(f, "the tidied program is invalid (a defect of the optimizer): {e}")
            }
        }
    }
}

impl std::error::Error for Untidied {}

/// Removes the instructions no call gets to and the tests that always come out the same way. The order of
/// the others is kept. `meaning` is what the program means, which the result is compared with.
///
/// ```
/// use callgate::Program;
/// use callgate::lint::tidy;
/// use callgate::program::asm;
///
/// let text = "A = nr\nif A >= 0 goto kill\nreturn allow\nkill: return kill\n";
/// let program = asm::assemble(text, &asm::Options::default()).unwrap().check()?;
/// let tidied = tidy(&program, &program.lift()?)?;
/// assert_eq!((tidied.unreachable, tidied.constant), (vec![2], vec![(1, true)]));
/// assert_eq!(tidied.program.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn tidy(program: &Program, meaning: &Filter) -> Result<Tidied, Untidied> {
    let seen = flow::seen(program).map_err(Untidied::Unknown)?;
    let mut insns = program.insns().to_vec();
    let (mut unreachable, mut constant) = (Vec::new(), Vec::new());
    for (pc, (insn, seen)) in insns.iter_mut().zip(&seen).enumerate() {
        if !seen.reached {
            unreachable.push(pc);
        } else if is_conditional(insn.code) && seen.taken != seen.passed {
            constant.push((pc, seen.taken));
            *insn = jump(u32::from(if seen.taken { insn.jt } else { insn.jf }));
        }
    }
    while shorten(&mut insns) {}
    if insns == program.insns() {
        return Ok(Tidied { program: program.clone(), unreachable, constant });
    }
    let shorter = Program::with_endian(insns, program.endian()).map_err(Untidied::Invalid)?;
    if shorter.lift().map_err(Untidied::Unread)? != *meaning {
        return Err(Untidied::Unproved);
    }
    Ok(Tidied { program: shorter, unreachable, constant })
}

fn jump(k: u32) -> Insn {
    Insn::stmt(op::JA, k)
}

/// Leads every jump past the jumps it leads to, and leaves out what then nothing leads to or what leads
/// nowhere but on. Whether that changed anything.
fn shorten(insns: &mut Vec<Insn>) -> bool {
    let before = insns.clone();
    // Jumps go forwards only, so from the end on every target is final.
    for pc in (0..insns.len()).rev() {
        let insn = insns[pc];
        let past = |offset: u32| {
            let to = pc + 1 + offset as usize;
            if insns[to].code == op::JA { offset + 1 + insns[to].k } else { offset }
        };
        if insn.code == op::JA {
            insns[pc].k = past(insn.k);
        } else if is_conditional(insn.code) {
            let near = |offset: u8| u8::try_from(past(offset.into())).unwrap_or(offset);
            let (jt, jf) = (near(insn.jt), near(insn.jf));
            insns[pc] = if jt == jf { jump(jt.into()) } else { Insn { jt, jf, ..insn } };
        }
    }
    let mut led_to = vec![false; insns.len()];
    led_to[0] = true;
    for (pc, insn) in insns.iter().enumerate() {
        if !led_to[pc] {
            continue;
        }
        match insn.code {
            op::RET_K | op::RET_A => {}
            op::JA => led_to[pc + 1 + insn.k as usize] = true,
            code if is_conditional(code) => {
                led_to[pc + 1 + usize::from(insn.jt)] = true;
                led_to[pc + 1 + usize::from(insn.jf)] = true;
            }
            _ => led_to[pc + 1] = true,
        }
    }
    // A jump over nothing but what is left out does nothing.
    let mut keep = led_to;
    for pc in 0..insns.len() {
        if insns[pc].code == op::JA && keep[pc] {
            keep[pc] = keep[pc + 1..pc + 1 + insns[pc].k as usize].contains(&true);
        }
    }
    let mut at = vec![0u32; insns.len()];
    for pc in 1..insns.len() {
        at[pc] = at[pc - 1] + u32::from(keep[pc - 1]);
    }
    let mut kept = Vec::with_capacity(insns.len());
    for (pc, &insn) in insns.iter().enumerate().filter(|(pc, _)| keep[*pc]) {
        let skip = |offset: u32| at[pc + 1 + offset as usize] - at[pc] - 1;
        // Leaving out brings targets nearer only.
        let near = |offset: u8| u8::try_from(skip(offset.into())).unwrap_or(offset);
        kept.push(match insn.code {
            op::JA => jump(skip(insn.k)),
            code if is_conditional(code) => Insn { jt: near(insn.jt), jf: near(insn.jf), ..insn },
            _ => insn,
        });
    }
    *insns = kept;
    *insns != before
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::asm;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let read = |text: &str| asm::assemble(text, &asm::Options::default()).unwrap().check().unwrap();
        let program = read(text);
        let tidied = tidy(&program, &program.lift().unwrap()).unwrap().program;
        assert_eq!(tidied, read(expected), "{tidied:?}");
    }

    #[test]
    fn tests_that_decide_nothing_are_gone() {
        // The way that is left is the next instruction: nothing remains.
        check(
            "A = nr\nif A >= 0 goto next\nif A == 3 goto no\nreturn allow\nno: return kill",
            "A = nr\nif A == 3 goto no\nreturn allow\nno: return kill",
        );
        // Whoever went to the test goes on at once.
        check(
            "A = nr\nif A == 3 goto test\nif A == 4 goto deny\ntest: if A & 0 goto next else goto end
             deny: return errno(1)\nend: return allow",
            "A = nr\nif A == 3 goto end\nif A == 4 goto next else goto end\nreturn errno(1)\nend: return allow",
        );
        // What is left lies behind what others go to: a jump remains.
        check(
            "A = nr\nif A == 4 goto deny\nA = arch\nif A >= 0 goto end\ndeny: return errno(1)
             end: if A == 3 goto no\nreturn allow\nno: return kill",
            "A = nr\nif A == 4 goto deny\nA = arch\ngoto end\ndeny: return errno(1)
             end: if A == 3 goto no\nreturn allow\nno: return kill",
        );
        // Two in a row, the second reached through the first only.
        check(
            "A = nr\nif A >= 0 goto b\nreturn kill\nb: if A > 0xffffffff goto no\nif A == 1 goto no\nreturn allow
             no: return errno(1)",
            "A = nr\nif A == 1 goto no\nreturn allow\nno: return errno(1)",
        );
    }

    #[test]
    fn what_is_tidy_stays() {
        let text = "A = nr\nif A == 3 goto no\nreturn allow\nno: return kill";
        check(text, text);
    }
}
