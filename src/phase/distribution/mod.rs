//! Replaying a trace at a theta: the distribution of the time to absorption.
//!
//! # Conventions
//!
//! A time is at least 0. Start probabilities that sum to less than 1 leave mass at time zero, and so does what starts in an
//! absorbing vertex; it counts in `cdf`, as a time of 0 in moments, and in no density. Nothing is normalized in silence.
//! An approximate answer is within the [`Tolerance`](tolerance::Tolerance) or an error.
//!
//! # How each quantity is computed
//!
//! With A the rates of the transient vertices (A = -S, S the sub-intensity matrix) and alpha the start probabilities,
//! the expected waiting times solve A x = 1, and the k-th moments from every vertex solve A x_k = k x_{k-1}. One
//! factorization serves all of them, and all of them are sums and products of nonnegative numbers, so each entry has a
//! small relative error whatever the range of the rates (see `numeric/mod.rs`).
//!
//! Moments are weighted by alpha as it stands.
//!
//! The variance is m2 - m1^2. A phase-type time of n phases has a variance of at least m1^2 / n (Aldous and Shepp 1987,
//! *The least variable phase type distribution is Erlang*), and mass at zero only adds to it, so the subtraction loses at
//! most a factor of n + 1. Where it loses more than a factor of 32 both moments are computed again with 106 bits.

mod answers;
pub(crate) mod backward;
pub(crate) mod batch;
pub(crate) mod bridge;
pub(crate) mod chain;
pub(crate) mod conditional;
pub(crate) mod contour;
pub(crate) mod counts;
pub(crate) mod curve;
pub(crate) mod discrete;
pub(crate) mod dual;
pub(crate) mod error;
pub(crate) mod inherited;
pub(crate) mod joint;
pub(crate) mod jump;
pub(crate) mod ladder;
pub(crate) mod ladder_matrix;
pub(crate) mod ladder_stays;
pub(crate) mod likelihood;
pub(crate) mod marks;
pub(crate) mod moments;
pub(crate) mod multivariate;
pub(crate) mod observations;
pub(crate) mod origin;
pub(crate) mod philox;
pub(crate) mod poisson;
pub(crate) mod powers;
pub(crate) mod quantile;
pub(crate) mod reward;
pub(crate) mod sample;
pub(crate) mod slopes;
pub(crate) mod state_slopes;
pub(crate) mod state_tangents;
pub(crate) mod states;
pub(crate) mod statistic;
pub(crate) mod step_lanes;
pub(crate) mod step_likelihood;
pub(crate) mod step_moments;
pub(crate) mod step_slopes;
pub(crate) mod step_state_slopes;
pub(crate) mod step_states;
pub(crate) mod steps;
pub(crate) mod system;
pub(crate) mod tangents;
pub(crate) mod time_slopes;
pub(crate) mod timeline;
pub(crate) mod tolerance;
pub(crate) mod transforms;

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::phase::distribution::chain::Chain;
use crate::phase::distribution::dual::Weight;
use crate::phase::distribution::inherited::By;
use crate::phase::distribution::joint::Base;
use crate::phase::distribution::moments::last_seed;
use crate::phase::distribution::origin::{Making, Origin};
use crate::phase::distribution::steps::Values;
use crate::phase::distribution::tolerance::Tolerance;
use crate::phase::evaluate::group::{Job, answer_at};
use crate::phase::evaluate::point::Point;
use crate::phase::evaluate::quantity::Quantity;
use crate::phase::numeric::error::NumericError;
use crate::phase::trace::EliminationTrace;

/// The error of derivatives through rates of zero.
pub(crate) fn no_derivatives() -> NumericError {
    NumericError::NoDerivatives {
        problem: "a rate of zero has a derivative, and a distribution made of the graph leaves it out; ask where all rates are positive, or for the graph itself".to_owned(),
    }
}

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
    point: Point,
    tolerance: Tolerance,
    /// The states and rates, found when they are first needed.
    chain: OnceLock<Chain>,
    /// The same for derivatives, where that is another.
    of_slopes: OnceLock<Option<Chain>>,
    /// The model that this one was made of, if there is one.
    origin: Option<Arc<Origin>>,
    /// Times, and what they have, where it was found beside that of other thetas.
    known: OnceLock<(Vec<f64>, Vec<Values>)>,
}

impl fmt::Debug for PhaseType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("PhaseType");
        output
            .field("theta", &self.theta())
            .field("expectation", &self.expectation())
            .finish_non_exhaustive()
    }
}

impl EliminationTrace {
    /// Replays the trace at a theta.
    ///
    /// # Errors
    ///
    /// [`NumericError::ThetaLength`] and [`NumericError::ThetaNotFinite`] for the vector itself,
    /// [`NumericError::InvalidRate`] for an edge whose rate is negative or not finite,
    /// [`NumericError::NoAbsorptionAtTheta`] if rates of zero cut a vertex that the start reaches off from absorption.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// let trace = EliminationTrace::record(&models::erlang(4)?);
    /// let time = trace.at(&[2.0])?;
    /// assert_eq!(time.expectation(), 2.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn at(&self, theta: &[f64]) -> Result<PhaseType, NumericError> {
        Ok(PhaseType {
            point: Point::new(self, theta)?,
            tolerance: Tolerance::default(),
            chain: OnceLock::new(),
            of_slopes: OnceLock::new(),
            origin: None,
            known: OnceLock::new(),
        })
    }
}

impl PhaseType {
    /// The theta of this replay.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// let trace = EliminationTrace::record(&models::erlang(4)?);
    /// let time = trace.at(&[2.0])?;
    /// assert_eq!(time.theta(), [2.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn theta(&self) -> &[f64] {
        self.point.theta()
    }

    /// The trace that was replayed.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// let trace = EliminationTrace::record(&models::erlang(4)?);
    /// let time = trace.at(&[2.0])?;
    /// assert_eq!(time.trace().param_length(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn trace(&self) -> &EliminationTrace {
        self.point.trace()
    }

    /// The same with another tolerance for what is approximate: everything about single times.
    ///
    /// ```
    /// use elimap::phase::Tolerance;
    /// use elimap::phase::{EliminationTrace, models};
    /// let trace = EliminationTrace::record(&models::erlang(4)?);
    /// let time = trace.at(&[2.0])?;
    /// let median = time.within(Tolerance::absolute(1e-9)?).quantile(&[0.5])?;
    /// assert!((median[0] - 1.836_030_374_375).abs() < 1e-6, "{median:?}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn within(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = tolerance;
        self.known = OnceLock::new();
        self
    }

    /// The states that the start reaches, with their rates.
    pub(crate) fn chain(&self) -> Result<&Chain, NumericError> {
        match self.chain.get() {
            Some(chain) => Ok(chain),
            None => {
                let chain = Chain::new(self.trace(), self.theta())?;

                Ok(self.chain.get_or_init(|| chain))
            }
        }
    }

    /// The same for derivatives: with the rates of zero that have one and the states they lead to, or with derivatives by the
    /// parameters of the model that this one was made of.
    pub(crate) fn slope_chain(&self) -> Result<&Chain, NumericError> {
        let other = match self.of_slopes.get() {
            Some(other) => other,
            None => {
                let other = match &self.origin {
                    Some(origin) => Some(self.chain()?.clone().inheriting(origin.of_time()?)),
                    None => Chain::with_zeros(self.trace(), self.theta())?,
                };
                self.of_slopes.get_or_init(|| other)
            }
        };
        other.as_ref().map_or_else(|| self.chain(), Ok)
    }

    /// The number of parameters that derivatives are by.
    pub(crate) fn parameters(&self) -> usize {
        match &self.origin {
            Some(origin) => origin.parameters(),
            None => self.theta().len(),
        }
    }

    /// What derivatives are by.
    pub(crate) fn by(&self) -> Result<By<'_>, NumericError> {
        match &self.origin {
            Some(_) => Ok(self.slope_chain()?.by()),
            None => Ok(By::new(self.theta(), None)),
        }
    }

    /// What derivatives of a model are by that is made of this one with numbers of this kind.
    pub(crate) fn by_for<N: Weight>(&self) -> Result<By<'_>, NumericError> {
        if !N::HAS_SLOPES {
            return Ok(By::new(self.theta(), None));
        }
        if self.origin.is_none() && !std::ptr::eq(self.slope_chain()?, self.chain()?) {
            return Err(no_derivatives());
        }
        self.by()
    }

    /// The same as a model that was made this way.
    pub(crate) fn made_by(mut self, origin: Arc<Origin>) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Where a model comes from that is made of this one.
    pub(crate) fn origin_of(&self, making: Making) -> Arc<Origin> {
        let origin = Origin::new(self.trace(), self.theta(), self.origin.as_ref(), making);
        Arc::new(origin)
    }

    /// The probability of a time of zero: what the start probabilities lack of 1, and what starts in absorbing vertices.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let (a, b) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.add_constant_edge(a, b, 1.0).start(a, 0.75);
    /// let time = EliminationTrace::record(&builder.build()?).at(&[])?;
    /// assert_eq!(time.mass_at_zero(), 0.25);
    /// assert_eq!((time.cdf(&[0.0])?, time.survival(&[0.0])?), (vec![0.25], vec![0.75]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    #[must_use]
    pub fn mass_at_zero(&self) -> f64 {
        chain::mass_at_zero(self.trace().graph())
    }

    /// The expected time to absorption.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// let trace = EliminationTrace::record(&models::erlang(4)?);
    /// let time = trace.at(&[2.0])?;
    /// assert_eq!(time.expectation(), 2.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn expectation(&self) -> f64 {
        self.point.expectation()
    }

    /// The moments of orders 1 to `order` of the time to absorption.
    ///
    /// A moment is infinite only if it exceeds the range of `f64`.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// let trace = EliminationTrace::record(&models::erlang(4)?);
    /// let time = trace.at(&[2.0])?;
    /// assert_eq!(time.moments(2), [2.0, 5.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn moments(&self, order: usize) -> Vec<f64> {
        self.point.moments(order)
    }

    /// The variance of the time to absorption, mass at time zero included.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// let trace = EliminationTrace::record(&models::erlang(4)?);
    /// let time = trace.at(&[2.0])?;
    /// assert!((time.variance() - 1.0).abs() < 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn variance(&self) -> f64 {
        self.point.variance()
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
        if self.origin.is_some() {
            let ones = [self.ones()];
            let found = self.joint_gradient(None, &ones, &[1], Base::Ones, last_seed)?;
            return Ok(found.1);
        }
        Ok(self.answer(&Quantity::MomentsAndGradients(1))?.split_off(1))
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
    #[must_use]
    pub fn expected_sojourn_times(&self) -> Vec<f64> {
        // Sums of nonnegative numbers: nothing about them can fail once a theta is accepted.
        self.answer(&Quantity::SojournTimes).unwrap_or_default()
    }

    /// The expected time to absorption from every vertex.
    ///
    /// The entry of the start is the expectation, that of an absorbing vertex 0. It is infinite for a vertex that may
    /// never be absorbed at this theta; the start reaches none of those.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// let trace = EliminationTrace::record(&models::erlang(4)?);
    /// let time = trace.at(&[2.0])?;
    /// assert_eq!(time.expected_waiting_times()[0], 2.0); // from the start
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn expected_waiting_times(&self) -> Vec<f64> {
        let mut times = vec![0.0; self.trace().graph().vertex_count()];
        self.point.waiting_times(&mut times);
        times
    }

    /// A quantity from the factors at hand.
    fn answer(&self, quantity: &Quantity) -> Result<Vec<f64>, NumericError> {
        let trace = self.trace();
        let recipe = quantity.recipe(trace.graph(), trace.symbolic().layout())?;
        let mut out = vec![0.0; recipe.width()];
        answer_at(&self.point, &Job::new(trace, &recipe), &mut out)?;
        Ok(out)
    }
}
