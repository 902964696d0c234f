//! Calls against architectures: what becomes of each.

use super::page::{Page, escape, push};
use crate::input::{Input, Kind};
use crate::report::words;
use callgate::survey::{Behaviour, Survey};
use callgate::{Action, Arch, Syscall};
use std::collections::BTreeMap;

/// The class that colours an action. Its name is always written beside it.
pub(super) fn class(action: Action) -> &'static str {
    match action {
        Action::Allow(_) => "allow",
        Action::Log(_) | Action::Trace(_) | Action::Notify(_) => "other",
        Action::KillProcess(_)
        | Action::KillThread(_)
        | Action::Trap(_)
        | Action::Errno(_)
        | Action::Unknown(_) => "deny",
    }
}

/// The name a part of the page has, for links.
pub(super) fn arch_name(arch: Option<Arch>) -> &'static str {
    arch.map_or("every other architecture", Arch::name)
}

/// `<span>` with an action.
pub(super) fn badge(action: Action, arch: Option<Arch>) -> String {
    format!("<span class=\"act act-{}\">{}</span>", class(action), escape(&words::action(action, arch)))
}

/// What it is, and how many calls of each kind.
pub(super) fn summary(page: &mut Page, input: &Input, surveys: &[Survey<Action>]) {
    page.section("summary", "Summary", |out| {
        let what = match &input.kind {
            Kind::Own(..) => "A policy in callgate's language.".to_owned(),
            Kind::Foreign(import) => format!("A policy in the notation {}.", import.format.name()),
            Kind::Code(code) => format!("A program of {} instructions.", code.insns.len()),
            Kind::Stack(codes) => format!("{} programs, combined as the kernel does.", codes.len()),
        };
        out.element("p", &escape(&what));
        out.table(
            "Calls by what becomes of them",
            "summary",
            &["architecture", "allowed", "by arguments", "not allowed", "numbers without a call"],
        );
        for survey in surveys {
            let count = |wanted: fn(&Behaviour<Action>) -> bool| {
                survey.behaviours.iter().filter(|b| wanted(b)).map(|b| b.calls.len()).sum::<usize>()
            };
            let cell = |n: usize| if survey.arch.is_some() { n.to_string() } else { "–".to_owned() };
            let mut rest: Vec<Action> = survey
                .behaviours
                .iter()
                .filter(|b| !b.numbers.is_empty())
                .flat_map(|b| b.outcomes.iter().map(|o| o.1))
                .collect();
            rest.sort_unstable();
            rest.dedup();
            let rest: Vec<String> = rest.into_iter().map(|a| badge(a, survey.arch)).collect();
            let mut row = String::new();
            push(&mut row, format_args!("<tr><th scope=\"row\">{}</th>", arch_name(survey.arch)));
            for n in [
                count(|b| matches!(b.outcomes[..], [(_, action)] if action.permits())),
                count(|b| b.outcomes.len() > 1),
                count(|b| matches!(b.outcomes[..], [(_, action)] if !action.permits())),
            ] {
                push(&mut row, format_args!("<td>{}</td>", cell(n)));
            }
            push(&mut row, format_args!("<td>{}</td></tr>\n", rest.join(" ")));
            out.raw(&row);
        }
        out.end_table();
    });
}

/// One row a call, one column an architecture.
pub(super) fn section(page: &mut Page, surveys: &[Survey<Action>]) {
    let surveys: Vec<&Survey<Action>> = surveys.iter().filter(|s| s.arch.is_some()).collect();
    let mut rows: BTreeMap<&'static str, Vec<Option<(usize, usize)>>> = BTreeMap::new();
    for (column, survey) in surveys.iter().enumerate() {
        for (at, behaviour) in survey.behaviours.iter().enumerate() {
            for call in &behaviour.calls {
                let row = rows.entry(call.name()).or_insert_with(|| vec![None; surveys.len()]);
                row[column] = Some((column, at));
            }
        }
    }
    page.section("matrix", "Every call", |out| {
        out.raw("<div data-matrix>\n<div class=\"controls\" hidden>\n");
        out.raw(
            "<label>Find a call <input type=\"search\" autocomplete=\"off\" spellcheck=\"false\"></label>\n",
        );
        out.raw(
            "<label>Show <select><option value=\"\">all</option><option value=\"allow\">allowed</option>\
             <option value=\"if\">by arguments</option><option value=\"deny\">not allowed</option>\
             <option value=\"other\">logged, traced, notified</option></select></label>\n\
             <output aria-live=\"polite\"></output>\n</div>\n",
        );
        let names: Vec<&str> = surveys.iter().map(|s| arch_name(s.arch)).collect();
        let columns: Vec<&str> = [&["call"], &names[..]].concat();
        out.table("Calls and architectures", "matrix", &columns);
        for (name, cells) in &rows {
            let mut row = format!("<tr><th scope=\"row\">{name}</th>");
            for cell in cells {
                row.push_str("<td>");
                match cell {
                    None => row.push_str("<span class=\"none\">no such call</span>"),
                    Some((column, at)) => {
                        let survey = surveys[*column];
                        match &survey.behaviours[*at].outcomes[..] {
                            [(_, action)] => row.push_str(&badge(*action, survey.arch)),
                            _ => push(
                                &mut row,
                                format_args!(
                                    "<a class=\"act act-if\" href=\"#{}\">by arguments</a>",
                                    behaviour_id(survey.arch, *at)
                                ),
                            ),
                        }
                    }
                }
                row.push_str("</td>");
            }
            row.push_str("</tr>\n");
            out.raw(&row);
        }
        out.end_table();
        out.raw("</div>\n");
    });
}

/// The name of a behaviour's part of the page.
pub(super) fn behaviour_id(arch: Option<Arch>, at: usize) -> String {
    format!("{}-{at}", arch.map_or("other", Arch::name))
}

/// The first of some calls with its architecture: what gives arguments their names.
pub(super) fn naming(behaviour: &Behaviour<Action>, arch: Option<Arch>) -> Option<(Syscall, Arch)> {
    behaviour.calls.first().copied().zip(arch)
}
