//! `explain`: the whole meaning of a filter, short enough to read.

use crate::args::Explain;
use crate::failure::{Failure, Outcome};
use crate::input::Input;
use crate::report::meaning::{self, Wanted};
use crate::say::Say;
use callgate::Syscall;
use serde_json::json;

pub(crate) fn explain(args: &Explain, say: &Say) -> Outcome {
    let input = Input::read(&args.input, &args.reading, say)?;
    let filter = input.filter()?;
    let named = |failure: Failure| Failure {
        messages: failure.messages.iter().map(|m| format!("{}: {m}", input.name)).collect(),
        ..failure
    };
    if args.as_policy.is_some() {
        args.output.text(&meaning::policy(&filter).map_err(named)?)?;
        return Ok(0);
    }
    let wanted = Wanted {
        calls: args.calls.iter().map(|c| known(c)).collect::<Result<_, _>>()?,
        arches: args.reading.arches.arch.clone(),
        list_all: args.all,
    };
    if args.json {
        let result = json!({
            "schema": "callgate/explain/1",
            "input": input.name,
            "architectures": meaning::json(&filter, &wanted).map_err(named)?,
        });
        args.output.text(&format!("{result:#}\n"))?;
        return Ok(0);
    }
    args.output.text(&meaning::text(&filter, &wanted).map_err(named)?)?;
    Ok(0)
}

pub(crate) fn known(name: &str) -> Result<Syscall, Failure> {
    Syscall::from_name(name).ok_or_else(|| Failure::input(super::emu::unknown_call(name)))
}
