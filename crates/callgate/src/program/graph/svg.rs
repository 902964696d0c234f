//! An SVG image that needs nothing else: no fonts, no scripts, no other program.

use super::layout::{CHAR, LINE, PAD, Place, label, layout};
use super::nodes::{Arrow, Node, picture};
use super::{Graph, When};
use crate::program::disasm::{Line, Mark};
use std::fmt::Write;

const STYLE: &str = "\
text{font:11px monospace;white-space:pre;fill:#222}\
rect{fill:#fff;stroke:#667;rx:4px}\
.permit{fill:#d8f0d8}.ask{fill:#fff0c8}.refuse{fill:#f8d8d8}.dead{stroke-dasharray:4 3;opacity:.5}\
path{fill:none;stroke:#667;stroke-width:1.2}\
.true{stroke:#207020}.false{stroke:#a02020}\
.l{fill:#889}.k{font-weight:bold}.n{fill:#1a5fb4}.f{fill:#813d9c}\
@media(prefers-color-scheme:dark){svg{background:#16181d}text{fill:#ddd}rect{fill:#22262e;stroke:#889}\
.permit{fill:#1f3d24}.ask{fill:#453a17}.refuse{fill:#4a2024}.n{fill:#8ab8ff}.f{fill:#d6a4ff}\
.true{stroke:#6fbf73}.false{stroke:#e57373}}";

impl Graph {
    /// The flow as an SVG image. A return that several blocks lead to is drawn once for each; the
    /// way a failed test takes goes straight down where it can.
    pub fn to_svg(&self) -> String {
        let picture = picture(self);
        let (places, layers, (width, height)) = layout(self, &picture);
        let mut out = String::new();
        put(
            &mut out,
            format_args!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n"
            ),
        );
        put(
            &mut out,
            format_args!(
                "<title>system-call filter, {} blocks</title>\n<style>{STYLE}</style>\n",
                self.blocks.len()
            ),
        );
        put(
            &mut out,
            format_args!(
                "<defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
             <path d=\"M0 0L8 4L0 8z\" style=\"fill:#667;stroke:none\"/></marker></defs>\n"
            ),
        );
        // Lines first: where one must pass a box, it passes behind.
        for (i, arrow) in picture.arrows.iter().enumerate() {
            let skips = layers[arrow.to] > layers[arrow.from] + 1;
            // The way to what lies further right leaves further right.
            let other = picture.arrows.iter().skip(i.saturating_sub(1)).take(3);
            let other = other.filter(|o| o.from == arrow.from && o.when != arrow.when).map(|o| o.to).next();
            let part = match other.map(|o| places[o].left < places[arrow.to].left) {
                None => 0.5,
                Some(false) => 0.3,
                Some(true) => 0.7,
            };
            draw_arrow(&mut out, arrow, skips, part, &places);
        }
        for (node, place) in picture.nodes.iter().zip(&places) {
            self.draw_node(&mut out, node, place);
        }
        out.push_str("</svg>\n");
        out
    }

    fn draw_node(&self, out: &mut String, node: &Node, place: &Place) {
        let Some(last) = node.blocks.last().map(|b| &self.blocks[*b]) else {
            draw_rect(out, place, "refuse");
            let (x, y) = (place.left + PAD, place.top + PAD + 11.0);
            return put(out, format_args!("<text x=\"{x:.0}\" y=\"{y:.0}\">beyond the end</text>\n"));
        };
        let verdict = match last.verdict() {
            Some(Mark::Permit) => "permit",
            Some(Mark::Ask) => "ask",
            Some(_) => "refuse",
            None => "",
        };
        let dead = if last.reached { "" } else { " dead" };
        draw_rect(out, place, &format!("{verdict}{dead}"));
        for (i, line) in node.lines(self).enumerate() {
            let y = place.top + PAD + 11.0 + LINE * i as f64;
            put(
                out,
                format_args!(
                    "<text x=\"{:.0}\" y=\"{y:.0}\" textLength=\"{:.0}\">",
                    place.left + PAD,
                    length(line)
                ),
            );
            put(out, format_args!("<tspan class=\"l\">{}</tspan>", label(line)));
            for span in &line.code {
                let text = escape(&span.text);
                match class(span.mark) {
                    Some(class) => put(out, format_args!("<tspan class=\"{class}\">{text}</tspan>")),
                    None => out.push_str(&text),
                }
            }
            out.push_str("</text>\n");
        }
    }
}

fn length(line: &Line) -> f64 {
    (label(line).chars().count() + line.text().chars().count()) as f64 * CHAR
}

fn class(mark: Mark) -> Option<&'static str> {
    match mark {
        Mark::Label => Some("l"),
        Mark::Keyword => Some("k"),
        Mark::Name => Some("n"),
        Mark::Field | Mark::Register => Some("f"),
        _ => None,
    }
}

fn draw_rect(out: &mut String, place: &Place, class: &str) {
    let Place { left, top, width, height } = place;
    put(
        out,
        format_args!(
            "<rect class=\"{}\" x=\"{left:.0}\" y=\"{top:.0}\" width=\"{width:.0}\" height=\"{height:.0}\"/>\n",
            class.trim()
        ),
    );
}

fn draw_arrow(out: &mut String, arrow: &Arrow, skips: bool, part: f64, places: &[Place]) {
    let (from, to) = (&places[arrow.from], &places[arrow.to]);
    let word = match arrow.when {
        When::False => "false",
        When::True => "true",
        When::Always => "",
    };
    let class = word;
    // A long way down past other boxes goes round them, to the left.
    let beside = to.left < from.left + from.width && to.left + to.width > from.left;
    if beside && skips {
        let (x, y) = (from.left, from.top + from.height / 2.0);
        let (end_x, end_y) = (to.left, to.top + to.height / 2.0);
        let bend = x.min(end_x) - (8.0 + (end_y - y) / 60.0).min(16.0);
        let path = format!("M{x:.0} {y:.0}C{bend:.0} {y:.0} {bend:.0} {end_y:.0} {end_x:.0} {end_y:.0}");
        put(out, format_args!("<path class=\"{class}\" marker-end=\"url(#end)\" d=\"{path}\"/>\n"));
        return;
    }
    let (x, y) = (from.left + from.width * part, from.top + from.height);
    // Into the part of the box that is nearest, for a line as straight as can be.
    let margin = to.width.min(16.0) / 2.0;
    let (end_x, end_y) = (x.clamp(to.left + margin, to.left + to.width - margin), to.top);
    let bend = ((end_y - y) / 2.0).min(120.0);
    let (bend, unbend) = (y + bend, end_y - bend);
    let path = format!("M{x:.0} {y:.0}C{x:.0} {bend:.0} {end_x:.0} {unbend:.0} {end_x:.0} {end_y:.0}");
    put(out, format_args!("<path class=\"{class}\" marker-end=\"url(#end)\" d=\"{path}\"/>\n"));
    if !word.is_empty() {
        put(
            out,
            format_args!("<text class=\"l\" x=\"{:.0}\" y=\"{:.0}\">{word}</text>\n", x + 3.0, y + 11.0),
        );
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Writing to a string does not fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
