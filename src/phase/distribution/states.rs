//! Where the chain is, how long it was in each vertex, and where it is absorbed.

use ndarray::Array2;

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::curve::check_times;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::system::{Column, Number, System};
use crate::phase::distribution::tolerance::{Bounded, UNIT};
use crate::phase::graph::VertexId;
use crate::phase::trace::EliminationTrace;

impl PhaseType {
    /// The factored system at this theta.
    pub(crate) fn system(&self) -> System<f64> {
        let rates = f64::rates(self.trace(), self.theta());
        System::new(self.trace(), rates, None, |rate| rate == 0.0)
    }

    /// Rows by state of the chain as rows by vertex of the graph.
    fn by_vertex(&self, rows: &[Vec<f64>]) -> Result<Array2<f64>, DistributionError> {
        let chain = self.chain()?;
        let mut out = Array2::zeros((rows.len(), self.trace().graph().vertex_count()));
        for (row, mut out) in rows.iter().zip(out.outer_iter_mut()) {
            for (state, value) in row.iter().enumerate() {
                out[chain.vertex(state).index()] = *value;
            }
        }
        Ok(out)
    }

    /// The probability to be in each vertex at ascending times, absorbing vertices included: a row per time, a column per
    /// vertex. The row sums to 1 less the start probabilities that are missing.
    ///
    /// # Errors
    ///
    /// As for [`pdf`](Self::pdf).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let states = time.state_probabilities(&[0.0, 1.0])?;
    /// let e = (-1.0_f64).exp();
    /// for (found, expected) in states.row(1).iter().zip([0.0, e, e, 1.0 - 2.0 * e]) {
    ///     assert!((found - expected).abs() < 1e-14);
    /// }
    /// assert_eq!(states.row(0).to_vec(), [0.0, 1.0, 0.0, 0.0]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn state_probabilities(&self, times: &[f64]) -> Result<Array2<f64>, DistributionError> {
        check_times(times)?;
        let places = self.timeline()?.places(times)?;
        let transient = self.by_vertex(&places)?;
        Ok(transient + self.cdf_by_vertex(times)?)
    }

    /// How long the chain is expected to have been in each vertex until ascending times: a row per time, a column per vertex.
    /// Start and absorbing vertices have 0.
    ///
    /// # Errors
    ///
    /// As for [`pdf`](Self::pdf).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let found = time.occupancy(&[0.5, 1e3])?;
    /// assert!((found[[0, 1]] - 0.5 * (1.0 - (-1.0_f64).exp())).abs() < 1e-15);
    /// assert!((found[[1, 1]] - 0.5).abs() < 1e-15);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn occupancy(&self, times: &[f64]) -> Result<Array2<f64>, DistributionError> {
        check_times(times)?;
        let (stays, doubt) = self.stays(times)?;
        for &time in times.iter().filter(|_| doubt > 0.0) {
            let answer = Bounded {
                value: time,
                error: doubt,
            };
            self.accept("the time spent in vertices", time, answer, time)?;
        }
        self.by_vertex(&stays)
    }

    /// The time in each state until ascending times, a row per time, and a bound on what all of a row are off by together beyond
    /// some units in the last place of each.
    fn stays(&self, times: &[f64]) -> Result<(Vec<Vec<f64>>, f64), DistributionError> {
        let chain = self.chain()?;
        let mut timeline = self.timeline()?;
        if let Some(stays) = timeline.stays(times)? {
            return Ok((stays, 0.0));
        }
        // The time spent until t is all of it less what is spent from t on. That is exact to some units in the last place of all
        // of it, and this way is taken for large times only.
        let system = self.system();
        let all = system.solve_transposed(&system.start());
        let places = timeline.places(times)?;
        let stays = places.iter().map(|place| {
            let mut from: Column<f64> = system.constant(0.0);
            for (state, p) in place.iter().enumerate() {
                from[chain.transient(state)] = *p;
            }
            let rest = system.solve_transposed(&from);
            let states = (0..chain.len()).map(|state| chain.transient(state));
            states.map(|t| (all[t] - rest[t]).max(0.0)).collect()
        });
        let stays = stays.collect();
        Ok((stays, 64.0 * UNIT * all.iter().sum::<f64>()))
    }

    /// The probability to have been absorbed in each vertex by ascending times: a row per time, a column per vertex.
    ///
    /// What starts in an absorbing vertex counts for it; start probabilities that are missing count for none.
    ///
    /// # Errors
    ///
    /// As for [`pdf`](Self::pdf).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let [a, b, c] = [(); 3].map(|()| builder.add_vertex(&[]));
    /// builder.add_constant_edge(a, b, 3.0).add_constant_edge(a, c, 1.0).start(a, 1.0);
    /// let time = EliminationTrace::record(&builder.build()?).at(&[])?;
    /// let by_one = 1.0 - (-4.0_f64).exp();
    /// let found = time.cdf_by_vertex(&[1.0])?;
    /// assert!((found[[0, 2]] - 0.75 * by_one).abs() < 1e-14);
    /// assert!((found[[0, 3]] - 0.25 * by_one).abs() < 1e-14);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn cdf_by_vertex(&self, times: &[f64]) -> Result<Array2<f64>, DistributionError> {
        check_times(times)?;
        let chain = self.chain()?;
        // A rate to absorption times all of the time before it is at most 1, so what that is off by is below the tolerance.
        let (stays, _) = self.stays(times)?;
        let mut out = Array2::zeros((times.len(), self.trace().graph().vertex_count()));
        for (stay, mut out) in stays.iter().zip(out.outer_iter_mut()) {
            for &(vertex, probability) in chain.absorbed_at_once() {
                out[vertex.index()] += probability;
            }
            for (state, time) in stay.iter().enumerate() {
                for flow in chain.outer(state) {
                    out[flow.to.index()] += time * flow.rate;
                }
            }
        }
        Ok(out)
    }

    /// The probability to be absorbed in each vertex in the end; 0 for vertices that do not absorb.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let time = EliminationTrace::record(&models::islands(4)?).at(&[1.0, 1.0, 0.3])?;
    /// let sum: f64 = time.absorption_probabilities().iter().sum();
    /// assert!((sum - 1.0).abs() < 1e-14);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    #[must_use]
    pub fn absorption_probabilities(&self) -> Vec<f64> {
        let sojourn = self.expected_sojourn_times();
        let mut out = vec![0.0; sojourn.len()];
        // A theta that was accepted has a chain.
        let Ok(chain) = self.chain() else {
            return out;
        };
        for &(vertex, probability) in chain.absorbed_at_once() {
            out[vertex.index()] += probability;
        }
        for state in 0..chain.len() {
            for flow in chain.outer(state) {
                out[flow.to.index()] += sojourn[chain.vertex(state).index()] * flow.rate;
            }
        }
        out
    }

    /// The probability to reach one of these vertices at all, from each vertex; that of the start is weighted by the start
    /// probabilities, and that of the vertices themselves is 1.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Vertex`] for a vertex that does not exist or is the start, [`DistributionError::Empty`] without any.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, VertexId, models};
    ///
    /// // Gambler's ruin from 3 of 5, with steps up at the rate 1 and down at the rate 2.
    /// let graph = models::birth_death(5)?;
    /// let time = EliminationTrace::record(&graph).at(&[1.0, 2.0])?;
    /// let top = graph.vertices().find(|&v| graph.state(v) == [5]).unwrap();
    /// let found = time.reach_probabilities(&[top])?;
    /// let at = |level: i64| graph.vertices().position(|v| graph.state(v) == [level]).unwrap();
    /// assert!((found[at(3)] - 7.0 / 31.0).abs() < 1e-15);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn reach_probabilities(&self, targets: &[VertexId]) -> Result<Vec<f64>, DistributionError> {
        reach_probabilities(self.trace(), self.theta(), targets)
    }
}

/// The same of any trace at a theta that it has accepted.
pub(crate) fn reach_probabilities(
    trace: &EliminationTrace,
    theta: &[f64],
    targets: &[VertexId],
) -> Result<Vec<f64>, DistributionError> {
    let reach = Reach::<f64>::new(trace, theta, targets)?;
    Ok(reach.by_vertex(&reach.by_state()))
}

/// What reaching targets is a solution of.
pub(crate) struct Reach<S> {
    pub system: System<S>,
    is_target: Vec<bool>,
    /// Which transient vertices are targets.
    ends: Column<S>,
}

impl<S: Number> Reach<S> {
    pub(crate) fn new(
        trace: &EliminationTrace,
        theta: &[f64],
        targets: &[VertexId],
    ) -> Result<Self, DistributionError> {
        let layout = trace.symbolic().layout();
        let mut is_target = vec![false; trace.graph().vertex_count()];
        if targets.is_empty() {
            return Err(DistributionError::Empty { what: "targets" });
        }
        for &vertex in targets {
            let problem = match vertex.index() {
                0 => Some("is the start, which takes no time; ask for the vertices it leads to"),
                index if index >= is_target.len() => Some("is not a vertex of the graph"),
                _ => None,
            };
            if let Some(problem) = problem {
                return Err(DistributionError::Vertex { vertex, problem });
            }
            is_target[vertex.index()] = true;
        }
        // A target that goes on is cut off: it ends at the rate 1, and all that ends there counts.
        let mut rates = S::rates(trace, theta);
        let mut ends: Column<S> = layout.transients().iter().map(|_| S::ZERO).collect();
        for t in layout.transients().iter() {
            if is_target[layout.vertex(t).index()] {
                ends[t] = S::from_f64(1.0);
                for slot in layout.slots(t).iter() {
                    rates[slot] = S::ZERO;
                }
            }
        }
        Ok(Self {
            system: System::new(trace, rates, Some(&ends), S::is_zero),
            is_target,
            ends,
        })
    }

    pub(crate) fn is_target(&self, vertex: VertexId) -> bool {
        self.is_target[vertex.index()]
    }

    /// The probabilities from transient vertices.
    pub(crate) fn by_state(&self) -> Column<S> {
        let mut right = self.system.absorption(|vertex| self.is_target(vertex));
        for (t, &end) in self.ends.iter_enumerated() {
            right[t] = right[t] + end;
        }
        self.system.solve(&right)
    }

    /// The same by vertex, with that of the start.
    pub(crate) fn by_vertex(&self, found: &Column<S>) -> Vec<f64> {
        let marks = self.is_target.iter();
        let mut out: Vec<f64> = marks.map(|&is| f64::from(u8::from(is))).collect();
        for (t, probability) in found.iter_enumerated() {
            out[self.system.layout().vertex(t).index()] = probability.to_f64();
        }
        let start = self.system.graph().start().iter();
        out[VertexId::START.index()] = start.map(|&(v, p)| p * out[v.index()]).sum();
        out
    }
}
