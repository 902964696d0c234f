//! Counted lists of decimal numbers.

use crate::program::asm::Error;
use callgate_abi::Insn;

/// `tcpdump -ddd`: the number of instructions, then a line for each.
pub(super) fn tcpdump(text: &str) -> Result<Vec<Insn>, Vec<Error>> {
    let lines = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty());
    counted(lines.map(|(i, line)| (i + 1, 1, line)))
}

/// `iptables -m bpf --bytecode`: the same in one line, with commas.
pub(super) fn xt_bpf(text: &str) -> Result<Vec<Insn>, Vec<Error>> {
    let (mut line, mut column) = (1, 1);
    let mut pieces = Vec::new();
    for piece in text.split(',') {
        let blanks = piece.len() - piece.trim_start().len();
        let head = &piece[..blanks];
        let start = (line + head.matches('\n').count(), column + head.chars().count());
        if !piece.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'').is_empty() {
            pieces.push((start.0, start.1, piece));
        }
        line += piece.matches('\n').count();
        column += piece.chars().count() + 1;
    }
    counted(pieces.into_iter())
}

fn counted<'a>(mut rows: impl Iterator<Item = (usize, usize, &'a str)>) -> Result<Vec<Insn>, Vec<Error>> {
    let trim = |row: &'a str| row.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
    let one = |line, column, message: String| vec![Error::at(line, column, message)];
    let Some((line, column, count)) = rows.next() else {
        return Err(one(1, 1, "the number of instructions is missing".to_string()));
    };
    let count = trim(count);
    let Ok(promised) = count.parse::<usize>() else {
        return Err(one(line, column, format!("expected the number of instructions, found `{count}`")));
    };
    let (mut insns, mut errors) = (Vec::new(), Vec::new());
    for (line, column, row) in rows {
        match insn(trim(row)) {
            Ok(insn) => insns.push(insn),
            Err(message) => errors.push(Error::at(line, column, message)),
        }
    }
    if errors.is_empty() && insns.len() != promised {
        let verb = if insns.len() == 1 { "follows" } else { "follow" };
        let message = format!("the first line promises {promised} instructions, {} {verb}", insns.len());
        errors.push(Error::at(line, column, message));
    }
    if errors.is_empty() { Ok(insns) } else { Err(errors) }
}

fn insn(row: &str) -> Result<Insn, String> {
    let expected = || format!("expected `code jt jf k` in decimal, found `{row}`");
    let words: Vec<&str> = row.split_ascii_whitespace().collect();
    let [code, jt, jf, k] = words[..] else { return Err(expected()) };
    Ok(Insn {
        code: code.parse().map_err(|_| expected())?,
        jt: jt.parse().map_err(|_| expected())?,
        jf: jf.parse().map_err(|_| expected())?,
        k: k.parse().map_err(|_| expected())?,
    })
}
