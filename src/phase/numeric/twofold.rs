//! Numbers with twice the digits of `f64`, lane by lane.
//!
//! A number is the sum of two of `f64` of which the second is at most half a unit in the last place of the first (Dekker 1971,
//! *A floating-point technique for extending the available precision*). With `u = 2^-53`, sums are off by at most `3 u^2` of
//! the magnitudes added up and products by `8 u^2` of the product (Joldes, Muller and Popescu 2017, *Tight and rigorous error
//! bounds for basic building blocks of double-word arithmetic*): by less than [`SHARE`]. Beside that, an operation that
//! underflows is off by 2^-1074.

use crate::phase::numeric::lanes::Lanes;

/// What an operation is off by, relative to the magnitudes that enter a sum, or to a product.
pub(crate) const SHARE: f64 = 2.0 * f64::EPSILON * f64::EPSILON;

/// What a sum of products is off by as [`Dot`], relative to the sum of the products' magnitudes and for a given number of them.
#[inline(always)]
pub(crate) fn dot_share(count: f64) -> f64 {
    SHARE * (count + 2.0) * (count + 2.0)
}

/// A sum of two numbers that do not overlap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Twofold<S> {
    pub high: S,
    pub low: S,
}

/// The sum and its rounding error (Knuth).
#[inline(always)]
pub(crate) fn two_sum<S: Lanes>(a: S, b: S) -> (S, S) {
    let sum = a.add(b);
    let part = sum.sub(a);
    (sum, a.sub(sum.sub(part)).add(b.sub(part)))
}

/// The sum and its rounding error, if `a` is the larger in magnitude (Dekker).
#[inline(always)]
pub(crate) fn quick_two_sum<S: Lanes>(a: S, b: S) -> (S, S) {
    let sum = a.add(b);
    (sum, b.sub(sum.sub(a)))
}

/// The product and its rounding error.
#[inline(always)]
fn two_product<S: Lanes>(a: S, b: S) -> (S, S) {
    let product = a.mul(b);
    (product, a.product_error(b, product))
}

/// A sum of products whose rounding errors are added up beside it (Ogita, Rump and Oishi 2005, *Accurate sum and dot product*).
///
/// The errors are at most `2^-53` of each product and of each sum so far, and those of adding them up are as small again: after
/// n products it is off by less than `2 (n + 1)^2 2^-106` of the sum of their magnitudes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dot<S> {
    sum: S,
    errors: S,
}

impl<S: Lanes> Dot<S> {
    pub(crate) const ZERO: Self = Self {
        sum: S::ZERO,
        errors: S::ZERO,
    };

    #[inline(always)]
    pub(crate) fn new(value: Twofold<S>) -> Self {
        Self {
            sum: value.high,
            errors: value.low,
        }
    }

    /// The sum with a product.
    #[inline(always)]
    pub(crate) fn plus(self, a: S, b: S) -> Self {
        let (product, left) = two_product(a, b);
        let (sum, error) = two_sum(self.sum, product);
        Self {
            sum,
            errors: self.errors.add(error.add(left)),
        }
    }

    /// The sum with the product of a number and a twofold one.
    #[inline(always)]
    pub(crate) fn plus_twofold(self, a: S, b: Twofold<S>) -> Self {
        let Self { sum, errors } = self.plus(a, b.high);
        Self {
            sum,
            errors: errors.plus(a, b.low),
        }
    }

    /// The sum with the product of two twofold numbers.
    #[inline(always)]
    pub(crate) fn plus_product(self, a: Twofold<S>, b: Twofold<S>) -> Self {
        let Self { sum, errors } = self.plus(a.high, b.high);
        Self {
            sum,
            errors: errors.add(a.high.mul(b.low).plus(a.low, b.high)),
        }
    }

    #[inline(always)]
    pub(crate) fn value(self) -> Twofold<S> {
        Twofold::normal((self.sum, self.errors))
    }
}

impl<S: Lanes> Twofold<S> {
    pub(crate) const ZERO: Self = Self {
        high: S::ZERO,
        low: S::ZERO,
    };

    #[inline(always)]
    pub(crate) fn new(value: S) -> Self {
        Self {
            high: value,
            low: S::ZERO,
        }
    }

    #[inline(always)]
    fn normal((high, low): (S, S)) -> Self {
        let (high, low) = quick_two_sum(high, low);
        Self { high, low }
    }

    #[inline(always)]
    pub(crate) fn add(self, other: Self) -> Self {
        let (high, low) = two_sum(self.high, other.high);
        Self::normal((high, low.add(self.low.add(other.low))))
    }

    #[inline(always)]
    pub(crate) fn negative(self) -> Self {
        Self {
            high: S::ZERO.sub(self.high),
            low: S::ZERO.sub(self.low),
        }
    }

    #[inline(always)]
    pub(crate) fn sub(self, other: Self) -> Self {
        self.add(other.negative())
    }

    /// The sum with a number.
    #[inline(always)]
    pub(crate) fn plus(self, other: S) -> Self {
        self.add(Self::new(other))
    }

    #[inline(always)]
    pub(crate) fn mul(self, other: Self) -> Self {
        let (high, low) = two_product(self.high, other.high);
        let across = self.high.mul(other.low).add(self.low.mul(other.high));
        Self::normal((high, low.add(across)))
    }

    /// The product with a number.
    #[inline(always)]
    pub(crate) fn times(self, factor: S) -> Self {
        let (high, low) = two_product(self.high, factor);
        Self::normal((high, low.add(self.low.mul(factor))))
    }
}

#[cfg(test)]
mod tests {
    use num_rational::BigRational;
    use num_traits::{FromPrimitive, Signed};
    use proptest::prelude::*;

    use super::{Dot, SHARE, Twofold, dot_share};
    use crate::phase::numeric::lanes::Lanes;

    fn exact(value: Twofold<f64>) -> BigRational {
        let part = |value| BigRational::from_f64(value).unwrap();
        part(value.high) + part(value.low)
    }

    fn number() -> impl Strategy<Value = Twofold<f64>> {
        let part = (-1.0f64..1.0, -40i32..40).prop_map(|(value, power)| value * 2f64.powi(power));
        (part, -1.0f64..1.0).prop_map(|(high, low)| {
            Twofold::new(high).plus(Lanes::mul(high, low * f64::EPSILON / 4.0))
        })
    }

    proptest! {
        #[test]
        fn sums_of_products_are_off_by_less_than_their_share(
            pairs in prop::collection::vec((number(), number()), 1..40),
            ends_in_zero in any::<bool>(),
        ) {
            let (mut dot, mut sum) = (Dot::ZERO, BigRational::default());
            let mut size = BigRational::default();
            let mut add = |a: Twofold<f64>, b: Twofold<f64>, sum: &mut BigRational| {
                let product = exact(a) * exact(b);
                size += product.abs();
                *sum += product;
                dot = match a.low {
                    0.0 => dot.plus_twofold(a.high, b),
                    _ => dot.plus_product(a, b),
                };
            };
            for (a, b) in &pairs {
                add(*a, *b, &mut sum);
            }
            for (a, b) in pairs.iter().filter(|_| ends_in_zero) {
                // All of it cancels but for what rounding would leave.
                add(Twofold::new(-a.high), *b, &mut sum);
            }
            let share = BigRational::from_f64(dot_share(2.0 * pairs.len() as f64)).unwrap();
            prop_assert!((exact(dot.value()) - sum).abs() <= size * share);
        }

        #[test]
        fn operations_are_off_by_less_than_a_share(a in number(), b in number(), factor in -8.0f64..8.0) {
            let share = BigRational::from_f64(SHARE).unwrap();
            let (x, y) = (exact(a), exact(b));
            let within = |found: Twofold<f64>, exact_value: BigRational, size: BigRational| {
                (exact(found) - exact_value).abs() <= size.abs() * &share
            };
            prop_assert!(within(a.add(b), &x + &y, x.abs() + y.abs()));
            prop_assert!(within(a.sub(b), &x - &y, x.abs() + y.abs()));
            prop_assert!(within(a.mul(b), &x * &y, &x * &y));
            let factor_exact = BigRational::from_f64(factor).unwrap();
            prop_assert!(within(a.times(factor), &x * &factor_exact, &x * &factor_exact));
        }
    }
}
