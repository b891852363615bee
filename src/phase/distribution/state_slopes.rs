//! Derivatives by theta of where the chain is at times, how long it was in each vertex, and where it was absorbed.

use ndarray::{Array2, Array3, ArrayViewMut2};

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::curve::check_times;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::inherited::By;
use crate::phase::distribution::state_tangents::StateSlope;
use crate::phase::distribution::states::Reach;
use crate::phase::distribution::system::Number;
use crate::phase::distribution::timeline::Timeline;
use crate::phase::graph::{Graph, VertexId};
use crate::phase::numeric::extended::{Extended, Scalar};
use crate::phase::trace::EliminationTrace;

impl PhaseType {
    /// The probabilities to be in each vertex at ascending times and their gradients with respect to theta:
    /// `[times, vertices]` and `[times, vertices, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`state_probabilities`](Self::state_probabilities).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // Two phases one after the other: exp(-theta t) and theta t exp(-theta t).
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[2.0])?;
    /// let (places, slopes) = time.state_probabilities_and_gradients(&[1.0])?;
    /// let e = (-2.0_f64).exp();
    /// assert!((places[[0, 1]] - e).abs() < 1e-15 && (slopes[[0, 1, 0]] + e).abs() < 1e-15);
    /// assert!((slopes[[0, 2, 0]] - (e - 2.0 * e)).abs() < 1e-15);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn state_probabilities_and_gradients(
        &self,
        times: &[f64],
    ) -> Result<(Array2<f64>, Array3<f64>), DistributionError> {
        let values = self.state_probabilities(times)?;
        let slopes = self.state_slopes(times)?;
        let mut gradients = self.absorbed_slopes(&slopes, times)?;
        self.put(&mut gradients, &slopes, |slope| &slope.places)?;
        Ok((values, gradients))
    }

    /// The times spent in each vertex until ascending times and their gradients with respect to theta: `[times, vertices]` and
    /// `[times, vertices, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`occupancy`](Self::occupancy).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // (1 - exp(-theta t)) / theta
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let (stays, slopes) = time.occupancy_and_gradients(&[1.0])?;
    /// let e = (-2.0_f64).exp();
    /// assert!((stays[[0, 1]] - (1.0 - e) / 2.0).abs() < 1e-15);
    /// assert!((slopes[[0, 1, 0]] - (e / 2.0 - (1.0 - e) / 4.0)).abs() < 1e-15);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn occupancy_and_gradients(
        &self,
        times: &[f64],
    ) -> Result<(Array2<f64>, Array3<f64>), DistributionError> {
        let values = self.occupancy(times)?;
        let slopes = self.state_slopes(times)?;
        let mut gradients = self.no_slopes(times);
        self.put(&mut gradients, &slopes, |slope| &slope.stays)?;
        Ok((values, gradients))
    }

    /// The probabilities of absorption in each vertex by ascending times and their gradients with respect to theta:
    /// `[times, vertices]` and `[times, vertices, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`cdf_by_vertex`](Self::cdf_by_vertex).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // 1 - exp(-theta t)
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let (_, slopes) = time.cdf_by_vertex_and_gradients(&[1.0])?;
    /// assert!((slopes[[0, 2, 0]] - (-2.0_f64).exp()).abs() < 1e-15);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn cdf_by_vertex_and_gradients(
        &self,
        times: &[f64],
    ) -> Result<(Array2<f64>, Array3<f64>), DistributionError> {
        let values = self.cdf_by_vertex(times)?;
        let slopes = self.state_slopes(times)?;
        Ok((values, self.absorbed_slopes(&slopes, times)?))
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
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 2);
    /// let [a, b, c] = [(); 3].map(|()| builder.add_vertex(&[]));
    /// builder.add_edge(a, b, &[1.0, 0.0]).add_edge(a, c, &[0.0, 1.0]).start(a, 1.0);
    /// let time = EliminationTrace::record(&builder.build()?).at(&[3.0, 1.0])?;
    /// let (reach, slopes) = time.reach_probabilities_and_gradients(&[b])?;
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

    fn state_slopes(&self, times: &[f64]) -> Result<Vec<StateSlope>, DistributionError> {
        check_times(times)?;
        let chain = self.slope_chain()?;
        Timeline::new(chain, self.tolerance).state_slopes(self.trace(), times)
    }

    fn no_slopes(&self, times: &[f64]) -> Array3<f64> {
        let vertices = self.trace().graph().vertex_count();
        Array3::zeros((times.len(), vertices, self.parameters()))
    }

    /// Writes derivatives of states where their vertices are.
    fn put(
        &self,
        out: &mut Array3<f64>,
        slopes: &[StateSlope],
        of: impl Fn(&StateSlope) -> &Vec<Vec<f64>>,
    ) -> Result<(), DistributionError> {
        let chain = self.slope_chain()?;
        for (parameter, slope) in slopes.iter().enumerate() {
            for (time, row) in of(slope).iter().enumerate() {
                for (state, value) in row.iter().enumerate() {
                    out[[time, chain.vertex(state).index(), parameter]] = *value;
                }
            }
        }
        Ok(())
    }

    /// Derivatives of what was absorbed in each vertex: of the time spent before it times the rate to it.
    fn absorbed_slopes(
        &self,
        slopes: &[StateSlope],
        times: &[f64],
    ) -> Result<Array3<f64>, DistributionError> {
        let mut out = self.no_slopes(times);
        let chain = self.slope_chain()?;
        let by = chain.by();
        let (layout, graph) = (self.trace().symbolic().layout(), self.trace().graph());
        // Vertices that the start reaches through rates of zero only are in the chain of slopes, with no time spent in them.
        let stays = self.occupancy(times)?;
        for &(vertex, _) in chain.absorbed_at_once() {
            for parameter in 0..slopes.len() {
                let slope = by.start(vertex, parameter).to_f64();
                for time in 0..times.len() {
                    out[[time, vertex.index(), parameter]] += slope;
                }
            }
        }
        for state in 0..chain.len() {
            let from = chain.vertex(state).index();
            for flow in chain.outer(state) {
                let to = flow.to.index();
                for (parameter, slope) in slopes.iter().enumerate() {
                    for (time, row) in slope.stays.iter().enumerate() {
                        out[[time, to, parameter]] += row[state] * flow.rate;
                    }
                }
                for &edge in layout.edges(flow.slot) {
                    let edge = graph.edge_of(chain.vertex(state), edge as usize);
                    by.edge(&edge, |parameter, slope| {
                        for time in 0..times.len() {
                            out[[time, to, parameter]] += stays[[time, from]] * slope.to_f64();
                        }
                    });
                }
            }
        }
        Ok(out)
    }
}

/// The derivatives of the probabilities to reach targets from each vertex: those of `A h = r` are the solutions of
/// `A h' = r' - A' h`, whose right-hand side is the sum of derivatives of rates times what they change.
pub(crate) fn reach_slopes(
    trace: &EliminationTrace,
    theta: &[f64],
    targets: &[VertexId],
    by: By<'_>,
) -> Result<Array2<f64>, DistributionError> {
    let graph = trace.graph();
    let reach = Reach::<Extended>::new(trace, theta, targets)?;
    let found = reach.by_state();
    let layout = trace.symbolic().layout();
    let mut out = Array2::zeros((graph.vertex_count(), by.parameters()));
    let mut right = vec![reach.system.constant(0.0); by.parameters()];
    for t in layout
        .transients()
        .iter()
        .filter(|&t| !reach.is_target(layout.vertex(t)))
    {
        for (slot, target) in reach.system.targets(t) {
            for &edge in layout.edges(slot) {
                let edge = graph.edge_of(layout.vertex(t), edge as usize);
                let there = match target {
                    Some(to) => found[to],
                    None => Extended::from_f64(f64::from(u8::from(reach.is_target(edge.to)))),
                };
                by.edge(&edge, |parameter, slope| {
                    let sum = &mut right[parameter][t];
                    *sum = *sum + slope * there.minus(found[t]);
                });
            }
        }
    }
    for (parameter, right) in right.iter().enumerate() {
        for (t, slope) in reach.system.solve(right).iter_enumerated() {
            out[[layout.vertex(t).index(), parameter]] = slope.to_f64();
        }
    }
    let values = reach.by_vertex(&found);
    from_start(graph, by, &values, out.view_mut());
    Ok(out)
}

/// Writes the derivatives of what the start has of the values of vertices.
fn from_start(graph: &Graph, by: By<'_>, values: &[f64], mut out: ArrayViewMut2<'_, f64>) {
    for parameter in 0..by.parameters() {
        let each = graph.start().iter().map(|&(vertex, p)| {
            let start = by.start(vertex, parameter).to_f64();
            p * out[[vertex.index(), parameter]] + start * values[vertex.index()]
        });
        let sum: f64 = each.sum();
        out[[VertexId::START.index(), parameter]] = sum;
    }
}
