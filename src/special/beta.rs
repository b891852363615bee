//! The regularized incomplete beta function.

use super::{along, by_partials, epsilon, together};
use crate::error::Error;
use crate::tensor::{Tensor, compositions, where_, while_loop};

compositions! {
    special;
    /// The regularized incomplete beta function.
    [betainc(vec![1.0, 2.0], vec![1.0, 3.0], vec![0.0, 1.0]) => f64 [0.0, 1.0]]
    fn betainc(a, b, x;) {
        by_partials("betainc", together([&a, &b, &x])?, value, |xs| {
            let [a, b, x] = xs;
            let log_beta = a.lgamma() + b.lgamma() - (a + b).lgamma();
            let density = ((b - 1.0) * (-x).log1p() + (a - 1.0) * x.ln() - log_beta).exp();
            Ok([along(value, xs, 0)?, along(value, xs, 1)?, density])
        })
    }
}

fn value([a, b, x]: &[Tensor; 3]) -> Result<Tensor, Error> {
    let bad = a.less_equal(0.0)
        | b.less_equal(0.0)
        | x.less(0.0)
        | x.greater(1.0)
        | x.not_equal(x)
        | a.not_equal(a)
        | b.not_equal(b);
    let end = x.equal(0.0) | x.equal(1.0);
    let plain = !(&bad | &end);
    let (a, b) = (where_(&plain, a, 1.0), where_(&plain, b, 1.0));
    let inner = where_(&plain, x, 0.5);
    // The fraction converges fast below the mean; above it, that of the mirrored function.
    let mirror = inner.greater((&a + 1.0) / (&a + &b + 2.0));
    let (p, q) = (where_(&mirror, &b, &a), where_(&mirror, &a, &b));
    let z = where_(&mirror, 1.0 - &inner, &inner);
    let rest = where_(&mirror, &inner, 1.0 - &inner);
    let log_beta = p.lgamma() + q.lgamma() - (&p + &q).lgamma();
    let front = (&p * z.ln() + &q * rest.ln() - log_beta).exp() / &p;
    let value = front * fraction(&p, &q, &z, &plain)?;
    let value = where_(mirror, 1.0 - &value, &value);
    Ok(where_(bad, f64::NAN, where_(end, x, value)))
}

/// The continued fraction by Lentz's method, in the form of DiDonato and Morris (1992) for even and odd terms.
fn fraction(a: &Tensor, b: &Tensor, x: &Tensor, active: &Tensor) -> Result<Tensor, Error> {
    type State = (Tensor, [Tensor; 3], Tensor);
    const TINY: f64 = 1e-30;
    let safe = |x: Tensor| where_(x.abs().less(TINY), TINY, &x);
    let eps = epsilon(x);
    let one = crate::tensor::ones_like(a);
    let d = 1.0 / safe(1.0 - (a + b) * x / (a + 1.0));
    let (_, [value, ..], _): State = while_loop(
        |(_, _, active): State| active.any(..),
        |(m, [value, c, d], active): State| {
            let twice = &m * 2.0;
            let even = &m * (b - &m) * x / ((a + &twice - 1.0) * (a + &twice));
            let d1 = 1.0 / safe(&even * &d + 1.0);
            let c1 = safe(&even / &c + 1.0);
            let half = &value * &c1 * &d1;
            let odd = -(a + &m) * (a + b + &m) * x / ((a + &twice) * (a + &twice + 1.0));
            let d2 = 1.0 / safe(&odd * &d1 + 1.0);
            let c2 = safe(&odd / &c1 + 1.0);
            let change = &c2 * &d2;
            let value = where_(&active, half * &change, value);
            let going = (change - 1.0).abs().greater(eps) & m.less(10_000.0);
            (m + 1.0, [value, c2, d2], active & going)
        },
        (&one, [&d, &one, &d], active),
    )?;
    Ok(value)
}
