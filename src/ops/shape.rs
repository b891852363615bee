//! Operations that move elements about without looking at them.
//!
//! The parameters and batching rules are those of JAX's `lax` primitives (its semantics, section 5, items 3 and 8).
//! Squeezing, slicing and reversing are views with other strides; nothing is copied before an operation needs it.
//! Under batching an axis parameter keeps its meaning by counting past the batch axis ([`past`](super::rule::past)).

mod broadcast;
mod derivative;
mod join;
mod pad;
mod reshape;
mod slice;
#[cfg(test)]
mod tests;

use crate::array::{Shape, ShapeTuple, TensorType};
use crate::error::OpErrorKind;
use crate::ops::rule::Outputs;
use smallvec::smallvec;

/// `shape` with a leading axis of `size`.
pub(crate) fn prepend(size: usize, shape: &[usize]) -> Shape {
    std::iter::once(size).chain(shape.iter().copied()).collect()
}

/// Checks that an array of this type can be addressed.
///
/// ndarray and `Vec` panic beyond `isize::MAX` bytes, empty axes left out of the product.
pub(crate) fn check_size(ty: &TensorType) -> Result<(), OpErrorKind> {
    let lengths = ty.shape.iter().filter(|&&n| n > 0);
    let bytes = lengths.fold(8_usize, |size, &n| size.saturating_mul(n));
    if isize::try_from(bytes).is_ok() {
        return Ok(());
    }
    Err(OpErrorKind::parameter(format!(
        "a result of shape {} is larger than memory can address; ask for a smaller one",
        ShapeTuple(&ty.shape)
    )))
}

/// One result type, once it is known that an array of it can be addressed.
pub(crate) fn addressable(ty: TensorType) -> Result<Outputs<TensorType>, OpErrorKind> {
    check_size(&ty)?;
    Ok(smallvec![ty])
}

/// Checks that every axis lies inside `rank`.
pub(crate) fn check_axes(axes: &[usize], rank: usize) -> Result<(), OpErrorKind> {
    match axes.iter().find(|&&a| a >= rank) {
        Some(&a) => Err(OpErrorKind::AxisOutOfBounds {
            axis: isize::try_from(a).unwrap_or(isize::MAX),
            rank,
        }),
        None => Ok(()),
    }
}

/// Checks that axes are distinct and in ascending order.
pub(crate) fn check_increasing(what: &str, axes: &[usize]) -> Result<(), OpErrorKind> {
    if axes.windows(2).all(|w| w[0] < w[1]) {
        Ok(())
    } else {
        Err(OpErrorKind::parameter(format!(
            "{what} must be strictly increasing, got {}",
            ShapeTuple(axes)
        )))
    }
}

/// Checks that no axis is named twice.
pub(crate) fn check_distinct(what: &str, axes: &[usize]) -> Result<(), OpErrorKind> {
    if axes.iter().enumerate().all(|(i, a)| !axes[..i].contains(a)) {
        Ok(())
    } else {
        Err(OpErrorKind::parameter(format!(
            "{what} must name each axis once, got {}",
            ShapeTuple(axes)
        )))
    }
}

/// Checks that a parameter has one entry per axis of the operand.
pub(super) fn check_entries(
    what: &str,
    entries: usize,
    operand: &TensorType,
) -> Result<(), OpErrorKind> {
    if entries == operand.rank() {
        Ok(())
    } else {
        let rank = operand.rank();
        Err(OpErrorKind::shapes(
            [operand],
            format!("{what} must have one entry per axis, {rank}, got {entries}"),
        ))
    }
}

/// Whether all operands are weakly typed, which makes the result so.
pub(crate) fn all_weak(inputs: &[TensorType]) -> bool {
    !inputs.is_empty() && inputs.iter().all(|t| t.weak)
}
