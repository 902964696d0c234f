//! The policy that comes out.

use super::review::Terminal;
use crate::args::Learn;
use crate::failure::Failure;
use crate::input::From;
use crate::say::Say;
use crate::verbs::compile::write_code;
use crate::verbs::convert;
use callgate::program::Code;
use callgate::{Action, Policy};
use callgate_formats::{Accept, Format, Options};
use callgate_trace::learn::{DraftError, Recording, Style, draft, permits};

/// That what is asked for can be made, found out before the command runs rather than when it has.
pub(super) fn possible(args: &Learn) -> Result<(), Failure> {
    if args.review {
        Terminal::open()?;
    }
    if let Some(From::Format(format)) = args.format
        && format != Format::Callgate
    {
        let nothing = Policy::new(Action::KILL_PROCESS);
        let options = Options { accept: Accept::Any, ..Options::default() };
        callgate_formats::write(&nothing, format, &options).map_err(Failure::input)?;
    }
    Ok(())
}

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
    let text = if args.review { Terminal::open()?.review(&draft.text, say.color())? } else { draft.text };
    let format = match args.format {
        None | Some(From::Format(Format::Callgate)) => return args.output.text(&text),
        Some(format) => format,
    };
    let policy = Policy::parse(&text).map_err(Failure::input)?;
    match format {
        From::Container(form) => {
            let program = policy.compile().map_err(Failure::input)?;
            write_code(&Code::from(&program), form, policy.arches.first().copied(), &args.output)
        }
        From::Format(format) => {
            let mut options = Options::default();
            if let Some(host) = callgate_formats::main_arch(&policy) {
                options.host = host;
            }
            if callgate_formats::write(&policy, format, &options).is_err() {
                options.accept = Accept::NotWeaker;
                let export = callgate_formats::write(&policy, format, &options);
                let export = export.map_err(Failure::input)?;
                comes_back(&export.bytes, format, &options, recording)?;
            }
            convert::write(&policy, format, &options, &args.output, say)
        }
    }
}

/// That what was written with losses permits all that was recorded.
fn comes_back(bytes: &[u8], format: Format, options: &Options, recording: &Recording) -> Result<(), Failure> {
    let read = callgate_formats::read(&String::from_utf8_lossy(bytes), format, options);
    let import = read.map_err(Failure::input)?;
    let name = format.name();
    // Of a stack, every policy must permit a call.
    import.policies.iter().try_for_each(|named| permits(&named.policy, recording)).map_err(|e| {
        Failure::input(format!("{name} cannot say what the policy says: {e}; `callgate convert` says more"))
    })
}
