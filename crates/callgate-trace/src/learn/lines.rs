//! Recordings as JSON lines (`docs/recording.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use callgate_abi::{Arch, Syscall};
use serde_json::{Value, json};

use super::arguments;
use super::recording::{Key, Recording, bits};

const FORMAT: &str = "callgate-recording";
const VERSION: u64 = 1;

/// Why a recording cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for ReadError {}

/// The line that opens a recording of these runs.
pub(super) fn first(runs: &BTreeSet<String>) -> String {
    format!("{}\n", json!({"format": FORMAT, "version": VERSION, "runs": runs}))
}

/// The line of one call.
pub(super) fn call(key: &Key, counts: &BTreeMap<String, u64>, stack: &[String]) -> String {
    let name = Syscall::from_number(key.arch, key.nr).map(Syscall::name);
    // What is put together here is not taken apart again: there are many lines.
    let mut line = format!("{{\"arch\":\"{}\",\"args\":", key.arch.name());
    match &key.args {
        None => line.push_str("null"),
        Some(args) => list(&mut line, args, |line, value| line.push_str(&value.to_string())),
    }
    line.push_str(",\"call\":");
    match name {
        None => line.push_str("null"),
        Some(name) => quote(&mut line, name),
    }
    line.push_str(",\"counts\":{");
    for (index, (run, count)) in counts.iter().enumerate() {
        line.push_str(if index > 0 { "," } else { "" });
        quote(&mut line, run);
        line.push_str(&format!(":{count}"));
    }
    line.push_str(if key.denied { "},\"denied\":true" } else { "}" });
    line.push_str(&format!(",\"nr\":{},\"program\":", key.nr));
    quote(&mut line, &key.program);
    if !stack.is_empty() {
        line.push_str(",\"stack\":");
        list(&mut line, stack, |line, frame| quote(line, frame));
    }
    line.push_str(",\"thread\":");
    quote(&mut line, &key.thread);
    line.push_str("}\n");
    line
}

/// A list of what `put` writes.
fn list<T>(line: &mut String, items: &[T], put: impl Fn(&mut String, &T)) {
    line.push('[');
    for (index, item) in items.iter().enumerate() {
        line.push_str(if index > 0 { "," } else { "" });
        put(line, item);
    }
    line.push(']');
}

/// A text between quotes.
fn quote(line: &mut String, text: &str) {
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        line.push_str(&Value::from(text).to_string());
    } else {
        line.push('"');
        line.push_str(text);
        line.push('"');
    }
}

/// The line that closes a recording with this many lines of calls.
pub(super) fn last(calls: usize) -> String {
    format!("{}\n", json!({"end": calls}))
}

impl Recording {
    /// Its JSON lines.
    pub fn to_lines(&self) -> String {
        let mut text = first(&self.runs);
        let mut lines = 0;
        for (key, counts) in self.calls() {
            text.push_str(&call(key, counts, self.stack(key)));
            lines += 1;
        }
        text.push_str(&last(lines));
        text
    }

    /// Reads JSON lines. The second value says whether the recording was cut off: what stands before the cut
    /// is read then.
    ///
    /// # Errors
    ///
    /// A line that is not what it should be, unless it is an incomplete last one.
    pub fn from_lines(lines: impl AsRef<[u8]>) -> Result<(Recording, bool), ReadError> {
        let lines = lines.as_ref();
        let mut recording = Recording::default();
        let mut read = 0_u64;
        let mut ended = false;
        for (index, line) in lines.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let fail = |what: &str| ReadError { line: index + 1, what: what.to_owned() };
            if ended {
                return Err(fail("something follows the end of the recording"));
            }
            let whole = line.ends_with(b"\n");
            let value: Value = match serde_json::from_slice(line) {
                Ok(value) => value,
                Err(_) if !whole && index > 0 => return Ok((recording, true)),
                Err(e) => return Err(fail(&format!("no JSON: {e}"))),
            };
            if index == 0 {
                if value["format"] != FORMAT {
                    return Err(fail("this is no recording"));
                }
                if value["version"] != VERSION {
                    return Err(fail("a recording of another version; this callgate reads version 1"));
                }
                let runs = value["runs"].as_array().ok_or_else(|| fail("`runs` is missing"))?;
                for run in runs {
                    let run = run.as_str().ok_or_else(|| fail("a run is no text"))?;
                    recording.runs.insert(run.to_owned());
                }
            } else if let Some(end) = value.get("end") {
                if end.as_u64() != Some(read) {
                    return Err(fail("lines are missing, or stand twice"));
                }
                ended = true;
            } else {
                let (key, counts, stack) = entry(&value, &recording.runs).map_err(|what| fail(&what))?;
                recording.raise(&key, &counts);
                recording.note_stack(&key, &stack);
                read += 1;
            }
        }
        if lines.is_empty() {
            return Err(ReadError { line: 1, what: "this is no recording: it is empty".to_owned() });
        }
        Ok((recording, !ended))
    }
}

/// A key, its counts by run, and its stack.
type Entry = (Key, BTreeMap<String, u64>, Vec<String>);

fn entry(value: &Value, runs: &BTreeSet<String>) -> Result<Entry, String> {
    let text = |name: &str| value[name].as_str().ok_or_else(|| format!("`{name}` is missing, or no text"));
    let arch = text("arch")?;
    let arch = Arch::parse(arch).ok_or_else(|| format!("no such architecture: {arch}"))?;
    let nr = value["nr"].as_u64().and_then(|nr| u32::try_from(nr).ok()).ok_or("`nr` is no call's number")?;
    let args = match &value["args"] {
        Value::Null => None,
        Value::Array(args) => {
            let args: Option<Vec<u64>> = args.iter().map(Value::as_u64).collect();
            Some(args.ok_or("an argument is no number")?)
        }
        _ => return Err("`args` is neither a list nor null".to_owned()),
    };
    let wanted = Syscall::from_number(arch, nr).map_or(0, |c| arguments::of(c.name()).len());
    if args.as_ref().is_some_and(|args| args.len() != wanted) {
        return Err(format!("`args` should have {wanted} values"));
    }
    let call = Syscall::from_number(arch, nr);
    for ((index, _), value) in
        call.map_or(&[][..], |c| arguments::of(c.name())).iter().zip(args.iter().flatten())
    {
        let bits = call.map_or(64, |c| bits(c, arch, *index));
        if value.checked_shr(bits).is_some_and(|rest| rest != 0) {
            return Err(format!("argument {value:#x} has more than the {bits} bits the kernel reads"));
        }
    }
    let mut counts = BTreeMap::new();
    for (run, n) in value["counts"].as_object().ok_or("`counts` is missing")? {
        if !runs.contains(run) {
            return Err(format!("run {run} is not named in the first line"));
        }
        counts.insert(run.clone(), n.as_u64().ok_or("a count is no number")?);
    }
    let (program, thread) = (text("program")?.to_owned(), text("thread")?.to_owned());
    let denied = match &value["denied"] {
        Value::Null => false,
        denied => denied.as_bool().ok_or("`denied` is neither true nor false")?,
    };
    let stack = match &value["stack"] {
        Value::Null => Some(Vec::new()),
        Value::Array(frames) => frames.iter().map(|f| f.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    let stack = stack.ok_or("`stack` is no list of texts")?;
    Ok((Key { arch, nr, program, thread, denied, args }, counts, stack))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_a_writer_of_json_would_write() {
        let names = ["plain", "", "quo\"te", "back\\slash", "line\nend\u{1}", "ünï\u{7f}\u{2028}"];
        for (index, name) in names.iter().enumerate() {
            let args = (index > 0).then(|| vec![0, u64::MAX, 7][..index % 4].to_vec());
            let (program, thread, denied) = ((*name).to_owned(), names[index % 3].to_owned(), index % 2 == 1);
            let nr = if index == 3 { 9999 } else { index as u32 };
            let key = Key { arch: Arch::X86_64, nr, program, thread, denied, args };
            let counts: BTreeMap<String, u64> = names[..index].iter().map(|n| ((*n).to_owned(), 3)).collect();
            let stack: Vec<String> = names[index..].iter().map(|n| (*n).to_owned()).collect();
            let line = call(&key, &counts, &stack);
            let value: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(line, format!("{value}\n"));
            let has = |name: &str| value.get(name).is_some();
            assert!(has("arch") && has("nr") && has("call") && has("args") && has("counts") && has("thread"));
            assert_eq!((&value["program"], value["call"].is_null()), (&json!(name), index == 3));
            assert_eq!((has("denied"), value["stack"].as_array().unwrap().len()), (denied, 6 - index));
        }
    }
}
