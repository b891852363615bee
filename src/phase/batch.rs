//! Batches: one trace, many thetas.
//!
//! Thetas are rows. They are taken in groups of as many lanes as fit the cache ([`super::lanes`]), groups are spread over
//! rayon's threads, and each thread keeps one workspace, so memory follows the threads and not the batch. A row's answer
//! has the bits that [`EliminationTrace::at`] gives for that row alone, whatever the number of lanes and threads.
//!
//! A row that cannot be answered fails the batch: the error names the first such row.

use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{Array2, Array3, ArrayView2, s};
use rayon::prelude::*;

use super::adjoint::{Adjoint, Term, moment_terms};
use super::arith::{Range, exponent, scale};
use super::error::PhaseError;
use super::exact;
use super::kernel::{Column, Keep, Kernel};
use super::lanes::{Lanes, Wide};
use super::plan::Plan;
use super::replay::variance_is_doubtful;
use super::schedule::PANEL;
use super::trace::EliminationTrace;

/// Bytes of a group's factors that stay in the second-level cache.
const CACHE: usize = 600 << 10;

/// Multiply-adds that are worth a task of their own.
const TASK: u64 = 1 << 16;

/// What is asked of every theta; each answer is a row of numbers.
#[derive(Clone, Debug)]
pub(crate) enum Goal {
    /// `order` moments.
    Moments(usize),
    Variance,
    /// By vertex of the graph.
    WaitingTimes,
    /// By vertex of the graph.
    SojournTimes,
    /// `order` moments, then the gradient of each.
    Gradient(usize),
    /// One expectation per reward vector; rewards by transient number.
    Rewards(Arc<[Vec<f64>]>),
    /// Expectations, then the gradient of each.
    RewardGradient(Arc<[Vec<f64>]>),
}

impl Goal {
    /// The length of an answer.
    pub(crate) fn width(&self, trace: &EliminationTrace) -> usize {
        let parameters = trace.param_length();
        match self {
            Goal::Moments(order) => *order,
            Goal::Variance => 1,
            Goal::WaitingTimes | Goal::SojournTimes => trace.graph().vertex_count(),
            Goal::Gradient(order) => order * (1 + parameters),
            Goal::Rewards(rewards) => rewards.len(),
            Goal::RewardGradient(rewards) => rewards.len() * (1 + parameters),
        }
    }

    /// The right sides.
    fn columns(&self) -> Vec<Column<'_>> {
        match self {
            Goal::Rewards(rewards) | Goal::RewardGradient(rewards) => rewards
                .iter()
                .map(|reward| Column {
                    previous: None,
                    factor: 1.0,
                    reward: Some(reward),
                    corrects: None,
                })
                .collect(),
            goal => (0..goal.order())
                .map(|k| Column {
                    previous: k.checked_sub(1),
                    factor: (k + 1) as f64,
                    reward: None,
                    corrects: None,
                })
                .collect(),
        }
    }

    /// The right sides with, for gradients, the corrections of all columns after them in the same order.
    fn refined(&self) -> Vec<Column<'_>> {
        let mut columns = self.columns();
        if matches!(self, Goal::Gradient(_) | Goal::RewardGradient(_)) {
            let count = columns.len();
            for k in 0..count {
                let mut column = columns[k].clone();
                column.previous = column.previous.map(|previous| previous + count);
                column.corrects = Some(k);
                columns.push(column);
            }
        }
        columns
    }

    /// How many moments are computed.
    fn order(&self) -> usize {
        match self {
            Goal::Moments(order) | Goal::Gradient(order) => *order,
            Goal::Variance => 2,
            Goal::WaitingTimes => 1,
            Goal::SojournTimes | Goal::Rewards(_) | Goal::RewardGradient(_) => 0,
        }
    }

    fn keep(&self) -> Keep {
        match self {
            Goal::SojournTimes | Goal::Gradient(_) | Goal::RewardGradient(_) => Keep::All,
            goal if goal.columns().len() > 1 => Keep::Block,
            _ => Keep::Nothing,
        }
    }

    /// How many transposed solves there are, how many gradients, and what they are made of.
    fn adjoint(&self) -> Option<(usize, usize, Vec<Term>)> {
        match self {
            Goal::Moments(_) | Goal::Variance | Goal::WaitingTimes | Goal::Rewards(_) => None,
            Goal::SojournTimes => Some((1, 0, Vec::new())),
            Goal::Gradient(order) => Some((*order, *order, moment_terms(*order))),
            Goal::RewardGradient(rewards) => {
                let terms = (0..rewards.len()).map(|k| Term {
                    output: k,
                    y: 0,
                    x: k,
                    factor: 1.0,
                });
                Some((1, rewards.len(), terms.collect()))
            }
        }
    }

    /// Whether the columns are moments, each scaled by the one before.
    fn is_chain(&self) -> bool {
        !matches!(self, Goal::Rewards(_) | Goal::RewardGradient(_))
    }
}

/// Replays of one trace at many thetas; see [`EliminationTrace::batch`].
///
/// Thetas are the rows of a matrix. Work is spread over the threads of the rayon pool it is called in. No result
/// depends on the number of lanes or threads, not by a bit, and each row is what [`EliminationTrace::at`] gives.
///
/// # Errors
///
/// All methods: [`PhaseError::ThetaLength`] if the rows have the wrong length, and [`PhaseError::ThetaRow`] with the first
/// row that fails and the error that [`EliminationTrace::at`] has for it.
///
/// ```
/// use elimap::phase::{EliminationTrace, models};
/// use ndarray::array;
///
/// let trace = EliminationTrace::record(&models::erlang(4)?);
/// let thetas = array![[1.0], [2.0], [4.0]];
/// assert_eq!(trace.batch().expectations(thetas.view())?, [4.0, 2.0, 1.0]);
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Batch {
    trace: EliminationTrace,
    lanes: Option<usize>,
}

impl EliminationTrace {
    /// Replays at many thetas at once.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// let trace = EliminationTrace::record(&models::birth_death(20)?);
    /// let thetas = array![[1.0, 1.5], [0.3, 2.0]];
    /// let moments = trace.batch().moments(thetas.view(), 3)?;
    /// assert_eq!(moments.row(1).to_vec(), trace.at(&[0.3, 2.0])?.moments(3));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn batch(&self) -> Batch {
        Batch {
            trace: self.clone(),
            lanes: None,
        }
    }
}

impl Batch {
    /// How many thetas are replayed side by side: 1, 8, 16 or 32; others are rounded up, and 32 is the most.
    ///
    /// The default fits the model to the cache. It is a matter of speed alone.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// let batch = EliminationTrace::record(&models::islands(4)?).batch();
    /// let thetas = array![[1.0, 1.0, 0.5], [1.0, 2.0, 0.1]];
    /// assert_eq!(
    ///     batch.clone().lanes(1).expectations(thetas.view())?,
    ///     batch.lanes(16).expectations(thetas.view())?,
    /// );
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn lanes(mut self, lanes: usize) -> Self {
        self.lanes = Some(lanes);
        self
    }

    /// The expected time to absorption at each theta.
    ///
    /// # Errors
    ///
    /// As said at [`Batch`].
    pub fn expectations(&self, thetas: ArrayView2<'_, f64>) -> Result<Vec<f64>, PhaseError> {
        self.rows(thetas, &Goal::Moments(1))
    }

    /// Moments of orders 1 to `order`.
    ///
    /// # Shapes
    ///
    /// `(thetas, order)`.
    ///
    /// # Errors
    ///
    /// As said at [`Batch`].
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// let trace = EliminationTrace::record(&models::erlang(4)?);
    /// let moments = trace.batch().moments(array![[2.0]].view(), 2)?;
    /// assert_eq!(moments, array![[2.0, 5.0]]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn moments(
        &self,
        thetas: ArrayView2<'_, f64>,
        order: usize,
    ) -> Result<Array2<f64>, PhaseError> {
        self.matrix(thetas, &Goal::Moments(order))
    }

    /// The variance of the time to absorption at each theta.
    ///
    /// # Errors
    ///
    /// As said at [`Batch`].
    pub fn variances(&self, thetas: ArrayView2<'_, f64>) -> Result<Vec<f64>, PhaseError> {
        self.rows(thetas, &Goal::Variance)
    }

    /// The expected time to absorption from every vertex, as
    /// [`expected_waiting_times`](super::PhaseType::expected_waiting_times) has it.
    ///
    /// # Shapes
    ///
    /// `(thetas, vertices)`.
    ///
    /// # Errors
    ///
    /// As said at [`Batch`].
    pub fn waiting_times(&self, thetas: ArrayView2<'_, f64>) -> Result<Array2<f64>, PhaseError> {
        self.matrix(thetas, &Goal::WaitingTimes)
    }

    /// The expected time spent in every vertex before absorption, by one transposed solve.
    ///
    /// It is also the gradient of an expected reward with respect to the rewards. Start and absorbing vertices have 0.
    ///
    /// # Shapes
    ///
    /// `(thetas, vertices)`.
    ///
    /// # Errors
    ///
    /// As said at [`Batch`].
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// let trace = EliminationTrace::record(&models::erlang(3)?);
    /// let times = trace.batch().sojourn_times(array![[4.0]].view())?;
    /// assert_eq!(times, array![[0.0, 0.25, 0.25, 0.25, 0.0]]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn sojourn_times(&self, thetas: ArrayView2<'_, f64>) -> Result<Array2<f64>, PhaseError> {
        self.matrix(thetas, &Goal::SojournTimes)
    }

    /// Expectations and their gradients with respect to theta.
    ///
    /// # Shapes
    ///
    /// `(thetas)` and `(thetas, parameters)`.
    ///
    /// # Errors
    ///
    /// As said at [`Batch`].
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// // An Erlang time of 4 phases has the mean 4 / theta.
    /// let trace = EliminationTrace::record(&models::erlang(4)?);
    /// let (values, gradients) = trace.batch().values_and_gradients(array![[2.0]].view())?;
    /// assert_eq!((values, gradients), (vec![2.0], array![[-1.0]]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn values_and_gradients(
        &self,
        thetas: ArrayView2<'_, f64>,
    ) -> Result<(Vec<f64>, Array2<f64>), PhaseError> {
        let all = self.matrix(thetas, &Goal::Gradient(1))?;
        Ok((all.column(0).to_vec(), all.slice(s![.., 1..]).to_owned()))
    }

    /// Moments and their gradients with respect to theta.
    ///
    /// # Shapes
    ///
    /// `(thetas, order)` and `(thetas, order, parameters)`.
    ///
    /// # Errors
    ///
    /// As said at [`Batch`].
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// // Moments of an exponential time: 1 / theta and 2 / theta^2.
    /// let trace = EliminationTrace::record(&models::erlang(1)?);
    /// let (moments, gradients) = trace.batch().moments_and_gradients(array![[2.0]].view(), 2)?;
    /// assert_eq!(moments, array![[0.5, 0.5]]);
    /// assert_eq!(gradients, array![[[-0.25], [-0.5]]]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn moments_and_gradients(
        &self,
        thetas: ArrayView2<'_, f64>,
        order: usize,
    ) -> Result<(Array2<f64>, Array3<f64>), PhaseError> {
        let all = self.matrix(thetas, &Goal::Gradient(order))?;
        Ok(self.split(&all, order))
    }

    /// Expected rewards: `rewards` has a row per reward, with the reward per unit of time spent in each vertex.
    ///
    /// # Shapes
    ///
    /// `rewards` is `(rewards, vertices)`, the result `(thetas, rewards)`.
    ///
    /// # Errors
    ///
    /// As said at [`Batch`]; [`PhaseError::RewardLength`] and [`PhaseError::InvalidReward`] for the rewards.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// // Two phases, of which the second counts threefold and the first not at all.
    /// let trace = EliminationTrace::record(&models::erlang(2)?);
    /// let rewards = array![[0.0, 0.0, 3.0, 0.0], [0.0, 1.0, 1.0, 0.0]];
    /// let found = trace.batch().expected_rewards(array![[2.0]].view(), rewards.view())?;
    /// assert_eq!(found, array![[1.5, 1.0]]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn expected_rewards(
        &self,
        thetas: ArrayView2<'_, f64>,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>, PhaseError> {
        self.matrix(thetas, &Goal::Rewards(self.check_rewards(rewards)?))
    }

    /// Expected rewards and their gradients with respect to theta. (The gradient with respect to the rewards are the
    /// [`sojourn_times`](Self::sojourn_times).)
    ///
    /// # Shapes
    ///
    /// `rewards` is `(rewards, vertices)`, the results `(thetas, rewards)` and `(thetas, rewards, parameters)`.
    ///
    /// # Errors
    ///
    /// As for [`expected_rewards`](Self::expected_rewards).
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// let trace = EliminationTrace::record(&models::erlang(2)?);
    /// let rewards = array![[0.0, 0.0, 3.0, 0.0]];
    /// let (value, gradient) =
    ///     trace.batch().expected_rewards_and_gradients(array![[2.0]].view(), rewards.view())?;
    /// assert_eq!((value, gradient), (array![[1.5]], array![[[-0.75]]]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn expected_rewards_and_gradients(
        &self,
        thetas: ArrayView2<'_, f64>,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<(Array2<f64>, Array3<f64>), PhaseError> {
        let rewards = self.check_rewards(rewards)?;
        let outputs = rewards.len();
        let all = self.matrix(thetas, &Goal::RewardGradient(rewards))?;
        Ok(self.split(&all, outputs))
    }

    fn split(&self, all: &Array2<f64>, outputs: usize) -> (Array2<f64>, Array3<f64>) {
        let parameters = self.trace.param_length();
        let values = all.slice(s![.., ..outputs]).to_owned();
        let gradients = Array3::from_shape_fn((all.nrows(), outputs, parameters), |(row, k, p)| {
            all[[row, outputs + k * parameters + p]]
        });
        (values, gradients)
    }

    /// Rewards by transient number.
    pub(crate) fn check_rewards(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<Arc<[Vec<f64>]>, PhaseError> {
        let layout = &self.trace.0.layout;
        let expected = layout.graph.vertex_count();
        if rewards.ncols() != expected {
            return Err(PhaseError::RewardLength {
                expected,
                found: rewards.ncols(),
            });
        }
        for ((row, vertex), &value) in rewards.indexed_iter() {
            if !(value.is_finite() && value >= 0.0) {
                return Err(PhaseError::InvalidReward { row, vertex, value });
            }
        }
        Ok(rewards
            .outer_iter()
            .map(|row| {
                layout
                    .transient
                    .iter()
                    .map(|vertex| row[vertex.index()] + 0.0)
                    .collect()
            })
            .collect())
    }

    fn matrix(&self, thetas: ArrayView2<'_, f64>, goal: &Goal) -> Result<Array2<f64>, PhaseError> {
        let shape = (thetas.nrows(), goal.width(&self.trace));
        let rows = self.rows(thetas, goal)?;
        // The rows have this shape by construction.
        Ok(Array2::from_shape_vec(shape, rows).unwrap_or_default())
    }

    /// The answers row by row.
    pub(crate) fn rows(
        &self,
        thetas: ArrayView2<'_, f64>,
        goal: &Goal,
    ) -> Result<Vec<f64>, PhaseError> {
        let expected = self.trace.param_length();
        if thetas.ncols() != expected {
            return Err(PhaseError::ThetaLength {
                expected,
                found: thetas.ncols(),
            });
        }
        let plan = self.trace.plan();
        let lanes = self
            .lanes
            .unwrap_or_else(|| self.fitting(plan, thetas.nrows(), goal));
        match lanes {
            0..=1 => self.groups::<f64>(plan, thetas, goal),
            2..=8 => self.groups::<Wide<8>>(plan, thetas, goal),
            9..=16 => self.groups::<Wide<16>>(plan, thetas, goal),
            _ => self.groups::<Wide<32>>(plan, thetas, goal),
        }
    }

    /// How many lanes are fastest: more of them pay less for looking up what to do, until their numbers leave the cache.
    fn fitting(&self, plan: &Plan, rows: usize, goal: &Goal) -> usize {
        let sizes = plan.sizes;
        let factors = match goal.keep() {
            Keep::Nothing => sizes.upper,
            Keep::Block => sizes.upper + sizes.lower,
            Keep::All => self.trace.0.lower_len + self.trace.0.upper_len,
        };
        let bytes = (factors + (4 + PANEL) * sizes.block) * size_of::<f64>();
        match rows {
            0..=1 => 1,
            32.. if 32 * bytes <= CACHE => 32,
            16.. if 16 * bytes <= 4 * CACHE => 16,
            _ => 8,
        }
    }

    fn groups<S: Lanes>(
        &self,
        plan: &Plan,
        thetas: ArrayView2<'_, f64>,
        goal: &Goal,
    ) -> Result<Vec<f64>, PhaseError> {
        let width = goal.width(&self.trace);
        let mut out = vec![0.0; thetas.nrows() * width];
        if out.is_empty() {
            return Ok(out);
        }
        let shared = Shared::new(&self.trace, plan, goal);
        if thetas.nrows() <= S::COUNT {
            Group::<S>::new(&shared).answer(&shared, 0, thetas, &mut out)?;
            return Ok(out);
        }
        // Fresh memory costs more than a replay, so workspaces go round: as many as there are threads at work.
        let idle: Mutex<Vec<Group<S>>> = Mutex::new(Vec::new());
        // A task should be long against what it costs to hand it out.
        let groups = (TASK / (plan.cost * S::COUNT as u64 + 1)).max(1) as usize;
        let outcomes: Vec<Result<(), PhaseError>> = out
            .par_chunks_mut(groups * S::COUNT * width)
            .enumerate()
            .map(|(index, out)| {
                // The lock is held for the exchange alone.
                let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut group = taken.unwrap_or_else(|| Group::<S>::new(&shared));
                let mut first = index * groups * S::COUNT;
                let mut outcome = Ok(());
                for out in out.chunks_mut(S::COUNT * width) {
                    let rows = out.len() / width;
                    let thetas = thetas.slice(s![first..first + rows, ..]);
                    outcome = group.answer(&shared, first, thetas, out);
                    if outcome.is_err() {
                        break;
                    }
                    first += rows;
                }
                idle.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(group);
                outcome
            })
            .collect();
        outcomes.into_iter().collect::<Result<(), _>>()?;
        Ok(out)
    }
}

/// What all groups have in common.
struct Shared<'a> {
    trace: &'a EliminationTrace,
    plan: &'a Plan,
    goal: &'a Goal,
    /// The columns asked for, then their corrections.
    columns: Vec<Column<'a>>,
    /// How many are asked for.
    asked: usize,
    adjoint: Option<(usize, usize, Vec<Term>)>,
}

impl<'a> Shared<'a> {
    fn new(trace: &'a EliminationTrace, plan: &'a Plan, goal: &'a Goal) -> Self {
        Self {
            trace,
            plan,
            goal,
            columns: goal.refined(),
            asked: goal.columns().len(),
            adjoint: goal.adjoint(),
        }
    }
}

/// A group of lanes on its thread.
struct Group<S> {
    kernel: Kernel<S>,
    adjoint: Option<Adjoint<S>>,
}

impl<S: Lanes> Group<S> {
    fn new(shared: &Shared<'_>) -> Self {
        let (trace, plan) = (shared.trace, shared.plan);
        Self {
            kernel: Kernel::new(trace, plan, shared.columns.len(), shared.goal.keep()),
            adjoint: shared
                .adjoint
                .as_ref()
                .map(|(count, outputs, _)| Adjoint::new(trace, *count, *outputs)),
        }
    }

    /// Replays up to as many thetas as there are lanes; the first of them is row `first` of the batch.
    fn answer(
        &mut self,
        shared: &Shared<'_>,
        first: usize,
        thetas: ArrayView2<'_, f64>,
        out: &mut [f64],
    ) -> Result<(), PhaseError> {
        let width = out.len() / thetas.nrows();
        let mut open: Vec<(usize, &mut [f64])> = out.chunks_exact_mut(width).enumerate().collect();
        self.run(shared, thetas);
        open.retain_mut(|(lane, out)| !self.write(shared, *lane, out));
        // Lanes that needed no refinement keep what they have: no answer depends on its neighbours.
        let inaccurate =
            |adjoint: &Adjoint<S>, lane: usize| adjoint.is_safe(lane) && !adjoint.is_accurate(lane);
        if let Some(adjoint) = &self.adjoint
            && open.iter().any(|(lane, _)| inaccurate(adjoint, *lane))
        {
            self.refine(shared);
            open.retain_mut(|(lane, out)| !self.write(shared, *lane, out));
        }
        for (lane, out) in open {
            let theta = thetas.row(lane).to_vec();
            exact::answer(shared.trace, &theta, shared.goal, out).map_err(|source| {
                PhaseError::ThetaRow {
                    row: first + lane,
                    source: Box::new(source),
                }
            })?;
        }
        Ok(())
    }

    /// The numbers of a group, on the widest vector unit there is.
    fn run(&mut self, shared: &Shared<'_>, thetas: ArrayView2<'_, f64>) {
        let (trace, plan) = (shared.trace, shared.plan);
        let Self { kernel, adjoint } = self;
        kernel.load(plan, thetas);
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                kernel.run(
                    trace,
                    plan,
                    &shared.columns[..shared.asked],
                    plan.lost.as_deref(),
                );
                if let (Some(adjoint), Some((_, _, terms))) = (adjoint, &shared.adjoint) {
                    adjoint.run(trace, plan, kernel);
                    adjoint.add_up(trace, plan, kernel, terms, false);
                }
            },
        );
    }

    /// Corrects the solutions, and adds up the gradients again.
    fn refine(&mut self, shared: &Shared<'_>) {
        let (trace, plan) = (shared.trace, shared.plan);
        let Self { kernel, adjoint } = self;
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                kernel.run_more(trace, plan, &shared.columns, shared.asked);
                if let (Some(adjoint), Some((_, _, terms))) = (adjoint, &shared.adjoint) {
                    adjoint.add_up(trace, plan, kernel, terms, true);
                }
            },
        );
    }

    /// Writes a lane's answer, if it is a good one.
    fn write(&self, shared: &Shared<'_>, lane: usize, out: &mut [f64]) -> bool {
        let adjoint = self.adjoint.as_ref();
        is_good(shared, &shared.columns[..shared.asked], &self.kernel, lane)
            && adjoint.is_none_or(|adjoint| adjoint.is_safe(lane) && adjoint.is_accurate(lane))
            && write(shared, &self.kernel, adjoint, lane, out)
    }
}

/// Whether a lane's numbers are those of a replay alone, which scales each column by the power of two of the one
/// before and asks whether what it sees is safe: without underflow the scaling has no effect but on that question.
fn is_good<S: Lanes>(
    shared: &Shared<'_>,
    columns: &[Column<'_>],
    kernel: &Kernel<S>,
    lane: usize,
) -> bool {
    if !kernel.is_safe(lane) || !shared.plan.start_is_safe {
        return false;
    }
    let (mut low, mut high) = (1.0, 1.0);
    for (k, column) in columns.iter().enumerate() {
        let (next_low, next_high) = (kernel.smallest[k].lane(lane), kernel.largest[k].lane(lane));
        if next_low < 1.0 / Range::LIMIT || next_high > Range::LIMIT {
            return false;
        }
        if !shared.goal.is_chain() {
            (low, high) = (1.0, 1.0);
        }
        let shift = if high > 0.0 { -exponent(high) } else { 0 };
        let seen = [low, high]
            .map(|value| value * column.factor)
            .into_iter()
            .chain([next_low, next_high])
            .filter(|value| value.is_finite())
            .map(|value| scale(value, shift));
        if !Range::EMPTY.include(&seen.collect::<Vec<_>>()).is_safe() {
            return false;
        }
        (low, high) = (next_low, next_high);
    }
    true
}

/// Writes a lane's answer; false if it needs more digits.
fn write<S: Lanes>(
    shared: &Shared<'_>,
    kernel: &Kernel<S>,
    adjoint: Option<&Adjoint<S>>,
    lane: usize,
    out: &mut [f64],
) -> bool {
    let (layout, plan) = (&shared.trace.0.layout, shared.plan);
    let weighed = |k: usize| kernel.weigh(plan, k).lane(lane);
    match shared.goal {
        Goal::Moments(_) | Goal::Rewards(_) => {
            for (k, out) in out.iter_mut().enumerate() {
                *out = weighed(k);
            }
        }
        Goal::Variance => {
            let (first, second) = (weighed(0), weighed(1));
            out[0] = second - first * first;
            return !variance_is_doubtful(first, second);
        }
        Goal::WaitingTimes => {
            for (rank, &t) in plan.transient.iter().enumerate() {
                let lost = plan.lost.as_ref().is_some_and(|lost| lost[rank]);
                out[layout.transient[t as usize].index()] = if lost {
                    f64::INFINITY
                } else {
                    kernel.x[rank].lane(lane)
                };
            }
            out[0] = weighed(0);
        }
        Goal::SojournTimes => {
            if let Some(adjoint) = adjoint {
                for (rank, &t) in plan.transient.iter().enumerate() {
                    out[layout.transient[t as usize].index()] = adjoint.y[rank].lane(lane);
                }
            }
        }
        Goal::Gradient(_) | Goal::RewardGradient(_) => {
            let (values, gradients) = out.split_at_mut(shared.asked);
            for (k, out) in values.iter_mut().enumerate() {
                *out = weighed(k);
            }
            if let Some(adjoint) = adjoint {
                for (out, value) in gradients.iter_mut().zip(&adjoint.gradient) {
                    *out = value.lane(lane);
                }
            }
        }
    }
    true
}
