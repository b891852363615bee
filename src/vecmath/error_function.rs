//! erf and erfc.

use super::basic::{clamp, fast_two_sum, polynomial, scale, two_product, two_sum, unless_nan};
use super::coefficients::{ERF, ERFC, ERFC_FIRST, ERFC_FIRST_REST, ERFC_SLOPE};
use super::exponential::exp_parts;

/// erfc of a number from 0.5 on: `exp(-x^2) P(t) / (1 + 2 x)` (Shepherd and Laframboise).
#[inline(always)]
fn tail(x: f64) -> f64 {
    let x = clamp(x, 0.0, 28.0);
    let (square, lost) = two_product(x, x);
    let (k, high, rest) = exp_parts(-square, -lost);
    let (e, e_lost) = fast_two_sum(1.0, high + rest);
    // t in two parts; what the second one does is told by the polynomial's slope.
    let (n, n_lost) = two_sum(x, -4.0);
    let (d, d_lost) = two_sum(x, 4.0);
    let t = n / d;
    let (product, product_lost) = two_product(t, d);
    let t_lost = (((n - product) - product_lost) + (n_lost - t * d_lost)) / d;
    let (p, p_lost) = fast_two_sum(ERFC_FIRST, t * polynomial(t, &ERFC));
    let p_lost = p_lost + ERFC_FIRST_REST + t_lost * polynomial(t, &ERFC_SLOPE);
    let (m, m_lost) = two_product(e, p);
    let m_lost = m_lost + (e_lost * p + e * p_lost);
    let (d, d_lost) = fast_two_sum(2.0 * x, 1.0);
    let quotient = m / d;
    let (product, product_lost) = two_product(quotient, d);
    let rest = ((m - product) - product_lost) + (m_lost - quotient * d_lost);
    scale(quotient + rest / d, k)
}

#[inline(always)]
pub(crate) fn erf(x: f64) -> f64 {
    let size = x.abs();
    let z = x * x;
    let small = x + x * polynomial(z, &ERF);
    let large = (1.0 - tail(size)).copysign(x);
    unless_nan(x, if size < 1.0 { small } else { large })
}

#[inline(always)]
pub(crate) fn erfc(x: f64) -> f64 {
    let size = x.abs();
    let z = x * x;
    let (near, lost) = two_sum(1.0, -x);
    let small = near + (lost - x * polynomial(z, &ERF));
    let t = tail(size);
    let large = if x < 0.0 { 2.0 - t } else { t };
    unless_nan(x, if size < 0.5 { small } else { large })
}
