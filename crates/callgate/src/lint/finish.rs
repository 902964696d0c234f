//! From drafts to findings: one for several architectures, with its place, its replayed witness, and
//! whether a comment allows it.

use super::finding::{Draft, Finding, Witness};
use super::subject::Loaded;
use super::view::View;
use super::{Options, allow, codes, fix, place};
use crate::diagnostic::{Diagnostic, Label};
use callgate_abi::Arch;

pub(super) fn finish(
    drafts: Vec<Draft>,
    view: Option<&View<'_>>,
    layers: &[Loaded<'_>],
    options: &Options,
) -> Vec<Finding> {
    let scope: Vec<Arch> = view.map_or(Vec::new(), |v| v.arches.iter().map(|a| a.arch).collect());
    let mut findings: Vec<Finding> =
        merge(drafts).into_iter().map(|draft| finding(draft, &scope, view, layers)).collect();
    for parsed in layers.iter().filter_map(|l| l.parsed) {
        findings.extend(parsed.diagnostics.iter().cloned().map(Finding::from));
    }
    allow::apply(&mut findings, layers, options);
    findings.sort_by_cached_key(|f| {
        let place = f.diagnostic.span.as_ref().map(|s| (s.source.name().to_string(), s.start));
        (
            f.allowed.is_some(),
            f.diagnostic.severity,
            f.code(),
            place,
            f.arches.clone(),
            f.diagnostic.message.clone(),
        )
    });
    findings
}

/// Drafts that differ in their architectures only become one.
fn merge(drafts: Vec<Draft>) -> Vec<Draft> {
    let mut merged: Vec<Draft> = Vec::new();
    for draft in drafts {
        let same = |other: &&mut Draft| {
            other.code == draft.code && other.message == draft.message && other.place == draft.place
        };
        match merged.iter_mut().find(same) {
            Some(known) => {
                for arch in draft.arches {
                    if !known.arches.contains(&arch) {
                        known.arches.push(arch);
                    }
                }
                known.severity = known.severity.min(draft.severity);
            }
            None => merged.push(draft),
        }
    }
    merged
}

fn finding(draft: Draft, scope: &[Arch], view: Option<&View<'_>>, layers: &[Loaded<'_>]) -> Finding {
    let written = place::of(&draft.place, draft.witness.as_ref(), layers);
    let mut message = draft.message;
    let all = scope.iter().all(|a| draft.arches.contains(a));
    let told = draft.arches.iter().all(|a| message.contains(a.name()));
    if !draft.arches.is_empty() && !all && !told {
        let names: Vec<&str> = draft.arches.iter().map(|a| a.name()).collect();
        message.push_str(&format!(" (on {})", names.join(", ")));
    }
    let mut diagnostic = Diagnostic {
        code: draft.code,
        severity: draft.severity,
        message,
        span: written.span,
        labels: Vec::new(),
        notes: draft.notes,
        help: draft.help,
        fix: None,
    };
    for (call, text) in draft.related {
        let at = place::of_call(layers, &call).span.filter(|s| Some(s) != diagnostic.span.as_ref());
        if let Some(span) = at {
            diagnostic.labels.push(Label { span, text });
        }
    }
    if let (Some(remedy), [layer]) = (draft.remedy, layers)
        && let Some(parsed) = layer.parsed
    {
        diagnostic.fix = fix::of(&remedy, parsed, diagnostic.span.as_ref());
    }
    let witness = draft.witness.map(|call| {
        let action = place::replay(layers, &call);
        let meant = view.map(|v| *v.whole.eval(&call));
        (call, action, meant)
    });
    let mut shown = None;
    if let Some((call, action, meant)) = witness {
        match (action, meant) {
            (Some(action), Some(meant)) if action == meant => shown = Some(Witness { call, action }),
            (Some(action), None) => shown = Some(Witness { call, action }),
            (action, meant) => {
                // The rule reasoned about something else than what runs. Saying so beats a wrong witness.
                diagnostic.code = codes::UNKNOWN_MEANING;
                diagnostic.notes.push(format!(
                    "replayed, the witness gets {action:?} instead of {meant:?}: this is a defect of the linter"
                ));
            }
        }
    }
    Finding { diagnostic, arches: draft.arches, witness: shown, origin: written.origin, allowed: None }
}

impl From<Diagnostic> for Finding {
    /// A finding about the text itself.
    fn from(diagnostic: Diagnostic) -> Finding {
        Finding { diagnostic, arches: Vec::new(), witness: None, origin: None, allowed: None }
    }
}
