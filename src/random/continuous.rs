//! Continuous distributions by transformations of uniform numbers.

use std::f64::consts::{PI, SQRT_2};
use std::panic::Location;

use half::{bf16, f16};

use super::{Key, bits, split};
use crate::array::{DType, Shape};
use crate::error::{Error, OpError, OpErrorKind};
use crate::program::BinaryOp;
use crate::tensor::{IntoShape, Tensor, binary, composed, where_};

/// Constants of a floating type.
pub(super) struct Float {
    /// The least positive normal number.
    tiny: f64,
    /// The distance from 1 to the next number.
    epsilon: f64,
}

pub(super) fn float(dtype: DType) -> Result<Float, Error> {
    match dtype {
        DType::F16 => Ok(Float {
            tiny: f16::MIN_POSITIVE.into(),
            epsilon: f16::EPSILON.into(),
        }),
        DType::BF16 => Ok(Float {
            tiny: bf16::MIN_POSITIVE.into(),
            epsilon: bf16::EPSILON.into(),
        }),
        DType::F32 => Ok(Float {
            tiny: f64::from(f32::MIN_POSITIVE),
            epsilon: f64::from(f32::EPSILON),
        }),
        DType::F64 => Ok(Float {
            tiny: f64::MIN_POSITIVE,
            epsilon: f64::EPSILON,
        }),
        other => {
            let detail = format!("samples are floats, not {}", other.name());
            Err(OpError::at("random", OpErrorKind::parameter(detail), Location::caller()).into())
        }
    }
}

/// Uniform numbers between two bounds.
pub(super) fn between(
    key: &Key,
    shape: &Shape,
    dtype: DType,
    low: impl Into<Tensor>,
    high: impl Into<Tensor>,
) -> Result<Tensor, Error> {
    let dtype = super::width::drawn(dtype);
    let epsilon = float(dtype)?.epsilon;
    let (low, high) = (low.into().astype(dtype), high.into().astype(dtype));
    // The upper bits are the mantissa of a number in [1, 2), of which 1 is taken: these are its steps.
    let (from, unused) = match dtype {
        DType::BF16 => (DType::U8, 1),
        DType::F16 => (DType::U16, 6),
        DType::F32 => (DType::U32, 9),
        _ => (DType::U64, 12),
    };
    let whole = bits(key, shape, from).shift_right_logical(unused);
    let steps = whole.astype(dtype) * epsilon;
    low.maximum(steps * (&high - &low) + &low).check()
}

/// Standard normal numbers.
pub(super) fn standard_normal(key: &Key, shape: &Shape, dtype: DType) -> Result<Tensor, Error> {
    let dtype = super::width::drawn(dtype);
    let low = Tensor::from(-1.0)
        .astype(dtype)
        .nextafter(Tensor::from(0.0).astype(dtype));
    Ok(between(key, shape, dtype, low, 1.0)?.erf_inv() * SQRT_2)
}

/// The shape asked for, or that of the parameters.
pub(super) fn shape_or(shape: Option<Shape>, parameters: &[&Tensor]) -> Shape {
    shape.unwrap_or_else(|| {
        let shapes = parameters.iter().map(|p| p.shape());
        crate::array::broadcast_shapes(shapes).unwrap_or_default()
    })
}

macro_rules! samplers {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($key:ident, $shape:ident, $dtype:ident $(, $x:ident)*) $body:block
    )*) => {$(
        $(#[$doc])*
        ///
        /// ```
        /// use elimap::{DType, random};
        /// let key = random::Key::new(1);
        #[doc = concat!("let x = random::", stringify!($name), "(&key, [4], DType::F64", $(stringify!(, 2.0), samplers!(@ignore $x),)* ");")]
        /// assert_eq!(x.shape(), [4]);
        /// ```
        ///
        /// Poisoned ([`OpErrorKind::InvalidParameter`]) for an element type that is no floating one.
        #[track_caller]
        #[must_use]
        pub fn $name($key: &Key, $shape: impl IntoShape, $dtype: DType $(, $x: impl Into<Tensor>)*) -> Tensor {
            let $shape: Shape = $shape.into_shape();
            $(let $x: Tensor = $x.into().astype($dtype);)*
            composed(Location::caller(), || $body)
        }
    )*};
    (@ignore $x:ident) => { "" };
}
samplers! {
    /// Standard normal samples; complex ones have two independent parts of variance 1/2.
    fn normal(key, shape, dtype) {
        if !dtype.is_complex() {
            return standard_normal(key, &shape, dtype);
        }
        // Both parts have half of the variance.
        let keys = split(key, 2);
        let part = |k| standard_normal(&keys.get(k), &shape, dtype.real());
        let parts = (part(0)?, part(1)?);
        Ok(binary(BinaryOp::Complex, &parts.0, &parts.1, Location::caller()) / SQRT_2)
    }
    /// Exponential samples with mean 1.
    fn exponential(key, shape, dtype) { Ok(-(-between(key, &shape, dtype, 0.0, 1.0)?).log1p()) }
    /// Gumbel samples: `-log(-log(u))`.
    fn gumbel(key, shape, dtype) {
        Ok(-(-between(key, &shape, dtype, float(dtype)?.tiny, 1.0)?.ln()).ln())
    }
    /// Laplace samples with scale 1.
    fn laplace(key, shape, dtype) {
        let u = between(key, &shape, dtype, -1.0 + float(dtype)?.epsilon / 2.0, 1.0)?;
        Ok(u.sign() * (-u.abs()).log1p())
    }
    /// Logistic samples with scale 1.
    fn logistic(key, shape, dtype) {
        let u = between(key, &shape, dtype, float(dtype)?.tiny, 1.0)?;
        Ok(u.ln() - (-u).log1p())
    }
    /// Cauchy samples with scale 1.
    fn cauchy(key, shape, dtype) {
        let u = between(key, &shape, dtype, float(dtype)?.epsilon, 1.0)?;
        Ok(((u - 0.5) * PI).tan())
    }
    /// Maxwell samples with scale 1: lengths of standard normal vectors in space.
    fn maxwell(key, shape, dtype) {
        let mut shape = shape;
        shape.push(3);
        Ok(standard_normal(key, &shape, dtype)?.square().sum(-1).sqrt())
    }
    /// Pareto samples with minimum 1 and exponent `b`.
    fn pareto(key, shape, dtype, b) { Ok((exponential(key, &shape, dtype) / b).exp()) }
    /// Rayleigh samples.
    fn rayleigh(key, shape, dtype, scale) {
        let scale = scale.broadcast_to(&shape);
        let u = between(key, &shape, dtype, 0.0, 1.0)?;
        Ok(&scale * (u.ln() * -2.0).sqrt())
    }
    /// Samples of `exp(sigma z)` for standard normal `z`.
    fn lognormal(key, shape, dtype, sigma) { Ok((standard_normal(key, &shape, dtype)? * sigma).exp()) }
    /// Weibull samples.
    fn weibull_min(key, shape, dtype, scale, concentration) {
        let u = between(key, &shape, dtype, 0.0, 1.0)?;
        Ok((-(-u).log1p()).pow(1.0 / concentration) * scale)
    }
    /// Inverse Gaussian samples of a mean, with shape parameter 1.
    fn wald(key, shape, dtype, mean) {
        let keys = split(key, 2);
        let mean = mean.broadcast_to(&shape);
        let y = standard_normal(&keys.get(0), &shape, dtype)?.square();
        let z = between(&keys.get(1), &shape, dtype, 0.0, 1.0)?;
        let root = (&mean * &y * 4.0 + mean.square() * y.square()).sqrt();
        let x = &mean + mean.square() * &y / 2.0 - &mean / 2.0 * root;
        let first = z.less_equal(&mean / (&mean + &x));
        Ok(where_(first, &x, mean.square() / &x))
    }
    /// Triangular samples between `left` and `right` with a given mode.
    fn triangular(key, shape, dtype, left, mode, right) {
        let (left, mode) = (left.broadcast_to(&shape), mode.broadcast_to(&shape));
        let right = right.broadcast_to(&shape);
        let (width, rise, fall) = (&right - &left, &mode - &left, &right - &mode);
        let u = between(key, &shape, dtype, 0.0, 1.0)?;
        let below = &left + (&u * &width * &rise).sqrt();
        let above = &right - ((1.0_f64 - &u) * &width * fall).sqrt();
        Ok(where_(u.less(rise / width), below, above))
    }
    /// Maxwell samples of either sign, scaled and shifted. The shape is the samples' and then the parameters'.
    fn double_sided_maxwell(key, shape, dtype, loc, scale) {
        let own = shape_or(None, &[&loc, &scale]);
        let shape: Shape = if shape.is_empty() { own.clone() } else { shape };
        let shape: Shape = shape.into_iter().chain(own).collect();
        let keys = split(key, 2);
        let size = maxwell(&keys.get(0), &shape, dtype);
        let sign = super::rademacher(&keys.get(1), &shape, dtype);
        Ok(sign * size * scale + loc)
    }
}

/// Uniform samples from `low` to `high`, which is left out.
///
/// ```
/// use elimap::{DType, random};
/// let key = random::Key::new(0);
/// let x = random::uniform(&key, [], DType::F64, 0.0, 1.0).item::<f64>()?;
/// assert!((x - 0.41845711).abs() < 1e-7);
/// # Ok::<(), elimap::Error>(())
/// ```
///
/// Poisoned ([`OpErrorKind::InvalidParameter`]) for an element type that is no floating one.
#[track_caller]
#[must_use]
pub fn uniform(
    key: &Key,
    shape: impl IntoShape,
    dtype: DType,
    low: impl Into<Tensor>,
    high: impl Into<Tensor>,
) -> Tensor {
    let (shape, low, high) = (shape.into_shape(), low.into(), high.into());
    composed(Location::caller(), || {
        between(key, &shape, dtype, low, high)
    })
}

/// Standard normal samples between two bounds.
///
/// ```
/// use elimap::{DType, random};
/// let key = random::Key::new(0);
/// let x = random::truncated_normal(&key, [100], DType::F64, -1.0, 2.0);
/// assert!(x.min(..).item::<f64>()? > -1.0 && x.max(..).item::<f64>()? < 2.0);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn truncated_normal(
    key: &Key,
    shape: impl IntoShape,
    dtype: DType,
    lower: impl Into<Tensor>,
    upper: impl Into<Tensor>,
) -> Tensor {
    let (shape, lower, upper) = (shape.into_shape(), lower.into(), upper.into());
    composed(Location::caller(), || {
        let (lower, upper) = (lower.astype(dtype), upper.astype(dtype));
        let (a, b) = ((&lower / SQRT_2).erf(), (&upper / SQRT_2).erf());
        let out = between(key, &shape, dtype, a, b)?.erf_inv() * SQRT_2;
        let (above, below) = (
            lower.nextafter(Tensor::from(f64::INFINITY).astype(dtype)),
            upper.nextafter(Tensor::from(f64::NEG_INFINITY).astype(dtype)),
        );
        Ok(out.clip(above, below))
    })
}

/// Normal vectors of a mean and a covariance matrix, by its Cholesky factor; both may have leading axes. Without a shape: that
/// of the leading axes.
///
/// ```
/// use elimap::{DType, random};
/// let key = random::Key::new(0);
/// let cov = ndarray::array![[2.0, 1.0], [1.0, 2.0]];
/// let x = random::multivariate_normal(&key, vec![0.0, 0.0], cov, [5], DType::F64);
/// assert_eq!(x.shape(), [5, 2]);
/// ```
#[track_caller]
#[must_use]
pub fn multivariate_normal(
    key: &Key,
    mean: impl Into<Tensor>,
    cov: impl Into<Tensor>,
    shape: impl IntoShape,
    dtype: DType,
) -> Tensor {
    let (mean, cov, mut shape) = (mean.into(), cov.into(), shape.into_shape());
    composed(Location::caller(), || {
        let mean = mean.astype(dtype);
        let factor = cov.astype(dtype).cholesky();
        shape.push(mean.shape().last().copied().unwrap_or(0));
        let z = standard_normal(key, &shape, dtype)?;
        Ok(mean + factor.matmul(z.expand_dims(-1)).squeeze(-1))
    })
}
