//! Powers: the logarithm with 66 bits and more, as a sum of two numbers, times the exponent.

use super::basic::{clamp, fast_two_sum, polynomial, scale, two_product, two_sum};
use super::coefficients::{LN_2, LN_2_REST, LOG_TAIL};
use super::exponential::exp_parts;
use super::logarithm::{TWO_54, decompose};

/// The logarithm of a positive finite number in two parts.
#[inline(always)]
pub(super) fn log_parts(x: f64) -> (f64, f64) {
    const TWO_THIRDS_REST: f64 = 3.700_743_415_417_188e-17;
    let subnormal = x < f64::MIN_POSITIVE;
    let (k, m) = decompose(if subnormal { x * TWO_54 } else { x });
    let k = if subnormal { k - 54.0 } else { k };
    let f = m - 1.0;
    // s = f / (2 + f) in two parts.
    let (d, d_lost) = fast_two_sum(2.0, f);
    let s = f / d;
    let (product, product_lost) = two_product(s, d);
    let s_rest = (((f - product) - product_lost) - s * d_lost) / d;
    // log(1 + f) = 2 s + s z (2/3 + z T(z)) with z = s^2.
    let (z, z_lost) = two_product(s, s);
    let z_rest = z_lost + 2.0 * s * s_rest;
    let (c, c_rest) = fast_two_sum(2.0 / 3.0, TWO_THIRDS_REST + z * polynomial(z, &LOG_TAIL));
    let (t, t_lost) = two_product(z, c);
    let t_rest = t_lost + (z * c_rest + z_rest * c);
    let (u, u_lost) = two_product(s, t);
    let u_rest = u_lost + (s * t_rest + s_rest * t);
    let (near, near_lost) = fast_two_sum(2.0 * s, u);
    let near_rest = near_lost + (2.0 * s_rest + u_rest);
    let (sum, lost) = two_sum(k * LN_2, near);
    fast_two_sum(sum, lost + (near_rest + k * LN_2_REST))
}

#[inline(always)]
pub(crate) fn pow(x: f64, y: f64) -> f64 {
    let (log, log_rest) = log_parts(x.abs());
    // Beyond 2^70 every base but 1 over- or underflows.
    let bounded = clamp(y, -1.2e21, 1.2e21);
    let (product, lost) = two_product(bounded, log);
    let rest = if product.abs() > 750.0 {
        0.0
    } else {
        lost + bounded * log_rest
    };
    let (k, high, rest) = exp_parts(clamp(product, -746.0, 710.0), rest);
    finish(x, y, scale(1.0 + (high + rest), k))
}

/// The power, given that of the magnitude where that is positive and finite.
#[inline(always)]
pub(super) fn finish(x: f64, y: f64, value: f64) -> f64 {
    let size = x.abs();
    let extreme = if (size == 0.0) == (y > 0.0) {
        0.0
    } else {
        f64::INFINITY
    };
    let value = if size == 0.0 || size == f64::INFINITY {
        extreme
    } else {
        value
    };
    let whole = y.floor() == y;
    let odd = whole && (0.5 * y).floor() != 0.5 * y;
    let value = if odd { value.copysign(x) } else { value };
    let invalid = x < 0.0 && size != f64::INFINITY && !whole;
    let value = if invalid || x.is_nan() || y.is_nan() {
        f64::NAN
    } else {
        value
    };
    if y == 0.0 || x == 1.0 { 1.0 } else { value }
}
