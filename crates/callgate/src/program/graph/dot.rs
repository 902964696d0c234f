//! Graphviz text.

use super::nodes::{Node, picture};
use super::{Graph, When};
use crate::program::disasm::Mark;
use std::fmt::Write;

impl Graph {
    /// The flow in the `dot` language. A return that several blocks lead to is drawn once for each.
    pub fn to_dot(&self) -> String {
        let picture = picture(self);
        let mut out = String::from("digraph filter {\n");
        out.push_str(
            "  node [shape=box, fontname=\"monospace\", fontsize=10, style=filled, fillcolor=white];\n",
        );
        out.push_str("  edge [fontname=\"monospace\", fontsize=9];\n");
        for (i, node) in picture.nodes.iter().enumerate() {
            let name = self.dot_name(node, i);
            let Some(last) = node.blocks.last().map(|b| &self.blocks[*b]) else {
                line(&mut out, format_args!("{name} [label=\"beyond the end\", color=red];"));
                continue;
            };
            let mut label = String::new();
            for l in node.lines(self) {
                let text = format!("{}: {}", l.at.unwrap_or(0), l.text());
                let _ = write!(label, "{}\\l", text.replace('\\', "\\\\").replace('"', "\\\""));
            }
            let fill = match last.verdict() {
                Some(Mark::Permit) => ", fillcolor=\"#d8f0d8\"",
                Some(Mark::Ask) => ", fillcolor=\"#fff0c8\"",
                Some(_) => ", fillcolor=\"#f8d8d8\"",
                None => "",
            };
            let dead = if last.reached { "" } else { ", style=\"filled,dashed\", fontcolor=gray" };
            line(&mut out, format_args!("{name} [label=\"{label}\"{fill}{dead}];"));
        }
        for arrow in &picture.arrows {
            let ends = [arrow.from, arrow.to].map(|n| self.dot_name(&picture.nodes[n], n));
            let look = match arrow.when {
                When::True => " [label=\"true\", color=\"#207020\"]",
                When::False => " [label=\"false\", color=\"#a02020\", style=dashed]",
                When::Always => "",
            };
            line(&mut out, format_args!("{} -> {}{look};", ends[0], ends[1]));
        }
        out.push_str("}\n");
        out
    }

    /// `b3` for the block that begins at instruction 3, `b3_17` for a copy of it.
    fn dot_name(&self, node: &Node, index: usize) -> String {
        match node.blocks.first() {
            Some(block) if node.copy => format!("b{}_{index}", self.blocks[*block].start()),
            Some(block) => format!("b{}", self.blocks[*block].start()),
            None => format!("end_{index}"),
        }
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.push_str("  ");
    let _ = out.write_fmt(text);
    out.push('\n');
}
