//! Generated sequences of API calls on two libraries: the same return codes and filters that are equal, or
//! a plain reading of the rules says who is wrong.

mod model;
mod script;
mod text;

use super::{Library, folder, must};
use crate::files::{Result, write};
use callgate::{Action, Arch, Filter, Program};
use model::{Model, Verdict};
use script::{Step, script};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use text::texts;

const HELPER: &str = include_str!("sequences.c");
/// How many sequences are asked at once.
const BATCH: u64 = 50;

/// Runs this many sequences; an error if this project's library was ever wrong.
pub(super) fn run(place: &Path, libraries: [&Library; 2], count: u64, seed: u64) -> Result<()> {
    let helper = build(place)?;
    let [mut theirs, mut ours] = [Asked::start(&helper, libraries[0])?, Asked::start(&helper, libraries[1])?];
    let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for first in (0..count).step_by(usize::try_from(BATCH).unwrap_or(1)) {
        let scripts: Vec<Vec<Step>> =
            (first..count.min(first + BATCH)).map(|i| script(numbered(seed, i))).collect();
        for steps in &scripts {
            let text: String = steps.iter().map(|s| format!("{s}\n")).collect();
            theirs.send(&text)?;
            ours.send(&text)?;
        }
        for (i, steps) in scripts.iter().enumerate() {
            let outcome = judge(steps, &theirs.receive(steps.len())?, &ours.receive(steps.len())?);
            let entry = counts.entry(outcome).or_insert((0, first + i as u64));
            entry.0 += 1;
        }
    }
    let mut wrong = 0;
    println!("{count} sequences of calls, seed {seed}, {} against {}:", libraries[1].name, libraries[0].name);
    for (outcome, (times, first)) in &counts {
        println!("{times:>8}  {outcome} (first: {first})");
        if outcome.starts_with("wrong") {
            wrong += times;
        }
    }
    if wrong > 0 { Err(format!("{wrong} sequences went wrong on {}", libraries[1].name)) } else { Ok(()) }
}

fn numbered(seed: u64, index: u64) -> u64 {
    seed.wrapping_mul(1_000_003).wrapping_add(index)
}

/// Prints one sequence with what each library returned.
pub(super) fn show(place: &Path, libraries: [&Library; 2], index: u64, seed: u64) -> Result<()> {
    let helper = build(place)?;
    let steps = script(numbered(seed, index));
    let text: String = steps.iter().map(|s| format!("{s}\n")).collect();
    let mut answers = Vec::new();
    for library in libraries {
        let mut asked = Asked::start(&helper, library)?;
        asked.send(&text)?;
        answers.push(asked.receive(steps.len())?);
    }
    for (i, step) in steps.iter().enumerate() {
        let said = |n: usize| answers[n].lines.get(i).map_or("nothing", String::as_str);
        println!("{step:<50} {} | {}", said(0), said(1));
    }
    println!(
        "status {} | {}: {}",
        answers[0].status,
        answers[1].status,
        judge(&steps, &answers[0], &answers[1])
    );
    Ok(())
}

fn build(place: &Path) -> Result<PathBuf> {
    folder(place)?;
    let (source, program) = (place.join("sequences.c"), place.join("sequences"));
    write(&source, HELPER)?;
    must(Command::new("cc").args(["-O1", "-o"]).arg(&program).arg(&source).arg("-ldl"))?;
    Ok(program)
}

/// A process that makes the calls on one library.
struct Asked {
    child: Child,
    output: BufReader<ChildStdout>,
}

/// What one sequence returned, and how its process ended.
struct Answer {
    lines: Vec<String>,
    status: i32,
}

impl Asked {
    fn start(helper: &Path, library: &Library) -> Result<Asked> {
        let mut child = Command::new(helper)
            .arg(library.folder.join("libseccomp.so.2"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{}: {e}", helper.display()))?;
        let output = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        Ok(Asked { child, output })
    }

    fn send(&mut self, text: &str) -> Result<()> {
        let pipe = self.child.stdin.as_mut().ok_or("no pipe")?;
        writeln!(pipe, "{text}.").and_then(|()| pipe.flush()).map_err(|e| format!("sequences: {e}"))
    }

    fn receive(&mut self, expected: usize) -> Result<Answer> {
        let mut lines = Vec::with_capacity(expected);
        loop {
            let mut line = String::new();
            match self.output.read_line(&mut line) {
                Ok(0) => return Err("the process that makes the calls is gone".into()),
                Ok(_) => {}
                Err(e) => return Err(format!("sequences: {e}")),
            }
            let line = line.trim_end();
            // A process that was ended may leave half a line.
            if let Some((_, status)) = line.rsplit_once('.') {
                return Ok(Answer { lines, status: status.parse().unwrap_or(-1) });
            }
            lines.push(line.to_string());
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // Nothing is lost if it has already ended.
        let _ = self.child.wait();
    }
}

/// One sequence's outcome, in words; those that begin with `wrong` are this project's fault.
fn judge(steps: &[Step], theirs: &Answer, ours: &Answer) -> String {
    if ours.status != 0 {
        return format!("wrong: the process ended with status {}", ours.status);
    }
    if theirs.status != 0 {
        return "theirs did not return or crashed".into();
    }
    let mut model = Model::default();
    let (mut remark, mut text) = (None, None);
    let mut refused = false;
    for (i, step) in steps.iter().enumerate() {
        let (Some(a), Some(b)) = (theirs.lines.get(i), ours.lines.get(i)) else {
            return "wrong: no answer".into();
        };
        match step {
            Step::Bpf(ctx) => {
                let verdict = programs(&model, *ctx, a, b);
                if verdict.starts_with("wrong") {
                    return verdict;
                }
                if verdict != "equal" {
                    remark.get_or_insert(verdict);
                }
            }
            _ if a == b && matches!(step, Step::Add { .. } | Step::Priority(..)) && a.starts_with('-') => {
                refused = true;
            }

            _ if a == b => {
                refused |= matches!(step, Step::Reject(_));
                model.step(step, a.ends_with('0') && !a.ends_with("-10"));
            }
            Step::Pfc(_) => {
                text.get_or_insert(texts(a, b, refused));
            }
            _ => return codes(&model, step, a, b),
        }
    }
    // A text of another program is another text.
    remark.or(text).unwrap_or_else(|| "equal".into())
}

/// Different return codes: where rules of one call overlap, theirs depend on the order of insertion.
fn codes(model: &Model, step: &Step, theirs: &str, ours: &str) -> String {
    let conditional = matches!(step, Step::Add { compares, .. } if !compares.is_empty());
    match (theirs, ours) {
        ("-17", "0") if conditional => "theirs refuse a rule that overlaps (-17)".into(),
        ("0", "-17") if conditional => "ours refuse a rule that overlaps (-17)".into(),
        _ if model.bears_out(step, ours, theirs) => {
            "theirs have lost or kept an architecture after a refused rule".into()
        }
        _ => format!("wrong: {} returned {ours}, theirs {theirs}", step.name()),
    }
}

fn programs(model: &Model, ctx: usize, theirs: &str, ours: &str) -> String {
    let (Some((their_hex, their_rc)), Some((our_hex, our_rc))) =
        (theirs.split_once(' '), ours.split_once(' '))
    else {
        return format!("wrong: export said {ours:?}, theirs {theirs:?}");
    };
    if their_rc != our_rc && model.arches(ctx) > 0 && our_rc == "0" {
        return "theirs have lost or kept an architecture after a refused rule".into();
    }
    if their_rc != our_rc {
        return format!("wrong: export returned {our_rc}, theirs {their_rc}");
    }
    if our_rc != "0" {
        return "equal".into();
    }
    let Some(arch) = model.first_arch(ctx) else { return "wrong: a program without an architecture".into() };
    let lift = |hex: &str| -> std::result::Result<Filter, String> {
        let digit = |i: usize| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(digit).collect();
        let program =
            Program::from_bytes(&bytes.unwrap_or_default(), arch.endian()).map_err(|e| e.to_string())?;
        program.lift().map_err(|e| e.to_string())
    };
    let ours = match lift(our_hex) {
        Ok(filter) => filter,
        Err(e) => return format!("wrong: the program cannot be read: {e}"),
    };
    let Ok(theirs) = lift(their_hex) else { return "theirs cannot be read back".into() };
    differ(model, ctx, &theirs, &ours)
}

/// Looks at a call on which the two differ.
fn differ(model: &Model, ctx: usize, theirs: &Filter, ours: &Filter) -> String {
    if theirs == ours {
        return "equal".into();
    }
    let Ok(pairs) = theirs.zip(ours, |a: &Action, b: &Action| (*a, *b)) else {
        return "too large to compare".into();
    };
    let Some(call) = pairs.witness(|(a, b)| a != b) else { return "equal".into() };
    let (a, b) = (*theirs.eval(&call), *ours.eval(&call));
    match model.verdict(ctx, &call) {
        Verdict::Open(actions) if actions.contains(&b) => "rules overlap with different actions".into(),
        Verdict::Certain(action) if action == b => "theirs differ from their rules".into(),
        verdict => {
            let arch = Arch::of_call(call.arch, call.nr).map_or("?", Arch::name);
            format!("wrong: on {arch} {call:x?} ours say {b:?}, theirs {a:?}, the rules {verdict:?}")
        }
    }
}
