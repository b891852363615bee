//! Models with random edges and coefficients, which depend on a seed alone.

use crate::phase::graph::error::GraphError;
use crate::phase::graph::models::{at_least, at_most};
use crate::phase::graph::{Graph, VertexId};

/// A generator of numbers that look random (Steele, Lea and Flood 2014, SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// A coefficient with two decimals in [0.5, 1.5).
    fn coefficient(&mut self) -> f64 {
        (50 + self.below(100)) as f64 / 100.0
    }
}

/// Internal edges of a random strongly connected block: a cycle and random edges up to `degree` per vertex on average.
fn random_edges(size: usize, degree: usize, random: &mut Random) -> Vec<(usize, usize)> {
    let mut edges: Vec<(usize, usize)> = (0..size)
        .map(|vertex| (vertex, (vertex + 1) % size))
        .collect();
    let mut known: std::collections::HashSet<(usize, usize)> = edges.iter().copied().collect();
    let wanted = (size * degree).min(size * (size - 1));
    while edges.len() < wanted {
        let edge = (random.below(size), random.below(size));
        if edge.0 != edge.1 && known.insert(edge) {
            edges.push(edge);
        }
    }
    edges
}

/// One strongly connected block with random edges, `degree` per vertex on average, and one exit. Two parameters,
/// random coefficients.
///
/// # Errors
///
/// See the [module](super).
///
/// ```
/// use elimap::phase::models;
///
/// let graph = models::random_block(20, 3, 7)?;
/// assert_eq!(graph.blocks().iter().map(Vec::len).max(), Some(20));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn random_block(size: usize, degree: usize, seed: u64) -> Result<Graph, GraphError> {
    block_chain(1, size, degree, 1, seed)
}

/// `blocks` random blocks one after the other, of `topologies` different shapes in turn and with coefficients of
/// their own. Each block leads to the next, the last one to absorption. Two parameters.
///
/// # Errors
///
/// See the [module](super).
///
/// ```
/// use elimap::phase::{Analysis, models};
///
/// let analysis = Analysis::new(&models::block_chain(6, 10, 3, 2, 7)?);
/// assert_eq!(analysis.work_units().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn block_chain(
    blocks: usize,
    size: usize,
    degree: usize,
    topologies: usize,
    seed: u64,
) -> Result<Graph, GraphError> {
    at_least("block_chain", size, 2)?;
    at_least("block_chain", blocks.min(degree).min(topologies), 1)?;
    let edges = size.saturating_mul(degree.min(size) + 1);
    at_most("edges", edges.saturating_mul(blocks))?;
    let mut random = Random(seed);
    let shapes: Vec<_> = (0..topologies.min(blocks))
        .map(|_| random_edges(size, degree.min(size), &mut random))
        .collect();
    let mut builder = Graph::builder(1, 2);
    let vertices: Vec<VertexId> = (0..=blocks * size)
        .map(|label| builder.add_vertex(&[label as i64]))
        .collect();
    for block in 0..blocks {
        let members = &vertices[block * size..=(block + 1) * size];
        for &(from, to) in &shapes[block % shapes.len()] {
            builder.add_edge(
                members[from],
                members[to],
                &[random.coefficient(), random.coefficient()],
            );
        }
        builder.add_edge(members[size - 1], members[size], &[1.0, 0.5]);
    }
    builder.start(vertices[0], 1.0);
    builder.build()
}

/// One block in which every vertex leads to every other, with one exit. Three parameters, random coefficients.
///
/// # Errors
///
/// See the [module](super).
///
/// ```
/// use elimap::phase::models;
///
/// assert_eq!(models::dense(5, 7)?.edge_count(), 21);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dense(size: usize, seed: u64) -> Result<Graph, GraphError> {
    at_least("dense", size, 1)?;
    at_most("coefficients", size.saturating_mul(size).saturating_mul(3))?;
    let mut random = Random(seed);
    let mut builder = Graph::builder(1, 3);
    let vertices: Vec<VertexId> = (1..=size as i64)
        .map(|label| builder.add_vertex(&[label]))
        .collect();
    let end = builder.add_vertex(&[0]);
    for &from in &vertices {
        for &to in vertices.iter().filter(|&&to| to != from) {
            let coefficients = [
                random.coefficient(),
                random.coefficient(),
                random.coefficient(),
            ];
            builder.add_edge(from, to, &coefficients);
        }
    }
    builder.add_edge(vertices[size - 1], end, &[1.0, 0.5, 0.25]);
    builder.start(vertices[0], 1.0);
    builder.build()
}
