//! The gamma distribution and what is made of it.

use std::panic::Location;

use super::continuous::{between, float, shape_or, standard_normal};
use super::{Key, rademacher, split};
use crate::array::{DType, Shape};
use crate::error::Error;
use crate::special::gamma_sample_grad;
use crate::tensor::{IntoShape, Tensor, composed, where_, while_loop};
use crate::transform::{custom_jvp, vmap};

/// One sample, or its logarithm, by Marsaglia and Tsang's rejection (2000); below 1 from the next parameter, boosted.
fn one(key: &Key, alpha: &Tensor, log_space: bool) -> Result<Tensor, Error> {
    type Draw = (Key, Tensor, Tensor, Tensor);
    let dtype = alpha.dtype();
    let number = |x: f64| Tensor::from(x).astype(dtype);
    let large = alpha.greater_equal(1.0);
    let shifted = where_(&large, alpha, alpha + 1.0);
    let d = shifted - 1.0 / 3.0;
    let c = 1.0 / 3.0 / d.sqrt();
    let keys = split(key, 2);
    let scalar = Shape::new();
    let (_, _, v, _): Draw = while_loop(
        |(_, x, v, u): Draw| {
            let outside = u.greater_equal(1.0 - &x * &x * 0.0331);
            let above = u.ln().greater_equal(&x * 0.5 + &d * (1.0 - &v + v.ln()));
            outside & above
        },
        |(key, ..): Draw| -> Result<Draw, Error> {
            let keys = split(&key, 3);
            let (_, x, v): (Key, Tensor, Tensor) = while_loop(
                |(_, _, v): (Key, Tensor, Tensor)| v.less_equal(0.0),
                |(key, ..): (Key, Tensor, Tensor)| -> Result<(Key, Tensor, Tensor), Error> {
                    let keys = split(&key, 2);
                    let x = standard_normal(&keys.get(1), &scalar, dtype)?;
                    let v = &x * &c + 1.0;
                    Ok((keys.get(0), x, v))
                },
                (keys.get(1), number(0.0), number(-1.0)),
            )?;
            let u = between(&keys.get(2), &scalar, dtype, 0.0, 1.0)?;
            Ok((keys.get(0), &x * &x, &v * &v * &v, u))
        },
        (keys.get(0), number(0.0), number(1.0), number(2.0)),
    )?;
    let u = between(&keys.get(1), &scalar, dtype, 0.0, 1.0)?;
    if log_space {
        let log = (-u).log1p();
        let boost = where_(large | log.equal(0.0), 0.0, &log / alpha);
        return (d.ln() + v.ln() + boost).check();
    }
    let boost = where_(large, 1.0, (1.0_f64 - u).pow(1.0 / alpha));
    (d * v * boost).check()
}

/// A sample for every parameter, each with a key of its own. Its derivative is that of the quantile it is, for the rejection before it
/// depends on the parameter in jumps.
pub(super) fn gammas(key: &Key, alpha: &Tensor, log_space: bool) -> Result<Tensor, Error> {
    let (here, again) = (key.clone(), key.clone());
    let f = custom_jvp(move |alpha: Tensor| drawn(&here, &alpha, log_space)).name("random_gamma");
    let f = f.def_jvp(move |(alpha,): (Tensor,), (change,): (Tensor,)| {
        let y = gammas(&again, &alpha, log_space)?;
        let slope = if log_space {
            let sample = y.exp().maximum(tiny(y.dtype()));
            gamma_sample_grad(&alpha, &sample) / sample
        } else {
            gamma_sample_grad(&alpha, &y)
        };
        Ok::<_, Error>((y, slope * change))
    });
    f.call((alpha.clone().check()?,))
}

/// The least normal number of a type.
fn tiny(dtype: DType) -> f64 {
    match dtype {
        DType::F32 => f64::from(f32::MIN_POSITIVE),
        _ => f64::MIN_POSITIVE,
    }
}

fn drawn(key: &Key, alpha: &Tensor, log_space: bool) -> Result<Tensor, Error> {
    let alpha = alpha.clone().check()?;
    let signed: Vec<isize> = alpha.shape().iter().map(|&n| n as isize).collect();
    let keys = split(key, alpha.ty().size());
    if alpha.ty().size() == 0 {
        return Ok(alpha);
    }
    let draws = vmap(|key: Key, alpha: Tensor| one(&key, &alpha, log_space))
        .call((keys, alpha.reshape([-1])))?;
    draws.reshape(signed).check()
}

macro_rules! gamma_samplers {
    ($(
        $(#[$doc:meta])*
        [$($example:literal)*]
        fn $name:ident($key:ident, $($x:ident),*; $dtype:ident) $body:block
    )*) => {$(
        $(#[$doc])*
        ///
        /// ```
        /// use elimap::{DType, random};
        /// let key = random::Key::new(1);
        #[doc = concat!("let x = random::", stringify!($name), "(&key, ", $(stringify!($example), ", ",)* "None, DType::F64);")]
        /// assert!(x.is_finite().item::<bool>()?);
        /// # Ok::<(), elimap::Error>(())
        /// ```
        #[track_caller]
        #[must_use]
        pub fn $name($key: &Key, $($x: impl Into<Tensor>,)* shape: Option<Shape>, $dtype: DType) -> Tensor {
            $(let $x: Tensor = $x.into();)*
            composed(Location::caller(), || {
                float($dtype)?;
                $(let $x = $x.astype($dtype);)*
                let shape = shape_or(shape, &[$(&$x),*]);
                $(let $x = $x.broadcast_to(&shape);)*
                $body
            })
        }
    )*};
}

gamma_samplers! {
    /// Gamma samples with scale 1, of a shape or of the parameters' own.
    [2.5]
    fn gamma(key, a; dtype) { gammas(key, &a, false) }
    /// Logarithms of gamma samples, exact where the sample itself would vanish.
    [0.001]
    fn loggamma(key, a; dtype) { gammas(key, &a, true) }
    /// Beta samples.
    [2.5 1.5]
    fn beta(key, a, b; dtype) {
        let keys = split(key, 2);
        let (a, b) = (gammas(&keys.get(0), &a, true)?, gammas(&keys.get(1), &b, true)?);
        let max = a.maximum(&b);
        let (a, b) = ((a - &max).exp(), (b - &max).exp());
        Ok(&a / (&a + b))
    }
    /// Chi-square samples.
    [3.0]
    fn chisquare(key, df; dtype) {
        Ok(gammas(key, &(df / 2.0), true)?.exp() * 2.0)
    }
    /// F samples.
    [3.0 5.0]
    fn f(key, dfnum, dfden; dtype) {
        let keys = split(key, 2);
        let numerator = gammas(&keys.get(1), &(&dfnum / 2.0), true)?.exp() * 2.0 / dfnum;
        let denominator = gammas(&keys.get(0), &(&dfden / 2.0), true)?.exp() * 2.0 / dfden;
        Ok(numerator / denominator)
    }
    /// Samples of Student's t.
    [3.0]
    fn t(key, df; dtype) {
        let keys = split(key, 2);
        let z = standard_normal(&keys.get(0), &df.ty().shape, dtype)?;
        let half = df / 2.0;
        let g = gammas(&keys.get(1), &half, false)?;
        Ok(z * (half / g).sqrt())
    }
}

/// Samples of density `exp(-|x|^p)` up to its constant.
///
/// ```
/// use elimap::{DType, random};
/// let x = random::generalized_normal(&random::Key::new(0), 2.0, [3], DType::F64);
/// assert_eq!(x.shape(), [3]);
/// ```
#[track_caller]
#[must_use]
pub fn generalized_normal(
    key: &Key,
    p: impl Into<Tensor>,
    shape: impl IntoShape,
    dtype: DType,
) -> Tensor {
    let (p, shape) = (p.into(), shape.into_shape());
    composed(Location::caller(), || {
        float(dtype)?;
        let keys = split(key, 2);
        let inverse = (1.0_f64 / p).astype(dtype);
        let g = gammas(&keys.get(0), &inverse.broadcast_to(&shape), false)?;
        Ok(rademacher(&keys.get(1), &shape, dtype) * g.pow(inverse))
    })
}

/// Points of the unit ball of the `p`-norm in `d` dimensions, along a new last axis.
///
/// ```
/// use elimap::{DType, random};
/// let x = random::ball(&random::Key::new(0), 3, 2.0, [4], DType::F64);
/// assert_eq!(x.shape(), [4, 3]);
/// assert!(x.square().sum(-1).max(..).item::<f64>()? <= 1.0);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn ball(
    key: &Key,
    d: usize,
    p: impl Into<Tensor>,
    shape: impl IntoShape,
    dtype: DType,
) -> Tensor {
    let (p, shape) = (p.into(), shape.into_shape());
    composed(Location::caller(), || {
        float(dtype)?;
        let keys = split(key, 2);
        let mut points = shape.clone();
        points.push(d);
        let g = generalized_normal(&keys.get(0), &p, points, dtype);
        let e = super::exponential(&keys.get(1), shape, dtype);
        let p = p.astype(dtype);
        let size = (g.abs().pow(&p).sum(-1) + e).pow(1.0 / p);
        Ok(g / size.expand_dims(-1))
    })
}

/// Points of the simplex: Dirichlet samples with parameters along the last axis, of a shape or of the leading axes' own.
///
/// ```
/// use elimap::{DType, random};
/// let x = random::dirichlet(&random::Key::new(0), vec![1.0, 2.0], None, DType::F64);
/// assert!((x.sum(..).item::<f64>()? - 1.0).abs() < 1e-15);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn dirichlet(
    key: &Key,
    alpha: impl Into<Tensor>,
    shape: Option<Shape>,
    dtype: DType,
) -> Tensor {
    let alpha: Tensor = alpha.into();
    composed(Location::caller(), || {
        float(dtype)?;
        let alpha = alpha.astype(dtype).check()?;
        let full = match shape {
            Some(mut shape) => {
                shape.extend(alpha.shape().last().copied());
                shape
            }
            None => Shape::from_slice(alpha.shape()),
        };
        Ok(gammas(key, &alpha.broadcast_to(full), true)?.softmax(-1))
    })
}
