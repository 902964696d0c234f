//! `complete`: what may stand where the cursor is, asked by the completions of the shells; and `completions`, which
//! prints those.

use crate::args::{Complete, Completions, Shell};
use crate::complete::{Also, Answer, complete as answer, split};
use crate::failure::{Failure, Outcome};
use crate::output::print;
use crate::say::Say;
use serde_json::{Value, json};
use std::path::Path;

/// The script that makes a shell ask.
const fn script(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => include_str!("../complete/scripts/callgate.bash"),
        Shell::Zsh => include_str!("../complete/scripts/callgate.zsh"),
        Shell::Fish => include_str!("../complete/scripts/callgate.fish"),
        Shell::Nushell => include_str!("../complete/scripts/callgate.nu"),
    }
}

pub(crate) fn completions(args: &Completions, _: &Say) -> Outcome {
    print(script(args.shell))?;
    Ok(0)
}

pub(crate) fn complete(args: &Complete, _: &Say) -> Outcome {
    let typed = match &args.line {
        Some(line) => split(line).split_off(1),
        None => args.words.iter().map(|w| w.to_string_lossy().into_owned()).collect(),
    };
    let current = typed.last().map_or("", String::as_str);
    print(&match args.shell {
        Shell::Bash => for_bash(&answer(&typed), current),
        Shell::Zsh => lines(&answer(&typed), |value, about| {
            let value = value.replace('\\', "\\\\").replace(':', "\\:");
            if about.is_empty() { value } else { format!("{value}:{about}") }
        }),
        Shell::Fish => lines(&answer(&typed), |value, about| format!("{value}\t{about}")),
        Shell::Nushell => for_nushell(answer(&typed), current)?,
    })?;
    Ok(0)
}

/// First what else may stand there, then a candidate a line.
fn lines(answer: &Answer, line: impl Fn(&str, &str) -> String) -> String {
    let also = match answer.also {
        Also::Nothing => ":",
        Also::Files => ":files",
        Also::Folders => ":folders",
        Also::Command => ":command",
    };
    let mut out = format!("{also}\n");
    for candidate in &answer.candidates {
        out.push_str(&line(&candidate.value, &candidate.about));
        out.push('\n');
    }
    out
}

/// Bash completes what stands behind the last of these letters, and takes the rest for words of their own.
fn for_bash(answer: &Answer, current: &str) -> String {
    let begin = current.rfind(['=', ':', '|']).map_or(0, |at| at + 1);
    lines(answer, |value, _| value.get(begin..).unwrap_or_default().to_owned())
}

/// Nushell takes records, and lists files only where it is given none.
fn for_nushell(answer: Answer, current: &str) -> Result<String, Failure> {
    let record = |value: &str, about: &str| json!({ "value": value, "description": about });
    let mut all: Vec<Value> = answer.candidates.iter().map(|c| record(&c.value, &c.about)).collect();
    let all = match answer.also {
        Also::Nothing => Value::from(all),
        _ if all.is_empty() => Value::Null,
        Also::Files | Also::Folders | Also::Command => {
            all.extend(files(current).iter().map(|file| record(file, "")));
            Value::from(all)
        }
    };
    Ok(format!("{all}\n"))
}

/// The files whose names begin so.
fn files(current: &str) -> Vec<String> {
    let (folder, name) = current.rsplit_once('/').map_or(("", current), |(f, n)| (&current[..=f.len()], n));
    let there = if folder.is_empty() { Path::new(".") } else { Path::new(folder) };
    let mut files: Vec<String> = std::fs::read_dir(there)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let slash = if entry.path().is_dir() { "/" } else { "" };
            let file = entry.file_name().into_string().ok()?;
            let shown = file.starts_with(name) && (name.starts_with('.') || !file.starts_with('.'));
            shown.then(|| format!("{folder}{file}{slash}"))
        })
        .collect();
    files.sort();
    files
}
