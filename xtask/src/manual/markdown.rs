//! A page of `docs/` as a page of the manual.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use roff::{Inline, Roff, bold, italic, roman};

/// The page, in roff's `man` macros.
pub(super) fn page(title: &str, section: &str, about: &str, text: &str) -> String {
    let mut roff = Roff::new();
    roff.control(
        "TH",
        [
            title.to_uppercase().as_str(),
            section,
            "",
            &format!("callgate {}", callgate_cli::VERSION),
            "callgate",
        ],
    );
    roff.control("SH", ["NAME"]).text([roman(format!("{title} - {}", about.replace('`', "")))]);
    let mut writer = Writer { roff, ..Writer::default() };
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        writer.event(event);
    }
    writer.flush();
    if !writer.described {
        writer.roff.control("SH", ["DESCRIPTION"]);
    }
    writer.roff.control("SH", ["SEE ALSO"]).text([bold("callgate"), roman("(1)")]);
    writer.roff.to_roff()
}

#[derive(Default)]
struct Writer {
    roff: Roff,
    /// Of the paragraph, heading or cell that is being read.
    line: Vec<Inline>,
    /// Emphasis that is open.
    style: Style,
    code: bool,
    heading: bool,
    /// The cells of a table's row, and whether it is the head.
    cells: Vec<Vec<Inline>>,
    head: bool,
    /// Lists that are open: the number of the next item, where they are numbered.
    lists: Vec<Option<u64>>,
    /// Whether there was a heading, or a section was begun without one.
    described: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Style {
    #[default]
    Roman,
    Bold,
    Italic,
}

impl Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code => {
                for line in text.lines() {
                    self.roff.text([roman(line)]);
                }
            }
            Event::Text(text) => self.push(&text),
            Event::Code(text) => self.line.push(bold(text.to_string())),
            Event::SoftBreak | Event::HardBreak => self.push(" "),
            // Pages have no other things, and what they had would be in the text.
            other => debug_assert!(!matches!(other, Event::Html(_)), "HTML in a page of docs/"),
        }
    }

    fn push(&mut self, text: &str) {
        self.line.push(match self.style {
            Style::Roman => roman(text),
            Style::Bold => bold(text),
            Style::Italic => italic(text),
        });
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Heading { .. } => self.heading = true,
            Tag::Paragraph if self.lists.is_empty() => {
                self.describe();
                self.roff.control("PP", []);
            }
            Tag::CodeBlock(_) => {
                self.flush();
                self.describe();
                self.code = true;
                self.roff.control("PP", []).control("RS", ["4"]).control("nf", []);
            }
            Tag::List(first) => {
                self.flush();
                self.lists.push(*first);
            }
            Tag::Item => {
                self.describe();
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}.", *number - 1)
                    }
                    _ => "\u{2022}".to_owned(),
                };
                self.roff.control("IP", [mark.as_str(), "3"]);
            }
            Tag::Strong => self.style = Style::Bold,
            Tag::Emphasis => self.style = Style::Italic,
            Tag::TableHead => self.head = true,
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => {
                self.heading = false;
                let text: String = plain(&std::mem::take(&mut self.line));
                match level {
                    // The page's title is in its name already.
                    HeadingLevel::H1 => self.describe(),
                    HeadingLevel::H2 => {
                        self.described = true;
                        self.roff.control("SH", [text.to_uppercase().as_str()]);
                    }
                    _ => {
                        self.describe();
                        self.roff.control("SS", [text.as_str()]);
                    }
                }
            }
            TagEnd::Paragraph | TagEnd::Item => self.flush(),
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::CodeBlock => {
                self.code = false;
                self.roff.control("fi", []).control("RE", []);
            }
            TagEnd::Strong | TagEnd::Emphasis => self.style = Style::Roman,
            TagEnd::TableCell => self.cells.push(std::mem::take(&mut self.line)),
            TagEnd::TableHead => {
                self.head = false;
                self.cells.clear();
            }
            TagEnd::TableRow => self.row(),
            _ => {}
        }
    }

    /// A row: the first cell is a term, the others describe it.
    fn row(&mut self) {
        let mut cells = std::mem::take(&mut self.cells).into_iter();
        self.roff.control("TP", []).text(cells.next().unwrap_or_default());
        let mut rest = Vec::new();
        for cell in cells.filter(|c| !plain(c).trim().is_empty()) {
            if !rest.is_empty() {
                rest.push(roman("; "));
            }
            rest.extend(cell);
        }
        self.roff.text(rest);
    }

    /// Text before the first section stands in one of this name.
    fn describe(&mut self) {
        if !std::mem::replace(&mut self.described, true) {
            self.roff.control("SH", ["DESCRIPTION"]);
        }
    }

    fn flush(&mut self) {
        if !self.line.is_empty() && !self.heading {
            self.roff.text(std::mem::take(&mut self.line));
        }
    }
}

fn plain(line: &[Inline]) -> String {
    line.iter()
        .map(|part| match part {
            Inline::Roman(text) | Inline::Italic(text) | Inline::Bold(text) => text.as_str(),
            Inline::LineBreak => " ",
        })
        .collect()
}
