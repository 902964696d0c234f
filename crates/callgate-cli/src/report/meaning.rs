//! What a filter means, in words short enough to read.

use super::{calls, conditions, words};
use crate::failure::Failure;
use callgate::survey::{Behaviour, Survey};
use callgate::{Action, Arch, Cond, Filter, RenderError, Syscall};
use serde_json::{Value, json};
use std::fmt::Write;

/// How wide a line of text is.
const WIDTH: usize = 100;
/// Of more calls than this, those that get what unknown numbers get are counted, not listed.
const MANY: usize = 100;

/// What is wanted of a filter's meaning.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Only these calls; all, if empty.
    pub(crate) calls: Vec<Syscall>,
    /// These architectures; those the filter treats apart, if empty.
    pub(crate) arches: Vec<Arch>,
    /// List every call, however many there are.
    pub(crate) list_all: bool,
}

/// A filter as a policy in callgate's language, proved to mean the same.
pub(crate) fn policy(filter: &Filter) -> Result<String, Failure> {
    let rendered = filter.render().map_err(Failure::input)?;
    Ok(callgate::syntax::print(&rendered.policy))
}

/// A filter's meaning in words.
pub(crate) fn text(filter: &Filter, wanted: &Wanted) -> Result<String, Failure> {
    let mut text = String::new();
    for survey in surveys(filter, wanted).map_err(Failure::input)? {
        if !text.is_empty() {
            text.push('\n');
        }
        Paragraphs { arch: survey.arch, wanted, text: &mut text }.survey(&survey);
    }
    Ok(text)
}

/// The same for machines.
pub(crate) fn json(filter: &Filter, wanted: &Wanted) -> Result<Value, Failure> {
    let surveys = surveys(filter, wanted).map_err(Failure::input)?;
    Ok(Value::Array(surveys.iter().map(survey_json).collect()))
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

/// What the wanted architectures' calls do, the others' last.
pub(crate) fn surveys(filter: &Filter, wanted: &Wanted) -> Result<Vec<Survey<Action>>, RenderError> {
    let arches = if wanted.arches.is_empty() { arches(filter) } else { wanted.arches.clone() };
    let longest = if wanted.list_all { usize::MAX } else { conditions::READABLE };
    let mut surveys = Vec::new();
    for arch in arches {
        surveys.push(filter.survey_within(Some(arch), usual, longest)?);
    }
    if wanted.arches.is_empty() && wanted.calls.is_empty() {
        surveys.push(filter.survey_within(None, usual, longest)?);
    }
    if !wanted.calls.is_empty() {
        for survey in &mut surveys {
            for behaviour in &mut survey.behaviours {
                behaviour.calls.retain(|c| wanted.calls.contains(c));
                behaviour.numbers.clear();
            }
            survey.behaviours.retain(|b| !b.calls.is_empty());
        }
    }
    Ok(surveys)
}

/// Which outcome goes without saying: a refusal before a permission.
fn usual(action: &Action) -> i64 {
    i64::from(!action.permits())
}

/// Writes what one architecture's calls do.
struct Paragraphs<'a> {
    arch: Option<Arch>,
    wanted: &'a Wanted,
    text: &'a mut String,
}

impl Paragraphs<'_> {
    fn survey(&mut self, survey: &Survey<Action>) {
        let title = match self.arch {
            Some(Arch::X32) => "x32 (x86_64's token, numbers from 0x40000000)",
            Some(arch) => arch.name(),
            None => "every other architecture",
        };
        let all = self.wanted.calls.is_empty();
        if let [Behaviour { outcomes, .. }] = &survey.behaviours[..]
            && let [(Cond::True, action)] = &outcomes[..]
            && all
        {
            let action = words::action(*action, self.arch);
            self.line(&format!("{title}: {action}"));
            return;
        }
        self.line(title);
        let rest = if all { rest(survey) } else { None };
        for (i, behaviour) in survey.behaviours.iter().enumerate() {
            if Some(i) != rest {
                self.behaviour(behaviour);
            }
        }
        if let Some(behaviour) = rest.map(|i| &survey.behaviours[i]) {
            self.everything_else(behaviour);
        }
    }

    fn behaviour(&mut self, behaviour: &Behaviour<Action>) {
        let list = calls::words(self.arch, &behaviour.calls, &behaviour.numbers);
        let outcomes = self.outcomes(behaviour);
        let line = format!("  {}: {}", list.join(", "), outcomes.join(", "));
        if line.len() <= WIDTH {
            self.line(&line);
        } else if let [outcome] = &outcomes[..] {
            let count = match behaviour.calls.len() {
                0 => "numbers without a call".to_owned(),
                1 => "1 call".to_owned(),
                n => format!("{n} calls"),
            };
            self.line(&format!("  {outcome}  ({count})"));
            self.line(&calls::wrap(&list, "    ", WIDTH));
        } else {
            self.line(&format!("{}:", calls::wrap(&list, "  ", WIDTH)));
            for outcome in outcomes {
                self.line(&conditions::wrap(&outcome, "    ", WIDTH));
            }
        }
    }

    fn everything_else(&mut self, behaviour: &Behaviour<Action>) {
        let outcome = self.outcomes(behaviour).join(", ");
        self.line(&format!("  everything else: {outcome}"));
        match behaviour.calls.len() {
            0 => {}
            n if n > MANY && !self.wanted.list_all => {
                self.line(&format!("    {n} calls (--all lists them), and numbers without a call"));
            }
            _ => {
                let list = calls::words(self.arch, &behaviour.calls, &behaviour.numbers);
                self.line(&calls::wrap(&list, "    ", WIDTH));
            }
        }
    }

    /// `allow if domain != AF_ALG`, `otherwise errno(EPERM)`.
    fn outcomes(&self, behaviour: &Behaviour<Action>) -> Vec<String> {
        let call = behaviour.calls.first().copied().zip(self.arch);
        if let Some((mix, holds)) = &behaviour.mix {
            let then = format!("{} if {}", words::action(*holds, self.arch), words::mix(mix, call));
            let others = behaviour.outcomes.iter().map(|o| o.1).filter(|action| action != holds);
            let others = others.map(|action| format!("otherwise {}", words::action(action, self.arch)));
            return std::iter::once(then).chain(others).collect();
        }
        if !behaviour.spelled {
            let actions: Vec<String> =
                behaviour.outcomes.iter().map(|(_, action)| words::action(*action, self.arch)).collect();
            let most = conditions::READABLE;
            return vec![format!(
                "{}, by more than {most} comparisons (--all lists them)",
                actions.join(" or ")
            )];
        }
        let outcome = |(condition, action): &(Cond, Action)| {
            let action = words::action(*action, self.arch);
            match condition {
                Cond::True if behaviour.outcomes.len() == 1 => action,
                Cond::True => format!("otherwise {action}"),
                condition => format!("{action} if {}", conditions::text(condition, call)),
            }
        };
        behaviour.outcomes.iter().map(outcome).collect()
    }

    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}

/// The behaviour of what nobody thought of: the most numbers without a call between the calls, whatever
/// the arguments. It is said last, as "everything else".
fn rest(survey: &Survey<Action>) -> Option<usize> {
    let is_plain = |b: &Behaviour<Action>| matches!(b.outcomes[..], [(Cond::True, _)]);
    // Numbers beyond the tables are a matter of their own: they may get "no such call".
    let last = survey.arch.and_then(Syscall::last_number).unwrap_or(u32::MAX);
    let gaps = |b: &Behaviour<Action>| {
        b.numbers
            .iter()
            .filter(|r| *r.start() <= last)
            .map(|r| u64::from(r.end() - r.start()) + 1)
            .sum::<u64>()
    };
    let candidates =
        survey.behaviours.iter().enumerate().filter(|(_, b)| is_plain(b) && !b.numbers.is_empty());
    candidates.max_by_key(|(i, b)| (gaps(b), b.calls.len(), usize::MAX - i)).map(|(i, _)| i)
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
                        "when": (*condition != Cond::True).then(|| callgate::syntax::condition_text(condition, call)),
                    })
                })
                .collect();
            json!({
                "calls": b.calls.iter().map(|c| c.name()).collect::<Vec<_>>(),
                "numbers": b.numbers.iter().map(|r| json!([r.start(), r.end()])).collect::<Vec<_>>(),
                "outcomes": outcomes,
                "spelled": b.spelled,
                "sum": b.mix.as_ref().map(|(mix, holds)| json!({
                    "when": words::mix(mix, call),
                    "action": words::action(*holds, survey.arch),
                })),
            })
        })
        .collect();
    json!({ "arch": survey.arch.map(Arch::name), "behaviours": behaviours })
}
