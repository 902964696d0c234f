//! Findings as JSON, schema `callgate/check/1`.
//!
//! Fields are added without a new schema; none changes its meaning or goes.

use super::words;
use crate::verbs::check::{Checked, Tally};
use callgate::diagnostic::{Severity, Span};
use callgate::lint::Finding;
use serde_json::{Value, json};

/// What was checked.
pub(crate) fn check(inputs: &[Checked]) -> String {
    let tally = Tally::of(inputs);
    let report = json!({
        "schema": "callgate/check/1",
        "version": env!("CARGO_PKG_VERSION"),
        "inputs": inputs.iter().map(input).collect::<Vec<_>>(),
        "errors": tally.errors,
        "warnings": tally.warnings,
        "notes": tally.notes,
        "allowed": tally.allowed,
    });
    format!("{report:#}\n")
}

fn input(input: &Checked) -> Value {
    json!({
        "name": input.name,
        "format": input.format,
        "failure": input.failure,
        "findings": input.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn finding(finding: &Finding) -> Value {
    let d = &finding.diagnostic;
    json!({
        "code": d.code.to_string(),
        "severity": severity(d.severity),
        "message": d.message,
        "arches": finding.arches.iter().map(|a| a.name()).collect::<Vec<_>>(),
        "place": place(finding),
        "labels": d.labels.iter().map(|l| json!({ "text": l.text, "place": span(&l.span) })).collect::<Vec<_>>(),
        "notes": d.notes,
        "help": d.help,
        "fix": d.fix.as_ref().map(|fix| json!({
            "title": fix.title,
            "edits": fix.edits.iter().map(|e| json!({ "place": span(&e.span), "text": e.text })).collect::<Vec<_>>(),
        })),
        "witness": finding.witness.map(|w| {
            let arch = callgate::Arch::of_call(w.call.arch, w.call.nr);
            json!({
                "call": words::call_json(&w.call),
                "text": words::call(&w.call),
                "action": words::action(w.action, arch),
                "return": w.action.to_ret(),
            })
        }),
        "allowed": finding.allowed,
    })
}

pub(crate) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// Where a finding is: in a text to the byte, elsewhere as well as its reader knows.
fn place(finding: &Finding) -> Value {
    match (&finding.diagnostic.span, &finding.origin) {
        (Some(place), _) => span(place),
        (None, Some(origin)) if origin.file.is_some() || origin.line != 0 || origin.path.is_some() => json!({
            "file": origin.file.as_deref(),
            "line": (origin.line != 0).then_some(origin.line),
            "path": origin.path.as_deref(),
        }),
        _ => Value::Null,
    }
}

fn span(span: &Span) -> Value {
    let (line, column) = span.source.position(span.start);
    let (end_line, end_column) = span.source.position(span.end);
    json!({
        "file": &**span.source.name(),
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "start_byte": span.start,
        "end_byte": span.end,
    })
}
