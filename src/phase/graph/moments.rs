//! A distribution with given moments.
//!
//! * One moment: the exponential distribution.
//! * Two moments m1, m2, by the squared coefficient of variation c2 = m2 / m1^2 - 1. Above 1, two exponential phases side by
//!   side with balanced means (Whitt 1982, *Approximating a point process by a renewal process*). Below, a mixture of
//!   Erlang's distributions of k - 1 and k phases of one rate, where 1/k <= c2 <= 1/(k-1) (Tijms 1994, *Stochastic Models: An
//!   Algorithmic Approach*, section 4.3).
//! * Three moments: a mixture of two Erlang distributions of n phases each (Johnson and Taaffe 1989, *Matching moments to phase
//!   distributions: mixtures of Erlang distributions of common order*), with the smallest n that has one. The means of
//!   a phase are then a distribution on two points, whose moments are m1/n, m2/(n(n+1)), m3/(n(n+1)(n+2)); it
//!   exists exactly if those are moments of a distribution of positive numbers. Every distribution of positive times with
//!   three moments, but the one of a constant, is matched for some n. Where an acyclic distribution of fewer phases has them
//!   too, it is taken ([`acyclic`](super::acyclic)).

use crate::phase::graph::acyclic::Acyclic;
use crate::phase::graph::error::GraphError;
use crate::phase::graph::{Graph, VertexId};

/// More phases than this are refused.
const MOST_PHASES: f64 = 20_000.0;
/// Relative differences that rounding of the moments explains.
const ROUNDING: f64 = 1e-12;

/// Phases in a row at one rate, and the probability to go through them.
struct Branch {
    probability: f64,
    phases: usize,
    mean: f64,
}

impl Graph {
    /// A distribution with these one, two or three moments about zero, without parameters.
    ///
    /// See [Johnson and Taaffe 1989; Tijms 1994; Whitt 1982]: one moment gives the exponential distribution; two give two exponential phases with
    /// balanced means, or a mixture of two Erlang distributions whose orders differ by one; three the acyclic distribution of fewest
    /// phases that is found up to 100 of them, else a mixture of two Erlang distributions of one order, the smallest possible.
    ///
    /// # Errors
    ///
    /// [`GraphError::Moments`] for numbers that are moments of no positive, random time, or that take more than 20 000 phases.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// for moments in [&[2.0][..], &[2.0, 5.0], &[2.0, 9.0], &[2.0, 5.0, 16.0]] {
    ///     let graph = Graph::from_moments(moments)?;
    ///     let found = EliminationTrace::record(&graph).at(&[])?.moments(moments.len());
    ///     for (found, moment) in found.iter().zip(moments) {
    ///         assert!((found / moment - 1.0).abs() < 1e-12);
    ///     }
    /// }
    /// assert!(Graph::from_moments(&[2.0, 3.9]).is_err()); // a variance below zero
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn from_moments(moments: &[f64]) -> Result<Graph, GraphError> {
        let refuse = |problem: String| GraphError::Moments {
            moments: moments.to_vec(),
            problem,
        };
        if let Some(index) = moments.iter().position(|&m| !(m > 0.0 && m.is_finite())) {
            let problem = format!("moment {} must be positive and finite", index + 1);
            return Err(refuse(problem));
        }
        match *moments {
            [mean] => branches(&[Branch {
                probability: 1.0,
                phases: 1,
                mean,
            }]),
            [m1, m2] => two(m1, m2).map_err(refuse)?,
            [m1, m2, m3] => three(m1, m2, m3).map_err(refuse)?,
            _ => Err(refuse("give one, two or three".to_owned())),
        }
    }
}

/// m2 / m1^2 - 1, or why there is no such time.
fn variation(m1: f64, m2: f64) -> Result<f64, String> {
    let variation = m2 / m1 / m1 - 1.0;
    if variation > ROUNDING {
        return Ok(variation);
    }
    Err(format!(
        "the second must exceed the square of the first, {:?} (a time that does not vary has no phases)",
        m1 * m1
    ))
}

fn few(phases: f64) -> Result<usize, String> {
    if phases <= MOST_PHASES {
        return Ok(phases as usize);
    }
    Err(format!(
        "that takes {phases:e} phases, and {MOST_PHASES} is the most; give moments that vary more"
    ))
}

fn two(m1: f64, m2: f64) -> Result<Result<Graph, GraphError>, String> {
    let variation = variation(m1, m2)?;
    if variation > 1.0 {
        let p = 0.5 * (1.0 + ((variation - 1.0) / (variation + 1.0)).sqrt());
        // 1 - p loses no digits this way.
        let q = 1.0 / (1.0 + variation) / (2.0 * p);
        let branch = |probability: f64| Branch {
            probability,
            phases: 1,
            mean: 0.5 * m1 / probability,
        };
        return Ok(branches(&[branch(p), branch(q)]));
    }
    let phases = (1.0 / variation - ROUNDING).ceil();
    few(phases)?;
    let k = phases;
    let root = (k * (1.0 + variation) - k * k * variation).max(0.0).sqrt();
    let p = ((k * variation - root) / (1.0 + variation)).clamp(0.0, 1.0);
    let mean = m1 / (k - p);
    let mut builder = Graph::builder(1, 0);
    builder.slots(["phase"]);
    let chain: Vec<VertexId> = (0..=few(phases)?)
        .rev()
        .map(|left| builder.add_vertex(&[left as i64]))
        .collect();
    for pair in chain.windows(2) {
        builder.add_constant_edge(pair[0], pair[1], 1.0 / mean);
    }
    builder.start(chain[0], 1.0 - p);
    if p > 0.0 {
        builder.start(chain[1], p);
    }
    Ok(builder.build())
}

fn three(m1: f64, m2: f64, m3: f64) -> Result<Result<Graph, GraphError>, String> {
    let variation = variation(m1, m2)?;
    // In units of the mean.
    let (second, third) = (1.0 + variation, m3 / m1 / m1 / m1);
    let excess = third - second * second;
    if excess <= ROUNDING * third {
        return Err(format!(
            "the third must exceed the square of the second over the first, {:?}",
            m2 * m2 / m1
        ));
    }
    // Moments of the mean of a phase, of which there are n.
    let reduced = |n: f64| {
        let f1 = 1.0 / n;
        let f2 = second / (n * (n + 1.0));
        (f1, f2, third / (n * (n + 1.0) * (n + 2.0)))
    };
    let least = (1.0 / variation - ROUNDING).ceil().max(1.0);
    let (f1, f2, f3) = reduced(least);
    let near = |x: f64, y: f64| (x - y).abs() <= ROUNDING * y;
    if near(f2, f1 * f1) && near(f3, f1 * f1 * f1) {
        return Ok(branches(&[Branch {
            probability: 1.0,
            phases: few(least)?,
            mean: m1 / least,
        }]));
    }
    // n (m1 m3 - m2^2) > 2 m2^2 - m1 m3, and n c2 > 1.
    let by_third = (2.0 * second * second - third) / excess;
    let mut n = (by_third.floor() + 1.0)
        .max((1.0 / variation).floor() + 1.0)
        .max(1.0);
    loop {
        let phases = few(n)?;
        let (f1, f2, f3) = reduced(n);
        let spread = f2 - f1 * f1;
        let sum = (f3 - f1 * f2) / spread;
        let product = (f1 * f3 - f2 * f2) / spread;
        let discriminant = sum * sum - 4.0 * product;
        if spread > 0.0 && product > 0.0 && discriminant > 0.0 {
            // One phase a branch is least; of more there may be acyclic ones with fewer in all.
            if phases > 1
                && let Some(acyclic) = Acyclic::with_moments(second, third, 2 * phases)
            {
                return Ok(acyclic.graph(m1));
            }
            let large = 0.5 * (sum + discriminant.sqrt());
            let small = product / large;
            let probability = (f1 - small) / (large - small);
            let branch = |probability: f64, mean: f64| Branch {
                probability,
                phases,
                mean: mean * m1,
            };
            return Ok(branches(&[
                branch(probability, large),
                branch(1.0 - probability, small),
            ]));
        }
        n += 1.0;
    }
}

/// The graph of rows of phases, of which one is gone through.
fn branches(branches: &[Branch]) -> Result<Graph, GraphError> {
    let mut builder = Graph::builder(2, 0);
    builder.slots(["branch", "phase"]);
    let mut ends = Vec::new();
    for (which, branch) in (1..).zip(branches) {
        let row: Vec<VertexId> = (1..=branch.phases)
            .rev()
            .map(|phase| builder.add_vertex(&[which, phase as i64]))
            .collect();
        for pair in row.windows(2) {
            builder.add_constant_edge(pair[0], pair[1], 1.0 / branch.mean);
        }
        builder.start(row[0], branch.probability);
        ends.push((row[row.len() - 1], branch.mean));
    }
    let end = builder.add_vertex(&[0, 0]);
    for (last, mean) in ends {
        builder.add_constant_edge(last, end, 1.0 / mean);
    }
    builder.build()
}
