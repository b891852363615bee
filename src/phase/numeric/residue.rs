//! Arithmetic modulo a prime, to tell a number that is zero from one that is merely small.
//!
//! Every `f64` is an integer times a power of two, so it has a residue modulo any odd prime, and sums, products and
//! quotients of residues are the residues of sums, products and quotients. A quantity that is computed from `f64`s by those
//! operations and is zero has the residue zero. One that is not zero has it only where the prime divides its numerator: for
//! a prime near 2^61 that happens to one number in 2^61, and to one in 2^122 for two primes at once, unless somebody
//! has built the input around these very primes.
//!
//! The primes are of the form `2^61 - c`, so that a reduction is a multiplication by `c`.

use std::ops::{Add, Mul, Neg};

use super::extended::Scalar;

/// An integer modulo `2^61 - C`, which must be a prime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Residue<const C: u64>(u64);

/// Modulo 2^61 - 1.
pub(crate) type First = Residue<1>;

/// Modulo 2^61 - 31.
pub(crate) type Second = Residue<31>;

const LOW: u64 = (1 << 61) - 1;

impl<const C: u64> Residue<C> {
    const PRIME: u64 = (1 << 61) - C;

    pub(crate) const fn new(value: u64) -> Self {
        Self(value % Self::PRIME)
    }

    pub(crate) fn is_zero(self) -> bool {
        self.0 == 0
    }

    fn power(self, mut exponent: u64) -> Self {
        let (mut result, mut square) = (Self(1), self);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = result * square;
            }
            square = square * square;
            exponent >>= 1;
        }
        result
    }
}

impl<const C: u64> Scalar for Residue<C> {
    const ZERO: Self = Self(0);

    fn from_f64(value: f64) -> Self {
        let bits = value.to_bits();
        let (fraction, biased) = (bits & ((1 << 52) - 1), (bits >> 52) & 0x7ff);
        // Subnormal numbers have the exponent of the smallest normal ones, and no leading bit.
        let (mantissa, exponent) = match biased {
            0 => (fraction, -1074),
            _ => (fraction | 1 << 52, biased as i64 - 1075),
        };
        let two = if exponent < 0 {
            Self(2).inverse()
        } else {
            Self(2)
        };
        let result = Self::new(mantissa) * two.power(exponent.unsigned_abs());
        if value < 0.0 { -result } else { result }
    }

    fn inverse(self) -> Self {
        self.power(Self::PRIME - 2)
    }
}

impl<const C: u64> Neg for Residue<C> {
    type Output = Self;

    fn neg(self) -> Self {
        Self(if self.0 == 0 { 0 } else { Self::PRIME - self.0 })
    }
}

impl<const C: u64> Add for Residue<C> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let sum = self.0 + other.0;
        Self(if sum >= Self::PRIME {
            sum - Self::PRIME
        } else {
            sum
        })
    }
}

impl<const C: u64> Mul for Residue<C> {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        // 2^61 is C, twice over.
        let product = u128::from(self.0) * u128::from(other.0);
        let folded = u128::from(product as u64 & LOW) + (product >> 61) * u128::from(C);
        let folded = (folded as u64 & LOW) + (folded >> 61) as u64 * C;
        Self(if folded >= Self::PRIME {
            folded - Self::PRIME
        } else {
            folded
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use num_bigint::BigInt;
    use num_rational::BigRational;
    use num_traits::{FromPrimitive, One, ToPrimitive, Zero};
    use proptest::prelude::*;

    use super::{First, Residue, Scalar, Second};

    /// The residue of a fraction by the extended Euclidean algorithm's big brother.
    fn expected(value: &BigRational, prime: u64) -> u64 {
        let prime = BigInt::from(prime);
        let modulo = |x: &BigInt| ((x % &prime) + &prime) % &prime;
        let inverse = modulo(value.denom()).modpow(&(&prime - 2), &prime);
        modulo(&(modulo(value.numer()) * inverse)).to_u64().unwrap()
    }

    fn check<const C: u64>([a, b, c]: [f64; 3]) -> Result<(), TestCaseError> {
        let [x, y, z] = [a, b, c].map(Residue::<C>::from_f64);
        let [a, b, c] = [a, b, c].map(|value| BigRational::from_f64(value).unwrap());
        let prime = Residue::<C>::PRIME;
        prop_assert_eq!((x * y + -z).0, expected(&(&a * &b - &c), prime));
        if !c.is_zero() {
            prop_assert_eq!((x * z.inverse()).0, expected(&(&a / &c), prime));
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn residues_of_sums_products_and_quotients(
            a in proptest::num::f64::ANY, b in proptest::num::f64::ANY, c in proptest::num::f64::ANY,
        ) {
            if [a, b, c].iter().all(|x| x.is_finite()) {
                check::<1>([a, b, c])?;
                check::<31>([a, b, c])?;
            }
        }
    }

    /// Fermat's and Lucas's test with the factors of p - 1.
    #[test]
    fn both_moduli_are_primes() {
        fn is_prime(n: u64) -> bool {
            let n_big = BigInt::from(n);
            let mut rest = n - 1;
            let mut factors = Vec::new();
            let mut d = 2;
            while d * d <= rest {
                if rest.is_multiple_of(d) {
                    factors.push(d);
                    while rest.is_multiple_of(d) {
                        rest /= d;
                    }
                }
                d += 1;
            }
            if rest > 1 {
                factors.push(rest);
            }
            (2u64..200).any(|base| {
                let power = |e: u64| BigInt::from(base).modpow(&BigInt::from(e), &n_big);
                power(n - 1).is_one() && factors.iter().all(|q| !power((n - 1) / q).is_one())
            })
        }
        assert!(is_prime(First::PRIME));
        assert!(is_prime(Second::PRIME));
    }
}
