//! A policy's text with one more rule.

use super::{NoRemedy, line};
use callgate::syntax::{self, Loader, Parsed};
use callgate::{Decided, Policy, Rule, SeccompData};

/// A policy's text with a rule added, proved to do what it should.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Patch {
    /// The whole text, in the usual form.
    pub text: String,
    /// The line that was added, from 1.
    pub line: usize,
    /// The rule as it stands there.
    pub added: String,
}

/// Adds `rule` to the policy that `parsed` was read from, in front of what decides `call` now: comments and
/// all other lines stay. Proved of the result: it permits `call`, and every call gets from it what it got
/// from the policy before, but for calls the rule is about, some or all of which it allows.
///
/// `parsed` must have been parsed without errors, from its first source's text, with the same `loader`.
///
/// # Errors
///
/// [`NoRemedy::NoPlace`] where no place makes that true; [`NoRemedy::TooLarge`].
pub fn patch(
    parsed: &Parsed,
    policy: &Policy,
    rule: &Rule,
    call: &SeccompData,
    loader: &mut Loader<'_>,
) -> Result<Patch, NoRemedy> {
    let Some(source) = parsed.sources.first() else { return Err(NoRemedy::NoPlace) };
    let (name, text) = (source.name(), source.text());
    let too_large = |e: callgate::LowerError| NoRemedy::TooLarge(e.to_string());
    let before = policy.lower().map_err(too_large)?;
    let mut ideal = policy.clone();
    ideal.rules.insert(0, rule.clone());
    let ideal = ideal.lower().map_err(too_large)?;
    let added = line(policy, rule);
    for at in places(parsed, policy.decide(call), text) {
        let mut patched = text[..at].to_owned();
        if !patched.is_empty() && !patched.ends_with('\n') {
            patched.push('\n');
        }
        patched.push_str(&added);
        patched.push('\n');
        patched.push_str(&text[at..]);
        let patched = syntax::format(&patched).text;
        let read = syntax::parse(name, &patched, loader);
        let Some(after) = read.policy else { continue };
        let Ok(after_filter) = after.lower() else { continue };
        let in_between = || after_filter.is_between(&before, &ideal);
        if after_filter.eval(call).permits() && in_between().map_err(|e| NoRemedy::TooLarge(e.to_string()))? {
            let Decided::Rule(index) = after.decide(call) else { continue };
            let line = read.rule_spans.get(index as usize).map_or(0, |s| line_of(&patched, s.start));
            return Ok(Patch { text: patched, line, added });
        }
    }
    Err(NoRemedy::NoPlace)
}

/// Where a line could be put in, the best first.
fn places(parsed: &Parsed, decided: Decided, text: &str) -> Vec<usize> {
    let start = |at: usize| text[..at].rfind('\n').map_or(0, |i| i + 1);
    let behind = |at: usize| text[at..].find('\n').map_or(text.len(), |i| at + i + 1);
    let main = |span: &&callgate::diagnostic::Span| {
        parsed.sources.first().is_some_and(|s| s.name() == span.source.name())
    };
    let mut places = Vec::new();
    if let Decided::Rule(index) = decided {
        let index = index as usize;
        match parsed.rule_spans.get(index) {
            Some(span) if main(&span) => places.push(start(span.start)),
            // In an included file: behind the last rule before it.
            _ => {
                let earlier = parsed.rule_spans.iter().take(index).rfind(main);
                places.extend(earlier.map(|span| behind(span.end)));
            }
        }
    } else {
        places.extend(parsed.rule_spans.iter().filter(main).map(|span| behind(span.end)).max());
    }
    let mut line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1));
    places.extend(line_starts.find(|&i| text[i..].trim_start().starts_with("include ")));
    places.extend(parsed.rule_spans.iter().find(main).map(|span| start(span.start)));
    places.push(text.len());
    places
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1
}
