//! `disasm`: a program's instructions, with names.

use crate::args::Disasm;
use crate::failure::Outcome;
use crate::input::{Input, Kind};
use crate::say::Say;
use callgate::program::{Code, disasm as listing};

pub(crate) fn disasm(args: &Disasm, say: &Say) -> Outcome {
    let input = Input::read(&args.input, &args.reading, say)?;
    let code = match &input.kind {
        Kind::Code(code) => code.clone(),
        _ => Code::from(&input.program()?),
    };
    let options = listing::Options { arch: args.reading.arches.arch.first().copied(), bytes: args.bytes };
    let listing = listing::disasm(&code, &options);
    let color = args.output.output.is_none() && say.color_results();
    let text = if color { listing.styled(paint) } else { listing.to_string() };
    args.output.text(&text)?;
    Ok(0)
}

fn paint(mark: listing::Mark, text: &str) -> String {
    use listing::Mark;
    let style = match mark {
        Mark::Plain | Mark::Number => return text.to_owned(),
        Mark::Label | Mark::Bytes | Mark::Comment => "2",
        Mark::Keyword => "34",
        Mark::Register => "33",
        Mark::Field => "36",
        Mark::Name => "35",
        Mark::Permit => "32",
        Mark::Ask => "33",
        Mark::Refuse | Mark::Error => "31",
        _ => return text.to_owned(),
    };
    format!("\x1b[{style}m{text}\x1b[0m")
}
