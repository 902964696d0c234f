//! `prove`: a sentence about all inputs, or a call that contradicts it.

use crate::args::Prove;
use crate::failure::{FINDINGS, Failure, Outcome};
use crate::input::Input;
use crate::output::print;
use crate::report::words;
use crate::say::Say;
use callgate::compare::strength;
use callgate::{Action, Arch, Errno, Filter, Policy, SeccompData, TooLarge};
use serde_json::json;

/// What was found.
enum Verdict {
    Proved,
    Refuted(SeccompData),
    Unknown(TooLarge),
}

pub(crate) fn prove(args: &Prove, say: &Say) -> Outcome {
    let input = Input::read(&args.input, &args.reading, say)?;
    let filter = match input.filter() {
        Ok(filter) => filter,
        Err(failure) if matches!(input.kind, crate::input::Kind::Code(_)) && input.program().is_ok() => {
            // The program is valid, only its meaning is out of reach.
            for message in failure.messages {
                say.error(&message);
            }
            return answer(
                args,
                "UNKNOWN",
                None,
                Some("the filter could not be read back within the budget"),
            );
        }
        Err(failure) => return Err(failure),
    };
    let rest = || args.operands.join(" ");
    let verdict = match args.relation.as_str() {
        "equal" | "equals" | "no-weaker-than" => {
            let [other] = &args.operands[..] else {
                return Err(Failure::input(format!("`{}` takes one more input", args.relation)));
            };
            let other = Input::read(other, &args.reading, say)?.filter()?;
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
            let set = calls(&filter, &what, &args.reading.arches.arch)?;
            verdict(filter.counterexample(&set, |a, wanted| wanted.permits() && strength(a) > refusal))
        }
        "always" => {
            let what = after(&rest(), &["allow", "allows"])?;
            let set = calls(&filter, &what, &args.reading.arches.arch)?;
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

/// The set of calls a text in the policy language names, as a filter that allows just them. It covers the
/// architectures asked for, or those the filter treats apart and those this machine serves.
fn calls(filter: &Filter, text: &str, arches: &[Arch]) -> Result<Filter, Failure> {
    let mut arches = arches.to_vec();
    if arches.is_empty() {
        arches = filter.arches();
        if let Some(native) = Arch::NATIVE {
            arches.push(native);
            arches.extend(native.siblings());
        }
        arches.sort_unstable();
        arches.dedup();
    }
    let names: Vec<_> = arches.iter().map(|a| a.name()).collect();
    let text = format!("arch {}\ndefault kill\nallow {text}\n", names.join(", "));
    let policy = Policy::parse(&text).map_err(|e| Failure::input(format!("in what is to be proved: {e}")))?;
    policy.lower().map_err(Failure::input)
}
