//! `report`: one page for the browser, with everything that is known about a filter, a recording or a difference.

mod changes;
mod evidence;
mod findings;
mod matrix;
mod meaning;
mod page;
mod program;

use crate::args::Report;
use crate::failure::{Failure, Outcome};
use crate::input::{Input, text_of};
use crate::report::meaning::Wanted;
use crate::say::Say;
use callgate::Filter;
use callgate::survey::Survey;
use callgate_trace::learn::{Recording, Style, draft};
use page::Page;

pub(crate) fn report(args: &Report, say: &Say) -> Outcome {
    let mut page = match (&args.after, recording(&args.input)?) {
        (None, Some(recording)) => {
            let mut page = Page::new(&format!("What {} recorded", args.input));
            evidence::section(&mut page, &recording);
            let style = Style { default: "errno(EPERM)".into(), margin: false, generalise: false };
            let drafted =
                draft(&recording, &style).map_err(|e| Failure::input(format!("{}: {e}", args.input)))?;
            page.section("policy", "The policy it comes to", |out| {
                out.element("p", "What was called is permitted, and nothing else. <code>callgate learn --merge</code> writes it, with a margin.");
                out.pre(&drafted.text);
            });
            page
        }
        (Some(after), _) => {
            let before = Input::read(&args.input, &args.reading, say)?;
            let after = Input::read(after, &args.reading, say)?;
            let mut page = Page::new(&format!("From {} to {}", before.name, after.name));
            changes::section(&mut page, &before, &after, &args.reading)?;
            about(&mut page, &after, args)?;
            page
        }
        (None, None) => {
            let input = Input::read(&args.input, &args.reading, say)?;
            let mut page = Page::new(&input.name);
            about(&mut page, &input, args)?;
            page
        }
    };
    if let Some(name) = &args.recording {
        let recording =
            recording(name)?.ok_or_else(|| Failure::input(format!("{name}: this is no recording")))?;
        evidence::section(&mut page, &recording);
    }
    args.output.text(&page.finish())?;
    Ok(0)
}

/// Everything about one filter.
fn about(page: &mut Page, input: &Input, args: &Report) -> Result<(), Failure> {
    let filter: Filter = input.filter()?;
    let wanted = Wanted { arches: args.reading.arches.arch.clone(), ..Wanted::default() };
    let surveys: Vec<Survey<_>> =
        crate::report::meaning::surveys(&filter, &wanted).map_err(|e| input.failure(e))?;
    matrix::summary(page, input, &surveys);
    findings::section(page, input, &args.reading)?;
    meaning::section(page, &surveys);
    matrix::section(page, &surveys);
    program::section(page, input);
    Ok(())
}

/// The recording in a file that is one: its first line says so.
fn recording(name: &str) -> Result<Option<Recording>, Failure> {
    let is_file = name != "-" && std::path::Path::new(name).is_file();
    if !is_file {
        return Ok(None);
    }
    let Ok((name, text)) = text_of(name) else { return Ok(None) };
    if !text.starts_with("{\"format\":\"callgate-recording\"") {
        return Ok(None);
    }
    let read = Recording::from_lines(&text).map_err(|e| Failure::input(format!("{name}: {e}")))?;
    Ok(Some(read.0))
}
