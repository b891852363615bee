//! Density, distribution function and survival at times.

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::steps::{Steps, Values};
use crate::phase::distribution::timeline::Timeline;
use crate::phase::distribution::tolerance::Bounded;
use crate::phase::numeric::error::NumericError;

/// Density, distribution function and survival at times, found in one pass; see [`PhaseType::curve`].
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Curve {
    /// The times.
    pub times: Vec<f64>,
    /// The density of the continuous part.
    pub pdf: Vec<f64>,
    /// The probability of absorption by each time, mass at zero included.
    pub cdf: Vec<f64>,
    /// The probability of absorption later.
    pub survival: Vec<f64>,
    /// A bound on the error of the least certain of the three, by time.
    pub error: Vec<f64>,
}

/// Checks that times are finite, not negative and ascending.
pub(crate) fn check_times(times: &[f64]) -> Result<(), DistributionError> {
    let mut before = 0.0;
    for (index, &value) in times.iter().enumerate() {
        if !(value.is_finite() && value >= 0.0) {
            return Err(DistributionError::Time { index, value });
        }
        if value < before {
            return Err(DistributionError::Unsorted {
                index,
                before,
                value,
            });
        }
        before = value;
    }
    Ok(())
}

/// A probability, or a density of this natural size, with its bound: in a far tail the roundings of rates count as often as the
/// logarithm says. `off` is what its absolute error may exceed that by.
pub(crate) fn bounded(value: f64, values: &Values, scale: f64, off: f64) -> Bounded {
    Bounded {
        value,
        error: match value > 0.0 {
            true => value * values.relative * depth((value / scale).ln()) + off,
            false => off,
        },
    }
}

/// By how much the relative error of a tail exceeds that of its bulk.
pub(crate) fn depth(log: f64) -> f64 {
    1.0 + 0.5 * log.abs()
}

/// The error of what has no value because a number is zero: none if it is, any if it is below every `f64`.
fn without(values: &Values) -> f64 {
    match values.is_lost || values.off > 0.0 {
        true => f64::INFINITY,
        false => 0.0,
    }
}

/// The logarithm of a sum with its bound.
pub(crate) fn logarithm(value: f64, values: &Values, off: f64) -> Bounded {
    let log = value.ln() + values.log_scale;
    Bounded {
        value: log,
        // The relative error of the number is the absolute one of its logarithm.
        error: match value > 0.0 {
            true if off == 0.0 => values.relative * depth(log),
            true if off < value => values.relative * depth(log) - (-off / value).ln_1p(),
            true => f64::INFINITY,
            false => without(values),
        },
    }
}

impl Values {
    /// The survival, zero if it is below every `f64`.
    pub(crate) fn plain_survival(&self) -> f64 {
        self.survival * self.log_scale.exp()
    }

    /// The density, zero if it is below every `f64`.
    pub(crate) fn plain_density(&self) -> f64 {
        self.density * self.log_scale.exp()
    }
}

impl PhaseType {
    /// The natural size of a density: one over the mean.
    pub(crate) fn density_scale(&self) -> f64 {
        1.0 / self.expectation().max(f64::MIN_POSITIVE)
    }

    /// Refuses an answer that is less certain than the tolerance.
    pub(crate) fn accept(
        &self,
        quantity: &'static str,
        at: f64,
        answer: Bounded,
        scale: f64,
    ) -> Result<f64, DistributionError> {
        match self.tolerance.allows(answer, scale) {
            true => Ok(answer.value),
            false => Err(DistributionError::NotReached {
                quantity,
                at,
                bound: answer.error,
            }),
        }
    }

    /// What is known at ascending times.
    pub(crate) fn values(&self, times: &[f64]) -> Result<Vec<Values>, DistributionError> {
        check_times(times)?;
        match self.known.get() {
            Some((known, values)) if known == times => Ok(values.clone()),
            _ => self.timeline()?.values(times),
        }
    }

    /// Finds what times have from steps that were taken already, for questions to come.
    pub(crate) fn know(&self, times: &[f64], steps: Steps<'_>) -> Result<(), DistributionError> {
        let values = self.timeline()?.with_steps(steps).values(times)?;
        // Whoever was first has found the same.
        let _ = self.known.set((times.to_vec(), values));
        Ok(())
    }

    /// The methods that answer questions about times.
    pub(crate) fn timeline(&self) -> Result<Timeline<'_>, NumericError> {
        let timeline = Timeline::new(self.chain()?, self.tolerance);
        Ok(timeline.with_transform(self.trace(), self.theta(), self.density_scale()))
    }

    fn each(
        &self,
        quantity: &'static str,
        times: &[f64],
        answer: impl Fn(&Values) -> (Bounded, f64),
    ) -> Result<Vec<f64>, DistributionError> {
        let values = self.values(times)?;
        let pairs = times.iter().zip(&values);
        pairs
            .map(|(&time, values)| {
                let (answer, scale) = answer(values);
                self.accept(quantity, time, answer, scale)
            })
            .collect()
    }

    /// The density of the continuous part at ascending times.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Time`] and [`DistributionError::Unsorted`] for the times, [`DistributionError::NotReached`] and
    /// [`DistributionError::TooStiff`] where no method keeps the [tolerance](Self::within).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let pdf = time.pdf(&[0.0, 0.5])?;
    /// assert!((pdf[0] - 2.0).abs() < 1e-14 && (pdf[1] - 2.0 * (-1.0_f64).exp()).abs() < 1e-14);
    /// assert!(time.pdf(&[1.0, 0.5]).is_err());
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn pdf(&self, times: &[f64]) -> Result<Vec<f64>, DistributionError> {
        let scale = self.density_scale();
        self.each("the density", times, |values| {
            let density = values.plain_density();
            (bounded(density, values, scale, values.off_density), scale)
        })
    }

    /// The probability of absorption by ascending times; mass at zero counts.
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
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[1.0])?;
    /// let cdf = time.cdf(&[1e-20, 1.0])?;
    /// assert!((cdf[0] - 1e-20).abs() < 1e-33 && (cdf[1] - (1.0 - (-1.0_f64).exp())).abs() < 1e-14);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn cdf(&self, times: &[f64]) -> Result<Vec<f64>, DistributionError> {
        let at_zero = self.mass_at_zero();
        self.each("the distribution function", times, |values| {
            let absorbed = at_zero + values.absorbed;
            (bounded(absorbed, values, 1.0, values.off), 1.0)
        })
    }

    /// The probability of absorption later than ascending times.
    ///
    /// Far tails keep their relative accuracy.
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
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[1.0])?;
    /// let tail = time.survival(&[300.0])?[0];
    /// assert!((tail / (-300.0_f64).exp() - 1.0).abs() < 1e-12);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn survival(&self, times: &[f64]) -> Result<Vec<f64>, DistributionError> {
        self.each("the survival", times, |values| {
            let survival = values.plain_survival();
            (bounded(survival, values, 1.0, values.off), 1.0)
        })
    }

    /// The logarithm of the density, which may be below every `f64`; minus infinity where the density is zero.
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
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[1.0])?;
    /// assert!((time.log_pdf(&[3000.0])?[0] + 3000.0).abs() < 1e-11);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn log_pdf(&self, times: &[f64]) -> Result<Vec<f64>, DistributionError> {
        let scale = self.density_scale();
        self.each("the density", times, |values| {
            let log = logarithm(values.density, values, values.off_density);
            (log, scale)
        })
    }

    /// The logarithm of the survival.
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
    /// assert!((time.log_survival(&[100.0])?[0] + 200.0).abs() < 1e-11);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn log_survival(&self, times: &[f64]) -> Result<Vec<f64>, DistributionError> {
        self.each("the survival", times, |values| {
            (logarithm(values.survival, values, values.off), 1.0)
        })
    }

    /// The hazard: density divided by survival; not a number where nothing survives.
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
    /// assert!(time.hazard(&[0.1, 20.0])?.iter().all(|h| (h - 2.0).abs() < 1e-12));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn hazard(&self, times: &[f64]) -> Result<Vec<f64>, DistributionError> {
        let scale = self.density_scale();
        self.each("the hazard", times, |values| {
            let hazard = values.density / values.survival;
            let log = values.survival.ln() + values.log_scale;
            // Where there are absolute errors, they are of survivors and of what is left of them too.
            let off = (values.off_density + hazard * values.off) / (values.survival - values.off);
            let error = 2.0 * values.relative * hazard * depth(log) + off;
            let value = Bounded {
                value: hazard,
                // Without survivors there is no hazard, and no doubt about it.
                error: match values.survival > values.off {
                    true => error,
                    false => without(values),
                },
            };
            (value, scale)
        })
    }

    /// Density, distribution function and survival at ascending times, in one pass, with a bound on their errors.
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
    /// let time = EliminationTrace::record(&models::islands(6)?).at(&[1.0, 1.0, 0.5])?;
    /// let curve = time.curve(&[0.5, 1.0, 2.0])?;
    /// for i in 0..3 {
    ///     assert!((curve.cdf[i] + curve.survival[i] - 1.0).abs() < 1e-14 && curve.error[i] < 1e-13);
    /// }
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn curve(&self, times: &[f64]) -> Result<Curve, DistributionError> {
        let (scale, at_zero) = (self.density_scale(), self.mass_at_zero());
        let values = self.values(times)?;
        let mut curve = Curve {
            times: times.to_vec(),
            ..Curve::default()
        };
        for (&time, values) in times.iter().zip(&values) {
            let pdf = bounded(values.plain_density(), values, scale, values.off_density);
            let cdf = bounded(at_zero + values.absorbed, values, 1.0, values.off);
            let survival = bounded(values.plain_survival(), values, 1.0, values.off);
            curve
                .pdf
                .push(self.accept("the density", time, pdf, scale)?);
            let cdf_error = cdf.error;
            curve
                .cdf
                .push(self.accept("the distribution function", time, cdf, 1.0)?);
            curve
                .survival
                .push(self.accept("the survival", time, survival, 1.0)?);
            curve
                .error
                .push(pdf.error.max(cdf_error).max(survival.error));
        }
        Ok(curve)
    }
}
