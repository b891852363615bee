//! exp and its relatives: `exp(x) = 2^k exp(r)` with `|r| <= ln(2) / 2`, after Cody and Waite.

use super::basic::{
    SHIFT, clamp, fast_two_sum, nearest, polynomial, power_of_two, scale, unless_nan,
};
use super::coefficients::{EXP, EXP2, LN_2, LN_2_REST, SINH, TANH};

/// `x = k ln(2) + high - low`, where `high` is exact.
struct Reduced {
    k: f64,
    high: f64,
    low: f64,
}

#[inline(always)]
fn reduce(x: f64) -> Reduced {
    let k = x.mul_add(std::f64::consts::LOG2_E, SHIFT) - SHIFT;
    Reduced {
        k,
        high: (-k).mul_add(LN_2, x),
        low: k * LN_2_REST,
    }
}

impl Reduced {
    /// `exp(r) - 1 - high`.
    #[inline(always)]
    fn rest(&self) -> f64 {
        let r = self.high - self.low;
        (r * r).mul_add(polynomial(r, &EXP), -self.low)
    }
}

#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    let reduced = reduce(clamp(x, -746.0, 710.0));
    unless_nan(x, scale(1.0 + (reduced.high + reduced.rest()), reduced.k))
}

/// Below this exp is zero.
const EXP_VANISHES: f64 = -746.0;

/// exp, but for what [`is_extreme_exponent`]: the same bits in two thirds of the operations.
#[inline(always)]
pub(crate) fn near_exp(x: f64) -> f64 {
    let reduced = reduce(x);
    let value = (1.0 + (reduced.high + reduced.rest())) * power_of_two(reduced.k);
    if x < EXP_VANISHES { 0.0 } else { value }
}

/// Whether exp of a number is subnormal, infinite or NaN, or nearly so. That it is zero is nothing special, because minus infinity is
/// how programs mask an exponent.
#[inline(always)]
pub(crate) fn is_extreme_exponent(x: f64) -> bool {
    !((x.abs() < 708.0) | (x < EXP_VANISHES))
}

/// exp(-(x + tail)) for x >= 0 as (k, high, low): 2^k (1 + high + low).
#[inline(always)]
pub(super) fn exp_parts(x: f64, tail: f64) -> (f64, f64, f64) {
    let mut reduced = reduce(x);
    reduced.low -= tail;
    (reduced.k, reduced.high, reduced.rest())
}

#[inline(always)]
pub(crate) fn exp2(x: f64) -> f64 {
    let bounded = clamp(x, -1080.0, 1025.0);
    let k = nearest(bounded);
    let r = bounded - k;
    unless_nan(x, scale(1.0 + r * polynomial(r, &EXP2), k))
}

#[inline(always)]
pub(crate) fn expm1(x: f64) -> f64 {
    let reduced = reduce(clamp(x, -40.0, 710.0));
    let (p, p_lost) = fast_two_sum(reduced.high, reduced.rest());
    // Half of the value, since 2^k may be infinite where that is not.
    let half = power_of_two(reduced.k - 1.0);
    let (sum, lost) = fast_two_sum(half - 0.5, half * p);
    let value = 2.0 * (sum + (lost + half * p_lost));
    // The argument is the value of small ones, with the sign of zero and the digits of subnormals.
    unless_nan(x, if x.abs() < 1e-17 { x } else { value })
}

/// `(n + n_lost) / (d + d_lost)` for `d` from 1 to 2.4, where what was lost is a rounding error.
#[inline(always)]
fn quotient(n: f64, n_lost: f64, d: f64, d_lost: f64) -> f64 {
    let quotient = n / d;
    // About 1 / d, which is good enough to correct the last bit.
    quotient + (n_lost - quotient * d_lost) * (1.33 - 0.38 * d)
}

#[inline(always)]
pub(crate) fn tanh(x: f64) -> f64 {
    // What is far from zero is 1 - 2 / (1 + e) with e = exp(2 |x|) = s (1 + p). Where the quotient is less than a half, its errors
    // are less than the last rounding's.
    let magnitude = x.abs();
    let square = x * x;
    let near = (square * x).mul_add(polynomial(square, &TANH), x);
    let reduced = reduce(2.0 * if magnitude > 20.0 { 20.0 } else { magnitude });
    let r = reduced.high - reduced.low;
    let s = power_of_two(reduced.k);
    let p = (r * r).mul_add(polynomial(r, &EXP), r);
    let far = 1.0 - 2.0 / s.mul_add(p, 1.0 + s);
    // Zero has its sign from here, too.
    let value = if magnitude < 0.5625 { near } else { far };
    unless_nan(x, value.copysign(x))
}

#[inline(always)]
pub(crate) fn logistic(x: f64) -> f64 {
    // e / (1 + e) with e = exp(-|x|) = s (1 + p) is the value at -|x|.
    let reduced = reduce(-clamp(x.abs(), 0.0, 746.0));
    let s = power_of_two(clamp(reduced.k, -1000.0, 0.0));
    let (p, p_lost) = fast_two_sum(reduced.high, reduced.rest());
    let (n, n_lost) = fast_two_sum(1.0, p);
    let (one, one_lost) = fast_two_sum(1.0, s);
    let (d, d_lost) = fast_two_sum(one, s * p);
    let value = scale(
        quotient(n, n_lost + p_lost, d, d_lost + (one_lost + s * p_lost)),
        reduced.k,
    );
    unless_nan(x, if x < 0.0 { value } else { 1.0 - value })
}

/// (cosh or sinh of |x|) through `exp(|x|) / 2 +- exp(-|x|) / 2`.
#[inline(always)]
fn hyperbolic(x: f64, sign: f64) -> f64 {
    let reduced = reduce(clamp(x.abs(), 0.0, 712.0));
    let p = reduced.high + reduced.rest();
    let inverse = power_of_two(-2.0 * clamp(reduced.k, 0.0, 60.0)) / (1.0 + p);
    scale(1.0 + (p + sign * inverse), reduced.k - 1.0)
}

#[inline(always)]
pub(crate) fn cosh(x: f64) -> f64 {
    unless_nan(x, hyperbolic(x, 1.0))
}

#[inline(always)]
pub(crate) fn sinh(x: f64) -> f64 {
    let z = x * x;
    let small = x + x * (z * polynomial(z, &SINH));
    let value = if x.abs() < 1.0 {
        small
    } else {
        hyperbolic(x, -1.0).copysign(x)
    };
    unless_nan(x, if x.abs() < 1e-9 { x } else { value })
}
