//! `compile`: a policy to a program, proved equal.

use crate::args::{Compile, ProgramForm};
use crate::failure::{Failure, Outcome};
use crate::input::Input;
use crate::output::Output;
use crate::say::Say;
use callgate::program::{Code, disasm};
use std::fmt::Write;

pub(crate) fn compile(args: &Compile, say: &Say) -> Outcome {
    let input = Input::read(&args.policy, &args.reading, say)?;
    let program = input.program()?;
    write_code(&Code::from(&program), args.to, &args.output)?;
    Ok(0)
}

/// Writes instructions in the form asked for.
pub(crate) fn write_code(code: &Code, form: ProgramForm, output: &Output) -> Result<(), Failure> {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = match form {
        ProgramForm::Raw => return output.binary(&code.to_bytes()),
        ProgramForm::C => {
            text.push_str("#include <linux/filter.h>\n\nstatic const struct sock_filter filter[] = {\n");
            for i in &code.insns {
                let _ = writeln!(text, "    {{ 0x{:02x}, {}, {}, 0x{:08x} }},", i.code, i.jt, i.jf, i.k);
            }
            writeln!(text, "}};")
        }
        ProgramForm::Rust => {
            let _ = writeln!(text, "const FILTER: [libc::sock_filter; {}] = [", code.insns.len());
            for i in &code.insns {
                let _ = writeln!(
                    text,
                    "    libc::sock_filter {{ code: 0x{:02x}, jt: {}, jf: {}, k: 0x{:08x} }},",
                    i.code, i.jt, i.jf, i.k
                );
            }
            writeln!(text, "];")
        }
        ProgramForm::Hex => {
            for byte in code.to_bytes() {
                let _ = write!(text, "{byte:02x}");
            }
            writeln!(text)
        }
        ProgramForm::Tcpdump => {
            let _ = writeln!(text, "{}", code.insns.len());
            for i in &code.insns {
                let _ = writeln!(text, "{} {} {} {}", i.code, i.jt, i.jf, i.k);
            }
            Ok(())
        }
        ProgramForm::Asm => write!(text, "{}", disasm::disasm(code, &disasm::Options::default())),
    };
    output.text(&text)
}
