//! Laplace transforms of times and rewards, with gradients: the u of a transform is a rate at which vertices are killed.

use std::sync::Arc;

use ndarray::{Array2, Array3, ArrayView2, aview1};

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::joint::{Base, Reward};
use crate::phase::distribution::moments::{ValueAndGradient, last_seed};
use crate::phase::index::IndexVec;
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::extended::{Extended, Scalar};

/// Checks that numbers are finite and not negative.
fn check_nonnegative(what: &'static str, values: &[f64]) -> Result<(), DistributionError> {
    let mut pairs = values.iter().enumerate();
    match pairs.find(|(_, value)| !(value.is_finite() && **value >= 0.0)) {
        Some((index, &value)) => Err(DistributionError::Number {
            what,
            index,
            value,
            condition: "it must be finite and at least 0",
        }),
        None => Ok(()),
    }
}

impl PhaseType {
    /// The Laplace transform `E exp(-u T)` at each u of at least 0; mass at zero counts with 1.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Number`] for a u that is negative or not finite.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[3.0])?;
    /// assert_eq!(time.laplace(&[0.0, 1.0])?, [1.0, 0.75]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn laplace(&self, at: &[f64]) -> Result<Vec<f64>, DistributionError> {
        check_nonnegative("u", at)?;
        let all = vec![true; self.trace().graph().vertex_count()];
        let mass = self.mass_at_zero();
        let values = at.iter().map(|&u| {
            let killing = self.constant_reward(u);
            mass + self.joint(Some(&killing), &[], &[], Base::Absorption(&all))[0]
        });
        Ok(values.collect())
    }

    /// The derivatives of orders 1 to `order` of the Laplace transform at each u: `[u, order]`.
    ///
    /// # Errors
    ///
    /// As for [`laplace`](Self::laplace).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // 1 / (1 + u) at 1.
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[1.0])?;
    /// assert_eq!(time.laplace_derivatives(&[1.0], 2)?, ndarray::array![[-0.25, 0.25]]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn laplace_derivatives(
        &self,
        at: &[f64],
        order: usize,
    ) -> Result<Array2<f64>, DistributionError> {
        check_nonnegative("u", at)?;
        let all = vec![true; self.trace().graph().vertex_count()];
        let mut out = Array2::zeros((at.len(), order));
        for (&u, mut out) in at.iter().zip(out.outer_iter_mut()) {
            let killing = self.constant_reward(u);
            let ones = [self.ones()];
            let values = self.joint(Some(&killing), &ones, &[order], Base::Absorption(&all));
            for (k, (out, value)) in out.iter_mut().zip(&values[1..]).enumerate() {
                *out = if k % 2 == 0 { -value } else { *value };
            }
        }
        Ok(out)
    }

    /// The derivatives of the Laplace transform and their gradients with respect to theta: `[u, order]` and
    /// `[u, order, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`laplace`](Self::laplace).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // -theta / (theta + u)^2
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[3.0])?;
    /// let (value, gradient) = time.laplace_derivatives_and_gradients(&[1.0], 1)?;
    /// assert_eq!((value[[0, 0]], gradient[[0, 0, 0]]), (-0.1875, 0.03125));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn laplace_derivatives_and_gradients(
        &self,
        at: &[f64],
        order: usize,
    ) -> Result<(Array2<f64>, Array3<f64>), DistributionError> {
        let values = self.laplace_derivatives(at, order)?;
        let all = vec![true; self.trace().graph().vertex_count()];
        let ones = [self.ones()];
        let mut gradients = Array3::zeros((at.len(), order, self.parameters()));
        for (place, &u) in at.iter().enumerate() {
            let killing = self.constant_reward(u);
            for k in 1..=order {
                let base = Base::Absorption(&all);
                let (_, gradient) =
                    self.joint_gradient(Some(&killing), &ones, &[k], base, last_seed)?;
                let sign = if k % 2 == 1 { -1.0 } else { 1.0 };
                for (parameter, value) in gradient.into_iter().enumerate() {
                    gradients[[place, k - 1, parameter]] = sign * value;
                }
            }
        }
        Ok((values, gradients))
    }

    /// The Laplace transform at each u and its gradient with respect to theta: `[u]` and `[u, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`laplace`](Self::laplace).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // theta / (theta + u)
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[1.0])?;
    /// let (value, gradient) = time.laplace_and_gradients(&[1.0])?;
    /// assert_eq!((value[0], gradient[[0, 0]]), (0.5, 0.25));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn laplace_and_gradients(
        &self,
        at: &[f64],
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        check_nonnegative("u", at)?;
        let all = vec![true; self.trace().graph().vertex_count()];
        let mass = self.mass_at_zero();
        let mut gradients = Array2::zeros((at.len(), self.parameters()));
        let at_zero = self.at_zero_slopes()?;
        let mut values = Vec::new();
        for (&u, mut row) in at.iter().zip(gradients.outer_iter_mut()) {
            let killing = self.constant_reward(u);
            let base = Base::Absorption(&all);
            let (value, gradient) =
                self.joint_gradient(Some(&killing), &[], &[], base, last_seed)?;
            values.push(mass + value);
            row.assign(&aview1(&gradient));
            row += &aview1(&at_zero);
        }
        Ok((values, gradients))
    }

    /// The joint Laplace transform of rewards, `E exp(-sum of u_k Y_k)`; a row of `rewards` and a u for each.
    ///
    /// # Errors
    ///
    /// As for [`laplace`](Self::laplace) and [`reward_moments`](Self::reward_moments), and [`DistributionError::Length`] if there is
    /// not one u per reward.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// // Two independent exponential times: 1/2 and 1/4.
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let rewards = array![[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
    /// assert_eq!(time.joint_laplace(rewards.view(), &[1.0, 3.0])?, 0.125);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn joint_laplace(
        &self,
        rewards: ArrayView2<'_, f64>,
        at: &[f64],
    ) -> Result<f64, DistributionError> {
        let killing = self.joint_killing(rewards, at)?;
        let all = vec![true; self.trace().graph().vertex_count()];
        let values = self.joint(Some(&killing), &[], &[], Base::Absorption(&all));
        Ok(self.mass_at_zero() + values[0])
    }

    /// The joint Laplace transform of rewards and its gradient with respect to theta.
    ///
    /// # Errors
    ///
    /// As for [`joint_laplace`](Self::joint_laplace).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[1.0])?;
    /// let found = time.joint_laplace_and_gradient(array![[0.0, 1.0, 0.0]].view(), &[1.0])?;
    /// assert_eq!(found, (0.5, vec![0.25]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn joint_laplace_and_gradient(
        &self,
        rewards: ArrayView2<'_, f64>,
        at: &[f64],
    ) -> Result<ValueAndGradient, DistributionError> {
        let killing = self.joint_killing(rewards, at)?;
        let all = vec![true; self.trace().graph().vertex_count()];
        let base = Base::Absorption(&all);
        let (value, mut gradient) =
            self.joint_gradient(Some(&killing), &[], &[], base, last_seed)?;
        for (slope, at_zero) in gradient.iter_mut().zip(self.at_zero_slopes()?) {
            *slope += at_zero;
        }
        Ok((self.mass_at_zero() + value, gradient))
    }

    /// The derivatives of the mass at zero: what the start loses.
    pub(crate) fn at_zero_slopes(&self) -> Result<Vec<f64>, NumericError> {
        let by = self.by()?;
        let layout = self.trace().symbolic().layout();
        let of = |parameter| {
            let each = layout.transients().iter();
            let slopes = each.map(|t| by.start(layout.vertex(t), parameter));
            let sum = slopes.fold(Extended::ZERO, |sum, slope| sum + slope);
            (-sum).to_f64() + 0.0
        };
        Ok((0..self.parameters()).map(of).collect())
    }

    fn constant_reward(&self, value: f64) -> Reward {
        Arc::new(self.ones().iter().map(|_| value).collect())
    }

    fn joint_killing(
        &self,
        rewards: ArrayView2<'_, f64>,
        at: &[f64],
    ) -> Result<Reward, DistributionError> {
        check_nonnegative("u", at)?;
        if at.len() != rewards.nrows() {
            return Err(DistributionError::Length {
                what: "values of u",
                expected: rewards.nrows(),
                found: at.len(),
                remedy: "give one for each reward",
            });
        }
        let mut killing: IndexVec<_, f64> = self.ones().iter().map(|_| 0.0).collect();
        for (reward, u) in self.rewards(rewards)?.iter().zip(at) {
            for (t, &r) in reward.iter_enumerated() {
                killing[t] += u * r;
            }
        }
        Ok(Arc::new(killing))
    }
}
