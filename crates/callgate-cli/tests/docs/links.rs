//! Links between the pages.

use std::path::Path;

/// The links of a page, each with its line: what stands between the brackets' end and the closing parenthesis.
pub(crate) fn of(page: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in page.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let Some((link, tail)) = after.split_once(')') else { break };
            found.push((number + 1, link));
            rest = tail;
        }
    }
    found
}

/// Adds what is wrong with the links of the page at `path`. What the book shows may not lead out of the book, where
/// nothing is beside it.
pub(crate) fn dead(path: &Path, root: &Path, wrong: &mut Vec<String>) {
    let text = std::fs::read_to_string(path).unwrap();
    let docs = root.join("docs");
    for (line, link) in of(&text) {
        if link.starts_with("http://") || link.starts_with("https://") || link.starts_with("mailto:") {
            continue;
        }
        let mut say = |what: &str| wrong.push(format!("{}:{line}: {link}: {what}", crate::short(path)));
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = if file.is_empty() { path.to_owned() } else { path.parent().unwrap().join(file) };
        let Ok(target) = target.canonicalize() else {
            say("there is no such file");
            continue;
        };
        if path.starts_with(&docs) && !target.starts_with(&docs) {
            say("leads out of the book");
        }
        if !anchor.is_empty() {
            let headings = headings(&std::fs::read_to_string(&target).unwrap_or_default());
            if !headings.iter().any(|h| h == anchor) {
                say("there is no such heading");
            }
        }
    }
}

/// The names headings are linked by: in small letters, blanks as dashes, without other signs.
fn headings(page: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in page.lines() {
        fenced ^= line.starts_with("```");
        let title = line.trim_start_matches('#');
        if fenced || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        found.push(kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect());
    }
    found
}

#[test]
fn links_are_found_outside_of_code() {
    let page = "see [a](b.md#c-d) and [e](f)\n```\n[no](g)\n```\n";
    assert_eq!(of(page), [(1, "b.md#c-d"), (1, "f")]);
    assert_eq!(headings("# `a`: B, c\n```\n# no\n```\n#!x\n## D e\n"), ["a-b-c", "d-e"]);
}
