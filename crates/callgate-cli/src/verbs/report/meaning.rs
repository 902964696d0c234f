//! What a filter means, behaviour by behaviour.

use super::matrix::{arch_name, badge, behaviour_id, naming};
use super::page::{Page, escape, push};
use crate::report::{calls, conditions, words};
use callgate::survey::Survey;
use callgate::{Action, Cond};

pub(super) fn section(page: &mut Page, surveys: &[Survey<Action>]) {
    page.section("meaning", "What it means", |out| {
        for survey in surveys {
            out.element("h3", arch_name(survey.arch));
            for (at, behaviour) in survey.behaviours.iter().enumerate() {
                let mut text = String::new();
                push(
                    &mut text,
                    format_args!("<div class=\"behaviour\" id=\"{}\">\n", behaviour_id(survey.arch, at)),
                );
                let call = naming(behaviour, survey.arch);
                match &behaviour.outcomes[..] {
                    [(_, action)] => {
                        push(&mut text, format_args!("<p>{}</p>\n", badge(*action, survey.arch)))
                    }
                    outcomes => {
                        text.push_str("<ul>\n");
                        for (when, action) in outcomes {
                            let condition = match (&behaviour.mix, when) {
                                (Some((mix, holds)), _) if holds == action => {
                                    format!("if <code>{}</code>", escape(&words::mix(mix, call)))
                                }
                                (Some(_), _) => "otherwise".to_owned(),
                                (None, Cond::True) if behaviour.spelled => "otherwise".to_owned(),
                                (None, Cond::True) => format!(
                                    "by more than {} comparisons, which are not listed",
                                    conditions::READABLE
                                ),
                                (None, when) => {
                                    format!("if <code>{}</code>", escape(&conditions::text(when, call)))
                                }
                            };
                            push(
                                &mut text,
                                format_args!("<li>{} {condition}</li>\n", badge(*action, survey.arch)),
                            );
                        }
                        text.push_str("</ul>\n");
                    }
                }
                let list = calls::words(survey.arch, &behaviour.calls, &behaviour.numbers).join(", ");
                push(&mut text, format_args!("<p class=\"calls\">{}</p>\n</div>\n", escape(&list)));
                out.raw(&text);
            }
        }
    });
}
