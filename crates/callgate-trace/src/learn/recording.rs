//! What was seen, in memory and as JSON lines (`docs/recording.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use callgate::emit::Profile;
use callgate_abi::{Arch, SeccompData, Syscall};
use serde_json::{Value, json};

use super::arguments;

const FORMAT: &str = "callgate-recording";
const VERSION: u64 = 1;
/// How many combinations of argument values of one call by one thread are kept apart.
const MOST_VALUES: usize = 256;

/// What calls are counted by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Key {
    /// The architecture whose convention the call followed.
    pub arch: Arch,
    /// The call's number.
    pub nr: u32,
    /// The path of the program; empty where it is not known.
    pub program: String,
    /// The thread's name.
    pub thread: String,
    /// The values of the arguments that matter, in their order; `None` where there were too many to keep.
    pub args: Option<Vec<u64>>,
}

/// Calls and how often each was made in which run.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Recording {
    /// The names of the runs.
    runs: BTreeSet<String>,
    calls: BTreeMap<Key, BTreeMap<String, u64>>,
    values: BTreeMap<Key, usize>,
}

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

impl Recording {
    /// An empty recording of one run. The name must be different for every run.
    pub fn new(run: &str) -> Recording {
        Recording { runs: BTreeSet::from([run.to_owned()]), ..Recording::default() }
    }

    /// Count one call of run `run`. A call of an unknown architecture is not counted: `false`.
    pub fn count(&mut self, run: &str, program: &str, thread: &str, call: &SeccompData) -> bool {
        let Some(arch) = Arch::of_call(call.arch, call.nr) else { return false };
        let name = Syscall::from_number(arch, call.nr);
        let wanted = name.map_or(&[][..], |c| arguments::of(c.name()));
        let params = name.and_then(|c| c.params(arch)).unwrap_or_default();
        let value = |index: usize| {
            let bits = params.get(index).map_or(64, |p| u32::from(p.bits)).min(arch.register_bits());
            call.args.get(index).copied().unwrap_or(0) & u64::MAX.checked_shr(64 - bits).unwrap_or(0)
        };
        let args = Some(wanted.iter().map(|(index, _)| value(*index)).collect());
        let mut key = Key { arch, nr: call.nr, program: program.to_owned(), thread: thread.to_owned(), args };
        if !self.calls.contains_key(&key) {
            let any = Key { args: None, ..key.clone() };
            let values = self.values.entry(any.clone()).or_default();
            if *values >= MOST_VALUES {
                key = any;
            } else {
                *values += 1;
            }
        }
        let counts = self.calls.entry(key).or_default();
        match counts.get_mut(run) {
            Some(n) => *n = n.saturating_add(1),
            None => {
                counts.insert(run.to_owned(), 1);
                self.runs.insert(run.to_owned());
            }
        }
        true
    }

    /// Take in another recording. The order does not matter, and what is taken in twice counts once.
    pub fn merge(&mut self, other: &Recording) {
        self.runs.extend(other.runs.iter().cloned());
        for (key, counts) in &other.calls {
            let own = self.calls.entry(key.clone()).or_default();
            for (run, n) in counts {
                let count = own.entry(run.clone()).or_default();
                *count = (*count).max(*n);
            }
        }
    }

    /// How many runs there were.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// What was called, with the counts by run.
    pub fn calls(&self) -> impl Iterator<Item = (&Key, &BTreeMap<String, u64>)> {
        self.calls.iter()
    }

    /// How often each call was made, and with which values of the arguments that matter: what the compiler
    /// weighs paths with. Calls of no name are left out.
    pub fn profile(&self) -> Profile {
        let mut profile = Profile::empty();
        for (key, counts) in &self.calls {
            let Some(call) = Syscall::from_number(key.arch, key.nr) else { continue };
            let mut args = [None; 6];
            for ((index, _), value) in arguments::of(call.name()).iter().zip(key.args.iter().flatten()) {
                args[*index] = Some(*value);
            }
            profile.add(call, &args, counts.values().fold(0, |sum, n| sum.saturating_add(*n)));
        }
        profile
    }

    /// Its JSON lines.
    pub fn to_lines(&self) -> String {
        let mut text = json!({"format": FORMAT, "version": VERSION, "runs": self.runs}).to_string();
        text.push('\n');
        for (key, counts) in &self.calls {
            let name = Syscall::from_number(key.arch, key.nr).map(Syscall::name);
            let line = json!({
                "arch": key.arch.name(), "nr": key.nr, "call": name, "program": key.program,
                "thread": key.thread, "args": key.args, "counts": counts,
            });
            text.push_str(&line.to_string());
            text.push('\n');
        }
        text.push_str(&json!({"end": self.calls.len()}).to_string());
        text.push('\n');
        text
    }

    /// Reads JSON lines. The second value says whether the recording was cut off: what stands before the cut
    /// is read then.
    ///
    /// # Errors
    ///
    /// A line that is not what it should be, unless it is an incomplete last one.
    pub fn from_lines(text: &str) -> Result<(Recording, bool), ReadError> {
        let mut recording = Recording::default();
        let mut ended = false;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let fail = |what: &str| ReadError { line: index + 1, what: what.to_owned() };
            if ended {
                return Err(fail("something follows the end of the recording"));
            }
            let whole = line.ends_with('\n');
            let value: Value = match serde_json::from_str(line) {
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
                if end.as_u64() != Some(recording.calls.len() as u64) {
                    return Err(fail("lines are missing, or stand twice"));
                }
                ended = true;
            } else {
                let (key, counts) = entry(&value, &recording.runs).map_err(|what| fail(&what))?;
                recording.calls.insert(key, counts);
            }
        }
        if text.is_empty() {
            return Err(ReadError { line: 1, what: "this is no recording: it is empty".to_owned() });
        }
        Ok((recording, !ended))
    }
}

fn entry(value: &Value, runs: &BTreeSet<String>) -> Result<(Key, BTreeMap<String, u64>), String> {
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
    let mut counts = BTreeMap::new();
    for (run, n) in value["counts"].as_object().ok_or("`counts` is missing")? {
        if !runs.contains(run) {
            return Err(format!("run {run} is not named in the first line"));
        }
        counts.insert(run.clone(), n.as_u64().ok_or("a count is no number")?);
    }
    let (program, thread) = (text("program")?.to_owned(), text("thread")?.to_owned());
    Ok((Key { arch, nr, program, thread, args }, counts))
}
