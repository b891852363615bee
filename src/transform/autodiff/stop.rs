//! Values that derivatives take for constants.

use std::panic::Location;

use crate::error::Error;
use crate::program::StopGradient;
use crate::tensor::{Tensor, Tree, apply};
use crate::transform::transformed::results;

/// A value as it is, which derivatives take for a constant: a tensor or any tree of tensors (JAX's `stop_gradient`).
///
/// # Errors
///
/// The first error of the operations that led to it.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::{grad, stop_gradient};
/// let f = |x: Tensor| Ok::<_, Error>(stop_gradient(x.clone())? * x);
/// assert_eq!(grad(f).call((3.0,))?.to_array()?.item::<f64>()?, 3.0);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn stop_gradient<T: Tree>(value: T) -> Result<T, Error> {
    let location = Location::caller();
    let mut leaves: Vec<Tensor> = Vec::new();
    let def = value.flatten(&mut leaves);
    for leaf in &mut leaves {
        if leaf.dtype().is_inexact() {
            *leaf = apply(StopGradient, &[leaf], location)?.swap_remove(0);
        }
    }
    results(&def, leaves)
}
