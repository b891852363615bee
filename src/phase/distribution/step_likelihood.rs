//! Log-likelihoods of observed numbers of steps, and their gradients.

use crate::phase::distribution::answers::whole_counts;
use crate::phase::distribution::discrete::DiscretePhaseType;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::observations::{Observation, Observations};
use crate::phase::distribution::tolerance::{Bounded, UNIT};

/// What an observation says: the logarithm of its probability, and its derivatives by the probability of a count and by
/// distribution functions.
struct Term {
    log: Bounded,
    of_pmf: Option<(usize, f64)>,
    of_cdf: [Option<(usize, f64)>; 2],
}

impl DiscretePhaseType {
    /// The logarithm of the likelihood of observed numbers of steps, which are whole: the sum of the logarithms of probabilities
    /// times weights. Minus infinity if an observation is impossible.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Empty`] without observations, [`DistributionError::Number`] for numbers that are not whole, and as for
    /// [`pmf`](Self::pmf).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph, Observations};
    ///
    /// let mut builder = Graph::builder(0, 2);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_edge(coin, end, &[1.0, 0.0]).add_edge(coin, coin, &[0.0, 1.0]);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[0.25, 0.75])?;
    /// // Once at the second toss, and once not within the first two.
    /// let data = Observations::of_times(&[2.0])?.right_censored(2.0, 1.0)?;
    /// let (value, gradient) = tosses.log_likelihood_and_gradient(&data)?;
    /// assert!((value - (0.25 * 0.75_f64.powi(3)).ln()).abs() < 1e-14);
    /// // ln p + 3 ln q - 4 ln (p + q)
    /// assert!((gradient[0] - 0.0).abs() < 1e-14 && (gradient[1] - 0.0).abs() < 1e-14);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn log_likelihood(&self, data: &Observations) -> Result<f64, DistributionError> {
        let counts = self.counts_of(data)?;
        Ok(self.terms(data, &counts)?.0)
    }

    /// The log-likelihood of observed numbers of steps and its gradient with respect to theta.
    ///
    /// # Errors
    ///
    /// As for [`log_likelihood`](Self::log_likelihood) and [`pmf_and_gradients`](Self::pmf_and_gradients).
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph, Observations};
    ///
    /// let mut builder = Graph::builder(0, 2);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_edge(coin, end, &[1.0, 0.0]).add_edge(coin, coin, &[0.0, 1.0]);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[0.5, 0.5])?;
    /// let (value, gradient) = tosses.log_likelihood_and_gradient(&Observations::of_times(&[1.0])?)?;
    /// // ln p - ln (p + q)
    /// assert!((value - 0.5_f64.ln()).abs() < 1e-14);
    /// assert!((gradient[0] - 1.0).abs() < 1e-14 && (gradient[1] + 1.0).abs() < 1e-14);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn log_likelihood_and_gradient(
        &self,
        data: &Observations,
    ) -> Result<(f64, Vec<f64>), DistributionError> {
        let counts = self.counts_of(data)?;
        let (sum, terms) = self.terms(data, &counts)?;
        let [pmf, cdf] = self.slopes(&counts)?;
        let mut gradient = vec![0.0; self.parameters()];
        for (parameter, gradient) in gradient.iter_mut().enumerate() {
            for (term, weight) in &terms {
                let of_pmf = term.of_pmf.iter();
                let of_pmf = of_pmf.map(|&(place, slope)| slope * pmf[[place, parameter]]);
                let of_cdf = term.of_cdf.iter().flatten();
                let of_cdf = of_cdf.map(|&(place, slope)| slope * cdf[[place, parameter]]);
                *gradient += weight * of_pmf.chain(of_cdf).sum::<f64>();
            }
        }
        Ok((sum, gradient))
    }

    fn counts_of(&self, data: &Observations) -> Result<Vec<u64>, DistributionError> {
        match data.is_empty() {
            true => Err(DistributionError::Empty {
                what: "observations",
            }),
            false => whole_counts(data.times()),
        }
    }

    /// The log-likelihood, and the terms with their weights.
    fn terms(
        &self,
        data: &Observations,
        counts: &[u64],
    ) -> Result<(f64, Vec<(Term, f64)>), DistributionError> {
        let curve = self.curve(counts)?;
        let place = |time: f64| counts.partition_point(|&count| (count as f64) < time);
        let logarithm = |value: f64, error: f64| Bounded {
            value: value.ln(),
            error: match value > 0.0 {
                true => error / value + UNIT,
                false => 0.0,
            },
        };
        let mut terms = Vec::new();
        let (mut sum, mut error, mut scale) = (0.0, 0.0, 0.0);
        for &(observation, weight) in data.list.iter().filter(|(_, weight)| *weight > 0.0) {
            let term = match observation {
                Observation::Exact(time) => {
                    let at = place(time);
                    Term {
                        log: logarithm(curve.pmf[at], curve.pmf_error[at]),
                        of_pmf: Some((at, 1.0 / curve.pmf[at])),
                        of_cdf: [None, None],
                    }
                }
                Observation::Later(time) => {
                    let at = place(time);
                    Term {
                        log: logarithm(curve.survival[at], curve.survival_error[at]),
                        of_pmf: None,
                        of_cdf: [Some((at, -1.0 / curve.survival[at])), None],
                    }
                }
                Observation::Between(low, high) => {
                    let (a, b) = (place(low), place(high));
                    // What is smaller has the more digits; from 0 on no step counts too.
                    let (probability, error) = match low == 0.0 {
                        true => (curve.cdf[b], curve.cdf_error[b]),
                        false if curve.survival[a] < 0.5 => (
                            curve.survival[a] - curve.survival[b],
                            curve.survival_error[a] + curve.survival_error[b],
                        ),
                        false => (
                            curve.cdf[b] - curve.cdf[a],
                            curve.cdf_error[a] + curve.cdf_error[b],
                        ),
                    };
                    let below = (a, -1.0 / probability);
                    Term {
                        log: logarithm(probability, error),
                        of_pmf: None,
                        of_cdf: [Some((b, 1.0 / probability)), (low > 0.0).then_some(below)],
                    }
                }
            };
            if term.log.value == f64::NEG_INFINITY {
                return Ok((f64::NEG_INFINITY, Vec::new()));
            }
            sum += weight * term.log.value;
            error += weight * term.log.error;
            scale += weight;
            terms.push((term, weight));
        }
        let answer = Bounded { value: sum, error };
        let latest = counts.last().copied().unwrap_or(0);
        let scale = f64::max(scale, 1.0);
        let sum = self.accept_within("the log-likelihood", latest, answer, scale)?;
        Ok((sum, terms))
    }
}
