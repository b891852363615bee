//! Functions of numbers, for every element.

use std::f64::consts::{LN_2, LN_10, PI};

use crate::array::{DType, promote_all, to_inexact};
use crate::numpy::float;
use crate::tensor::{Tensor, compositions, convert, where_};

compositions! {
    numpy;
    /// The real part of each element.
    [real(vec![1.5]) => f64 [1.5]]
    fn real(x;) { Ok(x.real()) }
    /// The imaginary part of each element.
    [imag(vec![1.5]) => f64 [0.0]]
    fn imag(x;) { Ok(x.imag()) }
    /// The complex conjugate of each element.
    [conj(vec![1.5]) => f64 [1.5]]
    fn conj(x;) { Ok(x.conj()) }
    /// The angle of each element, in radians: 0 or pi for a real number.
    [angle(vec![2.0, -1.0]) => f64 [0.0, std::f64::consts::PI]]
    fn angle(x;) {
        let x = float(&x);
        Ok(x.imag().atan2(x.real()))
    }
    /// Whether each element has an imaginary part that is not zero.
    [iscomplex(vec![1.5]) => bool [false]]
    fn iscomplex(x;) { Ok(x.imag().not_equal(0)) }
    /// Whether each element has an imaginary part of zero.
    [isreal(vec![1.5]) => bool [true]]
    fn isreal(x;) { Ok(x.imag().equal(0)) }
    /// Whether each element is NaN.
    [isnan(vec![1.0, f64::NAN]) => bool [false, true]]
    fn isnan(x;) { if x.dtype().is_inexact() { Ok(x.not_equal(&x)) } else { Ok(crate::tensor::full(x.shape(), false)) } }
    /// Whether each element is infinite.
    [isinf(vec![1.0, f64::INFINITY]) => bool [false, true]]
    fn isinf(x;) {
        if x.dtype().is_complex() {
            return Ok(isinf(x.real()) | isinf(x.imag()));
        }
        if x.dtype().is_float() { Ok(x.abs().equal(f64::INFINITY)) } else { Ok(crate::tensor::full(x.shape(), false)) }
    }
    /// Whether each element is plus infinity.
    [isposinf(vec![1.0, f64::INFINITY]) => bool [false, true]]
    fn isposinf(x;) {
        if x.dtype().is_float() { Ok(x.equal(f64::INFINITY)) } else { Ok(crate::tensor::full(x.shape(), false)) }
    }
    /// Whether each element is minus infinity.
    [isneginf(vec![1.0, f64::NEG_INFINITY]) => bool [false, true]]
    fn isneginf(x;) {
        if x.dtype().is_float() { Ok(x.equal(f64::NEG_INFINITY)) } else { Ok(crate::tensor::full(x.shape(), false)) }
    }
    /// Whether each element is neither infinite nor NaN.
    [isfinite(vec![1.0, f64::NAN]) => bool [true, false]]
    fn isfinite(x;) {
        if x.dtype().is_complex() {
            return Ok(x.real().is_finite() & x.imag().is_finite());
        }
        if x.dtype().is_float() { Ok(x.is_finite()) } else { Ok(crate::tensor::full(x.shape(), true)) }
    }
    /// Replaces NaN and the infinities; `None` for an infinity is the largest number of that sign.
    [nan_to_num(vec![f64::NAN, 2.0, f64::INFINITY], 0.5, Some(9.0), None) => f64 [0.5, 2.0, 9.0]]
    fn nan_to_num(x; nan: f64, posinf: Option<f64>, neginf: Option<f64>) {
        if !x.dtype().is_float() {
            return Ok(x);
        }
        let largest = crate::array::Scalar::greatest(x.dtype());
        let out = where_(isnan(&x), nan, &x);
        let out = where_(isposinf(&out), posinf.unwrap_or(largest), out);
        Ok(where_(isneginf(&out), neginf.unwrap_or(-largest), out))
    }
    /// Whether the sign bit of each element is set, that of -0.0 included.
    [signbit(vec![-0.0, 1.0]) => bool [true, false]]
    fn signbit(x;) {
        if !x.dtype().is_float() {
            return Ok(x.less(0));
        }
        // Only a division tells -0.0 from 0.0 without looking at bits; a NaN's sign is that of its bits, taken as positive.
        Ok(x.less(0.0) | (x.equal(0.0) & (1.0_f64 / &x).less(0.0)))
    }
    /// The size of `x` with the sign of `y`.
    [copysign(vec![1.0, -2.0], -0.0) => f64 [-1.0, -2.0]]
    fn copysign(x, y;) {
        let [x, y] = crate::numpy::inexact([&x, &y]);
        let size = x.abs();
        Ok(where_(signbit(y), -&size, size))
    }
    /// The greater of two, or the one that is not NaN.
    [fmax(vec![1.0, f64::NAN], 0.5) => f64 [1.0, 0.5]]
    fn fmax(x, y;) { Ok(where_(x.greater(&y) | isnan(&y), &x, &y)) }
    /// The smaller of two, or the one that is not NaN.
    [fmin(vec![1.0, f64::NAN], 0.5) => f64 [0.5, 0.5]]
    fn fmin(x, y;) { Ok(where_(x.less(&y) | isnan(&y), &x, &y)) }
    /// The remainder of truncated division, with the sign of `x`.
    [fmod(vec![-7.0, 7.0], 3.0) => f64 [-1.0, 1.0]]
    fn fmod(x, y;) { Ok(x.lax_rem(y)) }
    /// The remainder of floor division, with the sign of `y`: `x % y`.
    [remainder(vec![-7.0, 7.0], 3.0) => f64 [2.0, 1.0]]
    fn remainder(x, y;) { Ok(x % y) }
    /// A power in floating arithmetic, integers included.
    [float_power(vec![2, 3], -1) => f64 [0.5, 1.0 / 3.0]]
    fn float_power(x, y;) {
        let (x, y) = (convert(&x, (DType::F64, false), here()), convert(&y, (DType::F64, false), here()));
        Ok(x.pow(y))
    }
    /// `x` times two to the power `k`.
    [ldexp(vec![1.5, 2.0], vec![2, -1]) => f64 [6.0, 1.0]]
    fn ldexp(x, k;) {
        let x = float(&x);
        // In two steps, so that a power which overflows or vanishes alone does not spoil the product.
        let half = k.floor_divide(2);
        let rest = &k - &half;
        let two = |k: Tensor| convert(&k, (x.dtype(), false), here()).exp2().round();
        let power = |k: Tensor| where_(k.less(0), 1.0 / two(k.abs()), two(k.abs()));
        Ok(&x * power(half) * power(rest))
    }
    /// 0 below zero, `y` at zero and 1 above.
    [heaviside(vec![-1.0, 0.0, 2.0], 0.5) => f64 [0.0, 0.5, 1.0]]
    fn heaviside(x, y;) {
        let (x, y) = (float(&x), float(&y));
        let out = where_(x.less(0.0), 0.0, where_(x.greater(0.0), 1.0, &y));
        Ok(where_(isnan(&x), &x, out))
    }
    /// The length of the hypotenuse, without overflow on the way.
    [hypot(vec![3.0, 6.0], vec![4.0, 8.0]) => f64 [5.0, 10.0]]
    fn hypot(x, y;) {
        let (x, y) = (float(&x).abs(), float(&y).abs());
        let infinite = isinf(&x) | isinf(&y);
        let (large, small) = (x.maximum(&y), x.minimum(&y));
        let ratio = &small / where_(large.equal(0.0), 1.0, &large);
        let length = where_(large.equal(0.0), &large, &large * (ratio.square() + 1.0).sqrt());
        Ok(where_(infinite, f64::INFINITY, length))
    }
    /// `log(exp(x) + exp(y))` without overflow.
    [logaddexp(vec![1000.0], 1000.0) => f64 [1000.0 + std::f64::consts::LN_2]]
    fn logaddexp(x, y;) {
        let (x, y) = (float(&x), float(&y));
        let (max, delta) = (x.maximum(&y), &x - &y);
        let sum = max + (-delta.abs()).exp().log1p();
        Ok(where_(isnan(&delta), &x + &y, sum))
    }
    /// `log2(2^x + 2^y)` without overflow.
    [logaddexp2(vec![1000.0], 1000.0) => f64 [1001.0]]
    fn logaddexp2(x, y;) {
        let (x, y) = (float(&x), float(&y));
        let (max, delta) = (x.maximum(&y), &x - &y);
        let sum = max + (-delta.abs()).exp2().log1p() / LN_2;
        Ok(where_(isnan(&delta), &x + &y, sum))
    }
    /// The absolute value as a float.
    [fabs(vec![-1, 2]) => f32 [1.0, 2.0]]
    fn fabs(x;) { Ok(float(&x).abs()) }
    /// How many bits of the absolute value are set.
    [bitwise_count(vec![-3, 5]) => u8 [2, 2]]
    fn bitwise_count(x;) {
        let size = if x.dtype().is_signed_integer() { x.abs() } else { x };
        Ok(size.population_count().astype(DType::U8))
    }
    /// The logarithm to base 2.
    [log2(vec![8.0, 0.5]) => f64 [3.0, -1.0]]
    fn log2(x;) { Ok(x.ln() / LN_2) }
    /// The logarithm to base 10.
    [log10(vec![1.0, 10.0]) => f64 [0.0, 1.0]]
    fn log10(x;) { Ok(x.ln() / LN_10) }
    /// Degrees as radians.
    [deg2rad(vec![180.0]) => f64 [std::f64::consts::PI]]
    fn deg2rad(x;) { Ok(float(&x) * (PI / 180.0)) }
    /// Radians as degrees.
    [rad2deg(vec![std::f64::consts::PI]) => f64 [180.0]]
    fn rad2deg(x;) { Ok(float(&x) * (180.0 / PI)) }
    /// `sin(pi x) / (pi x)`, which is 1 at 0.
    [sinc(vec![0.0]) => f64 [1.0]]
    fn sinc(x;) {
        let x = float(&x) * PI;
        let zero = x.equal(0.0);
        let safe = where_(&zero, 1.0, &x);
        Ok(where_(zero, 1.0, safe.sin() / &safe))
    }
    /// Rounds towards zero.
    [trunc(vec![-1.5, 1.5]) => f64 [-1.0, 1.0]]
    fn trunc(x;) {
        if x.dtype().is_float() { Ok(where_(x.less(0.0), x.ceil(), x.floor())) } else { Ok(x) }
    }
    /// Rounds to so many decimals, halves to even; negative ones round tens, hundreds, ...
    [round(vec![1.26, 2.5], 1) => f64 [1.3, 2.5]]
    fn round(x; decimals: i32) {
        if decimals == 0 || !x.dtype().is_float() && decimals > 0 {
            return Ok(x.round());
        }
        let factor = 10_f64.powi(decimals.abs());
        if !x.dtype().is_float() {
            let rounded = (convert(&x, (DType::F64, false), here()) / factor).round() * factor;
            return Ok(convert(&rounded, (x.dtype(), false), here()));
        }
        Ok(if decimals > 0 { (&x * factor).round() / factor } else { (&x / factor).round() * factor })
    }
    /// `1 / x`.
    [reciprocal(vec![4.0]) => f64 [0.25]]
    fn reciprocal(x;) { Ok(1.0 / x) }
    /// The greatest common divisor of integers.
    [gcd(vec![12, -18], vec![18, 27]) => i32 [6, 9]]
    fn gcd(x, y;) {
        let (mut a, mut b) = (x.abs(), y.abs());
        let to = promote_all([a.ty(), b.ty()]);
        (a, b) = (convert(&a, (to.0, false), here()), convert(&b, (to.0, false), here()));
        let shape = crate::array::broadcast_shapes([a.shape(), b.shape()]).unwrap_or_default();
        let init = (a.broadcast_to(&shape).check()?, b.broadcast_to(&shape).check()?);
        let (found, _): (Tensor, Tensor) = crate::tensor::while_loop(
            |(_, b): (Tensor, Tensor)| b.not_equal(0).any(..),
            |(a, b): (Tensor, Tensor)| {
                let go = b.not_equal(0);
                let rest = a.lax_rem(where_(&go, &b, 1));
                (where_(&go, &b, &a), where_(&go, rest, 0))
            },
            init,
        )?;
        Ok(found)
    }
    /// The least common multiple of integers.
    [lcm(vec![4, 0], vec![6, 5]) => i32 [12, 0]]
    fn lcm(x, y;) {
        let (x, y) = (x.abs(), y.abs());
        let d = gcd(&x, &y);
        let safe = where_(d.equal(0), 1, &d);
        Ok(where_(d.equal(0), 0, &x * y.floor_divide(safe)))
    }
    /// Whether elements are equal up to `atol + rtol |y|`.
    [isclose(vec![1.0, 2.0], vec![1.0 + 1e-9, 2.1], 1e-5, 1e-8) => bool [true, false]]
    fn isclose(x, y; rtol: f64, atol: f64) {
        // In one floating type, also integers and truth values, which tolerances above 1 make equal.
        let to = (to_inexact(promote_all([x.ty(), y.ty()])).0, false);
        let here = std::panic::Location::caller();
        let (x, y) = (convert(&x, to, here), convert(&y, to, here));
        let close = (&x - &y).abs().less_equal(atol + rtol * y.abs());
        Ok(x.equal(&y) | (isfinite(&y) & close))
    }
    /// Whether all elements are equal up to `atol + rtol |y|`.
    [allclose(vec![1.0], vec![1.0 + 1e-9], 1e-5, 1e-8) => bool [true]]
    fn allclose(x, y; rtol: f64, atol: f64) { Ok(isclose(x, y, rtol, atol).all(..)) }
    /// Whether shapes and all elements are the same.
    [array_equal(vec![1, 2], vec![1, 2]) => bool [true]]
    fn array_equal(x, y;) {
        if x.shape() != y.shape() {
            return Ok(Tensor::from(false));
        }
        Ok(x.equal(y).all(..))
    }
    /// Whether all elements are the same once the shapes are broadcast together.
    [array_equiv(vec![1, 1], 1) => bool [true]]
    fn array_equiv(x, y;) {
        if crate::array::broadcast_shapes([x.shape(), y.shape()]).is_none() {
            return Ok(Tensor::from(false));
        }
        Ok(x.equal(y).all(..))
    }
    /// Logical and of truth values, numbers being true where they are not zero.
    [logical_and(vec![1, 2], vec![0, 3]) => bool [false, true]]
    fn logical_and(x, y;) { Ok(truth(&x) & truth(&y)) }
    /// Logical or of truth values, numbers being true where they are not zero.
    [logical_or(vec![0, 2], vec![0, 3]) => bool [false, true]]
    fn logical_or(x, y;) { Ok(truth(&x) | truth(&y)) }
    /// Logical exclusive or of truth values, numbers being true where they are not zero.
    [logical_xor(vec![0, 2], vec![1, 3]) => bool [true, false]]
    fn logical_xor(x, y;) { Ok(truth(&x) ^ truth(&y)) }
    /// Logical complement of truth values, numbers being true where they are not zero.
    [logical_not(vec![0, 2]) => bool [true, false]]
    fn logical_not(x;) { Ok(!truth(&x)) }
    /// Spaced evenly on a logarithmic scale: `base` to the powers from `start` to `stop`.
    [logspace(0.0, 2.0, 3, true, 10.0) => f64 [1.0, 10.0, 100.0]]
    fn logspace(start, stop; num: usize, endpoint: bool, base: f64) {
        let powers = if endpoint { crate::tensor::linspace(start, stop, num) } else { crate::tensor::linspace_open(start, stop, num) };
        Ok(Tensor::from(base).pow(powers))
    }
    /// Spaced evenly on a logarithmic scale, from `start` to `stop`.
    [geomspace(1.0, 8.0, 4, true).round() => f64 [1.0, 2.0, 4.0, 8.0]]
    fn geomspace(start, stop; num: usize, endpoint: bool) {
        let (start, stop) = (float(&start), float(&stop));
        // Two negative ends count from their sizes, under their sign.
        let sign = where_(start.less(0.0) & stop.less(0.0), -1.0, 1.0);
        let (start, stop) = (&start * &sign, &stop * &sign);
        let powers = logspace(log10(start), log10(stop), num, endpoint, 10.0);
        Ok(powers * sign)
    }
}

#[track_caller]
fn here() -> &'static std::panic::Location<'static> {
    std::panic::Location::caller()
}

/// Truth of numbers: not zero, NaN being true.
pub(super) fn truth(x: &Tensor) -> Tensor {
    if x.dtype() == DType::Bool {
        x.clone()
    } else {
        x.not_equal(0)
    }
}

/// `floor(x / y)` and the remainder that goes with it.
///
/// ```
/// use elimap::numpy;
/// let (q, r) = numpy::divmod(vec![7, -7], 2);
/// assert_eq!((q.to_vec::<i32>()?, r.to_vec::<i32>()?), (vec![3, -4], vec![1, 1]));
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn divmod(x: impl Into<Tensor>, y: impl Into<Tensor>) -> (Tensor, Tensor) {
    let (x, y) = (x.into(), y.into());
    (x.floor_divide(&y), x % y)
}

/// The fractional and the whole part, both with the sign of `x`.
///
/// ```
/// use elimap::numpy;
/// let (fraction, whole) = numpy::modf(vec![2.5, -1.25]);
/// assert_eq!(fraction.to_vec::<f64>()?, [0.5, -0.25]);
/// assert_eq!(whole.to_vec::<f64>()?, [2.0, -1.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn modf(x: impl Into<Tensor>) -> (Tensor, Tensor) {
    let x = float(&x.into());
    let whole = trunc(&x);
    let fraction = where_(isinf(&x), copysign(0.0, &x), &x - &whole);
    (copysign(fraction, &x), whole)
}

/// `m` in [0.5, 1) and an `i32` exponent `e` with `x = m 2^e`; zeros, infinities and NaN keep themselves with exponent 0.
///
/// ```
/// use elimap::numpy;
/// let (m, e) = numpy::frexp(vec![6.0, -0.5, 0.0]);
/// assert_eq!(m.to_vec::<f64>()?, [0.75, -0.5, 0.0]);
/// assert_eq!(e.to_vec::<i32>()?, [3, 0, 0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn frexp(x: impl Into<Tensor>) -> (Tensor, Tensor) {
    let x = float(&x.into());
    let plain = x.is_finite() & x.not_equal(0.0);
    let size = where_(&plain, x.abs(), 1.0);
    // The logarithm may miss by one at powers of two, which the scaled size shows.
    let guess = (log2(&size).floor() + 1.0).astype(DType::I32);
    let scaled = ldexp(&size, -&guess);
    let up = scaled.greater_equal(1.0).astype(DType::I32);
    let down = scaled.less(0.5).astype(DType::I32);
    let exponent = guess + up - down;
    let mantissa = ldexp(&x, -&exponent);
    (
        where_(&plain, mantissa, &x),
        where_(plain, exponent, 0).astype(DType::I32),
    )
}
