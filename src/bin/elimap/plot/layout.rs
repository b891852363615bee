//! Where the vertices of a graph are drawn: blocks in layers from left to right.
//!
//! The layer of a block is the length of the longest path that leads to it, so edges between blocks run to the right
//! (Sugiyama, Tagawa and Toda 1981, *Methods for visual understanding of hierarchical system structures*, with blocks in place of
//! vertices). Within a layer blocks are ordered by the mean place of what leads to them and where they lead, in turn. The vertices of a
//! block stand on a circle.

use elimap::phase::{Graph, VertexId};

/// Height that a vertex takes.
const ROOM: f64 = 64.0;
/// What an arrow needs beside its label.
const ARROW: f64 = 44.0;
const BETWEEN_BLOCKS: f64 = 36.0;

/// A place in the picture.
pub(super) type Point = (f64, f64);

pub(super) struct Layout {
    /// By vertex.
    pub(super) places: Vec<Point>,
    /// Centre and radius of the blocks of several vertices.
    pub(super) circles: Vec<(Point, f64)>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// What leads where: edges and the start distribution.
pub(super) fn arrows(graph: &Graph) -> Vec<(VertexId, VertexId)> {
    let start = graph.start().iter().map(|&(to, _)| (VertexId::START, to));
    start
        .chain(graph.edges().map(|edge| (edge.from, edge.to)))
        .collect()
}

/// Places for vertices that are so wide, with room for arrows whose labels are so wide.
pub(super) fn layout(graph: &Graph, node: f64, label: f64) -> Layout {
    let blocks = graph.blocks();
    let mut block_of = vec![0; graph.vertex_count()];
    for (block, members) in blocks.iter().enumerate() {
        members
            .iter()
            .for_each(|vertex| block_of[vertex.index()] = block);
    }
    let mut between: Vec<(usize, usize)> = arrows(graph)
        .into_iter()
        .map(|(from, to)| (block_of[from.index()], block_of[to.index()]))
        .filter(|(from, to)| from != to)
        .collect();
    between.sort_unstable();
    between.dedup();
    // Blocks are in topological order, so what leads to a block is done before it.
    let mut layer = vec![0; blocks.len()];
    for &(from, to) in &between {
        layer[to] = layer[to].max(layer[from] + 1);
    }
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); layer.iter().max().map_or(0, |&l| l + 1)];
    for (block, &at) in layer.iter().enumerate() {
        layers[at].push(block);
    }
    let between_layers = (label + ARROW).max(80.0);
    let radius: Vec<f64> = blocks
        .iter()
        .map(|members| radius(members.len(), node + label + ARROW))
        .collect();
    order(&mut layers, &between, &radius);

    let height_of = |block: usize| 2.0 * radius[block] + ROOM + BETWEEN_BLOCKS;
    let total = |layer: &[usize]| layer.iter().map(|&block| height_of(block)).sum::<f64>();
    let height = layers.iter().map(|layer| total(layer)).fold(0.0, f64::max);
    let mut places = vec![(0.0, 0.0); graph.vertex_count()];
    let mut circles = Vec::new();
    let mut left = 0.0;
    for layer in &layers {
        let widest = layer.iter().map(|&block| radius[block]).fold(0.0, f64::max);
        let x = left + widest + node / 2.0;
        let mut y = (height - total(layer)) / 2.0;
        for &block in layer {
            let centre = (x, y + height_of(block) / 2.0);
            y += height_of(block);
            let count = blocks[block].len();
            if count > 1 {
                circles.push((centre, radius[block]));
            }
            for (place, vertex) in blocks[block].iter().enumerate() {
                let angle = std::f64::consts::TAU * (place as f64 / count as f64 + 0.5);
                let (sin, cos) = angle.sin_cos();
                let r = radius[block];
                places[vertex.index()] = (centre.0 + r * cos, centre.1 - r * sin);
            }
        }
        left = x + widest + node / 2.0 + between_layers;
    }
    Layout {
        places,
        circles,
        width: left - between_layers,
        height,
    }
}

/// The circle on which so many vertices stand so far apart.
fn radius(count: usize, apart: f64) -> f64 {
    match count {
        0 | 1 => 0.0,
        count => apart / (2.0 * (std::f64::consts::PI / count as f64).sin()),
    }
}

/// Orders each layer by the mean place of its neighbours, those before and those after in turn.
fn order(layers: &mut [Vec<usize>], between: &[(usize, usize)], radius: &[f64]) {
    let mut place = vec![0.0; radius.len()];
    let settle = |layer: &[usize], place: &mut [f64]| {
        let size = |block: usize| 2.0 * radius[block] + ROOM;
        let total: f64 = layer.iter().map(|&block| size(block)).sum();
        let mut y = -total / 2.0;
        for &block in layer {
            place[block] = y + size(block) / 2.0;
            y += size(block);
        }
    };
    layers.iter().for_each(|layer| settle(layer, &mut place));
    for sweep in 0..8 {
        let forward = sweep % 2 == 0;
        let count = layers.len();
        for at in 0..count {
            let layer = &mut layers[if forward { at } else { count - 1 - at }];
            let wanted = |block: usize| {
                let neighbours = between.iter().filter_map(|&(from, to)| match forward {
                    true => (to == block).then_some(place[from]),
                    false => (from == block).then_some(place[to]),
                });
                let (sum, count) = neighbours.fold((0.0, 0), |(s, n), y| (s + y, n + 1));
                match count {
                    0 => place[block],
                    count => sum / f64::from(count),
                }
            };
            let mut keyed: Vec<(f64, usize)> = layer.iter().map(|&b| (wanted(b), b)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            *layer = keyed.into_iter().map(|(_, block)| block).collect();
            settle(layer, &mut place);
        }
    }
}
