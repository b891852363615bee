//! Discrete phase-type distributions: the number of steps until absorption.
//!
//! The elimination works on the rates out of a vertex and never sees its self-loop: with T the probabilities of steps, `I - T` has
//! what leaves a vertex on its diagonal, `1 - T(v, v)`, which is the sum of the other probabilities of its row, so Grassmann, Taksar and Heyman's
//! sums stay free of subtractions. A right-hand side per *visit* is one per unit of *time* times the weight of a row, W = 1 where weights are
//! probabilities.

use std::sync::{Arc, OnceLock};

use ndarray::{Array2, ArrayView2, aview1};

use crate::phase::distribution::chain::{Chain, mass_at_zero};
use crate::phase::distribution::dual::Weight;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::inherited::By;
use crate::phase::distribution::moments::correlations;
use crate::phase::distribution::no_derivatives;
use crate::phase::distribution::origin::{Making, Origin};
use crate::phase::distribution::powers::{Powers, WideWeights};
use crate::phase::distribution::system::{Column, Number, System};
use crate::phase::distribution::tolerance::Tolerance;
use crate::phase::evaluate::point::nonabsorbing;
use crate::phase::evaluate::quantity::Quantity;
use crate::phase::graph::{Clock, VertexId};
use crate::phase::index::{IndexVec, Transient};
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::extended::{Extended, Scalar};
use crate::phase::numeric::rates;
use crate::phase::trace::EliminationTrace;

/// By how much the probabilities of a row may differ from 1 in sum, for decimal fractions that do not add up exactly.
const ROW_TOLERANCE: f64 = 1e-9;

/// A covariance smaller than this share of the moments it is a difference of is computed with 106 bits.
const CANCELLATION: f64 = 1.0 / 32.0;

/// The number of steps to absorption of a discrete graph at one theta; see [`EliminationTrace::steps_at`].
///
/// A step is a transition out of a vertex other than the start, self-loops included. Missing start mass, and what starts in an
/// absorbing vertex, takes 0 steps.
pub struct DiscretePhaseType {
    trace: EliminationTrace,
    theta: Box<[f64]>,
    /// Transition probabilities between the states that the start reaches.
    chain: Chain,
    /// By transient vertex, the weight of all its edges.
    weight: Column<f64>,
    /// By transient vertex, the weight of its self-loop.
    loops: Column<f64>,
    /// A bound on the relative error of each probability of a step.
    doubt: f64,
    pub(crate) tolerance: Tolerance,
    /// The same probabilities in wide numbers, found when they are first needed.
    powers: OnceLock<Powers>,
    /// The same for derivatives, where probabilities of zero have some.
    for_slopes: OnceLock<Option<Box<Self>>>,
    /// The model that this one was made of, if there is one.
    origin: Option<Arc<Origin>>,
}

impl std::fmt::Debug for DiscretePhaseType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiscretePhaseType")
            .field("theta", &self.theta)
            .field("phases", &self.phases())
            .finish_non_exhaustive()
    }
}

impl EliminationTrace {
    /// Replays the trace of a discrete graph at a theta.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Clock`] for a continuous graph, [`DistributionError::NotStochastic`] for a row of probabilities that does not sum
    /// to 1 (up to 1e-9), and as for [`at`](Self::at).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(1, 0);
    /// let (coin, end) = (builder.add_vertex(&[1]), builder.add_vertex(&[0]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 0.75).add_constant_edge(coin, end, 0.25);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// assert_eq!(tosses.pmf(&[0, 1, 2])?, [0.0, 0.25, 0.1875]);
    /// assert_eq!((tosses.expectation(), tosses.variance()), (4.0, 12.0));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn steps_at(&self, theta: &[f64]) -> Result<DiscretePhaseType, DistributionError> {
        let (graph, layout) = (self.graph(), self.symbolic().layout());
        if !graph.is_discrete() {
            return Err(DistributionError::Clock {
                question: "a number of steps",
                expected: "discrete",
                found: "continuous",
                remedy: "ask for times with `at`, or for numbers of marks with `marks`",
            });
        }
        rates::check_theta(theta, self.param_length())?;
        let rates = rates::rates(layout, graph, theta)?;
        nonabsorbing(self, &rates)?;
        let mut loops: Column<f64> = IndexVec::filled(0.0, layout.transient_count());
        for edge in graph.self_loops() {
            let rate = edge.rate(theta);
            if !(rate.is_finite() && rate >= 0.0) {
                return Err(NumericError::InvalidRate {
                    from: edge.from,
                    to: edge.to,
                    rate,
                }
                .into());
            }
            if let Some(t) = layout.number(edge.from) {
                loops[t] += rate;
            }
        }
        let weight: Column<f64> = layout
            .transients()
            .iter()
            .map(|t| loops[t] + layout.slots(t).iter().map(|slot| rates[slot]).sum::<f64>())
            .collect();
        if graph.clock() == Clock::Steps {
            for (t, &sum) in weight.iter_enumerated() {
                if (sum - 1.0).abs() > ROW_TOLERANCE {
                    let vertex = layout.vertex(t);
                    return Err(DistributionError::NotStochastic { vertex, sum });
                }
            }
        }
        let chain = Chain::with_rates(layout, graph, theta, &rates);
        Ok(DiscretePhaseType {
            chain: chain.scaled(|t| 1.0 / weight[t]),
            trace: self.clone(),
            theta: theta.into(),
            weight,
            loops,
            doubt: 0.0,
            tolerance: Tolerance::default(),
            powers: OnceLock::new(),
            for_slopes: OnceLock::new(),
            origin: None,
        })
    }
}

impl DiscretePhaseType {
    /// The theta.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    /// let graph = Graph::from_step_matrices(&[1.0], ndarray::array![[0.75]].view())?;
    /// let steps = EliminationTrace::record(&graph).steps_at(&[])?; // a geometric number of steps
    /// assert!(steps.theta().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn theta(&self) -> &[f64] {
        &self.theta
    }

    /// The trace.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    /// let graph = Graph::from_step_matrices(&[1.0], ndarray::array![[0.75]].view())?;
    /// let steps = EliminationTrace::record(&graph).steps_at(&[])?; // a geometric number of steps
    /// assert!(steps.trace().graph().is_discrete());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn trace(&self) -> &EliminationTrace {
        &self.trace
    }

    /// The number of phases: the vertices that the start reaches and that do not absorb.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    /// let graph = Graph::from_step_matrices(&[1.0], ndarray::array![[0.75]].view())?;
    /// let steps = EliminationTrace::record(&graph).steps_at(&[])?; // a geometric number of steps
    /// assert_eq!(steps.phases(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn phases(&self) -> usize {
        self.chain.len()
    }

    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The number of parameters that derivatives are by.
    pub(crate) fn parameters(&self) -> usize {
        match &self.origin {
            Some(origin) => origin.parameters(),
            None => self.chain.by().parameters(),
        }
    }

    /// What derivatives are by.
    pub(crate) fn by(&self) -> Result<By<'_>, NumericError> {
        Ok(self.for_slopes()?.chain.by())
    }

    /// What derivatives of a model are by that is made of this one with numbers of this kind.
    pub(crate) fn by_for<N: Weight>(&self) -> Result<By<'_>, NumericError> {
        if !N::HAS_SLOPES {
            return Ok(self.chain.by());
        }
        if self.origin.is_none() && !std::ptr::eq(self.for_slopes()?, self) {
            return Err(no_derivatives());
        }
        self.by()
    }

    /// The same for derivatives: with the probabilities of zero that have one and the states they lead to, or with derivatives by
    /// the parameters of the model that this one was made of.
    pub(crate) fn for_slopes(&self) -> Result<&Self, NumericError> {
        let found = match self.for_slopes.get() {
            Some(found) => found,
            None => {
                let scaled = |chain: Chain| {
                    chain.scaled(|t| match self.weight[t] > 0.0 {
                        true => 1.0 / self.weight[t],
                        false => 0.0,
                    })
                };
                let chain = match &self.origin {
                    Some(origin) => Some(self.chain.clone().inheriting(origin.of_steps()?)),
                    None => Chain::with_zeros(&self.trace, &self.theta)?.map(scaled),
                };
                let other = chain.map(|chain| {
                    Box::new(Self {
                        chain,
                        trace: self.trace.clone(),
                        theta: self.theta.clone(),
                        weight: self.weight.clone(),
                        loops: self.loops.clone(),
                        doubt: self.doubt,
                        tolerance: self.tolerance,
                        powers: OnceLock::new(),
                        for_slopes: OnceLock::from(None),
                        origin: None,
                    })
                });
                self.for_slopes.get_or_init(|| other)
            }
        };
        Ok(found.as_deref().unwrap_or(self))
    }

    /// The same as a model that was made this way.
    pub(crate) fn made_by(mut self, origin: Arc<Origin>) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Where a model comes from that is made of this one.
    pub(crate) fn origin_of(&self, making: Making) -> Arc<Origin> {
        let origin = Origin::new(&self.trace, &self.theta, self.origin.as_ref(), making);
        Arc::new(origin)
    }

    /// By transient vertex, the probability of its self-loop.
    pub(crate) fn self_loop(&self, t: Transient) -> f64 {
        self.loops[t] / self.weight[t]
    }

    /// The probability of no step at all.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    /// let graph = Graph::from_step_matrices(&[1.0], ndarray::array![[0.75]].view())?;
    /// let steps = EliminationTrace::record(&graph).steps_at(&[])?; // a geometric number of steps
    /// assert_eq!(steps.mass_at_zero(), 0.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn mass_at_zero(&self) -> f64 {
        mass_at_zero(self.trace.graph())
    }

    /// The same of a model whose probabilities are known up to a relative error.
    pub(crate) fn with_doubt(mut self, doubt: f64) -> Self {
        self.doubt = doubt;
        self
    }

    /// A bound on the relative error of each probability of a step.
    pub(crate) fn doubt(&self) -> f64 {
        self.doubt
    }

    /// The weights of self-loops.
    pub(crate) fn loops_in<S: Number>(&self) -> Column<S> {
        let layout = self.trace.symbolic().layout();
        let mut loops: Column<S> = IndexVec::filled(S::ZERO, layout.transient_count());
        for edge in self.trace.graph().self_loops() {
            let rate = edge.rate_at(|k| S::from_f64(self.theta[k]));
            if let Some(t) = layout.number(edge.from) {
                loops[t] = loops[t] + rate;
            }
        }
        loops
    }

    /// The weights of slots, of self-loops and of rows, in wide numbers.
    pub(crate) fn wide(&self) -> WideWeights {
        let layout = self.trace.symbolic().layout();
        let slots = Extended::rates(&self.trace, &self.theta);
        let loops = self.loops_in::<Extended>();
        let rows = layout.transients().iter().map(|t| {
            let of_slots = layout.slots(t).iter().map(|slot| slots[slot]);
            of_slots.fold(loops[t], |sum, rate| sum + rate)
        });
        WideWeights {
            shares: rows.map(Scalar::inverse).collect(),
            slots,
            loops,
        }
    }

    pub(crate) fn powers(&self) -> &Powers {
        self.powers
            .get_or_init(|| Powers::new(&self.chain, &self.wide(), self.doubt))
    }

    pub(crate) fn system_in<S: Number>(&self) -> System<S> {
        let rates = S::rates(&self.trace, &self.theta);
        System::new(&self.trace, rates, None, S::is_zero)
    }

    /// The expectations after one step, times the weights of rows.
    fn after_step<S: Number>(&self, system: &System<S>, x: &Column<S>) -> Column<S> {
        let vertices = system.layout().transients().iter();
        vertices
            .map(|t| {
                let stay = S::from_f64(self.loops[t]) * x[t];
                let targets = system.targets(t);
                targets.fold(stay, |sum, (slot, target)| match target {
                    Some(to) => sum + system.rates[slot] * x[to],
                    None => sum,
                })
            })
            .collect()
    }

    fn weights<S: Number>(&self) -> Column<S> {
        self.weight.iter().map(|&w| S::from_f64(w)).collect()
    }

    /// `E N (N - 1) .. (N - k + 1)` for k up to an order; `None` where numbers of the kind do not suffice.
    fn factorial_in<S: Number>(&self, order: usize) -> Option<Vec<S>> {
        let system = self.system_in::<S>();
        let mut x = system.solve(&self.weights());
        let mut is_safe = S::is_safe(&x);
        let mut moments = vec![system.start_product(&x)];
        for k in 2..=order {
            let mut right = self.after_step(&system, &x);
            for t in system.layout().transients().iter() {
                right[t] = right[t] * S::from_f64(k as f64);
            }
            x = system.solve(&right);
            is_safe &= S::is_safe(&x);
            moments.push(system.start_product(&x));
        }
        moments.truncate(order);
        is_safe.then_some(moments)
    }

    /// The factorial moments `E N`, `E N (N - 1)`, .. up to an order.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 0.5).add_constant_edge(coin, end, 0.5);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// assert_eq!(tosses.factorial_moments(3), [2.0, 4.0, 12.0]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    #[must_use]
    pub fn factorial_moments(&self, order: usize) -> Vec<f64> {
        match self.factorial_in::<f64>(order) {
            Some(moments) => moments,
            None => {
                let wide = self.factorial_in::<Extended>(order).unwrap_or_default();
                wide.into_iter().map(Number::to_f64).collect()
            }
        }
    }

    /// The expected number of steps.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    /// let graph = Graph::from_step_matrices(&[1.0], ndarray::array![[0.75]].view())?;
    /// let steps = EliminationTrace::record(&graph).steps_at(&[])?; // a geometric number of steps
    /// assert_eq!(steps.expectation(), 4.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn expectation(&self) -> f64 {
        self.factorial_moments(1)[0]
    }

    /// The variance of the number of steps.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    /// let graph = Graph::from_step_matrices(&[1.0], ndarray::array![[0.75]].view())?;
    /// let steps = EliminationTrace::record(&graph).steps_at(&[])?; // a geometric number of steps
    /// assert!((steps.variance() - 12.0).abs() < 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn variance(&self) -> f64 {
        fn of<S: Number>(moments: &[S]) -> S {
            let (first, second) = (moments[0], moments[1]);
            (second + first).minus(first * first)
        }
        let close = self.factorial_in::<f64>(2).filter(|moments| {
            let second = moments[0] + moments[1];
            of(moments) >= CANCELLATION * second
        });
        match close {
            Some(moments) => of(&moments),
            None => {
                let wide = self.factorial_in::<Extended>(2);
                wide.map_or(0.0, |moments| of(&moments).to_f64())
            }
        }
    }

    /// The expected number of visits to each vertex, counted by the steps out of it; start and absorbing vertices have 0.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 0.75).add_constant_edge(coin, end, 0.25);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// assert_eq!(tosses.visits(), [0.0, 4.0, 0.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn visits(&self) -> Vec<f64> {
        let system = self.system_in::<Extended>();
        let stays = system.solve_transposed(&system.start());
        let mut out = vec![0.0; self.trace.graph().vertex_count()];
        for (t, &stay) in stays.iter_enumerated() {
            out[system.layout().vertex(t).index()] = stay.to_f64() * self.weight[t];
        }
        out
    }

    /// The generating function `E z^N` at each z of \[0, 1\].
    ///
    /// # Errors
    ///
    /// [`DistributionError::Number`] for another z.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 0.5).add_constant_edge(coin, end, 0.5);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// assert_eq!(tosses.pgf(&[0.0, 1.0])?, [0.0, 1.0]);
    /// assert!((tosses.pgf(&[0.5])?[0] - 1.0 / 3.0).abs() < 1e-15);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn pgf(&self, at: &[f64]) -> Result<Vec<f64>, DistributionError> {
        let values = at.iter().enumerate().map(|(index, &z)| {
            if !(0.0..=1.0).contains(&z) {
                return Err(DistributionError::Number {
                    what: "z",
                    index,
                    value: z,
                    condition: "a generating function is asked for in [0, 1]",
                });
            }
            if z == 0.0 {
                return Ok(self.mass_at_zero());
            }
            // I - z T has what a step loses of 1 as a rate of killing, and needs no subtraction either.
            let mut rates = f64::rates(&self.trace, &self.theta);
            for slot in rates.span().iter() {
                rates[slot] *= z;
            }
            let killing = self.weight.iter().map(|w| w * (1.0 - z)).collect();
            let system = System::new(&self.trace, rates, Some(&killing), |rate| rate == 0.0);
            let x = system.solve(&system.absorption(|_| true));
            Ok(self.mass_at_zero() + system.start_product(&x))
        });
        values.collect()
    }

    /// Rewards per visit by transient vertex, one column per row.
    pub(crate) fn rewards(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<Vec<Column<f64>>, NumericError> {
        let quantity = Quantity::Rewards(rewards.to_owned());
        let recipe = quantity.recipe(self.trace.graph(), self.trace.symbolic().layout())?;
        let sides = recipe.right.into_iter();
        let columns = sides.filter_map(|side| side.reward);
        Ok(columns.map(|column| (*column).clone()).collect())
    }

    /// The rewards of one row per visit, by transient vertex.
    pub(crate) fn reward_column(&self, reward: &[f64]) -> Result<Column<f64>, NumericError> {
        let mut columns = self.rewards(aview1(reward).insert_axis(ndarray::Axis(0)))?;
        // There is one row.
        Ok(columns.remove(0))
    }

    /// The expectations of rewards per visit, a row of `rewards` for each.
    ///
    /// # Errors
    ///
    /// [`NumericError::RewardLength`] and [`NumericError::InvalidReward`] for the rewards.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    /// use ndarray::array;
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 0.75).add_constant_edge(coin, end, 0.25);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// assert_eq!(tosses.expected_rewards(array![[0.0, 2.0, 0.0]].view())?, [8.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expected_rewards(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<Vec<f64>, DistributionError> {
        self.rewards(rewards)?;
        let visits = self.visits();
        let rows = rewards.outer_iter();
        Ok(rows
            .map(|row| row.iter().zip(&visits).map(|(r, n)| r * n).sum())
            .collect())
    }

    /// The correlation matrix of rewards per visit, a row of `rewards` for each; not a number beside a reward that does not
    /// vary.
    ///
    /// # Errors
    ///
    /// As for [`expected_rewards`](Self::expected_rewards).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 0.75).add_constant_edge(coin, end, 0.25);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// let found = tosses.correlation(ndarray::array![[0.0, 1.0, 0.0], [0.0, 2.0, 0.0]].view())?;
    /// assert_eq!(found, ndarray::array![[1.0, 1.0], [1.0, 1.0]]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn correlation(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>, DistributionError> {
        Ok(correlations(&self.covariance(rewards)?))
    }

    /// The covariance matrix of rewards per visit, a row of `rewards` for each.
    ///
    /// # Errors
    ///
    /// As for [`expected_rewards`](Self::expected_rewards).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 0.75).add_constant_edge(coin, end, 0.25);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// let found = tosses.covariance(ndarray::array![[0.0, 1.0, 0.0], [0.0, 2.0, 0.0]].view())?;
    /// assert_eq!(found, ndarray::array![[12.0, 24.0], [24.0, 48.0]]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn covariance(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>, DistributionError> {
        let rewards = self.rewards(rewards)?;
        let system = self.system_in::<Extended>();
        let stays = system.solve_transposed(&system.start());
        let number = Extended::from_f64;
        // Expected rewards from each vertex on, and after a step from it.
        let solved: Vec<(Column<Extended>, Column<Extended>)> = rewards
            .iter()
            .map(|reward| {
                let right = reward.iter().zip(self.weight.iter());
                let right = right.map(|(&r, &w)| number(r) * number(w)).collect();
                let x = system.solve(&right);
                let after = self.after_step(&system, &x);
                (x, after)
            })
            .collect();
        let means: Vec<Extended> = solved
            .iter()
            .map(|(x, _)| system.start_product(x))
            .collect();
        let mut out = Array2::zeros((rewards.len(), rewards.len()));
        for i in 0..rewards.len() {
            for j in 0..=i {
                let mut sum = -(means[i] * means[j]);
                for (t, &stay) in stays.iter_enumerated() {
                    let [a, b] = [i, j].map(|k| number(rewards[k][t]));
                    let same = a * b * number(self.weight[t]);
                    sum = sum + stay * (same + a * solved[j].1[t] + b * solved[i].1[t]);
                }
                (out[[i, j]], out[[j, i]]) = (sum.to_f64(), sum.to_f64());
            }
        }
        Ok(out)
    }

    /// The probability to be absorbed in each vertex in the end; 0 for vertices that do not absorb.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let [coin, heads, tails] = [0; 3].map(|_| builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, heads, 0.75).add_constant_edge(coin, tails, 0.25);
    /// let toss = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// assert_eq!(toss.absorption_probabilities(), [0.0, 0.0, 0.75, 0.25]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn absorption_probabilities(&self) -> Vec<f64> {
        let visits = self.visits();
        let mut out = vec![0.0; visits.len()];
        for &(vertex, probability) in self.chain.absorbed_at_once() {
            out[vertex.index()] += probability;
        }
        for state in 0..self.chain.len() {
            for flow in self.chain.outer(state) {
                out[flow.to.index()] += visits[self.chain.vertex(state).index()] * flow.rate;
            }
        }
        out
    }

    /// The vertex of each state.
    pub(crate) fn vertex(&self, state: usize) -> VertexId {
        self.chain.vertex(state)
    }
}
