//! Changes to a policy's text that settle a finding.

use super::finding::Remedy;
use super::place::line_of;
use crate::diagnostic::{Edit, Fix, Source, Span};
use crate::syntax::Parsed;

/// A remedy as edits of the main file; `None` where the text gives no hold.
pub(super) fn of(remedy: &Remedy, parsed: &Parsed, place: Option<&Span>) -> Option<Fix> {
    let main = parsed.sources.first()?;
    let edit =
        |start, end, text: String| vec![Edit { span: Span { source: main.clone(), start, end }, text }];
    match remedy {
        Remedy::Line(line) => {
            let at = before_rules(main, parsed);
            let text = if at == main.text().len() && !main.text().ends_with('\n') {
                format!("\n{line}\n")
            } else {
                format!("{line}\n")
            };
            Some(Fix { title: format!("add `{line}` before the rules"), edits: edit(at, at, text) })
        }
        Remedy::Setting(word, line) => {
            if let Some(old) = line_of(main, word) {
                let title = format!("replace `{}` by `{line}`", &main.text()[old.start..old.end]);
                return Some(Fix { title, edits: edit(old.start, old.end, line.clone()) });
            }
            let default = line_of(main, "default")?;
            let end = main.text()[default.end..].find('\n').map_or(main.text().len(), |n| default.end + n);
            Some(Fix { title: format!("add `{line}`"), edits: edit(end, end, format!("\n{line}")) })
        }
        Remedy::Drop => {
            let place = place.filter(|p| p.source == *main)?;
            let text = main.text();
            let start = text[..place.start].rfind('\n').map_or(0, |n| n + 1);
            let end = text[place.end..].find('\n').map_or(text.len(), |n| place.end + n + 1);
            Some(Fix { title: "remove the rule".into(), edits: edit(start, end, String::new()) })
        }
        Remedy::Word(old, new) => {
            let place = place.filter(|p| p.source == *main)?;
            let at = place.start + main.text()[place.start..place.end].find(old.as_str())?;
            Some(Fix {
                title: format!("replace `{old}` by `{new}`"),
                edits: edit(at, at + old.len(), new.clone()),
            })
        }
    }
}

/// Where a line comes before every rule and include, and before the comment above the first of them.
fn before_rules(main: &Source, parsed: &Parsed) -> usize {
    let text = main.text();
    let rules = parsed.rule_spans.iter().filter(|s| s.source == *main).map(|s| s.start);
    let mut start = 0;
    let mut include = None;
    for line in text.split_inclusive('\n') {
        if line.split_whitespace().next() == Some("include") {
            include = Some(start);
            break;
        }
        start += line.len();
    }
    let Some(first) = rules.chain(include).min() else { return text.len() };
    let mut at = text[..first].rfind('\n').map_or(0, |n| n + 1);
    while at > 0 {
        let above = text[..at - 1].rfind('\n').map_or(0, |n| n + 1);
        if !text[above..at].trim_start().starts_with('#') {
            break;
        }
        at = above;
    }
    at
}

/// The text with the fixes that do not get in each other's way, in the order given, and how many were
/// made. Fixes of other texts are left out.
pub fn apply<'f>(source: &Source, fixes: impl IntoIterator<Item = &'f Fix>) -> (String, usize) {
    let mut edits: Vec<&Edit> = Vec::new();
    let mut made = 0;
    for fix in fixes {
        let here = fix.edits.iter().all(|e| e.span.source == *source);
        let clear = |e: &Edit| {
            edits.iter().all(|o| {
                let apart = e.span.end < o.span.start || o.span.end < e.span.start;
                let beside = e.span.start != e.span.end
                    && o.span.start != o.span.end
                    && (e.span.end == o.span.start || o.span.end == e.span.start);
                apart || beside
            })
        };
        if here && fix.edits.iter().all(clear) {
            edits.extend(&fix.edits);
            made += 1;
        }
    }
    edits.sort_by_key(|e| e.span.start);
    let mut out = String::with_capacity(source.text().len());
    let mut at = 0;
    for edit in edits {
        out.push_str(&source.text()[at..edit.span.start]);
        out.push_str(&edit.text);
        at = edit.span.end;
    }
    out.push_str(&source.text()[at..]);
    (out, made)
}
