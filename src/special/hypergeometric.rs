//! Hypergeometric functions of one variable.

use super::{along, by_partials, epsilon, gamma, together};
use crate::error::Error;
use crate::tensor::{Tensor, compositions, where_, while_loop};

compositions! {
    special;
    /// Kummer's confluent hypergeometric function `M(a, b, x)`.
    [hyp1f1(vec![1.0], vec![2.0], vec![0.0]) => f64 [1.0]]
    fn hyp1f1(a, b, x;) {
        by_partials("hyp1f1", together([&a, &b, &x])?, kummer, |xs| {
            let [a, b, x] = xs;
            let by_x = a / b * hyp1f1(a + 1.0, b + 1.0, x);
            Ok([along(kummer, xs, 0)?, along(kummer, xs, 1)?, by_x])
        })
    }
    /// Gauss's hypergeometric function of real numbers up to 1; NaN above.
    [hyp2f1(vec![1.0], vec![2.0], vec![3.0], vec![0.0]) => f64 [1.0]]
    fn hyp2f1(a, b, c, x;) {
        by_partials("hyp2f1", together([&a, &b, &c, &x])?, gauss, |xs| {
            let [a, b, c, x] = xs;
            let by_x = a * b / c * hyp2f1(a + 1.0, b + 1.0, c + 1.0, x);
            Ok([along(gauss, xs, 0)?, along(gauss, xs, 1)?, along(gauss, xs, 2)?, by_x])
        })
    }
}

fn kummer([a, b, x]: &[Tensor; 3]) -> Result<Tensor, Error> {
    // Below zero the terms would cancel; Kummer's transformation turns them around.
    let below = x.less(0.0);
    let (upper, z) = (where_(&below, b - a, a), x.abs());
    let sum = series(&[upper], b, &z)?;
    Ok(where_(&below, x.exp() * &sum, sum))
}

fn gauss([a, b, c, x]: &[Tensor; 4]) -> Result<Tensor, Error> {
    let (left, end) = (x.less(-0.5), x.equal(1.0));
    // Pfaff's transformation brings what is left of -1/2 between 1/3 and 1.
    let z = where_(&left, x / (x - 1.0), x);
    let z = where_(&end | x.greater(1.0), 0.0, z);
    let sum = series(&[a.clone(), where_(&left, c - b, b)], c, &z)?;
    let factor = (1.0_f64 - where_(&left, x, 0.0)).pow(-a);
    let value = where_(left, factor * &sum, sum);
    let rest = c - a - b;
    let converges = rest.greater(0.0);
    let gauss = gamma(c) * gamma(where_(&converges, rest, 1.0)) / (gamma(c - a) * gamma(c - b));
    let value = where_(end, where_(converges, gauss, f64::INFINITY), value);
    Ok(where_(x.greater(1.0), f64::NAN, value))
}

/// The sum of products of rising factorials of `upper` over those of `lower` and of 1, times powers of `z`.
fn series(upper: &[Tensor], lower: &Tensor, z: &Tensor) -> Result<Tensor, Error> {
    type State = (Tensor, Tensor, Tensor, Tensor);
    const MOST: f64 = 100_000.0;
    let eps = epsilon(z);
    let one = crate::tensor::ones_like(z);
    let zero = crate::tensor::zeros_like(z);
    let (_, _, sum, _): State = while_loop(
        |(.., active): State| active.any(..),
        |(k, term, sum, active): State| {
            let mut next = term * z / ((lower + &k) * (&k + 1.0));
            for a in upper {
                next = next * (a + &k);
            }
            let sum = where_(&active, &sum + &next, sum);
            let active = active & next.abs().greater(sum.abs() * eps) & k.less(MOST);
            (k + 1.0, next, sum, active)
        },
        (&zero, &one, &one, z.equal(z)),
    )?;
    Ok(sum)
}
