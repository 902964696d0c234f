//! Where the boxes go: layers from top to bottom, by the longest way from the beginning, and within
//! them a tree in which the first child stands below its parent.

use super::Graph;
use super::nodes::Picture;
use crate::program::disasm::Line;

/// A box's size and place in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Place {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// The width of a character of the listing's font.
pub(super) const CHAR: f64 = 7.0;
/// The height of a line of text.
pub(super) const LINE: f64 = 15.0;
/// Between the text and the edge of its box.
pub(super) const PAD: f64 = 6.0;
const GAP_X: f64 = 24.0;
const GAP_Y: f64 = 34.0;

/// The place and the layer of every node, and the size of the whole.
pub(super) fn layout(graph: &Graph, picture: &Picture) -> (Vec<Place>, Vec<usize>, (f64, f64)) {
    let mut places: Vec<Place> = picture.nodes.iter().map(|n| size(n.lines(graph))).collect();
    let (layers, children) = tree(picture);
    let depth = layers.iter().max().map_or(0, |d| d + 1);
    let mut heights = vec![0.0f64; depth];
    for (place, layer) in places.iter().zip(&layers) {
        heights[*layer] = heights[*layer].max(place.height);
    }
    let tops: Vec<f64> = heights
        .iter()
        .scan(GAP_X, |y, h| {
            let top = *y;
            *y += h + GAP_Y;
            Some(top)
        })
        .collect();
    let across = spread(&places, &children);
    for (i, place) in places.iter_mut().enumerate() {
        place.left = across[i] + GAP_X;
        place.top = tops[layers[i]];
    }
    let right = places.iter().map(|p| p.left + p.width).fold(0.0, f64::max) + GAP_X;
    let bottom = places.iter().map(|p| p.top + p.height).fold(0.0, f64::max) + GAP_X;
    (places, layers, (right, bottom))
}

fn size<'g>(lines: impl Iterator<Item = &'g Line>) -> Place {
    let (count, longest) = lines.fold((0usize, 0), |(count, longest), l| {
        (count + 1, longest.max(label(l).chars().count() + l.text().chars().count()))
    });
    // The place beyond the end has no lines, but a few words.
    let (count, longest) = if count == 0 { (1, 14) } else { (count, longest) };
    Place {
        width: longest as f64 * CHAR + 2.0 * PAD,
        height: count as f64 * LINE + 2.0 * PAD,
        ..Place::default()
    }
}

/// The number before an instruction.
pub(super) fn label(line: &Line) -> String {
    format!("{}: ", line.at.unwrap_or(0))
}

/// The layer of each node, and its children in a tree that spans the picture. The last list holds the
/// nodes without a parent.
fn tree(picture: &Picture) -> (Vec<usize>, Vec<Vec<usize>>) {
    let count = picture.nodes.len();
    let mut layers = vec![0usize; count];
    let mut outgoing: Vec<Vec<usize>> = vec![Vec::new(); count];
    for arrow in &picture.arrows {
        outgoing[arrow.from].push(arrow.to);
    }
    // Lines only go to higher indices, so this order has every node after all that lead to it.
    for from in 0..count {
        for to in &outgoing[from] {
            layers[*to] = layers[*to].max(layers[from] + 1);
        }
    }
    let mut parent = vec![None; count];
    let mut children = vec![Vec::new(); count + 1];
    for from in 0..count {
        for to in &outgoing[from] {
            if parent[*to].is_none() && layers[*to] == layers[from] + 1 {
                parent[*to] = Some(from);
                children[from].push(*to);
            }
        }
    }
    // The tallest part goes straight down, so that a chain of tests is a column.
    let mut heights = vec![0usize; count];
    for node in (0..count).rev() {
        heights[node] = children[node].iter().map(|c| heights[*c] + 1).max().unwrap_or(0);
        children[node].sort_by_key(|c| (std::cmp::Reverse(heights[*c]), *c));
    }
    children[count] = (0..count).filter(|n| parent[*n].is_none()).collect();
    (layers, children)
}

/// The outline of a part of the tree: for each layer from the deepest up, how far it reaches.
struct Outline {
    /// To be added to every number below.
    shift: f64,
    reach: Vec<(f64, f64)>,
}

/// The left edge of each node: as close together as the outlines allow.
fn spread(places: &[Place], children: &[Vec<usize>]) -> Vec<f64> {
    let count = places.len();
    // Relative to the parent, then summed up on the way down.
    let mut offset = vec![0.0f64; count];
    let mut outlines: Vec<Option<Outline>> = (0..count).map(|_| None).collect();
    let mut order = Vec::with_capacity(count);
    let mut waiting: Vec<usize> = children[count].iter().rev().copied().collect();
    while let Some(node) = waiting.pop() {
        order.push(node);
        waiting.extend(children[node].iter().rev());
    }
    for node in order.iter().rev().copied() {
        let mut whole: Option<Outline> = None;
        for child in &children[node] {
            let Some(part) = outlines[*child].take() else { continue };
            whole = Some(match whole {
                None => part,
                Some(left) => {
                    let (joined, moved) = beside(left, part);
                    offset[*child] = moved;
                    joined
                }
            });
        }
        let mut whole = whole.unwrap_or(Outline { shift: 0.0, reach: Vec::new() });
        let own = (-whole.shift, places[node].width - whole.shift);
        whole.reach.push(own);
        outlines[node] = Some(whole);
    }
    // Trees without a common root stand side by side.
    let mut edge = 0.0;
    for root in &children[count] {
        if let Some(outline) = outlines[*root].take() {
            let left = outline.reach.iter().map(|r| r.0 + outline.shift).fold(0.0, f64::min);
            let right = outline.reach.iter().map(|r| r.1 + outline.shift).fold(0.0, f64::max);
            offset[*root] = edge - left;
            edge += right - left + GAP_X;
        }
    }
    let mut across = vec![0.0; count];
    for node in order {
        across[node] += offset[node];
        for child in &children[node] {
            across[*child] = across[node];
        }
    }
    across
}

/// Puts one outline to the right of another with the same top layer; says how far it had to move.
fn beside(left: Outline, right: Outline) -> (Outline, f64) {
    let common = left.reach.len().min(right.reach.len());
    let tops = |o: &Outline| o.reach.len() - common;
    let (l, r) = (tops(&left), tops(&right));
    let mut moved = f64::MIN;
    for i in 0..common {
        let need = left.reach[l + i].1 + left.shift - (right.reach[r + i].0 + right.shift) + GAP_X;
        moved = moved.max(need);
    }
    let right = Outline { shift: right.shift + moved, ..right };
    // The longer one's lower part stays as it is, so that the cost is that of the shorter one.
    let (mut longer, shorter, longer_is_left) =
        if left.reach.len() >= right.reach.len() { (left, right, true) } else { (right, left, false) };
    let (a, b) = (longer.reach.len() - common, shorter.reach.len() - common);
    for i in 0..common {
        let other = shorter.reach[b + i];
        let other = (other.0 + shorter.shift - longer.shift, other.1 + shorter.shift - longer.shift);
        let mine = &mut longer.reach[a + i];
        *mine = if longer_is_left { (mine.0, other.1) } else { (other.0, mine.1) };
    }
    (longer, moved)
}
