//! Where diagnostics are collected, and how names are corrected.

use super::codes;
use super::lexer::Loc;
use crate::diagnostic::{Diagnostic, Edit, Source, Span};

/// Errors beyond this are counted, not listed.
const MAX_ERRORS: usize = 1000;
/// Names are corrected for the first errors only: a dictionary search per word of a megabyte of
/// garbage would not be linear.
const MAX_SUGGESTIONS: usize = 100;

/// Diagnostics in the order found.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) diagnostics: Vec<Diagnostic>,
    errors: usize,
    dropped: usize,
    suggested: usize,
}

impl Report {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if diagnostic.is_error() {
            self.errors += 1;
        }
        if self.diagnostics.len() < MAX_ERRORS {
            self.diagnostics.push(diagnostic);
        } else {
            self.dropped += 1;
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Everything, in the order of the text within each file, files in the order they were read.
    pub(crate) fn finish(mut self, sources: &[Source]) -> Vec<Diagnostic> {
        let rank = |d: &Diagnostic| {
            d.span.as_ref().map(|s| {
                (sources.iter().position(|o| o.name() == s.source.name()).unwrap_or(usize::MAX), s.start)
            })
        };
        self.diagnostics.sort_by_cached_key(rank);
        if self.dropped > 0 {
            let message = format!("{} more findings are not shown", self.dropped);
            self.diagnostics.push(Diagnostic::error(codes::TOO_MANY, message));
        }
        self.diagnostics
    }

    /// Advises the nearest of `names`, and offers the replacement.
    pub(crate) fn did_you_mean<'n>(
        &mut self,
        diagnostic: Diagnostic,
        word: &str,
        span: Span,
        names: impl Iterator<Item = &'n str>,
    ) -> Diagnostic {
        if self.suggested >= MAX_SUGGESTIONS {
            return diagnostic;
        }
        self.suggested += 1;
        match crate::nearest(word, names) {
            Some(name) => diagnostic
                .help(format!("did you mean `{name}`?"))
                .fix(format!("replace `{word}` by `{name}`"), vec![Edit { span, text: name.to_string() }]),
            None => diagnostic,
        }
    }
}

/// A file's place as a diagnostic shows it.
pub(crate) fn span(source: &Source, loc: Loc) -> Span {
    Span { source: source.clone(), start: loc.start as usize, end: loc.end as usize }
}
