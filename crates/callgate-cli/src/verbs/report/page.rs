//! The page itself: one file, nothing fetched, readable without a script, in either light, on paper and by ear.

use std::fmt::Write;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A page being written.
#[derive(Debug)]
pub(super) struct Page {
    title: String,
    /// The sections' names and titles.
    contents: Vec<(String, String)>,
    body: String,
}

/// The inside of a section.
pub(super) struct Section<'p> {
    out: &'p mut String,
}

impl Page {
    pub(super) fn new(title: &str) -> Page {
        Page { title: title.to_owned(), contents: Vec::new(), body: String::new() }
    }

    /// Adds a section.
    pub(super) fn section(&mut self, id: &str, title: &str, write: impl FnOnce(&mut Section<'_>)) {
        self.contents.push((id.to_owned(), title.to_owned()));
        let title = escape(title);
        push(
            &mut self.body,
            format_args!(
                "<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{title}</h2>\n"
            ),
        );
        write(&mut Section { out: &mut self.body });
        self.body.push_str("</section>\n");
    }

    /// The whole text.
    pub(super) fn finish(self) -> String {
        let title = escape(&self.title);
        let mut out = String::new();
        push(
            &mut out,
            format_args!(
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                 <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
                 <meta name=\"generator\" content=\"callgate {}\">\n\
                 <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
                 <title>{title} · callgate</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
                 <a class=\"skip\" href=\"#main\">Skip to the report</a>\n<header>\n<h1>{title}</h1>\n\
                 <nav aria-label=\"Sections\">\n<ul>\n",
                env!("CARGO_PKG_VERSION")
            ),
        );
        for (id, title) in &self.contents {
            push(&mut out, format_args!("<li><a href=\"#{id}\">{}</a></li>\n", escape(title)));
        }
        out.push_str("</ul>\n</nav>\n</header>\n<main id=\"main\">\n");
        out.push_str(&self.body);
        push(
            &mut out,
            format_args!(
                "</main>\n<footer><p>Written by callgate {}. Nothing on this page is fetched.</p></footer>\n\
                 <script>\n{SCRIPT}</script>\n</body>\n</html>\n",
                env!("CARGO_PKG_VERSION")
            ),
        );
        out
    }
}

impl Section<'_> {
    /// Adds markup as it is.
    pub(super) fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    /// Adds an element with this markup inside.
    pub(super) fn element(&mut self, name: &str, markup: &str) {
        push(self.out, format_args!("<{name}>{markup}</{name}>\n"));
    }

    /// Adds text as it is written, in a box that scrolls.
    pub(super) fn pre(&mut self, text: &str) {
        push(self.out, format_args!("<pre tabindex=\"0\">{}</pre>\n", escape(text)));
    }

    /// Begins a table whose columns have these headings.
    pub(super) fn table(&mut self, caption: &str, class: &str, columns: &[&str]) {
        push(
            self.out,
            format_args!(
                "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\">\n<table class=\"{class}\">\n\
                 <caption>{0}</caption>\n<thead><tr>",
                escape(caption)
            ),
        );
        for column in columns {
            push(self.out, format_args!("<th scope=\"col\">{}</th>", escape(column)));
        }
        self.out.push_str("</tr></thead>\n<tbody>\n");
    }

    pub(super) fn end_table(&mut self) {
        self.out.push_str("</tbody>\n</table>\n</div>\n");
    }
}

/// Writing to a string cannot fail.
pub(super) fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// Text as markup that shows it. Characters that would change how what follows is read are shown as their number.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                push(&mut out, format_args!("\\u{{{:x}}}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_that_is_shown_is_markup() {
        assert_eq!(escape("<b a=\"1\">&'"), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;");
        assert_eq!(escape("a\u{202e}b\u{1b}[0m"), "a\\u{202e}b\\u{1b}[0m");
    }
}
