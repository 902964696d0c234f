//! What is wrong with a text, where, and what to do about it.

use std::fmt;
use std::sync::{Arc, OnceLock};

/// One finding: an error that keeps a policy from being built, or a warning that does not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// The stable code.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: a lower-case fragment without full stop that names the thing.
    pub message: String,
    /// The place, where there is one.
    pub span: Option<Span>,
    /// Further places that belong to the finding, each with a short text.
    pub labels: Vec<Label>,
    /// Facts that explain it.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// A change to the text that would settle it.
    pub fix: Option<Fix>,
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// The text stands for no policy.
    Error,
    /// The policy is well defined, but probably not what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

/// A finding's stable code, written `CG0020`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Code(pub u16);

/// A stretch of bytes of a source text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// The text.
    pub source: Source,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A further place of a finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there.
    pub text: String,
}

/// A change that settles a finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fix {
    /// What it does, as a command: "replace `opne` by `open`".
    pub title: String,
    /// The replacements; they do not overlap.
    pub edits: Vec<Edit>,
}

/// One replacement of text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// What goes.
    pub span: Span,
    /// What comes instead.
    pub text: String,
}

/// A named text. Clones share it.
#[derive(Clone)]
pub struct Source(Arc<Inner>);

struct Inner {
    name: Arc<str>,
    text: String,
    lines: OnceLock<Vec<usize>>,
}

impl Source {
    /// A text under the name that diagnostics show.
    pub fn new(name: &str, text: impl Into<String>) -> Source {
        Source(Arc::new(Inner { name: name.into(), text: text.into(), lines: OnceLock::new() }))
    }

    /// The name.
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Line and column of a byte, both from 1; the column counts characters. Bytes past the end
    /// count as the end.
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let byte = byte.min(self.text().len());
        let line = self.line_of(byte);
        let start = self.lines()[line - 1];
        let before = self.text().get(start..byte).unwrap_or("");
        (line, before.chars().count() + 1)
    }

    /// The line of a byte, from 1.
    pub(crate) fn line_of(&self, byte: usize) -> usize {
        self.lines().partition_point(|start| *start <= byte)
    }

    /// The bytes of a line (from 1) without its end; `None` if there is no such line.
    pub fn line(&self, line: usize) -> Option<(usize, usize)> {
        let start = *self.lines().get(line.checked_sub(1)?)?;
        let end = self.lines().get(line).map_or(self.text().len(), |next| next - 1);
        let trimmed = self.text()[start..end].trim_end_matches('\r').len();
        Some((start, start + trimmed))
    }

    fn lines(&self) -> &[usize] {
        self.0.lines.get_or_init(|| {
            let breaks = self.text().match_indices('\n');
            std::iter::once(0).chain(breaks.map(|(i, _)| i + 1)).collect()
        })
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Source) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.name() == other.name() && self.text() == other.text())
    }
}

impl Eq for Source {}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?}, {} bytes)", self.name(), self.text().len())
    }
}

impl Diagnostic {
    /// An error without place or advice.
    pub fn error(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            span: None,
            labels: Vec::new(),
            notes: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// A warning without place or advice.
    pub fn warning(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, message) }
    }

    /// With its place.
    pub fn at(mut self, span: Span) -> Diagnostic {
        self.span = Some(span);
        self
    }

    /// With a further place.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// With a fact.
    pub fn note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }

    /// With advice.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// With a change that settles it.
    pub fn fix(mut self, title: impl Into<String>, edits: Vec<Edit>) -> Diagnostic {
        self.fix = Some(Fix { title: title.into(), edits });
        self
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CG{:04}", self.0)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        })
    }
}

/// `file:line`, as messages begin.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source.name(), self.source.position(self.start).0)
    }
}

/// One line: `web.cg:40: message`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.span {
            Some(span) => write!(f, "{span}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// A diagnostic with its source lines and carets, in plain text: several lines, each ended.
pub fn render_plain(diagnostic: &Diagnostic) -> String {
    let d = diagnostic;
    let mut out = format!("{}[{}]: {}\n", d.severity, d.code, d.message);
    let lines = d.span.iter().chain(d.labels.iter().map(|l| &l.span));
    let gutter = lines.map(|s| s.source.position(s.start).0.to_string().len()).max().unwrap_or(1);
    if let Some(span) = &d.span {
        excerpt(&mut out, gutter, "-->", span, '^', "");
    }
    for label in &d.labels {
        excerpt(&mut out, gutter, ":::", &label.span, '-', &label.text);
    }
    for note in &d.notes {
        out.push_str(&format!("{:gutter$} = note: {note}\n", ""));
    }
    if let Some(help) = &d.help {
        out.push_str(&format!("{:gutter$} = help: {help}\n", ""));
    }
    out
}

/// How many characters of a source line are shown.
const EXCERPT: usize = 160;

fn excerpt(out: &mut String, gutter: usize, arrow: &str, span: &Span, mark: char, text: &str) {
    let (line, column) = span.source.position(span.start);
    out.push_str(&format!("{:gutter$}{arrow} {}:{line}:{column}\n", "", span.source.name()));
    let Some((start, end)) = span.source.line(line) else { return };
    let before = column - 1;
    let skip = before.saturating_sub(EXCERPT / 2);
    let shown: String =
        span.source.text()[start..end].chars().skip(skip).take(EXCERPT).map(harmless).collect();
    let width = span.source.text().get(span.start..span.end.min(end)).map_or(1, |s| s.chars().count());
    let marks = width.clamp(1, (EXCERPT - (before - skip)).max(1));
    out.push_str(&format!("{:gutter$} |\n{line:gutter$} | {shown}\n", ""));
    let carets: String = std::iter::repeat_n(mark, marks).collect();
    let tail = if text.is_empty() { String::new() } else { format!(" {text}") };
    out.push_str(&format!("{:gutter$} | {:pad$}{carets}{tail}\n", "", "", pad = before - skip));
}

/// Control characters would move the cursor or worse.
fn harmless(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_lines() {
        let source = Source::new("a", "ab\r\ncé\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(4), (2, 1));
        assert_eq!(source.position(7), (2, 3));
        assert_eq!(source.position(99), (3, 1));
        assert_eq!(source.line(1), Some((0, 2)));
        assert_eq!(source.line(2), Some((4, 7)));
        assert_eq!(source.line(3), Some((8, 8)));
        assert_eq!(source.line(4), None);
        assert_eq!(source.line(0), None);
    }

    #[test]
    fn renders_excerpt_and_carets() {
        let source = Source::new("web.cg", "default kill\nallow\topne, read\n");
        let span = Span { source: source.clone(), start: 19, end: 23 };
        let first = Span { source, start: 0, end: 7 };
        let d = Diagnostic::error(Code(20), "unknown call `opne`")
            .at(span)
            .label(first, "the default is here")
            .help("did you mean `open`?");
        assert_eq!(d.to_string(), "web.cg:2: unknown call `opne`");
        assert_eq!(
            render_plain(&d),
            "error[CG0020]: unknown call `opne`\n \
             --> web.cg:2:7\n  |\n2 | allow opne, read\n  |       ^^^^\n \
             ::: web.cg:1:1\n  |\n1 | default kill\n  | ------- the default is here\n  \
             = help: did you mean `open`?\n"
        );
    }

    #[test]
    fn long_lines_are_clipped_around_the_place() {
        let text = format!("{}BAD{}", "x".repeat(100_000), "y".repeat(100_000));
        let source = Source::new("a", text);
        let d = Diagnostic::error(Code(3), "bad").at(Span { source, start: 100_000, end: 100_003 });
        let rendered = render_plain(&d);
        assert!(rendered.len() < 600, "{rendered}");
        assert!(rendered.contains("xBADy"));
    }
}
