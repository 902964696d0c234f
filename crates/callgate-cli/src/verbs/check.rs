//! `check`: what is wrong with policies and filters.

use crate::args::Check;
use crate::failure::{BAD_INPUT, Failure, Outcome};
use crate::input::Input;
use crate::say::Say;

pub(crate) fn check(args: &Check, say: &Say) -> Outcome {
    let mut failed = false;
    for name in &args.inputs {
        let checked = Input::read(name, &args.reading, say)
            .and_then(|input| if args.syntax_only { Ok(()) } else { input.program().map(drop) });
        if let Err(failure) = checked {
            failed = true;
            for message in failure.messages {
                say.error(&message);
            }
        }
    }
    if failed { Err(Failure::said(BAD_INPUT)) } else { Ok(0) }
}
