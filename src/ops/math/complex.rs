//! Functions of complex numbers, in `f64`.
//!
//! They are made of the real functions of [`crate::vecmath`] so that bits are the same on every machine. Logarithms and
//! roots go by the moduli that neither overflow nor cancel (W. Kahan, "Branch cuts for complex elementary functions",
//! 1987; T. E. Hull, T. F. Fairgrieve and P. T. P. Tang, "Implementing the complex arcsine and arccosine functions using
//! exception handling", 1997). Branch cuts are C99's.

use num_complex::Complex;

use super::{Arith, Float};

/// A number with `f64` parts; `complex64` is computed in these and rounded once.
pub(crate) type Wide = Complex<f64>;

const I: Wide = Complex::new(0.0, 1.0);

/// The modulus, without overflow on the way.
pub(crate) fn abs(z: Wide) -> f64 {
    libm::hypot(z.re, z.im)
}

/// The angle.
fn arg(z: Wide) -> f64 {
    Float::atan2(z.im, z.re)
}

/// A product by the plain formula.
pub(crate) fn mul(x: Wide, y: Wide) -> Wide {
    Complex::new(x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re)
}

/// A quotient, scaled by the divisor's greater part (R. L. Smith, 1962).
pub(crate) fn div(x: Wide, y: Wide) -> Wide {
    if y.re == 0.0 && y.im == 0.0 {
        return Complex::new(x.re / y.re.abs(), x.im / y.re.abs());
    }
    if y.re.abs() >= y.im.abs() {
        let ratio = y.im / y.re;
        let scale = y.re + y.im * ratio;
        Complex::new((x.re + x.im * ratio) / scale, (x.im - x.re * ratio) / scale)
    } else {
        let ratio = y.re / y.im;
        let scale = y.re * ratio + y.im;
        Complex::new((x.re * ratio + x.im) / scale, (x.im * ratio - x.re) / scale)
    }
}

/// The number over its modulus; 0 of 0.
pub(crate) fn sign(z: Wide) -> Wide {
    let size = abs(z);
    if size == 0.0 {
        return Complex::ZERO;
    }
    Complex::new(z.re / size, z.im / size)
}

/// A size times what is `cos` and `sin` of an angle, in which a zero angle gives an exact zero.
fn polar(size: f64, angle: f64) -> Wide {
    if angle == 0.0 {
        return Complex::new(size, angle);
    }
    Complex::new(size * Float::cos(angle), size * Float::sin(angle))
}

/// e to this power.
pub(crate) fn exp(z: Wide) -> Wide {
    polar(Float::exp(z.re), z.im)
}

/// 2 to this power.
pub(crate) fn exp2(z: Wide) -> Wide {
    polar(Float::exp2(z.re), z.im * std::f64::consts::LN_2)
}

/// `exp(z) - 1`, accurate for small `z`.
pub(crate) fn expm1(z: Wide) -> Wide {
    let half = Float::sin(z.im / 2.0);
    let (grown, cosine) = (Float::expm1(z.re), Float::cos(z.im));
    // exp(x) cos(y) - 1 = expm1(x) cos(y) - 2 sin(y / 2)^2.
    Complex::new(
        grown * cosine - 2.0 * half * half,
        Float::exp(z.re) * Float::sin(z.im),
    )
}

/// The logarithm of the modulus, which is near 0 for numbers of modulus near 1.
fn log_abs(z: Wide) -> f64 {
    let (x, y) = (z.re.abs().max(z.im.abs()), z.re.abs().min(z.im.abs()));
    if (0.5..=2.0).contains(&x) {
        return 0.5 * Float::log1p((x - 1.0) * (x + 1.0) + y * y);
    }
    Float::log(abs(z))
}

/// The natural logarithm.
pub(crate) fn log(z: Wide) -> Wide {
    Complex::new(log_abs(z), arg(z))
}

/// `log(1 + z)`, accurate for small `z`.
pub(crate) fn log1p(z: Wide) -> Wide {
    let shifted = Complex::new(1.0 + z.re, z.im);
    let size = if z.re.abs() < 0.5 && z.im.abs() < 0.5 {
        // |1 + z|^2 = 1 + x (2 + x) + y^2.
        0.5 * Float::log1p(z.re * (2.0 + z.re) + z.im * z.im)
    } else {
        log_abs(shifted)
    };
    Complex::new(size, arg(shifted))
}

/// The square root with a real part that is not negative (Kahan).
pub(crate) fn sqrt(z: Wide) -> Wide {
    if z.re == 0.0 && z.im == 0.0 {
        return Complex::new(0.0, z.im);
    }
    if z.im.is_infinite() {
        return Complex::new(f64::INFINITY, z.im);
    }
    // Scaled by a power of 4 so that the modulus neither overflows nor vanishes.
    let (scale, root) = match z.re.abs().max(z.im.abs()) {
        size if size > 1e150 => (0.25_f64.powi(100), 2.0_f64.powi(100)),
        size if size < 1e-150 => (4.0_f64.powi(100), 0.5_f64.powi(100)),
        _ => (1.0, 1.0),
    };
    let scaled = Complex::new(z.re * scale, z.im * scale);
    let half = Float::sqrt((abs(scaled) + scaled.re.abs()) / 2.0);
    let other = scaled.im.abs() / (2.0 * half);
    let (re, im) = if z.re >= 0.0 {
        (half, other)
    } else {
        (other, half)
    };
    Complex::new(re * root, (im * root).copysign(z.im))
}

/// One over the square root.
pub(crate) fn rsqrt(z: Wide) -> Wide {
    div(Complex::ONE, sqrt(z))
}

/// The power `exp(y log(x))`; 1 of 0 to the 0, 0 of 0 to a power of positive real part.
pub(crate) fn pow(x: Wide, y: Wide) -> Wide {
    if x.re == 0.0 && x.im == 0.0 {
        return match y {
            Complex { re: 0.0, im: 0.0 } => Complex::ONE,
            Complex { re, .. } if re > 0.0 => Complex::ZERO,
            Complex { .. } => Complex::new(f64::NAN, f64::NAN),
        };
    }
    exp(mul(y, log(x)))
}

/// The sine.
pub(crate) fn sin(z: Wide) -> Wide {
    Complex::new(
        Float::sin(z.re) * Float::cosh(z.im),
        Float::cos(z.re) * Float::sinh(z.im),
    )
}

/// The cosine.
pub(crate) fn cos(z: Wide) -> Wide {
    Complex::new(
        Float::cos(z.re) * Float::cosh(z.im),
        -(Float::sin(z.re) * Float::sinh(z.im)),
    )
}

/// The tangent.
pub(crate) fn tan(z: Wide) -> Wide {
    // tan(z) = -i tanh(i z).
    let turned = tanh(mul(I, z));
    Complex::new(turned.im, -turned.re)
}

/// The hyperbolic sine.
pub(crate) fn sinh(z: Wide) -> Wide {
    Complex::new(
        Float::sinh(z.re) * Float::cos(z.im),
        Float::cosh(z.re) * Float::sin(z.im),
    )
}

/// The hyperbolic cosine.
pub(crate) fn cosh(z: Wide) -> Wide {
    Complex::new(
        Float::cosh(z.re) * Float::cos(z.im),
        Float::sinh(z.re) * Float::sin(z.im),
    )
}

/// The hyperbolic tangent (Kahan).
pub(crate) fn tanh(z: Wide) -> Wide {
    if z.re.abs() > 20.0 {
        // The modulus differs from 1 by less than a rounding.
        let shrink = Float::exp(-2.0 * z.re.abs());
        let im = 4.0 * Float::sin(z.im) * Float::cos(z.im) * shrink;
        return Complex::new(1.0_f64.copysign(z.re), im);
    }
    let t = Float::tan(z.im);
    let beta = 1.0 + t * t;
    let s = Float::sinh(z.re);
    let rho = Float::sqrt(1.0 + s * s);
    if t.is_infinite() {
        return Complex::new(rho / s, 1.0 / t);
    }
    let scale = 1.0 + beta * s * s;
    Complex::new(beta * rho * s / scale, t / scale)
}

/// `1 / (1 + exp(-z))`.
pub(crate) fn logistic(z: Wide) -> Wide {
    let power = exp(-z);
    div(Complex::ONE, Complex::new(1.0 + power.re, power.im))
}

/// The inverse hyperbolic tangent (Kahan).
pub(crate) fn atanh(z: Wide) -> Wide {
    let (x, y) = (z.re.abs(), z.im);
    let size = |a: f64| a * a + y * y;
    // Re = log1p(4x / ((1 - x)^2 + y^2)) / 4, Im = arg((1 - x)(1 + x) - y^2 + 2iy) / 2.
    let re = if x > 1e8 || y.abs() > 1e8 {
        let inverse = div(Complex::ONE, Complex::new(x, y));
        inverse.re
    } else {
        0.25 * Float::log1p(4.0 * x / size(1.0 - x))
    };
    let im = if x > 1e8 || y.abs() > 1e8 {
        std::f64::consts::FRAC_PI_2.copysign(y)
    } else {
        0.5 * Float::atan2(2.0 * y, (1.0 - x) * (1.0 + x) - y * y)
    };
    Complex::new(re.copysign(z.re), im)
}

/// The inverse tangent.
pub(crate) fn atan(z: Wide) -> Wide {
    // atan(z) = -i atanh(i z).
    let turned = atanh(mul(I, z));
    Complex::new(turned.im, -turned.re)
}

/// The inverse hyperbolic sine.
pub(crate) fn asinh(z: Wide) -> Wide {
    // asinh(z) = -i asin(i z).
    let turned = asin(mul(I, z));
    Complex::new(turned.im, -turned.re)
}

/// `sqrt(1 + z)` and `sqrt(1 - z)`.
fn roots(z: Wide) -> (Wide, Wide) {
    (
        sqrt(Complex::new(1.0 + z.re, z.im)),
        sqrt(Complex::new(1.0 - z.re, -z.im)),
    )
}

/// The inverse sine (Kahan).
pub(crate) fn asin(z: Wide) -> Wide {
    let (plus, minus) = roots(z);
    let re = Float::atan2(z.re, mul(plus, minus).re);
    let im = Float::asinh(mul(minus.conj(), plus).im);
    Complex::new(re, im)
}

/// The inverse cosine (Kahan).
pub(crate) fn acos(z: Wide) -> Wide {
    let (plus, minus) = roots(z);
    let re = 2.0 * Float::atan2(minus.re, plus.re);
    let im = Float::asinh(mul(plus.conj(), minus).im);
    Complex::new(re, im)
}

/// The inverse hyperbolic cosine (Kahan).
pub(crate) fn acosh(z: Wide) -> Wide {
    let below = sqrt(Complex::new(z.re - 1.0, z.im));
    let above = sqrt(Complex::new(z.re + 1.0, z.im));
    let re = Float::asinh(mul(below.conj(), above).re);
    let im = 2.0 * Float::atan2(below.im, above.re);
    Complex::new(re, im)
}

/// An integer power by repeated squaring; a negative one is one over the positive one.
pub(crate) fn integer_pow(z: Wide, y: i32) -> Wide {
    let (mut power, mut base, mut exponent) = (Complex::ONE, z, y.unsigned_abs());
    while exponent > 0 {
        if exponent & 1 == 1 {
            power = mul(power, base);
        }
        exponent >>= 1;
        if exponent > 0 {
            base = mul(base, base);
        }
    }
    if y < 0 {
        div(Complex::ONE, power)
    } else {
        power
    }
}

/// Whether `x` comes before `y` by real parts, then by imaginary parts.
fn precedes(x: Wide, y: Wide) -> bool {
    x.re < y.re || (x.re == y.re && x.im < y.im)
}

fn is_nan(z: Wide) -> bool {
    Arith::is_nan(z.re) || Arith::is_nan(z.im)
}

/// The later operand in the order of real parts, then imaginary parts; one with a NaN where either has one.
pub(crate) fn max(x: Wide, y: Wide) -> Wide {
    if is_nan(x) || (!is_nan(y) && precedes(y, x)) {
        x
    } else {
        y
    }
}

/// The earlier operand in the order of real parts, then imaginary parts; one with a NaN where either has one.
pub(crate) fn min(x: Wide, y: Wide) -> Wide {
    if is_nan(x) || (!is_nan(y) && precedes(x, y)) {
        x
    } else {
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points in every quadrant, small and large.
    fn points() -> Vec<Wide> {
        let parts = [-3.0, -0.7, -1e-9, 1e-9, 0.3, 1.1, 2.5];
        let pairs = parts
            .iter()
            .flat_map(|&re| parts.map(|im| Complex::new(re, im)));
        pairs.collect()
    }

    fn close(got: Wide, want: Wide) -> bool {
        abs(got - want) <= 1e-14 * (1.0 + abs(want))
    }

    #[test]
    fn inverse_functions_undo_functions() {
        type Pair = (fn(Wide) -> Wide, fn(Wide) -> Wide);
        let pairs: [Pair; 8] = [
            (exp, log),
            (sin, asin),
            (cos, acos),
            (tan, atan),
            (sinh, asinh),
            (cosh, acosh),
            (tanh, atanh),
            (expm1, log1p),
        ];
        for (function, inverse) in pairs {
            for z in points() {
                let again = function(inverse(z));
                assert!(abs(again - z) <= 1e-13 * (1.0 + abs(z)), "{z}: {again}");
            }
        }
        for z in points() {
            assert!(close(mul(sqrt(z), sqrt(z)), z) && sqrt(z).re >= 0.0);
            assert!(close(mul(rsqrt(z), sqrt(z)), Complex::ONE));
            assert!(close(mul(div(Complex::ONE, z), z), Complex::ONE));
            assert!(close(
                integer_pow(z, -3),
                div(Complex::ONE, mul(mul(z, z), z))
            ));
        }
    }

    #[test]
    fn functions_are_those_of_another_library() {
        // The last digits of num-complex's formulas cancel near zeros, so points keep off them.
        for z in [
            Complex::new(0.5, -1.25),
            Complex::new(-1.5, 0.75),
            Complex::new(2.0, 1.0),
        ] {
            for (got, want) in [
                (exp(z), z.exp()),
                (log(z), z.ln()),
                (sqrt(z), z.sqrt()),
                (sin(z), z.sin()),
                (cos(z), z.cos()),
                (tan(z), z.tan()),
                (sinh(z), z.sinh()),
                (cosh(z), z.cosh()),
                (tanh(z), z.tanh()),
                (asin(z), z.asin()),
                (acos(z), z.acos()),
                (atan(z), z.atan()),
                (asinh(z), z.asinh()),
                (acosh(z), z.acosh()),
                (atanh(z), z.atanh()),
                (
                    pow(z, Complex::new(0.5, 2.0)),
                    z.powc(Complex::new(0.5, 2.0)),
                ),
                (exp2(z), (z * std::f64::consts::LN_2).exp()),
            ] {
                assert!(close(got, want), "{z}: {got} for {want}");
            }
        }
    }

    #[test]
    fn small_numbers_keep_their_digits() {
        let z = Complex::new(1e-12, 2e-12);
        // z - z^2 / 2 and z + z^2 / 2.
        assert!(abs(log1p(z) - (z - z * z / 2.0)) <= 1e-28);
        assert!(abs(expm1(z) - (z + z * z / 2.0)) <= 1e-28);
        assert_eq!(abs(Complex::new(3e300, 4e300)), 5e300);
        assert_eq!(sqrt(Complex::new(-4.0, -0.0)), Complex::new(0.0, -2.0));
    }

    #[test]
    fn order_is_by_real_then_imaginary_parts() {
        let (a, b) = (Complex::new(1.0, 5.0), Complex::new(1.0, 7.0));
        assert_eq!((max(a, b), min(a, b)), (b, a));
        let nan = Complex::new(0.0, f64::NAN);
        assert!(max(nan, a).im.is_nan() && min(a, nan).im.is_nan());
    }
}
