//! The program: its listing and its flow.

use super::page::{Page, Section, push};
use crate::input::Input;
use crate::report::listing::listing;
use callgate::program::{Code, disasm, graph::graph};

/// Nobody finds a way through a drawing of more instructions.
const MOST_DRAWN: usize = 400;

pub(super) fn section(page: &mut Page, input: &Input) {
    let compiled;
    let codes = match input.codes() {
        [] => match input.program() {
            Ok(program) => {
                compiled = [Code::from(&program)];
                &compiled[..]
            }
            Err(_) => return,
        },
        codes => codes,
    };
    page.section("program", "The program", |out| {
        for (i, code) in codes.iter().enumerate() {
            if codes.len() > 1 {
                let order = if i == 0 { ", loaded first" } else { "" };
                out.element("h3", &format!("Filter {} of {}{order}", i + 1, codes.len()));
            }
            one(out, code);
        }
    });
}

fn one(out: &mut Section<'_>, code: &Code) {
    let count = code.insns.len();
    out.element("p", &format!("{count} instruction{}.", if count == 1 { "" } else { "s" }));
    if count <= MOST_DRAWN {
        let svg = graph(code, &disasm::Options::default()).to_svg();
        // The declaration before the drawing belongs to a file of its own.
        let drawing = svg.find("<svg").map_or("", |at| &svg[at..]);
        let mut text = String::new();
        push(
            &mut text,
            format_args!(
                "<details><summary>Its flow, drawn</summary>\n<div class=\"drawing\" tabindex=\"0\" role=\"img\" \
                 aria-label=\"The flow of the program; the listing says the same\">\n{drawing}</div></details>\n"
            ),
        );
        out.raw(&text);
    } else {
        out.element("p", "Too long for a drawing here; <code>callgate disasm --svg</code> makes one.");
    }
    out.raw("<details><summary>Its instructions</summary>\n");
    out.pre(&listing(code, None, false, false));
    out.raw("</details>\n");
}
