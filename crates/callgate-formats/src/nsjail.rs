//! nsjail's configurations: protobuf text with a kafel policy inside.

use crate::detect::Format;
use crate::import::{Flags, Import};
use crate::kafel;
use crate::options::Options;
use crate::place::Error;
use crate::scan::{Pos, Scanner, Source};

/// Reads the policy of a configuration.
pub(crate) fn read(text: &str, options: &Options) -> Result<Import, Error> {
    let source = Source::main(text, options);
    let fields = fields(&source)?;
    let mut policy = String::new();
    let mut line = 1;
    let mut file = None;
    let mut log = false;
    for field in &fields {
        match (&*field.name, &field.value) {
            ("seccomp_string", Value::Text(text)) => {
                // Pieces are joined by line ends. Blanks put each where it stands in the
                // configuration, so that positions are those of the file.
                if !policy.is_empty() {
                    policy.push('\n');
                    line += 1;
                }
                while line < field.pos.line {
                    policy.push('\n');
                    line += 1;
                }
                if line == field.pos.line {
                    policy.extend(std::iter::repeat_n(' ', field.pos.col as usize));
                }
                line += u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX);
                policy.push_str(text);
            }
            ("seccomp_policy_file", Value::Text(path)) => file = Some((path.clone(), field.pos)),
            ("seccomp_log", Value::Word(word)) => {
                log = match &**word {
                    "true" | "t" | "True" | "1" => true,
                    "false" | "f" | "False" | "0" => false,
                    _ => {
                        return Err(source
                            .error(field.pos, format!("seccomp_log: expected true or false, not {word}")));
                    }
                };
            }
            ("seccomp_string" | "seccomp_policy_file" | "seccomp_log", _) => {
                return Err(source.error(field.pos, format!("{}: a value of another kind", field.name)));
            }
            _ => {}
        }
    }
    let inner = match (file, policy.is_empty()) {
        (Some((_, pos)), false) => {
            return Err(source.error(pos, "seccomp_string and seccomp_policy_file exclude each other"));
        }
        (Some((path, pos)), true) => source.include(&source.directory(), &path, pos, options)?,
        (None, false) => Source { text: policy.into(), ..source },
        (None, true) => {
            return Err(source.error(Pos::default(), "the configuration has no seccomp policy"));
        }
    };
    let mut import = kafel::read_source(inner, Format::Nsjail, options)?;
    if log {
        import.flags = Some(Flags { log: true, tsync: true, ..Flags::default() });
    }
    Ok(import)
}

/// A field at the top level.
struct Field {
    name: String,
    value: Value,
    /// Where the value starts.
    pos: Pos,
}

enum Value {
    Text(String),
    Word(String),
    /// A message or a list, whose contents are of no interest.
    Nested,
}

/// The fields of a message in protobuf's text format.
fn fields(source: &Source) -> Result<Vec<Field>, Error> {
    let mut scan = Scanner::new(source);
    let mut out = Vec::new();
    loop {
        blanks(&mut scan);
        let pos = scan.pos();
        if scan.peek().is_none() {
            return Ok(out);
        }
        if scan.eat(",") || scan.eat(";") {
            continue;
        }
        let name = scan.take_while(|c| c.is_ascii_alphanumeric() || c == '_').to_owned();
        if name.is_empty() {
            return Err(
                source.error(pos, format!("expected a field's name, not {:?}", scan.peek().unwrap_or(' ')))
            );
        }
        blanks(&mut scan);
        let has_colon = scan.eat(":");
        blanks(&mut scan);
        let pos = scan.pos();
        let value = match scan.peek() {
            Some('{' | '<' | '[') => {
                nested(source, &mut scan)?;
                Value::Nested
            }
            Some('"' | '\'') if has_colon => {
                let mut text = String::new();
                while matches!(scan.peek(), Some('"' | '\'')) {
                    text.push_str(&quoted(source, &mut scan)?);
                    blanks(&mut scan);
                }
                Value::Text(text)
            }
            _ if has_colon => {
                let word =
                    scan.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '.'));
                if word.is_empty() {
                    return Err(source.error(pos, format!("{name} has no value")));
                }
                Value::Word(word.to_owned())
            }
            _ => return Err(source.error(pos, format!("expected `:` or `{{` behind {name}"))),
        };
        out.push(Field { name, value, pos });
    }
}

fn blanks(scan: &mut Scanner<'_>) {
    loop {
        scan.take_while(char::is_whitespace);
        if scan.peek() != Some('#') {
            return;
        }
        scan.take_while(|c| c != '\n');
    }
}

/// Skips a message or a list with everything in it.
fn nested(source: &Source, scan: &mut Scanner<'_>) -> Result<(), Error> {
    let mut open = Vec::new();
    loop {
        blanks(scan);
        let pos = scan.pos();
        match scan.peek() {
            None => return Err(source.error(pos, "a message or list is never closed")),
            Some('"' | '\'') => {
                quoted(source, scan)?;
            }
            Some(c) => {
                scan.bump();
                match c {
                    '{' => open.push('}'),
                    '<' => open.push('>'),
                    '[' => open.push(']'),
                    '}' | '>' | ']' => {
                        if open.pop() != Some(c) {
                            return Err(source.error(pos, format!("unexpected `{c}`")));
                        }
                        if open.is_empty() {
                            return Ok(());
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

/// A quoted string, its escapes resolved.
fn quoted(source: &Source, scan: &mut Scanner<'_>) -> Result<String, Error> {
    let start = scan.pos();
    let quote = scan.bump();
    let mut out = String::new();
    loop {
        let pos = scan.pos();
        match scan.bump() {
            None | Some('\n') => return Err(source.error(start, "the quote is never closed")),
            c if c == quote => return Ok(out),
            Some('\\') => out.push(escape(source, scan, pos)?),
            Some(c) => out.push(c),
        }
    }
}

fn escape(source: &Source, scan: &mut Scanner<'_>, pos: Pos) -> Result<char, Error> {
    let bad = || source.error(pos, "unknown escape");
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    Ok(match scan.bump() {
        Some('n') => '\n',
        Some('t') => '\t',
        Some('r') => '\r',
        Some(c @ ('\\' | '"' | '\'' | '?')) => c,
        Some('x') => {
            let digits: String = scan.rest().chars().take(2).take_while(char::is_ascii_hexdigit).collect();
            scan.eat(&digits);
            number(&digits, 16).ok_or_else(bad)?
        }
        Some(c @ '0'..='7') => {
            let more: String = scan.rest().chars().take(2).take_while(|c| matches!(c, '0'..='7')).collect();
            scan.eat(&more);
            number(&format!("{c}{more}"), 8).ok_or_else(bad)?
        }
        _ => return Err(bad()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate::{Action, Arch, Errno, SeccompData};

    #[test]
    fn a_policy_in_pieces() {
        let text = "name: \"x\" # c\nmount { src: \"a}\" list: [1, 2] }\nseccomp_log: true\n\
                    seccomp_string: \"ERRNO(1337) { geteuid }\\t\"\nseccomp_string: 'DEFAULT '\n  \"ALLOW\"\n";
        let import = read(text, &Options::new(Arch::X86_64)).unwrap();
        let policy = &import.policies[0].policy;
        let data = SeccompData { nr: 107, arch: Arch::X86_64.token(), ..SeccompData::default() };
        assert_eq!(policy.eval(&data), Action::Errno(Errno(1337)));
        assert_eq!(policy.eval(&SeccompData { nr: 0, ..data }), Action::ALLOW);
        assert_eq!(import.flags.unwrap(), Flags { log: true, tsync: true, ..Flags::default() });
    }

    #[test]
    fn errors_have_the_configurations_positions() {
        let error = |text| read(text, &Options::new(Arch::X86_64)).unwrap_err().to_string();
        let text = "name: \"x\"\nseccomp_string: \"ALLOW {\"\nseccomp_string: \"  raed }\"\n";
        assert_eq!(error(text), "3:20: unknown system call on x86_64 raed; did you mean read?");
        assert_eq!(
            error("name: \"x\""),
            "0:0: the configuration has no seccomp policy".trim_start_matches("0:0: ")
        );
        assert_eq!(error("seccomp_string: 1"), "1:17: seccomp_string: a value of another kind");
        assert_eq!(error("a: \"x"), "1:4: the quote is never closed");
        assert_eq!(error("a {"), "1:4: a message or list is never closed");
        let both = "seccomp_string: \"DEFAULT ALLOW\" seccomp_policy_file: \"x\"";
        assert_eq!(error(both), "1:54: seccomp_string and seccomp_policy_file exclude each other");
    }
}
