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
        let formatted = syntax::format(&name, &text);
        for diagnostic in &formatted.diagnostics {
            say.diagnostic(diagnostic);
        }
        if formatted.diagnostics.iter().any(|d| d.is_error()) {
            broken = true;
            continue;
        }
        let same = formatted.text == text;
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
