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
use crate::phase::graph::explore::Transitions;
use crate::phase::graph::rate::Rate;
use crate::phase::graph::{Graph, VertexId};

mod coalescent;
mod random;

pub use coalescent::{
    coalescent_sfs, islands, islands_sfs, joint_sfs, kingman, two_locus_arg, two_locus_arg_sfs,
    two_locus_heights,
};
pub use random::{block_chain, dense, random_block};

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

/// Erlang's distribution: `phases` in a row, each left at rate theta0. Mean `phases / theta0`.
///
/// # Errors
///
/// See the [module](self).
///
/// ```
/// use elimap::phase::{EliminationTrace, models};
/// let trace = EliminationTrace::record(&models::erlang(4)?);
/// let mean = trace.at(&[2.0])?.expectation();
/// assert!((mean - 2.0).abs() < 1e-12, "{mean}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn erlang(phases: usize) -> Result<Graph, GraphError> {
    at_least("erlang", phases, 1)?;
    at_most("vertices", phases)?;
    let rule = |&phases: &i64, out: &mut Transitions<i64>| {
        if phases > 0 {
            out.edge(phases - 1, Rate::parameter(0, 1.0));
        }
    };
    let start = [(phases as i64, 1.0)];
    Graph::explore(start, rule).param_length(1).build()
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
    let rule = |&left: &i64, out: &mut Transitions<i64>| {
        if left > 0 {
            out.edge(left - 1, Rate::parameter(phases - left as usize, 1.0));
        }
    };
    let start = [(phases as i64, 1.0)];
    Graph::explore(start, rule).param_length(phases).build()
}

/// A birth-death chain on 1 to `levels`, absorbed at 0: up at theta0, down at theta1. It starts at level
/// `levels / 4`, or 1. Vertices are numbered from level `levels` down.
///
/// # Errors
///
/// See the [module](self).
///
/// ```
/// use elimap::phase::{EliminationTrace, models};
///
/// // One level: up is no way, down is absorption.
/// let graph = models::birth_death(1)?;
/// assert_eq!(EliminationTrace::record(&graph).at(&[5.0, 2.0])?.expectation(), 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// ```
/// use elimap::phase::{EliminationTrace, models};
///
/// // With hardly any service it takes three arrivals.
/// let trace = EliminationTrace::record(&models::queue(3)?);
/// assert!((trace.at(&[2.0, 1e-9])?.expectation() - 1.5).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn queue(capacity: usize) -> Result<Graph, GraphError> {
    at_least("queue", capacity, 1)?;
    at_most("vertices", capacity)?;
    let last = capacity as i64;
    let rule = |&waiting: &i64, out: &mut Transitions<i64>| {
        if waiting <= last {
            out.edge(waiting + 1, Rate::parameter(0, 1.0));
            let busy = if waiting > 1 { 1.0 } else { 0.0 };
            out.edge(waiting - 1, Rate::parameter(1, busy));
        }
    };
    Graph::explore([(1, 1.0)], rule).param_length(2).build()
}

/// Two queues in a row, up to `capacity` in each: arrivals at theta0, first and second service at theta1 and theta2. It
/// starts with one customer in the first and ends when both are empty.
///
/// # Errors
///
/// See the [module](self).
///
/// ```
/// use elimap::phase::{EliminationTrace, models};
///
/// // Hardly any arrivals: the two services of the one customer.
/// let trace = EliminationTrace::record(&models::tandem_queue(2)?);
/// assert!((trace.at(&[1e-9, 2.0, 4.0])?.expectation() - 0.75).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn tandem_queue(capacity: usize) -> Result<Graph, GraphError> {
    at_least("tandem_queue", capacity, 1)?;
    at_most("vertices", pairs_up_to(capacity))?;
    let room = |there: i64| if there < capacity as i64 { 1.0 } else { 0.0 };
    let busy = |there: i64| if there > 0 { 1.0 } else { 0.0 };
    let rule = |&[i, j]: &[i64; 2], out: &mut Transitions<[i64; 2]>| {
        if i + j > 0 {
            out.edge([i + 1, j], Rate::parameter(0, room(i)));
            out.edge([i - 1, j + 1], Rate::parameter(1, busy(i) * room(j)));
            out.edge([i, j - 1], Rate::parameter(2, busy(j)));
        }
    };
    Graph::explore([([1, 0], 1.0)], rule)
        .param_length(3)
        .build()
}

/// A random walk on a `rows` x `columns` grid from one corner, absorbed from the opposite one: steps along a row at
/// theta0, along a column at theta1, absorption at theta2. Vertices are numbered row by row; one block.
///
/// # Errors
///
/// See the [module](self).
///
/// ```
/// use elimap::phase::models;
///
/// let graph = models::grid_walk(3, 4)?;
/// // Start and absorption, and one block of all others.
/// assert_eq!((graph.vertex_count(), graph.blocks().iter().map(Vec::len).max()), (14, Some(12)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

/// A system of `parts` that works while `needed` of them do: each working one fails at theta0, one at a time is repaired at
/// theta1. The state is the number that work, `parts` at the start; absorbed when fewer than `needed` do.
///
/// # Errors
///
/// See the [module](self).
///
/// ```
/// use elimap::phase::{EliminationTrace, models};
///
/// // Two parts of which one is needed: both failed.
/// let time = EliminationTrace::record(&models::k_out_of_n(1, 2)?).at(&[1.0, 3.0])?;
/// assert_eq!(time.expectation(), 3.0);
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
pub fn k_out_of_n(needed: usize, parts: usize) -> Result<Graph, GraphError> {
    at_least("k_out_of_n", needed, 1)?;
    at_least("k_out_of_n", parts, needed)?;
    at_most("edges", parts.saturating_mul(2))?;
    let (needed, parts) = (needed as i64, parts as i64);
    let rule = |&working: &i64, out: &mut Transitions<i64>| {
        if working >= needed {
            out.edge(working - 1, Rate::parameter(0, working as f64));
            let repair = if working < parts { 1.0 } else { 0.0 };
            out.edge(working + 1, Rate::parameter(1, repair));
        }
    };
    let system = Graph::explore([(parts, 1.0)], rule);
    system
        .parameters(["failure", "repair"])
        .slots(["working"])
        .build()
}
