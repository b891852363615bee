//! Replaying a trace at a theta: the distribution of the time to absorption.
//!
//! # How each quantity is computed
//!
//! With A the rates of the transient vertices (A = -S, S the sub-intensity matrix) and alpha the start probabilities,
//! the expected waiting times solve A x = 1, and the k-th moments from every vertex solve A x_k = k x_{k-1}. One
//! factorization serves all of them, and all of them are sums and products of nonnegative numbers, so each entry has a
//! small relative error whatever the range of the rates (see [`crate::phase::symbolic::fill`]).
//!
//! Start probabilities that sum to less than 1 leave mass at time zero. Moments are weighted by alpha as it stands:
//! nothing is renormalized, the missing mass contributes a time of 0 to expectation, moments and variance alike.
//!
//! The variance is m2 - m1^2. A phase-type time of n phases has a variance of at least m1^2 / n (Aldous and Shepp 1987,
//! *The least variable phase type distribution is Erlang*), and mass at zero only adds to it, so the subtraction loses at
//! most a factor of n + 1. Where it loses more than a factor of 32 both moments are computed again with 106 bits.
//!
//! # Range
//!
//! The replay runs in `f64`. If any number in it is so large or small that a product could overflow or underflow
//! ([`crate::phase::numeric::extended`]), the replay runs again with an unbounded exponent: then a result is infinite only if the quantity
//! itself exceeds the range of `f64`.
//!
//! Vertices with an infinite waiting time at this theta are allowed where the start does not reach them. They are found
//! by search, not by a pivot of zero, and left out.

use std::fmt;
use std::sync::OnceLock;

use ndarray::{ArrayView1, Axis};

use crate::phase::evaluate::precise;
use crate::phase::evaluate::quantity::Goal;
use crate::phase::graph::VertexId;
use crate::phase::index::{Index, IndexVec, Rank, Slot, Transient};
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::extended::{Extended, Range, Scalar, exponent, power_of_two, scale};
use crate::phase::numeric::factor::Factor;
use crate::phase::numeric::kernel::{Kernel, Retain, RightHandSide, System};
use crate::phase::numeric::ranks::Ranks;
use crate::phase::numeric::rates;
use crate::phase::trace::EliminationTrace;

/// Below this share of the second moment, a variance is computed with more digits.
const CANCELLATION: f64 = 1.0 / 32.0;

/// The time to absorption at one theta.
///
/// ```
/// use elimap::phase::{EliminationTrace, models};
///
/// let trace = EliminationTrace::record(&models::erlang(4)?);
/// let time = trace.at(&[2.0])?;
/// assert_eq!(time.moments(2), [2.0, 5.0]);
/// assert_eq!((time.expectation(), time.variance()), (2.0, 1.0));
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
pub struct PhaseType {
    trace: EliminationTrace,
    theta: Box<[f64]>,
    /// The vertices with an infinite waiting time, if there are any.
    nonabsorbing: Option<IndexVec<Transient, bool>>,
    /// Absent if the range of `f64` does not suffice.
    double: Option<Kernel<f64>>,
    extended: OnceLock<Factor<Extended>>,
    /// Expected waiting times, 0 where infinite.
    waiting: IndexVec<Transient, f64>,
    expectation: f64,
}

impl fmt::Debug for PhaseType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("PhaseType");
        output
            .field("theta", &self.theta)
            .field("expectation", &self.expectation)
            .finish_non_exhaustive()
    }
}

/// A vector in `f64` with a common power of two, by rank.
struct Scaled {
    values: Vec<f64>,
    exponent: i64,
}

impl Scaled {
    /// Makes the largest value one of [1, 2). Powers of two are exact, so the common exponent costs nothing and keeps
    /// high moments in range.
    fn new(mut values: Vec<f64>, by: i64) -> Self {
        let largest = Range::EMPTY.include(&values).largest();
        let shift = if largest > 0.0 { exponent(largest) } else { 0 };
        let factor = power_of_two(-shift);
        for value in &mut values {
            *value *= factor;
        }
        Self {
            values,
            exponent: by + shift,
        }
    }
}

/// The factors at one theta, and the waiting times.
fn run(ranks: &Ranks, kernel: &mut Kernel<f64>, nonabsorbing: Option<&IndexVec<Rank, bool>>) {
    let system = System {
        ranks,
        right: &[RightHandSide::ONES],
        nonabsorbing,
    };
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || kernel.run(&system),
    );
}

impl EliminationTrace {
    /// Replays the trace at a theta.
    ///
    /// # Errors
    ///
    /// [`NumericError::ThetaLength`] and [`NumericError::ThetaNotFinite`] for the vector itself,
    /// [`NumericError::InvalidRate`] for an edge whose rate is negative or not finite,
    /// [`NumericError::NoAbsorptionAtTheta`] if rates of zero cut a vertex that the start reaches off from absorption.
    pub fn at(&self, theta: &[f64]) -> Result<PhaseType, NumericError> {
        PhaseType::new(self, theta)
    }
}

impl PhaseType {
    fn new(trace: &EliminationTrace, theta: &[f64]) -> Result<Self, NumericError> {
        rates::check_theta(theta, trace.param_length())?;
        let layout = trace.symbolic().layout();
        let ranks = trace.ranks();
        let mut kernel = Kernel::<f64>::new(ranks, 1, Retain::All);
        kernel.load(ranks, ArrayView1::from(theta).insert_axis(Axis(0)));
        let (nonabsorbing, double) = if kernel.rates_are_safe(0) {
            run(ranks, &mut kernel, ranks.nonabsorbing());
            let safe = kernel.is_safe(0);
            (layout.nonabsorbing().cloned(), safe.then_some(kernel))
        } else {
            let rates = rates::rates(layout, trace.graph(), theta)?;
            let marks = nonabsorbing(trace, &rates)?;
            let by_rank = marks.as_ref().map(|marks| ranks.by_rank(marks));
            run(ranks, &mut kernel, by_rank.as_ref());
            let range = kernel.factor_range().include(rates.as_slice());
            (marks, range.is_safe().then_some(kernel))
        };
        let mut time = Self {
            trace: trace.clone(),
            theta: theta.into(),
            nonabsorbing,
            double,
            extended: OnceLock::new(),
            waiting: IndexVec::new(),
            expectation: 0.0,
        };
        let first = time
            .double
            .as_ref()
            .map(|kernel| kernel.solutions().to_vec());
        match first.filter(|first| Range::EMPTY.include(first).is_safe()) {
            Some(first) => {
                time.expectation = time.weigh(&first);
                let vertices = layout.transients().iter();
                time.waiting = vertices.map(|t| first[ranks.rank(t).index()]).collect();
            }
            None => {
                // What does not fit the first time will not fit later either.
                time.double = None;
                let ones = IndexVec::filled(Extended::from_f64(1.0), layout.transient_count());
                let first = time.extended_moment(&ones, 1);
                time.expectation = time.weigh_extended(&first).to_f64();
                time.waiting = first.iter().map(|value| value.to_f64()).collect();
            }
        }
        Ok(time)
    }

    pub(crate) fn extended(&self) -> &Factor<Extended> {
        self.extended.get_or_init(|| {
            let symbolic = self.trace.symbolic();
            let rates = rates::wide_rates(symbolic.layout(), self.trace.graph(), &self.theta);
            Factor::new(symbolic, rates, self.nonabsorbing.as_ref())
        })
    }

    /// The vector of k-th moments from the vector of moments before it, or `None` if it leaves the safe range.
    fn double_moment(&self, previous: &Scaled, k: usize) -> Option<Scaled> {
        let kernel = self.double.as_ref()?;
        let mut values = previous.values.clone();
        for value in &mut values {
            *value *= k as f64;
        }
        let range = Range::EMPTY.include(&values);
        kernel.solve(self.trace.ranks(), &mut values);
        let range = range.include(&values);
        range
            .is_safe()
            .then(|| Scaled::new(values, previous.exponent))
    }

    pub(crate) fn extended_moment(
        &self,
        previous: &IndexVec<Transient, Extended>,
        k: usize,
    ) -> IndexVec<Transient, Extended> {
        let k = Extended::from_f64(k as f64);
        let right = previous.iter().map(|&value| value * k).collect();
        self.extended().solve(self.trace.symbolic(), &right)
    }

    /// The product of the start distribution with values by rank.
    fn weigh(&self, values: &[f64]) -> f64 {
        let start = self.trace.ranks().start().iter();
        start.fold(0.0, |sum, &(rank, probability)| {
            sum + probability * values[rank.index()]
        })
    }

    /// The vertices with an infinite waiting time.
    pub(crate) fn nonabsorbing(&self) -> Option<&IndexVec<Transient, bool>> {
        self.nonabsorbing.as_ref()
    }

    pub(crate) fn weigh_extended(&self, values: &IndexVec<Transient, Extended>) -> Extended {
        let start = self.trace.symbolic().layout().start(self.trace.graph());
        start.fold(Extended::ZERO, |sum, (t, probability)| {
            sum + Extended::from_f64(probability) * values[t]
        })
    }

    /// The first moments with 106 bits.
    fn extended_moments(&self, order: usize) -> Vec<Extended> {
        let count = self.trace.symbolic().layout().transient_count();
        let mut values = IndexVec::filled(Extended::from_f64(1.0), count);
        (1..=order)
            .map(|k| {
                values = self.extended_moment(&values, k);
                self.weigh_extended(&values)
            })
            .collect()
    }

    /// The theta of this replay.
    pub fn theta(&self) -> &[f64] {
        &self.theta
    }

    /// The trace that was replayed.
    pub fn trace(&self) -> &EliminationTrace {
        &self.trace
    }

    /// The expected time to absorption.
    pub fn expectation(&self) -> f64 {
        self.expectation
    }

    /// The moments of orders 1 to `order` of the time to absorption.
    ///
    /// A moment is infinite only if it exceeds the range of `f64`.
    pub fn moments(&self, order: usize) -> Vec<f64> {
        let mut moments = Vec::with_capacity(order);
        if order > 0 {
            moments.push(self.expectation);
        }
        if let Some(kernel) = &self.double {
            let mut current = Scaled::new(kernel.solutions().to_vec(), 0);
            for k in 2..=order {
                let Some(next) = self.double_moment(&current, k) else {
                    break;
                };
                current = next;
                moments.push(scale(self.weigh(&current.values), current.exponent));
            }
        }
        if moments.len() < order {
            let rest = self.extended_moments(order).into_iter().skip(moments.len());
            moments.extend(rest.map(Extended::to_f64));
        }
        moments
    }

    /// The variance of the time to absorption, mass at time zero included.
    pub fn variance(&self) -> f64 {
        let moments = self.moments(2);
        let (first, second) = (moments[0], moments[1]);
        if !variance_is_doubtful(first, second) {
            return second - first * first;
        }
        let moments = self.extended_moments(2);
        (moments[1] + -(moments[0] * moments[0])).to_f64()
    }

    /// The gradient of the expectation with respect to theta, by one transposed solve.
    ///
    /// # Errors
    ///
    /// [`NumericError::GradientDigits`] for an entry that no number of digits within the limit settles.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // The mean is 4 / theta.
    /// let time = EliminationTrace::record(&models::erlang(4)?).at(&[2.0])?;
    /// assert_eq!(time.gradient()?, [-1.0]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn gradient(&self) -> Result<Vec<f64>, NumericError> {
        Ok(self.answer(&Goal::Gradient(1))?.split_off(1))
    }

    /// The expected time spent in every vertex; start and absorbing vertices have 0.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[4.0])?;
    /// assert_eq!(time.expected_sojourn_times(), [0.0, 0.25, 0.25, 0.0]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn expected_sojourn_times(&self) -> Vec<f64> {
        self.answer(&Goal::SojournTimes).unwrap_or_else(|_| {
            // The theta was accepted before, so nothing fails here.
            let mut times = vec![0.0; self.trace.graph().vertex_count()];
            precise::sojourn_times(self, &mut times);
            times
        })
    }

    /// A batch of one.
    pub(crate) fn answer(&self, goal: &Goal) -> Result<Vec<f64>, NumericError> {
        let theta = ArrayView1::from(&*self.theta).insert_axis(Axis(0));
        let answer = self.trace.batch().lanes(1).rows(theta, goal);
        answer.map_err(|error| match error {
            NumericError::ThetaRow { source, .. } => *source,
            other => other,
        })
    }

    /// The expected time to absorption from every vertex.
    ///
    /// The entry of the start is the expectation, that of an absorbing vertex 0. It is infinite for a vertex that may
    /// never be absorbed at this theta; the start reaches none of those.
    pub fn expected_waiting_times(&self) -> Vec<f64> {
        let layout = self.trace.symbolic().layout();
        let mut times = vec![0.0; self.trace.graph().vertex_count()];
        times[VertexId::START.index()] = self.expectation;
        for (t, &time) in self.waiting.iter_enumerated() {
            times[layout.vertex(t).index()] = match &self.nonabsorbing {
                Some(marks) if marks[t] => f64::INFINITY,
                _ => time,
            };
        }
        times
    }
}

/// Whether the variance needs moments with more digits.
pub(crate) fn variance_is_doubtful(first: f64, second: f64) -> bool {
    let difference = second - first * first;
    let doubtful = difference < second * CANCELLATION || second < f64::MIN_POSITIVE / f64::EPSILON;
    (second != 0.0 || first != 0.0) && (doubtful || !second.is_finite())
}

/// Marks the vertices with an infinite waiting time at these rates.
fn nonabsorbing(
    trace: &EliminationTrace,
    rates: &IndexVec<Slot, f64>,
) -> Result<Option<IndexVec<Transient, bool>>, NumericError> {
    let (layout, graph) = (trace.symbolic().layout(), trace.graph());
    if !rates.as_slice().contains(&0.0) {
        return Ok(layout.nonabsorbing().cloned());
    }
    layout
        .nonabsorbing_for(graph, &layout.pairs(|slot| rates[slot] > 0.0))
        .map_err(|vertex| NumericError::NoAbsorptionAtTheta {
            vertex,
            state: graph.state(vertex).to_vec(),
        })
}
