//! Which wrapping a file is.

use super::{Container, columns, mnemonic};
use crate::program::asm::MAX_TEXT;
use std::borrow::Cow;

/// What a file seems to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Detected {
    /// The wrapping.
    pub container: Container,
    /// What gives it away.
    pub why: String,
}

/// Finds out what a program is wrapped in; `None` if nothing fits. It looks at the content only, and
/// is fast on any.
///
/// ```
/// use callgate::program::container::{Container, detect};
///
/// let found = detect(b"{ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) }").unwrap();
/// assert_eq!(found.container, Container::Macros);
/// assert_eq!(detect(b"allow read, write\n"), None);
/// ```
pub fn detect(bytes: &[u8]) -> Option<Detected> {
    let found = |container, why: &str| Some(Detected { container, why: why.to_string() });
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|t| !t.contains('\0')) else {
        return found(Container::Binary, "it is no text");
    };
    let text = &*plain(text);
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return None;
    }
    let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
    if let Some(row) = lines.clone().find(|line| columns::row(line).is_some()) {
        return if row.starts_with('L') {
            found(Container::Ceccomp, "its lines are `L0001: code jt jf k`")
        } else {
            found(Container::SeccompTools, "its lines are `0000: code jt jf k`")
        };
    }
    if let Some(line) = text.lines().find(|line| mnemonic::is_line(line)) {
        return found(Container::BpfAsm, &format!("it has the instruction `{:.40}`", line.trim()));
    }
    if text.contains("BPF_STMT") || text.contains("BPF_JUMP") {
        return if text.contains("filter=[") || trimmed.starts_with("[BPF_") {
            found(Container::Strace, "it lists `BPF_STMT(…)` as strace does")
        } else {
            found(Container::Macros, "it uses `BPF_STMT` or `BPF_JUMP`")
        };
    }
    let is_row = |row: &str| row.split_ascii_whitespace().filter(|w| is_decimal(w)).count() == 4;
    if lines.next().is_some_and(is_decimal) && lines.next().is_some_and(is_row) {
        return found(Container::Tcpdump, "it is a count and rows of four decimal numbers");
    }
    let mut pieces = trimmed.trim_matches(['"', '\'']).split(',');
    if pieces.next().is_some_and(is_decimal) && pieces.next().is_some_and(is_row) {
        return found(Container::XtBpf, "it is a count and groups of four decimal numbers");
    }
    if looks_hexadecimal(trimmed) {
        return found(Container::Hex, "it is all hexadecimal digits");
    }
    if text.contains("\\x") {
        return found(Container::Escaped, "it has `\\x` escapes");
    }
    if let Some(found) = as_array(text) {
        return Some(found);
    }
    if looks_base64(trimmed) {
        return found(Container::Base64, "it is all base64 digits");
    }
    if looks_assembled(text) {
        return found(Container::Asm, "it has assembler statements");
    }
    None
}

/// Arrays are told apart by what is in their brackets, once it is clear that there are numbers in them.
fn as_array(text: &str) -> Option<Detected> {
    let found = |container, why: &str| Some(Detected { container, why: why.to_string() });
    if text.len() > MAX_TEXT || !text.contains(['{', '[', '(']) || looks_assembled(text) {
        return None;
    }
    match super::array::shape(text)? {
        super::array::Shape::Tuples if text.contains("sock_filter {") || text.contains("sock_filter{") => {
            if text.contains("code:") {
                found(Container::Rust, "it is an array of `sock_filter { code: … }`")
            } else {
                found(Container::C, "it is an array of four numbers each")
            }
        }
        super::array::Shape::Tuples => found(Container::C, "it is an array of four numbers each"),
        super::array::Shape::Bytes => found(Container::Bytes, "it is an array of bytes"),
    }
}

fn is_decimal(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

fn looks_hexadecimal(text: &str) -> bool {
    let dumped = text.starts_with("0000000");
    let plain =
        text.bytes().all(|b| b.is_ascii_hexdigit() || b.is_ascii_whitespace() || b",:xX\"'".contains(&b));
    let digits = || text.bytes().filter(u8::is_ascii_hexdigit).count();
    (plain && digits() >= 16 && (digits().is_multiple_of(16) || text.contains("0x")))
        || (dumped && super::bytes::hex(text).is_ok())
}

fn looks_base64(text: &str) -> bool {
    let digits = text.bytes().filter(|b| !b.is_ascii_whitespace() && !b"\"'".contains(b));
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"+/-_=".contains(&b);
    digits.clone().count() >= 11
        && digits.clone().all(fits)
        && super::bytes::base64(text).is_ok_and(|b| b.len() % 8 == 0)
}

/// Whether a line begins as only assembler lines do.
fn looks_assembled(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.split('#').next().unwrap_or_default().trim();
        // Behind a label, and behind an instruction's fields.
        let is_label = |l: &str| l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let line = line.split_once(':').filter(|(l, _)| is_label(l)).map_or(line, |(_, rest)| rest.trim());
        let fields = line.split_once(']').filter(|_| line.starts_with('['));
        let line = fields.map_or(line, |(_, rest)| rest.trim());
        let mut words = line.split(|c: char| c.is_whitespace() || c == '(').filter(|w| !w.is_empty());
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match first {
            "return" => !line.ends_with(';'),
            "goto" | ".insn" => !line.ends_with(';'),
            "A" | "X" | "$A" | "$X" => second.ends_with('='),
            _ => false,
        }
    })
}

/// A text without the colours a terminal would show.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        out.push_str(&rest[..at]);
        let sequence = &rest[at + 2..];
        let end = sequence.find(|c: char| c.is_ascii_alphabetic()).map_or(sequence.len(), |i| i + 1);
        rest = &sequence[end..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}
