//! The numbers a replay computes with: `f64`, and a wider kind for where `f64` cannot answer.
//!
//! # When `f64` is enough
//!
//! The elimination and its solves only add, multiply and invert nonnegative numbers, so rounding costs a few units in
//! the last place per operation, and nothing else can go wrong but overflow and underflow. [`Range`] rules those out
//! after the fact: if every nonzero number that enters a product lies in [2^-330, 2^330], a product of two of them and
//! of an inverse pivot is a normal number. Then no operation has underflowed, and a zero is a true zero: a sum of
//! products that each had a zero factor.
//!
//! Otherwise the replay is done again with [`Extended`], about 106 bits and an exponent without bounds in practice. A
//! result becomes infinite (or zero) only when it is converted to `f64` and does not fit. The same numbers serve where
//! the variance is a small difference of large moments.

use std::ops::{Add, Mul, Neg};

use crate::phase::numeric::twofold::{quick_two_sum, two_sum};

/// Arithmetic of a replay.
pub(crate) trait Scalar: Copy + Add<Output = Self> + Mul<Output = Self> {
    const ZERO: Self;

    fn from_f64(value: f64) -> Self;

    /// One over self; whatever it is for zero, it is not used.
    fn inverse(self) -> Self;
}

impl Scalar for f64 {
    const ZERO: Self = 0.0;

    fn from_f64(value: f64) -> Self {
        value
    }

    fn inverse(self) -> Self {
        1.0 / self
    }
}

/// Smallest and largest of the nonzero numbers seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    smallest: f64,
    largest: f64,
}

impl Range {
    pub(crate) const EMPTY: Self = Self {
        smallest: f64::INFINITY,
        largest: 0.0,
    };
    pub(crate) const LIMIT: f64 = power_of_two(330);

    pub(crate) fn include(mut self, values: &[f64]) -> Self {
        for &value in values {
            // A NaN fails every comparison, so it must be turned into something that does not pass the check.
            let value = if value.is_nan() { f64::INFINITY } else { value };
            self.largest = self.largest.max(value);
            self.smallest = self
                .smallest
                .min(if value == 0.0 { f64::INFINITY } else { value });
        }
        self
    }

    /// Whether products of these numbers are sure to be normal.
    pub(crate) fn is_safe(self) -> bool {
        self.largest == 0.0 || (self.smallest >= 1.0 / Self::LIMIT && self.largest <= Self::LIMIT)
    }

    pub(crate) fn largest(self) -> f64 {
        self.largest
    }
}

/// Two to this power, which must be one of a normal number: -1022 to 1023.
pub(crate) const fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// The exponent of a normal number: it lies in [2^e, 2^(e + 1)).
pub(crate) fn exponent(value: f64) -> i64 {
    ((value.to_bits() >> 52) & 0x7ff) as i64 - 1023
}

/// A number times a power of two of any size; infinite or zero only if the result does not fit.
pub(crate) fn scale(mut value: f64, mut exponent: i64) -> f64 {
    // Powers are applied in steps of normal numbers. Downwards, every step but the last is exact.
    exponent = exponent.clamp(-5000, 5000);
    while exponent != 0 {
        let step = exponent.clamp(-1000, 1000);
        value *= power_of_two(step);
        exponent -= step;
    }
    value
}

/// A number of about 106 bits with a 64-bit exponent: `(high + low) * 2^exponent`.
///
/// `high` is zero or in [1, 2) in magnitude, and `low` at most half a unit in the last place of it: a double-double
/// (Dekker 1971, *A floating-point technique for extending the available precision*) whose parts can neither overflow
/// nor underflow, because the exponent is kept apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extended {
    high: f64,
    low: f64,
    exponent: i64,
}

/// The product and its rounding error, by Dekker's splitting: a fused multiply-add would be a slow call on machines
/// without one, and the operands are near 1, so the splitting cannot overflow.
fn two_product(a: f64, b: f64) -> (f64, f64) {
    let split = |x: f64| {
        let wide = 134_217_729.0 * x;
        let high = wide - (wide - x);
        (high, x - high)
    };
    let product = a * b;
    let ((ah, al), (bh, bl)) = (split(a), split(b));
    (product, ((ah * bh - product) + ah * bl + al * bh) + al * bl)
}

impl Extended {
    fn normal(high: f64, low: f64, shift: i64) -> Self {
        let (high, low) = quick_two_sum(high, low);
        if high == 0.0 {
            return Self::ZERO;
        }
        let own = exponent(high);
        let factor = power_of_two(-own);
        Self {
            high: high * factor,
            low: low * factor,
            exponent: shift + own,
        }
    }

    /// The nearest `f64`, infinite if there is none so large.
    pub(crate) fn to_f64(self) -> f64 {
        scale(self.high + self.low, self.exponent)
    }

    pub(crate) fn is_positive(self) -> bool {
        self.high > 0.0
    }

    /// The number lies in [2^e, 2^(e + 1)) or on the other side of zero; -2^62 for zero itself.
    pub(crate) fn exponent(self) -> i64 {
        if self.high == 0.0 {
            -1 << 62
        } else {
            self.exponent
        }
    }
}

impl Scalar for Extended {
    const ZERO: Self = Self {
        high: 0.0,
        low: 0.0,
        exponent: 0,
    };

    fn from_f64(value: f64) -> Self {
        if value.is_subnormal() {
            return Self::normal(value * power_of_two(200), 0.0, -200);
        }
        if value == 0.0 {
            Self::ZERO
        } else {
            Self::normal(scale(value, -exponent(value)), 0.0, exponent(value))
        }
    }

    fn inverse(self) -> Self {
        if self.high == 0.0 {
            return Self::ZERO;
        }
        // One step of Newton's method doubles the 53 bits of the quotient.
        let first = 1.0 / self.high;
        let (product, error) = two_product(self.high, first);
        let rest = ((1.0 - product) - error) - self.low * first;
        Self::normal(first, rest * first, -self.exponent)
    }
}

impl Neg for Extended {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            high: -self.high,
            low: -self.low,
            exponent: self.exponent,
        }
    }
}

impl Add for Extended {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        if other.high == 0.0 {
            return self;
        }
        if self.high == 0.0 {
            return other;
        }
        let (large, small) = if self.exponent >= other.exponent {
            (self, other)
        } else {
            (other, self)
        };
        let gap = large.exponent - small.exponent;
        if gap > 120 {
            return large;
        }
        let factor = power_of_two(-gap);
        let (high, error) = two_sum(large.high, small.high * factor);
        let (low, rest) = two_sum(large.low, small.low * factor);
        let (high, low) = quick_two_sum(high, error + low);
        Self::normal(high, low + rest, large.exponent)
    }
}

impl Mul for Extended {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let (high, error) = two_product(self.high, other.high);
        Self::normal(
            high,
            error + (self.high * other.low + self.low * other.high),
            self.exponent + other.exponent,
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use num_rational::BigRational;
    use num_traits::{FromPrimitive, Signed, ToPrimitive, Zero};
    use proptest::prelude::*;

    use super::{Extended, Range, Scalar, scale};

    /// The exact value of a number whose exponent is moderate.
    fn exact(x: Extended) -> BigRational {
        let power = BigRational::from_f64(2f64.powi(x.exponent as i32)).unwrap();
        (BigRational::from_f64(x.high).unwrap() + BigRational::from_f64(x.low).unwrap()) * power
    }

    fn error(found: Extended, expected: &BigRational) -> f64 {
        if expected.is_zero() {
            return exact(found).abs().to_f64().unwrap();
        }
        ((exact(found) - expected) / expected)
            .abs()
            .to_f64()
            .unwrap()
    }

    fn numbers() -> impl Strategy<Value = (f64, f64)> {
        (1.0f64..2.0, -60i64..60, 1.0f64..2.0, -60i64..60)
            .prop_map(|(a, i, b, j)| (scale(a, i), scale(b, j)))
    }

    proptest! {
        #[test]
        fn keeps_a_hundred_bits((a, b) in numbers(), (c, d) in numbers()) {
            let [x, y, z, w] = [a, b, c, d].map(Extended::from_f64);
            let [a, b, c, d] = [a, b, c, d].map(|v| BigRational::from_f64(v).unwrap());
            let (sum, exact_sum) = (x + y * z, &a + &b * &c);
            prop_assert!(error(sum, &exact_sum) < 1e-30);
            prop_assert!(error(sum.inverse(), &exact_sum.recip()) < 1e-30);
            prop_assert!(error(sum * w.inverse(), &(&exact_sum / &d)) < 1e-30);
            let difference = &a - &c;
            prop_assert!(error(x + -z, &difference) < 1e-30);
        }
    }

    #[test]
    fn has_no_bounds_but_at_the_conversion() {
        let tiny = Extended::from_f64(5e-324);
        let huge = Extended::from_f64(f64::MAX);
        assert_eq!(tiny.to_f64(), 5e-324);
        assert_eq!(huge.to_f64(), f64::MAX);
        assert_eq!((huge * huge).to_f64(), f64::INFINITY);
        assert_eq!((tiny * tiny).to_f64(), 0.0);
        assert_eq!((huge * huge * (huge * huge).inverse()).to_f64(), 1.0);
        assert_eq!(
            (tiny * tiny * huge * huge * huge * huge * Extended::from_f64(0.5)).to_f64(),
            f64::INFINITY
        );
        assert_eq!(scale(1.0, i64::MAX), f64::INFINITY);
        assert_eq!(scale(0.75, -1074), 5e-324);
    }

    #[test]
    fn range_ignores_zeros_and_refuses_everything_doubtful() {
        assert!(Range::EMPTY.is_safe());
        assert!(Range::EMPTY.include(&[0.0, 1e-90, 1e90]).is_safe());
        for bad in [1e-100, 1e100, f64::NAN, f64::INFINITY, 5e-324] {
            assert!(!Range::EMPTY.include(&[1.0, bad]).is_safe(), "{bad}");
        }
    }
}
