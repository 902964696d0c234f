//! `fmt`: policies in the usual form.

use crate::args::Fmt;
use crate::failure::{BAD_INPUT, FINDINGS, Failure, Outcome};
use crate::input;
use crate::output::print;
use crate::say::Say;
use callgate::syntax;

pub(crate) fn fmt(args: &Fmt, say: &Say) -> Outcome {
    let (mut changed, mut broken) = (false, false);
    for file in &args.files {
        let (name, text) = input::text_of(file)?;
        // A text with errors stays as it is: what it means is not known.
        let mut loader = input::loader;
        let parsed = syntax::parse(&name, &text, &mut loader);
        for diagnostic in parsed.diagnostics.iter().filter(|d| d.is_error()) {
            say.diagnostic(diagnostic);
        }
        if parsed.policy.is_none() {
            broken = true;
            continue;
        }
        let formatted = syntax::format(&text);
        let same = !formatted.changed;
        match (args.check, file.as_str()) {
            (true, _) if !same => {
                changed = true;
                say.error(&format!("{name}: not in the usual form"));
            }
            (true, _) => {}
            (false, "-") => print(&formatted.text)?,
            (false, path) if !same => {
                std::fs::write(path, &formatted.text).map_err(|e| Failure::input(format!("{path}: {e}")))?;
            }
            (false, _) => {}
        }
    }
    if broken { Err(Failure::said(BAD_INPUT)) } else { Ok(if changed { FINDINGS } else { 0 }) }
}
