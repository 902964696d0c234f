//! Talk on stderr: errors, and diagnostics with the lines they are about.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use callgate::diagnostic::{Diagnostic, Severity};
use clap::ValueEnum;
use std::io::{IsTerminal, Write};
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
    let title = level.primary_title(&diagnostic.message).id(&code);
    let mut snippets: Vec<Snippet<'_, annotate_snippets::Annotation<'_>>> = Vec::new();
    let labels: Vec<_> = diagnostic
        .span
        .iter()
        .map(|s| (s, AnnotationKind::Primary, None))
        .chain(diagnostic.labels.iter().map(|l| (&l.span, AnnotationKind::Context, Some(l.text.as_str()))))
        .collect();
    let mut sources: Vec<&str> = Vec::new();
    for (span, ..) in &labels {
        if !sources.contains(&&**span.source.name()) {
            sources.push(span.source.name());
        }
    }
    for name in sources {
        let here: Vec<_> = labels.iter().filter(|l| &**l.0.source.name() == name).collect();
        let mut snippet = Snippet::source(here[0].0.source.text()).path(name);
        for (span, kind, text) in here {
            let annotation = kind.span(span.start..span.end);
            snippet = snippet.annotation(match text {
                Some(text) => annotation.label(*text),
                None => annotation,
            });
        }
        snippets.push(snippet);
    }
    let mut group = Group::with_title(title).elements(snippets);
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
