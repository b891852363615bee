//! Inverse trigonometric functions and the cube root.

use super::basic::{fast_two_sum, nearest, polynomial, power_of_two, two_product, unless_nan};
use super::coefficients::{ASIN, ATAN, CBRT};
use std::f64::consts::{FRAC_PI_2, PI};

/// What the doubles next to pi leave of it.
const PI_REST: f64 = 1.224_646_799_147_353_2e-16;

/// `base + atan(n / d)` or `base - atan(n / d)` for 0 <= n <= d; base = quarters * pi / 2.
#[inline(always)]
fn angle(n: f64, d: f64, minus: bool, quarters: f64) -> f64 {
    // atan(n / d) = pi/4 + atan((n - d) / (n + d)).
    let upper = n > 0.5 * d;
    let (divisor, lost) = fast_two_sum(d, n);
    let (dividend, divisor, lost) = if upper {
        (n - d, divisor, lost)
    } else {
        (n, d, 0.0)
    };
    let a = dividend / divisor;
    let (product, product_lost) = two_product(a, divisor);
    let residual = ((dividend - product) - product_lost) - a * lost;
    let residual = if a.abs() < 1e-8 {
        0.0
    } else {
        residual / divisor
    };
    let z = a * a;
    let rest = a * (z * polynomial(z, &ATAN)) + residual;
    let quarters = if upper {
        if minus {
            quarters - 0.5
        } else {
            quarters + 0.5
        }
    } else {
        quarters
    };
    let (a, rest) = if minus { (-a, -rest) } else { (a, rest) };
    let base = quarters * FRAC_PI_2;
    let base_rest = quarters * (0.5 * PI_REST);
    base + (a + (rest + base_rest))
}

#[inline(always)]
pub(crate) fn atan(x: f64) -> f64 {
    let size = x.abs();
    let large = size > 1.0;
    let (n, d) = if large { (1.0, size) } else { (size, 1.0) };
    let d = if d > 1e200 { 1e200 } else { d };
    let value = angle(n, d, large, if large { 1.0 } else { 0.0 });
    unless_nan(x, if size < 1e-8 { x } else { value.copysign(x) })
}

#[inline(always)]
pub(crate) fn atan2(y: f64, x: f64) -> f64 {
    let (a, b) = (y.abs(), x.abs());
    let swapped = a > b;
    let (n, d) = if swapped { (b, a) } else { (a, b) };
    // Sums must not overflow; two infinities are as good as two ones, and two zeros as zero over one.
    let factor = if d > 1e250 {
        power_of_two(-400.0)
    } else if d < 1.0 {
        power_of_two(500.0)
    } else {
        1.0
    };
    let (n, d) = (n * factor, d * factor);
    let infinite = d == f64::INFINITY;
    let n = if infinite {
        if n == d { 1.0 } else { 0.0 }
    } else {
        n
    };
    let d = if infinite || d == 0.0 { 1.0 } else { d };
    let left = x.is_sign_negative();
    let quarters = if swapped {
        1.0
    } else if left {
        2.0
    } else {
        0.0
    };
    let value = angle(n, d, swapped != left, quarters);
    unless_nan(x, unless_nan(y, value.copysign(y)))
}

#[inline(always)]
pub(crate) fn asin(x: f64) -> f64 {
    let size = x.abs();
    let near = size < 0.5;
    let z = if near { x * x } else { 0.5 * (1.0 - size) };
    let root = z.sqrt();
    let p = z * polynomial(z, &ASIN);
    let small = size + size * p;
    let (head, lost) = root_parts(z, root);
    let large = FRAC_PI_2 - (2.0 * head + (2.0 * (root * p + lost) - 0.5 * PI_REST));
    let value = (if near { small } else { large }).copysign(x);
    if size > 1.0 || x.is_nan() {
        f64::NAN
    } else if size < 1e-9 {
        x
    } else {
        value
    }
}

/// The leading bits of a root, and what is missing to the root itself.
#[inline(always)]
fn root_parts(z: f64, root: f64) -> (f64, f64) {
    let head = f64::from_bits(root.to_bits() & 0xffff_ffff_f800_0000);
    let sum = root + head;
    (
        head,
        if sum > 0.0 {
            (z - head * head) / sum
        } else {
            0.0
        },
    )
}

#[inline(always)]
pub(crate) fn acos(x: f64) -> f64 {
    let size = x.abs();
    let near = size < 0.5;
    let z = if near { x * x } else { 0.5 * (1.0 - size) };
    let root = z.sqrt();
    let p = z * polynomial(z, &ASIN);
    let middle = FRAC_PI_2 - (x + (x * p - 0.5 * PI_REST));
    let (head, lost) = root_parts(z, root);
    let rest = root * p + lost;
    let right = 2.0 * (head + rest);
    let left = PI - (2.0 * head + (2.0 * rest - PI_REST));
    let value = if near {
        middle
    } else if x > 0.0 {
        right
    } else {
        left
    };
    if size > 1.0 || x.is_nan() {
        f64::NAN
    } else {
        value
    }
}

#[inline(always)]
pub(crate) fn cbrt(x: f64) -> f64 {
    let size = x.abs();
    let subnormal = size < f64::MIN_POSITIVE;
    let normal = if subnormal {
        size * 18_014_398_509_481_984.0
    } else {
        size
    };
    let bits = normal.to_bits();
    // size = 2^k m with m from 1/2 to 1.
    let k =
        f64::from_bits((bits >> 52) | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1022.0);
    let m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3fe0_0000_0000_0000);
    let third = nearest(k * (1.0 / 3.0));
    let over = k - 3.0 * third;
    let factor = if over == 0.0 {
        1.0
    } else if over > 0.0 {
        1.259_921_049_894_873_2
    } else {
        0.793_700_525_984_099_7
    };
    let m = m * power_of_two(over);
    let guess = polynomial(m * power_of_two(-over), &CBRT) * factor;
    // 26 bits, whose square is exact; then Halley's step.
    let t = f64::from_bits(guess.to_bits() & 0xffff_ffff_f800_0000);
    let r = m / (t * t);
    let root = t + t * ((r - t) / (t + t + r));
    let value = root * power_of_two(if subnormal { third - 18.0 } else { third });
    let value = value.copysign(x);
    unless_nan(
        x,
        if x == 0.0 || size == f64::INFINITY {
            x
        } else {
            value
        },
    )
}
