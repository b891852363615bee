//! The types of a function's results, without running it.

use std::panic::Location;

use crate::array::TensorType;
use crate::error::Error;
use crate::tensor::{Arguments, Func, Tensor, Tree, flatten_args, trace};
use crate::transform::transformed::results;

/// The results of a function for arguments of these types, as tensors that have a type and no value (JAX's `eval_shape`).
///
/// Nothing is computed and no host function called.
///
/// # Errors
///
/// Whatever goes wrong in the function.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::eval_shape;
/// let product = |x: Tensor, y: Tensor| x.matmul(y);
/// let shape = eval_shape(product, (f64::spec([2, 3]), f64::spec([3, 4])))?;
/// assert_eq!(shape.ty().to_string(), "f64[2,4]");
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn eval_shape<A: Tree, By, F: Func<A, By>>(
    function: F,
    args: impl Arguments<A>,
) -> Result<F::Out, Error> {
    let location = Location::caller();
    let (def, leaves) = flatten_args::<A>(args);
    let types: Vec<TensorType> = leaves.iter().map(|t| t.ty().clone()).collect();
    let (traced, out_def) = trace::<A, By, F>(&function, &def, &types, None, location)?;
    let specs = traced.program.output_types().into_iter().map(Tensor::spec);
    results(&out_def, specs)
}
