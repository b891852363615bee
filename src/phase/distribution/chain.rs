//! A model at one theta as a Markov chain: the states that the start reaches, their rates, and what absorbs them.
//!
//! States are numbered as the trace numbers transient vertices, block by block in topological order, without those that the
//! start does not reach at this theta. Rates are those of the trace's slots, so a derivative by a rate becomes one by theta
//! through the edges of its slot.

use std::sync::Arc;

use crate::phase::csr::Csr;
use crate::phase::distribution::inherited::{By, Inherited};
use crate::phase::distribution::tolerance::{Bounded, UNIT};
use crate::phase::graph::{Graph, VertexId};
use crate::phase::index::{Index, IndexVec, Slot, Transient};
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::rates;
use crate::phase::symbolic::layout::{Layout, Target};
use crate::phase::trace::EliminationTrace;

/// A rate out of a state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow<T> {
    pub to: T,
    pub rate: f64,
    pub slot: Slot,
}

/// The states that the start reaches at a theta.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    theta: Box<[f64]>,
    vertices: Vec<VertexId>,
    transient: Vec<Transient>,
    /// Rates to other states.
    inner: Csr<usize, Flow<u32>>,
    /// Rates to absorbing vertices.
    outer: Csr<usize, Flow<VertexId>>,
    /// By state, the total rate to absorbing vertices.
    exits: Vec<f64>,
    /// By state, the total rate.
    outflow: Vec<f64>,
    start: Vec<f64>,
    /// Start probabilities of absorbing vertices.
    absorbed_at_once: Vec<(VertexId, f64)>,
    /// Derivatives by the parameters of the model that this one was made of.
    inherited: Option<Arc<Inherited>>,
}

/// Start probabilities of absorbing vertices.
fn absorbed_at_once(graph: &Graph) -> impl Iterator<Item = (VertexId, f64)> + '_ {
    let start = graph.start().iter().copied();
    start.filter(|&(vertex, _)| graph.is_absorbing(vertex))
}

/// The mass that is missing from the start, and what starts in absorbing vertices: it takes no time.
pub(crate) fn mass_at_zero(graph: &Graph) -> f64 {
    mass_at_zero_within(graph).value
}

/// The same with a bound on its error.
pub(crate) fn mass_at_zero_within(graph: &Graph) -> Bounded {
    let (mut sum, mut error) = (1.0, 0.0);
    for &(_, probability) in graph.start() {
        // Neumaier's sum: decimal fractions that add up to 1 leave nothing but their own roundings.
        let next: f64 = sum - probability;
        error += if f64::abs(sum) >= probability {
            (sum - next) - probability
        } else {
            (-probability - next) + sum
        };
        sum = next;
    }
    let missing = sum + error;
    let count = graph.start().len() as f64;
    let rounding = f64::EPSILON * count;
    let started: f64 = absorbed_at_once(graph)
        .map(|(_, probability)| probability)
        .sum();
    // What Neumaier's sum may lose, and what the sum of those that start absorbed may.
    let lost = 4.0 * count * count * UNIT * UNIT + count * UNIT * started;
    let (value, left_out) = match missing <= rounding {
        true => (started, missing.abs()),
        false => (started + missing, 2.0 * UNIT * (started + missing)),
    };
    Bounded {
        value,
        error: if value == 0.0 && missing == 0.0 {
            0.0
        } else {
            left_out + lost
        },
    }
}

impl Chain {
    /// The chain of a trace at a theta that the trace has accepted.
    pub(crate) fn new(trace: &EliminationTrace, theta: &[f64]) -> Result<Self, NumericError> {
        let (layout, graph) = (trace.symbolic().layout(), trace.graph());
        let rates = rates::rates(layout, graph, theta)?;
        Ok(Self::with_rates(layout, graph, theta, &rates))
    }

    /// The same with rates of zero that have a derivative, and the states that only they lead to; nothing if there are none.
    ///
    /// No probability depends on them, but derivatives do.
    pub(crate) fn with_zeros(
        trace: &EliminationTrace,
        theta: &[f64],
    ) -> Result<Option<Self>, NumericError> {
        let (layout, graph) = (trace.symbolic().layout(), trace.graph());
        let rates = rates::rates(layout, graph, theta)?;
        let by = By::new(theta, None);
        let has_slope = |t: Transient, slot: Slot| {
            layout.edges(slot).iter().any(|&edge| {
                let edge = graph.edge_of(layout.vertex(t), edge as usize);
                let mut has = false;
                by.edge(&edge, |_, slope| has |= slope.to_f64() != 0.0);
                has
            })
        };
        let vertices = layout.transients().iter();
        let mut slots = vertices.flat_map(|t| layout.slots(t).iter().map(move |slot| (t, slot)));
        let has_zeros = slots.any(|(t, slot)| rates[slot] == 0.0 && has_slope(t, slot));
        Ok(has_zeros.then(|| Self::keeping(layout, graph, theta, &rates, has_slope)))
    }

    /// The chain at a theta that has these rates.
    pub(crate) fn with_rates(
        layout: &Layout,
        graph: &Graph,
        theta: &[f64],
        rates: &IndexVec<Slot, f64>,
    ) -> Self {
        Self::keeping(layout, graph, theta, rates, |_, _| false)
    }

    /// The same with those rates of zero that are to be kept.
    fn keeping(
        layout: &Layout,
        graph: &Graph,
        theta: &[f64],
        rates: &IndexVec<Slot, f64>,
        keeps_zero: impl Fn(Transient, Slot) -> bool,
    ) -> Self {
        let is_kept = |t: Transient, slot: Slot| rates[slot] > 0.0 || keeps_zero(t, slot);
        let mut start = vec![0.0; layout.transient_count()];
        let mut reached = vec![false; start.len()];
        for (t, probability) in layout.start(graph) {
            start[t.index()] += probability;
            reached[t.index()] = true;
        }
        let mut next: Vec<Transient> = layout
            .transients()
            .iter()
            .filter(|t| reached[t.index()])
            .collect();
        let mut block_of = vec![crate::phase::index::Block::new(0); start.len()];
        for block in layout.blocks() {
            for t in layout.members(block).iter() {
                block_of[t.index()] = block;
            }
        }
        let inner_target = |t: Transient, target| match target {
            Target::Own(local) => Some(layout.member(block_of[t.index()], local)),
            Target::Later(later) => Some(later),
            Target::Absorbing => None,
        };
        while let Some(t) = next.pop() {
            for (slot, target) in layout.targets(t) {
                if let Some(to) = inner_target(t, target).filter(|_| is_kept(t, slot))
                    && !std::mem::replace(&mut reached[to.index()], true)
                {
                    next.push(to);
                }
            }
        }
        let transient: Vec<Transient> = layout
            .transients()
            .iter()
            .filter(|t| reached[t.index()])
            .collect();
        let mut state = vec![u32::MAX; start.len()];
        for (number, t) in transient.iter().enumerate() {
            state[t.index()] = number as u32;
        }
        let (mut inner, mut outer) = (Csr::default(), Csr::default());
        let (mut exits, mut outflow) = (Vec::new(), Vec::new());
        for &t in &transient {
            let (mut exit, mut total) = (0.0, 0.0);
            for (slot, target) in layout.targets(t) {
                let rate = rates[slot];
                if !is_kept(t, slot) {
                    continue;
                }
                total += rate;
                match inner_target(t, target) {
                    Some(to) => inner.push(Flow {
                        to: state[to.index()],
                        rate,
                        slot,
                    }),
                    None => {
                        exit += rate;
                        let edge = layout.edges(slot)[0] as usize;
                        let to = graph.edge_of(layout.vertex(t), edge).to;
                        outer.push(Flow { to, rate, slot });
                    }
                }
            }
            inner.end_row();
            outer.end_row();
            exits.push(exit);
            outflow.push(total);
        }
        Self {
            theta: theta.into(),
            vertices: transient.iter().map(|&t| layout.vertex(t)).collect(),
            start: transient.iter().map(|t| start[t.index()]).collect(),
            transient,
            inner,
            outer,
            exits,
            outflow,
            absorbed_at_once: absorbed_at_once(graph).collect(),
            inherited: None,
        }
    }

    /// The chain with the rates of each vertex multiplied by a factor.
    pub(crate) fn scaled(mut self, factor: impl Fn(Transient) -> f64) -> Self {
        for state in 0..self.len() {
            let factor = factor(self.transient[state]);
            for flow in self.inner.row_mut(state) {
                flow.rate *= factor;
            }
            for flow in self.outer.row_mut(state) {
                flow.rate *= factor;
            }
            self.exits[state] *= factor;
            self.outflow[state] *= factor;
        }
        self
    }

    /// The same with derivatives by the parameters of the model that this one was made of.
    pub(crate) fn inheriting(mut self, inherited: Arc<Inherited>) -> Self {
        self.inherited = Some(inherited);
        self
    }

    /// What derivatives are by.
    pub(crate) fn by(&self) -> By<'_> {
        By::new(&self.theta, self.inherited.as_deref())
    }

    /// By parameter, the derivatives of the start probabilities by state; nothing where there are none.
    pub(crate) fn start_slopes(&self) -> Vec<Vec<f64>> {
        let by = self.by();
        let of = |parameter| {
            let each = self.vertices.iter();
            each.map(|&v| by.start(v, parameter).to_f64()).collect()
        };
        (0..by.parameters()).map(of).collect()
    }

    /// Whether the states are those of another chain of the same trace, with the same ways between them.
    pub(crate) fn has_flows_of(&self, other: &Self) -> bool {
        let same = |a: &Csr<usize, Flow<u32>>, b: &Csr<usize, Flow<u32>>| {
            a.ends() == b.ends() && a.values().iter().zip(b.values()).all(|(a, b)| a.to == b.to)
        };
        self.transient == other.transient
            && same(&self.inner, &other.inner)
            && self.outer.ends() == other.outer.ends()
    }

    /// The number of states.
    pub(crate) fn len(&self) -> usize {
        self.vertices.len()
    }

    pub(crate) fn vertex(&self, state: usize) -> VertexId {
        self.vertices[state]
    }

    pub(crate) fn transient(&self, state: usize) -> Transient {
        self.transient[state]
    }

    /// The rates of a state to other states.
    pub(crate) fn inner(&self, state: usize) -> &[Flow<u32>] {
        self.inner.row(state)
    }

    /// The rates of a state to absorbing vertices.
    pub(crate) fn outer(&self, state: usize) -> &[Flow<VertexId>] {
        self.outer.row(state)
    }

    /// By state, the total rate to absorbing vertices.
    pub(crate) fn exits(&self) -> &[f64] {
        &self.exits
    }

    /// By state, the total rate out of it.
    pub(crate) fn outflow(&self) -> &[f64] {
        &self.outflow
    }

    /// How many rates there are, to states and to absorbing vertices.
    pub(crate) fn flows(&self) -> usize {
        self.inner.len() + self.outer.len()
    }

    pub(crate) fn start(&self) -> &[f64] {
        &self.start
    }

    /// Start probabilities of absorbing vertices.
    pub(crate) fn absorbed_at_once(&self) -> &[(VertexId, f64)] {
        &self.absorbed_at_once
    }

    /// The largest rate out of a state; 0 without states.
    pub(crate) fn fastest(&self) -> f64 {
        self.outflow.iter().copied().fold(0.0, f64::max)
    }

    /// Derivatives by rates turned into derivatives by theta: each slot's value is that by its rate.
    pub(crate) fn by_theta(
        &self,
        trace: &EliminationTrace,
        by_rate: impl IntoIterator<Item = (usize, Slot, f64)>,
    ) -> Vec<f64> {
        let by = self.by();
        let (layout, graph) = (trace.symbolic().layout(), trace.graph());
        let mut gradient = vec![0.0; by.parameters()];
        for (state, slot, value) in by_rate {
            for &edge in layout.edges(slot) {
                let edge = graph.edge_of(self.vertices[state], edge as usize);
                by.edge(&edge, |parameter, slope| {
                    gradient[parameter] += slope.to_f64() * value;
                });
            }
        }
        gradient
    }
}
