//! The drawn flow is the program's flow, for any program.

mod corpus;

use callgate::abi::{Endian, Insn};
use callgate::program::Code;
use callgate::program::asm::{self, assemble};
use callgate::program::disasm::Options;
use callgate::program::graph::{Graph, When, graph};
use proptest::prelude::*;

fn assembled(text: &str) -> Graph {
    graph(&assemble(text, &asm::Options::default()).unwrap(), &Options::default())
}

#[test]
fn blocks_and_edges() {
    let graph = assembled(
        "A = arch
         if arch != x86_64 goto kill
         A = nr
         if nr == read goto allow else goto kill
kill:    return kill-process
allow:   return allow",
    );
    let starts: Vec<usize> = graph.blocks.iter().map(|b| b.start()).collect();
    assert_eq!(starts, [0, 2, 4, 5]);
    let edges: Vec<_> = graph.blocks[0].edges.iter().map(|e| (e.when, e.to)).collect();
    // As the text reads: `!=` goes to `kill`.
    assert_eq!(edges, [(When::True, Some(2)), (When::False, Some(1))]);
    let dot = graph.to_dot();
    assert!(dot.contains("b0 [label=\"0: A = arch\\l1: if arch != x86_64 goto 4\\l\"];"), "{dot}");
    // Both ways to `kill` have a return of their own.
    assert_eq!(dot.matches("label=\"4: return kill-process").count(), 2, "{dot}");
    assert!(!dot.contains("  b4 ["), "{dot}");
}

#[test]
fn dead_code_and_wild_jumps_are_shown() {
    let graph = assembled("goto +1\nA = 5\nA = nr\nif nr == 0 goto +7\nreturn allow");
    assert_eq!(graph.blocks.iter().map(|b| b.reached).collect::<Vec<_>>(), [true, false, true, true]);
    assert_eq!(graph.blocks[2].edges[0].to, None);
    assert!(graph.to_dot().contains("beyond the end"));
    assert!(graph.to_svg().contains("beyond the end"));
}

#[test]
fn no_program_no_blocks() {
    let empty = graph(&Code { insns: Vec::new(), endian: Endian::Little }, &Options::default());
    assert!(empty.blocks.is_empty());
    assert_eq!(empty.to_dot().lines().count(), 4);
    assert!(empty.to_svg().starts_with("<svg"));
}

/// Boxes of an image: left, top, width, height.
fn boxes(svg: &str) -> Vec<[f64; 4]> {
    let number = |line: &str, name: &str| -> f64 {
        let rest = line.split_once(&format!(" {name}=\"")).unwrap().1;
        rest.split_once('"').unwrap().0.parse().unwrap()
    };
    let rects = svg.lines().filter(|l| l.starts_with("<rect"));
    rects.map(|l| ["x", "y", "width", "height"].map(|name| number(l, name))).collect()
}

#[track_caller]
fn boxes_are_apart(graph: &Graph) {
    let svg = graph.to_svg();
    let mut boxes = boxes(&svg);
    assert!(boxes.len() >= graph.blocks.iter().filter(|b| !b.is_return()).count());
    // In rows from the top, each from the left.
    boxes.sort_by(|a, b| (a[1], a[0]).partial_cmp(&(b[1], b[0])).unwrap());
    for pair in boxes.windows(2) {
        if pair[0][1] == pair[1][1] {
            assert!(pair[0][0] + pair[0][2] < pair[1][0], "{pair:?} overlap");
        } else {
            assert!(pair[0][1] < pair[1][1]);
        }
    }
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    assert!(svg.matches('<').count() == svg.matches('>').count());
}

#[test]
fn real_filters_are_drawn() {
    for (path, bytes) in corpus::filters() {
        let code = Code::from_bytes(&bytes, Endian::Little).unwrap();
        let graph = graph(&code, &Options::default());
        let lines: usize = graph.blocks.iter().map(|b| b.lines.len()).sum();
        assert_eq!(lines, code.insns.len(), "{path}");
        boxes_are_apart(&graph);
    }
}

proptest! {
    #[test]
    fn anything_is_drawn(raw in prop::collection::vec((prop::sample::select(&[0x20u16, 0x15, 0x05, 0x06, 0x25, 0x28][..]), 0u8..9, 0u8..9, 0u32..12), 0..60)) {
        let insns = raw.into_iter().map(|(code, jt, jf, k)| Insn { code, jt, jf, k }).collect::<Vec<_>>();
        let graph = graph(&Code { insns, endian: Endian::Little }, &Options::default());
        boxes_are_apart(&graph);
        for (i, block) in graph.blocks.iter().enumerate() {
            prop_assert!(block.edges.iter().all(|e| e.to.is_none_or(|to| to > i)));
        }
        assert!(graph.to_dot().ends_with("}\n"));
    }
}
