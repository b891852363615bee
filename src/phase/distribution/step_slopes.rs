//! Derivatives of probabilities of numbers of steps by the parameters, carried forward beside them with 106 bits.
//!
//! A probability of a step is a weight over that of its row, so with W the weight of a row and ' a derivative, that of a probability p of the row
//! is `(w' - p W') / W`. Derivatives are sums of both signs; 106 bits keep theirs where they cancel.

use ndarray::Array2;

use crate::phase::distribution::discrete::DiscretePhaseType;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::inherited::By;
use crate::phase::distribution::powers::{Powers, TooMany, Wide};
use crate::phase::distribution::system::Column;
use crate::phase::graph::{Edge, VertexId};
use crate::phase::index::{IndexVec, Slot};
use crate::phase::numeric::extended::{Extended, Scalar};

/// More steps than this have no derivatives: they take all of them one after the other.
const MOST_STEPS: u64 = 1 << 30;

/// The derivatives of the probabilities of steps by one parameter.
pub(crate) struct StepSlope {
    /// From, to, derivative; self-loops too.
    pub inner: Vec<(u32, u32, Extended)>,
    /// By state, that of the probability to be absorbed.
    absorb: Vec<Extended>,
    /// From, absorbing vertex, derivative.
    pub outer: Vec<(u32, VertexId, Extended)>,
}

impl StepSlope {
    /// The derivative of a row after a step from that of the row itself.
    pub(crate) fn forward(&self, powers: &Powers, row: &[Extended], tangent: &[Extended]) -> Wide {
        let mut next = powers.forward(tangent);
        for &(from, to, by) in &self.inner {
            let to = &mut next[to as usize];
            *to = *to + row[from as usize] * by;
        }
        next
    }
}

/// The derivative of an edge's weight by a parameter.
fn derivative(edge: &Edge<'_>, by: By<'_>, parameter: usize) -> Extended {
    let mut sum = Extended::ZERO;
    by.edge(edge, |k, slope| {
        if k == parameter {
            sum = sum + slope;
        }
    });
    sum
}

impl DiscretePhaseType {
    pub(crate) fn step_slope(&self, parameter: usize) -> StepSlope {
        let (trace, chain, wide) = (self.trace(), self.chain(), self.wide());
        let (layout, graph) = (trace.symbolic().layout(), trace.graph());
        let mut loops: Column<Extended> =
            IndexVec::filled(Extended::ZERO, layout.transient_count());
        for edge in graph.self_loops() {
            if let Some(t) = layout.number(edge.from) {
                loops[t] = loops[t] + derivative(&edge, chain.by(), parameter);
            }
        }
        let mut slope = StepSlope {
            inner: Vec::new(),
            absorb: vec![Extended::ZERO; chain.len()],
            outer: Vec::new(),
        };
        for state in 0..chain.len() {
            let t = chain.transient(state);
            let of_slot = |slot: Slot| {
                let edges = layout.edges(slot).iter();
                edges.fold(Extended::ZERO, |sum, &edge| {
                    let edge = graph.edge_of(chain.vertex(state), edge as usize);
                    sum + derivative(&edge, chain.by(), parameter)
                })
            };
            let row = layout
                .slots(t)
                .iter()
                .fold(loops[t], |sum, slot| sum + of_slot(slot));
            let of = |weight: Extended, probability: Extended| {
                (weight + -(probability * row)) * wide.shares[t]
            };
            let from = state as u32;
            for flow in chain.inner(state) {
                let probability = wide.probability(t, flow.slot, flow.rate);
                let value = of(of_slot(flow.slot), probability);
                slope.inner.push((from, flow.to, value));
            }
            slope.inner.push((from, from, of(loops[t], wide.stay(t))));
            for flow in chain.outer(state) {
                let probability = wide.probability(t, flow.slot, flow.rate);
                let value = of(of_slot(flow.slot), probability);
                slope.absorb[state] = slope.absorb[state] + value;
                slope.outer.push((from, flow.to, value));
            }
        }
        slope
    }

    /// By number of steps and parameter, the derivatives of the probability of so many and of at most as many.
    pub(crate) fn slopes(&self, counts: &[u64]) -> Result<[Array2<f64>; 2], DistributionError> {
        let parameters = self.parameters();
        let shape = (counts.len(), parameters);
        if !std::ptr::eq(self, self.for_slopes()?) {
            return self.for_slopes()?.slopes(counts);
        }
        let [mut pmf, mut cdf] = [(); 2].map(|()| Array2::zeros(shape));
        let latest = counts.iter().copied().max().unwrap_or(0);
        if latest > MOST_STEPS {
            let too_many = TooMany { steps: latest };
            return Err((too_many, self.phases()).into());
        }
        let powers = self.powers();
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.sort_by_key(|&place| counts[place]);
        for parameter in 0..parameters {
            let slope = self.step_slope(parameter);
            let mut march = powers.march();
            let states = 0..self.phases();
            let starts = states.map(|state| self.chain().by().start(self.vertex(state), parameter));
            let mut tangent: Vec<Extended> = starts.collect();
            // What the start loses takes no step.
            let lost = tangent
                .iter()
                .fold(Extended::ZERO, |sum, &slope| sum + slope);
            let (mut flow, mut absorbed) = (-lost, -lost);
            for &place in &order {
                while march.count < counts[place] {
                    flow = powers.absorption(&tangent);
                    for (&p, &by) in march.state.iter().zip(&slope.absorb) {
                        flow = flow + p * by;
                    }
                    absorbed = absorbed + flow;
                    tangent = slope.forward(powers, &march.state, &tangent);
                    march.step();
                }
                pmf[[place, parameter]] = flow.to_f64() + 0.0;
                cdf[[place, parameter]] = absorbed.to_f64() + 0.0;
            }
        }
        Ok([pmf, cdf])
    }

    /// The probabilities of numbers of steps, in any order, and their gradients with respect to theta: `[counts]` and
    /// `[counts, parameters]`.
    ///
    /// Weights of the edges out of a vertex count in proportion to their sum, so a parameter that all of them are multiples of
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// As for [`pmf`](Self::pmf), and [`DistributionError::TooStiff`] for more than 2^30 steps.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// // A coin that falls on its head with the probability theta, until it does.
    /// let mut builder = Graph::builder(0, 2);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_edge(coin, end, &[1.0, 0.0]).add_edge(coin, coin, &[0.0, 1.0]);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[0.25, 0.75])?;
    /// let (pmf, gradients) = tosses.pmf_and_gradients(&[1, 2])?;
    /// assert_eq!(pmf, [0.25, 0.1875]);
    /// // p / (p + q) and p q / (p + q)^2 by p and by q.
    /// assert_eq!(gradients, ndarray::array![[0.75, -0.25], [0.375, -0.125]]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn pmf_and_gradients(
        &self,
        counts: &[u64],
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let [pmf, _] = self.slopes(counts)?;
        Ok((self.pmf(counts)?, pmf))
    }

    /// The probabilities of at most so many steps, in any order, and their gradients with respect to theta: `[counts]` and
    /// `[counts, parameters]`. Those of the survival are their negatives.
    ///
    /// # Errors
    ///
    /// As for [`pmf_and_gradients`](Self::pmf_and_gradients).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 2);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_edge(coin, end, &[1.0, 0.0]).add_edge(coin, coin, &[0.0, 1.0]);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[0.25, 0.75])?;
    /// let (cdf, gradients) = tosses.cdf_and_gradients(&[2])?;
    /// assert_eq!((cdf, gradients), (vec![0.4375], ndarray::array![[1.125, -0.375]]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn cdf_and_gradients(
        &self,
        counts: &[u64],
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let [_, cdf] = self.slopes(counts)?;
        Ok((self.cdf(counts)?, cdf))
    }
}
