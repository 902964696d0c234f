//! `asm`: a program from text.

use super::compile::write_code;
use crate::args::Asm;
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::say::Say;
use callgate::program::asm::{Options, assemble};

pub(crate) fn asm(args: &Asm, say: &Say) -> Outcome {
    let (name, text) = input::text_of(&args.input)?;
    let options = Options { arch: args.arches.arch.first().copied(), endian: None };
    let code = assemble(&text, &options).map_err(|errors| Failure {
        code: crate::failure::BAD_INPUT,
        messages: errors.iter().map(|e| format!("{name}:{e}")).collect(),
    })?;
    if let Err(e) = code.clone().check() {
        let refused = format!("{name}: the kernel would refuse this program: {e}");
        if !args.force {
            return Err(Failure::input(format!("{refused} (--force writes it all the same)")));
        }
        say.line(&format!("callgate: {refused}"));
    }
    write_code(&code, args.to, options.arch, &args.output)?;
    Ok(0)
}
