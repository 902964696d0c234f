//! Bytes, and the ways to write bytes as text.

use super::endian;
use crate::program::Code;
use crate::program::asm::Error;
use callgate_abi::Endian;

/// Raw records.
pub(super) fn binary(bytes: &[u8], given: Option<Endian>) -> Result<Code, Error> {
    let endian = given.unwrap_or_else(|| endian::of_records(bytes));
    Code::from_bytes(bytes, endian).map_err(|error| Error::at(1, 1, error.to_string()))
}

/// Raw records that came as text.
pub(super) fn wrapped(bytes: Result<Vec<u8>, Vec<Error>>, given: Option<Endian>) -> Result<Code, Vec<Error>> {
    binary(&bytes?, given).map_err(|e| vec![e])
}

fn one(line: usize, column: usize, message: impl Into<String>) -> Vec<Error> {
    vec![Error::at(line, column, message)]
}

/// Hexadecimal digits, with or without blanks, commas and `0x`; or the output of `xxd` and
/// `hexdump -C`, whose offsets and character columns are left out.
pub(super) fn hex(text: &str) -> Result<Vec<u8>, Vec<Error>> {
    let mut bytes = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let (line, skipped) = without_offset(line, bytes.len());
        let mut high = None;
        let mut previous = ' ';
        for (column, c) in line.char_indices() {
            let place = skipped + column + 1;
            match c.to_digit(16) {
                Some(digit) => match high.take() {
                    None => high = Some(digit),
                    Some(h) => bytes.push((h << 4 | digit) as u8),
                },
                None if matches!(c, 'x' | 'X') && previous == '0' && high == Some(0) => high = None,
                None if c.is_whitespace() || matches!(c, ',' | ':' | '"' | '\'') => {
                    if high.is_some() {
                        return Err(one(index + 1, place, "half a byte"));
                    }
                }
                None => return Err(one(index + 1, place, format!("{c:?} is no hexadecimal digit"))),
            }
            previous = c;
        }
        if high.is_some() {
            return Err(one(index + 1, skipped + line.chars().count(), "half a byte"));
        }
    }
    Ok(bytes)
}

/// A line of a hex dump without its offset and its characters, and how long the offset was.
fn without_offset(line: &str, offset: usize) -> (&str, usize) {
    let end = line.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(line.len());
    let (head, rest) = line.split_at(end);
    let is_offset = (7..=8).contains(&head.len()) && usize::from_str_radix(head, 16) == Ok(offset);
    if let (true, Some(rest)) = (is_offset, rest.strip_prefix(": ")) {
        let end = rest.find("  ").unwrap_or(rest.len());
        return (&rest[..end], head.len() + 2);
    }
    if is_offset && (rest.starts_with("  ") || (rest.trim().is_empty() && offset > 0)) {
        return (&rest[..rest.find('|').unwrap_or(rest.len())], head.len());
    }
    (line, 0)
}

/// Base64 of the usual or the URL alphabet, with or without padding and line breaks.
pub(super) fn base64(text: &str) -> Result<Vec<u8>, Vec<Error>> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0u32, 0u32);
    let mut ended = false;
    for (index, line) in text.lines().enumerate() {
        for (column, c) in line.char_indices() {
            let value = match c {
                'A'..='Z' => c as u32 - 'A' as u32,
                'a'..='z' => c as u32 - 'a' as u32 + 26,
                '0'..='9' => c as u32 - '0' as u32 + 52,
                '+' | '-' => 62,
                '/' | '_' => 63,
                '=' => {
                    ended = true;
                    continue;
                }
                _ if c.is_whitespace() || matches!(c, '"' | '\'') => continue,
                _ => return Err(one(index + 1, column + 1, format!("{c:?} is no base64 digit"))),
            };
            if ended {
                return Err(one(index + 1, column + 1, "base64 goes on behind its end (`=`)"));
            }
            (bits, held) = (bits << 6 | value, held + 6);
            if held >= 8 {
                held -= 8;
                bytes.push((bits >> held) as u8);
                bits &= (1 << held) - 1;
            }
        }
    }
    if bits != 0 || held >= 6 { Err(one(1, 1, "the base64 is cut off")) } else { Ok(bytes) }
}

/// The base64 digits of bytes, padded.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { digit as char } else { '=' });
        }
    }
    out
}

/// String literals with escapes, or a bare run of escapes.
pub(super) fn escaped(text: &str) -> Result<Vec<u8>, Vec<Error>> {
    let mut reader = Escapes { rest: text, line: 1, column: 1, bytes: Vec::new() };
    let quoted = text.trim_start_matches(|c: char| c != '"' && c != '\'' && c != '\\');
    let Some(quote @ ('"' | '\'')) = quoted.chars().next() else {
        reader.literal(None)?;
        return Ok(reader.bytes);
    };
    // Several literals in a row, as C and Python join them.
    while let Some(c) = reader.next() {
        if c == quote {
            reader.literal(Some(quote))?;
        }
    }
    Ok(reader.bytes)
}

struct Escapes<'a> {
    rest: &'a str,
    line: usize,
    column: usize,
    bytes: Vec<u8>,
}

impl Escapes<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            (self.line, self.column) = (self.line + 1, 1);
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn skip(&mut self, characters: usize) {
        for _ in 0..characters {
            self.next();
        }
    }

    /// Up to the closing quote, or up to the end where there are none.
    fn literal(&mut self, quote: Option<char>) -> Result<(), Vec<Error>> {
        let (line, column) = (self.line, self.column);
        while let Some(c) = self.next() {
            match c {
                '\\' => self.escape()?,
                _ if Some(c) == quote => return Ok(()),
                '\n' | '\r' => {}
                ' ' if quote.is_none() => {}
                _ if c.is_ascii() => self.bytes.push(c as u8),
                _ => return Err(one(self.line, self.column - 1, format!("{c:?} is no byte"))),
            }
        }
        match quote {
            Some(_) => Err(one(line, column, "the string has no end")),
            None => Ok(()),
        }
    }

    fn escape(&mut self) -> Result<(), Vec<Error>> {
        let (line, column) = (self.line, self.column);
        let error = |what: &str| Err(one(line, column, format!("`\\{what}` is no escape")));
        let byte = match self.next() {
            Some('x') => {
                let digits: String = self.rest.chars().take(2).take_while(char::is_ascii_hexdigit).collect();
                let Ok(byte) = u8::from_str_radix(&digits, 16) else { return error("x") };
                self.skip(digits.len());
                byte
            }
            Some(c @ '0'..='7') => {
                let more: String = self.rest.chars().take(2).take_while(|c| matches!(c, '0'..='7')).collect();
                let Ok(byte) = u8::from_str_radix(&format!("{c}{more}"), 8) else { return error(&more) };
                self.skip(more.len());
                byte
            }
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('r') => b'\r',
            Some('a') => 0x07,
            Some('b') => 0x08,
            Some('v') => 0x0b,
            Some('f') => 0x0c,
            Some('e') => 0x1b,
            Some(c @ ('\\' | '"' | '\'' | '?')) => c as u8,
            // A line that goes on.
            Some('\n') => return Ok(()),
            Some(c) => return error(&c.to_string()),
            None => return error(""),
        };
        self.bytes.push(byte);
        Ok(())
    }
}
