//! Long conditions in lines.

/// `allow if A || B`, an alternative a line where it is too long for one, each line after `indent`.
pub(crate) fn wrap(text: &str, indent: &str, width: usize) -> String {
    if indent.len() + text.len() <= width {
        return format!("{indent}{text}");
    }
    let deeper = format!("{indent}      ");
    let mut out = String::new();
    for (i, alternative) in alternatives(text).into_iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let start = if i == 0 { indent.to_owned() } else { format!("{indent}   || ") };
        out.push_str(&folded(alternative, &start, &deeper, width));
    }
    out
}

/// The text cut at `||` outside of parentheses and braces.
fn alternatives(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut from) = (0i32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' | '{' => depth += 1,
            ')' | '}' => depth -= 1,
            '|' if depth == 0 && text[at..].starts_with("|| ") && text[..at].ends_with(' ') => {
                parts.push(text[from..at].trim_end());
                from = at + 3;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// Words in lines: the first after `start`, the others after `indent`. A word may be cut after a `|`.
fn folded(text: &str, start: &str, indent: &str, width: usize) -> String {
    let mut out = start.to_owned();
    let mut column = start.len();
    for (i, word) in text.split(' ').enumerate() {
        let space = usize::from(i > 0);
        let mut rest = word;
        if column + space + word.len() <= width {
            out.push_str(&" "[..space]);
            column += space;
        } else if let Some(cut) = cut(word, width.saturating_sub(column + space)) {
            out.push_str(&" "[..space]);
            out.push_str(&word[..cut]);
            rest = &word[cut..];
            out.push('\n');
            out.push_str(indent);
            column = indent.len();
        } else if column > indent.len() {
            out.push('\n');
            out.push_str(indent);
            column = indent.len();
        }
        while let Some(cut) = cut(rest, width.saturating_sub(column)).filter(|_| column + rest.len() > width)
        {
            out.push_str(&rest[..cut]);
            rest = &rest[cut..];
            out.push('\n');
            out.push_str(indent);
            column = indent.len();
        }
        out.push_str(rest);
        column += rest.len();
    }
    out
}

/// The last place within `room` at which a long row of flags can be cut.
fn cut(word: &str, room: usize) -> Option<usize> {
    const LONG: usize = 50;
    if word.len() < LONG {
        return None;
    }
    let mut ends = word.match_indices('|').map(|(at, _)| at + 1);
    ends.rfind(|end| *end <= room && *end < word.len())
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn long_conditions_break_at_alternatives() {
        let text = "allow if (a == 1 || b == 2) || c == 3";
        assert_eq!(wrap(text, "  ", 24), "  allow if (a == 1 || b\n        == 2)\n     || c == 3");
        assert_eq!(wrap(text, "", 80), text);
    }

    #[test]
    fn rows_of_flags_are_cut() {
        let flags = ["FLAG_NUMBER"; 8].join("|");
        let wrapped = wrap(&format!("allow if flags & ({flags}) == 0"), "  ", 60);
        assert!(wrapped.lines().all(|l| l.len() <= 60), "{wrapped}");
        assert_eq!(wrapped.replace("\n        ", ""), format!("  allow if flags & ({flags}) == 0"));
    }
}
