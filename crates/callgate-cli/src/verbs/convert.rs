//! `convert`: a policy in another notation, lossless or loud.

use super::compile::write_code;
use crate::args::Convert;
use crate::failure::{Failure, Outcome};
use crate::input::{From, Input, Kind};
use crate::output::Output;
use crate::say::Say;
use callgate::Policy;
use callgate::program::Code;
use callgate_formats::{Accept, Format, Options};
use std::borrow::Cow;

pub(crate) fn convert(args: &Convert, say: &Say) -> Outcome {
    let input = Input::read(&args.input, &args.reading, say)?;
    let format = match args.to {
        From::Container(form) => {
            input.leave_on_lines(say);
            write_code(&Code::from(&input.program()?), form, input.arch(), &args.output)?;
            return Ok(0);
        }
        From::Format(format) => format,
    };
    let policy = one_policy(&input, say)?;
    if format == Format::Callgate {
        args.output.text(&callgate::syntax::print_with(&policy, input.on_lines()))?;
        return Ok(0);
    }
    if let Some(line) = input.on_lines().first() {
        let loss = format!(
            "{}: {} has no `on` lines: another supervisor must answer",
            line.rule.origin,
            format.name()
        );
        if !args.lossy && !args.weaker {
            let mut failure = Failure::input(loss);
            failure
                .messages
                .push("--lossy accepts what makes nothing weaker, --weaker everything".to_owned());
            return Err(failure);
        }
        say.error(&loss);
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
    write(&policy, format, &options, &args.output, say)?;
    Ok(0)
}

/// Writes a policy in a notation.
pub(super) fn write(
    policy: &Policy,
    format: Format,
    options: &Options,
    output: &Output,
    say: &Say,
) -> Result<(), Failure> {
    if format == Format::Callgate {
        return output.text(&callgate::syntax::print(policy));
    }
    let export = callgate_formats::write(policy, format, options).map_err(|e| {
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
    output.bytes(&export.bytes)
}

/// The one policy an input is: a program or a stack is rendered.
fn one_policy<'a>(input: &'a Input, say: &Say) -> Result<Cow<'a, Policy>, Failure> {
    if let [policy] = input.policies()[..] {
        return Ok(Cow::Borrowed(policy));
    }
    let rendered = input.filter()?.render().map_err(|e| input.failure(e))?;
    if !rendered.exact {
        say.line("callgate: differs only for argument bits that no 32-bit architecture delivers");
    }
    Ok(Cow::Owned(rendered.policy))
}
