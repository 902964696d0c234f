//! Listings with the instruction's fields in hexadecimal columns, as seccomp-tools, ceccomp and libseccomp's
//! `scmp_bpf_disasm` print them. The fields count; the words behind them are for people.

use crate::program::asm::Error;
use callgate_abi::Insn;

/// Reads `0000: 0x20 0x00 0x00 0x00000004 …` lines.
pub(super) fn columns(text: &str) -> Result<Vec<Insn>, Vec<Error>> {
    let (mut insns, mut errors) = (Vec::new(), Vec::new());
    let mut expected = None;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if is_frame(trimmed) {
            continue;
        }
        let column = line.chars().take_while(|c| c.is_whitespace()).count() + 1;
        match row(trimmed) {
            Some((number, insn)) => {
                if let Some(expected) = expected.filter(|e| *e != number) {
                    let message = format!("line {number} follows where line {expected} was expected");
                    errors.push(Error::at(index + 1, column, message));
                }
                expected = Some(number.wrapping_add(1));
                insns.push(insn);
            }
            None => {
                let message = "expected `0000: 0x20 0x00 0x00 0x00000000`, an instruction's fields";
                errors.push(Error::at(index + 1, column, message));
            }
        }
    }
    if errors.is_empty() { Ok(insns) } else { Err(errors) }
}

/// Lines around the instructions.
fn is_frame(line: &str) -> bool {
    let ruled = line.bytes().all(|b| b == b'=') || line.bytes().all(|b| b == b'-');
    line.is_empty() || ruled || line.starts_with('#') || is_title(line)
}

fn is_title(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace().skip(1);
    matches!(words.next(), Some("CODE" | "OP")) && words.next() == Some("JT")
}

/// The number and fields of a line.
pub(super) fn row(line: &str) -> Option<(u64, Insn)> {
    let (label, rest) = line.trim().split_once(':')?;
    let number = label.strip_prefix('L').unwrap_or(label).parse().ok()?;
    let mut words = rest.split_ascii_whitespace();
    let mut field = |limit: u32| {
        let digits = words.next()?.strip_prefix("0x")?;
        u32::from_str_radix(digits, 16).ok().filter(|n| *n <= limit)
    };
    let (code, jt, jf, k) = (field(0xffff)?, field(0xff)?, field(0xff)?, field(u32::MAX)?);
    Some((number, Insn { code: code as u16, jt: jt as u8, jf: jf as u8, k }))
}
