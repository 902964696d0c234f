//! Text to tokens. Every byte of the text is in exactly one token.

/// A stretch of bytes of one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Loc {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Loc {
    pub(crate) fn to(self, other: Loc) -> Loc {
        Loc { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    pub(crate) fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }
}

/// A token: what it is and where. Its text is the source's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) loc: Loc,
}

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Space,
    Newline,
    Comment,
    /// `read`, `kill-thread`, `O_RDONLY`: a letter or `_`, then those, digits, and `-` before a letter.
    Word,
    /// `@name`, `@name:252`.
    Group,
    /// A digit and what follows it.
    Number,
    /// A quoted string, closed.
    Str,
    /// A quote that is not closed on its line.
    OpenStr,
    Comma,
    LParen,
    RParen,
    LBrace,
    RBrace,
    Assign,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    AndAnd,
    Or,
    OrOr,
    Not,
    Tilde,
    Minus,
    DotDot,
    Colon,
    Question,
    /// Characters the language does not use.
    Junk,
}

impl Kind {
    pub(crate) fn is_trivia(self) -> bool {
        matches!(self, Kind::Space | Kind::Newline | Kind::Comment)
    }
}

/// Splits a text, which must be shorter than 4 GiB, into tokens.
pub(crate) fn lex(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::with_capacity(text.len() / 3);
    let mut at = 0;
    while at < bytes.len() {
        let (kind, len) = next(text, at);
        let loc = Loc { start: at as u32, end: (at + len) as u32 };
        tokens.push(Token { kind, loc });
        at += len;
    }
    tokens
}

fn next(text: &str, at: usize) -> (Kind, usize) {
    let rest = &text.as_bytes()[at..];
    let one = |kind| (kind, 1);
    let pair = |second, long, short| if rest.get(1) == Some(&second) { (long, 2) } else { (short, 1) };
    match rest[0] {
        b'\n' => one(Kind::Newline),
        b'#' => (Kind::Comment, text[at..].find('\n').unwrap_or(rest.len())),
        b',' => one(Kind::Comma),
        b'(' => one(Kind::LParen),
        b')' => one(Kind::RParen),
        b'{' => one(Kind::LBrace),
        b'}' => one(Kind::RBrace),
        b'~' => one(Kind::Tilde),
        b'-' => one(Kind::Minus),
        b':' => one(Kind::Colon),
        b'?' => one(Kind::Question),
        b'=' => pair(b'=', Kind::Eq, Kind::Assign),
        b'!' => pair(b'=', Kind::Ne, Kind::Not),
        b'<' => pair(b'=', Kind::Le, Kind::Lt),
        b'>' => pair(b'=', Kind::Ge, Kind::Gt),
        b'&' => pair(b'&', Kind::AndAnd, Kind::And),
        b'|' => pair(b'|', Kind::OrOr, Kind::Or),
        b'.' => pair(b'.', Kind::DotDot, Kind::Junk),
        b'"' => string(rest),
        b'@' => match word(&rest[1..]) {
            0 => one(Kind::Junk),
            n => (Kind::Group, 1 + n + version(&rest[1 + n..])),
        },
        b'0'..=b'9' => {
            let part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
            (Kind::Number, rest.iter().position(|b| !part(b)).unwrap_or(rest.len()))
        }
        b' ' | b'\t' | b'\r' => (Kind::Space, space(rest)),
        _ => match word(rest) {
            0 => match space(rest) {
                0 => (Kind::Junk, junk(&text[at..])),
                n => (Kind::Space, n),
            },
            n => (Kind::Word, n),
        },
    }
}

/// By byte, whether it may stand in a word.
const IN_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    table
};

fn word(rest: &[u8]) -> usize {
    if !rest.first().is_some_and(|b| IN_WORD[usize::from(*b)] && !b.is_ascii_digit()) {
        return 0;
    }
    let mut len = 1;
    loop {
        while rest.get(len).is_some_and(|b| IN_WORD[usize::from(*b)]) {
            len += 1;
        }
        let hyphen = rest.get(len) == Some(&b'-');
        if !hyphen || !rest.get(len + 1).is_some_and(u8::is_ascii_alphanumeric) {
            return len;
        }
        len += 1;
    }
}

/// The length of a group's `:252`.
fn version(rest: &[u8]) -> usize {
    if rest.first() != Some(&b':') {
        return 0;
    }
    match rest[1..].iter().take_while(|b| b.is_ascii_alphanumeric()).count() {
        0 => 0,
        n => n + 1,
    }
}

fn space(rest: &[u8]) -> usize {
    let mut len = 0;
    loop {
        // A byte-order mark and carriage returns are blanks, so that files from other systems read alike.
        len += match rest.get(len) {
            Some(b' ' | b'\t' | b'\r') => 1,
            Some(_) if rest[len..].starts_with("\u{feff}".as_bytes()) => '\u{feff}'.len_utf8(),
            _ => return len,
        };
    }
}

fn junk(rest: &str) -> usize {
    let used = |c: char| c.is_ascii_alphanumeric() || " \t\r\n\u{feff}#,(){}~-:?=!<>&|.\"@_".contains(c);
    let first = rest.chars().next().map_or(0, char::len_utf8);
    rest[first..].find(used).map_or(rest.len(), |n| first + n)
}

fn string(rest: &[u8]) -> (Kind, usize) {
    let mut at = 1;
    while let Some(b) = rest.get(at) {
        match b {
            b'"' => return (Kind::Str, at + 1),
            b'\n' => break,
            b'\\' if !matches!(rest.get(at + 1), None | Some(b'\n')) => at += 2,
            _ => at += 1,
        }
    }
    // An escaped character may be several bytes long; the walk above steps over its first byte only,
    // and the rest are never a quote, a backslash or a line end.
    (Kind::OpenStr, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        let tokens = lex(text);
        let joined: String = tokens.iter().map(|t| t.loc.of(text)).collect();
        assert_eq!(joined, text);
        tokens.into_iter().map(|t| t.kind).filter(|k| *k != Kind::Space).collect()
    }

    #[test]
    fn tokens() {
        use Kind::*;
        assert_eq!(kinds("kill-thread @basic-io # x\n"), [Word, Group, Comment, Newline]);
        assert_eq!(kinds("fd:32 <= -1"), [Word, Colon, Number, Le, Minus, Number]);
        assert_eq!(kinds("0x1f..0b10"), [Number, DotDot, Number]);
        assert_eq!(
            kinds("a&b&&c|d||!e!=~f"),
            [Word, And, Word, AndAnd, Word, Or, Word, OrOr, Not, Word, Ne, Tilde, Word]
        );
        assert_eq!(kinds("include \"a\\\"é.cg\""), [Word, Str]);
        assert_eq!(kinds("\"abc\\"), [OpenStr]);
        assert_eq!(kinds("é☃ $%a"), [Junk, Junk, Word]);
        assert_eq!(kinds("\u{feff}a\r\n"), [Word, Newline]);
        assert_eq!(kinds("@a-b:252, @c:"), [Group, Comma, Group, Colon]);
        assert_eq!(kinds("a- @ ."), [Word, Minus, Junk, Junk]);
    }
}
