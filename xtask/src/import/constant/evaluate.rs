//! What a C compiler says about names: which ones a header defines, and their values.

use crate::files::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// What the preprocessor left of a text.
pub(crate) struct Preprocessed {
    /// Object-like macros in the order of their definition: name, body, and the file it is in.
    pub(crate) macros: Vec<(String, String, String)>,
    /// Function-like macros: name and body.
    pub(crate) functions: BTreeMap<String, String>,
    /// Enumerators in order, each with the tag of its enumeration, perhaps empty.
    pub(crate) enumerators: Vec<(String, String)>,
    /// The whole, without the names of files, to compare two of them.
    pub(crate) text: String,
}

/// Runs the preprocessor.
pub(crate) fn preprocess(arguments: &[String], source: &str) -> Result<Preprocessed> {
    let (ok, out, errors) = run(arguments, &["-E", "-dD"], source)?;
    if !ok {
        return Err(first_error(&errors));
    }
    let mut macros: Vec<(String, String, String)> = Vec::new();
    let mut functions = BTreeMap::new();
    let (mut file, mut code, mut text) = (String::new(), String::new(), String::new());
    for line in out.lines() {
        let own = !matches!(file.as_str(), "<built-in>" | "<command-line>");
        if let Some(rest) = line.strip_prefix("#define ").filter(|_| own) {
            text.push_str(line);
            text.push('\n');
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, body) = rest.split_at(end);
            macros.retain(|m| m.0 != name);
            if body.starts_with('(') {
                functions.insert(name.to_owned(), body.to_owned());
            } else {
                macros.push((name.to_owned(), body.trim().to_owned(), file.clone()));
            }
        } else if let Some(name) = line.strip_prefix("#undef ") {
            macros.retain(|m| m.0 != name);
            functions.remove(name);
        } else if let Some(marker) = line.strip_prefix("# ") {
            file = marker.split('"').nth(1).unwrap_or_default().to_owned();
        } else if !line.starts_with('#') && !line.is_empty() {
            code.push_str(line);
            code.push('\n');
        }
    }
    let enumerators = enumerators(&code);
    text.push_str(&code);
    Ok(Preprocessed { macros, functions, enumerators, text })
}

/// The values of the expressions that are integer constants.
pub(crate) fn values(
    arguments: &[String],
    source: &str,
    expressions: &[String],
) -> Result<BTreeMap<String, u64>> {
    let mut left: Vec<&String> = expressions.iter().collect();
    loop {
        if left.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut text = source.to_owned();
        text.push_str("const unsigned long long callgate_values[] = {\n");
        let first = text.lines().count() + 1;
        for expression in &left {
            text.push_str(&format!("(unsigned long long)(long long)({expression}),\n"));
        }
        text.push_str("};\n");
        let (ok, out, errors) = run(arguments, &["-S"], &text)?;
        if ok {
            let words = words(&out)?;
            if words.len() != left.len() {
                return Err(format!("{} values for {} expressions", words.len(), left.len()));
            }
            return Ok(left.into_iter().cloned().zip(words).collect());
        }
        // Some are no integer constants: say `char` or use a structure nobody defines. Leave them out.
        let lines: BTreeSet<usize> = errors.lines().filter_map(error_line).collect();
        let before = left.len();
        let mut line = first;
        left.retain(|_| {
            line += 1;
            !lines.contains(&(line - 1))
        });
        if left.len() == before {
            return Err(first_error(&errors));
        }
    }
}

fn run(arguments: &[String], mode: &[&str], source: &str) -> Result<(bool, String, String)> {
    let mut child = Command::new("gcc")
        .args(arguments)
        .args(mode)
        .args([
            "-ftrack-macro-expansion=0",
            "-fno-diagnostics-show-caret",
            "-fmax-errors=0",
            "-x",
            "c",
            "-o",
            "-",
            "-",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("gcc: {e}"))?;
    let mut input = child.stdin.take().ok_or("gcc: no input pipe")?;
    let source = source.to_owned();
    let writer = std::thread::spawn(move || input.write_all(source.as_bytes()));
    let output = child.wait_with_output().map_err(|e| format!("gcc: {e}"))?;
    writer.join().map_err(|_| "gcc: the writing thread died")?.map_err(|e| format!("gcc: {e}"))?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((output.status.success(), text(output.stdout), text(output.stderr)))
}

/// The line of standard input an error is about.
fn error_line(message: &str) -> Option<usize> {
    let rest = message.strip_prefix("<stdin>:")?;
    let (line, rest) = rest.split_once(':')?;
    rest.contains("error:").then(|| line.parse().ok()).flatten()
}

fn first_error(errors: &str) -> String {
    errors.lines().find(|l| l.contains("error:")).unwrap_or("gcc failed without an error").to_owned()
}

/// The 64-bit words of the array in the assembly text.
fn words(assembly: &str) -> Result<Vec<u64>> {
    let mut bytes: Vec<u8> = Vec::new();
    let start = assembly.find("callgate_values:").ok_or("the compiler left the values out")?;
    for line in assembly[start..].lines().skip(1) {
        let mut cells = line.split_whitespace();
        let (directive, cell) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        let number = || cell.parse::<i128>().map_err(|_| format!("'{line}' in the assembly text"));
        match directive {
            ".quad" => bytes.extend_from_slice(&number()?.to_le_bytes()[..8]),
            ".long" => bytes.extend_from_slice(&number()?.to_le_bytes()[..4]),
            ".zero" => {
                let count = usize::try_from(number()?).map_err(|e| e.to_string())?;
                bytes.resize(bytes.len() + count, 0);
            }
            _ => break,
        }
    }
    let words =
        bytes.chunks_exact(8).map(|c| c.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    Ok(words.collect())
}

/// The enumerators in preprocessed C.
fn enumerators(code: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("enum") {
        let word_before = rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        rest = &rest[at + 4..];
        if word_before || rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let Some(stop) = rest.find(['{', ';', ')', ',', '=']) else { break };
        if !rest[stop..].starts_with('{') {
            continue;
        }
        let tag = rest[..stop].split_whitespace().last().unwrap_or_default().to_owned();
        let Some(end) = rest.find('}') else { break };
        let mut depth = 0;
        for item in rest[stop + 1..end].split(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            c == ',' && depth == 0
        }) {
            let name = item.trim_start();
            let name = &name[..name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len())];
            if !name.is_empty() {
                out.push((name.to_owned(), tag.clone()));
            }
        }
        rest = &rest[end..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{enumerators, words};

    #[test]
    fn enumerators_have_their_tag() {
        let code = "enum a { X, Y = (1, 2),\n Z };\nstruct { enum a f; }; enum { W = 1 << 2 };";
        let found = enumerators(code);
        let expected = [("X", "a"), ("Y", "a"), ("Z", "a"), ("W", "")];
        assert_eq!(found, expected.map(|(n, t)| (n.to_owned(), t.to_owned())));
    }

    #[test]
    fn the_assembly_text_is_an_array_of_words() {
        let text = "callgate_values:\n\t.quad\t-100\n\t.zero\t16\n\t.long\t1\n\t.long\t2\n\t.ident\t\"x\"\n";
        assert_eq!(words(text), Ok(vec![-100_i64 as u64, 0, 0, 0x2_0000_0001]));
    }
}
