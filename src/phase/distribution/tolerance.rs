//! How exact an answer has to be, and how exact it is.

use crate::phase::distribution::error::DistributionError;

/// The unit of rounding of `f64`.
pub(crate) const UNIT: f64 = f64::EPSILON / 2.0;

/// How large the error of an answer may be: at most the absolute *or* at most the relative tolerance times the answer.
///
/// Probabilities have the absolute tolerance as it is; densities have it per mean, times spent somewhere in means.
///
/// ```
/// use elimap::phase::{EliminationTrace, Tolerance, models};
///
/// let time = EliminationTrace::record(&models::erlang(1)?).at(&[1.0])?;
/// let tail = time.within(Tolerance::relative(1e-10)?).survival(&[50.0])?;
/// assert!((tail[0] / (-50.0_f64).exp() - 1.0).abs() < 1e-10);
/// assert!(Tolerance::absolute(1e-20).is_err());
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    absolute: f64,
    relative: f64,
}

impl Default for Tolerance {
    /// 1e-12, absolute.
    fn default() -> Self {
        Self {
            absolute: 1e-12,
            relative: 0.0,
        }
    }
}

impl Tolerance {
    /// The smallest tolerance that can be asked for.
    const LEAST: f64 = 1e-14;

    /// An absolute and a relative tolerance, of which the more generous counts.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Tolerance`] if both are below 1e-14, or one is negative, infinite or not a number.
    ///
    /// ```
    /// use elimap::phase::Tolerance;
    /// assert!(Tolerance::new(1e-9, 1e-6).is_ok());
    /// ```
    pub fn new(absolute: f64, relative: f64) -> Result<Self, DistributionError> {
        let valid = |value: f64| value.is_finite() && value >= 0.0;
        if valid(absolute) && valid(relative) && absolute.max(relative) >= Self::LEAST {
            Ok(Self { absolute, relative })
        } else {
            Err(DistributionError::Tolerance { absolute, relative })
        }
    }

    /// An absolute tolerance.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    ///
    /// ```
    /// use elimap::phase::Tolerance;
    /// assert!(Tolerance::absolute(-1.0).is_err());
    /// ```
    pub fn absolute(absolute: f64) -> Result<Self, DistributionError> {
        Self::new(absolute, 0.0)
    }

    /// A relative tolerance, which far tails and small probabilities keep too.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    ///
    /// ```
    /// use elimap::phase::Tolerance;
    /// assert!(Tolerance::relative(1e-6).is_ok());
    /// ```
    pub fn relative(relative: f64) -> Result<Self, DistributionError> {
        Self::new(0.0, relative)
    }

    /// Whether an absolute error is allowed at all.
    pub(crate) fn is_absolute(self) -> bool {
        self.absolute > 0.0
    }

    /// Whether an answer may be given whose natural size is `scale`.
    pub(crate) fn allows(self, answer: Bounded, scale: f64) -> bool {
        // An answer far above its natural size has the absolute tolerance of its own size.
        let absolute = self.absolute * scale.max(answer.value.abs());
        answer.error.is_finite() && answer.error <= absolute.max(self.relative * answer.value.abs())
    }
}

/// A value and a bound on its error.
///
/// Truncation is bounded strictly. Rounding is bounded as independent roundings add up (Higham and Mary 2019, *A new approach
/// to probabilistic rounding error analysis*), with a factor to spare.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Bounded {
    /// The value.
    pub value: f64,
    /// How far it may be from the exact one.
    pub error: f64,
}
