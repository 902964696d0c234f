//! From instructions to files.

use super::bytes::to_base64;
use super::foreign::{Dialect, label, statement};
use super::{Container, Error};
use crate::program::Code;
use crate::program::check::is_conditional;
use crate::program::disasm::{Options, disasm};
use callgate_abi::insn::op;
use callgate_abi::{Arch, Insn};
use std::fmt::Write;

/// Writes a program in a wrapping, so that [`read`](super::read) gives the same instructions back.
/// `arch` is the architecture whose names the comments and listings use, as for [`disasm`]. The
/// only error is an instruction that the chosen notation cannot express.
pub fn write(code: &Code, container: Container, arch: Option<Arch>) -> Result<Vec<u8>, Error> {
    let mut out = String::new();
    let options = Options { arch, bytes: false };
    match container {
        Container::Binary => return Ok(code.to_bytes()),
        Container::C => {
            commented(&mut out, code, &options, "static const struct sock_filter filter[] = {", "};", |i| {
                format!("{{ {:#04x}, {}, {}, {:#010x} }}", i.code, i.jt, i.jf, i.k)
            });
        }
        Container::Macros => {
            commented(&mut out, code, &options, "static const struct sock_filter filter[] = {", "};", macros);
        }
        Container::Rust => {
            let head = format!("pub static FILTER: [libc::sock_filter; {}] = [", code.insns.len());
            commented(&mut out, code, &options, &head, "];", |i| {
                let Insn { code, jt, jf, k } = i;
                format!("libc::sock_filter {{ code: {code:#04x}, jt: {jt}, jf: {jf}, k: {k:#010x} }}")
            });
        }
        Container::Bytes => {
            out.push_str("static const unsigned char filter[] = {\n");
            for record in code.to_bytes().chunks(8) {
                let bytes: Vec<String> = record.iter().map(u8::to_string).collect();
                put(&mut out, format_args!("    {},\n", bytes.join(", ")));
            }
            out.push_str("};\n");
        }
        Container::Escaped => {
            out.push('"');
            code.to_bytes().iter().for_each(|b| put(&mut out, format_args!("\\x{b:02x}")));
            out.push_str("\"\n");
        }
        Container::Hex => {
            code.to_bytes().iter().for_each(|b| put(&mut out, format_args!("{b:02x}")));
            out.push('\n');
        }
        Container::Base64 => {
            out = to_base64(&code.to_bytes());
            out.push('\n');
        }
        Container::Tcpdump => {
            put(&mut out, format_args!("{}\n", code.insns.len()));
            code.insns
                .iter()
                .for_each(|i| put(&mut out, format_args!("{} {} {} {}\n", i.code, i.jt, i.jf, i.k)));
        }
        Container::XtBpf => {
            put(&mut out, format_args!("{}", code.insns.len()));
            code.insns
                .iter()
                .for_each(|i| put(&mut out, format_args!(",{} {} {} {}", i.code, i.jt, i.jf, i.k)));
            out.push('\n');
        }
        Container::Strace => {
            let insns: Vec<String> = code.insns.iter().map(macros).collect();
            put(&mut out, format_args!("[{}]\n", insns.join(", ")));
        }
        Container::SeccompTools => {
            out.push_str(" line  CODE  JT   JF      K\n=================================\n");
            columns(&mut out, code, Dialect::SeccompTools);
        }
        Container::Ceccomp => {
            out.push_str("#Label  CODE  JT   JF      K\n#---------------------------------\n");
            columns(&mut out, code, Dialect::Ceccomp);
            out.push_str("#---------------------------------\n");
        }
        Container::SeccompToolsAsm => statements(&mut out, code)?,
        Container::BpfAsm => out = super::mnemonic::write(code)?,
        Container::Asm => out = disasm(code, &options).to_string(),
    }
    Ok(out.into_bytes())
}

/// Writing to a string does not fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// An array with each instruction's meaning in a comment.
fn commented(
    out: &mut String,
    code: &Code,
    options: &Options,
    head: &str,
    tail: &str,
    show: impl Fn(&Insn) -> String,
) {
    put(out, format_args!("{head}\n"));
    let listing = disasm(code, options);
    let rows: Vec<String> = code.insns.iter().map(|i| format!("{},", show(i))).collect();
    let width = rows.iter().map(String::len).max().unwrap_or(0);
    for (at, (row, line)) in rows.iter().zip(listing.instructions()).enumerate() {
        put(out, format_args!("    {row:width$} /* {at:>4}: {} */\n", line.text()));
    }
    put(out, format_args!("{tail}\n"));
}

/// `BPF_STMT` or `BPF_JUMP`.
fn macros(insn: &Insn) -> String {
    let code = opcode(insn.code).unwrap_or_else(|| format!("{:#04x}", insn.code));
    if is_conditional(insn.code) || insn.jt != 0 || insn.jf != 0 {
        format!("BPF_JUMP({code}, {:#x}, {}, {})", insn.k, insn.jt, insn.jf)
    } else {
        format!("BPF_STMT({code}, {:#x})", insn.k)
    }
}

/// An admitted opcode in the header's words.
fn opcode(code: u16) -> Option<String> {
    let source = if code & 0x08 != 0 { "BPF_X" } else { "BPF_K" };
    let alu = |name: &str| Some(format!("BPF_ALU | {name} | {source}"));
    let jump = |name: &str| Some(format!("BPF_JMP | {name} | {source}"));
    let fixed = |text: &str| Some(text.to_string());
    match code {
        op::LD_ABS => fixed("BPF_LD | BPF_W | BPF_ABS"),
        op::LD_LEN => fixed("BPF_LD | BPF_W | BPF_LEN"),
        op::LD_IMM => fixed("BPF_LD | BPF_IMM"),
        op::LD_MEM => fixed("BPF_LD | BPF_MEM"),
        op::LDX_LEN => fixed("BPF_LDX | BPF_W | BPF_LEN"),
        op::LDX_IMM => fixed("BPF_LDX | BPF_IMM"),
        op::LDX_MEM => fixed("BPF_LDX | BPF_MEM"),
        op::ST => fixed("BPF_ST"),
        op::STX => fixed("BPF_STX"),
        op::NEG => fixed("BPF_ALU | BPF_NEG"),
        op::RET_K => fixed("BPF_RET | BPF_K"),
        op::RET_A => fixed("BPF_RET | BPF_A"),
        op::TAX => fixed("BPF_MISC | BPF_TAX"),
        op::TXA => fixed("BPF_MISC | BPF_TXA"),
        op::JA => fixed("BPF_JMP | BPF_JA"),
        _ => match code & !0x08 {
            op::ADD_K => alu("BPF_ADD"),
            op::SUB_K => alu("BPF_SUB"),
            op::MUL_K => alu("BPF_MUL"),
            op::DIV_K => alu("BPF_DIV"),
            op::OR_K => alu("BPF_OR"),
            op::AND_K => alu("BPF_AND"),
            op::LSH_K => alu("BPF_LSH"),
            op::RSH_K => alu("BPF_RSH"),
            op::XOR_K => alu("BPF_XOR"),
            op::JEQ_K => jump("BPF_JEQ"),
            op::JGT_K => jump("BPF_JGT"),
            op::JGE_K => jump("BPF_JGE"),
            op::JSET_K => jump("BPF_JSET"),
            _ => None,
        },
    }
}

/// The four hexadecimal columns; the words beside them are for reading.
fn columns(out: &mut String, code: &Code, dialect: Dialect) {
    for (at, insn) in code.insns.iter().enumerate() {
        let words =
            statement(code, at, dialect).unwrap_or_else(|| "# no instruction seccomp knows".to_string());
        let label = label(at as u64, dialect);
        let Insn { code, jt, jf, k } = insn;
        put(out, format_args!(" {label}: {code:#04x} {jt:#04x} {jf:#04x} {k:#010x}  {words}\n"));
    }
}

/// Statements alone, where each says all there is to its instruction.
fn statements(out: &mut String, code: &Code) -> Result<(), Error> {
    for (at, insn) in code.insns.iter().enumerate() {
        let text = statement(code, at, Dialect::SeccompTools).filter(|_| {
            // `goto 0007` names a line, which must exist.
            let jumps = is_conditional(insn.code) || insn.code == op::JA;
            let far = if insn.code == op::JA { u64::from(insn.k) } else { u64::from(insn.jt.max(insn.jf)) };
            let inside = !jumps || at as u64 + 1 + far < code.insns.len() as u64;
            inside && whole(insn)
        });
        let text = text.ok_or_else(|| {
            let message = format!("instruction {at} cannot be written for seccomp-tools");
            Error::at(1, 1, message).help("choose a notation that shows every field")
        })?;
        put(out, format_args!(" {}: {text}\n", label(at as u64, Dialect::SeccompTools)));
    }
    Ok(())
}

/// Whether the instruction has nothing in the fields which its statement does not show.
pub(super) fn whole(insn: &Insn) -> bool {
    let jumps = is_conditional(insn.code);
    let from_x = insn.code & 0x08 != 0 && (jumps || insn.code & 0x07 == 0x04);
    let needs_no_k =
        from_x || matches!(insn.code, op::LD_LEN | op::LDX_LEN | op::NEG | op::RET_A | op::TAX | op::TXA);
    (jumps || (insn.jt == 0 && insn.jf == 0)) && !(needs_no_k && insn.k != 0)
}
