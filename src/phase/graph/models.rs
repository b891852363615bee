//! Models of any size, for tests, benchmarks and trying things out.
//!
//! Each function says what its parameters mean, theta first. Vertices are numbered in the order of a breadth-first
//! walk from the first state unless said otherwise, vertex 0 being the start. Random models depend on their seed alone.
//!
//! # Errors
//!
//! All functions refuse sizes below the smallest sensible one and sizes beyond 32-bit indices, with
//! [`GraphError::ModelSize`] or [`GraphError::TooLarge`].

use crate::phase::graph::error::GraphError;
use crate::phase::graph::explore::{Transitions, explore};
use crate::phase::graph::{Graph, VertexId};

fn at_least(model: &'static str, size: usize, least: usize) -> Result<(), GraphError> {
    if size < least {
        Err(GraphError::ModelSize { model, size, least })
    } else {
        Ok(())
    }
}

/// Refuses what no graph can hold before any memory is asked for it.
fn at_most(what: &'static str, count: usize) -> Result<(), GraphError> {
    let limit = u32::MAX as usize - 1;
    if count > limit {
        Err(GraphError::TooLarge { what, count, limit })
    } else {
        Ok(())
    }
}

/// No more than the vertices of a model with two counts up to `count`.
fn pairs_up_to(count: usize) -> usize {
    count.saturating_mul(count) / 2
}

/// The number of partitions of `count`: how many site-frequency states there are at least. Above 200 that of 200, which
/// no graph can hold.
fn partitions(count: usize) -> usize {
    let count = count.min(200);
    let mut ways = vec![0usize; count + 1];
    ways[0] = 1;
    for part in 1..=count {
        for sum in part..=count {
            ways[sum] = ways[sum].saturating_add(ways[sum - part]);
        }
    }
    ways[count]
}

/// The number of unordered pairs among `count`, as a rate.
fn pairs(count: i64) -> f64 {
    (count * (count - 1) / 2) as f64
}

/// Erlang's distribution: `phases` in a row, each left at rate theta0. Mean `phases / theta0`.
///
/// # Errors
///
/// See the [module](self).
pub fn erlang(phases: usize) -> Result<Graph, GraphError> {
    at_least("erlang", phases, 1)?;
    at_most("vertices", phases)?;
    explore(&[phases as i64], 1, |state, out| {
        if state[0] > 0 {
            out.to(&[state[0] - 1], 0, 1.0);
        }
    })
}

/// The hypoexponential distribution: `phases` in a row, the i-th left at rate theta_i, one parameter each. Mean
/// `1/theta0 + 1/theta1 + ...`.
///
/// # Errors
///
/// See the [module](self).
///
/// ```
/// use elimap::phase::{EliminationTrace, models};
///
/// let time = EliminationTrace::record(&models::hypoexponential(3)?).at(&[1.0, 2.0, 4.0])?;
/// assert_eq!((time.expectation(), time.variance()), (1.75, 1.3125));
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
pub fn hypoexponential(phases: usize) -> Result<Graph, GraphError> {
    at_least("hypoexponential", phases, 1)?;
    at_most("coefficients", phases.saturating_mul(phases))?;
    explore(&[phases as i64], phases, |state, out| {
        if state[0] > 0 {
            out.to(&[state[0] - 1], phases - state[0] as usize, 1.0);
        }
    })
}

/// Kingman's coalescent: the number of lineages; k lineages coalesce at rate `k (k - 1) / 2 theta0`. Mean
/// `2 (1 - 1/n) / theta0`.
///
/// # Errors
///
/// See the [module](self).
pub fn kingman(lineages: usize) -> Result<Graph, GraphError> {
    at_least("kingman", lineages, 2)?;
    at_most("vertices", lineages)?;
    explore(&[lineages as i64], 1, |state, out| {
        out.to(&[state[0] - 1], 0, pairs(state[0]));
    })
}

/// Kingman's coalescent with the site-frequency state: `state[i]` lineages have `i + 1` descendants. Rates as in
/// [`kingman`]; acyclic.
///
/// # Errors
///
/// See the [module](self).
pub fn coalescent_sfs(lineages: usize) -> Result<Graph, GraphError> {
    at_least("coalescent_sfs", lineages, 2)?;
    at_most("vertices", partitions(lineages))?;
    let mut first = vec![0; lineages];
    first[0] = lineages as i64;
    explore(&first, 1, |state, out| coalesce(state, 0..lineages, 0, out))
}

/// Coalescence of any two lineages within a part of a site-frequency state.
fn coalesce(
    state: &[i64],
    part: std::ops::Range<usize>,
    parameter: usize,
    out: &mut Transitions<'_>,
) {
    let occupied: Vec<usize> = part.clone().filter(|&i| state[i] > 0).collect();
    for (position, &i) in occupied.iter().enumerate() {
        for &j in &occupied[position..] {
            let rate = if i == j {
                pairs(state[i])
            } else {
                (state[i] * state[j]) as f64
            };
            // Descendants add: places count from 0 within the part, descendants from 1.
            let joined = i + j + 1 - part.start;
            if rate > 0.0 && joined < part.end {
                let mut next = state.to_vec();
                next[i] -= 1;
                next[j] -= 1;
                next[joined] += 1;
                out.to(&next, parameter, rate);
            }
        }
    }
}

/// Two islands, lineages counted: coalescence at theta0 and theta1 per pair, migration at theta2 per lineage. All
/// lineages start on the first island.
///
/// # Errors
///
/// See the [module](self).
pub fn islands(lineages: usize) -> Result<Graph, GraphError> {
    at_least("islands", lineages, 2)?;
    at_most("vertices", pairs_up_to(lineages))?;
    explore(&[lineages as i64, 0], 3, |state, out| {
        let &[a, b] = state else { return };
        if a + b > 1 {
            out.to(&[a - 1, b], 0, pairs(a));
            out.to(&[a, b - 1], 1, pairs(b));
            out.to(&[a - 1, b + 1], 2, a as f64);
            out.to(&[a + 1, b - 1], 2, b as f64);
        }
    })
}

/// Two islands with the site-frequency state on each: coalescence at theta0 and theta1 per pair, migration at theta2
/// (from the first) and theta3 (from the second) per lineage. Half the lineages start on each island.
///
/// # Errors
///
/// See the [module](self).
pub fn islands_sfs(lineages: usize) -> Result<Graph, GraphError> {
    at_least("islands_sfs", lineages, 2)?;
    at_most("vertices", partitions(lineages))?;
    let mut first = vec![0; 2 * lineages];
    first[0] = (lineages - lineages / 2) as i64;
    first[lineages] = (lineages / 2) as i64;
    explore(&first, 4, |state, out| {
        if state.iter().sum::<i64>() < 2 {
            return;
        }
        for island in 0..2 {
            let part = island * lineages..(island + 1) * lineages;
            coalesce(state, part.clone(), island, out);
            for i in part.filter(|&i| state[i] > 0) {
                let mut next = state.to_vec();
                next[i] -= 1;
                next[(i + lineages) % (2 * lineages)] += 1;
                out.to(&next, 2 + island, state[i] as f64);
            }
        }
    })
}

/// The two-locus ancestral process: `[a, b, c]` lineages ancestral at both loci, the left, the right. Coalescence at
/// theta0 per pair, recombination at theta1 per lineage of the first kind; absorbed when both loci have one ancestor.
///
/// # Errors
///
/// See the [module](self).
pub fn two_locus_arg(lineages: usize) -> Result<Graph, GraphError> {
    at_least("two_locus_arg", lineages, 2)?;
    at_most("vertices", pairs_up_to(lineages))?;
    explore(&[lineages as i64, 0, 0], 2, |state, out| {
        let &[a, b, c] = state else { return };
        if a + b > 1 || a + c > 1 {
            out.to(&[a - 1, b + 1, c + 1], 1, a as f64);
            out.to(&[a - 1, b, c], 0, pairs(a));
            out.to(&[a, b - 1, c], 0, (a * b) as f64 + pairs(b));
            out.to(&[a, b, c - 1], 0, (a * c) as f64 + pairs(c));
            out.to(&[a + 1, b - 1, c - 1], 0, (b * c) as f64);
        }
    })
}

/// The two-locus ancestral process with descendants: `state[i * (n + 1) + j]` lineages have `i` descendants at the left
/// locus and `j` at the right, for n `lineages`. Rates as in [`two_locus_arg`]; absorbed in a single lineage.
///
/// # Errors
///
/// See the [module](self).
pub fn two_locus_arg_sfs(lineages: usize) -> Result<Graph, GraphError> {
    at_least("two_locus_arg_sfs", lineages, 2)?;
    at_most("vertices", partitions(lineages))?;
    let width = lineages + 1;
    let mut first = vec![0; width * width];
    first[width + 1] = lineages as i64;
    explore(&first, 2, |state, out| {
        if state.iter().sum::<i64>() < 2 {
            return;
        }
        let kinds: Vec<usize> = (0..state.len()).filter(|&kind| state[kind] > 0).collect();
        for (position, &a) in kinds.iter().enumerate() {
            for &b in &kinds[position..] {
                // Descendants add at both loci, and so do the indices.
                let rate = if a == b {
                    pairs(state[a])
                } else {
                    (state[a] * state[b]) as f64
                };
                if rate > 0.0 {
                    let mut next = state.to_vec();
                    next[a] -= 1;
                    next[b] -= 1;
                    next[a + b] += 1;
                    out.to(&next, 0, rate);
                }
            }
        }
        for &kind in &kinds {
            let (left, right) = (kind / width, kind % width);
            if left > 0 && right > 0 {
                let mut next = state.to_vec();
                next[kind] -= 1;
                next[left * width] += 1;
                next[right] += 1;
                out.to(&next, 1, state[kind] as f64);
            }
        }
    })
}

/// A birth-death chain on 1 to `levels`, absorbed at 0: up at theta0, down at theta1. It starts at level
/// `levels / 4`, or 1. Vertices are numbered from level `levels` down.
///
/// # Errors
///
/// See the [module](self).
pub fn birth_death(levels: usize) -> Result<Graph, GraphError> {
    at_least("birth_death", levels, 1)?;
    at_most("edges", levels.saturating_mul(2))?;
    let mut builder = Graph::builder(1, 2);
    let vertices: Vec<VertexId> = (0..=levels as i64)
        .rev()
        .map(|level| builder.add_vertex(&[level]))
        .collect();
    for pair in vertices.windows(2) {
        builder.add_edge(pair[0], pair[1], &[0.0, 1.0]);
    }
    for pair in vertices[..levels].windows(2) {
        builder.add_edge(pair[1], pair[0], &[1.0, 0.0]);
    }
    builder.start(vertices[levels - (levels / 4).max(1)], 1.0);
    builder.build()
}

/// A queue with one server, from 1 waiting until `capacity + 1` are: arrivals at theta0, services at theta1.
///
/// # Errors
///
/// See the [module](self).
pub fn queue(capacity: usize) -> Result<Graph, GraphError> {
    at_least("queue", capacity, 1)?;
    at_most("vertices", capacity)?;
    let last = capacity as i64;
    explore(&[1], 2, |state, out| {
        let &[waiting] = state else { return };
        if waiting <= last {
            out.to(&[waiting + 1], 0, 1.0);
            out.to(&[waiting - 1], 1, if waiting > 1 { 1.0 } else { 0.0 });
        }
    })
}

/// Two queues in a row, up to `capacity` in each: arrivals at theta0, first and second service at theta1 and theta2. It
/// starts with one customer in the first and ends when both are empty.
///
/// # Errors
///
/// See the [module](self).
pub fn tandem_queue(capacity: usize) -> Result<Graph, GraphError> {
    at_least("tandem_queue", capacity, 1)?;
    at_most("vertices", pairs_up_to(capacity))?;
    let room = |there: i64| if there < capacity as i64 { 1.0 } else { 0.0 };
    let busy = |there: i64| if there > 0 { 1.0 } else { 0.0 };
    explore(&[1, 0], 3, |state, out| {
        let &[i, j] = state else { return };
        if i + j > 0 {
            out.to(&[i + 1, j], 0, room(i));
            out.to(&[i - 1, j + 1], 1, busy(i) * room(j));
            out.to(&[i, j - 1], 2, busy(j));
        }
    })
}

/// A random walk on a `rows` x `columns` grid from one corner, absorbed from the opposite one: steps along a row at
/// theta0, along a column at theta1, absorption at theta2. Vertices are numbered row by row; one block.
///
/// # Errors
///
/// See the [module](self).
pub fn grid_walk(rows: usize, columns: usize) -> Result<Graph, GraphError> {
    at_least("grid_walk", rows.min(columns), 1)?;
    at_most("edges", rows.saturating_mul(columns).saturating_mul(4))?;
    let mut builder = Graph::builder(2, 3);
    let mut cells = Vec::new();
    for row in 0..rows as i64 {
        for column in 0..columns as i64 {
            cells.push(builder.add_vertex(&[row, column]));
        }
    }
    let end = builder.add_vertex(&[rows as i64, columns as i64]);
    for (position, &cell) in cells.iter().enumerate() {
        let (row, column) = (position / columns, position % columns);
        let (along, across) = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]);
        if row > 0 {
            builder.add_edge(cell, cells[position - columns], &across);
        }
        if column > 0 {
            builder.add_edge(cell, cells[position - 1], &along);
        }
        if column + 1 < columns {
            builder.add_edge(cell, cells[position + 1], &along);
        }
        if row + 1 < rows {
            builder.add_edge(cell, cells[position + columns], &across);
        }
    }
    builder.add_edge(cells[cells.len() - 1], end, &[0.0, 0.0, 1.0]);
    builder.start(cells[0], 1.0);
    builder.build()
}

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
/// See the [module](self).
pub fn random_block(size: usize, degree: usize, seed: u64) -> Result<Graph, GraphError> {
    block_chain(1, size, degree, 1, seed)
}

/// `blocks` random blocks one after the other, of `topologies` different shapes in turn and with coefficients of
/// their own. Each block leads to the next, the last one to absorption. Two parameters.
///
/// # Errors
///
/// See the [module](self).
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
/// See the [module](self).
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
