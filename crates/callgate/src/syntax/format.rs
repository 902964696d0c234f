//! `callgate fmt`: one way to set blanks, nothing else changed.

use super::lexer::{Kind, Token, lex};
use super::tree::{ANSWERS, Part, STATEMENTS, on_arch, tree};

/// A formatted text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Formatted {
    /// The text.
    pub text: String,
    /// Whether it differs from what was given.
    pub changed: bool,
}

/// Lines longer than this are broken after a comma or before a word or operator where they have one.
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
    let mut breaks = Vec::new();
    let mut depth = 0usize;
    let mut before: Option<Token> = None;
    let mut first = true;
    let answers = tokens.iter().find(|t| !t.kind.is_trivia()).is_some_and(|t| t.loc.of(text) == "on");
    for (at, token) in tokens.iter().enumerate() {
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
                    && (spaced(text, before, *token) || !glues(text, before, *token))
                {
                    let name = token.loc.of(text);
                    let word = token.kind == Kind::Word && (name == "if" || on_arch(text, &tokens[at..]));
                    let answer =
                        answers && depth == 0 && ANSWERS.contains(&name) && ends_operand(text, before);
                    // Inside brackets, a line that begins like a statement would end this one.
                    let starts = depth > 0 && STATEMENTS.contains(&name);
                    if before.kind == Kind::Comma && !starts
                        || matches!(token.kind, Kind::AndAnd | Kind::OrOr)
                        || (word && depth == 0)
                        || answer
                    {
                        breaks.push(Break { at: code.len(), nested: depth > 0 });
                    }
                    code.push(' ');
                }
                match token.kind {
                    Kind::LParen | Kind::LBrace => depth += 1,
                    Kind::RParen | Kind::RBrace => depth = depth.saturating_sub(1),
                    _ => {}
                }
                code.push_str(token.loc.of(text));
                before = Some(*token);
            }
        }
    }
    if !code.is_empty() {
        wrap(code, &breaks, None, first, lines);
    }
}

/// Whether calls or a condition may end with this token, so that an answer may follow.
fn ends_operand(text: &str, token: Token) -> bool {
    match token.kind {
        Kind::Word => !matches!(token.loc.of(text), "if" | "in" | "not" | "on" | "ask"),
        Kind::Number | Kind::Group | Kind::RParen | Kind::RBrace | Kind::Question => true,
        _ => false,
    }
}

/// Whether two tokens may touch without becoming others.
fn glues(text: &str, before: Token, token: Token) -> bool {
    if before.loc.end == token.loc.start {
        return true;
    }
    let (a, b) = (before.loc.of(text), token.loc.of(text));
    let glued = lex(&format!("{a}{b}"));
    let same =
        |x: &Token, y: &Token| x.kind == before.kind && y.kind == token.kind && x.loc.end as usize == a.len();
    matches!(glued.as_slice(), [x, y] if same(x, y))
}

/// Whether a blank belongs between two tokens of a line.
fn spaced(text: &str, before: Token, token: Token) -> bool {
    use Kind::*;
    let touching = before.loc.end == token.loc.start;
    match (before.kind, token.kind) {
        // What is not understood keeps its shape.
        (Junk | OpenStr, _) | (_, Junk | OpenStr) => !touching,
        (_, Comma | RParen | RBrace | Question | Colon | DotDot | Or) => false,
        (LParen | LBrace | DotDot | Colon | Tilde | Minus | Not | Or, _) => false,
        (Word, LParen) => matches!(before.loc.of(text), "if" | "in" | "not" | "on"),
        _ => true,
    }
}

/// A blank at which a line may be broken.
#[derive(Clone, Copy)]
struct Break {
    at: usize,
    /// Whether it is inside brackets: taken only if no other will do.
    nested: bool,
}

/// Emits a line, broken if it is too long.
fn wrap(code: String, breaks: &[Break], comment: Option<String>, first: bool, lines: &mut Vec<Line>) {
    if code.is_empty() {
        // A comment inside a statement.
        let indent = if first { "" } else { INDENT };
        lines.push(Line { code: String::new(), comment: comment.map(|c| format!("{indent}{c}")) });
        return;
    }
    let mut start = 0;
    let mut indent = "";
    let mut left = breaks;
    while indent.len() + code[start..].chars().take(WIDTH + 1).count() > WIDTH {
        let room = WIDTH - indent.len();
        let end = code[start..].char_indices().nth(room).map_or(code.len(), |c| start + c.0);
        let fitting = left.partition_point(|b| b.at <= end);
        let outer = left[..fitting].iter().rposition(|b| !b.nested);
        // The rest may be one unbreakable piece.
        let Some(taken) = outer.or(fitting.checked_sub(1)).or((!left.is_empty()).then_some(0)) else { break };
        let at = left[taken].at;
        lines.push(Line { code: format!("{indent}{}", &code[start..at]), comment: None });
        (start, indent, left) = (at + 1, INDENT, &left[taken + 1..]);
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
