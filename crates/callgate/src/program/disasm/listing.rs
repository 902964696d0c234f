//! A listing: lines of marked text.

use std::fmt;

/// What a piece of a line is, for whoever wants to colour it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Mark {
    /// Blanks, operators, brackets.
    Plain,
    /// An instruction's number, where it stands or as the target of a jump.
    Label,
    /// `if`, `goto`, `else`, `return`, directives.
    Keyword,
    /// `A`, `X`, `M[n]`.
    Register,
    /// A word of the call: `nr`, `arch`, `fd.lo`, `args[2].hi`, `ip.lo`.
    Field,
    /// A number without a name.
    Number,
    /// The name of an architecture, a call or a constant.
    Name,
    /// An action that lets the call happen: `allow`, `log`.
    Permit,
    /// An action that asks somebody: `notify`, `trace`, `trap`.
    Ask,
    /// An action that refuses the call: `errno`, `kill-thread`, `kill-process`.
    Refuse,
    /// The instruction's bytes.
    Bytes,
    /// A remark.
    Comment,
    /// A remark about something the kernel would refuse.
    Error,
}

/// A piece of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// What it is.
    pub mark: Mark,
    /// Its text, without line breaks.
    pub text: String,
}

/// A line of a listing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Line {
    /// The index of the instruction it shows; `None` for headings and remarks between instructions.
    pub at: Option<usize>,
    /// The instruction, without its number and bytes.
    pub code: Vec<Span>,
    /// What is remarked about it, without the `#`.
    pub remarks: Vec<Span>,
    /// The instruction's bytes, if they were asked for.
    pub bytes: Option<String>,
}

impl Line {
    /// A line that holds nothing but a remark.
    pub(super) fn remark(text: impl Into<String>) -> Line {
        Line { remarks: vec![Span { mark: Mark::Comment, text: text.into() }], ..Line::default() }
    }

    pub(super) fn push(&mut self, mark: Mark, text: impl Into<String>) {
        self.code.push(Span { mark, text: text.into() });
    }

    pub(super) fn note(&mut self, mark: Mark, text: impl Into<String>) {
        self.remarks.push(Span { mark, text: text.into() });
    }

    /// The instruction as plain text, without number, bytes and remarks.
    pub fn text(&self) -> String {
        self.code.iter().map(|s| s.text.as_str()).collect()
    }

    /// The whole line as pieces, in the order in which they are printed.
    pub fn spans(&self) -> Vec<Span> {
        let span = |mark, text: String| Span { mark, text };
        let mut out = Vec::new();
        if let Some(at) = self.at {
            out.push(span(Mark::Label, format!("{at:>4}:")));
            out.push(span(Mark::Plain, " ".to_string()));
            if let Some(bytes) = &self.bytes {
                out.push(span(Mark::Bytes, format!("[{bytes}]")));
                out.push(span(Mark::Plain, " ".to_string()));
            }
        } else if self.code.is_empty() && !self.remarks.is_empty() {
            out.push(span(Mark::Plain, "      ".to_string()));
        }
        out.extend(self.code.iter().cloned());
        for (i, remark) in self.remarks.iter().enumerate() {
            let lead = match (i, self.code.is_empty()) {
                (0, true) => "# ",
                (0, false) => "  # ",
                _ => "; ",
            };
            out.push(span(remark.mark, format!("{lead}{}", remark.text)));
        }
        out
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spans().iter().try_for_each(|s| f.write_str(&s.text))
    }
}

/// A program as text that [`assemble`](crate::program::asm::assemble) takes back byte for byte.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// The lines, in order.
    pub lines: Vec<Line>,
}

impl Listing {
    /// The line of each instruction, in order.
    pub fn instructions(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|l| l.at.is_some())
    }

    /// The text with every piece passed through `style`, which may add colour.
    ///
    /// ```
    /// use callgate::program::{Code, disasm::{Mark, Options, disasm}};
    /// use callgate::abi::{Endian, Insn};
    ///
    /// let code = Code { insns: vec![Insn::stmt(0x06, 0x7fff_0000)], endian: Endian::Little };
    /// let text = disasm(&code, &Options::default()).styled(|mark, text| match mark {
    ///     Mark::Permit => format!("<{text}>"),
    ///     _ => text.to_string(),
    /// });
    /// assert!(text.ends_with("   0: return <allow>\n"));
    /// ```
    pub fn styled(&self, mut style: impl FnMut(Mark, &str) -> String) -> String {
        let mut out = String::new();
        for line in &self.lines {
            for span in line.spans() {
                out.push_str(&style(span.mark, &span.text));
            }
            out.push('\n');
        }
        out
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
