//! What is drawn: the blocks, and a copy of each shared return for every way into it, so that the
//! picture is not a web of lines into `return allow`.

use super::{Graph, When};

/// A box in the picture.
pub(super) struct Node {
    /// The block it shows; `None` for the place beyond the end.
    pub(super) block: Option<usize>,
    /// The node this is a copy for, of a return that several others lead to.
    pub(super) copy_for: Option<usize>,
}

/// A line in the picture.
pub(super) struct Arrow {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) when: When,
}

/// Boxes and lines, every line going from a lower to a higher index or to a copy.
pub(super) struct Picture {
    pub(super) nodes: Vec<Node>,
    pub(super) arrows: Vec<Arrow>,
}

pub(super) fn picture(graph: &Graph) -> Picture {
    let mut incoming = vec![0usize; graph.blocks.len()];
    for to in graph.blocks.iter().flat_map(|b| &b.edges).filter_map(|e| e.to) {
        incoming[to] += 1;
    }
    let is_shared = |block: usize| incoming[block] > 1 && graph.blocks[block].is_return();
    let mut nodes = Vec::new();
    let mut node_of = vec![None; graph.blocks.len()];
    for block in 0..graph.blocks.len() {
        if !is_shared(block) {
            node_of[block] = Some(nodes.len());
            nodes.push(Node { block: Some(block), copy_for: None });
        }
    }
    let mut arrows = Vec::new();
    for (block, from) in node_of.iter().enumerate().filter_map(|(b, n)| Some((b, (*n)?))) {
        for edge in &graph.blocks[block].edges {
            let to = edge.to.and_then(|to| node_of[to]).unwrap_or_else(|| {
                nodes.push(Node { block: edge.to, copy_for: Some(from) });
                nodes.len() - 1
            });
            arrows.push(Arrow { from, to, when: edge.when });
        }
    }
    Picture { nodes, arrows }
}
