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
        match nearest(word, names) {
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

/// The name most like `word`, if any is alike enough: about a quarter of its letters may differ, a swap
/// of neighbours counting one and case nothing. The first of equals wins.
pub fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    if word.len() > 64 {
        return None;
    }
    let limit = ((word.len() + 1) / 4).max(usize::from(word.len() > 1));
    let mut best: Option<(usize, &str)> = None;
    for name in names {
        if name.len().abs_diff(word.len()) > limit {
            continue;
        }
        let distance = if name.eq_ignore_ascii_case(word) { 0 } else { distance(word, name) };
        if distance <= limit && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, name));
        }
    }
    best.map(|b| b.1)
}

/// Edit distance, a swap of neighbouring letters counting one (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j - 1] + change).min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections() {
        let names = ["open", "openat", "close", "O_CREAT"];
        let near = |w| nearest(w, names.into_iter());
        assert_eq!(near("opne"), Some("open"));
        assert_eq!(near("opena"), Some("open"));
        assert_eq!(near("opeant"), Some("openat"));
        assert_eq!(near("o_creat"), Some("O_CREAT"));
        assert_eq!(near("frobnicate"), None);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
