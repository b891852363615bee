//! exp and its relatives: `exp(x) = 2^k exp(r)` with `|r| <= ln(2) / 2`, after Cody and Waite.

use super::basic::{clamp, fast_two_sum, nearest, polynomial, power_of_two, scale, unless_nan};
use super::coefficients::{EXP, EXP2, LN_2, LN_2_REST, SINH};

/// `x = k ln(2) + high - low`, where `high` is exact.
struct Reduced {
    k: f64,
    high: f64,
    low: f64,
}

#[inline(always)]
fn reduce(x: f64) -> Reduced {
    let k = nearest(x * std::f64::consts::LOG2_E);
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
    // (1 - e) / (1 + e) with e = exp(-2 |x|) = s (1 + p).
    let reduced = reduce(-2.0 * clamp(x.abs(), 0.0, 22.0));
    let s = power_of_two(reduced.k);
    let (p, p_lost) = fast_two_sum(reduced.high, reduced.rest());
    let (low, low_lost) = fast_two_sum(1.0, -s);
    let (high, high_lost) = fast_two_sum(1.0, s);
    let (n, n_lost) = fast_two_sum(low, -(s * p));
    let (d, d_lost) = fast_two_sum(high, s * p);
    let value = quotient(
        n,
        n_lost + (low_lost - s * p_lost),
        d,
        d_lost + (high_lost + s * p_lost),
    );
    unless_nan(x, if x.abs() < 5e-9 { x } else { value.copysign(x) })
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
