//! Where a finding is written.

use super::finding::Place;
use super::subject::Loaded;
use crate::diagnostic::{Source, Span};
use crate::policy::{Decided, Origin, Policy};
use crate::syntax::Parsed;
use callgate_abi::{Action, Errno, SeccompData};

/// A place in a text, and what the policy knows of its origin.
#[derive(Clone, Default)]
pub(super) struct Written {
    pub(super) span: Option<Span>,
    pub(super) origin: Option<Origin>,
}

/// What a layer does with a call, by its plainest reading.
pub(super) fn replay_layer(layer: &Loaded<'_>, call: &SeccompData) -> Option<Action> {
    if let Some(program) = &layer.program {
        return Some(program.run(call).action());
    }
    let policy = layer.policy?;
    Some(match policy.eval(call) {
        // The filter holds each architecture's own error numbers.
        Action::Errno(errno) => Action::Errno(match policy.arches.iter().find(|a| a.token() == call.arch) {
            Some(arch) => Errno(errno.on(*arch)),
            None => errno,
        }),
        action => action,
    })
}

/// What the stack does with a call, layer by layer.
pub(super) fn replay(layers: &[Loaded<'_>], call: &SeccompData) -> Option<Action> {
    let mut all: Option<Action> = None;
    for layer in layers {
        let newer = replay_layer(layer, call)?;
        all = Some(match all {
            Some(older) if older.precedence() < newer.precedence() => older,
            _ => newer,
        });
    }
    all
}

/// The layer whose verdict counts for a call.
fn deciding(layers: &[Loaded<'_>], call: &SeccompData) -> Option<usize> {
    let all = replay(layers, call)?;
    layers.iter().rposition(|l| replay_layer(l, call) == Some(all))
}

/// Where a call is decided.
pub(super) fn of_call(layers: &[Loaded<'_>], call: &SeccompData) -> Written {
    let Some(layer) = deciding(layers, call).map(|i| &layers[i]) else { return Written::default() };
    let Some(policy) = layer.policy else { return Written::default() };
    of_decided(policy, layer.parsed, policy.decide(call))
}

fn of_decided(policy: &Policy, parsed: Option<&Parsed>, decided: Decided) -> Written {
    let setting = |word| Written { span: parsed.and_then(|p| setting(p, word)), origin: None };
    match decided {
        Decided::Rule(i) => rule(policy, parsed, i as usize),
        Decided::Foreign(i) => {
            let i = i as usize;
            let span = parsed.and_then(|p| p.foreign_spans.get(i)).cloned();
            Written { span, origin: policy.foreign.get(i).map(|r| r.origin.clone()) }
        }
        Decided::Default => setting("default"),
        Decided::Unknown => setting("unknown"),
        Decided::X32 => setting("x32"),
        Decided::BadArch => setting("foreign"),
    }
}

fn rule(policy: &Policy, parsed: Option<&Parsed>, i: usize) -> Written {
    let span = parsed.and_then(|p| p.rule_spans.get(i)).cloned();
    Written { span, origin: policy.rules.get(i).map(|r| r.origin.clone()) }
}

/// Where a finding is.
pub(super) fn of(place: &Place, witness: Option<&SeccompData>, layers: &[Loaded<'_>]) -> Written {
    match place {
        Place::Witness => witness.map(|call| of_call(layers, call)).unwrap_or_default(),
        Place::Rule(layer, i) => {
            let layer = &layers[*layer];
            layer.policy.map(|p| rule(p, layer.parsed, *i)).unwrap_or_default()
        }
        Place::On(layer, i) => layers[*layer].parsed.map_or_else(Written::default, |parsed| {
            let origin = parsed.on_lines.get(*i).map(|l| l.rule.origin.clone());
            Written { span: origin.as_ref().and_then(|o| parsed.span_of(o)), origin }
        }),
        Place::Setting(word) => Written {
            span: match layers {
                [layer] => layer.parsed.and_then(|p| setting(p, word)),
                _ => None,
            },
            origin: None,
        },
        Place::Whole => Written::default(),
    }
}

/// The line of a setting, or of the one that stands in for it where it is not written.
pub(super) fn setting(parsed: &Parsed, word: &str) -> Option<Span> {
    let instead: &[&str] = match word {
        "x32" => &["x32", "foreign", "arch", "default"],
        "foreign" => &["foreign", "arch", "default"],
        "unknown" => &["unknown", "default"],
        "arch" => &["arch", "default"],
        _ => &["default"],
    };
    instead.iter().find_map(|word| parsed.sources.iter().find_map(|source| line_of(source, word)))
}

/// The line of a text that is the setting `word`: the word, and nothing but its value behind it.
pub(super) fn line_of(source: &Source, word: &str) -> Option<Span> {
    let mut number = 1;
    while let Some((start, end)) = source.line(number) {
        number += 1;
        let line = &source.text()[start..end];
        let code = line.split('#').next().unwrap_or("");
        let mut words = code.split_whitespace();
        if words.next() != Some(word) {
            continue;
        }
        // `foreign errno(EPERM) 59` is a rule.
        if word == "arch" || words.count() == 1 {
            let start = start + (code.len() - code.trim_start().len());
            return Some(Span { source: source.clone(), start, end: start + code.trim().len() });
        }
    }
    None
}
