//! Sections of a page in Markdown.

/// The sections with these headings, whatever their depth, each with all below it.
pub(super) fn of(page: &str, headings: &[&str]) -> String {
    let mut out = String::new();
    // The depth of the section that is being copied.
    let mut inside: Option<usize> = None;
    let mut code = false;
    for line in page.lines() {
        code ^= line.starts_with("```");
        let depth = line.chars().take_while(|c| *c == '#').count();
        if depth > 0 && !code {
            if inside.is_some_and(|section| depth <= section) {
                inside = None;
            }
            if inside.is_none() && headings.contains(&line[depth..].trim()) {
                inside = Some(depth);
            }
        }
        if inside.is_some() {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_section_ends_with_the_next() {
        let page = "# A\n\n## B\nb\n```\n# no heading\n```\n### C\nc\n\n## D\nd\n";
        assert_eq!(super::of(page, &["B"]), "## B\nb\n```\n# no heading\n```\n### C\nc\n");
        assert_eq!(super::of(page, &["C", "D"]), "### C\nc\n\n## D\nd\n");
    }
}
