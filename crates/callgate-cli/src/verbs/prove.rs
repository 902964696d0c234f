//! `prove`: a sentence about all inputs, or a call that contradicts it.

use crate::args::Prove;
use crate::domain::Domain;
use crate::failure::{FINDINGS, Failure, Outcome};
use crate::input::{Input, Unread};
use crate::output::print;
use crate::report::words;
use crate::say::Say;
use callgate::compare::strength;
use callgate::{Action, Arch, Errno, Filter, Policy, SeccompData, TooLarge};
use serde_json::json;

/// What can be proved, as it is typed.
pub(crate) const RELATIONS: [(&str, &str); 4] = [
    ("equal", "the other input means the same"),
    ("no-weaker-than", "it permits nothing that the other refuses"),
    ("never", "`allow CALLS`: none of these calls gets through"),
    ("always", "`allows CALLS`: each of these calls gets through"),
];

/// What was found.
enum Verdict {
    Proved,
    Refuted(SeccompData),
    Unknown(TooLarge),
}

pub(crate) fn prove(args: &Prove, say: &Say) -> Outcome {
    let input = Input::read(&args.input, &args.reading, say)?;
    let domain = Domain {
        arches: args.reading.arches.arch.clone(),
        calls: args.call.iter().map(|c| super::explain::known(c)).collect::<Result<_, _>>()?,
        kernel: args.reading.kernel,
    };
    let unknown = |why: &str| answer(args, "UNKNOWN", None, Some(why));
    let filter = match input.meaning() {
        Ok(filter) => domain.limit(filter)?,
        Err(Unread::Unknown(why)) => return unknown(&why),
        Err(Unread::Bad(failure)) => return Err(failure),
    };
    let rest = || args.operands.join(" ");
    let asked = Some(args.reading.arches.arch.clone()).filter(|a| !a.is_empty());
    let verdict = match args.relation.as_str() {
        "equal" | "equals" | "no-weaker-than" => {
            let [other] = &args.operands[..] else {
                return Err(Failure::input(format!("`{}` takes one more input", args.relation)));
            };
            let other = match Input::read(other, &args.reading, say)?.meaning() {
                Ok(other) => domain.limit(other)?,
                Err(Unread::Unknown(why)) => return unknown(&why),
                Err(Unread::Bad(failure)) => return Err(failure),
            };
            if args.relation == "no-weaker-than" {
                verdict(filter.weaker_than(&other))
            } else if filter == other {
                Verdict::Proved
            } else {
                verdict(filter.counterexample(&other, |a, b| a != b))
            }
        }
        "never" => {
            let what = after(&rest(), &["allow", "allows"])?;
            let refusal = strength(Action::Errno(Errno(0)));
            let arches = asked.unwrap_or_else(|| everywhere(&filter));
            let set = domain.limit(calls(&arches, &what)?)?;
            verdict(filter.counterexample(&set, |a, wanted| wanted.permits() && strength(a) > refusal))
        }
        "always" => {
            let what = after(&rest(), &["allow", "allows"])?;
            let arches = asked.unwrap_or_else(|| listed(&input, &filter));
            let set = domain.limit(calls(&arches, &what)?)?;
            verdict(filter.counterexample(&set, |a, wanted| wanted.permits() && !a.permits()))
        }
        other => {
            return Err(Failure::input(format!(
                "{other}: no such relation; there are `equal B`, `no-weaker-than B`, `never allow CALLS`, `always allows CALLS`"
            )));
        }
    };
    match verdict {
        Verdict::Proved => answer(args, "PROVED", None, None),
        Verdict::Refuted(call) => answer(args, "NOT PROVED", Some((&filter, call)), None),
        Verdict::Unknown(e) => answer(args, "UNKNOWN", None, Some(&e.to_string())),
    }
}

fn verdict(found: Result<Option<SeccompData>, TooLarge>) -> Verdict {
    match found {
        Ok(None) => Verdict::Proved,
        Ok(Some(call)) => Verdict::Refuted(call),
        Err(e) => Verdict::Unknown(e),
    }
}

fn answer(args: &Prove, word: &str, call: Option<(&Filter, SeccompData)>, note: Option<&str>) -> Outcome {
    if args.json {
        let result = json!({
            "schema": "callgate/prove/1",
            "verdict": word.to_ascii_lowercase().replace(' ', "-"),
            "counterexample": call.as_ref().map(|(_, call)| words::call_json(call)),
            "note": note,
        });
        print(&format!("{result}\n"))?;
    } else {
        let mut text = word.to_owned();
        if let Some((filter, call)) = &call {
            let action = words::action(*filter.eval(call), Arch::of_call(call.arch, call.nr));
            text.push_str(&format!(": {} gets {action}", words::call(call)));
        }
        if let Some(note) = note {
            text.push_str(&format!(": {note}"));
        }
        print(&format!("{text}\n"))?;
    }
    Ok(if word == "PROVED" { 0 } else { FINDINGS })
}

/// What stands after one of these words, without braces.
fn after(text: &str, words: &[&str]) -> Result<String, Failure> {
    let rest = words.iter().find_map(|w| text.strip_prefix(w)?.strip_prefix(' '));
    let rest =
        rest.ok_or_else(|| Failure::input("expected `never allow CALLS` or `always allows CALLS`"))?.trim();
    let inner = rest.strip_prefix('{').and_then(|r| r.strip_suffix('}')).unwrap_or(rest);
    Ok(inner.trim().to_owned())
}

/// The set of calls a text in the policy language names, as a filter that allows just them.
fn calls(arches: &[Arch], text: &str) -> Result<Filter, Failure> {
    let names: Vec<_> = arches.iter().map(|a| a.name()).collect();
    let text = format!("arch {}\ndefault kill\nallow {text}\n", names.join(", "));
    let policy = Policy::parse(&text).map_err(|e| Failure::input(format!("in what is to be proved: {e}")))?;
    policy.lower().map_err(Failure::input)
}

/// Where a call must never be allowed if none is said: under the architectures the filter treats apart, and
/// under those this machine serves.
fn everywhere(filter: &Filter) -> Vec<Arch> {
    let mut arches = filter.arches();
    arches.extend(
        Arch::NATIVE
            .into_iter()
            .flat_map(|native| [native].into_iter().chain(native.siblings().iter().copied())),
    );
    arches.sort_unstable();
    arches.dedup();
    arches
}

/// Where a call must always be allowed if none is said: under the architectures the input is for.
fn listed(input: &Input, filter: &Filter) -> Vec<Arch> {
    let mut arches: Vec<Arch> = input.policies().iter().flat_map(|p| p.arches.iter().copied()).collect();
    if arches.is_empty() {
        // A program that knows x86_64 and shuts x32 out still treats it apart.
        arches = filter.arches();
        arches.retain(|a| *a != Arch::X32);
    }
    if arches.is_empty() {
        arches.extend(Arch::NATIVE);
    }
    arches.sort_unstable();
    arches.dedup();
    arches
}
