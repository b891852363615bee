//! log and log1p: `2^k (1 + f)` with `log(1 + f)` by a polynomial in `f / (2 + f)`; the inverse hyperbolic functions are
//! logarithms of arguments in two parts.

use super::basic::{fast_two_sum, polynomial, two_product, two_sum, unless_nan};
use super::coefficients::{ASINH, ATANH, LN_2, LN_2_REST, LOG};

pub(super) const TWO_54: f64 = 18_014_398_509_481_984.0;
/// The bits of the square root of 1/2.
const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;

/// `k` and `m` with `x = 2^k m` and `m` between the roots of 1/2 and 2, for positive normal numbers.
#[inline(always)]
pub(super) fn decompose(x: f64) -> (f64, f64) {
    let bits = x.to_bits().wrapping_add(0x3ff0_0000_0000_0000 - ROOT_HALF);
    // 2^52 + n has n in its low bits.
    let k =
        f64::from_bits((bits >> 52) | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0);
    (
        k,
        f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + ROOT_HALF),
    )
}

/// `k ln(2) + log(1 + f) + tail` (after Tang, and Ng in fdlibm).
#[inline(always)]
fn assemble(k: f64, f: f64, tail: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    let half = 0.5 * f * f;
    k * LN_2 - ((half - (s * (half + z * polynomial(z, &LOG)) + (k * LN_2_REST + tail))) - f)
}

/// `value`, or what a logarithm of a number that is not positive and finite is.
#[inline(always)]
fn special(x: f64, value: f64) -> f64 {
    let value = if x == f64::INFINITY {
        f64::INFINITY
    } else {
        value
    };
    if x > 0.0 {
        value
    } else if x == 0.0 {
        f64::NEG_INFINITY
    } else {
        f64::NAN
    }
}

#[inline(always)]
pub(crate) fn log(x: f64) -> f64 {
    let subnormal = x < f64::MIN_POSITIVE;
    let (k, m) = decompose(if subnormal { x * TWO_54 } else { x });
    special(
        x,
        assemble(if subnormal { k - 54.0 } else { k }, m - 1.0, 0.0),
    )
}

#[inline(always)]
pub(crate) fn log1p(x: f64) -> f64 {
    let u = 1.0 + x;
    let lost = if x >= 1.0 {
        1.0 - (u - x)
    } else {
        x - (u - 1.0)
    };
    let (k, m) = decompose(u);
    let near = k == 0.0;
    let value = assemble(
        k,
        if near { x } else { m - 1.0 },
        if near { 0.0 } else { lost / u },
    );
    // NaN passes both comparisons and is made canonical by `special`.
    if x.abs() < 1e-17 {
        x
    } else {
        special(u, value)
    }
}

/// `log(1 + y + y_lost)`, where the second part is a rounding error of the first.
#[inline(always)]
fn log1p_parts(y: f64, y_lost: f64) -> f64 {
    let (u, lost) = two_sum(1.0, y);
    let (k, m) = decompose(u);
    let near = k == 0.0;
    let lost = if near { y_lost } else { lost + y_lost };
    assemble(k, if near { y } else { m - 1.0 }, lost / u)
}

/// The root of `a + a_lost` in two parts.
#[inline(always)]
fn root_parts(a: f64, a_lost: f64) -> (f64, f64) {
    let root = a.sqrt();
    let (square, lost) = two_product(root, root);
    let rest = ((a - square) - lost) + a_lost;
    (root, if root > 0.0 { rest / (2.0 * root) } else { 0.0 })
}

/// From here on `asinh(x)` and `acosh(x)` are `log(2 x)`.
const LARGE: f64 = 1e9;

#[inline(always)]
pub(crate) fn asinh(x: f64) -> f64 {
    let size = x.abs();
    let bounded = if size > LARGE { LARGE } else { size };
    let (square, square_lost) = two_product(bounded, bounded);
    let small = x + x * (square * polynomial(square, &ASINH));
    // log(x + root(x^2 + 1))
    let (a, lost) = two_sum(square, 1.0);
    let (root, root_lost) = root_parts(a, lost + square_lost);
    let (sum, lost) = fast_two_sum(root, bounded);
    let large = if size > LARGE {
        log(size) + std::f64::consts::LN_2
    } else {
        log1p_parts(sum - 1.0, lost + root_lost)
    };
    let value = if size < 0.5 { small } else { large.copysign(x) };
    unless_nan(x, if size < 1e-9 { x } else { value })
}

#[inline(always)]
pub(crate) fn acosh(x: f64) -> f64 {
    let bounded = if x > LARGE { LARGE } else { x };
    // log(1 + t + root(x^2 - 1)) with t = x - 1
    let (square, square_lost) = two_product(bounded, bounded);
    let (a, lost) = two_sum(square, -1.0);
    let (a, lost) = fast_two_sum(a, lost + square_lost);
    let (root, root_lost) = root_parts(a, lost);
    let (sum, lost) = fast_two_sum(root, bounded - 1.0);
    let value = if x > LARGE {
        log(x) + std::f64::consts::LN_2
    } else {
        log1p_parts(sum, lost + root_lost)
    };
    if x >= 1.0 { value } else { f64::NAN }
}

#[inline(always)]
pub(crate) fn atanh(x: f64) -> f64 {
    let size = x.abs();
    let z = x * x;
    let small = x + x * (z * polynomial(z, &ATANH));
    // log(1 + 2 x / (1 - x)) / 2
    let (n, d) = (2.0 * size, 1.0 - size);
    let quotient = n / d;
    let (product, lost) = two_product(quotient, d);
    let large = 0.5 * log1p_parts(quotient, ((n - product) - lost) / d);
    let value = if size < 0.5 {
        small
    } else if size == 1.0 {
        f64::INFINITY
    } else {
        large.abs()
    };
    let value = if size < 1e-9 { x } else { value.copysign(x) };
    if size <= 1.0 { value } else { f64::NAN }
}
