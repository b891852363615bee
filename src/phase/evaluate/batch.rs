//! Batches: one trace, many thetas.
//!
//! Thetas are rows. They are taken in groups of as many lanes as fit the cache
//! ([`crate::phase::numeric::lanes`]), groups are spread over rayon's threads, and each thread keeps one workspace, so
//! memory follows the threads and not the batch. A row's answer has the bits that [`EliminationTrace::at`] gives for that row alone, whatever the number of lanes and threads.
//!
//! A row that cannot be answered fails the batch: the error names the first such row.

use std::sync::{Mutex, PoisonError};

use ndarray::{Array2, Array3, ArrayD, ArrayView2, Axis, s};
use rayon::prelude::*;

use crate::phase::evaluate::group::{Group, Job, Row};
use crate::phase::evaluate::quantity::{Quantity, Recipe};
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::kernel::Retain;
use crate::phase::numeric::lanes::{Lanes, Wide};
use crate::phase::symbolic::schedule::PANEL;
use crate::phase::trace::EliminationTrace;
use crate::prepare_threads;

/// Bytes of a group's factors that stay in the second-level cache.
const CACHE: usize = 1 << 20;

/// Multiply-adds that are worth a task of their own.
const TASK: u64 = 1 << 16;

/// Replays of one trace at many thetas; see [`EliminationTrace::batch`].
///
/// Thetas are the rows of a matrix. Work is spread over the threads of the rayon pool it is called in. No result
/// depends on the number of lanes or threads, not by a bit, and each row is what [`EliminationTrace::at`] gives.
///
/// # Errors
///
/// All methods: [`NumericError::ThetaLength`] if the rows have the wrong length, and [`NumericError::ThetaRow`] with the first
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
    #[must_use]
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
    #[must_use]
    pub fn lanes(mut self, lanes: usize) -> Self {
        self.lanes = Some(lanes);
        self
    }

    /// The trace.
    pub(crate) fn trace(&self) -> &EliminationTrace {
        &self.trace
    }

    /// The expected time to absorption at each theta.
    ///
    /// # Errors
    ///
    /// [`NumericError::ThetaLength`] for rows of the wrong length, [`NumericError::ThetaRow`] with the first row that fails.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// let batch = EliminationTrace::record(&models::erlang(4)?).batch();
    /// assert_eq!(batch.expectations(array![[2.0], [8.0]].view())?, [2.0, 0.5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expectations(&self, thetas: ArrayView2<'_, f64>) -> Result<Vec<f64>, NumericError> {
        self.rows(thetas, &Quantity::Moments(1))
    }

    /// Moments of orders 1 to `order`.
    ///
    /// # Shapes
    ///
    /// `(thetas, order)`.
    ///
    /// # Errors
    ///
    /// [`NumericError::ThetaLength`] for rows of the wrong length, [`NumericError::ThetaRow`] with the first row that fails.
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
    ) -> Result<Array2<f64>, NumericError> {
        self.matrix(thetas, &Quantity::Moments(order))
    }

    /// The variance of the time to absorption at each theta.
    ///
    /// # Errors
    ///
    /// [`NumericError::ThetaLength`] for rows of the wrong length, [`NumericError::ThetaRow`] with the first row that fails.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// let batch = EliminationTrace::record(&models::erlang(4)?).batch();
    /// assert_eq!(batch.variances(array![[2.0], [4.0]].view())?, [1.0, 0.25]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn variances(&self, thetas: ArrayView2<'_, f64>) -> Result<Vec<f64>, NumericError> {
        self.rows(thetas, &Quantity::Variance)
    }

    /// The expected time to absorption from every vertex, as
    /// [`expected_waiting_times`](crate::phase::PhaseType::expected_waiting_times) has it.
    ///
    /// # Shapes
    ///
    /// `(thetas, vertices)`.
    ///
    /// # Errors
    ///
    /// [`NumericError::ThetaLength`] for rows of the wrong length, [`NumericError::ThetaRow`] with the first row that fails.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// // Start, two phases, absorption.
    /// let batch = EliminationTrace::record(&models::erlang(2)?).batch();
    /// assert_eq!(batch.waiting_times(array![[2.0]].view())?, array![[1.0, 1.0, 0.5, 0.0]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn waiting_times(&self, thetas: ArrayView2<'_, f64>) -> Result<Array2<f64>, NumericError> {
        self.matrix(thetas, &Quantity::WaitingTimes)
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
    /// [`NumericError::ThetaLength`] for rows of the wrong length, [`NumericError::ThetaRow`] with the first row that fails.
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
    pub fn sojourn_times(&self, thetas: ArrayView2<'_, f64>) -> Result<Array2<f64>, NumericError> {
        self.matrix(thetas, &Quantity::SojournTimes)
    }

    /// Expectations and their gradients with respect to theta.
    ///
    /// # Shapes
    ///
    /// `(thetas)` and `(thetas, parameters)`.
    ///
    /// # Errors
    ///
    /// [`NumericError::ThetaLength`] for rows of the wrong length, [`NumericError::ThetaRow`] with the first row that fails.
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
    ) -> Result<(Vec<f64>, Array2<f64>), NumericError> {
        let all = self.matrix(thetas, &Quantity::MomentsAndGradients(1))?;
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
    /// [`NumericError::ThetaLength`] for rows of the wrong length, [`NumericError::ThetaRow`] with the first row that fails.
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
    ) -> Result<(Array2<f64>, Array3<f64>), NumericError> {
        let all = self.matrix(thetas, &Quantity::MomentsAndGradients(order))?;
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
    /// [`NumericError::ThetaLength`] and [`NumericError::ThetaRow`] for the thetas; [`NumericError::RewardLength`] and [`NumericError::InvalidReward`] for the rewards.
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
    ) -> Result<Array2<f64>, NumericError> {
        self.matrix(thetas, &Quantity::Rewards(rewards.to_owned()))
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
    ) -> Result<(Array2<f64>, Array3<f64>), NumericError> {
        let quantity = Quantity::RewardsAndGradients(rewards.to_owned());
        let all = self.matrix(thetas, &quantity)?;
        Ok(self.split(&all, rewards.nrows()))
    }

    fn split(&self, all: &Array2<f64>, outputs: usize) -> (Array2<f64>, Array3<f64>) {
        let parameters = self.trace.param_length();
        let values = all.slice(s![.., ..outputs]).to_owned();
        let gradients = Array3::from_shape_fn((all.nrows(), outputs, parameters), |(row, k, p)| {
            all[[row, outputs + k * parameters + p]]
        });
        (values, gradients)
    }

    /// A quantity at each theta: an array for each of its [`parts`](Quantity::parts), with the thetas in front.
    ///
    /// # Shapes
    ///
    /// `(thetas, ..)`, followed by the shape of the part.
    ///
    /// # Errors
    ///
    /// [`NumericError::ThetaLength`] and [`NumericError::ThetaRow`] for the thetas, [`NumericError::RewardLength`] and
    /// [`NumericError::InvalidReward`] for rewards.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Quantity, models};
    /// use ndarray::array;
    ///
    /// // Moments of an exponential time: 1 / theta and 2 / theta^2.
    /// let trace = EliminationTrace::record(&models::erlang(1)?);
    /// let found = trace.batch().answer(array![[2.0]].view(), &Quantity::MomentsAndGradients(2))?;
    /// assert_eq!(found, [array![[0.5, 0.5]].into_dyn(), array![[[-0.25], [-0.5]]].into_dyn()]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn answer(
        &self,
        thetas: ArrayView2<'_, f64>,
        quantity: &Quantity,
    ) -> Result<Vec<ArrayD<f64>>, NumericError> {
        let recipe = self.recipe(quantity)?;
        let rows = self.rows_by(thetas, &recipe)?;
        Ok(by_part(&recipe, &rows, &[thetas.nrows()]))
    }

    fn matrix(
        &self,
        thetas: ArrayView2<'_, f64>,
        quantity: &Quantity,
    ) -> Result<Array2<f64>, NumericError> {
        let recipe = self.recipe(quantity)?;
        let rows = self.rows_by(thetas, &recipe)?;
        // The rows have this shape by construction.
        let shape = (thetas.nrows(), recipe.width());
        Ok(Array2::from_shape_vec(shape, rows).unwrap_or_default())
    }

    fn rows(
        &self,
        thetas: ArrayView2<'_, f64>,
        quantity: &Quantity,
    ) -> Result<Vec<f64>, NumericError> {
        self.rows_by(thetas, &self.recipe(quantity)?)
    }

    fn recipe(&self, quantity: &Quantity) -> Result<Recipe, NumericError> {
        quantity.recipe(self.trace.graph(), self.trace.symbolic().layout())
    }

    /// The answers row by row.
    pub(crate) fn rows_by(
        &self,
        thetas: ArrayView2<'_, f64>,
        recipe: &Recipe,
    ) -> Result<Vec<f64>, NumericError> {
        let expected = self.trace.param_length();
        if thetas.ncols() != expected {
            return Err(NumericError::ThetaLength {
                expected,
                found: thetas.ncols(),
            });
        }
        if self.trace.graph().is_discrete() {
            return Err(NumericError::Discrete);
        }
        let job = Job::new(&self.trace, recipe);
        let width = recipe.width();
        let mut out = vec![0.0; thetas.nrows() * width];
        if out.is_empty() {
            return Ok(out);
        }
        let rows: Vec<Row<'_>> = out.chunks_mut(width).enumerate().collect();
        let (waiting, first) = self.side_by_side(&job, job.retain(), thetas, rows, true);
        let (_, second) = self.side_by_side(&job, Retain::All, thetas, waiting, false);
        match (first, second) {
            (Some(a), Some(b)) => Err(if row_of(&b) < row_of(&a) { b } else { a }),
            (Some(error), None) | (None, Some(error)) => Err(error),
            (None, None) => Ok(out),
        }
    }

    /// Answers rows, with as many lanes as are fastest; the rows that [wait](Group::answer), and the first error.
    fn side_by_side<'o>(
        &self,
        job: &Job<'_>,
        retain: Retain,
        thetas: ArrayView2<'_, f64>,
        rows: Vec<Row<'o>>,
        may_wait: bool,
    ) -> (Vec<Row<'o>>, Option<NumericError>) {
        match self
            .lanes
            .unwrap_or_else(|| self.fitting(rows.len(), retain))
        {
            0..=1 => self.pass::<f64>(job, retain, thetas, rows, may_wait),
            2..=8 => self.pass::<Wide<8>>(job, retain, thetas, rows, may_wait),
            9..=16 => self.pass::<Wide<16>>(job, retain, thetas, rows, may_wait),
            _ => self.pass::<Wide<32>>(job, retain, thetas, rows, may_wait),
        }
    }

    /// How many lanes are fastest: more of them pay less for looking up what to do, until their numbers leave the cache.
    fn fitting(&self, rows: usize, retain: Retain) -> usize {
        let sizes = self.trace.ranks().sizes();
        let symbolic = self.trace.symbolic();
        let factors = match retain {
            Retain::Nothing => sizes.upper,
            Retain::Block => sizes.upper + sizes.lower,
            Retain::All => symbolic.lower_len() + symbolic.upper_len(),
        };
        let bytes = (factors + (4 + PANEL) * sizes.block) * size_of::<f64>();
        match rows {
            0..=1 => 1,
            32.. if 32 * bytes <= CACHE => 32,
            16.. if 16 * bytes <= 5 * CACHE / 2 => 16,
            _ => 8,
        }
    }

    /// Answers rows, group by group over all threads.
    fn pass<'o, S: Lanes>(
        &self,
        job: &Job<'_>,
        retain: Retain,
        thetas: ArrayView2<'_, f64>,
        rows: Vec<Row<'o>>,
        may_wait: bool,
    ) -> (Vec<Row<'o>>, Option<NumericError>) {
        // Fresh memory costs more than a replay, so workspaces go round: as many as there are threads at work.
        let idle: Mutex<Vec<Group<S>>> = Mutex::new(Vec::new());
        let answer = |rows: Vec<Row<'o>>, may_wait| {
            if retain == Retain::Block && job.loses_digits() {
                return Ok(rows);
            }
            let numbers: Vec<usize> = rows.iter().map(|(row, _)| *row).collect();
            let thetas = thetas.select(Axis(0), &numbers);
            // The lock is held for the exchange alone.
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut group = taken.unwrap_or_else(|| Group::<S>::new(job, retain));
            let outcome = group.answer(job, thetas.view(), rows, may_wait);
            idle.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(group);
            outcome
        };
        if rows.len() <= S::COUNT {
            return match rows.is_empty() {
                true => (rows, None),
                false => match answer(rows, false) {
                    Ok(waiting) => (waiting, None),
                    Err(error) => (Vec::new(), Some(error)),
                },
            };
        }
        prepare_threads();
        // A task should be long against what it costs to hand it out.
        let groups = (TASK / (self.trace.ranks().cost() * S::COUNT as u64 + 1)).max(1) as usize;
        let outcomes: Vec<Result<Vec<Row<'o>>, NumericError>> = rows
            .into_par_iter()
            .chunks(S::COUNT)
            .with_min_len(groups)
            .map(|rows| answer(rows, may_wait))
            .collect();
        let (mut waiting, mut first) = (Vec::new(), None);
        for outcome in outcomes {
            match outcome {
                Ok(rows) => waiting.extend(rows),
                Err(error) => first = first.or(Some(error)),
            }
        }
        (waiting, first)
    }
}

/// The row that an error is about.
fn row_of(error: &NumericError) -> usize {
    match error {
        NumericError::ThetaRow { row, .. } => *row,
        _ => 0,
    }
}

/// The parts of answers, each with these axes in front, from rows of numbers.
pub(crate) fn by_part(recipe: &Recipe, rows: &[f64], axes: &[usize]) -> Vec<ArrayD<f64>> {
    let count: usize = axes.iter().product();
    let mut first = 0;
    let parts = recipe.parts.iter().map(|(part, _)| {
        let numbers = (0..count)
            .flat_map(|row| &rows[row * recipe.width() + first..][..part.size()])
            .copied()
            .collect();
        first += part.size();
        let shape: Vec<usize> = axes.iter().chain(&part.shape).copied().collect();
        // There are as many numbers as the shape says, by construction.
        ArrayD::from_shape_vec(shape, numbers).unwrap_or_default()
    });
    parts.collect()
}
