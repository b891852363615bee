//! The functions of `jax.numpy` that are no operators or methods of [`Tensor`], with JAX's names and meaning.
//!
//! All are compositions of operations, so they batch, print and differentiate like what they are made of. Arguments are tensors, arrays, lists
//! of numbers and numbers; errors are kept in the result, as operators keep them, unless a function returns several
//! tensors. Where numpy has a keyword with a default, there is a parameter.
//!
//! ```
//! use elimap::numpy as jnp;
//! use elimap::prelude::*;
//! let table = ndarray::array![[3.0, 1.0, 2.0], [6.0, 4.0, f64::NAN]];
//! let medians = vmap(|row: Tensor| jnp::nanmedian(row, ..)).call((table,))?;
//! assert_eq!(medians.to_vec::<f64>()?, [2.0, 5.0]);
//! # Ok::<(), elimap::Error>(())
//! ```
//!
//! What numpy sizes by values (`nonzero`, `unique`, ..) takes its `size` beforehand inside traced functions, as in JAX.

mod arrange;
mod choose;
mod elementwise;
mod functional;
mod indices;
mod join;
mod nan;
mod polynomial;
mod search;
mod sets;
mod signal;
mod sorting;
mod statistics;

pub use arrange::*;
pub use choose::*;
pub use elementwise::*;
pub use functional::*;
pub use indices::*;
pub use join::*;
pub use nan::*;
pub use polynomial::*;
pub use search::*;
pub use sets::*;
pub use signal::*;
pub use sorting::*;
pub use statistics::*;

use crate::array::{promote_all, to_inexact};
use crate::error::{Error, OpError, OpErrorKind};
use crate::tensor::{Tensor, convert};
use indices::nonzero_positions;

/// A parameter that makes no sense, with what to do about it.
fn refuse(op: &'static str, detail: impl Into<String>) -> Error {
    // The line is that of the composition's caller.
    OpError::at(
        op,
        OpErrorKind::parameter(detail.into()),
        std::panic::Location::caller(),
    )
    .into()
}

/// Tensors in the floating type that all of them promote to.
pub(crate) fn inexact<const N: usize>(xs: [&Tensor; N]) -> [Tensor; N] {
    let (dtype, _) = to_inexact(promote_all(xs.iter().map(|x| x.ty())));
    let here = std::panic::Location::caller();
    xs.map(|x| convert(x, (dtype, false), here))
}

/// A tensor in the floating type it is computed in; weak types stay.
pub(crate) fn float(x: &Tensor) -> Tensor {
    if x.dtype().is_inexact() {
        x.clone()
    } else {
        let [x] = inexact([x]);
        x
    }
}

/// All axes in one.
fn flat(x: &Tensor) -> Tensor {
    x.reshape([-1])
}

/// The resolved axis.
fn axis_of(op: &'static str, axis: isize, rank: usize) -> Result<usize, Error> {
    let location = std::panic::Location::caller();
    Ok(crate::tensor::resolve(op, &[axis], rank, location)?[0])
}
