//! Quantiles: Newton's method on the logarithm of the smaller tail, guarded by bisection.
//!
//! All quantiles asked for advance together, so that each round is one pass over the times they have got to.

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::curve::depth;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::steps::Values;
use crate::phase::distribution::tolerance::Bounded;

/// Rounds after which every bracket is as narrow as its two neighbouring numbers.
const ROUNDS: usize = 200;

/// A step that moves a time by less than this share of it is the last: what remains is of the order of its square.
const CLOSE: f64 = 1e-10;

/// The tail that is solved for.
#[derive(Clone, Copy, Debug)]
enum Goal {
    /// The mass absorbed after time 0.
    Absorbed(f64),
    Survival(f64),
}

struct Search {
    /// Which of the quantiles asked for.
    index: usize,
    goal: Goal,
    low: f64,
    high: f64,
    time: f64,
    values: Values,
    is_done: bool,
}

impl Search {
    /// Takes in what the time has; whether another round is needed.
    fn advance(&mut self, values: Values) {
        self.values = values;
        // How far the logarithm of the tail is from its goal, and its slope.
        let (excess, slope) = match self.goal {
            Goal::Absorbed(goal) => {
                let slope = values.plain_density() / values.absorbed;
                (-(values.absorbed / goal).ln(), slope)
            }
            Goal::Survival(goal) => {
                let excess = (values.survival / goal).ln() + values.log_scale;
                (excess, values.density / values.survival)
            }
        };
        // Whether the quantile is later.
        let is_below = excess > 0.0;
        match is_below {
            true => self.low = self.time,
            false => self.high = self.time,
        }
        let step = excess / slope;
        let mut next = self.time + step;
        let is_inside = next > self.low && next < self.high;
        if is_inside && step.abs() <= CLOSE * self.time {
            self.time = next;
            self.is_done = true;
            return;
        }
        // Far from the root a tail may be flat, and the step too long.
        if !is_inside || next > 8.0 * self.time || next < self.time / 64.0 {
            next = match (is_below, self.high.is_finite()) {
                (true, false) => 4.0 * self.time,
                (false, _) if self.low < self.time / 64.0 => self.time / 16.0,
                _ => 0.5 * (self.low + self.high),
            };
        }
        self.is_done = next <= self.low || next >= self.high;
        if !self.is_done {
            self.time = next;
        }
    }
}

impl PhaseType {
    /// The smallest times by which absorption has these probabilities, in any order; 0 up to the mass at zero.
    ///
    /// For probabilities close to 1 ask by [survival](Self::survival_quantile): `1 - p` has more digits there.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Probability`] for a probability below 0 or from 1 on, and as for [`pdf`](Self::pdf).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[1.0])?;
    /// let found = time.quantile(&[0.5, 0.0, 1e-12])?;
    /// assert!((found[0] - 2.0_f64.ln()).abs() < 1e-14 && (found[2] / 1e-12 - 1.0).abs() < 1e-11);
    /// assert_eq!(found[1], 0.0);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn quantile(&self, probabilities: &[f64]) -> Result<Vec<f64>, DistributionError> {
        let at_zero = self.mass_at_zero();
        let goals = probabilities.iter().enumerate().map(|(index, &value)| {
            if !(0.0..1.0).contains(&value) {
                return Err(DistributionError::Probability { index, value });
            }
            Ok(match value {
                _ if value <= at_zero => None,
                _ if value <= 0.5 => Some(Goal::Absorbed(value - at_zero)),
                // Exact from one half on.
                _ => Some(Goal::Survival(1.0 - value)),
            })
        });
        let goals = goals.collect::<Result<Vec<_>, _>>()?;
        self.search(&goals)
    }

    /// The smallest times whose survival is at most these probabilities, in any order.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Probability`] for a probability of 0 or less, or more than 1, and as for [`pdf`](Self::pdf).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[1.0])?;
    /// let found = time.survival_quantile(&[1e-30, 1.0])?;
    /// assert!((found[0] - 30.0 * 10.0_f64.ln()).abs() < 1e-12);
    /// assert_eq!(found[1], 0.0);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn survival_quantile(&self, probabilities: &[f64]) -> Result<Vec<f64>, DistributionError> {
        let at_zero = self.mass_at_zero();
        let total: f64 = self.chain()?.start().iter().sum();
        let goals = probabilities.iter().enumerate().map(|(index, &value)| {
            if !(value > 0.0 && value <= 1.0) {
                return Err(DistributionError::Probability { index, value });
            }
            Ok(match value {
                _ if value >= total => None,
                // Exact from one half on.
                _ if value >= 0.5 => Some(Goal::Absorbed(1.0 - value - at_zero)),
                _ => Some(Goal::Survival(value)),
            })
        });
        let goals = goals.collect::<Result<Vec<_>, _>>()?;
        self.search(&goals)
    }

    fn search(&self, goals: &[Option<Goal>]) -> Result<Vec<f64>, DistributionError> {
        let mut out = vec![0.0; goals.len()];
        let mean = self.expectation();
        let searches = goals.iter().enumerate().filter_map(|(index, goal)| {
            let goal = (*goal)?;
            if let Goal::Absorbed(mass) = goal
                && mass <= 0.0
            {
                return None;
            }
            Some(Search {
                index,
                goal,
                low: 0.0,
                high: f64::INFINITY,
                // An exponential time with this mean has the quantile there.
                time: match goal {
                    Goal::Survival(q) => mean * (-q.ln()).clamp(0.01, 8.0),
                    Goal::Absorbed(p) => mean * p.max(1e-3),
                },
                values: Values::default(),
                is_done: false,
            })
        });
        let mut open: Vec<Search> = searches.collect();
        let mut timeline = self.timeline()?;
        for _ in 0..ROUNDS {
            open.sort_by(|a, b| a.time.total_cmp(&b.time));
            let times: Vec<f64> = open.iter().map(|search| search.time).collect();
            for (search, values) in open.iter_mut().zip(timeline.values(&times)?) {
                search.advance(values);
            }
            for search in open.extract_if(.., |search| search.is_done) {
                out[search.index] = self.settle(&search)?;
            }
            if open.is_empty() {
                break;
            }
        }
        for search in open {
            out[search.index] = self.settle(&search)?;
        }
        Ok(out)
    }

    /// A quantile is as certain as the probability it belongs to, over the density there.
    fn settle(&self, search: &Search) -> Result<f64, DistributionError> {
        let values = &search.values;
        let tail = match search.goal {
            Goal::Absorbed(goal) | Goal::Survival(goal) => goal,
        };
        let doubt = tail * values.relative * depth(tail.ln()) + values.off;
        let doubt = doubt / values.plain_density();
        let answer = Bounded {
            value: search.time,
            error: doubt.max(4.0 * f64::EPSILON * search.time),
        };
        let scale = self.expectation();
        self.accept("the quantile", tail, answer, scale)
    }
}
