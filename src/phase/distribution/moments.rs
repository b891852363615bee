//! Moments and covariances of times and rewards, with gradients; `transforms` is the same under killing.
//!
//! Values are computed in `f64` where its range suffices and nothing cancels, and with 106 bits elsewhere; gradients, which
//! are differences of solutions, always with 106 bits.

use std::sync::Arc;

use ndarray::{Array2, Array3, ArrayView2, aview1};

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::joint::{Base, Joint, Reward, add_start, by_theta};
use crate::phase::distribution::system::{Column, Number, System};
use crate::phase::evaluate::quantity::Quantity;
use crate::phase::index::{IndexVec, Transient};
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::extended::{Extended, Scalar};

/// By how much a covariance may be smaller than the moments it is a difference of, before 106 bits are asked.
const CANCELLATION: f64 = 1.0 / 128.0;

/// A value for each combination of orders, and its derivatives by theta.
pub(crate) type ValueAndGradient = (f64, Vec<f64>);

impl PhaseType {
    /// Rewards by transient vertex, one column per row.
    pub(crate) fn rewards(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<Vec<Reward>, NumericError> {
        let (trace, quantity) = (self.trace(), Quantity::Rewards(rewards.to_owned()));
        let recipe = quantity.recipe(trace.graph(), trace.symbolic().layout())?;
        let sides = recipe.right.into_iter();
        Ok(sides.filter_map(|side| side.reward).collect())
    }

    pub(crate) fn reward_column(&self, reward: &[f64]) -> Result<Reward, NumericError> {
        let mut rewards = self.rewards(aview1(reward).insert_axis(ndarray::Axis(0)))?;
        // There is one row.
        Ok(rewards.remove(0))
    }

    pub(crate) fn ones(&self) -> Reward {
        let count = self.trace().symbolic().layout().transient_count();
        Arc::new(IndexVec::filled(1.0, count))
    }

    fn system_in<S: Number>(&self, killing: Option<&Reward>) -> System<S> {
        let rates = S::rates(self.trace(), self.theta());
        let killing: Option<Column<S>> =
            killing.map(|rates| rates.iter().map(|&rate| S::from_f64(rate)).collect());
        System::new(self.trace(), rates, killing.as_ref(), S::is_zero)
    }

    /// Expectations of all tuples of orders; `None` where numbers of the kind do not suffice.
    fn joint_in<S: Number>(
        &self,
        killing: Option<&Reward>,
        rewards: &[Reward],
        orders: &[usize],
        base: Base<'_>,
    ) -> Option<Vec<S>> {
        let system = self.system_in::<S>(killing);
        let joint = Joint::new(&system, rewards, orders, base);
        let values = || (0..joint.len()).map(|place| joint.expectation(place));
        (self.is_in_range::<S>() && joint.is_safe()).then(|| values().collect())
    }

    /// Whether the rates and factors are in the range of a kind of number.
    fn is_in_range<S: Number>(&self) -> bool {
        S::HAS_NO_BOUNDS || self.point.is_in_range()
    }

    pub(crate) fn joint(
        &self,
        killing: Option<&Reward>,
        rewards: &[Reward],
        orders: &[usize],
        base: Base<'_>,
    ) -> Vec<f64> {
        match self.joint_in::<f64>(killing, rewards, orders, base) {
            Some(values) => values,
            None => {
                let wide = self.joint_in::<Extended>(killing, rewards, orders, base);
                let values = wide.unwrap_or_default().into_iter();
                values.map(Number::to_f64).collect()
            }
        }
    }

    /// The gradient of the sum of expectations times seeds, which are made from the expectations.
    pub(crate) fn joint_gradient(
        &self,
        killing: Option<&Reward>,
        rewards: &[Reward],
        orders: &[usize],
        base: Base<'_>,
        value_and_seeds: impl Fn(&[Extended]) -> (Extended, Vec<Extended>),
    ) -> Result<ValueAndGradient, NumericError> {
        let by = self.by()?;
        let system = self.system_in::<Extended>(killing);
        let joint = Joint::new(&system, rewards, orders, base);
        let values: Vec<Extended> = (0..joint.len()).map(|p| joint.expectation(p)).collect();
        let (value, seeds) = value_and_seeds(&values);
        let mut gradient = by_theta(self.trace(), by, &joint.by_rate(&seeds));
        let of_start = |t: Transient| {
            let each = seeds.iter().enumerate();
            each.fold(Extended::ZERO, |sum, (place, &seed)| {
                sum + seed * joint.column(place)[t]
            })
        };
        add_start(system.layout(), by, of_start, &mut gradient);
        Ok((
            value.to_f64(),
            gradient.into_iter().map(Number::to_f64).collect(),
        ))
    }

    /// The moments of orders 1 to `order` of a reward: the sum of `reward[v]` times the time in v.
    ///
    /// # Errors
    ///
    /// [`NumericError::RewardLength`] and [`NumericError::InvalidReward`] for the reward.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // Three times the second of two phases: an exponential time with mean 3.
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// assert_eq!(time.reward_moments(&[0.0, 0.0, 3.0, 0.0], 3)?, [3.0, 18.0, 162.0]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn reward_moments(
        &self,
        reward: &[f64],
        order: usize,
    ) -> Result<Vec<f64>, DistributionError> {
        let rewards = [self.reward_column(reward)?];
        Ok(self
            .joint(None, &rewards, &[order], Base::Ones)
            .split_off(1))
    }

    /// The moments of a reward and the gradient of each with respect to theta: `[order]` and `[order, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`reward_moments`](Self::reward_moments).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // 3 / theta and 18 / theta^2.
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let (moments, gradients) = time.reward_moments_and_gradients(&[0.0, 0.0, 3.0, 0.0], 2)?;
    /// assert_eq!(moments, [3.0, 18.0]);
    /// assert_eq!(gradients, ndarray::array![[-3.0], [-36.0]]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn reward_moments_and_gradients(
        &self,
        reward: &[f64],
        order: usize,
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let rewards = [self.reward_column(reward)?];
        let mut gradients = Array2::zeros((order, self.parameters()));
        let mut moments = Vec::new();
        for k in 1..=order {
            let (value, gradient) =
                self.joint_gradient(None, &rewards, &[k], Base::Ones, |values| {
                    (values[k], unit_seed(values.len(), k))
                })?;
            moments.push(value);
            gradients.row_mut(k - 1).assign(&aview1(&gradient));
        }
        Ok((moments, gradients))
    }

    /// The covariance matrix of rewards, a row of `rewards` for each: `[rewards, rewards]`.
    ///
    /// # Errors
    ///
    /// As for [`reward_moments`](Self::reward_moments).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// // The time in the first of two phases, and in both.
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let rewards = array![[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]];
    /// assert_eq!(time.covariance(rewards.view())?, array![[1.0, 1.0], [1.0, 2.0]]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn covariance(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>, DistributionError> {
        let rewards = self.rewards(rewards)?;
        let found = self.covariance_in::<f64>(&rewards);
        Ok(
            match found.or_else(|| self.covariance_in::<Extended>(&rewards)) {
                Some(found) => found,
                None => Array2::zeros((0, 0)),
            },
        )
    }

    /// One solve per reward and one transposed solve; `None` where numbers of the kind do not suffice.
    fn covariance_in<S: Number>(&self, rewards: &[Reward]) -> Option<Array2<f64>> {
        let system = self.system_in::<S>(None);
        let stays = system.solve_transposed(&system.start());
        let column = |reward: &Reward| reward.iter().map(|&r| S::from_f64(r)).collect();
        let solutions: Vec<Column<S>> = rewards
            .iter()
            .map(|reward| system.solve(&column(reward)))
            .collect();
        let is_safe = self.is_in_range::<S>() && solutions.iter().all(S::is_safe);
        if !is_safe || !S::is_safe(&stays) {
            return None;
        }
        let means: Vec<S> = solutions.iter().map(|x| system.start_product(x)).collect();
        let mut out = Array2::zeros((rewards.len(), rewards.len()));
        let mut second = out.clone();
        for i in 0..rewards.len() {
            for j in 0..=i {
                let mut sum = S::ZERO;
                for (t, &stay) in stays.iter_enumerated() {
                    let own = S::from_f64(rewards[i][t]) * solutions[j][t];
                    let other = S::from_f64(rewards[j][t]) * solutions[i][t];
                    sum = sum + stay * (own + other);
                }
                let covariance = sum.minus(means[i] * means[j]).to_f64();
                (out[[i, j]], out[[j, i]]) = (covariance, covariance);
                second[[i, j]] = sum.to_f64();
            }
        }
        let mut pairs = out.iter().zip(&second);
        let is_certain = pairs.all(|(out, second)| out.abs() >= CANCELLATION * second);
        (S::HAS_NO_BOUNDS || is_certain).then_some(out)
    }

    /// The correlation matrix of rewards; not a number for a reward that does not vary.
    ///
    /// # Errors
    ///
    /// As for [`reward_moments`](Self::reward_moments).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let found = time.correlation(array![[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]].view())?;
    /// assert!((found[[0, 1]] - 0.5_f64.sqrt()).abs() < 1e-15);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn correlation(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>, DistributionError> {
        Ok(correlations(&self.covariance(rewards)?))
    }

    /// The covariance matrix of rewards and its gradients: `[rewards, rewards]` and `[rewards, rewards, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`reward_moments`](Self::reward_moments).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// // The variance is 1 / theta^2.
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let (value, gradient) = time.covariance_and_gradients(array![[0.0, 1.0, 0.0]].view())?;
    /// assert_eq!((value[[0, 0]], gradient[[0, 0, 0]]), (0.25, -0.25));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn covariance_and_gradients(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<(Array2<f64>, Array3<f64>), DistributionError> {
        let covariance = self.covariance(rewards)?;
        let rewards = self.rewards(rewards)?;
        let count = rewards.len();
        let mut gradients = Array3::zeros((count, count, self.parameters()));
        for i in 0..count {
            for j in 0..=i {
                let pair = [Arc::clone(&rewards[i]), Arc::clone(&rewards[j])];
                // By number of the tuple: 1, Y_i, Y_j, Y_i Y_j.
                let seeds = |values: &[Extended]| {
                    let one = Extended::from_f64(1.0);
                    let zero = Extended::ZERO;
                    (values[3], vec![zero, -values[2], -values[1], one])
                };
                let (_, gradient) = self.joint_gradient(None, &pair, &[1, 1], Base::Ones, seeds)?;
                for (parameter, value) in gradient.into_iter().enumerate() {
                    gradients[[i, j, parameter]] = value;
                    gradients[[j, i, parameter]] = value;
                }
            }
        }
        Ok((covariance, gradients))
    }

    /// The correlation matrix of rewards and its gradients: `[rewards, rewards]` and `[rewards, rewards, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`reward_moments`](Self::reward_moments).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// // Two times on one path, whatever their unit.
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[3.0])?;
    /// let rewards = array![[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]];
    /// let (value, gradient) = time.correlation_and_gradients(rewards.view())?;
    /// assert!((value[[0, 1]] - 0.5_f64.sqrt()).abs() < 1e-15 && gradient[[0, 1, 0]].abs() < 1e-15);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn correlation_and_gradients(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<(Array2<f64>, Array3<f64>), DistributionError> {
        let correlation = self.correlation(rewards)?;
        let rewards = self.rewards(rewards)?;
        let count = rewards.len();
        let mut gradients = Array3::zeros((count, count, self.parameters()));
        for i in 0..count {
            for j in 0..i {
                let pair = [Arc::clone(&rewards[i]), Arc::clone(&rewards[j])];
                let base = Base::Ones;
                let (_, gradient) =
                    self.joint_gradient(None, &pair, &[2, 2], base, correlation_seeds)?;
                for (parameter, value) in gradient.into_iter().enumerate() {
                    gradients[[i, j, parameter]] = value;
                    gradients[[j, i, parameter]] = value;
                }
            }
        }
        Ok((correlation, gradients))
    }

    /// The expectation of the product of rewards, a row of `rewards` for each. Rows may repeat.
    ///
    /// It takes a solve for each combination of orders, so distinct rows are cheaper if they are few.
    ///
    /// # Errors
    ///
    /// As for [`reward_moments`](Self::reward_moments).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let (first, both) = ([0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]);
    /// // E X^2 (X + Y) for two independent exponential times.
    /// assert_eq!(time.joint_moment(array![first, first, both].view())?, 8.0);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn joint_moment(&self, rewards: ArrayView2<'_, f64>) -> Result<f64, DistributionError> {
        let (rewards, orders) = self.distinct(rewards)?;
        let values = self.joint(None, &rewards, &orders, Base::Ones);
        Ok(values.last().copied().unwrap_or(1.0))
    }

    /// The expectation of the product of rewards, and its gradient with respect to theta.
    ///
    /// # Errors
    ///
    /// As for [`reward_moments`](Self::reward_moments).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// // E T^2 = 2 / theta^2.
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let found = time.joint_moment_and_gradient(array![[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]].view())?;
    /// assert_eq!(found, (0.5, vec![-0.5]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn joint_moment_and_gradient(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<ValueAndGradient, DistributionError> {
        let (rewards, orders) = self.distinct(rewards)?;
        Ok(self.joint_gradient(None, &rewards, &orders, Base::Ones, last_seed)?)
    }

    /// Distinct rewards, and how often each occurs.
    fn distinct(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<(Vec<Reward>, Vec<usize>), DistributionError> {
        let mut distinct: Vec<Reward> = Vec::new();
        let mut orders: Vec<usize> = Vec::new();
        for reward in self.rewards(rewards)? {
            match distinct.iter().position(|known| *known == reward) {
                Some(place) => orders[place] += 1,
                None => {
                    distinct.push(reward);
                    orders.push(1);
                }
            }
        }
        Ok((distinct, orders))
    }
}

/// The correlations of covariances.
pub(crate) fn correlations(covariance: &Array2<f64>) -> Array2<f64> {
    let mut out = covariance.clone();
    for ((i, j), value) in out.indexed_iter_mut() {
        if i == j && *value > 0.0 {
            *value = 1.0;
        } else {
            let (a, b) = (covariance[[i, i]], covariance[[j, j]]);
            // One root rounds once; two do not leave the range of `f64`.
            let one = (a * b).sqrt();
            *value /= match one.is_normal() {
                true => one,
                false => a.sqrt() * b.sqrt(),
            };
            // Roundings may lead beyond 1; what is not a number stays so.
            *value = value.clamp(-1.0, 1.0);
        }
    }
    out
}

/// The derivatives of a correlation by the joint moments of two rewards, whose orders to 2 are numbered as 3 j + i.
pub(crate) fn correlation_seeds(values: &[Extended]) -> (Extended, Vec<Extended>) {
    let half = Extended::from_f64(0.5);
    let (first, second) = (values[1], values[3]);
    let variances = [
        values[2].minus(first * first),
        values[6].minus(second * second),
    ];
    let covariance = values[4].minus(first * second);
    let [a, b] = variances.map(|variance| covariance * half * variance.inverse());
    // What all of them are multiplied with; its rounding is one of the gradient's.
    let deviations = variances.map(|variance| variance.to_f64().sqrt());
    let scale = Extended::from_f64(1.0 / (deviations[0] * deviations[1]));
    let two = Extended::from_f64(2.0);
    let mut seeds = vec![Extended::ZERO; values.len()];
    seeds[4] = scale;
    seeds[2] = -(a * scale);
    seeds[6] = -(b * scale);
    seeds[1] = scale * (two * a * first).minus(second);
    seeds[3] = scale * (two * b * second).minus(first);
    (covariance * scale, seeds)
}

pub(crate) fn unit_seed(count: usize, place: usize) -> Vec<Extended> {
    let number = |value: f64| Extended::from_f64(value);
    let seeds = (0..count).map(|p| number(f64::from(u8::from(p == place))));
    seeds.collect()
}

/// The last expectation by itself.
pub(crate) fn last_seed(values: &[Extended]) -> (Extended, Vec<Extended>) {
    let last = values.len() - 1;
    (values[last], unit_seed(values.len(), last))
}
