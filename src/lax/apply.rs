//! Functions of elements that indices name.

use std::panic::Location;
use std::sync::Arc;

use crate::error::Error;
use crate::program::{IndexMode, ScatterApply, ScatterDims};
use crate::tensor::{IntoShape, Tensor, apply1, zeros};
use crate::transform::jit;

/// The operand with a function applied to every element that a scatter of updates of this shape would meet; as often as it
/// meets it.
///
/// # Errors
///
/// What goes wrong in the function, and [`OpErrorKind::ShapeMismatch`](crate::OpErrorKind) where the shape does not fit the numbers.
///
/// ```
/// use elimap::{lax, prelude::*, IndexMode, ScatterDims};
/// let dims = ScatterDims {
///     inserted_window_dims: [0].into_iter().collect(),
///     scatter_dims_to_operand_dims: [0].into_iter().collect(),
///     ..ScatterDims::default()
/// };
/// let indices = ndarray::array![[2], [0]];
/// let x = vec![1.0, 2.0, 3.0];
/// let y = lax::scatter_apply(x, indices, [2], |x| ok(x.square()), dims, IndexMode::Clip)?;
/// assert_eq!(y.to_vec::<f64>()?, [1.0, 2.0, 9.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn scatter_apply(
    operand: impl Into<Tensor>,
    indices: impl Into<Tensor>,
    update_shape: impl IntoShape,
    f: impl Fn(Tensor) -> Result<Tensor, Error>,
    dims: ScatterDims,
    mode: IndexMode,
) -> Result<Tensor, Error> {
    let operand = operand.into().check()?;
    let dtype = operand.dtype();
    let element = dtype.scalar();
    let update = jit(|x: Tensor, _: Tensor| Ok::<_, Error>(f(x)?.astype(dtype)))
        .trace((element.clone(), element))?;
    let op = ScatterApply {
        update: Arc::new(update),
        dims,
        mode,
    };
    let updates = zeros(update_shape, dtype);
    apply1(
        op,
        &[&operand, &indices.into(), &updates],
        Location::caller(),
    )
    .check()
}
