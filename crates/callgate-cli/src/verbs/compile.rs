//! `compile`: a policy to a program, proved equal.

use crate::args::Compile;
use crate::failure::{Failure, Outcome};
use crate::input::Input;
use crate::output::Output;
use crate::say::Say;
use callgate::Arch;
use callgate::program::Code;
use callgate::program::container::{self, Container};

pub(crate) fn compile(args: &Compile, say: &Say) -> Outcome {
    let input = Input::read(&args.policy, &args.reading, say)?;
    let program = input.tuned(&args.tuning)?;
    input.leave_on_lines(say);
    write_code(&Code::from(&program), args.to, input.arch(), &args.output)?;
    Ok(0)
}

/// Writes instructions in the form asked for; `arch` is whose names its comments use.
pub(crate) fn write_code(
    code: &Code,
    form: Container,
    arch: Option<Arch>,
    output: &Output,
) -> Result<(), Failure> {
    let bytes = container::write(code, form, arch).map_err(Failure::input)?;
    match form {
        Container::Binary => output.binary(&bytes),
        _ => output.bytes(&bytes),
    }
}
