//! What all functions are made of: polynomials, powers of two, and sums and products with their rounding errors.
//!
//! Fused multiply-adds are spelled out and nothing is contracted into others, and nothing branches: compilers turn loops over such
//! functions into vector code, and a result has the same bits in a loop of any width as alone.

/// Numbers up to 2^51 in magnitude lose their fraction when this is added, and their integer is in the low bits then.
pub(super) const SHIFT: f64 = 6_755_399_441_055_744.0;

/// A polynomial; the constant comes first.
///
/// Behind the constant four terms at a time (after Estrin), so that not every operation waits for the one before: what limits
/// Horner's scheme is how many operations a processor keeps waiting. The constant is added last, so that nothing as large as
/// the value is rounded twice.
#[inline(always)]
pub(super) fn polynomial<const N: usize>(x: f64, coefficients: &[f64; N]) -> f64 {
    let square = x * x;
    let fourth = square * square;
    let (constant, rest) = (coefficients[0], &coefficients[1..]);
    let mut first = rest.len().saturating_sub(1) / 4 * 4;
    let mut value = four_terms(x, square, &rest[first..]);
    while first > 0 {
        first -= 4;
        value = value.mul_add(fourth, four_terms(x, square, &rest[first..]));
    }
    x.mul_add(value, constant)
}

/// The first four terms, or as many as there are.
#[inline(always)]
fn four_terms(x: f64, square: f64, coefficients: &[f64]) -> f64 {
    match *coefficients {
        [] => 0.0,
        [a] => a,
        [a, b] => b.mul_add(x, a),
        [a, b, c] => c.mul_add(square, b.mul_add(x, a)),
        [a, b, c, d, ..] => d.mul_add(x, c).mul_add(square, b.mul_add(x, a)),
    }
}

/// The nearest integer of a number below 2^51.
#[inline(always)]
pub(super) fn nearest(x: f64) -> f64 {
    (x + SHIFT) - SHIFT
}

/// 2 to an integer from -1022 to 1023.
#[inline(always)]
pub(super) fn power_of_two(k: f64) -> f64 {
    f64::from_bits((k + (SHIFT + 1023.0)).to_bits() << 52)
}

/// `y * 2^k`, rounded once, for a `y` near 1 and an integer `k` from -2000 to 2000.
#[inline(always)]
pub(super) fn scale(y: f64, k: f64) -> f64 {
    let half = nearest(0.5 * k);
    y * power_of_two(half) * power_of_two(k - half)
}

/// The number within bounds; NaN stays NaN.
#[inline(always)]
pub(super) fn clamp(x: f64, low: f64, high: f64) -> f64 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// The value, or the one NaN where the argument is a NaN.
#[inline(always)]
pub(super) fn unless_nan(x: f64, value: f64) -> f64 {
    if x.is_nan() { f64::NAN } else { value }
}

/// The rounded sum and what rounding took from it (Knuth).
#[inline(always)]
pub(super) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let part = sum - a;
    (sum, (a - (sum - part)) + (b - part))
}

/// The same for a first number that is not less than the second in magnitude (Dekker).
#[inline(always)]
pub(super) fn fast_two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    (sum, (a - sum) + b)
}

/// The rounded product and what rounding took from it.
#[inline(always)]
pub(super) fn two_product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    (product, a.mul_add(b, -product))
}
