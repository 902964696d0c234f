//! `convert`: a policy in another notation, lossless or loud.

use super::compile::write_code;
use crate::args::Convert;
use crate::failure::{Failure, Outcome};
use crate::input::{From, Input, Kind};
use crate::say::Say;
use callgate::Policy;
use callgate::program::Code;
use callgate_formats::{Accept, Format, Options};
use std::borrow::Cow;

pub(crate) fn convert(args: &Convert, say: &Say) -> Outcome {
    let input = Input::read(&args.input, &args.reading, say)?;
    let format = match args.to {
        From::Container(form) => {
            write_code(&Code::from(&input.program()?), form, input.arch(), &args.output)?;
            return Ok(0);
        }
        From::Format(format) => format,
    };
    let policy = one_policy(&input)?;
    if format == Format::Callgate {
        args.output.text(&callgate::syntax::print(&policy))?;
        return Ok(0);
    }
    let mut options = Options {
        file: Some(input.name.as_str().into()),
        accept: match (args.lossy, args.weaker) {
            (_, true) => Accept::Any,
            (true, false) => Accept::NotWeaker,
            (false, false) => Accept::Lossless,
        },
        runtime: args.reading.as_runtime,
        kernel: args.reading.kernel,
        caps: args.reading.caps.clone(),
        pick: args.name.as_deref().map(Into::into),
        ..Options::default()
    };
    if let Some(&host) = args.reading.arches.arch.first().or(policy.arches.first()) {
        options.host = host;
    }
    if let Kind::Foreign(import) = &input.kind {
        options.flags = import.flags;
        options.listener = import.listener.clone();
    }
    let export = callgate_formats::write(&policy, format, &options).map_err(|e| {
        let advice = match options.accept {
            Accept::Lossless => "--lossy accepts what makes nothing weaker, --weaker everything",
            Accept::NotWeaker => "--weaker accepts what lets calls through that the policy refuses",
            Accept::Any => "",
        };
        let mut failure = Failure::input(e);
        failure.messages.extend((!advice.is_empty()).then(|| advice.to_owned()));
        failure
    })?;
    for loss in &export.losses {
        say.line(&format!("callgate: {}: {loss}", format.name()));
    }
    args.output.bytes(&export.bytes)?;
    Ok(0)
}

/// The one policy an input is: a program or a stack is rendered.
fn one_policy(input: &Input) -> Result<Cow<'_, Policy>, Failure> {
    if let [policy] = input.policies()[..] {
        return Ok(Cow::Borrowed(policy));
    }
    let rendered = input.filter()?.render().map_err(|e| input.failure(e))?;
    Ok(Cow::Owned(rendered.policy))
}
