//! Observed times, for likelihoods.

use std::sync::{Arc, OnceLock};

use crate::phase::distribution::error::DistributionError;

/// One observed time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Observation {
    Exact(f64),
    /// Absorption later than this.
    Later(f64),
    /// Absorption after the first and not after the second; from 0 on, mass at zero counts.
    Between(f64, f64),
}

/// Observed times with weights: exact, censored, or between two times.
///
/// Their order does not matter. An exact time of 0 stands for the mass at zero, if the model has any, and else for the density
/// there.
///
/// ```
/// use elimap::phase::{EliminationTrace, Observations, models};
///
/// let data = Observations::new().exact(0.5, 2.0)?.right_censored(1.0, 1.0)?.interval(0.0, 2.0, 1.0)?;
/// let time = EliminationTrace::record(&models::erlang(1)?).at(&[1.0])?;
/// let expected = -2.0 * 0.5 - 1.0 + (1.0 - (-2.0_f64).exp()).ln();
/// assert!((time.log_likelihood(&data)? - expected).abs() < 1e-14);
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Observations {
    pub(crate) list: Vec<(Observation, f64)>,
    /// Found once for all thetas.
    sorted: OnceLock<Arc<Sorted>>,
}

impl PartialEq for Observations {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

/// Observations by their times.
#[derive(Debug)]
pub(crate) struct Sorted {
    /// The times of all of them, ascending, each once.
    pub times: Vec<f64>,
    /// Those that have a weight, ascending by their first time, with the places of their times.
    pub list: Vec<Placed>,
    /// The sum of the weights.
    pub weight: f64,
}

/// An observation where its times are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub observation: Observation,
    pub weight: f64,
    /// Of its first time, and of its second if it has one.
    pub places: [usize; 2],
}

impl Observation {
    fn times(self) -> [f64; 2] {
        match self {
            Self::Exact(time) | Self::Later(time) => [time, time],
            Self::Between(low, high) => [low, high],
        }
    }
}

impl Observations {
    /// None yet.
    ///
    /// ```
    /// use elimap::phase::Observations;
    /// assert!(Observations::new().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Exact times, each with the weight 1.
    ///
    /// # Errors
    ///
    /// As for [`exact`](Self::exact), naming the time.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::Observations;
    ///
    /// assert_eq!(Observations::of_times(&[1.0, 0.5])?.len(), 2);
    /// assert!(Observations::of_times(&[-1.0]).is_err());
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn of_times(times: &[f64]) -> Result<Self, DistributionError> {
        times
            .iter()
            .try_fold(Self::new(), |data, &time| data.exact(time, 1.0))
    }

    /// How many there are.
    ///
    /// ```
    /// use elimap::phase::Observations;
    /// assert_eq!(Observations::of_times(&[1.0, 2.0])?.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    ///
    /// ```
    /// use elimap::phase::Observations;
    /// assert!(!Observations::of_times(&[1.0])?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A time that was observed exactly.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Time`] for a time that is negative or not finite, [`DistributionError::Number`] for such a weight;
    /// both say which observation.
    ///
    /// ```
    /// use elimap::phase::Observations;
    /// assert_eq!(Observations::new().exact(1.5, 1.0)?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exact(self, time: f64, weight: f64) -> Result<Self, DistributionError> {
        self.with(Observation::Exact(time), &[time], weight)
    }

    /// A time of which is known that it is later than this.
    ///
    /// # Errors
    ///
    /// As for [`exact`](Self::exact).
    ///
    /// ```
    /// use elimap::phase::Observations;
    /// assert_eq!(Observations::new().right_censored(3.0, 1.0)?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn right_censored(self, time: f64, weight: f64) -> Result<Self, DistributionError> {
        self.with(Observation::Later(time), &[time], weight)
    }

    /// A time that is later than `low` and not later than `high`; with a `low` of 0, a time of 0 counts too, so that `interval(0, t)`
    /// is censoring from the left.
    ///
    /// # Errors
    ///
    /// As for [`exact`](Self::exact), and [`DistributionError::Unsorted`] unless `low < high`.
    ///
    /// ```
    /// use elimap::phase::Observations;
    /// assert_eq!(Observations::new().interval(1.0, 2.0, 1.0)?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn interval(self, low: f64, high: f64, weight: f64) -> Result<Self, DistributionError> {
        let index = self.len();
        if high <= low {
            return Err(DistributionError::Unsorted {
                index,
                before: low,
                value: high,
            });
        }
        self.with(Observation::Between(low, high), &[low, high], weight)
    }

    fn with(
        mut self,
        observation: Observation,
        times: &[f64],
        weight: f64,
    ) -> Result<Self, DistributionError> {
        let index = self.len();
        let valid = |value: &f64| value.is_finite() && *value >= 0.0;
        if let Some(&value) = times.iter().find(|time| !valid(time)) {
            return Err(DistributionError::Time { index, value });
        }
        if !valid(&weight) {
            return Err(DistributionError::Number {
                what: "weights",
                index,
                value: weight,
                condition: "it must be finite and at least 0",
            });
        }
        self.list.push((observation, weight));
        self.sorted = OnceLock::new();
        Ok(self)
    }

    /// The times of all observations, ascending, each once.
    pub(crate) fn times(&self) -> &[f64] {
        &self.sorted().times
    }

    /// The observations by their times, which are the same for each theta.
    pub(crate) fn sorted(&self) -> &Sorted {
        self.sorted.get_or_init(|| {
            let each = self.list.iter();
            let mut times: Vec<f64> = each.flat_map(|(of, _)| of.times()).collect();
            times.sort_by(f64::total_cmp);
            times.dedup();
            let place = |time: f64| times.partition_point(|&other| other < time);
            let weighed = self.list.iter().filter(|(_, weight)| *weight > 0.0);
            let mut list: Vec<Placed> = weighed
                .map(|&(observation, weight)| Placed {
                    observation,
                    weight,
                    places: observation.times().map(place),
                })
                .collect();
            list.sort_by_key(|of| of.places);
            Arc::new(Sorted {
                weight: list.iter().map(|of| of.weight).sum(),
                times,
                list,
            })
        })
    }
}
