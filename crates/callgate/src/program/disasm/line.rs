//! One instruction as text.

use super::flow::{is_arithmetic, spell};
use super::listing::{Line, Mark};
use super::names::Place;
use super::opcode;
use super::value::Value;
use crate::program::Code;
use crate::program::check::is_conditional;
use callgate_abi::insn::op;
use callgate_abi::{Action, Arch, Errno, Insn, Word};

/// The text of an instruction, with remarks on what only it shows.
pub(super) fn instruction(code: &Code, at: usize, place: Place<'_>) -> Line {
    let insn = code.insns[at];
    let mut line = Line::default();
    if let Some(ignored) = ignored_fields(&insn) {
        raw(&mut line, &insn);
        let mut meaning = Line::default();
        readable(&mut meaning, &Insn { jt: 0, jf: 0, ..insn }, &insn, code, at, place);
        line.note(Mark::Comment, meaning.text());
        line.note(Mark::Comment, format!("{ignored} ignored by the kernel"));
        line.remarks.extend(meaning.remarks);
    } else if !readable(&mut line, &insn, &insn, code, at, place) {
        raw(&mut line, &insn);
        line.note(Mark::Comment, opcode::describe(insn.code));
    }
    line
}

/// The fields which the text cannot express because they mean nothing.
fn ignored_fields(insn: &Insn) -> Option<String> {
    let mut names = Vec::new();
    if opcode::is_admitted(insn.code) && !is_conditional(insn.code) {
        if insn.jt != 0 {
            names.push(format!("jt = {}", insn.jt));
        }
        if insn.jf != 0 {
            names.push(format!("jf = {}", insn.jf));
        }
    }
    if insn.k != 0 && opcode::ignores_k(insn.code) {
        names.push(format!("k = {:#x}", insn.k));
    }
    match names.len() {
        0 => None,
        1 => Some(format!("{} is", names[0])),
        _ => Some(format!("{} are", names.join(" and "))),
    }
}

fn raw(line: &mut Line, insn: &Insn) {
    line.push(Mark::Keyword, ".insn");
    line.push(Mark::Plain, " ");
    line.push(Mark::Number, format!("{:#04x} {} {} {:#x}", insn.code, insn.jt, insn.jf, insn.k));
}

/// Writes the instruction in words, or says that there are none for it.
fn readable(line: &mut Line, insn: &Insn, real: &Insn, code: &Code, at: usize, place: Place<'_>) -> bool {
    let k = insn.k;
    match insn.code {
        op::LD_ABS => {
            assign(line, "A");
            match Word::from_offset(k, code.endian) {
                Some(word) => line.push(Mark::Field, place.word_name(word)),
                None => line.push(Mark::Field, format!("data[{k}]")),
            }
        }
        op::LD_LEN | op::LDX_LEN => {
            assign(line, if insn.code == op::LD_LEN { "A" } else { "X" });
            line.push(Mark::Field, "len");
        }
        op::LD_IMM | op::LDX_IMM => {
            assign(line, if insn.code == op::LD_IMM { "A" } else { "X" });
            line.push(Mark::Number, number(k));
        }
        op::LD_MEM | op::LDX_MEM => {
            assign(line, if insn.code == op::LD_MEM { "A" } else { "X" });
            line.push(Mark::Register, format!("M[{k}]"));
        }
        op::ST | op::STX => {
            assign(line, &format!("M[{k}]"));
            line.push(Mark::Register, if insn.code == op::ST { "A" } else { "X" });
        }
        op::TAX | op::TXA => {
            let (to, from) = if insn.code == op::TAX { ("X", "A") } else { ("A", "X") };
            assign(line, to);
            line.push(Mark::Register, from);
        }
        op::NEG => {
            assign(line, "A");
            line.push(Mark::Plain, "-");
            line.push(Mark::Register, "A");
        }
        code if is_arithmetic(code) => arithmetic(line, insn, place),
        op::JA => {
            line.push(Mark::Keyword, "goto");
            line.push(Mark::Plain, " ");
            line.push(Mark::Label, target(at, u64::from(k), code.insns.len()));
        }
        code_ if is_conditional(code_) => condition(line, real, at, code.insns.len(), place),
        op::RET_K => {
            line.push(Mark::Keyword, "return");
            line.push(Mark::Plain, " ");
            verdict(line, k, place);
        }
        op::RET_A => {
            line.push(Mark::Keyword, "return");
            line.push(Mark::Plain, " ");
            line.push(Mark::Register, "A");
        }
        _ => return false,
    }
    true
}

fn assign(line: &mut Line, register: &str) {
    line.push(Mark::Register, register);
    line.push(Mark::Plain, " = ");
}

fn arithmetic(line: &mut Line, insn: &Insn, place: Place<'_>) {
    let operator = match insn.code & !0x08 {
        op::ADD_K => "+=",
        op::SUB_K => "-=",
        op::MUL_K => "*=",
        op::DIV_K => "/=",
        op::OR_K => "|=",
        op::AND_K => "&=",
        op::LSH_K => "<<=",
        op::RSH_K => ">>=",
        _ => "^=",
    };
    line.push(Mark::Register, "A");
    line.push(Mark::Plain, format!(" {operator} "));
    if insn.code & 0x08 != 0 {
        return line.push(Mark::Register, "X");
    }
    let a = place.state.map_or(Value::Unknown, |s| s.a);
    match insn.code {
        op::AND_K => mask(line, a, insn.k, place),
        _ => line.push(Mark::Number, number(insn.k)),
    }
}

/// A set of bits, by name, as the complement of named bits, or as a number.
fn mask(line: &mut Line, a: Value, k: u32, place: Place<'_>) {
    if let Some(name) = place.mask_name(a, k) {
        line.push(Mark::Name, name);
    } else if let Some(name) = place.mask_name(a, !k) {
        let name = if name.contains('|') { format!("~({name})") } else { format!("~{name}") };
        line.push(Mark::Name, name);
    } else {
        line.push(Mark::Number, format!("{k:#x}"));
    }
}

fn condition(line: &mut Line, insn: &Insn, at: usize, len: usize, place: Place<'_>) {
    let a = place.state.map_or(Value::Unknown, |s| s.a);
    // A test that only leaves on "false" is written the other way round.
    let negated = insn.jt == 0 && insn.jf != 0;
    let operator = match (insn.code & !0x08, negated) {
        (op::JEQ_K, false) => "==",
        (op::JEQ_K, true) => "!=",
        (op::JGT_K, false) => ">",
        (op::JGT_K, true) => "<=",
        (op::JGE_K, false) => ">=",
        (op::JGE_K, true) => "<",
        _ => "&",
    };
    let invert = operator == "&" && negated;
    line.push(Mark::Keyword, "if");
    line.push(Mark::Plain, if invert { " !(" } else { " " });
    match a {
        Value::Field(field) => line.push(Mark::Field, spell(field, &place.word_name(field.word))),
        _ => line.push(Mark::Register, "A"),
    }
    line.push(Mark::Plain, format!(" {operator} "));
    if insn.code & 0x08 != 0 {
        line.push(Mark::Register, "X");
        match place.state.map(|s| s.x) {
            Some(Value::Field(f)) => {
                line.note(Mark::Comment, format!("X is {}", spell(f, &place.word_name(f.word))))
            }
            Some(Value::Const(k)) => line.note(Mark::Comment, format!("X is {}", number(k))),
            _ => {}
        }
    } else if operator == "&" {
        mask(line, a, insn.k, place);
    } else if insn.k == Arch::X32_BIT && insn.code != op::JEQ_K {
        // The border of the x32 numbers, rather than the first of them.
        line.push(Mark::Number, number(insn.k));
    } else if let Some(name) = place.name(a, insn.k) {
        line.push(Mark::Name, name);
    } else {
        line.push(Mark::Number, number(insn.k));
    }
    if invert {
        line.push(Mark::Plain, ")");
    }
    let stays = insn.jt == 0 && insn.jf == 0;
    let goto = |line: &mut Line, before: &str, offset: u8| {
        line.push(Mark::Keyword, format!("{before}goto"));
        line.push(Mark::Plain, " ");
        line.push(Mark::Label, target(at, u64::from(offset), len));
    };
    if stays {
        line.push(Mark::Keyword, " goto next");
        line.note(Mark::Comment, "both ways lead on");
        return;
    }
    goto(line, " ", if negated { insn.jf } else { insn.jt });
    if !negated && insn.jf != 0 {
        goto(line, " else ", insn.jf);
    }
}

/// A jump's target: an instruction's number, or `+n` where there is no such instruction.
fn target(at: usize, offset: u64, len: usize) -> String {
    let to = at as u64 + 1 + offset;
    if to < len as u64 { to.to_string() } else { format!("+{offset}") }
}

fn verdict(line: &mut Line, k: u32, place: Place<'_>) {
    let (mark, name, data) = match Action::from_ret(k) {
        Action::Allow(d) => (Mark::Permit, "allow", d),
        Action::Log(d) => (Mark::Permit, "log", d),
        Action::Notify(d) => (Mark::Ask, "notify", d),
        Action::Trace(d) => (Mark::Ask, "trace", d),
        Action::Trap(d) => (Mark::Ask, "trap", d),
        Action::KillThread(d) => (Mark::Refuse, "kill-thread", d),
        Action::KillProcess(d) => (Mark::Refuse, "kill-process", d),
        Action::Errno(Errno(e)) => {
            line.push(Mark::Refuse, "errno");
            line.push(Mark::Plain, "(");
            match place.errno_name(e) {
                Some(name) => line.push(Mark::Name, name),
                None => line.push(Mark::Number, e.to_string()),
            }
            line.push(Mark::Plain, ")");
            match e {
                0 => line.note(Mark::Comment, "the call is skipped and seems to succeed with 0"),
                4096.. => line.note(Mark::Comment, "the kernel makes this 4095"),
                _ => {}
            }
            return;
        }
        Action::Unknown(raw) => {
            line.push(Mark::Number, format!("{raw:#x}"));
            return line.note(Mark::Comment, "no action the kernel knows: kills the process");
        }
    };
    line.push(mark, name);
    if data != 0 {
        line.push(Mark::Plain, "(");
        line.push(Mark::Number, data.to_string());
        line.push(Mark::Plain, ")");
    }
}

/// An action as listings write it, with errors named for an architecture.
pub(in crate::program) fn action_text(action: Action, arch: Option<Arch>) -> String {
    let mut line = Line::default();
    verdict(&mut line, action.to_ret(), Place { state: None, home: arch });
    line.text()
}

/// A number the way it reads best: small ones decimal.
pub(in crate::program) fn number(k: u32) -> String {
    if k < 4096 { k.to_string() } else { format!("{k:#x}") }
}
