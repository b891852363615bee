//! The ladder: the chain over h, 2 h, 4 h, .. by squaring, for rates and times whose product is too large for steps.
//!
//! The transition matrix of a short time h is a series of nonnegative terms; it is then squared, and each square is the
//! matrix of twice the time. Absorption is one more column, so rows sum to 1, and after each squaring they are *scaled* to do so.
//! Without that the roundings of the rows double from level to level, and after 53 levels no digit is left. With it
//! what leaves a state is always what arrives somewhere, which is the idea of Grassmann, Taksar and Heyman (1985) in
//! elimination, and relative accuracy survives 60 levels and more.
//!
//! A time is a whole number of h and a rest. The rest is a series too, the whole number goes through the
//! levels from its lowest bit. So the levels are needed one after the other, and only one matrix is kept.

use ndarray::aview1;
use rayon::prelude::*;

use crate::phase::distribution::chain::Chain;
use crate::phase::distribution::jump::Jump;
use crate::phase::distribution::ladder_matrix::{Matrix, Rows};
use crate::phase::distribution::ladder_stays::{Stays, rows_over};
use crate::phase::distribution::slopes::Slope;
use crate::phase::distribution::state_tangents::StateSlope;
use crate::phase::distribution::steps::Values;
use crate::phase::distribution::tangents::Tangent;
use crate::phase::distribution::tolerance::UNIT;
use crate::phase::trace::EliminationTrace;

/// Terms of a series over at most one half: the 20th is below 2^-20 / 20!.
const TERMS: usize = 20;

/// Which part of a mean time between jumps the first level covers.
const FIRST: f64 = 0.5;

/// A row that sums to less is scaled up, before its entries are below every `f64`.
const SMALL: f64 = 1e-150;

pub(crate) struct Ladder<'a> {
    pub(super) chain: &'a Chain,
    pub(super) jump: Jump,
    /// The time of the first level.
    unit: f64,
}

/// The matrix of one level and its derivatives by the parameters.
struct Rung {
    matrix: Matrix,
    slopes: Vec<Matrix>,
    /// How long the chain is in each state while the level lasts, if that is asked for.
    stays: Option<Stays>,
}

impl Rung {
    /// The matrix of twice the time.
    fn square(&self) -> Self {
        let ones = vec![1.0; self.matrix.exit.len()];
        let mut matrix = self.matrix.then(&self.matrix);
        matrix.normalize(&ones);
        let slopes = self.slopes.iter().map(|slope| {
            let mut next = slope.then(&self.matrix);
            // `then` has added the old absorption once, whose derivative it is.
            next.add_then(&self.matrix, slope);
            next.balance(&matrix, &ones);
            next
        });
        let stays = self.stays.as_ref();
        Self {
            slopes: slopes.collect(),
            stays: stays.map(|stays| stays.twice(&self.matrix, &self.slopes)),
            matrix,
        }
    }
}

/// How rows of a series start.
#[derive(Clone, Copy)]
enum Start<'a> {
    /// In one state each.
    States,
    /// As the chain does, with these derivatives.
    Chain(&'a [Slope]),
}

impl Rows {
    /// Takes some rows one level further.
    fn climb(&mut self, rows: &[usize], rung: &Rung, total: f64) {
        let before = self.places.select(rows);
        let mut after = before.then(&rung.matrix);
        for (slope, of) in self.slopes.iter_mut().zip(&rung.slopes) {
            let mut next = slope.select(rows).then(&rung.matrix);
            next.add_then(&before, of);
            slope.replace(rows, &next);
        }
        // Absorption is kept beside rows that were scaled up, so it no longer adds up with them.
        let plain: Vec<bool> = rows.iter().map(|&row| self.log_scale[row] == 0.0).collect();
        let absorbed = before.exit.clone();
        let scaled = after.inner.clone();
        after.normalize(&vec![total; rows.len()]);
        for (place, &is_plain) in plain.iter().enumerate() {
            if !is_plain {
                after.inner.row_mut(place).assign(&scaled.row(place));
                after.exit[place] = absorbed[place];
            }
        }
        self.places.replace(rows, &after);
        if !self.slopes.is_empty() {
            for (place, &row) in rows.iter().enumerate().filter(|(place, _)| plain[*place]) {
                let of = after.select(&[place]);
                for slope in &mut self.slopes {
                    let mut own = slope.select(&[row]);
                    own.balance(&of, &[total]);
                    slope.replace(&[row], &own);
                }
            }
        }
        for &row in rows {
            let sum = self.places.inner.row(row).sum();
            if sum < SMALL && sum > 0.0 {
                let mut place = self.places.inner.row_mut(row);
                place /= sum;
                for slope in &mut self.slopes {
                    let mut place = slope.inner.row_mut(row);
                    place /= sum;
                }
                self.log_scale[row] += sum.ln();
            }
        }
    }
}

impl<'a> Ladder<'a> {
    pub(crate) fn new(chain: &'a Chain) -> Self {
        let jump = Jump::new(chain, chain.fastest());
        Self {
            unit: FIRST / jump.rate,
            chain,
            jump,
        }
    }

    /// Probabilities of so many jumps, by number, for a mean of at most one half.
    fn terms(mean: f64) -> [f64; TERMS] {
        let mut terms = [0.0; TERMS];
        let mut term = (-mean).exp();
        for (k, slot) in terms.iter_mut().enumerate() {
            *slot = term;
            term *= mean / (k + 1) as f64;
        }
        terms
    }

    /// Probabilities of more jumps, by number: how long it stays that number, times the rate of jumps.
    fn tails(mean: f64) -> [f64; TERMS] {
        let mut tails = Self::terms(mean);
        // Of the first that is left out, which is next to all of those.
        let mut sum = tails[TERMS - 1] * mean / TERMS as f64;
        for tail in tails.iter_mut().rev() {
            (*tail, sum) = (sum, sum + *tail);
        }
        tails
    }

    /// Rows of a series over short times, each from its own start: absorption beside them, and derivatives.
    fn short(
        &self,
        start: Start<'_>,
        means: &[f64],
        slopes: &[Slope],
        weights: impl Fn(f64) -> [f64; TERMS] + Sync,
    ) -> (Matrix, Vec<Matrix>) {
        let states = self.chain.len();
        let absorb = &self.jump.absorb;
        let rows: Vec<Vec<(Vec<f64>, f64)>> = means
            .par_iter()
            .enumerate()
            .map(|(row, &mean)| {
                let mut v = match start {
                    Start::States => vec![0.0; states],
                    Start::Chain(_) => self.chain.start().to_vec(),
                };
                let mut tangents = match start {
                    Start::States => vec![(vec![0.0; states], 0.0); slopes.len()],
                    // What the start loses is absorbed at once.
                    Start::Chain(slopes) => {
                        let each = slopes.iter().map(|slope| {
                            let lost = -slope.start.iter().sum::<f64>();
                            (slope.start.clone(), lost)
                        });
                        each.collect()
                    }
                };
                if let Start::States = start {
                    v[row] = 1.0;
                }
                let mut next = vec![0.0; states];
                let mut absorbed = 0.0;
                // The row and its derivatives, each with its absorption.
                let mut out = vec![(vec![0.0; states], 0.0); slopes.len() + 1];
                for term in weights(mean) {
                    for ((slope, (row, taken)), out) in
                        slopes.iter().zip(&mut tangents).zip(&mut out[1..])
                    {
                        for (out, d) in out.0.iter_mut().zip(row.iter()) {
                            *out += term * d;
                        }
                        out.1 += term * *taken;
                        *taken += slope.absorption(&v, row, absorb);
                        self.jump.forward_signed(row, &mut next);
                        slope.add(&v, &mut next);
                        std::mem::swap(row, &mut next);
                    }
                    for (out, p) in out[0].0.iter_mut().zip(&v) {
                        *out += term * p;
                    }
                    out[0].1 += term * absorbed;
                    absorbed += v.iter().zip(absorb).map(|(p, a)| p * a).sum::<f64>();
                    self.jump.forward(&v, &mut next);
                    std::mem::swap(&mut v, &mut next);
                }
                out
            })
            .collect();
        let matrix = |k: usize| {
            let mut matrix = Matrix::zeros(means.len(), states);
            for (row, values) in rows.iter().enumerate() {
                let (inner, exit) = &values[k];
                matrix.inner.row_mut(row).assign(&aview1(inner));
                matrix.exit[row] = *exit;
            }
            matrix
        };
        (matrix(0), (1..=slopes.len()).map(matrix).collect())
    }

    /// The first level, with how long the chain is in each state while it lasts if that is asked for.
    fn first(&self, slopes: &[Slope], with_stays: bool) -> Rung {
        let states = self.chain.len();
        let means = vec![FIRST; states];
        let short = |weights: fn(f64) -> [f64; TERMS], total: f64| {
            let totals = vec![total; states];
            let (mut matrix, mut own) = self.short(Start::States, &means, slopes, weights);
            matrix.normalize(&totals);
            own.iter_mut().for_each(|own| own.balance(&matrix, &totals));
            (matrix, own)
        };
        let (matrix, slopes) = short(Self::terms, 1.0);
        let stays = with_stays.then(|| {
            let (matrix, slopes) = short(Self::tails, FIRST);
            Stays {
                matrix,
                slopes,
                lengths: means.clone(),
            }
        });
        Rung {
            matrix,
            slopes,
            stays,
        }
    }

    /// Where the chain is at times, and what is absorbed by then.
    fn run(&self, times: &[f64], slopes: &[Slope]) -> Rows {
        self.run_with(times, slopes, false).0
    }

    /// The same with how long it was in each state, if that is asked for.
    fn run_with(&self, times: &[f64], slopes: &[Slope], with_stays: bool) -> (Rows, Option<Stays>) {
        let wholes: Vec<f64> = times.iter().map(|t| (t / self.unit).floor()).collect();
        let pairs = times.iter().zip(&wholes);
        let means: Vec<f64> = pairs
            .map(|(t, whole)| whole.mul_add(-self.unit, *t).clamp(0.0, self.unit) * self.jump.rate)
            .collect();
        let total: f64 = self.chain.start().iter().sum();
        let short = |weights: fn(f64) -> [f64; TERMS], totals: &[f64]| {
            let (mut matrix, mut own) = self.short(Start::Chain(slopes), &means, slopes, weights);
            matrix.normalize(totals);
            own.iter_mut().for_each(|own| own.balance(&matrix, totals));
            (matrix, own)
        };
        let (places, tangents) = short(Self::terms, &vec![total; times.len()]);
        let mut rows = Rows {
            log_scale: vec![0.0; times.len()],
            places,
            slopes: tangents,
        };
        let mut stays = with_stays.then(|| {
            let totals: Vec<f64> = means.iter().map(|mean| total * mean).collect();
            let (matrix, slopes) = short(Self::tails, &totals);
            Stays {
                matrix,
                slopes,
                lengths: means.clone(),
            }
        });
        let latest = wholes.iter().copied().fold(0.0, f64::max);
        let mut rung = self.first(slopes, with_stays);
        let mut size = 1.0;
        while size <= latest {
            let takes: Vec<usize> = (0..times.len())
                .filter(|&time| (wholes[time] / size).floor() % 2.0 == 1.0)
                .collect();
            if !takes.is_empty() {
                if let (Some(stays), Some(of)) = (&mut stays, &rung.stays) {
                    stays.climb(&rows, &takes, of, total);
                }
                rows.climb(&takes, &rung, total);
            }
            size *= 2.0;
            if size <= latest {
                rung = rung.square();
            }
        }
        (rows, stays)
    }

    /// Where the chain is at ascending times, a row per time.
    pub(crate) fn places(&self, times: &[f64]) -> Vec<Vec<f64>> {
        self.run(times, &[]).plain(None)
    }

    /// How long it was in each state until ascending times, a row per time.
    pub(crate) fn stays(&self, times: &[f64]) -> Vec<Vec<f64>> {
        let (_, stays) = self.run_with(times, &[], true);
        stays.map_or_else(Vec::new, |stays| rows_over(&stays.matrix, self.jump.rate))
    }

    /// The derivatives of both, by parameter.
    pub(crate) fn state_slopes(&self, trace: &EliminationTrace, times: &[f64]) -> Vec<StateSlope> {
        let slopes = Slope::all(self.chain, trace, self.jump.rate);
        let (rows, stays) = self.run_with(times, &slopes, true);
        let stays = stays.map_or_else(Vec::new, |stays| stays.slopes);
        let each = stays.iter().enumerate();
        each.map(|(parameter, stays)| StateSlope {
            places: rows.plain(Some(parameter)),
            stays: rows_over(stays, self.jump.rate),
        })
        .collect()
    }

    fn values_of(&self, rows: &Rows, times: &[f64]) -> Vec<Values> {
        let row_of = |(row, &time): (usize, &f64)| {
            let place = rows.places.inner.row(row);
            let density = place.iter().zip(self.chain.exits());
            let levels = (time / self.unit).max(1.0).log2();
            let log_scale = rows.log_scale[row];
            let survival = place.sum();
            Values {
                log_scale,
                survival,
                density: density.map(|(p, exit)| p * exit).sum(),
                absorbed: rows.places.exit[row],
                relative: UNIT * (64.0 + 8.0 * levels + log_scale.abs()),
                // A square was below every `f64`.
                is_lost: survival == 0.0,
                off: 0.0,
                off_density: 0.0,
            }
        };
        times.iter().enumerate().map(row_of).collect()
    }

    /// Survival, density and absorption at ascending times.
    pub(crate) fn values(&self, times: &[f64]) -> Vec<Values> {
        self.values_of(&self.run(times, &[]), times)
    }

    /// The same with derivatives by theta.
    pub(crate) fn tangents(
        &self,
        trace: &EliminationTrace,
        times: &[f64],
    ) -> Vec<(Values, Tangent)> {
        let slopes = Slope::all(self.chain, trace, self.jump.rate);
        let rows = self.run(times, &slopes);
        let values = self.values_of(&rows, times);
        let tangent = |(row, values): (usize, Values)| {
            let place = rows.places.inner.row(row).to_vec();
            let early = values.log_scale == 0.0 && values.absorbed < values.survival;
            let mut tangent = Tangent::default();
            for (slope, matrix) in slopes.iter().zip(&rows.slopes) {
                let own = matrix.inner.row(row).to_vec();
                tangent.survival.push(match early {
                    true => -matrix.exit[row],
                    false => own.iter().sum(),
                });
                let density = slope.absorption(&place, &own, &self.jump.absorb);
                tangent.density.push(density * self.jump.rate);
            }
            (values, tangent)
        };
        values.into_iter().enumerate().map(tangent).collect()
    }
}
