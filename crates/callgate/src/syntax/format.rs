//! `callgate fmt`: one way to set blanks, nothing else changed.

use super::lexer::{Kind, Token, lex};
use super::tree::{Part, tree};

/// A formatted text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Formatted {
    /// The text.
    pub text: String,
    /// Whether it differs from what was given.
    pub changed: bool,
}

/// Lines longer than this are broken after a comma where they have one.
const WIDTH: usize = 100;
const INDENT: &str = "    ";

/// Sets a policy's blanks: one between words, four before a continued line, two before a comment on the
/// same line (comments on consecutive lines are aligned), at most one blank line between statements.
/// Line breaks inside statements and every comment stay. The text need not be free of errors;
/// formatting twice is formatting once.
pub fn format(text: &str) -> Formatted {
    let tree = tree(text);
    let mut lines = Vec::new();
    for part in &tree.parts {
        match part {
            Part::Empty(range) => {
                let comment = tree.tokens[range.clone()].iter().find(|t| t.kind == Kind::Comment);
                lines.push(Line { code: String::new(), comment: comment.map(|t| comment_text(text, *t)) });
            }
            Part::Statement(range) => statement(text, &tree.tokens[range.clone()], &mut lines),
        }
    }
    let formatted = join(lines);
    Formatted { changed: formatted != text, text: formatted }
}

/// A line of output. Without code its comment begins at the margin of `indent`.
struct Line {
    code: String,
    comment: Option<String>,
}

fn comment_text(text: &str, token: Token) -> String {
    let comment = token.loc.of(text).trim_end();
    match comment.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_alphanumeric()) => format!("# {rest}"),
        _ => comment.to_string(),
    }
}

fn statement(text: &str, tokens: &[Token], lines: &mut Vec<Line>) {
    let mut code = String::new();
    // Where the line may be broken: after commas.
    let mut breaks = Vec::new();
    let mut before: Option<Token> = None;
    // What precedes `before`.
    let mut earlier: Option<Token> = None;
    let mut first = true;
    for token in tokens {
        match token.kind {
            Kind::Space => {}
            Kind::Newline | Kind::Comment => {
                let comment = (token.kind == Kind::Comment).then(|| comment_text(text, *token));
                if !code.is_empty() || comment.is_some() {
                    wrap(std::mem::take(&mut code), &breaks, comment, first, lines);
                    first = false;
                }
                breaks.clear();
                before = None;
            }
            _ => {
                let close = matches!(token.kind, Kind::RBrace | Kind::RParen);
                if code.is_empty() && !first && !close {
                    code.push_str(INDENT);
                } else if let Some(before) = before
                    && (spaced(text, earlier, before, *token) || !glues(text, before, *token))
                {
                    if before.kind == Kind::Comma {
                        breaks.push(code.len());
                    }
                    code.push(' ');
                }
                code.push_str(token.loc.of(text));
                earlier = before;
                before = Some(*token);
            }
        }
    }
    if !code.is_empty() {
        wrap(code, &breaks, None, first, lines);
    }
}

/// Whether two tokens may touch without becoming others.
fn glues(text: &str, before: Token, token: Token) -> bool {
    if before.loc.end == token.loc.start {
        return true;
    }
    let (a, b) = (before.loc.of(text), token.loc.of(text));
    let glued = lex(&format!("{a}{b}"));
    matches!(glued.as_slice(), [x, y] if x.kind == before.kind && y.kind == token.kind && x.loc.end as usize == a.len())
}

/// Whether a blank belongs between two tokens of a line.
fn spaced(text: &str, earlier: Option<Token>, before: Token, token: Token) -> bool {
    use Kind::*;
    let touching = before.loc.end == token.loc.start;
    match (before.kind, token.kind) {
        // What is not understood keeps its shape.
        (Junk | OpenStr, _) | (_, Junk | OpenStr) => !touching,
        (_, Comma | RParen | RBrace | Question | Colon | DotDot) => false,
        (LParen | LBrace | DotDot | Colon | Tilde | Minus | Not, _) => false,
        (Word, LParen) => {
            let word = before.loc.of(text);
            let operator = matches!(word, "if" | "in" | "not" | "on");
            // The name of a call may be one of those words only if nothing stands before it.
            operator && earlier.is_some()
        }
        _ => true,
    }
}

/// Emits a line, broken after commas if it is too long.
fn wrap(code: String, breaks: &[usize], comment: Option<String>, first: bool, lines: &mut Vec<Line>) {
    if code.is_empty() {
        // A comment inside a statement.
        let indent = if first { "" } else { INDENT };
        lines.push(Line { code: String::new(), comment: comment.map(|c| format!("{indent}{c}")) });
        return;
    }
    let mut start = 0;
    let mut indent = "";
    let mut end = 0;
    for next in breaks.iter().copied().chain([code.len()]) {
        let width = indent.len() + code[start..next].chars().count();
        if width > WIDTH && end > start {
            lines.push(Line { code: format!("{indent}{}", &code[start..end]), comment: None });
            start = end + 1;
            indent = INDENT;
        }
        end = next;
    }
    lines.push(Line { code: format!("{indent}{}", &code[start..]), comment });
}

fn join(lines: Vec<Line>) -> String {
    let mut out = String::new();
    let mut blank = true;
    let mut at = 0;
    while at < lines.len() {
        let beside = |line: &Line| !line.code.is_empty() && line.comment.is_some();
        let run = lines[at..].iter().take_while(|l| beside(l)).count();
        let width = lines[at..at + run].iter().map(|l| l.code.chars().count()).max().unwrap_or(0);
        for line in &lines[at..at + run.max(1)] {
            let empty = line.code.is_empty() && line.comment.is_none();
            if empty && blank {
                continue;
            }
            blank = empty;
            out.push_str(&line.code);
            if let Some(comment) = &line.comment {
                if run > 0 {
                    let pad = width - line.code.chars().count() + 2;
                    out.extend(std::iter::repeat_n(' ', pad));
                }
                out.push_str(comment);
            }
            out.push('\n');
        }
        at += run.max(1);
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}
