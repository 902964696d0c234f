//! `diff`: what changes from one filter to another, with a call that shows it.

use crate::args::Diff;
use crate::domain::Domain;
use crate::failure::{FINDINGS, Failure, Outcome};
use crate::input::Input;
use crate::output::print;
use crate::report::meaning::arches;
use crate::report::{calls, conditions, words};
use crate::say::Say;
use callgate::abi::Word;
use callgate::compare::Change;
use callgate::syntax::condition_text;
use callgate::{Action, Arch, Cond, Diagram, SeccompData, Syscall};
use serde_json::{Value, json};
use std::fmt::Write;
use std::ops::RangeInclusive;

/// Calls whose action changes in the same way.
pub(crate) struct Row {
    pub(crate) arch: Option<Arch>,
    pub(crate) calls: Vec<Syscall>,
    pub(crate) numbers: Vec<RangeInclusive<u32>>,
    /// `None` if it is too long to be spelled out.
    pub(crate) when: Option<Cond>,
    pub(crate) change: Change,
    pub(crate) before: Action,
    pub(crate) after: Action,
    pub(crate) witness: SeccompData,
}

pub(crate) fn diff(args: &Diff, say: &Say) -> Outcome {
    let (a, b) = (Input::read(&args.a, &args.reading, say)?, Input::read(&args.b, &args.reading, say)?);
    let domain = Domain {
        arches: args.reading.arches.arch.clone(),
        calls: args.call.iter().map(|c| super::explain::known(c)).collect::<Result<_, _>>()?,
        kernel: args.reading.kernel,
    };
    let rows = rows(&a, &b, &domain, &args.reading.arches.arch)?;
    if rows.is_empty() && !args.json {
        print("no difference\n")?;
        return Ok(0);
    }
    if args.json {
        let changes: Vec<Value> = rows.iter().map(row_json).collect();
        print(&format!(
            "{:#}\n",
            json!({ "schema": "callgate/diff/1", "equal": rows.is_empty(), "changes": changes })
        ))?;
    } else {
        print(&text(&rows))?;
    }
    Ok(if rows.is_empty() { 0 } else { FINDINGS })
}

/// What changes, with a witness each that was replayed in both programs; on these architectures only, if any are named.
pub(crate) fn rows(a: &Input, b: &Input, domain: &Domain, only: &[Arch]) -> Result<Vec<Row>, Failure> {
    let (before, after) = (domain.limit(a.filter()?)?, domain.limit(b.filter()?)?);
    if before == after {
        return Ok(Vec::new());
    }
    let beside = before.beside(&after).map_err(|e| a.failure(e))?;
    let mut listed: Vec<Option<Arch>> = if only.is_empty() {
        let mut listed = arches(&before);
        listed.extend(arches(&after));
        listed.sort_unstable();
        listed.dedup();
        listed.into_iter().map(Some).chain([None]).collect()
    } else {
        only.iter().copied().map(Some).collect()
    };
    listed.dedup();
    let mut rows = Vec::new();
    for arch in listed {
        rows.extend(changes(&beside, arch).map_err(|e| a.failure(e))?);
    }
    // What is claimed is shown: each witness is replayed in both programs.
    let programs = (a.program().ok(), b.program().ok());
    for row in &rows {
        for (program, expected) in [(&programs.0, row.before), (&programs.1, row.after)] {
            if let Some(program) = program
                && program.run(&row.witness).action() != expected
            {
                return Err(Failure::input(format!(
                    "a witness does not replay (a defect of callgate): {}",
                    words::call(&row.witness)
                )));
            }
        }
    }
    Ok(rows)
}

fn changes(
    beside: &Diagram<(Action, Action)>,
    arch: Option<Arch>,
) -> Result<Vec<Row>, callgate::RenderError> {
    let survey = beside.survey_within(arch, |(a, b)| i64::from(a == b), conditions::READABLE)?;
    let mut rows = Vec::new();
    let token = arch.map_or_else(|| beside.foreign_token(), |a| a.token());
    let here = beside.restrict(Word::ARCH, token);
    for behaviour in survey.behaviours {
        let (calls, numbers, spelled) = (behaviour.calls, behaviour.numbers, behaviour.spelled);
        let nr =
            calls.first().zip(arch).and_then(|(c, a)| c.number(a)).or(numbers.first().map(|r| *r.start()));
        let Some(nr) = nr else { continue };
        let conditions: Vec<Cond> =
            behaviour.outcomes.iter().map(|o| o.0.clone()).filter(|when| *when != Cond::True).collect();
        for (when, pair) in behaviour.outcomes {
            // What remains stands under another heading than what it is the rest of.
            let when = match when {
                Cond::True if !conditions.is_empty() => Cond::Not(Box::new(Cond::Any(conditions.clone()))),
                when => when,
            };
            let Some(change) = Change::of(pair.0, pair.1) else { continue };
            let Some(found) = here.restrict(Word::NR, nr).witness(|p| *p == pair) else { continue };
            let witness = SeccompData { arch: token, nr, ..found };
            let (calls, numbers) = (calls.clone(), numbers.clone());
            let when = spelled.then_some(when);
            rows.push(Row { arch, calls, numbers, when, change, before: pair.0, after: pair.1, witness });
        }
    }
    rows.sort_by_key(|r| r.change);
    Ok(rows)
}

fn text(rows: &[Row]) -> String {
    // What changes alike on several architectures is said once.
    let mut sections: Vec<(Vec<Option<Arch>>, Change, Vec<Paragraph>)> = Vec::new();
    for (paragraph, arches) in alike(rows) {
        match sections.iter_mut().find(|s| s.0 == arches && s.1 == paragraph.change) {
            Some(section) => section.2.push(paragraph),
            None => sections.push((arches, paragraph.change, vec![paragraph])),
        }
    }
    let mut text = String::new();
    for (arches, change, paragraphs) in sections {
        let names: Vec<_> = arches.iter().map(|a| a.map_or("every other architecture", Arch::name)).collect();
        let change = match change {
            Change::NewlyAllowed => "newly allowed",
            Change::NewlyDenied => "newly denied",
            Change::Changed => "changed",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}{}: {change}", if text.is_empty() { "" } else { "\n" }, names.join(", "));
        for paragraph in paragraphs {
            let _ = writeln!(text, "{}\n    for example {}", paragraph.text, paragraph.example);
        }
    }
    text
}

/// A change in words.
struct Paragraph {
    change: Change,
    text: String,
    example: String,
}

/// The changes in words, each with the architectures on which it reads the same.
fn alike(rows: &[Row]) -> Vec<(Paragraph, Vec<Option<Arch>>)> {
    const WIDTH: usize = 100;
    let mut out: Vec<(Paragraph, Vec<Option<Arch>>)> = Vec::new();
    for row in rows {
        let list = calls::words(row.arch, &row.calls, &row.numbers);
        let call = row.calls.first().copied().zip(row.arch);
        let condition = match &row.when {
            Some(Cond::True) => String::new(),
            Some(when) => format!(" if {}", conditions::text(when, call)),
            None => format!(" by more than {} comparisons", conditions::READABLE),
        };
        let (before, after) = (words::action(row.before, row.arch), words::action(row.after, row.arch));
        let outcome = format!("{before} -> {after}{condition}");
        let line = format!("  {}: {outcome}", list.join(", "));
        let text = if line.len() <= WIDTH {
            line
        } else {
            format!("{}:\n{}", calls::wrap(&list, "  ", WIDTH), conditions::wrap(&outcome, "    ", WIDTH))
        };
        match out.iter_mut().find(|o| o.0.change == row.change && o.0.text == text) {
            Some(known) => known.1.push(row.arch),
            None => {
                let example = words::call(&row.witness);
                out.push((Paragraph { change: row.change, text, example }, vec![row.arch]));
            }
        }
    }
    out
}

fn row_json(row: &Row) -> Value {
    json!({
        "arch": row.arch.map(Arch::name),
        "change": match row.change {
            Change::NewlyAllowed => "newly-allowed",
            Change::NewlyDenied => "newly-denied",
            Change::Changed => "changed",
        },
        "calls": row.calls.iter().map(|c| c.name()).collect::<Vec<_>>(),
        "numbers": row.numbers.iter().map(|r| json!([r.start(), r.end()])).collect::<Vec<_>>(),
        "when": row.when.as_ref().filter(|when| **when != Cond::True)
            .map(|when| condition_text(when, row.calls.first().copied().zip(row.arch))),
        "spelled": row.when.is_some(),
        "before": words::action(row.before, row.arch),
        "after": words::action(row.after, row.arch),
        "witness": words::call_json(&row.witness),
    })
}
