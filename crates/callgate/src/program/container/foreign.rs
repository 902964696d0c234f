//! Instructions in the words of other tools' assemblers.

use crate::program::Code;
use crate::program::check::is_conditional;
use crate::program::disasm::flow::is_arithmetic;
use callgate_abi::insn::op;
use callgate_abi::{Action, Insn, Word};

/// Whose words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dialect {
    SeccompTools,
    Ceccomp,
}

/// The statement for the instruction at `at`; `None` where the dialect has none.
pub(super) fn statement(code: &Code, at: usize, dialect: Dialect) -> Option<String> {
    let insn = code.insns[at];
    let k = insn.k;
    let (a, x) = match dialect {
        Dialect::SeccompTools => ("A", "X"),
        Dialect::Ceccomp => ("$A", "$X"),
    };
    let mem = |k: u32| match dialect {
        Dialect::SeccompTools => format!("mem[{k}]"),
        Dialect::Ceccomp => format!("$mem[{k:#x}]"),
    };
    let length = if dialect == Dialect::Ceccomp { "$scmp_data_len" } else { "len" };
    Some(match insn.code {
        op::LD_ABS => format!("{a} = {}", word(Word::from_offset(k, code.endian)?, dialect)),
        op::LD_LEN => format!("{a} = {length}"),
        op::LDX_LEN => format!("{x} = {length}"),
        op::LD_IMM => format!("{a} = {k:#x}"),
        op::LDX_IMM => format!("{x} = {k:#x}"),
        op::LD_MEM => format!("{a} = {}", mem(k)),
        op::LDX_MEM => format!("{x} = {}", mem(k)),
        op::ST => format!("{} = {a}", mem(k)),
        op::STX => format!("{} = {x}", mem(k)),
        op::TAX => format!("{x} = {a}"),
        op::TXA => format!("{a} = {x}"),
        op::NEG => format!("{a} = -{a}"),
        code if is_arithmetic(code) => {
            let operand = if code & 0x08 != 0 { x.to_string() } else { format!("{k:#x}") };
            format!("{a} {} {operand}", operator(code))
        }
        op::JA => format!("goto {}", label(at as u64 + 1 + u64::from(k), dialect)),
        jump if is_conditional(jump) => condition(&insn, at, dialect, a, x),
        op::RET_A => format!("return {a}"),
        op::RET_K => format!("return {}", verdict(k, dialect)),
        _ => return None,
    })
}

fn word(word: Word, dialect: Dialect) -> String {
    let tools = dialect == Dialect::SeccompTools;
    match word.arg() {
        None if word == Word::ARCH => if tools { "arch" } else { "$arch" }.to_string(),
        None => if tools { "sys_number" } else { "$syscall_nr" }.to_string(),
        Some((6, high)) => match (tools, high) {
            (true, true) => "instruction_pointer >> 32".to_string(),
            (true, false) => "instruction_pointer".to_string(),
            (false, true) => "$high_pc".to_string(),
            (false, false) => "$low_pc".to_string(),
        },
        Some((i, high)) if tools => format!("args[{i}]{}", if high { " >> 32" } else { "" }),
        Some((i, high)) => format!("${}_args[{i}]", if high { "high" } else { "low" }),
    }
}

fn operator(code: u16) -> &'static str {
    match code & !0x08 {
        op::ADD_K => "+=",
        op::SUB_K => "-=",
        op::MUL_K => "*=",
        op::DIV_K => "/=",
        op::OR_K => "|=",
        op::AND_K => "&=",
        op::LSH_K => "<<=",
        op::RSH_K => ">>=",
        _ => "^=",
    }
}

/// The name of a line: four digits from 0, or `L` and four digits from 1.
pub(super) fn label(at: u64, dialect: Dialect) -> String {
    match dialect {
        Dialect::SeccompTools => format!("{at:04}"),
        Dialect::Ceccomp => format!("L{:04}", at + 1),
    }
}

fn condition(insn: &Insn, at: usize, dialect: Dialect, a: &str, x: &str) -> String {
    let to = |offset: u8| label(at as u64 + 1 + u64::from(offset), dialect);
    let operand = if insn.code & 0x08 != 0 { x.to_string() } else { format!("{:#x}", insn.k) };
    let negated = insn.jt == 0;
    let test = match (insn.code & !0x08, negated) {
        (op::JEQ_K, false) => format!("({a} == {operand})"),
        (op::JEQ_K, true) => format!("({a} != {operand})"),
        (op::JGT_K, false) => format!("({a} > {operand})"),
        (op::JGT_K, true) => format!("({a} <= {operand})"),
        (op::JGE_K, false) => format!("({a} >= {operand})"),
        (op::JGE_K, true) => format!("({a} < {operand})"),
        (_, false) => format!("({a} & {operand})"),
        (_, true) if dialect == Dialect::Ceccomp => format!("!({a} & {operand})"),
        (_, true) => format!("(!({a} & {operand}))"),
    };
    let comma = if dialect == Dialect::Ceccomp { "," } else { "" };
    if negated || insn.jf == 0 {
        let offset = if negated { insn.jf } else { insn.jt };
        return format!("if {test} goto {}", to(offset));
    }
    format!("if {test} goto {}{comma} else goto {}", to(insn.jt), to(insn.jf))
}

fn verdict(k: u32, dialect: Dialect) -> String {
    let (name, data) = match Action::from_ret(k) {
        Action::KillProcess(d) => ("KILL_PROCESS", d),
        Action::KillThread(d) => ("KILL", d),
        Action::Trap(d) => ("TRAP", d),
        Action::Errno(e) => return format!("ERRNO({})", e.0),
        Action::Notify(d) if dialect == Dialect::Ceccomp => ("NOTIFY", d),
        Action::Notify(d) => ("USER_NOTIF", d),
        Action::Trace(d) => ("TRACE", d),
        Action::Log(d) => ("LOG", d),
        Action::Allow(d) => ("ALLOW", d),
        Action::Unknown(raw) => return format!("{raw:#x}"),
    };
    if data == 0 { name.to_string() } else { format!("{name}({data})") }
}
