//! Log-likelihoods of observed times, and their gradients.

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::backward::{Coefficients, gradient};
use crate::phase::distribution::curve::{depth, logarithm};
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::observations::{Observation, Observations, Placed};
use crate::phase::distribution::steps::Values;
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
    /// Which time.
    place: usize,
    survival: f64,
    density: f64,
}

/// An observation at sorted times whose values are known.
fn term(of: &Placed, at_zero: f64, values: &[Values]) -> Term {
    let [place, end] = of.places;
    match of.observation {
        Observation::Exact(0.0) if at_zero > 0.0 => Term {
            log: Bounded {
                value: at_zero.ln(),
                error: UNIT,
            },
            // What the start loses is mass at zero.
            slopes: [
                Some(Slope {
                    place,
                    survival: -1.0 / at_zero,
                    density: 0.0,
                }),
                None,
            ],
        },
        Observation::Exact(_) => {
            let v = &values[place];
            let slope = Slope {
                place,
                density: 1.0 / v.density,
                ..Slope::default()
            };
            Term {
                log: logarithm(v.density, v, v.off_density),
                slopes: [Some(slope), None],
            }
        }
        Observation::Later(_) => {
            let v = &values[place];
            let slope = Slope {
                place,
                survival: 1.0 / v.survival,
                ..Slope::default()
            };
            Term {
                log: logarithm(v.survival, v, v.off),
                slopes: [Some(slope), None],
            }
        }
        Observation::Between(low, _) => {
            let (a, b) = (&values[place], &values[end]);
            let later = (b.log_scale - a.log_scale).exp();
            // What is smaller has the more digits.
            let (mut probability, size) = match a.survival < 0.5 || a.log_scale != 0.0 {
                true => (a.survival - b.survival * later, a.survival),
                false => (b.absorbed - a.absorbed, b.absorbed),
            };
            if low == 0.0 {
                probability += at_zero;
            }
            let slope = |place: usize, survival: f64| {
                Some(Slope {
                    place,
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
                    slope(place, 1.0 / probability).filter(|_| low > 0.0),
                    slope(end, -later / probability),
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
        let values = self.values(times)?;
        self.add_up(data, &values, |_, _| {})
    }

    fn times_of<'a>(&self, data: &'a Observations) -> Result<&'a [f64], DistributionError> {
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
        values: &[Values],
        mut slopes: impl FnMut(f64, Slope),
    ) -> Result<f64, DistributionError> {
        let at_zero = self.mass_at_zero();
        let (mut sum, mut error) = (0.0, 0.0);
        let sorted = data.sorted();
        for of in &sorted.list {
            let term = term(of, at_zero, values);
            if term.log.value == f64::NEG_INFINITY {
                return Ok(f64::NEG_INFINITY);
            }
            sum += of.weight * term.log.value;
            error += of.weight * term.log.error;
            for slope in term.slopes.into_iter().flatten() {
                slopes(of.weight, slope);
            }
        }
        let scale = sorted.weight.max(1.0);
        let answer = Bounded { value: sum, error };
        let latest = sorted.times.last().copied().unwrap_or(0.0);
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
        // Those that steps answer share one pass back; derivatives of the others are carried forward by the ladder.
        let (near, far) = times.split_at(timeline.near(times));
        let tangents = timeline.tangents(trace, far)?;
        let mut slopes = vec![0.0; self.parameters()];
        let found = timeline.at_near(near);
        let values = found.iter().map(|(values, _)| *values);
        let values: Vec<Values> = values.chain(tangents.iter().map(|(v, _)| *v)).collect();
        // By time, as many observations may share one; its weights are found again, which takes less than to keep them all.
        let mut by_time = vec![[0.0; 2]; near.len()];
        let sum = self.add_up(data, &values, |weight, slope| {
            match slope.place.checked_sub(near.len()) {
                None => {
                    let [survival, density] = &mut by_time[slope.place];
                    *survival += weight * slope.survival;
                    *density += weight * slope.density;
                }
                Some(place) => {
                    let (_, tangent) = &tangents[place];
                    for (k, (s, d)) in tangent.survival.iter().zip(&tangent.density).enumerate() {
                        slopes[k] += weight * (slope.survival * s + slope.density * d);
                    }
                }
            }
        })?;
        if !near.is_empty() {
            let steps = timeline.steps();
            let mut coefficients = Coefficients::new(steps.record.mass.len());
            let rate = steps.jump.rate;
            for ((&time, (v, near)), &[survival, density]) in near.iter().zip(&found).zip(&by_time)
            {
                // Where less is absorbed than not, that is what keeps its digits.
                let early = v.log_scale == 0.0 && v.absorbed < v.survival;
                let of = match early {
                    true => [density * rate, -survival],
                    false => [density * rate, survival],
                };
                match near {
                    Some(range) => {
                        let by_step = coefficients.pairs(early);
                        steps.each_weight(time, *range, |step, weight| {
                            let [flow, other] = &mut by_step[step];
                            *flow += weight * of[0];
                            *other += weight * of[1];
                        });
                    }
                    None => {
                        let window = steps.window(time);
                        coefficients.reach(steps.record.mass.len());
                        let by_step = coefficients.pairs(early);
                        for (place, weight) in window.weights.iter().enumerate() {
                            let [flow, other] = &mut by_step[window.first + place];
                            // Further on masses are in other units.
                            if place < window.counted {
                                *flow += weight * of[0];
                            }
                            if early || place < window.counted {
                                *other += weight * of[1];
                            }
                        }
                    }
                }
                if early {
                    coefficients.start += survival;
                }
            }
            let back = gradient(chain, trace, steps, &coefficients);
            slopes
                .iter_mut()
                .zip(back)
                .for_each(|(slope, back)| *slope += back);
        }
        Ok((sum, slopes))
    }
}
