//! `optimize`: a shorter program that means the same, proved.

use super::compile::write_code;
use crate::args::Optimize;
use crate::failure::Outcome;
use crate::input::Input;
use crate::say::Say;
use callgate::program::Code;

pub(crate) fn optimize(args: &Optimize, say: &Say) -> Outcome {
    let input = Input::read(&args.input, &args.reading, say)?;
    let program = input.program()?;
    let tuned = args.tuning.read()?;
    let filter = program.lift().map_err(|e| input.failure(e))?;
    let better = tuned.emit(&filter, program.endian()).map_err(|e| input.failure(e))?;
    let (before, after) = (program.len(), better.len());
    if args.tuning.is_given() {
        // Speed was asked for, which may cost instructions.
        say.line(&format!("callgate: {}: {before} -> {after} instructions, proved equal", input.name));
        write_code(&Code::from(&better), args.to, input.arch(), &args.output)?;
    } else if after < before {
        say.line(&format!("callgate: {}: {before} -> {after} instructions, proved equal", input.name));
        write_code(&Code::from(&better), args.to, input.arch(), &args.output)?;
    } else {
        say.line(&format!("callgate: {}: {before} instructions, none to be gained", input.name));
        write_code(&Code::from(&program), args.to, input.arch(), &args.output)?;
    }
    Ok(0)
}
