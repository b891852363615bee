//! Tensors from nothing, from several, and by choice.

use std::panic::Location;

use super::operators::{broadcast_to, convert, match_ranks, promote};
use super::shape::resolve;
use super::{Repr, Tensor, apply1, settle};
use crate::array::{Array, DType, Scalar, Shape, broadcast_shapes, promote_all};
use crate::error::Error;
use crate::ops::{OpError, OpErrorKind};
use crate::program::Op;

type Caller = &'static Location<'static>;

/// A tensor of one value.
#[track_caller]
#[must_use]
pub fn full(shape: impl IntoIterator<Item = usize>, value: impl Into<Scalar>) -> Tensor {
    let value = Tensor::concrete(value.into().to_array(), false);
    let shape: Shape = shape.into_iter().collect();
    broadcast_to(&value, &shape, Location::caller())
}

/// A tensor of zeros.
#[track_caller]
#[must_use]
pub fn zeros(dtype: DType, shape: impl IntoIterator<Item = usize>) -> Tensor {
    let value = Tensor::from(Array::zeros(dtype, &[]));
    let shape: Shape = shape.into_iter().collect();
    broadcast_to(&value, &shape, Location::caller())
}

/// A tensor of ones.
#[track_caller]
#[must_use]
pub fn ones(dtype: DType, shape: impl IntoIterator<Item = usize>) -> Tensor {
    let location = Location::caller();
    let value = convert(&Tensor::from(1_i64), (dtype, false), location);
    let shape: Shape = shape.into_iter().collect();
    broadcast_to(&value, &shape, location)
}

/// Counts along one axis of a shape (JAX's `lax.broadcasted_iota`).
#[track_caller]
#[must_use]
pub fn iota(dtype: DType, shape: impl IntoIterator<Item = usize>, dimension: usize) -> Tensor {
    apply1(
        Op::Iota {
            dtype,
            shape: shape.into_iter().collect(),
            dimension,
        },
        &[],
        Location::caller(),
    )
}

/// `0, 1, .., n - 1`.
#[track_caller]
#[must_use]
pub fn arange(dtype: DType, n: usize) -> Tensor {
    apply1(
        Op::Iota {
            dtype,
            shape: Shape::from_elem(n, 1),
            dimension: 0,
        },
        &[],
        Location::caller(),
    )
}

/// `x` where `condition` holds, `y` elsewhere, broadcast and promoted as in numpy (JAX's `jnp.where`).
#[track_caller]
#[must_use]
pub fn where_(condition: impl Into<Tensor>, x: impl Into<Tensor>, y: impl Into<Tensor>) -> Tensor {
    select(&condition.into(), &x.into(), &y.into(), Location::caller())
}

pub(super) fn select(condition: &Tensor, x: &Tensor, y: &Tensor, location: Caller) -> Tensor {
    for operand in [condition, x, y] {
        if let Repr::Poisoned(error) = &operand.repr {
            return settle(Err(Error::Shared(error.clone())));
        }
    }
    let condition = if condition.dtype() == DType::Bool {
        condition.clone()
    } else {
        // Truth of a number: not zero (NaN is true), as a conversion to bool has it.
        convert(condition, (DType::Bool, false), location)
    };
    let [x, y] = promote([x, y], location);
    settle(
        match_ranks("select_n", [condition, x, y], location).map(|[condition, x, y]| {
            let shape =
                broadcast_shapes([condition.shape(), x.shape(), y.shape()]).unwrap_or_default();
            // A scalar condition chooses between whole cases.
            let which = if condition.rank() == 0 {
                condition
            } else {
                broadcast_to(&condition, &shape, location)
            };
            let (x, y) = (
                broadcast_to(&x, &shape, location),
                broadcast_to(&y, &shape, location),
            );
            apply1(Op::SelectN, &[&which, &y, &x], location)
        }),
    )
}

/// Joins tensors along an existing axis, promoted to one element type.
///
/// # Errors
///
/// [`OpErrorKind::ShapeMismatch`] where the other axes differ, [`OpErrorKind::AxisOutOfBounds`], or no tensors at all.
#[track_caller]
pub fn concatenate<'a>(
    tensors: impl IntoIterator<Item = &'a Tensor>,
    axis: isize,
) -> Result<Tensor, Error> {
    let location = Location::caller();
    let tensors: Vec<&Tensor> = tensors.into_iter().collect();
    let Some(first) = tensors.first() else {
        let kind = OpErrorKind::parameter("at least one tensor is needed");
        return Err(OpError {
            op: "concatenate",
            kind,
            location: Some(location),
        }
        .into());
    };
    for tensor in &tensors {
        (*tensor).clone().check()?;
    }
    let dimension = resolve("concatenate", &[axis], first.rank(), location)?[0];
    let to = promote_all(tensors.iter().map(|t| t.ty()));
    let converted: Vec<Tensor> = tensors.iter().map(|t| convert(t, to, location)).collect();
    apply1(
        Op::Concatenate { dimension },
        &converted.iter().collect::<Vec<_>>(),
        location,
    )
    .check()
}

/// Joins tensors along a new axis, promoted to one element type.
///
/// # Errors
///
/// [`OpErrorKind::ShapeMismatch`] where the shapes differ, [`OpErrorKind::AxisOutOfBounds`], or no tensors at all.
#[track_caller]
pub fn stack<'a>(
    tensors: impl IntoIterator<Item = &'a Tensor>,
    axis: isize,
) -> Result<Tensor, Error> {
    let location = Location::caller();
    let tensors: Vec<Tensor> = tensors
        .into_iter()
        .map(|t| {
            let t = t.clone().check()?;
            let at = resolve("stack", &[axis], t.rank() + 1, location)?[0];
            Ok(super::operators::expand(&t, &[at], location))
        })
        .collect::<Result<_, Error>>()?;
    concatenate(&tensors, axis)
}
