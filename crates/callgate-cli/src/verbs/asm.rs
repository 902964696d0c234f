//! `asm`: a program from an assembler's text, or from any other wrapping.

use super::compile::write_code;
use crate::args::Asm;
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::say::Say;
use callgate::program::container::{self, Container, ReadOptions};

pub(crate) fn asm(args: &Asm, say: &Say) -> Outcome {
    let (name, text) = input::text_of(&args.input)?;
    let arch = args.arches.arch.first().copied();
    let container = match container::detect(text.as_bytes()).map(|d| d.container) {
        // A text for no assembler is another wrapping; what cannot be told is for ours.
        Some(other) if other != Container::SeccompToolsAsm => other,
        _ => Container::Asm,
    };
    let options = ReadOptions { container: Some(container), arch, endian: None };
    let read = container::read(text.as_bytes(), &options).map_err(|errors| {
        Failure::all(crate::failure::BAD_INPUT, errors.iter().map(|e| format!("{name}:{e}")).collect())
    })?;
    let code = read.code;
    if let Err(e) = code.clone().check() {
        let refused = format!("{name}: the kernel would refuse this program: {e}");
        if !args.force {
            return Err(Failure::input(format!("{refused} (--force writes it all the same)")));
        }
        say.line(&format!("callgate: {refused}"));
    }
    write_code(&code, args.to, arch, &args.output)?;
    Ok(0)
}
