//! What is drawn: the blocks, and a copy of each shared ending for every way into it, so that the
//! picture is not a web of lines into `return allow`.

use super::{Block, Graph, When};

/// A box in the picture.
pub(super) struct Node {
    /// The blocks it shows, one after the other; none for the place beyond the end.
    pub(super) blocks: Vec<usize>,
    /// Whether it is a copy of an ending that several others lead to.
    pub(super) copy: bool,
}

impl Node {
    /// Its instructions.
    pub(super) fn lines<'g>(
        &self,
        graph: &'g Graph,
    ) -> impl Iterator<Item = &'g crate::program::disasm::Line> {
        let blocks: Vec<&Block> = self.blocks.iter().map(|b| &graph.blocks[*b]).collect();
        blocks.into_iter().flat_map(|b| &b.lines)
    }
}

/// A line in the picture.
pub(super) struct Arrow {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) when: When,
}

/// Boxes and lines, every line going from a lower to a higher index.
pub(super) struct Picture {
    pub(super) nodes: Vec<Node>,
    pub(super) arrows: Vec<Arrow>,
}

pub(super) fn picture(graph: &Graph) -> Picture {
    let mut incoming = vec![0usize; graph.blocks.len()];
    for to in graph.blocks.iter().flat_map(|b| &b.edges).filter_map(|e| e.to) {
        incoming[to] += 1;
    }
    let shared = |block: usize| incoming[block] > 1 && !ending(graph, block).is_empty();
    let mut nodes = Vec::new();
    let mut node_of = vec![None; graph.blocks.len()];
    // A return that only shared jumps lead to is shown in their copies.
    let mut shown = vec![0usize; graph.blocks.len()];
    for (block, from) in graph.blocks.iter().enumerate().filter(|(b, _)| !shared(*b)) {
        debug_assert!(from.edges.iter().all(|e| e.to.is_none_or(|to| to > block)));
        from.edges.iter().filter_map(|e| e.to).for_each(|to| shown[to] += 1);
    }
    let hidden = |block: usize| graph.blocks[block].is_return() && incoming[block] > 0 && shown[block] == 0;
    for (block, node) in node_of.iter_mut().enumerate() {
        if !shared(block) && !hidden(block) {
            *node = Some(nodes.len());
            nodes.push(Node { blocks: vec![block], copy: false });
        }
    }
    let mut arrows = Vec::new();
    for (block, from) in node_of.iter().enumerate().filter_map(|(b, n)| Some((b, (*n)?))) {
        for edge in &graph.blocks[block].edges {
            let to = edge.to.and_then(|to| node_of[to]).unwrap_or_else(|| {
                nodes.push(Node { blocks: edge.to.map_or(Vec::new(), |to| ending(graph, to)), copy: true });
                nodes.len() - 1
            });
            arrows.push(Arrow { from, to, when: edge.when });
        }
    }
    Picture { nodes, arrows }
}

/// The blocks from here on, if they are a return, or one jump to a return; otherwise none.
fn ending(graph: &Graph, block: usize) -> Vec<usize> {
    let here = &graph.blocks[block];
    if here.is_return() {
        return vec![block];
    }
    match here.edges[..] {
        [edge] if here.lines.len() == 1 => match edge.to {
            Some(to) if graph.blocks[to].is_return() => vec![block, to],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
