//! Single precision: computed in double precision with shorter polynomials, and rounded once at the end; but for exp and tanh,
//! which are computed in single precision, twice as many to a vector.

use std::f64::consts::{FRAC_2_PI, LN_2, LOG2_E};

use super::basic::{SHIFT, clamp, nearest, polynomial, power_of_two};
use super::coefficients::{
    COS_SHORT, EXP_SHORT, EXP_SINGLE, FRAC_PI_2_A, FRAC_PI_2_B, FRAC_PI_2_C, LN_2_SINGLE,
    LN_2_SINGLE_REST, LOG_SHORT, SIN_SHORT, TANH_SINGLE,
};
use super::logarithm::decompose;
use super::{double, is_large_angle, power};

/// The result in single precision, or the one NaN where the argument is a NaN.
#[inline(always)]
fn rounded(x: f32, value: f64) -> f32 {
    if x.is_nan() { f32::NAN } else { value as f32 }
}

/// `exp(x) = s (1 + p)` as `(s, p)`, for `x` from -700 to 700.
#[inline(always)]
fn exp_parts(x: f64) -> (f64, f64) {
    let k = nearest(x * LOG2_E);
    let r = (-k).mul_add(LN_2, x);
    (
        power_of_two(k),
        (r * r).mul_add(polynomial(r, &EXP_SHORT), r),
    )
}

/// As [`SHIFT`], for single precision.
const SHIFT_SINGLE: f32 = 12_582_912.0;
/// Below this exp is zero.
const EXP_VANISHES: f32 = -104.0;

/// `exp(x) = 2^k (1 + p)` as `(k, p)`, all in single precision.
#[inline(always)]
fn single_parts(x: f32) -> (i32, f32) {
    let shifted = x.mul_add(std::f32::consts::LOG2_E, SHIFT_SINGLE);
    let k = shifted - SHIFT_SINGLE;
    let r = (-k).mul_add(LN_2_SINGLE_REST, (-k).mul_add(LN_2_SINGLE, x));
    let square = r * r;
    let [a, b, c, d, e] = EXP_SINGLE;
    let high = e.mul_add(square, d.mul_add(r, c));
    let p = square.mul_add(high.mul_add(square, b.mul_add(r, a)), r);
    let k = shifted.to_bits().wrapping_sub(SHIFT_SINGLE.to_bits());
    (k.cast_signed(), p)
}

/// 2 to an integer from -126 to 127.
#[inline(always)]
fn single_power_of_two(k: i32) -> f32 {
    f32::from_bits(k.wrapping_add(127).cast_unsigned() << 23)
}

#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let bounded = if x < EXP_VANISHES { EXP_VANISHES } else { x };
    let bounded = if bounded > 89.0 { 89.0 } else { bounded };
    let (k, p) = single_parts(bounded);
    let half = k >> 1;
    let value = (1.0 + p) * single_power_of_two(half) * single_power_of_two(k - half);
    if x.is_nan() { f32::NAN } else { value }
}

/// exp, but for what [`is_extreme_exponent`].
#[inline(always)]
pub(crate) fn near_exp(x: f32) -> f32 {
    let (k, p) = single_parts(x);
    let value = (1.0 + p) * single_power_of_two(k);
    if x < EXP_VANISHES { 0.0 } else { value }
}

/// As in double precision.
#[inline(always)]
pub(crate) fn is_extreme_exponent(x: f32) -> bool {
    !((x.abs() < 87.0) | (x < EXP_VANISHES))
}

#[inline(always)]
pub(crate) fn exp2(x: f32) -> f32 {
    let bounded = clamp(f64::from(x), -200.0, 200.0);
    let k = nearest(bounded);
    let r = (bounded - k) * LN_2;
    let s = power_of_two(k);
    rounded(x, s + s * (r + r * r * polynomial(r, &EXP_SHORT)))
}

#[inline(always)]
pub(crate) fn expm1(x: f32) -> f32 {
    let (s, p) = exp_parts(clamp(f64::from(x), -30.0, 130.0));
    rounded(
        x,
        if x.abs() < 1e-10 {
            f64::from(x)
        } else {
            (s - 1.0) + s * p
        },
    )
}

#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    // As in double precision.
    let magnitude = x.abs();
    let square = x * x;
    let [a, b, c, d, e] = TANH_SINGLE;
    let fourth = square * square;
    let high = e.mul_add(fourth, d.mul_add(square, c));
    let series = high.mul_add(fourth, b.mul_add(square, a));
    let near = (square * x).mul_add(series, x);
    let (k, p) = single_parts(2.0 * if magnitude > 10.0 { 10.0 } else { magnitude });
    let s = single_power_of_two(k);
    let far = 1.0 - 2.0 / s.mul_add(p, 1.0 + s);
    let value = if magnitude < 0.625 { near } else { far };
    if x.is_nan() {
        f32::NAN
    } else {
        value.copysign(x)
    }
}

#[inline(always)]
pub(crate) fn logistic(x: f32) -> f32 {
    let (s, p) = exp_parts(-clamp(f64::from(x), -150.0, 150.0));
    rounded(x, 1.0 / (1.0 + (s + s * p)))
}

/// `log(2^k (1 + f))`.
#[inline(always)]
fn assemble(k: f64, f: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    let half = 0.5 * f * f;
    k * LN_2 + (f - (half - s * (half + z * polynomial(z, &LOG_SHORT))))
}

#[inline(always)]
fn special(x: f64, value: f64) -> f32 {
    let value = if x == f64::INFINITY {
        f32::INFINITY
    } else {
        value as f32
    };
    if x > 0.0 {
        value
    } else if x == 0.0 {
        f32::NEG_INFINITY
    } else {
        f32::NAN
    }
}

#[inline(always)]
pub(crate) fn log(x: f32) -> f32 {
    let x = f64::from(x);
    let (k, m) = decompose(x);
    special(x, assemble(k, m - 1.0))
}

#[inline(always)]
pub(crate) fn log1p(x: f32) -> f32 {
    let u = 1.0 + f64::from(x);
    let (k, m) = decompose(u);
    let value = assemble(k, if k == 0.0 { f64::from(x) } else { m - 1.0 });
    if x.abs() < 1e-9 { x } else { special(u, value) }
}

/// Sine of a number below 1e6, `turn` quarters of a circle further.
#[inline(always)]
fn near(x: f64, turn: u64) -> f64 {
    let shifted = x * FRAC_2_PI + SHIFT;
    let k = shifted - SHIFT;
    let r = (x - k * FRAC_PI_2_A) - k * (FRAC_PI_2_B + FRAC_PI_2_C);
    let z = r * r;
    let sine = r + z * r * polynomial(z, &SIN_SHORT);
    let cosine = 1.0 - 0.5 * z + z * z * polynomial(z, &COS_SHORT);
    let quarter = shifted.to_bits().wrapping_add(turn);
    let value = if quarter & 1 == 1 { cosine } else { sine };
    f64::from_bits(value.to_bits() ^ ((quarter & 2) << 62))
}

#[inline(always)]
pub(crate) fn near_sin(x: f32) -> f32 {
    rounded(
        x,
        if x.abs() < 1e-5 {
            f64::from(x)
        } else {
            near(f64::from(x), 0)
        },
    )
}

#[inline(always)]
pub(crate) fn near_cos(x: f32) -> f32 {
    rounded(x, near(f64::from(x), 1))
}

#[inline(always)]
pub(crate) fn pow(x: f32, y: f32) -> f32 {
    let (x, y) = (f64::from(x), f64::from(y));
    let (k, m) = decompose(x.abs());
    // Beyond 2^70 every base but 1 over- or underflows.
    let bounded = clamp(y, -1.2e21, 1.2e21);
    let (s, p) = exp_parts(clamp(bounded * assemble(k, m - 1.0), -150.0, 130.0));
    power::finish(x, y, s + s * p) as f32
}

#[inline(always)]
pub(crate) fn sin(x: f32) -> f32 {
    if is_large_angle(f64::from(x)) {
        rounded(x, double::sin(f64::from(x)))
    } else {
        near_sin(x)
    }
}

#[inline(always)]
pub(crate) fn cos(x: f32) -> f32 {
    if is_large_angle(f64::from(x)) {
        rounded(x, double::cos(f64::from(x)))
    } else {
        near_cos(x)
    }
}

/// As in double precision.
macro_rules! through_double {
    ($($name:ident)*) => {$(
        #[inline(always)]
        pub(crate) fn $name(x: f32) -> f32 {
            rounded(x, double::$name(f64::from(x)))
        }
    )*};
}
through_double!(near_tan tan asin acos atan sinh cosh asinh acosh atanh cbrt erf erfc);

#[inline(always)]
pub(crate) fn atan2(y: f32, x: f32) -> f32 {
    double::atan2(f64::from(y), f64::from(x)) as f32
}
