//! Where things stand in a text.

use crate::tree::Node;

/// The byte at a line and a column, both from 1 and columns in characters.
pub(super) fn offset(text: &str, line: u32, column: u32) -> Option<usize> {
    let mut lines = text.split_inclusive('\n');
    let start: usize = lines.by_ref().take(line.checked_sub(1)? as usize).map(str::len).sum();
    let here = text.get(start..)?;
    here.char_indices()
        .map(|(i, _)| i)
        .chain([here.len()])
        .nth(column.checked_sub(1)? as usize)
        .map(|i| start + i)
}

/// Where a node starts.
pub(super) fn start(text: &str, node: &Node) -> Option<usize> {
    offset(text, node.line, node.column)
}

/// The blanks a line begins with.
pub(super) fn indent(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let line = &text[start..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// The end of a text and the line break it lacks there.
pub(super) fn end(text: &str) -> (usize, &'static str) {
    (text.len(), if text.is_empty() || text.ends_with('\n') { "" } else { "\n" })
}

/// Lines with where they start, without their line breaks.
pub(super) fn lines(text: &str) -> impl DoubleEndedIterator<Item = (usize, &str)> {
    let mut at = 0;
    let with_start = move |line| {
        let start = at;
        at += str::len(line);
        (start, line.strip_suffix('\n').unwrap_or(line))
    };
    text.split_inclusive('\n').map(with_start).collect::<Vec<_>>().into_iter()
}
