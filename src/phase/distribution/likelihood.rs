//! Log-likelihoods of observed times, and their gradients.

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::backward::{Coefficients, gradient};
use crate::phase::distribution::curve::{depth, logarithm};
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::observations::{Observation, Observations};
use crate::phase::distribution::steps::Values;
use crate::phase::distribution::tangents::is_early;
use crate::phase::distribution::timeline::Timeline;
use crate::phase::distribution::tolerance::{Bounded, UNIT};

/// What an observation says: the logarithm of its probability or density, a bound on its error, and its derivatives by what is
/// known of its times.
struct Term {
    log: Bounded,
    slopes: [Option<Slope>; 2],
}

/// Derivatives of a term by what one time has, in the units of the time's values.
#[derive(Clone, Copy, Default)]
struct Slope {
    time: f64,
    survival: f64,
    density: f64,
}

/// Where the values of a time are among sorted times.
fn place(times: &[f64], time: f64) -> usize {
    times.partition_point(|&other| other < time)
}

/// An observation at sorted times whose values are known.
fn term(observation: Observation, at_zero: f64, times: &[f64], values: &[Values]) -> Term {
    let of = |time: f64| &values[place(times, time)];
    match observation {
        Observation::Exact(0.0) if at_zero > 0.0 => Term {
            log: Bounded {
                value: at_zero.ln(),
                error: UNIT,
            },
            // What the start loses is mass at zero.
            slopes: [
                Some(Slope {
                    time: 0.0,
                    survival: -1.0 / at_zero,
                    density: 0.0,
                }),
                None,
            ],
        },
        Observation::Exact(time) => {
            let v = of(time);
            let slope = Slope {
                time,
                density: 1.0 / v.density,
                ..Slope::default()
            };
            Term {
                log: logarithm(v.density, v, v.off_density),
                slopes: [Some(slope), None],
            }
        }
        Observation::Later(time) => {
            let v = of(time);
            let slope = Slope {
                time,
                survival: 1.0 / v.survival,
                ..Slope::default()
            };
            Term {
                log: logarithm(v.survival, v, v.off),
                slopes: [Some(slope), None],
            }
        }
        Observation::Between(low, high) => {
            let (a, b) = (of(low), of(high));
            let later = (b.log_scale - a.log_scale).exp();
            // What is smaller has the more digits.
            let (mut probability, size) = match a.survival < 0.5 || a.log_scale != 0.0 {
                true => (a.survival - b.survival * later, a.survival),
                false => (b.absorbed - a.absorbed, b.absorbed),
            };
            if low == 0.0 {
                probability += at_zero;
            }
            let slope = |time: f64, survival: f64| {
                Some(Slope {
                    time,
                    survival,
                    density: 0.0,
                })
            };
            let relative = (a.relative + b.relative) * depth(size.ln() + a.log_scale);
            let error = (size * relative + a.off + b.off) / probability;
            Term {
                log: Bounded {
                    value: probability.ln() + a.log_scale,
                    error: error + UNIT,
                },
                slopes: [
                    slope(low, 1.0 / probability).filter(|_| low > 0.0),
                    slope(high, -later / probability),
                ],
            }
        }
    }
}

impl PhaseType {
    /// The logarithm of the likelihood of observed times: the sum of the logarithms of densities and probabilities times
    /// weights. Minus infinity if an observation is impossible.
    ///
    /// All observations take one pass.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Empty`] without observations, and as for [`pdf`](Self::pdf).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Observations, models};
    ///
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let found = time.log_likelihood(&Observations::of_times(&[0.5, 0.1])?)?;
    /// assert!((found - (2.0 * 2.0_f64.ln() - 1.2)).abs() < 1e-14);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn log_likelihood(&self, data: &Observations) -> Result<f64, DistributionError> {
        let times = self.times_of(data)?;
        let values = self.values(&times)?;
        self.add_up(data, &times, &values, |_, _| {})
    }

    fn times_of(&self, data: &Observations) -> Result<Vec<f64>, DistributionError> {
        match data.is_empty() {
            true => Err(DistributionError::Empty {
                what: "observations",
            }),
            false => Ok(data.times()),
        }
    }

    /// The log-likelihood; slopes of the terms go to where they are wanted, with their weights.
    fn add_up(
        &self,
        data: &Observations,
        times: &[f64],
        values: &[Values],
        mut slopes: impl FnMut(f64, Slope),
    ) -> Result<f64, DistributionError> {
        let at_zero = self.mass_at_zero();
        let (mut sum, mut error) = (0.0, 0.0);
        for &(observation, weight) in data.list.iter().filter(|(_, weight)| *weight > 0.0) {
            let term = term(observation, at_zero, times, values);
            if term.log.value == f64::NEG_INFINITY {
                return Ok(f64::NEG_INFINITY);
            }
            sum += weight * term.log.value;
            error += weight * term.log.error;
            for slope in term.slopes.into_iter().flatten() {
                slopes(weight, slope);
            }
        }
        let scale = data
            .list
            .iter()
            .map(|(_, weight)| weight)
            .sum::<f64>()
            .max(1.0);
        let answer = Bounded { value: sum, error };
        let latest = times.last().copied().unwrap_or(0.0);
        self.accept("the log-likelihood", latest, answer, scale)
    }

    /// The log-likelihood of observed times and its gradient with respect to theta.
    ///
    /// The gradient takes one pass back through the steps, whatever the number of observations.
    ///
    /// # Errors
    ///
    /// As for [`log_likelihood`](Self::log_likelihood).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Observations, models};
    ///
    /// // d/dtheta of 2 ln theta - theta (t1 + t2).
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let (_, gradient) = time.log_likelihood_and_gradient(&Observations::of_times(&[0.5, 0.1])?)?;
    /// assert!((gradient[0] - 0.4).abs() < 1e-14);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn log_likelihood_and_gradient(
        &self,
        data: &Observations,
    ) -> Result<(f64, Vec<f64>), DistributionError> {
        let times = self.times_of(data)?;
        let (chain, trace) = (self.slope_chain()?, self.trace());
        let mut timeline = Timeline::new(chain, self.tolerance);
        let parameters = self.parameters();
        if let Some(steps) = timeline.steps_for(&times)? {
            let windows: Vec<_> = times.iter().map(|&time| steps.window(time)).collect();
            let pairs = windows.iter().zip(&times);
            let values: Vec<Values> = pairs
                .map(|(window, &time)| steps.in_window(window, time))
                .collect();
            let mut coefficients = Coefficients::new(steps.record.mass.len());
            let rate = steps.jump.rate;
            let sum = self.add_up(data, &times, &values, |weight, slope| {
                let window = &windows[place(&times, slope.time)];
                let early = is_early(window, steps);
                for (place, of) in window.weights.iter().enumerate() {
                    let (step, of) = (window.first + place, weight * of);
                    if early {
                        coefficients.absorbed[step] -= of * slope.survival;
                        coefficients.start += of * slope.survival;
                    }
                    if place < window.counted {
                        coefficients.flow[step] += of * slope.density * rate;
                        if !early {
                            coefficients.mass[step] += of * slope.survival;
                        }
                    }
                }
            })?;
            return Ok((sum, gradient(chain, trace, steps, &coefficients)));
        }
        let found = timeline.tangents(trace, &times)?;
        let values: Vec<Values> = found.iter().map(|(values, _)| *values).collect();
        let mut gradient = vec![0.0; parameters];
        let sum = self.add_up(data, &times, &values, |weight, slope| {
            // Without states all mass is at zero, and nothing depends on theta.
            if let Some((_, tangent)) = found.get(place(&times, slope.time)) {
                for (k, (s, d)) in tangent.survival.iter().zip(&tangent.density).enumerate() {
                    gradient[k] += weight * (slope.survival * s + slope.density * d);
                }
            }
        })?;
        Ok((sum, gradient))
    }
}
