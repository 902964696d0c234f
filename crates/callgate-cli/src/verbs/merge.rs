//! `merge`: a stack of filters as one program, proved equal to the stack.

use super::compile::write_code;
use crate::args::Merge;
use crate::failure::{Failure, Outcome};
use crate::input::Input;
use crate::say::Say;
use callgate::abi::Endian;
use callgate::program::Code;

pub(crate) fn merge(args: &Merge, say: &Say) -> Outcome {
    let tuned = args.tuning.read()?;
    let mut all = None;
    let (mut endian, mut instructions) = (None, 0);
    for name in &args.inputs {
        let input = Input::read(name, &args.reading, say)?;
        let program = input.program()?;
        input.leave_on_lines(say);
        instructions += program.len();
        if *endian.get_or_insert(program.endian()) != program.endian() {
            return Err(input.failure("is for the other byte order than the inputs before it"));
        }
        let filter = input.filter()?;
        all = Some(match all {
            None => filter,
            Some(all) => callgate::Filter::stack(&all, &filter).map_err(|e| input.failure(e))?,
        });
    }
    let Some(all) = all else { return Err(Failure::input("nothing to merge")) };
    if args.policy {
        let rendered = all.render().map_err(Failure::input)?;
        args.output.text(&callgate::syntax::print(&rendered.policy))?;
        return Ok(0);
    }
    let merged = tuned.emit(&all, endian.unwrap_or(Endian::Little)).map_err(Failure::input)?;
    say.line(&format!(
        "callgate: {} inputs, {instructions} instructions -> {} instructions, proved equal to the stack",
        args.inputs.len(),
        merged.len()
    ));
    write_code(&Code::from(&merged), args.to, args.reading.arches.arch.first().copied(), &args.output)?;
    Ok(0)
}
