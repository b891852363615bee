//! The acyclic phase-type distribution of fewest phases that has three given moments.
//!
//! Bobbio, Horvath and Telek (2005, *Matching three moments with minimal acyclic phase type distributions*) show that the moments of acyclic
//! distributions of n phases are those of two parts one after the other, an exponential phase and n - 1 phases of one rate, in either order, where the
//! first part may be left out. With k phases of the mean x in the first part, which is gone through with the probability p, and l of the mean y in the
//! second,
//!
//! ```text
//! m1 = p x + y        m2 = p (a2 x^2 + 2 x y) + b2 y^2        m3 = p (a3 x^3 + 3 a2 x^2 y + 3 b2 x y^2) + b3 y^3
//! a2 = 1 + 1/k        a3 = (1 + 1/k) (1 + 2/k)                b2, b3 the same of l
//! ```
//!
//! A y gives p x by the first moment and x by the second; the third is then an equation in y alone, between 0 and the mean, whose
//! solution is looked for between the points of a grid.

use crate::phase::graph::error::GraphError;
use crate::phase::graph::{Graph, VertexId};

/// More phases than this are not tried.
const MOST_ORDER: usize = 100;
/// Points of the grid.
const POINTS: usize = 2000;
/// By how much the third moment may be off, relative to itself, and a probability above 1.
const ROUNDING: f64 = 1e-13;

/// Two parts one after the other, in units of the mean of both.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acyclic {
    /// Phases of the first part, of which one may be passed by, and of the second.
    phases: [usize; 2],
    /// The probability of the first part.
    probability: f64,
    /// The means of the parts.
    means: [f64; 2],
}

/// Second and third moments of phases in a row with the mean 1.
fn of_row(phases: usize) -> [f64; 2] {
    let one = 1.0 / phases as f64;
    [1.0 + one, (1.0 + one) * (1.0 + 2.0 * one)]
}

impl Acyclic {
    /// The distribution with the mean 1 and these moments of fewest phases, if it has fewer than so many.
    pub(super) fn with_moments(second: f64, third: f64, below: usize) -> Option<Self> {
        let orders = 2..below.min(MOST_ORDER + 1);
        let rows = orders.flat_map(|order| [[order - 1, 1], [1, order - 1]]);
        rows.filter_map(|phases| Self::of_phases(phases, second, third))
            .next()
    }

    fn of_phases(phases: [usize; 2], second: f64, third: f64) -> Option<Self> {
        let [[a2, a3], [b2, b3]] = phases.map(of_row);
        // What belongs to a mean of the second part, and by how much its third moment is too large.
        let at = |y: f64| {
            let px = 1.0 - y;
            let x = (second - b2 * y * y - 2.0 * px * y) / (px * a2);
            let early = a3 * x * x + 3.0 * a2 * x * y + 3.0 * b2 * y * y;
            let found = Self {
                phases,
                probability: px / x,
                means: [x, y],
            };
            let excess = px * early + b3 * y.powi(3) - third;
            ((x > 0.0).then_some(found), excess)
        };
        let mut before: Option<(f64, f64)> = None;
        for point in 0..POINTS {
            let y = point as f64 / POINTS as f64;
            let (found, excess) = at(y);
            let next = found.map(|_| (y, excess));
            if let (Some((low, at_low)), Some((high, at_high))) = (before, next)
                && at_low * at_high <= 0.0
                && let Some(found) = bisect(low, high, at_low, third, at)
            {
                return Some(found);
            }
            before = next;
        }
        None
    }

    /// The graph, for this mean.
    pub(super) fn graph(&self, mean: f64) -> Result<Graph, GraphError> {
        let mut builder = Graph::builder(2, 0);
        builder.slots(["part", "phase"]);
        let mut row = Vec::new();
        for (part, &phases) in (1..).zip(&self.phases) {
            for phase in (1..=phases).rev() {
                row.push(builder.add_vertex(&[part, phase as i64]));
            }
        }
        row.push(builder.add_vertex(&[0, 0]));
        let rates = (self.phases.iter().zip(self.means))
            .flat_map(|(&phases, of)| std::iter::repeat_n(phases as f64 / (of * mean), phases));
        for (pair, rate) in row.windows(2).zip(rates) {
            builder.add_constant_edge(pair[0], pair[1], rate);
        }
        let second: VertexId = row[self.phases[0]];
        builder.start(row[0], self.probability);
        if self.probability < 1.0 {
            builder.start(second, 1.0 - self.probability);
        }
        builder.build()
    }
}

/// Where the excess vanishes between two points at which it has different signs.
fn bisect(
    mut low: f64,
    mut high: f64,
    at_low: f64,
    third: f64,
    at: impl Fn(f64) -> (Option<Acyclic>, f64),
) -> Option<Acyclic> {
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        match at(middle).1 * at_low > 0.0 {
            true => low = middle,
            false => high = middle,
        }
    }
    let (found, excess) = at(high);
    // Distributions that never pass the first part by are on the border of those that may.
    let found = found.filter(|found| found.probability <= 1.0 + ROUNDING);
    found
        .filter(|_| excess.abs() <= ROUNDING * third)
        .map(|found| Acyclic {
            probability: found.probability.min(1.0),
            ..found
        })
}
