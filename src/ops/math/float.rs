//! Floats: the standard library's functions where it has them, the `libm` crate's otherwise.

use super::{Arith, Float, Number, special};

macro_rules! floats {
    ($($ty:ident {
        asinh $asinh:path, acosh $acosh:path, atanh $atanh:path, erf $erf:path, erfc $erfc:path,
        lgamma $lgamma:path, nextafter $nextafter:path,
    })*) => {$(
        impl Arith for $ty {
            const ZERO: $ty = 0.0;
            const ONE: $ty = 1.0;
            const LEAST: $ty = $ty::NEG_INFINITY;
            const GREATEST: $ty = $ty::INFINITY;

            #[inline]
            fn add(self, other: $ty) -> $ty {
                self + other
            }
            #[inline]
            fn mul(self, other: $ty) -> $ty {
                self * other
            }
            // Five vector instructions: each comparison with its choice is one. The two choices differ only between
            // zeros, whose signs `&` and `|` combine, and where a NaN is about, which all ones overwrite with a NaN.
            #[inline]
            fn max(self, other: $ty) -> $ty {
                let (a, b) = (if self > other { self } else { other }, if other > self { other } else { self });
                $ty::from_bits(a.to_bits() & b.to_bits() | if self.is_nan() || other.is_nan() { !0 } else { 0 })
            }
            #[inline]
            fn min(self, other: $ty) -> $ty {
                let (a, b) = (if self < other { self } else { other }, if other < self { other } else { self });
                $ty::from_bits(a.to_bits() | b.to_bits() | if self.is_nan() || other.is_nan() { !0 } else { 0 })
            }
            #[inline]
            fn is_nan(self) -> bool {
                self.is_nan()
            }
        }

        impl Number for $ty {
            #[inline]
            fn sub(self, other: $ty) -> $ty {
                self - other
            }
            #[inline]
            fn div(self, other: $ty) -> $ty {
                self / other
            }
            #[inline]
            fn rem(self, other: $ty) -> $ty {
                self % other
            }
            #[inline]
            fn pow(self, other: $ty) -> $ty {
                self.powf(other)
            }
            #[inline]
            fn neg(self) -> $ty {
                -self
            }
            #[inline]
            fn abs(self) -> $ty {
                self.abs()
            }
            #[inline]
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
            #[inline]
            fn floor(self) -> $ty {
                self.floor()
            }
            #[inline]
            fn ceil(self) -> $ty {
                self.ceil()
            }
            #[inline]
            fn round_half_away(self) -> $ty {
                self.round()
            }
            #[inline]
            fn round_half_even(self) -> $ty {
                self.round_ties_even()
            }
            #[inline]
            fn exp(self) -> $ty {
                self.exp()
            }
            #[inline]
            fn exp2(self) -> $ty {
                self.exp2()
            }
            #[inline]
            fn log(self) -> $ty {
                self.ln()
            }
            #[inline]
            fn log1p(self) -> $ty {
                self.ln_1p()
            }
            #[inline]
            fn expm1(self) -> $ty {
                self.exp_m1()
            }
            #[inline]
            fn sin(self) -> $ty {
                self.sin()
            }
            #[inline]
            fn cos(self) -> $ty {
                self.cos()
            }
            #[inline]
            fn tan(self) -> $ty {
                self.tan()
            }
            #[inline]
            fn asin(self) -> $ty {
                self.asin()
            }
            #[inline]
            fn acos(self) -> $ty {
                self.acos()
            }
            #[inline]
            fn atan(self) -> $ty {
                self.atan()
            }
            #[inline]
            fn atan2(self, x: $ty) -> $ty {
                self.atan2(x)
            }
            #[inline]
            fn sinh(self) -> $ty {
                self.sinh()
            }
            #[inline]
            fn cosh(self) -> $ty {
                self.cosh()
            }
            #[inline]
            fn tanh(self) -> $ty {
                self.tanh()
            }
            // The standard library's inverse hyperbolic functions lose digits near acosh's 1.
            #[inline]
            fn asinh(self) -> $ty {
                $asinh(self)
            }
            #[inline]
            fn acosh(self) -> $ty {
                $acosh(self)
            }
            #[inline]
            fn atanh(self) -> $ty {
                $atanh(self)
            }
            #[inline]
            fn logistic(self) -> $ty {
                // exp(-|x|) is at most 1, so nothing overflows and the left tail keeps its digits.
                let e = (-self.abs()).exp();
                (if self < 0.0 { e } else { 1.0 }) / (1.0 + e)
            }
            #[inline]
            fn sqrt(self) -> $ty {
                self.sqrt()
            }
            #[inline]
            fn rsqrt(self) -> $ty {
                1.0 / self.sqrt()
            }
            #[inline]
            fn cbrt(self) -> $ty {
                self.cbrt()
            }
            #[inline]
            fn erf(self) -> $ty {
                $erf(self)
            }
            #[inline]
            fn erfc(self) -> $ty {
                $erfc(self)
            }
            #[inline]
            fn erf_inv(self) -> $ty {
                special::erf_inv(f64::from(self)) as $ty
            }
            #[inline]
            fn lgamma(self) -> $ty {
                $lgamma(self)
            }
            #[inline]
            fn digamma(self) -> $ty {
                special::digamma(f64::from(self)) as $ty
            }
            #[inline]
            fn polygamma(self, x: $ty) -> $ty {
                special::polygamma(f64::from(self), f64::from(x)) as $ty
            }
            #[inline]
            fn log_add_exp(self, other: $ty) -> $ty {
                let top = Arith::max(self, other);
                // Two infinities of one sign, and any NaN, have no finite distance and are their own sum.
                let distance = (self - other).abs();
                if distance.is_nan() { self + other } else { top + (-distance).exp().ln_1p() }
            }
            #[inline]
            fn nextafter(self, target: $ty) -> $ty {
                $nextafter(self, target)
            }
            #[inline]
            fn is_finite(self) -> bool {
                self.is_finite()
            }
        }
    )*};
}
floats! {
    f32 {
        asinh libm::asinhf, acosh libm::acoshf, atanh libm::atanhf, erf libm::erff, erfc libm::erfcf,
        lgamma libm::lgammaf, nextafter libm::nextafterf,
    }
    f64 {
        asinh libm::asinh, acosh libm::acosh, atanh libm::atanh, erf libm::erf, erfc libm::erfc,
        lgamma libm::lgamma, nextafter libm::nextafter,
    }
}
