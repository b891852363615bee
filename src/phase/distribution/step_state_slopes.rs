//! Derivatives by theta of where a discrete chain is after numbers of steps, of its visits, and of where it was absorbed.

use ndarray::{Array2, Array3};

use crate::phase::distribution::discrete::DiscretePhaseType;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::powers::{Powers, Wide};
use crate::phase::distribution::state_slopes::reach_slopes;
use crate::phase::distribution::step_slopes::StepSlope;
use crate::phase::graph::VertexId;
use crate::phase::index::IndexVec;
use crate::phase::numeric::extended::{Extended, Scalar};

/// Derivatives by one parameter after some steps.
struct Tangent {
    /// Of the probability to be in a state.
    state: Wide,
    /// Of the visits of a state.
    visits: Wide,
    /// Of absorption, by vertex.
    absorbed: Wide,
}

impl Tangent {
    /// Takes a step from where the chain itself is.
    fn step(&mut self, powers: &Powers, slope: &StepSlope, from: &[Extended]) {
        for (vertex, flow) in powers.absorbing(&self.state) {
            let sum = &mut self.absorbed[vertex.index()];
            *sum = *sum + flow;
        }
        for &(state, vertex, by) in &slope.outer {
            let sum = &mut self.absorbed[vertex.index()];
            *sum = *sum + from[state as usize] * by;
        }
        for (sum, &d) in self.visits.iter_mut().zip(&self.state) {
            *sum = *sum + d;
        }
        self.state = slope.forward(powers, from, &self.state);
    }
}

/// Which of the derivatives are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Of the probability to be in each vertex, absorbing ones included.
    Places,
    Visits,
    Absorbed,
}

impl DiscretePhaseType {
    /// The probabilities to be in each vertex after ascending numbers of steps and their gradients with respect to theta:
    /// `[counts, vertices]` and `[counts, vertices, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`state_probabilities`](Self::state_probabilities).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{Clock, EliminationTrace, Graph};
    ///
    /// // Weights 1 to stay and theta to end: theta / (1 + theta) after a step, and 1 / (1 + theta)^2 by theta.
    /// let mut builder = Graph::builder(0, 1);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.clock(Clock::Jumps).start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 1.0).add_edge(coin, end, &[1.0]);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[1.0])?;
    /// let (places, slopes) = tosses.state_probabilities_and_gradients(&[1])?;
    /// assert_eq!((places[[0, 2]], slopes[[0, 2, 0]], slopes[[0, 1, 0]]), (0.5, 0.25, -0.25));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn state_probabilities_and_gradients(
        &self,
        counts: &[u64],
    ) -> Result<(Array2<f64>, Array3<f64>), DistributionError> {
        let values = self.state_probabilities(counts)?;
        Ok((values, self.state_slopes(counts, Kind::Places)?))
    }

    /// The visits of each vertex in ascending numbers of steps and their gradients with respect to theta: `[counts, vertices]`
    /// and `[counts, vertices, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`occupancy`](Self::occupancy).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{Clock, EliminationTrace, Graph};
    ///
    /// // 1 + 1 / (1 + theta) visits in two steps.
    /// let mut builder = Graph::builder(0, 1);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.clock(Clock::Jumps).start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 1.0).add_edge(coin, end, &[1.0]);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[1.0])?;
    /// let (visits, slopes) = tosses.occupancy_and_gradients(&[2])?;
    /// assert_eq!((visits[[0, 1]], slopes[[0, 1, 0]]), (1.5, -0.25));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn occupancy_and_gradients(
        &self,
        counts: &[u64],
    ) -> Result<(Array2<f64>, Array3<f64>), DistributionError> {
        let values = self.occupancy(counts)?;
        Ok((values, self.state_slopes(counts, Kind::Visits)?))
    }

    /// The probabilities of absorption in each vertex in ascending numbers of steps and their gradients with respect to theta:
    /// `[counts, vertices]` and `[counts, vertices, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`cdf_by_vertex`](Self::cdf_by_vertex).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{Clock, EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 1);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.clock(Clock::Jumps).start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 1.0).add_edge(coin, end, &[1.0]);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[1.0])?;
    /// let (_, slopes) = tosses.cdf_by_vertex_and_gradients(&[0, 1])?;
    /// assert_eq!((slopes[[0, 2, 0]], slopes[[1, 2, 0]]), (0.0, 0.25));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn cdf_by_vertex_and_gradients(
        &self,
        counts: &[u64],
    ) -> Result<(Array2<f64>, Array3<f64>), DistributionError> {
        let values = self.cdf_by_vertex(counts)?;
        Ok((values, self.state_slopes(counts, Kind::Absorbed)?))
    }

    /// The expected visits of each vertex and their gradients with respect to theta: `[vertices]` and `[vertices, parameters]`.
    ///
    /// # Errors
    ///
    /// None for a theta that was accepted.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{Clock, EliminationTrace, Graph};
    ///
    /// // (1 + theta) / theta visits
    /// let mut builder = Graph::builder(0, 1);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.clock(Clock::Jumps).start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 1.0).add_edge(coin, end, &[1.0]);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[0.5])?;
    /// let (visits, slopes) = tosses.visits_and_gradients()?;
    /// assert_eq!((visits[1], slopes[[1, 0]]), (3.0, -4.0));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn visits_and_gradients(&self) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let of = self.for_slopes()?;
        let system = of.system_in::<Extended>();
        let layout = system.layout();
        let wide = of.wide();
        let visits: IndexVec<_, Extended> = {
            let stays = system.solve_transposed(&system.start());
            let pairs = stays.iter_enumerated();
            pairs
                .map(|(t, &stay)| stay * wide.shares[t].inverse())
                .collect()
        };
        let mut out = Array2::zeros((self.trace().graph().vertex_count(), of.parameters()));
        for parameter in 0..of.parameters() {
            let slope = of.step_slope(parameter);
            // N' = (alpha' + N P') (I - P)^-1, and the factor is of W (I - P).
            let mut right = system.constant(0.0);
            for state in 0..of.phases() {
                right[of.chain().transient(state)] =
                    of.chain().by().start(of.vertex(state), parameter);
            }
            for &(from, to, by) in &slope.inner {
                let (from, to) = (from as usize, to as usize);
                let sum = &mut right[of.chain().transient(to)];
                *sum = *sum + visits[of.chain().transient(from)] * by;
            }
            let found = system.solve_transposed(&right);
            for (t, &stay) in found.iter_enumerated() {
                let slope = stay * wide.shares[t].inverse();
                out[[layout.vertex(t).index(), parameter]] = slope.to_f64();
            }
        }
        Ok((self.visits(), out))
    }

    /// The probabilities to reach one of these vertices from each vertex and their gradients with respect to theta: `[vertices]`
    /// and `[vertices, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`reach_probabilities`](Self::reach_probabilities).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{Clock, EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 2);
    /// let [a, b, c] = [(); 3].map(|()| builder.add_vertex(&[]));
    /// builder.clock(Clock::Jumps).start(a, 1.0);
    /// builder.add_edge(a, b, &[1.0, 0.0]).add_edge(a, c, &[0.0, 1.0]);
    /// let steps = EliminationTrace::record(&builder.build()?).steps_at(&[3.0, 1.0])?;
    /// let (reach, slopes) = steps.reach_probabilities_and_gradients(&[b])?;
    /// assert_eq!((reach[0], slopes[[0, 0]], slopes[[0, 1]]), (0.75, 1.0 / 16.0, -3.0 / 16.0));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn reach_probabilities_and_gradients(
        &self,
        targets: &[VertexId],
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let values = self.reach_probabilities(targets)?;
        let by = self.by()?;
        Ok((
            values,
            reach_slopes(self.trace(), self.theta(), targets, by)?,
        ))
    }

    fn state_slopes(&self, counts: &[u64], kind: Kind) -> Result<Array3<f64>, DistributionError> {
        let of = self.for_slopes()?;
        let graph = self.trace().graph();
        let parameters = of.parameters();
        let mut out = Array3::zeros((counts.len(), graph.vertex_count(), parameters));
        let powers = of.powers();
        for parameter in 0..parameters {
            let slope = of.step_slope(parameter);
            let start = |vertex| of.chain().by().start(vertex, parameter);
            let absorbed = graph
                .vertices()
                .map(|vertex| match graph.is_absorbing(vertex) {
                    true => start(vertex),
                    false => Extended::ZERO,
                });
            let mut tangent = Tangent {
                state: (0..of.phases())
                    .map(|state| start(of.vertex(state)))
                    .collect(),
                visits: vec![Extended::ZERO; of.phases()],
                absorbed: absorbed.collect(),
            };
            let mut march = powers.march();
            for (place, &count) in counts.iter().enumerate() {
                while march.count < count {
                    tangent.step(powers, &slope, &march.state);
                    march.step();
                }
                if kind != Kind::Visits {
                    for (vertex, value) in tangent.absorbed.iter().enumerate() {
                        out[[place, vertex, parameter]] = value.to_f64() + 0.0;
                    }
                }
                let by_state = match kind {
                    Kind::Places => &tangent.state[..],
                    Kind::Visits => &tangent.visits,
                    Kind::Absorbed => &[],
                };
                for (state, value) in by_state.iter().enumerate() {
                    let vertex = of.vertex(state).index();
                    out[[place, vertex, parameter]] = value.to_f64() + 0.0;
                }
            }
        }
        Ok(out)
    }
}
