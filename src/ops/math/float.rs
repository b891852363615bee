//! Floats: arithmetic, and the functions of [`crate::vecmath`]; the few that it lacks are the `libm` crate's.
//!
//! The standard library's functions are the platform's, so their last bits differ between machines; none is used.

use super::{Arith, Float, Number, special};
use crate::vecmath;

macro_rules! floats {
    ($($ty:ident $module:ident {
        lgamma $lgamma:path, nextafter $nextafter:path,
    })*) => {$(
        impl Arith for $ty {
            const ZERO: $ty = 0.0;
            const ONE: $ty = 1.0;
            const LEAST: $ty = $ty::NEG_INFINITY;
            const GREATEST: $ty = $ty::INFINITY;

            #[inline(always)]
            fn add(self, other: $ty) -> $ty {
                self + other
            }
            #[inline(always)]
            fn mul(self, other: $ty) -> $ty {
                self * other
            }
            // Five vector instructions: each comparison with its choice is one. The two choices differ only between
            // zeros, whose signs `&` and `|` combine, and where a NaN is about, which all ones overwrite with a NaN.
            #[inline(always)]
            fn max(self, other: $ty) -> $ty {
                let (a, b) = (if self > other { self } else { other }, if other > self { other } else { self });
                $ty::from_bits(a.to_bits() & b.to_bits() | if self.is_nan() || other.is_nan() { !0 } else { 0 })
            }
            #[inline(always)]
            fn min(self, other: $ty) -> $ty {
                let (a, b) = (if self < other { self } else { other }, if other < self { other } else { self });
                $ty::from_bits(a.to_bits() | b.to_bits() | if self.is_nan() || other.is_nan() { !0 } else { 0 })
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                self.is_nan()
            }
        }

        impl Number for $ty {
            #[inline(always)]
            fn sub(self, other: $ty) -> $ty {
                self - other
            }
            #[inline(always)]
            fn div(self, other: $ty) -> $ty {
                self / other
            }
            #[inline(always)]
            fn rem(self, other: $ty) -> $ty {
                self % other
            }
            #[inline(always)]
            fn pow(self, other: $ty) -> $ty {
                vecmath::$module::pow(self, other)
            }
            #[inline(always)]
            fn neg(self) -> $ty {
                -self
            }
            #[inline(always)]
            fn abs(self) -> $ty {
                self.abs()
            }
            #[inline(always)]
            fn sign(self) -> $ty {
                if self > 0.0 {
                    1.0
                } else if self < 0.0 {
                    -1.0
                } else {
                    self
                }
            }
        }

        impl Float for $ty {
            #[inline(always)]
            fn floor(self) -> $ty {
                self.floor()
            }
            #[inline(always)]
            fn ceil(self) -> $ty {
                self.ceil()
            }
            #[inline(always)]
            fn round_half_away(self) -> $ty {
                self.round()
            }
            #[inline(always)]
            fn round_half_even(self) -> $ty {
                self.round_ties_even()
            }
            #[inline(always)]
            fn exp(self) -> $ty {
                vecmath::$module::exp(self)
            }
            #[inline(always)]
            fn exp2(self) -> $ty {
                vecmath::$module::exp2(self)
            }
            #[inline(always)]
            fn log(self) -> $ty {
                vecmath::$module::log(self)
            }
            #[inline(always)]
            fn log1p(self) -> $ty {
                vecmath::$module::log1p(self)
            }
            #[inline(always)]
            fn expm1(self) -> $ty {
                vecmath::$module::expm1(self)
            }
            #[inline(always)]
            fn sin(self) -> $ty {
                vecmath::$module::sin(self)
            }
            #[inline(always)]
            fn cos(self) -> $ty {
                vecmath::$module::cos(self)
            }
            #[inline(always)]
            fn tan(self) -> $ty {
                vecmath::$module::tan(self)
            }
            #[inline(always)]
            fn near_sin(self) -> $ty {
                vecmath::$module::near_sin(self)
            }
            #[inline(always)]
            fn near_cos(self) -> $ty {
                vecmath::$module::near_cos(self)
            }
            #[inline(always)]
            fn near_tan(self) -> $ty {
                vecmath::$module::near_tan(self)
            }
            #[inline(always)]
            fn is_large_angle(self) -> bool {
                vecmath::is_large_angle(f64::from(self))
            }
            #[inline(always)]
            fn near_exp(self) -> $ty {
                vecmath::$module::near_exp(self)
            }
            #[inline(always)]
            fn is_extreme_exponent(self) -> bool {
                vecmath::$module::is_extreme_exponent(self)
            }
            #[inline(always)]
            fn asin(self) -> $ty {
                vecmath::$module::asin(self)
            }
            #[inline(always)]
            fn acos(self) -> $ty {
                vecmath::$module::acos(self)
            }
            #[inline(always)]
            fn atan(self) -> $ty {
                vecmath::$module::atan(self)
            }
            #[inline(always)]
            fn atan2(self, x: $ty) -> $ty {
                vecmath::$module::atan2(self, x)
            }
            #[inline(always)]
            fn sinh(self) -> $ty {
                vecmath::$module::sinh(self)
            }
            #[inline(always)]
            fn cosh(self) -> $ty {
                vecmath::$module::cosh(self)
            }
            #[inline(always)]
            fn tanh(self) -> $ty {
                vecmath::$module::tanh(self)
            }
            #[inline(always)]
            fn asinh(self) -> $ty {
                vecmath::$module::asinh(self)
            }
            #[inline(always)]
            fn acosh(self) -> $ty {
                vecmath::$module::acosh(self)
            }
            #[inline(always)]
            fn atanh(self) -> $ty {
                vecmath::$module::atanh(self)
            }
            #[inline(always)]
            fn logistic(self) -> $ty {
                vecmath::$module::logistic(self)
            }
            #[inline(always)]
            fn sqrt(self) -> $ty {
                self.sqrt()
            }
            #[inline(always)]
            fn rsqrt(self) -> $ty {
                1.0 / self.sqrt()
            }
            #[inline(always)]
            fn cbrt(self) -> $ty {
                vecmath::$module::cbrt(self)
            }
            #[inline(always)]
            fn erf(self) -> $ty {
                vecmath::$module::erf(self)
            }
            #[inline(always)]
            fn erfc(self) -> $ty {
                vecmath::$module::erfc(self)
            }
            #[inline(always)]
            fn erf_inv(self) -> $ty {
                special::erf_inv(f64::from(self)) as $ty
            }
            #[inline(always)]
            fn lgamma(self) -> $ty {
                $lgamma(self)
            }
            #[inline(always)]
            fn digamma(self) -> $ty {
                special::digamma(f64::from(self)) as $ty
            }
            #[inline(always)]
            fn polygamma(self, x: $ty) -> $ty {
                special::polygamma(f64::from(self), f64::from(x)) as $ty
            }
            #[inline(always)]
            fn log_add_exp(self, other: $ty) -> $ty {
                let top = Arith::max(self, other);
                // Two infinities of one sign, and any NaN, have no finite distance and are their own sum.
                let distance = (self - other).abs();
                if distance.is_nan() { self + other } else { top + Float::log1p(Float::exp(-distance)) }
            }
            #[inline(always)]
            fn nextafter(self, target: $ty) -> $ty {
                $nextafter(self, target)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                self.is_finite()
            }
        }
    )*};
}
floats! {
    f32 single {
        lgamma libm::lgammaf, nextafter libm::nextafterf,
    }
    f64 double {
        lgamma libm::lgamma, nextafter libm::nextafter,
    }
}
