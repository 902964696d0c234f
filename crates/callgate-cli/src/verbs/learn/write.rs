//! The policy that comes out.

use crate::args::Learn;
use crate::failure::Failure;
use crate::input::From;
use crate::say::Say;
use crate::verbs::compile::write_code;
use crate::verbs::convert;
use callgate::Policy;
use callgate::program::Code;
use callgate_formats::{Format, Options};
use callgate_trace::learn::{DraftError, Recording, Style, draft};

/// Writes the policy a recording comes to.
pub(super) fn policy(args: &Learn, recording: &Recording, say: &Say) -> Result<(), Failure> {
    let style = Style { default: args.default.clone(), margin: args.margin, generalise: args.generalise };
    let draft = draft(recording, &style).map_err(|e| match e {
        DraftError::Empty => Failure::input("no calls were recorded, so there is no policy to write"),
        e => Failure::input(e),
    })?;
    for (arch, nr) in &draft.unknown {
        say.line(&format!("callgate: call {nr} on {} is in no table: not permitted", arch.name()));
    }
    let format = match args.format {
        None | Some(From::Format(Format::Callgate)) => return args.output.text(&draft.text),
        Some(format) => format,
    };
    let policy = Policy::parse(&draft.text).map_err(Failure::input)?;
    match format {
        From::Container(form) => {
            let program = policy.compile().map_err(Failure::input)?;
            write_code(&Code::from(&program), form, policy.arches.first().copied(), &args.output)
        }
        From::Format(format) => {
            let mut options = Options::default();
            if let Some(host) = policy.arches.first() {
                options.host = *host;
            }
            convert::write(&policy, format, &options, &args.output, say)
        }
    }
}
