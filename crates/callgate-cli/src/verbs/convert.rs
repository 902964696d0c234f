//! `convert`: a policy in another notation, lossless or loud.

use super::compile::write_code;
use crate::args::Convert;
use crate::failure::{FINDINGS, Failure, Outcome};
use crate::input::{From, Input, Kind};
use crate::output::{Output, print};
use crate::report::words;
use crate::say::Say;
use callgate::program::Code;
use callgate::program::container::{self, Container};
use callgate::{Arch, Policy};
use callgate_formats::{Accept, Effect, Export, Format, Loss, Options, Place, Witness};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::fmt::Write as _;

/// What to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    to: From,
    /// Seccompiler's keys by their first names.
    first_keys: bool,
}

/// The target of this name.
pub(crate) fn target(name: &str) -> Result<Target, String> {
    let first_keys = matches!(name, "firecracker" | "seccompiler-old");
    let to = match name {
        "seccompiler-old" => From::Format(Format::Seccompiler),
        "disasm" => From::Container(Container::SeccompTools),
        name => match crate::input::from(name)? {
            // A constant for a program is a file of its own here, not the array alone.
            From::Container(Container::C) => From::Format(Format::C),
            From::Container(Container::Rust) => From::Format(Format::Rust),
            From::Format(Format::Bpf) => From::Container(Container::Binary),
            to => to,
        },
    };
    match to {
        From::Format(format) if !format.is_written() => {
            Err(format!("{} is read, but not written; `callgate help formats` lists what is", format.name()))
        }
        to => Ok(Target { to, first_keys }),
    }
}

/// The formats, as they are typed: whether they are read and written, and what each is.
pub(crate) fn rows() -> Vec<(&'static str, &'static str, String)> {
    let mut rows = Vec::new();
    let mut row = |name, marks, what: &str| {
        rows.push((name, marks, what.trim_end_matches('.').replace('`', "")));
    };
    for format in Format::ALL {
        let marks = match (format.is_read(), format.is_written()) {
            (true, true) => "rw",
            (true, false) => "r",
            (false, _) => " w",
        };
        let name = if *format == Format::Callgate { "cg" } else { format.name() };
        // The forms of programs come last.
        let is_form = Container::from_name(name).is_some() && !matches!(format, Format::C | Format::Rust);
        if !is_form && !matches!(format, Format::Bpf) {
            row(name, marks, format.describe());
        }
        if *format == Format::Seccompiler {
            row("seccompiler-old", " w", "The same, with the keys Firecracker's tools take.");
        }
    }
    for container in Container::ALL {
        if !matches!(container, Container::C | Container::Rust) {
            let name = if *container == Container::Binary { "raw" } else { container.name() };
            row(name, "rw", container.describe());
        }
    }
    rows
}

/// What can be written, each with what it is.
pub(crate) fn targets() -> impl Iterator<Item = (&'static str, String)> {
    rows().into_iter().filter(|(_, marks, _)| marks.contains('w')).map(|(name, _, what)| (name, what))
}

/// The help's end.
pub(crate) fn after_help() -> String {
    let names: Vec<&str> = targets().map(|t| t.0).collect();
    format!(
        "FORMAT is one of {}; `callgate help formats` says what each is.\n\
         What FORMAT cannot say is listed with its place, its effect and a call that shows it, and nothing \
         is written unless --lossy or --allow-weaker accepts that.\n\n\
         Examples:\n  callgate convert docker.json -t systemd --lossy\n  callgate convert web.cg -t c -o web_filter.h\n",
        names.join(", ")
    )
}

pub(crate) fn convert(args: &Convert, say: &Say) -> Outcome {
    let input = Input::read(&args.input, &args.reading, say)?;
    let name = args.name.as_deref();
    reading_is_accepted(args, &input)?;
    let format = match args.to.to {
        From::Container(form) => {
            input.leave_on_lines(say);
            let code = Code::from(&input.program()?);
            if args.json {
                let bytes = container::write(&code, form, input.arch()).map_err(Failure::input)?;
                return finish(args, say, &input, form.name(), Export { bytes, losses: Vec::new() });
            }
            write_code(&code, form, input.arch(), &args.output)?;
            return Ok(0);
        }
        From::Format(format) => format,
    };
    let is_code = matches!(format, Format::C | Format::Rust);
    if is_code && input.policies().len() != 1 {
        let export = callgate_formats::write_program(input.program()?, format, name, Some(&input.name));
        return finish(args, say, &input, format.name(), export.map_err(Failure::input)?);
    }
    let policy = one_policy(&input)?;
    if format == Format::Callgate && !input.on_lines().is_empty() {
        let bytes = callgate::syntax::print_with(&policy, input.on_lines(), input.if_lost()).into_bytes();
        return finish(args, say, &input, format.name(), Export { bytes, losses: Vec::new() });
    }
    let mut options = Options {
        file: Some(input.name.as_str().into()),
        // What is accepted is looked at below.
        accept: Accept::Any,
        runtime: args.reading.as_runtime,
        kernel: args.reading.kernel,
        caps: args.reading.caps.clone(),
        pick: name.map(Into::into),
        first_keys: args.to.first_keys,
        ..Options::default()
    };
    let said = args.reading.arches.arch.first().copied();
    if let Some(host) = said.or_else(|| callgate_formats::main_arch(&policy)) {
        options.host = host;
    }
    if let Kind::Foreign(import) = &input.kind {
        options.flags = import.flags;
        options.listener = import.listener.clone();
    }
    let mut export = callgate_formats::write(&policy, format, &options).map_err(Failure::input)?;
    export.losses.extend(input.on_lines().iter().map(|line| Loss {
        file: line.rule.origin.file.clone(),
        place: Place::line(line.rule.origin.line),
        what: "`on` lines are not said: another supervisor must answer".into(),
        effect: Effect::Different,
        witness: None,
    }));
    finish(args, say, &input, format.name(), export)
}

/// Writes a policy in a notation, with the losses that the options accept.
pub(super) fn write(
    policy: &Policy,
    format: Format,
    options: &Options,
    output: &Output,
    say: &Say,
) -> Result<(), Failure> {
    let export = callgate_formats::write(policy, format, options).map_err(Failure::input)?;
    for loss in &export.losses {
        say.line(&sentence(loss, "the policy", format.name()));
    }
    output.bytes(&export.bytes)
}

/// Which losses the user accepts.
fn accept(args: &Convert) -> Accept {
    match (args.lossy, args.allow_weaker) {
        (_, true) => Accept::Any,
        (true, false) => Accept::NotWeaker,
        (false, false) => Accept::Lossless,
    }
}

/// What a reader leaves out makes the result as little the file's as what a writer does. Who asks for unknown names
/// to be left out has been told of them.
fn reading_is_accepted(args: &Convert, input: &Input) -> Result<(), Failure> {
    let Kind::Foreign(import) = &input.kind else { return Ok(()) };
    // Losses that make nothing weaker are as the file's own tool would have it.
    let accept = accept(args).max(Accept::NotWeaker);
    let refused = import.losses.iter().filter(|l| !accept.accepts(l.effect)).count();
    if refused == 0 || args.reading.ignore_unknown {
        return Ok(());
    }
    let message = format!(
        "{}: not converted: what could not be read makes the result weaker; --allow-weaker accepts that",
        input.name
    );
    Err(Failure::new(FINDINGS, message))
}

/// Writes the result, if its losses are accepted.
fn finish(args: &Convert, say: &Say, input: &Input, format: &str, export: Export) -> Outcome {
    let accept = accept(args);
    let refused = export.losses.iter().filter(|l| !accept.accepts(l.effect)).count();
    let weaker = export.losses.iter().filter(|l| l.effect == Effect::Weaker).count();
    if !args.json {
        for loss in &export.losses {
            say.line(&sentence(loss, &input.name, format));
        }
        if refused == 0 {
            args.output.bytes(&export.bytes)?;
        }
    } else {
        let to_file = args.output.output.is_some();
        if refused == 0 && to_file {
            args.output.bytes(&export.bytes)?;
        }
        let text = export.text().filter(|_| refused == 0 && !to_file);
        let bytes = (refused == 0 && !to_file && text.is_none()).then(|| hex(&export.bytes));
        let report = json!({
            "schema": "callgate/convert/1",
            "input": input.name,
            "from": input.format,
            "to": format,
            "written": refused == 0,
            "losses": export.losses.iter().map(|l| loss_json(l, &input.name)).collect::<Vec<_>>(),
            "text": text,
            "hex": bytes,
        });
        print(&format!("{report:#}\n"))?;
    }
    if refused == 0 {
        return Ok(0);
    }
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "es" });
    let of_them = match weaker {
        0 => String::new(),
        n if n == export.losses.len() => ", and weaker".into(),
        n => format!(", {n} of them weaker"),
    };
    let advice = if args.lossy {
        "--allow-weaker accepts what lets calls through that the policy refuses"
    } else if weaker > 0 {
        "--lossy accepts what makes nothing weaker, --allow-weaker everything"
    } else {
        "--lossy accepts them"
    };
    say.error(&format!(
        "{}: not written as {format}: {}{of_them}; {advice}",
        input.name,
        count(export.losses.len(), "loss")
    ));
    Ok(FINDINGS)
}

/// `callgate: web.cg:7: kafel: socket on x86_64: errno(EPERM) becomes kill (different), as socket(…) on x86_64`.
fn sentence(loss: &Loss, input: &str, format: &str) -> String {
    let loss = Loss {
        file: loss.file.clone().or_else(|| Some(input.into())),
        what: format!("{format}: {}", loss.what),
        ..loss.clone()
    };
    let witness = loss.witness.map_or_else(String::new, |w| format!(", as {}", words::call(&w.call)));
    format!("callgate: {loss}{witness}")
}

fn loss_json(loss: &Loss, input: &str) -> Value {
    json!({
        "file": loss.file.as_deref().unwrap_or(input),
        "line": (loss.place.line != 0).then_some(loss.place.line),
        "path": loss.place.path.as_deref(),
        "what": loss.what,
        "effect": loss.effect.to_string(),
        "witness": loss.witness.map(|w| witness_json(&w)),
    })
}

fn witness_json(witness: &Witness) -> Value {
    let arch = Arch::of_call(witness.call.arch, witness.call.nr);
    json!({
        "call": words::call_json(&witness.call),
        "text": words::call(&witness.call),
        "before": words::action(witness.before, arch),
        "now": words::action(witness.now, arch),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The one policy an input is: a program or a stack is rendered.
fn one_policy(input: &Input) -> Result<Cow<'_, Policy>, Failure> {
    if let [policy] = input.policies()[..] {
        return Ok(Cow::Borrowed(policy));
    }
    let rendered = input.filter()?.render().map_err(|e| input.failure(e))?;
    Ok(Cow::Owned(rendered.policy))
}
