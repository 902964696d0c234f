//! What changes from one filter to another, side by side.

use super::matrix::{arch_name, badge};
use super::page::{Page, escape, push};
use crate::domain::Domain;
use crate::failure::Failure;
use crate::input::{Input, Reading};
use crate::report::{calls, conditions, words};
use crate::verbs::diff;
use callgate::Cond;
use callgate::compare::Change;

pub(super) fn section(
    page: &mut Page,
    before: &Input,
    after: &Input,
    reading: &Reading,
) -> Result<(), Failure> {
    let domain = Domain { arches: reading.arches.arch.clone(), calls: Vec::new(), kernel: reading.kernel };
    let rows = diff::rows(before, after, &domain, &reading.arches.arch)?;
    page.section("changes", "What changes", |out| {
        if rows.is_empty() {
            out.element("p", "Nothing: both do the same to every call.");
            return;
        }
        let columns = ["change", "calls", "architecture", "if", "before", "after", "for example"];
        out.table(&format!("From {} to {}", before.name, after.name), "changes", &columns);
        for row in &rows {
            let (change, class) = match row.change {
                Change::NewlyAllowed => ("newly allowed", "allow"),
                Change::NewlyDenied => ("newly denied", "deny"),
                Change::Changed => ("changed", "other"),
            };
            let call = row.calls.first().copied().zip(row.arch);
            let when = match &row.when {
                Some(Cond::True) => "always".to_owned(),
                Some(when) => format!("<code>{}</code>", escape(&conditions::text(when, call))),
                None => format!("more than {} comparisons", conditions::READABLE),
            };
            let list = calls::words(row.arch, &row.calls, &row.numbers).join(", ");
            let mut text = String::new();
            push(
                &mut text,
                format_args!(
                    "<tr><th scope=\"row\"><span class=\"act act-{class}\">{change}</span></th>\
                     <td><code>{}</code></td><td>{}</td><td>{when}</td><td>{}</td><td>{}</td><td><code>{}</code></td></tr>\n",
                    escape(&list),
                    arch_name(row.arch),
                    badge(row.before, row.arch),
                    badge(row.after, row.arch),
                    escape(&words::call(&row.witness))
                ),
            );
            out.raw(&text);
        }
        out.end_table();
    });
    Ok(())
}
