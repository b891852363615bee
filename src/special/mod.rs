//! Special functions: those of `jax.scipy.special`, with its names and meaning.
//!
//! Compositions of operations, computed in the arguments' floating type; whole numbers count as floats.
//!
//! ```
//! use elimap::prelude::*;
//! use elimap::special;
//! let y = vmap(|x: Tensor| special::ndtr(x)).call((vec![0.0, f64::INFINITY],))?;
//! assert_eq!(y.to_vec::<f64>()?, [0.5, 1.0]);
//! # Ok::<(), elimap::Error>(())
//! ```

mod bessel;
mod beta;
mod elementary;
mod gamma;
mod hypergeometric;
mod integrals;
mod normal;
mod zeta;

pub use bessel::*;
pub use beta::*;
pub use elementary::*;
pub use gamma::*;
pub use hypergeometric::*;
pub use integrals::*;
pub use normal::*;
pub use zeta::*;

use std::panic::Location;

use crate::array::{DType, broadcast_shapes, promote_all, to_inexact};
use crate::error::{Error, OpError, OpErrorKind};
pub(crate) use crate::numpy::float;
use crate::tensor::{Tensor, convert, full_like};
use crate::transform::{custom_jvp, jvp};

/// Arguments in one floating type and one shape, as loops carry them.
fn together<const N: usize>(xs: [&Tensor; N]) -> Result<[Tensor; N], Error> {
    let here = Location::caller();
    let to = to_inexact(promote_all(xs.iter().map(|x| x.ty())));
    let Some(shape) = broadcast_shapes(xs.iter().map(|x| x.shape())) else {
        let types = xs.iter().map(|x| x.ty());
        let kind = OpErrorKind::shapes(types, "they do not broadcast together");
        return Err(OpError::at("special", kind, here).into());
    };
    Ok(xs.map(|x| convert(x, (to.0, false), here).broadcast_to(&shape)))
}

/// A function with partial derivatives of its own, because it is found by loops that run until they converge: those have no reverse
/// mode, and their own derivatives converge later than they do.
fn by_partials<const N: usize>(
    name: &'static str,
    xs: [Tensor; N],
    value: impl Fn(&[Tensor; N]) -> Result<Tensor, Error> + Clone + 'static,
    partials: impl Fn(&[Tensor; N]) -> Result<[Tensor; N], Error> + Clone + 'static,
) -> Result<Tensor, Error> {
    let dtype = xs[0].dtype();
    if dtype.is_half() {
        // Counts and terms of the loops have more digits than these types.
        let wide = xs.map(|x| x.astype(DType::F32));
        return Ok(by_partials(name, wide, value, partials)?.astype(dtype));
    }
    let again = (value.clone(), partials.clone());
    let f = custom_jvp(move |xs: [Tensor; N]| value(&xs)).name(name);
    let f = f.def_jvp(move |(xs,): ([Tensor; N],), (tangents,): ([Tensor; N],)| {
        let (value, partials) = again.clone();
        let terms = partials(&xs)?.into_iter().zip(tangents);
        let sum = terms.map(|(p, t)| p * t).reduce(|a, b| a + b);
        let sum = sum.unwrap_or_else(|| Tensor::from(0.0));
        let y = by_partials(name, xs, value, partials)?;
        Ok::<_, Error>((y, sum))
    });
    f.call((xs,))
}

/// The derivative of a function along one of its arguments, by forward mode through its loops.
fn along<const N: usize>(
    f: impl Fn(&[Tensor; N]) -> Result<Tensor, Error> + 'static,
    xs: &[Tensor; N],
    k: usize,
) -> Result<Tensor, Error> {
    let tangents = std::array::from_fn(|i| {
        let x = &xs[i];
        full_like(x, if i == k { 1.0 } else { 0.0 })
    });
    let tangents: [Tensor; N] = tangents;
    let (_, tangent) = jvp(move |xs: [Tensor; N]| f(&xs), (xs.clone(),), (tangents,))?;
    Ok(tangent)
}

/// The relative accuracy of a floating type.
fn epsilon(x: &Tensor) -> f64 {
    if x.dtype() == DType::F32 {
        f64::from(f32::EPSILON)
    } else {
        f64::EPSILON
    }
}

/// The value of a polynomial, the highest power first.
fn polynomial(coefficients: &[f64], x: &Tensor) -> Tensor {
    let mut terms = coefficients.iter();
    let first = terms.next().copied().unwrap_or(0.0);
    terms.fold(x * 0.0 + first, |y, &c| y * x + c)
}
