//! The row format of `data/`: one fact a line, cells parted by white space, `#` starts a comment.

use crate::files::{self, Result};
use std::path::Path;

/// One row of a data file.
#[derive(Clone)]
pub(crate) struct Row {
    place: String,
    /// The line without its comment, trimmed, never empty.
    pub(crate) text: String,
}

impl Row {
    /// The cells parted by white space.
    pub(crate) fn cells(&self) -> Vec<&str> {
        self.text.split_whitespace().collect()
    }

    /// An error about this row: `data/errno.txt:12: what`.
    pub(crate) fn error(&self, what: impl std::fmt::Display) -> String {
        format!("{}: {what}", self.place)
    }

    /// Reads a cell as a decimal or `0x` number.
    pub(crate) fn number(&self, cell: &str) -> Result<u64> {
        let parsed = match cell.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => cell.parse(),
        };
        parsed.map_err(|_| self.error(format_args!("'{cell}' is no number")))
    }
}

/// The rows of a data file; `path` is relative to the workspace root.
pub(crate) fn rows(path: impl AsRef<Path>) -> Result<Vec<Row>> {
    let path = path.as_ref();
    Ok(parse(&path.display().to_string(), &files::read(path)?))
}

/// The rows of a text that errors call `name`.
pub(crate) fn parse(name: &str, text: &str) -> Vec<Row> {
    let lines = text.lines().enumerate().map(|(i, line)| {
        // A `#` inside a word (a URL's fragment) is not a comment.
        let end = line
            .char_indices()
            .find(|(at, c)| *c == '#' && (*at == 0 || line[..*at].ends_with(char::is_whitespace)))
            .map_or(line.len(), |(at, _)| at);
        Row { place: format!("{name}:{}", i + 1), text: line[..end].trim().to_owned() }
    });
    lines.filter(|row| !row.text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn comments_and_blank_lines_are_no_rows() {
        let rows = parse("f", "# head\n\n a b # c\nx#y\n");
        let texts: Vec<&str> = rows.iter().map(|r| r.text.as_str()).collect();
        assert_eq!(texts, ["a b", "x#y"]);
        assert_eq!(rows[0].error("bad"), "f:3: bad");
        assert_eq!(rows[0].number("0x1f"), Ok(31));
        assert_eq!(rows[0].number("z"), Err("f:3: 'z' is no number".into()));
    }
}
