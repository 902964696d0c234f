//! What is wrong with it.

use super::page::{Page, escape, push};
use crate::failure::Failure;
use crate::input::{Input, Reading};
use crate::report::words;
use crate::verbs::check;
use callgate::Arch;
use callgate::diagnostic::Severity;
use callgate::lint::{self, Finding, Options, Subject};

pub(super) fn section(page: &mut Page, input: &Input, reading: &Reading) -> Result<(), Failure> {
    let options = Options {
        arches: reading.arches.arch.clone(),
        kernel: reading.kernel.map(check::kernel).transpose()?,
        ..Options::default()
    };
    let mut findings = lint::lint(&Subject { layers: check::layers(input) }, &options);
    findings.extend(check::dropped(input));
    page.section("findings", "Findings", |out| {
        if findings.is_empty() {
            out.element("p", "Nothing was found.");
        }
        for finding in &findings {
            out.raw(&article(finding, &input.name));
        }
    });
    Ok(())
}

fn article(finding: &Finding, name: &str) -> String {
    let d = &finding.diagnostic;
    let severity = match d.severity {
        _ if finding.allowed.is_some() => "allowed",
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let class = match severity {
        "error" => "deny",
        "warning" => "if",
        _ => "other",
    };
    let mut out = String::new();
    push(
        &mut out,
        format_args!(
            "<article class=\"finding\">\n<h3><span class=\"act act-{class}\">{severity} {}</span> {}</h3>\n",
            d.code,
            escape(&d.message)
        ),
    );
    let place = d.span.as_ref().map(|span| span.to_string());
    let place = place.unwrap_or_else(|| check::about(finding, name));
    push(&mut out, format_args!("<p><code>{}</code></p>\n", escape(&place)));
    if let Some(witness) = finding.witness {
        let arch = Arch::of_call(witness.call.arch, witness.call.nr);
        push(
            &mut out,
            format_args!(
                "<p>Shown by <code>{}</code>, which gets <code>{}</code>.</p>\n",
                escape(&words::call(&witness.call)),
                escape(&words::action(witness.action, arch))
            ),
        );
    }
    if !d.notes.is_empty() {
        out.push_str("<ul>\n");
        for note in &d.notes {
            push(&mut out, format_args!("<li>{}</li>\n", escape(note)));
        }
        out.push_str("</ul>\n");
    }
    if let Some(help) = &d.help {
        push(&mut out, format_args!("<p>To do: {}</p>\n", escape(help)));
    }
    if let Some(reason) = &finding.allowed {
        push(&mut out, format_args!("<p>Allowed by the policy's author: {}</p>\n", escape(reason)));
    }
    if let Some(text) = lint::explain(d.code) {
        push(
            &mut out,
            format_args!(
                "<details><summary>About {}</summary>\n<pre tabindex=\"0\">{}</pre></details>\n",
                d.code,
                escape(text.trim())
            ),
        );
    }
    out.push_str("</article>\n");
    out
}
