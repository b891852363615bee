//! Paths that end at a given time.
//!
//! In steps of uniformization, a path of the time t has a number n of steps before the last one, at times that are independent and uniform on
//! \[0, t\]; n has the probability of Poisson's distribution times `alpha P^n e`, where e are the probabilities to be absorbed in
//! a step. Given n, states follow one another with the probabilities of steps times what the columns `P^k e` say of
//! the rest, as in smoothing of hidden Markov models (Fearnhead and Sherlock 2006, *An exact Gibbs sampler for the Markov-modulated
//! Poisson process*).

use std::ops::Range;

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::chain::Chain;
use crate::phase::distribution::curve::check_times;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::philox::Draws;
use crate::phase::distribution::poisson::ln_weight;
use crate::phase::distribution::sample::{SamplePath, each};
use crate::phase::distribution::steps::{last_step, rate_of};

/// Numbers that all columns may take.
const ROOM: usize = 1 << 25;

/// The steps of paths that end at one time.
struct Bridge<'a> {
    chain: &'a Chain,
    rate: f64,
    time: f64,
    /// By number of steps before the last one, its probability and those of fewer.
    cumulative: Vec<f64>,
    /// By number of steps that are left before the last one: what the rest has, relative to its largest.
    columns: Vec<Vec<f64>>,
}

/// One of several outcomes by their weights.
fn draw<T>(draws: &mut Draws, outcomes: impl Iterator<Item = (T, f64)> + Clone) -> Option<T> {
    let total: f64 = outcomes.clone().map(|(_, weight)| weight).sum();
    let mut rest = draws.positive() * total;
    let mut last = None;
    for (outcome, weight) in outcomes.filter(|(_, weight)| *weight > 0.0) {
        rest -= weight;
        last = Some(outcome);
        if rest <= 0.0 {
            break;
        }
    }
    last
}

impl<'a> Bridge<'a> {
    /// None if no path takes this time.
    fn new(chain: &'a Chain, time: f64) -> Option<Self> {
        let rate = rate_of(chain);
        let mean = rate * time;
        let mut column: Vec<f64> = chain.exits().iter().map(|exit| exit / rate).collect();
        let (mut columns, mut sizes) = (Vec::new(), Vec::new());
        let mut scale = 0.0;
        for count in 0..=last_step(mean) {
            let largest = column.iter().copied().fold(0.0, f64::max);
            if largest == 0.0 {
                break;
            }
            column.iter_mut().for_each(|value| *value /= largest);
            scale += largest.ln();
            let started = chain.start().iter().zip(&column);
            let started: f64 = started.map(|(p, value)| p * value).sum();
            let weight = match mean > 0.0 {
                true => ln_weight(count, mean),
                false if count == 0 => 0.0,
                false => f64::NEG_INFINITY,
            };
            sizes.push(weight + scale + started.ln());
            let next = (0..chain.len()).map(|state| {
                let stay = column[state] - column[state] * (chain.outflow()[state] / rate);
                let flows = chain.inner(state).iter();
                flows.fold(stay, |sum, flow| {
                    sum + flow.rate / rate * column[flow.to as usize]
                })
            });
            let next = next.collect();
            columns.push(std::mem::replace(&mut column, next));
        }
        let largest = sizes.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if largest == f64::NEG_INFINITY {
            return None;
        }
        let mut sum = 0.0;
        let cumulative = sizes.iter().map(|size| {
            sum += (size - largest).exp();
            sum
        });
        Some(Self {
            chain,
            rate,
            time,
            cumulative: cumulative.collect(),
            columns,
        })
    }

    fn path(&self, seed: u64, sample: u64) -> SamplePath {
        let mut draws = Draws::new(seed, sample);
        let (chain, rate) = (self.chain, self.rate);
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let goal = draws.positive() * total;
        let count = self.cumulative.partition_point(|&sum| sum < goal);
        let count = count.min(self.columns.len() - 1);
        let mut moments: Vec<f64> = (0..count).map(|_| draws.positive() * self.time).collect();
        moments.sort_by(f64::total_cmp);
        let mut path = SamplePath {
            vertices: Vec::new(),
            times: Vec::new(),
        };
        let begin = &self.columns[count];
        let starts = chain.start().iter().zip(begin).enumerate();
        let starts = starts.map(|(state, (p, value))| (state, p * value));
        let Some(mut state) = draw(&mut draws, starts) else {
            return path;
        };
        path.vertices.push(chain.vertex(state));
        path.times.push(0.0);
        for (step, &moment) in moments.iter().enumerate() {
            let column = &self.columns[count - step - 1];
            let stay = column[state] - column[state] * (chain.outflow()[state] / rate);
            let flows = chain.inner(state).iter();
            let flows = flows.map(|flow| {
                let to = flow.to as usize;
                (to, flow.rate / rate * column[to])
            });
            let next = draw(&mut draws, std::iter::once((state, stay)).chain(flows));
            if let Some(next) = next.filter(|&next| next != state) {
                state = next;
                path.vertices.push(chain.vertex(state));
                path.times.push(moment);
            }
        }
        let ends = chain.outer(state).iter().map(|flow| (flow.to, flow.rate));
        if let Some(end) = draw(&mut draws, ends) {
            path.vertices.push(end);
            path.times.push(self.time);
        }
        path
    }
}

impl PhaseType {
    /// Paths of samples with a seed, given that they are absorbed at exactly this time. Sample i depends on the seed, the time and i
    /// alone.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Time`] for a time that is negative or not finite, [`DistributionError::Number`] where the density is
    /// zero, [`DistributionError::TooStiff`] where rate times time times states is beyond 2^25.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let paths = time.sample_paths_of_time(5.0, 7, 0..4000)?;
    /// assert!(paths.iter().all(|path| path.times[0] == 0.0 && path.times[2] == 5.0));
    /// // Given the sum of two exponential times, the first is uniform.
    /// let mean = paths.iter().map(|path| path.times[1]).sum::<f64>() / 4000.0;
    /// assert!((mean - 2.5).abs() < 5.0 * 5.0 / (12.0 * 4000.0_f64).sqrt());
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn sample_paths_of_time(
        &self,
        time: f64,
        seed: u64,
        samples: Range<u64>,
    ) -> Result<Vec<SamplePath>, DistributionError> {
        check_times(&[time])?;
        let chain = self.chain()?;
        let steps = rate_of(chain) * time;
        if steps * chain.len() as f64 > ROOM as f64 {
            return Err(DistributionError::TooStiff {
                vertices: chain.len(),
                rate: rate_of(chain),
                time,
                steps,
            });
        }
        let Some(bridge) = Bridge::new(chain, time) else {
            return Err(DistributionError::Number {
                what: "time",
                index: 0,
                value: time,
                condition: "the density there is zero, so no path takes it",
            });
        };
        Ok(each(samples, |sample| bridge.path(seed, sample)))
    }
}
