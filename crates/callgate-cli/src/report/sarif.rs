//! Findings as SARIF 2.1.0, the form code-scanning services read.

use super::{json, words};
use crate::verbs::check::Checked;
use callgate::diagnostic::{Code, Severity, Span};
use callgate::lint::{self, Finding};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What was checked.
pub(crate) fn check(inputs: &[Checked]) -> String {
    let codes: BTreeSet<Code> = inputs.iter().flat_map(|i| &i.findings).map(Finding::code).collect();
    let codes: Vec<Code> = codes.into_iter().collect();
    let results = inputs.iter().flat_map(|i| i.findings.iter().map(|f| result(f, i, &codes)));
    let failures: Vec<Value> = inputs
        .iter()
        .filter_map(|i| {
            let text = i.failure.as_ref()?;
            Some(json!({ "level": "error", "message": { "text": text } }))
        })
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "callgate",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().map(|c| rule(*c)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": failures.is_empty(),
                "toolExecutionNotifications": failures,
            }],
            "results": results.collect::<Vec<_>>(),
        }],
    });
    format!("{log:#}\n")
}

fn level(severity: Severity) -> &'static str {
    json::severity(severity)
}

fn rule(code: Code) -> Value {
    let language = callgate::syntax::CODES.iter().find(|c| c.0 == code).map(|c| c.1);
    let info = lint::info(code);
    let summary = info.map(|i| i.summary).or(language).unwrap_or("");
    let mut rule = json!({
        "id": code.to_string(),
        "shortDescription": { "text": summary },
        "defaultConfiguration": { "level": info.map_or("error", |i| level(i.severity)) },
    });
    if let Some(page) = lint::explain(code) {
        rule["help"] = json!({ "text": page, "markdown": page });
    }
    rule
}

fn result(finding: &Finding, input: &Checked, codes: &[Code]) -> Value {
    let d = &finding.diagnostic;
    let mut text = d.message.clone();
    for more in d.notes.iter().chain(&d.help) {
        text.push('\n');
        text.push_str(more);
    }
    let mut result = json!({
        "ruleId": d.code.to_string(),
        "ruleIndex": codes.iter().position(|c| *c == d.code),
        "level": level(d.severity),
        "message": { "text": text },
        "locations": [location(finding, &input.name)],
    });
    if !d.labels.is_empty() {
        let related = d.labels.iter().map(|l| {
            let mut at = physical(&l.span);
            at["message"] = json!({ "text": l.text });
            at
        });
        result["relatedLocations"] = related.collect();
    }
    if let Some(fix) = &d.fix {
        let changes = fix.edits.iter().map(|e| {
            json!({
                "artifactLocation": { "uri": uri(e.span.source.name()) },
                "replacements": [{ "deletedRegion": region(&e.span), "insertedContent": { "text": e.text } }],
            })
        });
        result["fixes"] = json!([{
            "description": { "text": fix.title },
            "artifactChanges": changes.collect::<Vec<_>>(),
        }]);
    }
    if let Some(reason) = &finding.allowed {
        result["suppressions"] = json!([{ "kind": "inSource", "justification": reason }]);
    }
    let mut properties = Map::new();
    if !finding.arches.is_empty() {
        properties.insert("arches".into(), finding.arches.iter().map(|a| a.name()).collect());
    }
    if let Some(witness) = finding.witness {
        let arch = callgate::Arch::of_call(witness.call.arch, witness.call.nr);
        let text = format!("{} -> {}", words::call(&witness.call), words::action(witness.action, arch));
        properties.insert("witness".into(), json!({ "text": text, "call": words::call_json(&witness.call) }));
    }
    if !properties.is_empty() {
        result["properties"] = Value::Object(properties);
    }
    result
}

fn location(finding: &Finding, name: &str) -> Value {
    if let Some(span) = &finding.diagnostic.span {
        return physical(span);
    }
    let origin = finding.origin.as_ref();
    let file = origin.and_then(|o| o.file.as_deref()).unwrap_or(name);
    let mut at = json!({ "physicalLocation": { "artifactLocation": { "uri": uri(file) } } });
    if let Some(origin) = origin.filter(|o| o.line != 0) {
        at["physicalLocation"]["region"] = json!({ "startLine": origin.line });
    }
    if let Some(path) = origin.and_then(|o| o.path.as_deref()) {
        at["logicalLocations"] = json!([{ "fullyQualifiedName": path }]);
    }
    at
}

fn physical(span: &Span) -> Value {
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(span.source.name()) },
        "region": region(span),
    } })
}

fn region(span: &Span) -> Value {
    let (line, column) = span.source.position(span.start);
    let (end_line, end_column) = span.source.position(span.end);
    json!({ "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column })
}

/// A path as a relative or absolute URI reference.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    if path.starts_with('/') {
        out.push_str("file://");
    }
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                out.push(byte.into())
            }
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}
