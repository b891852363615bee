//! Which method answers a question about times, and the answers with their bounds.
//!
//! | method | cost | error |
//! | --- | --- | --- |
//! | [uniformization](crate::phase::distribution::steps) | rate x time x rates | relative, grows with the root of rate x time |
//! | [ladder](crate::phase::distribution::ladder) | states^3 x log2(rate x time) | relative, some units in the last place per level |
//! | [contour](crate::phase::distribution::contour) | 30 complex eliminations per time | absolute, estimated by two numbers of points |
//!
//! The cheapest one that keeps the tolerance answers; the contour only where no ladder fits.

use crate::phase::distribution::chain::Chain;
use crate::phase::distribution::contour::Contour;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::ladder::Ladder;
use crate::phase::distribution::state_tangents::{StateSlope, by_steps};
use crate::phase::distribution::steps::{Steps, Values, last_step, rate_of, rounding};
use crate::phase::distribution::tangents::{Tangent, Tangents};
use crate::phase::distribution::tolerance::{Bounded, Tolerance};
use crate::phase::trace::EliminationTrace;

/// More steps than this are not taken.
const MOST_STEPS: f64 = 1e9;

/// More states than this have no ladder: its matrices would not fit.
const MOST_STATES: usize = 2048;

/// By how much a multiply-add of a dense product is cheaper than one of a step.
const DENSE: f64 = 8.0;

/// Steps of so many multiplications take some ten seconds.
const LONG: f64 = 1e10;

/// The terms of the series that the ladder begins with, weighted as single numbers where squarings are vectors.
const SERIES: f64 = 60.0;

/// What a ladder costs before its first product.
const SET_UP: f64 = 2e5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Steps,
    Ladder,
    Contour,
}

/// What a transform is made of.
#[derive(Clone, Copy)]
struct Transform<'a> {
    trace: &'a EliminationTrace,
    theta: &'a [f64],
    /// The natural size of a density.
    density: f64,
}

/// A chain at times.
pub(crate) struct Timeline<'a> {
    chain: &'a Chain,
    tolerance: Tolerance,
    steps: Option<Steps<'a>>,
    ladder: Option<Ladder<'a>>,
    transform: Option<Transform<'a>>,
    contour: Option<Contour<'a>>,
}

impl<'a> Timeline<'a> {
    pub(crate) fn new(chain: &'a Chain, tolerance: Tolerance) -> Self {
        Self {
            chain,
            tolerance,
            steps: None,
            ladder: None,
            transform: None,
            contour: None,
        }
    }

    /// The same where absolute errors are good enough for some, so that the transform may be inverted.
    pub(crate) fn with_transform(
        mut self,
        trace: &'a EliminationTrace,
        theta: &'a [f64],
        density: f64,
    ) -> Self {
        self.transform = self.tolerance.is_absolute().then_some(Transform {
            trace,
            theta,
            density,
        });
        self
    }

    /// The same with steps that were taken before.
    pub(crate) fn with_steps(mut self, steps: Steps<'a>) -> Self {
        self.steps = Some(steps);
        self
    }

    /// How many steps ascending times take, if they are for steps.
    pub(crate) fn steps_to(&self, times: &[f64]) -> Option<usize> {
        if self.chain.len() == 0 || self.shortcut(times).is_some() {
            return None;
        }
        let latest = times[..self.near(times)].last()?;
        Some(last_step(rate_of(self.chain) * latest))
    }

    /// The cost of steps in multiplications.
    fn cost_of_steps(&self, count: f64) -> f64 {
        let states = self.chain.len() as f64;
        (count + 37.0 * count.sqrt() + states) * (self.chain.flows() as f64 + 3.0 * states)
    }

    fn choose(&self, latest: f64) -> Result<Method, DistributionError> {
        let chain = self.chain;
        let rate = chain.fastest();
        let count = rate * latest;
        let states = chain.len() as f64;
        let steps = self.cost_of_steps(count);
        let levels = count.max(1.0).log2() + 4.0;
        // The first level is a series for each state, which takes this many times what as many steps do.
        let series = SERIES * states * (chain.flows() as f64 + 5.0 * states);
        let ladder = SET_UP + states.powi(3) * levels / DENSE + series;
        let one = Bounded {
            value: 1.0,
            error: rounding(count),
        };
        let steps_will_do = count <= MOST_STEPS && self.tolerance.allows(one, 1.0);
        let ladder_will_do = chain.len() <= MOST_STATES && count.is_finite();
        match (steps_will_do, ladder_will_do) {
            (true, true) if ladder < steps => Ok(Method::Ladder),
            (true, _) => Ok(Method::Steps),
            (false, true) => Ok(Method::Ladder),
            (false, false) if self.transform.is_some() && count.is_finite() => Ok(Method::Contour),
            (false, false) => Err(DistributionError::TooStiff {
                vertices: chain.len(),
                rate,
                time: latest,
                steps: count,
            }),
        }
    }

    pub(crate) fn steps(&mut self) -> &mut Steps<'a> {
        let chain = self.chain;
        self.steps.get_or_insert_with(|| Steps::new(chain))
    }

    fn ladder(&mut self) -> &mut Ladder<'a> {
        let chain = self.chain;
        self.ladder.get_or_insert_with(|| Ladder::new(chain))
    }

    fn contour(&mut self, of: Transform<'a>) -> &Contour<'a> {
        let (chain, cost) = (self.chain, self.cost_of_steps(1.0));
        self.contour.get_or_insert_with(|| {
            // What uniformization answers in a fraction of a second.
            let count = (4e7 / cost).min(1e5);
            Contour::new(chain, of.trace, of.theta, count / chain.fastest())
        })
    }

    /// How many of ascending times are left to other methods, if the contour is so much cheaper for the rest that it is
    /// worth trying.
    fn shortcut(&self, times: &[f64]) -> Option<(usize, Transform<'a>)> {
        let of = self.transform?;
        let (rate, contour) = (self.chain.fastest(), Contour::cost(of.trace));
        let is_near = |time: &f64| {
            let steps = self.cost_of_steps(rate * time);
            steps < LONG || steps < 8.0 * contour * times.len() as f64
        };
        let near = times.iter().take_while(|time| is_near(time)).count();
        (self.chain.len() > MOST_STATES && near < times.len()).then_some((near, of))
    }

    /// Survival, density and absorption at ascending times.
    pub(crate) fn values(&mut self, times: &[f64]) -> Result<Vec<Values>, DistributionError> {
        let Some(&latest) = times.last() else {
            return Ok(Vec::new());
        };
        if self.chain.len() == 0 {
            return Ok(vec![Values::default(); times.len()]);
        }
        let method = self.choose(latest)?;
        let mut values: Vec<Values> = Vec::with_capacity(times.len());
        if let Some((near, of)) = self.shortcut(times) {
            let tolerance = self.tolerance;
            let keeps = |error, scale| {
                tolerance.allows(
                    Bounded {
                        value: scale,
                        error,
                    },
                    scale,
                )
            };
            let found = self.contour(of).values(&times[near..]);
            if found
                .iter()
                .all(|v| keeps(v.off, 1.0) && keeps(v.off_density, of.density))
            {
                values.extend(self.values(&times[..near])?);
                values.extend(found);
                return Ok(values);
            }
        }
        let (near, far) = times.split_at(self.near(times));
        if !near.is_empty() {
            let steps = self.steps();
            values.extend(near.iter().map(|&time| steps.at(time)));
        }
        if !far.is_empty() {
            values.extend(match (method, self.transform) {
                (Method::Contour, Some(of)) => self.contour(of).values(far),
                _ => self.ladder().values(far),
            });
        }
        Ok(values)
    }

    /// How many of ascending times are for steps: small times keep more digits there.
    pub(crate) fn near(&self, times: &[f64]) -> usize {
        if self.chain.len() == 0 {
            return 0;
        }
        let is_near = |time: &f64| matches!(self.choose(*time), Ok(Method::Steps));
        // Steps cost more with time than anything else does.
        times.partition_point(is_near)
    }

    /// Values of times that steps answer, with the steps that count for each.
    pub(crate) fn at_near(&mut self, near: &[f64]) -> Vec<(Values, Option<[usize; 2]>)> {
        match near.is_empty() {
            true => Vec::new(),
            false => {
                let steps = self.steps();
                near.iter().map(|&time| steps.at_steps(time)).collect()
            }
        }
    }

    /// Values at ascending times with their derivatives by theta.
    pub(crate) fn tangents(
        &mut self,
        trace: &EliminationTrace,
        times: &[f64],
    ) -> Result<Vec<(Values, Tangent)>, DistributionError> {
        let chain = self.chain;
        if chain.len() == 0 {
            let zeros = vec![0.0; chain.by().parameters()];
            let tangent = Tangent {
                survival: zeros.clone(),
                density: zeros,
            };
            return Ok(vec![(Values::default(), tangent); times.len()]);
        }
        let latest = times.last().copied().unwrap_or(0.0);
        self.choose(latest)?;
        let (near, far) = times.split_at(self.near(times));
        let mut found = Vec::with_capacity(times.len());
        if !near.is_empty() {
            found = self.near_tangents(trace, near);
        }
        if !far.is_empty() {
            found.extend(self.ladder().tangents(trace, far));
        }
        Ok(found)
    }

    fn near_tangents(&mut self, trace: &EliminationTrace, times: &[f64]) -> Vec<(Values, Tangent)> {
        let chain = self.chain;
        let steps = self.steps();
        let windows: Vec<_> = times.iter().map(|&time| steps.window(time)).collect();
        let tangents = Tangents::new(chain, trace, steps);
        let pairs = windows.iter().zip(times);
        pairs
            .map(|(window, &time)| (steps.in_window(window, time), tangents.at(window, steps)))
            .collect()
    }

    /// Where the chain is at ascending times, a row per time.
    pub(crate) fn places(&mut self, times: &[f64]) -> Result<Vec<Vec<f64>>, DistributionError> {
        let Some(&latest) = times.last() else {
            return Ok(Vec::new());
        };
        if self.chain.len() == 0 {
            return Ok(vec![Vec::new(); times.len()]);
        }
        if let Some((near, of)) = self.shortcut(times)
            && let Ok(found) = self.sights(of, &times[near..])
        {
            let mut places = self.places(&times[..near])?;
            places.extend(found);
            return Ok(places);
        }
        match (self.choose(latest)?, self.transform) {
            (Method::Steps, _) => Ok(self.steps().vectors(times).0),
            (Method::Contour, Some(of)) => {
                let (near, far) = times.split_at(self.near(times));
                let mut places = self.steps().vectors(near).0;
                places.extend(self.sights(of, far)?);
                Ok(places)
            }
            _ => Ok(self.ladder().places(times)),
        }
    }

    /// Where the chain is at positive times by the contour, if that keeps the tolerance.
    fn sights(
        &mut self,
        of: Transform<'a>,
        times: &[f64],
    ) -> Result<Vec<Vec<f64>>, DistributionError> {
        let tolerance = self.tolerance;
        let contour = self.contour(of);
        let place = |&time: &f64| {
            let sight = contour.at(time);
            let error = contour.bound(&sight);
            let answer = Bounded { value: 1.0, error };
            match tolerance.allows(answer, 1.0) {
                true => Ok(sight.places),
                false => Err(DistributionError::NotReached {
                    quantity: "the state probabilities",
                    at: time,
                    bound: error,
                }),
            }
        };
        times.iter().map(place).collect()
    }

    /// How long the chain has been in each state until ascending times, a row per time; nothing where it is cheaper found
    /// from where the chain is then.
    pub(crate) fn stays(
        &mut self,
        times: &[f64],
    ) -> Result<Option<Vec<Vec<f64>>>, DistributionError> {
        let latest = times.last().copied().unwrap_or(0.0);
        if self.chain.len() == 0 {
            return Ok(Some(vec![Vec::new(); times.len()]));
        }
        match self.choose(latest)? {
            // Whatever finds where the chain is finds this too.
            Method::Steps if self.shortcut(times).is_some() => Ok(None),
            Method::Steps => Ok(Some(self.steps().vectors(times).1)),
            Method::Ladder => Ok(Some(self.ladder().stays(times))),
            Method::Contour => Ok(None),
        }
    }

    /// Derivatives of where the chain is at ascending times, and of how long it was in each state, by parameter.
    pub(crate) fn state_slopes(
        &mut self,
        trace: &EliminationTrace,
        times: &[f64],
    ) -> Result<Vec<StateSlope>, DistributionError> {
        let chain = self.chain;
        let latest = times.last().copied().unwrap_or(0.0);
        if chain.len() == 0 {
            let empty = || vec![Vec::new(); times.len()];
            let none = (0..chain.by().parameters()).map(|_| StateSlope {
                places: empty(),
                stays: empty(),
            });
            return Ok(none.collect());
        }
        Ok(match self.choose(latest)? {
            Method::Steps => by_steps(chain, trace, times),
            _ => self.ladder().state_slopes(trace, times),
        })
    }
}
