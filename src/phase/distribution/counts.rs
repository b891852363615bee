//! Probabilities of numbers of steps, with bounds that hold for certain; see [`powers`](crate::phase::distribution::powers).

use crate::phase::distribution::chain::mass_at_zero_within;
use crate::phase::distribution::discrete::DiscretePhaseType;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::powers::{Count, Goal, TooMany};
use crate::phase::distribution::tolerance::{Bounded, Tolerance, UNIT};
use crate::phase::numeric::extended::{Extended, Scalar};

/// Probabilities of numbers of steps, found in one pass; see [`DiscretePhaseType::curve`].
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct DiscreteCurve {
    /// The numbers of steps.
    pub counts: Vec<u64>,
    /// The probability of each.
    pub pmf: Vec<f64>,
    /// The probability of at most as many, mass at zero included.
    pub cdf: Vec<f64>,
    /// The probability of more.
    pub survival: Vec<f64>,
    /// A bound on the error of each probability in `pmf`.
    pub pmf_error: Vec<f64>,
    /// A bound on the error of each probability in `cdf`.
    pub cdf_error: Vec<f64>,
    /// A bound on the error of each probability in `survival`.
    pub survival_error: Vec<f64>,
}

/// The three probabilities of one number of steps.
#[derive(Clone, Copy, Debug)]
struct Probabilities {
    pmf: Bounded,
    cdf: Bounded,
    survival: Bounded,
}

/// A wide number as `f64`, whose relative error was at most this.
fn rounded(value: Extended, relative: f64) -> Bounded {
    let value_in_f64 = value.to_f64();
    // Below the normal numbers digits are lost, but not more than half of the least number.
    let rest = match value.is_positive() && value_in_f64 < f64::MIN_POSITIVE {
        true => f64::from_bits(1),
        false => 0.0,
    };
    Bounded {
        value: value_in_f64,
        error: value_in_f64 * (relative + UNIT) * (1.0 + 4.0 * UNIT) + rest,
    }
}

impl From<(TooMany, usize)> for DistributionError {
    fn from((TooMany { steps }, vertices): (TooMany, usize)) -> Self {
        Self::TooStiff {
            vertices,
            rate: 1.0,
            time: steps as f64,
            steps: steps as f64,
        }
    }
}

impl DiscretePhaseType {
    /// The same with another tolerance for probabilities of numbers of steps.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{DistributionError, EliminationTrace, Graph, Tolerance};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 0.5).add_constant_edge(coin, end, 0.5);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// let tosses = tosses.within(Tolerance::relative(1e-14)?);
    /// assert_eq!(tosses.survival(&[1000])?, [0.5_f64.powi(1000)]);
    /// // Below every normal number there are no 14 digits.
    /// assert!(matches!(tosses.survival(&[1070]), Err(DistributionError::NotReached { .. })));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    #[must_use]
    pub fn within(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = tolerance;
        self
    }

    pub(crate) fn too_many(&self, too_many: TooMany) -> DistributionError {
        (too_many, self.phases()).into()
    }

    /// The three probabilities of each number of steps.
    fn probabilities(&self, counts: &[u64]) -> Result<Vec<Probabilities>, DistributionError> {
        let mut at_zero = mass_at_zero_within(self.trace().graph());
        at_zero.error += self.doubt();
        let powers = self.powers();
        let found = match self.phases() {
            0 => Vec::new(),
            _ => powers.at(counts).map_err(|error| self.too_many(error))?,
        };
        let nothing = Count {
            flow: Extended::ZERO,
            absorbed: Extended::ZERO,
            left: Extended::ZERO,
        };
        let all = counts.iter().enumerate().map(|(place, &count)| {
            let known = found.get(place).copied().unwrap_or(nothing);
            let (wide, doubt) = powers.relative(count);
            let left = rounded(known.left, wide);
            let cdf = rounded(Extended::from_f64(at_zero.value) + known.absorbed, wide);
            // Other probabilities of steps have rows that sum to 1 too, so what they move they move from one to the other.
            let moved = match doubt > 0.0 {
                true => doubt * left.value.min(known.absorbed.to_f64()) * (1.0 + 4.0 * UNIT),
                false => 0.0,
            };
            let wider = |answer: Bounded, by: f64| Bounded {
                error: answer.error + by,
                ..answer
            };
            Probabilities {
                pmf: match count {
                    0 => at_zero,
                    _ => rounded(known.flow, wide + doubt),
                },
                cdf: wider(cdf, moved + at_zero.error),
                survival: wider(left, moved),
            }
        });
        Ok(all.collect())
    }

    fn each(
        &self,
        quantity: &'static str,
        counts: &[u64],
        of: impl Fn(&Probabilities) -> Bounded,
    ) -> Result<Vec<f64>, DistributionError> {
        let found = self.probabilities(counts)?;
        let pairs = counts.iter().zip(&found);
        pairs
            .map(|(&count, found)| self.accept(quantity, count, of(found)))
            .collect()
    }

    fn accept(
        &self,
        quantity: &'static str,
        count: u64,
        answer: Bounded,
    ) -> Result<f64, DistributionError> {
        self.accept_within(quantity, count, answer, 1.0)
    }

    /// The same of an answer with a natural size.
    pub(crate) fn accept_within(
        &self,
        quantity: &'static str,
        count: u64,
        answer: Bounded,
        scale: f64,
    ) -> Result<f64, DistributionError> {
        match self.tolerance.allows(answer, scale) {
            true => Ok(answer.value),
            false => Err(DistributionError::NotReached {
                quantity,
                at: count as f64,
                bound: answer.error,
            }),
        }
    }

    /// The probabilities of numbers of steps, in any order.
    ///
    /// # Errors
    ///
    /// [`DistributionError::TooStiff`] for more than 2^30 steps of more than 1024 phases, and
    /// [`DistributionError::NotReached`] where the [tolerance](Self::within) is not kept.
    ///
    /// # Examples
    ///
    /// See [`EliminationTrace::steps_at`](crate::phase::EliminationTrace::steps_at).
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 0.5).add_constant_edge(coin, end, 0.5);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// assert_eq!(tosses.pmf(&[3, 1, 0])?, [0.125, 0.5, 0.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pmf(&self, counts: &[u64]) -> Result<Vec<f64>, DistributionError> {
        self.each("the probability", counts, |found| found.pmf)
    }

    /// The probabilities of at most so many steps, in any order.
    ///
    /// # Errors
    ///
    /// As for [`pmf`](Self::pmf).
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
    /// assert_eq!(tosses.cdf(&[0, 1, 2, 1 << 50])?, [0.0, 0.5, 0.75, 1.0]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn cdf(&self, counts: &[u64]) -> Result<Vec<f64>, DistributionError> {
        self.each("the distribution function", counts, |found| found.cdf)
    }

    /// The probabilities of more than so many steps, in any order.
    ///
    /// # Errors
    ///
    /// As for [`pmf`](Self::pmf).
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
    /// assert_eq!(tosses.survival(&[0, 1, 900])?, [1.0, 0.5, 0.5_f64.powi(900)]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn survival(&self, counts: &[u64]) -> Result<Vec<f64>, DistributionError> {
        self.each("the survival", counts, |found| found.survival)
    }

    /// All three probabilities of numbers of steps, in any order, with a bound on the error of each.
    ///
    /// The bounds hold for certain: they are those of the roundings that can have happened, all in the same direction. They are
    /// about the model as `f64` states it, with the weights of each vertex divided by their sum.
    ///
    /// # Errors
    ///
    /// As for [`pmf`](Self::pmf).
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
    /// let curve = EliminationTrace::record(&builder.build()?).steps_at(&[])?.curve(&[2])?;
    /// assert_eq!((curve.pmf[0], curve.cdf[0], curve.survival[0]), (0.1875, 0.4375, 0.5625));
    /// assert!(curve.pmf_error[0] > 0.0 && curve.pmf_error[0] < 1e-16 * 0.1875 * 1.2);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn curve(&self, counts: &[u64]) -> Result<DiscreteCurve, DistributionError> {
        let mut curve = DiscreteCurve {
            counts: counts.to_vec(),
            ..DiscreteCurve::default()
        };
        for (&count, found) in counts.iter().zip(self.probabilities(counts)?) {
            curve
                .pmf
                .push(self.accept("the probability", count, found.pmf)?);
            curve
                .cdf
                .push(self.accept("the distribution function", count, found.cdf)?);
            curve
                .survival
                .push(self.accept("the survival", count, found.survival)?);
            curve.pmf_error.push(found.pmf.error);
            curve.cdf_error.push(found.cdf.error);
            curve.survival_error.push(found.survival.error);
        }
        Ok(curve)
    }

    /// The smallest numbers of steps that are not exceeded with these probabilities.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Probability`] for a probability below 0 or from 1 on, [`DistributionError::TooStiff`] for more than
    /// 2^30 steps of more than 512 phases.
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
    /// assert_eq!(tosses.quantile(&[0.0, 0.5, 0.75, 0.76])?, [0, 1, 2, 3]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn quantile(&self, probabilities: &[f64]) -> Result<Vec<u64>, DistributionError> {
        let at_zero = self.mass_at_zero();
        // Above one half the survival has more digits; both are monotone in the count.
        self.first(probabilities, 0.0..1.0, |p| match p {
            _ if p <= at_zero => None,
            _ if p > 0.5 => Some(Goal::Left(1.0 - p)),
            _ => Some(Goal::Absorbed(p - at_zero)),
        })
    }

    /// The smallest numbers of steps that are exceeded with at most these probabilities: quantiles by the upper tail, exact for
    /// tiny probabilities.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Probability`] for a probability that is not above 0 or is above 1, and as for
    /// [`quantile`](Self::quantile).
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
    /// assert_eq!(tosses.survival_quantile(&[1.0, 0.3, 1e-200])?, [0, 2, 665]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn survival_quantile(&self, probabilities: &[f64]) -> Result<Vec<u64>, DistributionError> {
        let started: f64 = self.chain().start().iter().sum();
        let least = f64::from_bits(1);
        self.first(probabilities, least..1.0_f64.next_up(), |q| match q {
            _ if q >= started => None,
            _ => Some(Goal::Left(q)),
        })
    }

    /// The first numbers of steps at which goals are reached; 0 where there is none.
    fn first(
        &self,
        probabilities: &[f64],
        valid: std::ops::Range<f64>,
        goal: impl Fn(f64) -> Option<Goal>,
    ) -> Result<Vec<u64>, DistributionError> {
        let bad = probabilities.iter().position(|p| !valid.contains(p));
        if let Some(index) = bad {
            let value = probabilities[index];
            return Err(DistributionError::Probability { index, value });
        }
        let mut found = vec![0; probabilities.len()];
        if self.phases() == 0 {
            return Ok(found);
        }
        let (places, goals): (Vec<usize>, Vec<Goal>) = probabilities
            .iter()
            .enumerate()
            .filter_map(|(place, &p)| goal(p).map(|goal| (place, goal)))
            .unzip();
        let counts = self.powers().reach(&goals);
        for (place, count) in places
            .into_iter()
            .zip(counts.map_err(|error| self.too_many(error))?)
        {
            found[place] = count;
        }
        Ok(found)
    }
}
