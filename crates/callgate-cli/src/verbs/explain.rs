//! `explain`: the whole meaning of a filter, short enough to read.

use crate::args::Explain;
use crate::failure::{Failure, Outcome};
use crate::input::Input;
use crate::report::{calls, words};
use crate::say::Say;
use callgate::survey::{Behaviour, Survey};
use callgate::syntax::condition_text;
use callgate::{Action, Arch, Cond, Filter, Syscall};
use serde_json::{Value, json};
use std::fmt::Write;

/// How wide a line of text is.
const WIDTH: usize = 100;

pub(crate) fn explain(args: &Explain, say: &Say) -> Outcome {
    let input = Input::read(&args.input, &args.reading, say)?;
    let filter = input.filter()?;
    if args.as_policy.is_some() {
        let rendered = filter.render().map_err(|e| input.failure(e))?;
        let note = if rendered.exact {
            String::new()
        } else {
            "# Differs from the original only for argument bits that no 32-bit architecture delivers.\n"
                .into()
        };
        args.output.text(&format!("{note}{}", callgate::syntax::print(&rendered.policy)))?;
        return Ok(0);
    }
    let wanted = args.calls.iter().map(|c| known(c)).collect::<Result<Vec<_>, _>>()?;
    let arches =
        if args.reading.arches.arch.is_empty() { arches(&filter) } else { args.reading.arches.arch.clone() };
    let mut surveys = Vec::new();
    for arch in &arches {
        surveys.push(filter.survey(Some(*arch), usual).map_err(|e| input.failure(e))?);
    }
    if args.reading.arches.arch.is_empty() && wanted.is_empty() {
        surveys.push(filter.survey(None, usual).map_err(|e| input.failure(e))?);
    }
    if !wanted.is_empty() {
        for survey in &mut surveys {
            for behaviour in &mut survey.behaviours {
                behaviour.calls.retain(|c| wanted.contains(c));
                behaviour.numbers.clear();
            }
            survey.behaviours.retain(|b| !b.calls.is_empty());
        }
    }
    if args.json {
        let result = json!({
            "schema": "callgate/explain/1",
            "input": input.name,
            "architectures": surveys.iter().map(survey_json).collect::<Vec<_>>(),
        });
        args.output.text(&format!("{result:#}\n"))?;
        return Ok(0);
    }
    let mut text = String::new();
    for (i, survey) in surveys.iter().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        survey_text(survey, !wanted.is_empty(), &mut text);
    }
    args.output.text(&text)?;
    Ok(0)
}

pub(crate) fn known(name: &str) -> Result<Syscall, Failure> {
    Syscall::from_name(name).ok_or_else(|| Failure::input(super::emu::unknown_call(name)))
}

/// The architectures worth a paragraph: those the filter treats apart or, where it treats none apart,
/// the one this program runs on.
pub(crate) fn arches(filter: &Filter) -> Vec<Arch> {
    let mut arches = filter.arches();
    if arches.is_empty() {
        arches = Arch::NATIVE.into_iter().collect();
    }
    arches
}

/// Which outcome goes without saying: a refusal before a permission, the strictest first.
fn usual(action: &Action) -> i64 {
    -i64::from(action.precedence())
}

fn survey_text(survey: &Survey<Action>, only_some: bool, text: &mut String) {
    let arch = survey.arch;
    let one = match &survey.behaviours[..] {
        [Behaviour { outcomes, .. }] if !only_some => match &outcomes[..] {
            [(Cond::True, action)] => Some(*action),
            _ => None,
        },
        _ => None,
    };
    let title = match arch {
        Some(Arch::X32) => "x32 (x86_64's token, numbers from 0x40000000)",
        Some(arch) => arch.name(),
        None => "every other architecture",
    };
    // Writing to a string cannot fail.
    if let Some(action) = one {
        let _ = writeln!(text, "{title}: {}", words::action(action, arch));
        return;
    }
    let _ = writeln!(text, "{title}");
    for behaviour in &survey.behaviours {
        let list = calls::words(arch, &behaviour.calls, &behaviour.numbers);
        let head = outcome_text(behaviour, arch);
        let count = behaviour.calls.len();
        if let [only] = &list[..]
            && count == 1
        {
            let _ = writeln!(text, "  {only}: {head}");
            continue;
        }
        let plural = if count == 1 { "call" } else { "calls" };
        let _ = writeln!(text, "  {head}  ({count} {plural})");
        let _ = writeln!(text, "{}", calls::wrap(&list, "    ", WIDTH));
    }
}

/// `allow if domain != AF_ALG, otherwise errno(EPERM)`.
fn outcome_text(behaviour: &Behaviour<Action>, arch: Option<Arch>) -> String {
    let call = behaviour.calls.first().copied().zip(arch);
    let mut parts = Vec::new();
    for (condition, action) in &behaviour.outcomes {
        let action = words::action(*action, arch);
        parts.push(match condition {
            Cond::True if behaviour.outcomes.len() == 1 => action,
            Cond::True => format!("otherwise {action}"),
            condition => format!("{action} if {}", condition_text(condition, call)),
        });
    }
    parts.join(", ")
}

fn survey_json(survey: &Survey<Action>) -> Value {
    let behaviours: Vec<Value> = survey
        .behaviours
        .iter()
        .map(|b| {
            let call = b.calls.first().copied().zip(survey.arch);
            let outcomes: Vec<Value> = b
                .outcomes
                .iter()
                .map(|(condition, action)| {
                    json!({
                        "action": words::action(*action, survey.arch),
                        "return": action.to_ret(),
                        "when": (*condition != Cond::True).then(|| condition_text(condition, call)),
                    })
                })
                .collect();
            json!({
                "calls": b.calls.iter().map(|c| c.name()).collect::<Vec<_>>(),
                "numbers": b.numbers.iter().map(|r| json!([r.start(), r.end()])).collect::<Vec<_>>(),
                "outcomes": outcomes,
            })
        })
        .collect();
    json!({ "arch": survey.arch.map(Arch::name), "behaviours": behaviours })
}
