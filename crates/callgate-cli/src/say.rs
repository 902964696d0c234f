//! Talk on stderr: errors, and diagnostics with the lines they are about.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use callgate::diagnostic::{Diagnostic, Severity, Span};
use clap::ValueEnum;
use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// When to use colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether a stream gets colour.
    pub(crate) fn on(self, stream: &impl IsTerminal) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
                    && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
                    && stream.is_terminal()
            }
        }
    }
}

/// Prints talk in the user's taste.
pub(crate) struct Say {
    renderer: Renderer,
    color: Color,
    /// Diagnostics that are kept instead of being printed, for verbs that report them in their own way.
    kept: Option<Mutex<Vec<Diagnostic>>>,
}

impl Say {
    pub(crate) fn new(color: Color) -> Say {
        let styled = color.on(&std::io::stderr());
        Say { renderer: if styled { Renderer::styled() } else { Renderer::plain() }, color, kept: None }
    }

    /// In the same taste, but keeping diagnostics and dropping other talk.
    pub(crate) fn keeping(&self) -> Say {
        Say { kept: Some(Mutex::default()), ..Say::new(self.color) }
    }

    /// In the same taste, for another thread.
    pub(crate) fn another(&self) -> Say {
        Say::new(self.color)
    }

    /// What has been kept since the last time.
    pub(crate) fn take(&self) -> Vec<Diagnostic> {
        let kept = self.kept.as_ref().map(|kept| kept.lock().unwrap_or_else(PoisonError::into_inner));
        kept.map(|mut kept| std::mem::take(&mut *kept)).unwrap_or_default()
    }

    /// When there is colour.
    pub(crate) fn color(&self) -> Color {
        self.color
    }

    /// Whether results on stdout get colour.
    pub(crate) fn color_results(&self) -> bool {
        self.color.on(&std::io::stdout())
    }

    /// `callgate: message`.
    pub(crate) fn error(&self, message: &str) {
        self.line(&format!("callgate: {message}"));
    }

    /// A line of talk, in one piece, as a command may write to the same place. A closed stderr is nothing to fail about.
    pub(crate) fn line(&self, line: &str) {
        if self.kept.is_some() {
            return;
        }
        let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
    }

    /// A diagnostic with its source lines.
    pub(crate) fn diagnostic(&self, diagnostic: &Diagnostic) {
        match &self.kept {
            Some(kept) => kept.lock().unwrap_or_else(PoisonError::into_inner).push(diagnostic.clone()),
            None => self.line(&render(diagnostic, &self.renderer)),
        }
    }

    /// A diagnostic as a result for stdout. One without place is about `about`.
    pub(crate) fn result(&self, diagnostic: &Diagnostic, about: &str) -> String {
        let renderer = if self.color_results() { Renderer::styled() } else { Renderer::plain() };
        render_about(diagnostic, &renderer, Some(about))
    }
}

/// The longest line that is shown, in bytes, since a renderer takes the square of its time; and the longest message, in
/// characters. Nobody reads more.
const LONGEST_LINE: usize = 4096;
const MOST_SAID: usize = 500;

/// A message, shortened where it repeats something without end.
fn clipped(message: &str) -> Cow<'_, str> {
    match message.char_indices().nth(MOST_SAID) {
        Some((at, _)) => format!("{}…", &message[..at]).into(),
        None => message.into(),
    }
}

/// The lines that spans are in, and the number of the first: a renderer goes through all it is given.
fn window<'s>(text: &str, spans: impl Iterator<Item = &'s Span> + Clone) -> (Range<usize>, usize) {
    let first = spans.clone().map(|s| s.start).min().unwrap_or(0).min(text.len());
    let last = spans.map(|s| s.end).max().unwrap_or(0).clamp(first, text.len());
    let bytes = text.as_bytes();
    let start = bytes[..first].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let end = bytes[last..].iter().position(|b| *b == b'\n').map_or(text.len(), |at| last + at + 1);
    (start..end, bytes[..start].iter().filter(|b| **b == b'\n').count() + 1)
}

fn render(diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    render_about(diagnostic, renderer, None)
}

fn render_about(diagnostic: &Diagnostic, renderer: &Renderer, about: Option<&str>) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let code = diagnostic.code.to_string();
    let message = clipped(&diagnostic.message);
    let title = level.primary_title(&*message).id(&code);
    let mut snippets: Vec<Snippet<'_, annotate_snippets::Annotation<'_>>> = Vec::new();
    let labels: Vec<_> = diagnostic
        .span
        .iter()
        .map(|s| (s, AnnotationKind::Primary, None))
        .chain(diagnostic.labels.iter().map(|l| (&l.span, AnnotationKind::Context, Some(l.text.as_str()))))
        .collect();
    let mut unshown: Vec<annotate_snippets::Origin<'_>> = Vec::new();
    let mut sources: Vec<&str> = Vec::new();
    for (span, ..) in &labels {
        if !sources.contains(&&**span.source.name()) {
            sources.push(span.source.name());
        }
    }
    for name in sources {
        let here: Vec<_> = labels.iter().filter(|l| &**l.0.source.name() == name).collect();
        let text = here[0].0.source.text();
        let (lines, number) = window(text, here.iter().map(|l| l.0));
        if text[lines.clone()].lines().any(|line| line.len() > LONGEST_LINE) {
            let span = here[0].0;
            let before = &text[..span.start.min(text.len())];
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
            unshown.push(annotate_snippets::Origin::path(name).line(line).char_column(column));
            continue;
        }
        let mut snippet = Snippet::source(&text[lines.clone()]).line_start(number).path(name);
        for (span, kind, text) in here {
            let annotation = kind.span(span.start - lines.start..span.end - lines.start);
            snippet = snippet.annotation(match text {
                Some(text) => annotation.label(*text),
                None => annotation,
            });
        }
        snippets.push(snippet);
    }
    let mut group = Group::with_title(title).elements(snippets).elements(unshown);
    if let (None, Some(about)) = (&diagnostic.span, about) {
        group = group.element(annotate_snippets::Origin::path(about));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    renderer.render(&[group])
}
