//! Several rewards of one model together.

use ndarray::{Array2, ArrayView2};

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::error::DistributionError;

/// Several rewards of one path: a multivariate phase-type distribution (Kulkarni 1989); see [`PhaseType::multivariate`].
///
/// There is no joint density: it has none in closed form beyond special cases. Marginals have one, and are not independent.
pub struct Multivariate<'a> {
    time: &'a PhaseType,
    rewards: Array2<f64>,
}

impl std::fmt::Debug for Multivariate<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Multivariate")
            .field("rewards", &self.rewards)
            .finish_non_exhaustive()
    }
}

impl PhaseType {
    /// The joint distribution of rewards, a row of `rewards` for each.
    ///
    /// # Errors
    ///
    /// [`NumericError::RewardLength`](crate::phase::NumericError::RewardLength) and
    /// [`NumericError::InvalidReward`](crate::phase::NumericError::InvalidReward) for the rewards.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let both = time.multivariate(array![[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]].view())?;
    /// assert_eq!(both.means()?, [1.0, 2.0]);
    /// assert_eq!(both.covariance()?, array![[1.0, 1.0], [1.0, 2.0]]);
    /// assert!((both.marginal(0)?.survival(&[2.0])?[0] - (-2.0_f64).exp()).abs() < 1e-15);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn multivariate(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<Multivariate<'_>, DistributionError> {
        self.rewards(rewards)?;
        Ok(Multivariate {
            time: self,
            rewards: rewards.to_owned(),
        })
    }
}

impl Multivariate<'_> {
    /// The number of rewards.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let both = time.multivariate(array![[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]].view())?;
    /// assert_eq!(both.dimension(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.rewards.nrows()
    }

    /// The distribution of one of the rewards.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Length`] for a reward that does not exist, and as for [`PhaseType::reward`].
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let both = time.multivariate(array![[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]].view())?;
    /// assert_eq!(both.marginal(1)?.expectation(), 2.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn marginal(&self, reward: usize) -> Result<PhaseType, DistributionError> {
        if reward >= self.dimension() {
            return Err(DistributionError::Length {
                what: "rewards",
                expected: reward + 1,
                found: self.dimension(),
                remedy: "ask for one of them, counted from 0",
            });
        }
        self.time.reward(&self.rewards.row(reward).to_vec())
    }

    /// The expectation of each.
    ///
    /// # Errors
    ///
    /// None for rewards that were accepted.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let both = time.multivariate(array![[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]].view())?;
    /// assert_eq!(both.means()?, [1.0, 2.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn means(&self) -> Result<Vec<f64>, DistributionError> {
        let rows = self.rewards.outer_iter();
        rows.map(|row| Ok(self.time.reward_moments(&row.to_vec(), 1)?[0]))
            .collect()
    }

    /// The covariance matrix; see [`PhaseType::covariance`].
    ///
    /// # Errors
    ///
    /// None for rewards that were accepted.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let both = time.multivariate(array![[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]].view())?;
    /// assert_eq!(both.covariance()?, array![[1.0, 1.0], [1.0, 2.0]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn covariance(&self) -> Result<Array2<f64>, DistributionError> {
        self.time.covariance(self.rewards.view())
    }

    /// The correlation matrix; see [`PhaseType::correlation`].
    ///
    /// # Errors
    ///
    /// None for rewards that were accepted.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let both = time.multivariate(array![[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]].view())?;
    /// assert!((both.correlation()?[[0, 1]] - 0.5_f64.sqrt()).abs() < 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn correlation(&self) -> Result<Array2<f64>, DistributionError> {
        self.time.correlation(self.rewards.view())
    }

    /// The expectation of the product of powers of the rewards, one order for each.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Length`] unless there is one order per reward.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// // Two independent exponential times: E X^2 Y.
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let both = time.multivariate(array![[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]].view())?;
    /// assert_eq!(both.joint_moment(&[2, 1])?, 2.0);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn joint_moment(&self, orders: &[usize]) -> Result<f64, DistributionError> {
        if orders.len() != self.dimension() {
            return Err(DistributionError::Length {
                what: "orders",
                expected: self.dimension(),
                found: orders.len(),
                remedy: "give one for each reward",
            });
        }
        let rows: Vec<usize> = (orders.iter().enumerate())
            .flat_map(|(reward, &order)| std::iter::repeat_n(reward, order))
            .collect();
        let rewards = self.rewards.select(ndarray::Axis(0), &rows);
        self.time.joint_moment(rewards.view())
    }

    /// The joint Laplace transform; see [`PhaseType::joint_laplace`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let both = time.multivariate(array![[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]].view())?;
    /// assert!((both.laplace(&[0.0, 1.0])? - 0.25).abs() < 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn laplace(&self, at: &[f64]) -> Result<f64, DistributionError> {
        self.time.joint_laplace(self.rewards.view(), at)
    }

    /// Samples of all rewards together, a row per sample; see [`Sampler`](crate::phase::Sampler).
    ///
    /// # Errors
    ///
    /// None for rewards that were accepted.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let both = time.multivariate(array![[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]].view())?;
    /// let drawn = both.sample(1, 0..5)?;
    /// assert!(drawn.rows().into_iter().all(|row| row[0] < row[1]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sample(
        &self,
        seed: u64,
        samples: std::ops::Range<u64>,
    ) -> Result<Array2<f64>, DistributionError> {
        self.time
            .sampler(seed)?
            .rewards(self.rewards.view(), samples)
    }
}
