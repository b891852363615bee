//! What operations do to single elements: JAX's numerics (rules N7 to N18) as traits over the element types.
//!
//! Every function is total: integer arithmetic wraps, division by zero and oversized shifts have values, and floats
//! follow IEEE 754 with NaN winning over everything in `max` and `min`. Kernels take these functions as generic
//! arguments, so one loop is compiled per operation and element type.

pub(super) mod complex;
mod float;
mod integer;
mod special;
#[cfg(test)]
mod tests;

use crate::array::Element;

/// What every element type has: `add` and `mul` of a semiring (or and and for `bool`), and an order.
pub(crate) trait Arith: Element + PartialOrd {
    /// The neutral element of `add`.
    const ZERO: Self;
    /// The neutral element of `mul`.
    const ONE: Self;
    /// The neutral element of `max`.
    const LEAST: Self;
    /// The neutral element of `min`.
    const GREATEST: Self;

    /// The wrapping sum; or of `bool` (N17).
    fn add(self, other: Self) -> Self;
    /// The wrapping product; and of `bool`.
    fn mul(self, other: Self) -> Self;
    /// The greater operand, NaN where either is NaN, and +0 of two unequal zeros (N12).
    fn max(self, other: Self) -> Self;
    /// The lesser operand, NaN where either is NaN, and -0 of two unequal zeros (N12).
    fn min(self, other: Self) -> Self;

    /// Whether this is a NaN.
    #[inline]
    fn is_nan(self) -> bool {
        // Only a NaN is unordered with itself.
        self.partial_cmp(&self).is_none()
    }

    /// Whether this replaces `best` in a search for the first greatest; the first NaN is greatest (N12).
    #[inline]
    fn exceeds(self, best: Self) -> bool {
        self > best || (self.is_nan() && !best.is_nan())
    }

    /// Whether this replaces `best` in a search for the first least; the first NaN is least (N12).
    #[inline]
    fn undercuts(self, best: Self) -> bool {
        self < best || (self.is_nan() && !best.is_nan())
    }
}

/// Integers and floats.
pub(crate) trait Number: Arith {
    /// The wrapping difference.
    fn sub(self, other: Self) -> Self;
    /// The quotient, truncated for integers; `x / 0` is all ones and `MIN / -1` is `MIN` (N7, N8).
    fn div(self, other: Self) -> Self;
    /// The remainder with the dividend's sign; of integers, `x rem 0` is `x` (N7, N8).
    fn rem(self, other: Self) -> Self;
    /// The power; of integers by the exponent's low six bits, as `jnp.power` has it (N10).
    fn pow(self, other: Self) -> Self;
    /// The wrapping negation.
    fn neg(self) -> Self;
    /// The wrapping magnitude.
    fn abs(self) -> Self;
    /// -1, 0 or 1; a float's zero or NaN as it is (N15).
    fn sign(self) -> Self;

    /// An integer power by repeated squaring; a negative one is one over the positive one.
    #[inline(always)]
    fn integer_pow(self, y: i32) -> Self {
        let power = power_by_squaring(self, y.unsigned_abs());
        if y < 0 { Self::ONE.div(power) } else { power }
    }
}

/// `bool` and integers.
pub(crate) trait Bits: Arith {
    /// The neutral element of `and`.
    const ALL_ONES: Self;

    /// Bitwise and.
    fn and(self, other: Self) -> Self;
    /// Bitwise or.
    fn or(self, other: Self) -> Self;
    /// Bitwise exclusive or.
    fn xor(self, other: Self) -> Self;
    /// Bitwise complement.
    fn not(self) -> Self;
}

/// Integers.
pub(crate) trait Integer: Number + Bits {
    /// Shifts left; by the width or more, or by a negative amount, gives 0 (N9).
    fn shift_left(self, amount: Self) -> Self;
    /// Shifts right and repeats the sign bit; by the width or more gives nothing but sign bits (N9).
    fn shift_right_arithmetic(self, amount: Self) -> Self;
    /// Shifts right and fills with zeros; by the width or more gives 0 (N9).
    fn shift_right_logical(self, amount: Self) -> Self;
    /// The number of one bits.
    fn population_count(self) -> Self;
    /// The number of zero bits before the first one bit.
    fn clz(self) -> Self;
}

/// Floats.
pub(crate) trait Float: Number {
    /// The greatest integer that is not greater.
    fn floor(self) -> Self;
    /// The least integer that is not less.
    fn ceil(self) -> Self;
    /// The nearest integer, halves away from zero (N15).
    fn round_half_away(self) -> Self;
    /// The nearest integer, halves to the even one (N15).
    fn round_half_even(self) -> Self;
    /// e to this power.
    fn exp(self) -> Self;
    /// 2 to this power.
    fn exp2(self) -> Self;
    /// The natural logarithm.
    fn log(self) -> Self;
    /// `log(1 + x)`, accurate for small `x`.
    fn log1p(self) -> Self;
    /// `exp(x) - 1`, accurate for small `x`.
    fn expm1(self) -> Self;
    /// The sine.
    fn sin(self) -> Self;
    /// The cosine.
    fn cos(self) -> Self;
    /// The tangent.
    fn tan(self) -> Self;
    /// The sine, where this is no large angle.
    fn near_sin(self) -> Self;
    /// The cosine, where this is no large angle.
    fn near_cos(self) -> Self;
    /// The tangent, where this is no large angle.
    fn near_tan(self) -> Self;
    /// Whether `near_sin` and its like are not for this number.
    fn is_large_angle(self) -> bool;
    /// The exponential function, but for extreme exponents.
    fn near_exp(self) -> Self;
    /// Whether `near_exp` is not for this number.
    fn is_extreme_exponent(self) -> bool;
    /// The inverse sine.
    fn asin(self) -> Self;
    /// The inverse cosine.
    fn acos(self) -> Self;
    /// The inverse tangent.
    fn atan(self) -> Self;
    /// The angle of the point (`x`, `self`).
    fn atan2(self, x: Self) -> Self;
    /// The hyperbolic sine.
    fn sinh(self) -> Self;
    /// The hyperbolic cosine.
    fn cosh(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The inverse hyperbolic sine.
    fn asinh(self) -> Self;
    /// The inverse hyperbolic cosine.
    fn acosh(self) -> Self;
    /// The inverse hyperbolic tangent.
    fn atanh(self) -> Self;
    /// `1 / (1 + exp(-x))`.
    fn logistic(self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// One over the square root.
    fn rsqrt(self) -> Self;
    /// The cube root.
    fn cbrt(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;
    /// One minus the error function, accurate for large arguments.
    fn erfc(self) -> Self;
    /// The inverse of the error function.
    fn erf_inv(self) -> Self;
    /// The logarithm of the gamma function's magnitude.
    fn lgamma(self) -> Self;
    /// The logarithmic derivative of the gamma function; NaN at its poles.
    fn digamma(self) -> Self;
    /// The `self`-th derivative of [`digamma`](Self::digamma).
    fn polygamma(self, x: Self) -> Self;
    /// `log(exp(a) + exp(b))` without overflow; NaN where either is NaN.
    fn log_add_exp(self, other: Self) -> Self;
    /// The neighbouring value in the direction of `target`.
    fn nextafter(self, target: Self) -> Self;
    /// Whether this is neither infinite nor NaN.
    fn is_finite(self) -> bool;
}

/// `x * x`, for every number.
#[inline(always)]
pub(crate) fn square<T: Number>(x: T) -> T {
    x.mul(x)
}

/// Binary exponentiation; multiplication wraps in integers.
#[inline]
pub(crate) fn power_by_squaring<T: Number>(mut base: T, mut exponent: u32) -> T {
    let mut power = T::ONE;
    while exponent > 0 {
        if exponent & 1 == 1 {
            power = power.mul(base);
        }
        exponent >>= 1;
        // The square after the last factor could overflow to infinity for nothing.
        if exponent > 0 {
            base = base.mul(base);
        }
    }
    power
}

/// Conversion between element types (N11): floats saturate and NaN becomes 0, integers keep their low bits, and only
/// zeros are false.
pub(crate) trait ConvertFrom<S>: Arith {
    /// The converted value.
    fn convert_from(value: S) -> Self;
}

macro_rules! convert {
    ($($source:ty => [$($target:ty),*]);* $(;)?) => {$($(
        impl ConvertFrom<$source> for $target {
            #[inline(always)]
            fn convert_from(value: $source) -> $target {
                value as $target
            }
        }
    )*)*};
}
convert! {
    u8 => [u8, u16, u32, u64, i8, i16, i32, i64, f32, f64];
    u16 => [u8, u16, u32, u64, i8, i16, i32, i64, f32, f64];
    u32 => [u8, u16, u32, u64, i8, i16, i32, i64, f32, f64];
    u64 => [u8, u16, u32, u64, i8, i16, i32, i64, f32, f64];
    i8 => [u8, u16, u32, u64, i8, i16, i32, i64, f32, f64];
    i16 => [u8, u16, u32, u64, i8, i16, i32, i64, f32, f64];
    i32 => [u8, u16, u32, u64, i8, i16, i32, i64, f32, f64];
    i64 => [u8, u16, u32, u64, i8, i16, i32, i64, f32, f64];
    f32 => [u8, u16, u32, u64, i8, i16, i32, i64, f32, f64];
    f64 => [u8, u16, u32, u64, i8, i16, i32, i64, f32, f64];
}

macro_rules! convert_bool {
    ($($ty:ty),*) => {$(
        impl ConvertFrom<$ty> for bool {
            #[inline(always)]
            fn convert_from(value: $ty) -> bool {
                value != <$ty as Arith>::ZERO
            }
        }
        impl ConvertFrom<bool> for $ty {
            #[inline(always)]
            fn convert_from(value: bool) -> $ty {
                u8::from(value) as $ty
            }
        }
    )*};
}
convert_bool!(u8, u16, u32, u64, i8, i16, i32, i64, f32, f64);

impl ConvertFrom<bool> for bool {
    #[inline]
    fn convert_from(value: bool) -> bool {
        value
    }
}
