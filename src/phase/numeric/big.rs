//! Binary floating-point numbers of a fixed, large number of bits.
//!
//! A number is `(-1)^negative * mantissa * 2^exponent` with a mantissa of `64 L` bits whose highest bit is set, and a 64-bit
//! exponent, which no computation here exhausts. Results are cut off, not rounded: every operation is off by less than
//! [`Big::ERROR`] units of `2^(-64 L)` relative to its result, and a sum of two signs relative to its larger operand.
//!
//! The length is a type parameter, so that numbers are plain values: the factorization and the solves that are written
//! over [`Scalar`] take them as they take an `f64`, and nothing is allocated per operation. That is why this is not a
//! crate of numbers of arbitrary length.

use std::cmp::Ordering;
use std::ops::{Add, Mul, Neg};

use super::extended::{Scalar, exponent, scale};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Big<const L: usize> {
    /// Lowest first; all zero for zero.
    mantissa: [u64; L],
    exponent: i64,
    negative: bool,
}

impl<const L: usize> Big<L> {
    /// The bits of a mantissa.
    pub(crate) const BITS: i64 = 64 * L as i64;

    /// Bounds the error of one addition, multiplication or inversion, in units of `2^(-BITS)`.
    pub(crate) const ERROR: u32 = 16;

    fn is_zero(&self) -> bool {
        // A mantissa that is not zero has its highest bit set.
        self.mantissa[L - 1] == 0
    }

    /// The least e with |self| < 2^e, or nothing for zero.
    pub(crate) fn magnitude(&self) -> Option<i64> {
        (!self.is_zero()).then_some(self.exponent + Self::BITS)
    }

    /// The nearest `f64`, infinite if there is none so large.
    pub(crate) fn to_f64(self) -> f64 {
        let rest = self.mantissa[..L - 1].iter().any(|&limb| limb != 0);
        // The conversion of an integer rounds to nearest; the last of its 64 bits stands for all that follow.
        let top = (self.mantissa[L - 1] | u64::from(rest)) as f64;
        let value = scale(top, self.exponent.saturating_add(Self::BITS - 64));
        if self.negative { -value } else { value }
    }

    /// Moves a mantissa down, which cuts its lowest bits off.
    fn shifted_down(&self, by: i64) -> [u64; L] {
        let mut result = [0; L];
        if by >= Self::BITS {
            return result;
        }
        let (limbs, bits) = ((by / 64) as usize, (by % 64) as u32);
        for i in 0..L - limbs {
            let low = self.mantissa[i + limbs] >> bits;
            let high = match self.mantissa.get(i + limbs + 1) {
                Some(&limb) if bits > 0 => limb << (64 - bits),
                _ => 0,
            };
            result[i] = low | high;
        }
        result
    }

    /// Moves a mantissa up until its highest bit is set.
    fn normalized(mantissa: [u64; L], exponent: i64, negative: bool) -> Self {
        let Some(highest) = mantissa.iter().rposition(|&limb| limb != 0) else {
            return Self::ZERO;
        };
        let (limbs, bits) = (L - 1 - highest, mantissa[highest].leading_zeros());
        let mut result = [0; L];
        for i in 0..=highest {
            let high = mantissa[i] << bits;
            let low = match i.checked_sub(1) {
                Some(below) if bits > 0 => mantissa[below] >> (64 - bits),
                _ => 0,
            };
            result[i + limbs] = high | low;
        }
        Self {
            mantissa: result,
            exponent: exponent - (64 * limbs as i64 + i64::from(bits)),
            negative,
        }
    }

    fn compare_magnitudes(&self, other: &Self) -> Ordering {
        let mantissas = || self.mantissa.iter().rev().cmp(other.mantissa.iter().rev());
        self.exponent.cmp(&other.exponent).then_with(mantissas)
    }
}

impl<const L: usize> Scalar for Big<L> {
    const ZERO: Self = Self {
        mantissa: [0; L],
        exponent: 0,
        negative: false,
    };

    fn from_f64(value: f64) -> Self {
        if value == 0.0 {
            return Self::ZERO;
        }
        // A subnormal number is made a normal one first.
        let (normal, shift) = if value.is_subnormal() {
            (scale(value, 200), -200)
        } else {
            (value, 0)
        };
        let mut mantissa = [0; L];
        mantissa[L - 1] = (1 << 63) | (normal.to_bits() << 11);
        Self {
            mantissa,
            exponent: exponent(normal.abs()) + shift + 1 - Self::BITS,
            negative: value < 0.0,
        }
    }

    fn inverse(self) -> Self {
        if self.is_zero() {
            return Self::ZERO;
        }
        // Newton's method on a mantissa in [1, 2), from the 53 bits of an `f64`: each step doubles the bits.
        let own = self.exponent + Self::BITS - 1;
        let mantissa = Self {
            exponent: 1 - Self::BITS,
            negative: false,
            ..self
        };
        let one = Self::from_f64(1.0);
        let mut result = Self::from_f64(1.0 / mantissa.to_f64());
        let mut bits = 50;
        while bits < Self::BITS + 8 {
            result = result + result * (one + -(mantissa * result));
            bits *= 2;
        }
        result.exponent -= own;
        result.negative = self.negative;
        result
    }
}

impl<const L: usize> Neg for Big<L> {
    type Output = Self;

    fn neg(mut self) -> Self {
        self.negative = !self.negative;
        self
    }
}

impl<const L: usize> Add for Big<L> {
    type Output = Self;

    // Calls cost little beside the work, and copies of the body in every loop would cost compile time.
    #[inline(never)]
    fn add(self, other: Self) -> Self {
        if other.is_zero() {
            return self;
        }
        if self.is_zero() {
            return other;
        }
        let (large, small) = match self.compare_magnitudes(&other) {
            Ordering::Less => (other, self),
            Ordering::Equal | Ordering::Greater => (self, other),
        };
        let aligned = small.shifted_down(large.exponent - small.exponent);
        let mut mantissa = large.mantissa;
        if large.negative == small.negative {
            let mut carry = false;
            for (limb, add) in mantissa.iter_mut().zip(aligned) {
                let (sum, first) = limb.overflowing_add(add);
                let (sum, second) = sum.overflowing_add(u64::from(carry));
                (*limb, carry) = (sum, first || second);
            }
            let mut sum = Self { mantissa, ..large };
            if carry {
                sum.mantissa = sum.shifted_down(1);
                sum.mantissa[L - 1] |= 1 << 63;
                sum.exponent += 1;
            }
            sum
        } else {
            let mut borrow = false;
            for (limb, take) in mantissa.iter_mut().zip(aligned) {
                let (rest, first) = limb.overflowing_sub(take);
                let (rest, second) = rest.overflowing_sub(u64::from(borrow));
                (*limb, borrow) = (rest, first || second);
            }
            Self::normalized(mantissa, large.exponent, large.negative)
        }
    }
}

impl<const L: usize> Mul for Big<L> {
    type Output = Self;

    #[inline(never)]
    fn mul(self, other: Self) -> Self {
        if self.is_zero() || other.is_zero() {
            return Self::ZERO;
        }
        // The product's limbs below the highest `L` and one more are summed for their carry alone.
        let (mut low, mut high) = ([0u64; L], [0u64; L]);
        for i in 0..L {
            let mut carry = 0;
            for j in 0..L {
                let limb = if i + j < L {
                    &mut low[i + j]
                } else {
                    &mut high[i + j - L]
                };
                let product = u128::from(self.mantissa[i]) * u128::from(other.mantissa[j])
                    + u128::from(*limb)
                    + u128::from(carry);
                *limb = product as u64;
                carry = (product >> 64) as u64;
            }
            high[i] = carry;
        }
        let mut exponent = self.exponent + other.exponent + Self::BITS;
        if high[L - 1] >> 63 == 0 {
            // Two mantissas of at least a half make at least a quarter.
            let mut below = low[L - 1];
            for limb in &mut high {
                let bit = below >> 63;
                below = *limb;
                *limb = *limb << 1 | bit;
            }
            exponent -= 1;
        }
        Self {
            mantissa: high,
            exponent,
            negative: self.negative != other.negative,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use num_bigint::{BigInt, BigUint, Sign};
    use num_rational::BigRational;
    use num_traits::{FromPrimitive, One, Signed, Zero};
    use proptest::prelude::*;

    use super::{Big, Scalar};

    fn exact<const L: usize>(x: Big<L>) -> BigRational {
        let bytes: Vec<u8> = x.mantissa.iter().flat_map(|m| m.to_le_bytes()).collect();
        let sign = if x.negative { Sign::Minus } else { Sign::Plus };
        let mantissa = BigInt::from_biguint(sign, BigUint::from_bytes_le(&bytes));
        let power = BigInt::one() << x.exponent.unsigned_abs();
        if x.exponent >= 0 {
            BigRational::from(mantissa * power)
        } else {
            BigRational::new(mantissa, power)
        }
    }

    /// Whether a result is within the promised error, relative to `scale`.
    fn is_close<const L: usize>(
        found: Big<L>,
        expected: &BigRational,
        scale: &BigRational,
    ) -> bool {
        let unit = BigRational::new(
            Big::<L>::ERROR.into(),
            BigInt::one() << Big::<L>::BITS as u64,
        );
        (exact(found) - expected).abs() <= scale.abs() * unit
    }

    fn numbers() -> impl Strategy<Value = f64> {
        let sign = prop_oneof![Just(1.0), Just(-1.0)];
        (sign, 1.0f64..2.0, -200i32..200).prop_map(|(sign, m, e)| sign * m * 2f64.powi(e))
    }

    fn check<const L: usize>(values: [f64; 4]) -> Result<(), TestCaseError> {
        let [a, b, c, d] = values.map(Big::<L>::from_f64);
        for (big, value) in [a, b, c, d].into_iter().zip(values) {
            prop_assert_eq!(exact(big), BigRational::from_f64(value).unwrap());
            prop_assert_eq!(big.to_f64(), value);
        }
        // Operands with all their bits set at random.
        let (x, y) = (a * b.inverse() + c, (c * d + a).inverse() * d);
        let (p, q) = (exact(x), exact(y));
        prop_assert!(is_close(x * y, &(&p * &q), &(&p * &q)));
        let larger = if p.abs() > q.abs() { &p } else { &q };
        prop_assert!(is_close(x + y, &(&p + &q), larger));
        prop_assert!(is_close(x + -y, &(&p - &q), larger));
        if !p.is_zero() {
            prop_assert!(is_close(x.inverse(), &p.recip(), &p.recip()));
            let bound = BigRational::from(BigInt::one() << 2000u32);
            let magnitude = x.magnitude().unwrap() + 2000;
            let power = BigRational::from(BigInt::one() << magnitude as u64);
            prop_assert!(p.abs() * &bound < power);
            prop_assert!(p.abs() * &bound * BigRational::from(BigInt::from(2)) >= power);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn operations_are_as_exact_as_promised(a in numbers(), b in numbers(), c in numbers(), d in numbers()) {
            check::<1>([a, b, c, d])?;
            check::<2>([a, b, c, d])?;
            check::<4>([a, b, c, d])?;
            check::<7>([a, b, c, d])?;
        }
    }

    #[test]
    fn numbers_near_each_other_and_far_apart() {
        let one = Big::<4>::from_f64(1.0);
        let tiny = Big::<4>::from_f64(5e-324);
        assert_eq!((one + -one).to_f64(), 0.0);
        assert_eq!((one + tiny + -one).to_f64(), 0.0);
        assert_eq!(tiny.to_f64(), 5e-324);
        assert_eq!((tiny * tiny).to_f64(), 0.0);
        assert_eq!((tiny * tiny).inverse().to_f64(), f64::INFINITY);
        assert_eq!((-(tiny * tiny).inverse()).to_f64(), f64::NEG_INFINITY);
        assert_eq!(((tiny * tiny).inverse() * tiny * tiny).to_f64(), 1.0);
        let small = Big::<4>::from_f64(2f64.powi(-200));
        assert_eq!((one + small + -one).to_f64(), 2f64.powi(-200));
        assert_eq!(Big::<4>::from_f64(f64::MAX).to_f64(), f64::MAX);
    }
}
