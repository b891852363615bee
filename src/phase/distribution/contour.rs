//! The contour: the chain at a time by inverting its Laplace transform, for models that are too large for powers and too stiff
//! for steps.
//!
//! Where the chain is at t has the transform `alpha (A + z)^-1`, one transposed solve with a complex rate of killing z out of each
//! vertex, which the sparse trace does as it does any other. The inversion is the trapezoidal rule on a hyperbola around
//! the negative real axis (Weideman and Trefethen 2007, *Parabolic and hyperbolic contours for computing the Bromwich integral*), whose
//! error decreases by a factor of 10 with each point: so a time costs thirty solves, whatever the rates. z counts as a rate
//! to absorption in the elimination of Grassmann, Taksar and Heyman, so it keeps its digits beside rates that are many orders larger.
//!
//! # Errors
//!
//! They are absolute, and there is no proof of them: eigenvalues far from the real axis, as those of a ring, lie outside the hyperbola. An answer is
//! therefore taken with 14 points and with 16, which have no node in common; its bound is twice what they differ by, summed over all states, and at
//! least what the answer of the largest time that uniformization can afford differs by from uniformization.

use std::ops::{Add, Mul};

use rayon::prelude::*;

use crate::phase::distribution::chain::Chain;
use crate::phase::distribution::steps::{Steps, Values};
use crate::phase::distribution::system::{Column, Number, System};
use crate::phase::index::{IndexVec, Slot};
use crate::phase::numeric::extended::Scalar;
use crate::phase::trace::EliminationTrace;

/// Points on the upper half of the hyperbola: of the answer, and of the one that it is compared with. With fewer of them truncation
/// is more than 1e-13, with more rounding is.
const POINTS: [usize; 2] = [14, 16];

/// A complex number.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Complex {
    re: f64,
    im: f64,
}

impl Add for Complex {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            re: self.re + other.re,
            im: self.im + other.im,
        }
    }
}

impl Mul for Complex {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self {
            re: self.re * other.re - self.im * other.im,
            im: self.re * other.im + self.im * other.re,
        }
    }
}

impl Scalar for Complex {
    const ZERO: Self = Self { re: 0.0, im: 0.0 };

    fn from_f64(re: f64) -> Self {
        Self { re, im: 0.0 }
    }

    fn inverse(self) -> Self {
        // Scaled, so that squares of tiny and of huge numbers stay numbers.
        let size = self.re.abs().max(self.im.abs());
        let (re, im) = (self.re / size, self.im / size);
        let square = size * (re * re + im * im);
        Self {
            re: re / square,
            im: -im / square,
        }
    }
}

/// The points of a hyperbola for the time 1: where the transform is needed, and with what its imaginary part counts.
fn hyperbola(points: usize) -> impl Iterator<Item = (Complex, Complex)> {
    // The optimal width, height and angle for one time.
    let count = points as f64;
    let (step, size, angle) = (
        1.081_792_140 / count,
        4.492_075_287 * count,
        1.172_104_229_f64,
    );
    (0..points).map(move |point| {
        let u = (point as f64 + 0.5) * step;
        let z = Complex {
            re: size * (1.0 - u.cosh() * angle.sin()),
            im: size * u.sinh() * angle.cos(),
        };
        let slope = Complex {
            re: -size * u.sinh() * angle.sin(),
            im: size * u.cosh() * angle.cos(),
        };
        let factor = z.re.exp() * step / std::f64::consts::PI;
        let turn = Complex {
            re: factor * z.im.cos(),
            im: factor * z.im.sin(),
        };
        (z, turn * slope)
    })
}

/// Where a chain is at a time.
pub(crate) struct Sight {
    pub places: Vec<f64>,
    /// By how much the two answers differ, by state.
    differences: Vec<f64>,
}

/// A chain whose transform is inverted.
pub(crate) struct Contour<'a> {
    chain: &'a Chain,
    trace: &'a EliminationTrace,
    rates: IndexVec<Slot, Complex>,
    /// By how much the answer at the largest affordable time differs from uniformization, summed over states.
    checked: f64,
    /// The same, weighted by rates to absorption.
    checked_density: f64,
}

impl<'a> Contour<'a> {
    /// The chain of a trace at a theta; `affordable` is a time that uniformization answers.
    pub(crate) fn new(
        chain: &'a Chain,
        trace: &'a EliminationTrace,
        theta: &[f64],
        affordable: f64,
    ) -> Self {
        let rates = f64::rates(trace, theta);
        let mut contour = Self {
            chain,
            trace,
            rates: rates.iter().map(|&rate| Complex::from_f64(rate)).collect(),
            checked: 0.0,
            checked_density: 0.0,
        };
        let (known, _) = Steps::new(chain).vectors(&[affordable]);
        let found = contour.at(affordable);
        let pairs = found.places.iter().zip(&known[0]);
        for ((found, known), exit) in pairs.zip(chain.exits()) {
            let difference = (found - known).abs();
            contour.checked += difference;
            contour.checked_density += difference * exit;
        }
        contour
    }

    /// The cost of one time in multiplications.
    pub(crate) fn cost(trace: &EliminationTrace) -> f64 {
        let symbolic = trace.symbolic();
        let entries = symbolic.lower_len() + symbolic.upper_len() + symbolic.layout().slot_count();
        // Four multiplications for a complex one; a row of the factor is used by each entry left of the diagonal.
        let points: usize = POINTS.iter().sum();
        let vertices = symbolic.layout().transient_count().max(1);
        4.0 * points as f64
            * (entries as f64)
            * (8.0 + symbolic.upper_len() as f64 / vertices as f64)
    }

    /// Where the chain is at a positive time.
    pub(crate) fn at(&self, time: f64) -> Sight {
        let layout = self.trace.symbolic().layout();
        let mut start: Column<Complex> = IndexVec::filled(Complex::ZERO, layout.transient_count());
        for (t, probability) in layout.start(self.trace.graph()) {
            start[t] = start[t] + Complex::from_f64(probability);
        }
        let place = |(z, weight): (Complex, Complex)| -> Vec<f64> {
            let rate = Complex {
                re: z.re / time,
                im: z.im / time,
            };
            let killing: Column<Complex> = IndexVec::filled(rate, layout.transient_count());
            let is_zero = |rate| rate == Complex::ZERO;
            let system = System::new(self.trace, self.rates.clone(), Some(&killing), is_zero);
            let solved = system.solve_transposed(&start);
            let states = 0..self.chain.len();
            states
                .map(|state| (weight * solved[self.chain.transient(state)]).im / time)
                .collect()
        };
        let [places, others] = POINTS.map(|points| {
            let nodes: Vec<(Complex, Complex)> = hyperbola(points).collect();
            let terms: Vec<Vec<f64>> = nodes.into_par_iter().map(place).collect();
            let mut sum = vec![0.0; self.chain.len()];
            // From the far end of the hyperbola, where terms are small.
            for term in terms.iter().rev() {
                for (sum, term) in sum.iter_mut().zip(term) {
                    *sum += term;
                }
            }
            sum
        });
        let pairs = places.iter().zip(&others);
        Sight {
            differences: pairs.map(|(a, b)| (a - b).abs()).collect(),
            places,
        }
    }

    /// Survival, density and absorption at positive times.
    pub(crate) fn values(&self, times: &[f64]) -> Vec<Values> {
        let total: f64 = self.chain.start().iter().sum();
        let exits = self.chain.exits();
        let value = |&time: &f64| {
            let sight = self.at(time);
            let survival = sight.places.iter().sum::<f64>().clamp(0.0, total);
            let product = |v: &[f64]| v.iter().zip(exits).map(|(p, exit)| p * exit).sum::<f64>();
            Values {
                survival,
                density: product(&sight.places).max(0.0),
                absorbed: total - survival,
                off: 2.0 * sight.differences.iter().sum::<f64>() + self.checked,
                off_density: 2.0 * product(&sight.differences) + self.checked_density,
                ..Values::default()
            }
        };
        times.iter().map(value).collect()
    }

    /// The bound on the sum of the errors of all states.
    pub(crate) fn bound(&self, sight: &Sight) -> f64 {
        2.0 * sight.differences.iter().sum::<f64>() + self.checked
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Complex, Contour, hyperbola};
    use crate::phase::distribution::chain::Chain;
    use crate::phase::graph::models;
    use crate::phase::numeric::extended::Scalar;
    use crate::phase::trace::EliminationTrace;

    #[test]
    fn a_hyperbola_inverts_an_exponential() {
        // 1 / (z + a) is the transform of exp(-a t).
        for a in [0.0, 1e-9, 0.3, 1.0, 20.0, 1e6] {
            let terms = hyperbola(14).map(|(z, weight)| {
                let pole = Complex::from_f64(a) + z;
                (weight * pole.inverse()).im
            });
            let found: f64 = terms.sum();
            assert!((found - (-a).exp()).abs() < 2e-13, "{a}: {found}");
        }
    }

    #[test]
    fn inverses_keep_their_digits_at_any_size() {
        for size in [1e-200, 1.0, 1e200] {
            let z = Complex {
                re: 3.0 * size,
                im: -4.0 * size,
            };
            let one = z * z.inverse();
            assert!((one.re - 1.0).abs() < 1e-15 && one.im.abs() < 1e-15);
        }
    }

    #[test]
    fn stiff_walks_are_where_the_ladder_says() {
        let trace = EliminationTrace::record(&models::birth_death(60).unwrap());
        for theta in [[1.0, 1.0], [1.0, 1.3], [2.0, 1.0]] {
            let chain = Chain::new(&trace, &theta).unwrap();
            let contour = Contour::new(&chain, &trace, &theta, 100.0);
            let ladder = crate::phase::distribution::ladder::Ladder::new(&chain);
            for time in [1.0, 1e3, 1e6] {
                let [found, known] = [contour.values(&[time])[0], ladder.values(&[time])[0]];
                let scale = known.log_scale.exp();
                let off = (found.survival - scale * known.survival).abs();
                assert!(
                    off <= found.off && found.off < 1e-11,
                    "{theta:?} {time} {off} {}",
                    found.off
                );
                let off = (found.density - scale * known.density).abs();
                assert!(off <= found.off_density && found.off_density < 1e-11);
            }
        }
    }
}
