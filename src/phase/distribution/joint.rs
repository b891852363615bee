//! Joint moments of rewards by solves with one factor, and their gradients by its transpose.
//!
//! Let `Y_k` be the reward k collected until absorption, the sum of `r_k(v)` times the time in v. With one column of values by vertex for each
//! tuple of orders a,
//!
//! ```text
//! A x_a = sum over k of a_k R_k x_(a - e_k)        E Y_1^a_1 .. Y_m^a_m = alpha x_a
//! ```
//!
//! x_0 is the *base*: ones for plain moments, the probability of absorption in some vertices for moments on that event, or a
//! transform, if vertices are killed. Backwards, with a seed s_a for each of the expectations,
//!
//! ```text
//! l_a = s_a alpha + sum over k of (a_k + 1) R_k y_(a + e_k)        A' y_a = l_a
//! d/dw(v, u) = sum over a of y_a(v) (x_a(u) - x_a(v))
//! ```

use std::sync::Arc;

use crate::phase::distribution::inherited::By;
use crate::phase::distribution::system::{Column, Number, System, absorbing_target};
use crate::phase::graph::VertexId;
use crate::phase::index::{IndexVec, Slot, Transient};
use crate::phase::numeric::extended::{Extended, Scalar};
use crate::phase::symbolic::layout::Layout;
use crate::phase::trace::EliminationTrace;

/// Rewards by transient vertex.
pub(crate) type Reward = Arc<IndexVec<Transient, f64>>;

/// What moments are multiplied with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Base<'a> {
    Ones,
    /// The event that absorption happens in one of the marked vertices, by vertex of the graph.
    Absorption(&'a [bool]),
}

impl Base<'_> {
    /// The value at an absorbing vertex, as far as it depends on rates: ones do not.
    fn at(self, vertex: VertexId) -> f64 {
        match self {
            Self::Ones => 0.0,
            Self::Absorption(marks) => f64::from(u8::from(marks[vertex.index()])),
        }
    }
}

/// The columns for all tuples of orders up to given ones.
pub(crate) struct Joint<'a, S> {
    system: &'a System<S>,
    rewards: &'a [Reward],
    orders: Vec<usize>,
    base: Base<'a>,
    columns: Vec<Column<S>>,
}

impl<'a, S: Number> Joint<'a, S> {
    pub(crate) fn new(
        system: &'a System<S>,
        rewards: &'a [Reward],
        orders: &[usize],
        base: Base<'a>,
    ) -> Self {
        let first = match base {
            Base::Ones => system.constant(1.0),
            Base::Absorption(marks) => system.solve(&system.absorption(|v| marks[v.index()])),
        };
        let mut joint = Self {
            system,
            rewards,
            orders: orders.to_vec(),
            base,
            columns: vec![first],
        };
        for place in 1..joint.len() {
            let mut right = system.constant(0.0);
            for (k, order, before) in joint.before(place) {
                let factor = S::from_f64(order as f64);
                for (t, &reward) in rewards[k].iter_enumerated() {
                    let term = S::from_f64(reward) * joint.columns[before][t];
                    right[t] = right[t] + factor * term;
                }
            }
            let column = system.solve(&right);
            joint.columns.push(column);
        }
        joint
    }

    /// The number of tuples.
    pub(crate) fn len(&self) -> usize {
        self.orders.iter().map(|order| order + 1).product()
    }

    /// Rewards that a tuple has, with their orders and the tuple with one less.
    fn before(&self, place: usize) -> impl Iterator<Item = (usize, usize, usize)> + use<S> {
        let (mut rest, mut stride, mut found) = (place, 1, Vec::new());
        for (k, &most) in self.orders.iter().enumerate() {
            let order = rest % (most + 1);
            if order > 0 {
                found.push((k, order, place - stride));
            }
            rest /= most + 1;
            stride *= most + 1;
        }
        found.into_iter()
    }

    /// The expectation of a tuple, by its number: the first reward's order counts fastest.
    pub(crate) fn expectation(&self, place: usize) -> S {
        self.system.start_product(&self.columns[place])
    }

    /// The values by vertex of a tuple of orders.
    pub(crate) fn column(&self, place: usize) -> &Column<S> {
        &self.columns[place]
    }

    /// Whether all numbers are in the range of their kind.
    pub(crate) fn is_safe(&self) -> bool {
        self.columns.iter().all(S::is_safe)
    }

    /// The derivative by each rate of the sum of the expectations times these seeds.
    pub(crate) fn by_rate(&self, seeds: &[S]) -> IndexVec<Slot, S> {
        let system = self.system;
        let layout = system.layout();
        let start = system.start();
        let mut out = IndexVec::filled(S::ZERO, layout.slot_count());
        let mut pending: Vec<Column<S>> = seeds
            .iter()
            .map(|&seed| start.iter().map(|&p| p * seed).collect())
            .collect();
        for place in (0..self.len()).rev() {
            if place == 0 && matches!(self.base, Base::Ones) {
                break;
            }
            let y = system.solve_transposed(&pending[place]);
            for (k, order, before) in self.before(place) {
                let factor = S::from_f64(order as f64);
                for (t, &reward) in self.rewards[k].iter_enumerated() {
                    let to = &mut pending[before][t];
                    *to = *to + factor * S::from_f64(reward) * y[t];
                }
            }
            let x = &self.columns[place];
            for t in layout.transients().iter() {
                for (slot, target) in system.targets(t) {
                    let there = match target {
                        Some(to) => x[to],
                        None if place == 0 => {
                            let vertex = absorbing_target(layout, system.graph(), t, slot);
                            S::from_f64(self.base.at(vertex))
                        }
                        None => S::ZERO,
                    };
                    out[slot] = out[slot] + y[t] * there.minus(x[t]);
                }
            }
        }
        out
    }
}

/// Derivatives by theta from those by the rates of slots.
pub(crate) fn by_theta(
    trace: &EliminationTrace,
    by: By<'_>,
    by_rate: &IndexVec<Slot, Extended>,
) -> Vec<Extended> {
    let (layout, graph) = (trace.symbolic().layout(), trace.graph());
    let mut gradient = vec![Extended::ZERO; by.parameters()];
    for t in layout.transients().iter() {
        for slot in layout.slots(t).iter() {
            for &edge in layout.edges(slot) {
                let edge = graph.edge_of(layout.vertex(t), edge as usize);
                by.edge(&edge, |parameter, slope| {
                    gradient[parameter] = gradient[parameter] + slope * by_rate[slot];
                });
            }
        }
    }
    gradient
}

/// Adds derivatives of start probabilities times the values of the vertices they are of.
pub(crate) fn add_start(
    layout: &Layout,
    by: By<'_>,
    value: impl Fn(Transient) -> Extended,
    gradient: &mut [Extended],
) {
    if !by.has_start() {
        return;
    }
    for t in layout.transients().iter() {
        let value = value(t);
        for (parameter, gradient) in gradient.iter_mut().enumerate() {
            *gradient = *gradient + by.start(layout.vertex(t), parameter) * value;
        }
    }
}
