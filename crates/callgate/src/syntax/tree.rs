//! Tokens grouped into statements, nothing dropped: the tree that the parser and the formatter share.

use super::lexer::{Kind, Token, lex};
use callgate_abi::Arch;
use std::ops::Range;

/// A text's tokens and where its statements lie. The stretches follow one another and cover every
/// token.
pub(crate) struct Tree {
    pub(crate) tokens: Vec<Token>,
    pub(crate) parts: Vec<Part>,
}

/// A stretch of tokens.
pub(crate) enum Part {
    /// A line without a statement: blank or a comment, its end included.
    Empty(Range<usize>),
    /// A statement with its line ends and comments.
    Statement(Range<usize>),
}

/// The words that begin a statement, with what each is for.
pub(crate) const STATEMENTS: &[&str] = &[
    "action",
    "allow",
    "arch",
    "default",
    "errno",
    "expect",
    "foreign",
    "group",
    "if-lost",
    "include",
    "kill",
    "kill-thread",
    "log",
    "notify",
    "on",
    "trace",
    "trap",
    "unknown",
    "x32",
];

/// The words that begin an answer and no statement.
pub(crate) const ANSWERS: &[&str] = &["ask", "bind", "connect", "continue-unchecked", "open", "return"];

/// Groups a text's tokens.
///
/// A statement ends with its line unless the line ends in a comma, an operator or an open bracket, or
/// the next one begins with `&&`, `||`, `|`, `if`, `on ARCH` or a closing bracket; an `on` line also goes on
/// with an answer that cannot begin a statement. A blank line always
/// ends it, and so does, inside brackets, a line that begins like a statement: one forgotten
/// bracket must not swallow the file.
pub(crate) fn tree(text: &str) -> Tree {
    let tokens = lex(text);
    let mut parts = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let start = at;
        let mut last = None;
        let mut depth = 0usize;
        let mut answers = false;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.kind {
                Kind::Space | Kind::Comment => {}
                Kind::Newline => {
                    let Some(last) = last else { break };
                    // Comment lines inside a statement belong to it: look for what comes after them.
                    match continues(text, &tokens, at, last, depth, answers) {
                        Some(next) => at = next,
                        None => break,
                    }
                }
                kind => {
                    match kind {
                        Kind::LParen | Kind::LBrace => depth += 1,
                        Kind::RParen | Kind::RBrace => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    answers |= last.is_none() && token.loc.of(text) == "on";
                    last = Some(*token);
                }
            }
        }
        parts.push(if last.is_some() { Part::Statement(start..at) } else { Part::Empty(start..at) });
    }
    Tree { tokens, parts }
}

/// If the statement whose last token is `last` goes on after the line end before `at`: the index of
/// its next token.
fn continues(
    text: &str,
    tokens: &[Token],
    at: usize,
    last: Token,
    depth: usize,
    answers: bool,
) -> Option<usize> {
    let mut next = at;
    let mut blank = true;
    loop {
        match tokens.get(next)?.kind {
            Kind::Space => {}
            Kind::Comment => blank = false,
            Kind::Newline if blank => return None,
            Kind::Newline => blank = true,
            _ => break,
        }
        next += 1;
    }
    let word = tokens[next].loc.of(text);
    let begins = match tokens[next].kind {
        Kind::AndAnd | Kind::OrOr | Kind::Or | Kind::RParen | Kind::RBrace => true,
        Kind::Word => {
            word == "if"
                || on_arch(text, &tokens[next..])
                || (answers && depth == 0 && ANSWERS.contains(&word))
        }
        _ => false,
    };
    let open = match last.kind {
        // A call may have the name of a statement's word, and so may an architecture.
        Kind::Comma if depth == 0 => true,
        Kind::Word if last.loc.of(text) == "on" => true,
        Kind::Word => {
            matches!(last.loc.of(text), "if" | "in" | "not") && !starts_statement(text, tokens, next)
        }
        Kind::Number
        | Kind::Group
        | Kind::Str
        | Kind::OpenStr
        | Kind::RParen
        | Kind::RBrace
        | Kind::Question
        | Kind::Junk => false,
        _ => !starts_statement(text, tokens, next),
    };
    let inside = depth > 0 && !starts_statement(text, tokens, next);
    (begins || open || inside).then_some(next)
}

/// Whether `on` with an architecture comes first: the end of a rule. With anything else it begins a line of
/// its own.
pub(crate) fn on_arch(text: &str, tokens: &[Token]) -> bool {
    let mut words = tokens.iter().filter(|t| !t.kind.is_trivia());
    let arch = |t: &Token| {
        let word = t.loc.of(text);
        // Numbers are calls, though `386` is an architecture to some.
        t.kind == Kind::Word && (word == "native" || Arch::parse(word).is_some())
    };
    words.next().is_some_and(|t| t.loc.of(text) == "on") && words.next().is_some_and(arch)
}

fn starts_statement(text: &str, tokens: &[Token], at: usize) -> bool {
    if on_arch(text, &tokens[at..]) {
        return false;
    }
    let keyword = tokens[at].kind == Kind::Word && STATEMENTS.contains(&tokens[at].loc.of(text));
    let after = tokens[at + 1..].iter().find(|t| !t.kind.is_trivia());
    keyword && !after.is_some_and(|t| matches!(t.kind, Kind::Comma | Kind::RBrace | Kind::RParen | Kind::Or))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(text: &str) -> Vec<String> {
        let tree = tree(text);
        let mut covered = 0;
        let mut all = Vec::new();
        for part in &tree.parts {
            let (range, statement) = match part {
                Part::Empty(range) => (range, false),
                Part::Statement(range) => (range, true),
            };
            assert_eq!(range.start, covered);
            covered = range.end;
            let significant = tree.tokens[range.clone()].iter().filter(|t| !t.kind.is_trivia());
            let words: Vec<_> = significant.map(|t| t.loc.of(text)).collect();
            if statement {
                all.push(words.join(" "));
            }
        }
        assert_eq!(covered, tree.tokens.len());
        all
    }

    #[test]
    fn continuation() {
        assert_eq!(statements("allow read,\n  write\nkill a"), ["allow read , write", "kill a"]);
        assert_eq!(statements("allow read,\n\nkill a"), ["allow read ,", "kill a"]);
        assert_eq!(statements("allow a, # x\n # y\n b # z\n"), ["allow a , b"]);
        assert_eq!(statements("allow a\n  if x == 1\n  && y == 2\n\n# c\n"), ["allow a if x == 1 && y == 2"]);
        assert_eq!(
            statements("allow a if x in {\n  A,\n  B\n}\nlog b"),
            ["allow a if x in { A , B }", "log b"]
        );
        assert_eq!(statements("allow a if x in {A\nlog b"), ["allow a if x in { A", "log b"]);
        assert_eq!(statements("allow a if (x == 1\n\nlog b"), ["allow a if ( x == 1", "log b"]);
        assert_eq!(statements("allow a if\nlog b"), ["allow a if", "log b"]);
        assert_eq!(statements("allow a if x ==\nlog b"), ["allow a if x ==", "log b"]);
        assert_eq!(statements("allow a,\n kill,\n b"), ["allow a , kill , b"]);
        assert_eq!(statements("allow a\n on x86_64\non b log"), ["allow a on x86_64", "on b log"]);
        assert_eq!(
            statements("on a\n on arm\n if x == 1 log\non b log"),
            ["on a on arm if x == 1 log", "on b log"]
        );
        assert_eq!(statements("on none log\non 386 log\n"), ["on none log", "on 386 log"]);
        assert_eq!(statements("on a if x == 1\n  open b\nopen c"), ["on a if x == 1 open b open c"]);
        assert_eq!(statements("allow a\n  open b\non c\nlog d"), ["allow a", "open b", "on c", "log d"]);
    }
}
