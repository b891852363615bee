//! Probabilities of Poisson's distribution.
//!
//! One weight is computed directly by the saddle-point form of Loader (2000, *Fast and accurate computation of binomial
//! probabilities*), which has no cancellation; its neighbours follow by their quotients.

/// `ln n! - (n + 1/2) ln n + n - ln(2 pi) / 2`, for n from 16 on.
fn stirling_error(n: f64) -> f64 {
    let square = n * n;
    let tail = 1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / (1188.0 * square)) / square;
    (1.0 / 12.0 - (1.0 / 360.0 - tail / square) / square) / n
}

/// `x ln(x / mean) + mean - x`, without cancellation where the two are close.
fn deviance(x: f64, mean: f64) -> f64 {
    let difference = x - mean;
    let v = difference / (x + mean);
    if v.abs() >= 0.1 {
        return x * (x / mean).ln() - difference;
    }
    // ln((1 + v) / (1 - v)) = 2 (v + v^3 / 3 + ..)
    let mut sum = difference * v;
    let mut term = 2.0 * x * v;
    let square = v * v;
    for k in 1..100 {
        term *= square;
        let next = sum + term / f64::from(2 * k + 1);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

/// The logarithm of the probability of `count` for a positive mean.
pub(crate) fn ln_weight(count: usize, mean: f64) -> f64 {
    let x = count as f64;
    if count < 16 {
        let factorial: f64 = (1..=count).map(|k| k as f64).product();
        return x * mean.ln() - mean - factorial.ln();
    }
    -deviance(x, mean) - stirling_error(x) - 0.5 * (2.0 * std::f64::consts::PI * x).ln()
}

/// The probability of `count`.
pub(crate) fn weight(count: usize, mean: f64) -> f64 {
    if mean == 0.0 {
        return if count == 0 { 1.0 } else { 0.0 };
    }
    if count < 16 && mean < 32.0 {
        // Powers and factorials are exact or nearly so here.
        let mut weight = (-mean).exp();
        for k in 1..=count {
            weight *= mean / k as f64;
        }
        return weight;
    }
    ln_weight(count, mean).exp()
}

/// Probabilities of consecutive counts; what is left out has less than 1e-18 in all.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    pub first: usize,
    pub values: Vec<f64>,
    /// By count from `first` on: the probability of more.
    pub tails: Vec<f64>,
}

impl Weights {
    /// The sum of the probabilities that are left out at either end is less than this.
    const NEGLIGIBLE: f64 = 1e-19;
    /// After so many quotients the next weight is computed directly, so that their roundings do not add up.
    const RUN: usize = 256;

    pub(crate) fn new(mean: f64) -> Self {
        let mode = mean.floor() as usize;
        let at_mode = weight(mode, mean);
        let mut left = Vec::new();
        let mut value = at_mode;
        for count in (0..mode).rev() {
            value = if left.len() % Self::RUN == Self::RUN - 1 {
                weight(count, mean)
            } else {
                value * ((count + 1) as f64 / mean)
            };
            // What is further left is less than a geometric series.
            if value * mean <= Self::NEGLIGIBLE * (mean - count as f64) {
                break;
            }
            left.push(value);
        }
        let first = mode - left.len();
        let mut values: Vec<f64> = left.into_iter().rev().collect();
        values.push(at_mode);
        let mut value = at_mode;
        for count in mode + 1.. {
            value = if (count - mode).is_multiple_of(Self::RUN) {
                weight(count, mean)
            } else {
                value * (mean / count as f64)
            };
            if value * (count + 1) as f64 <= Self::NEGLIGIBLE * ((count + 1) as f64 - mean) {
                break;
            }
            values.push(value);
        }
        let mut tails = vec![0.0; values.len()];
        for place in (1..values.len()).rev() {
            tails[place - 1] = tails[place] + values[place];
        }
        Self {
            first,
            values,
            tails,
        }
    }

    /// The last count.
    pub(crate) fn last(&self) -> usize {
        self.first + self.values.len() - 1
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Weights, weight};

    #[test]
    fn weights_have_the_mean_and_variance_they_should() {
        for mean in [
            0.0, 1e-9, 0.3, 1.0, 15.9, 16.0, 40.5, 1e3, 12345.6, 1e6, 3e8,
        ] {
            let weights = Weights::new(mean);
            let count = |place: usize| (weights.first + place) as f64;
            let sum: f64 = weights.values.iter().sum();
            assert!((sum - 1.0).abs() < 2e-14, "{mean}: {sum}");
            let moment = |power: i32| {
                let terms = weights.values.iter().enumerate();
                let terms = terms.map(|(place, w)| w * (count(place) - mean).powi(power));
                terms.sum::<f64>()
            };
            assert!(
                moment(1).abs() <= 1e-12 * mean.max(1.0).sqrt() * 10.0,
                "{mean}"
            );
            assert!((moment(2) - mean).abs() <= 1e-11 * mean, "{mean}");
            assert!((weights.tails[0] + weights.values[0] - 1.0).abs() < 2e-14);
        }
    }

    #[test]
    fn single_weights_are_those_of_the_definition() {
        // 20^25 exp(-20) / 25! and 30^30 exp(-30) / 30!, from 40 digits.
        for (count, mean, expected) in [
            (25, 20.0, 0.044_587_649_108_267_88),
            (30, 30.0, 0.072_634_526_471_591_5),
            (3, 0.5, 0.012_636_055_410_679_863),
            (0, 0.0, 1.0),
            (2, 0.0, 0.0),
        ] {
            let found: f64 = weight(count, mean);
            assert!(
                (found - expected).abs() <= 4e-15 * expected,
                "{count}: {found}"
            );
        }
    }
}
